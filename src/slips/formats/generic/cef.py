"""Formats of many vendors with a header between bars: CEF and LEEF."""

from __future__ import annotations

from slips.parsing import Cef, Leef

CEF = Cef(
    "cef",
    "Common Event Format of any vendor, with or without a syslog header",
    "https://www.microfocus.com/documentation/arcsight/arcsight-smartconnectors/pdfdoc/cef-implementation-standard/"
    "cef-implementation-standard.pdf",
    entities={
        "addresses": "src dst dvc sourceTranslatedAddress destinationTranslatedAddress",
        "users": "suser duser",
        "hosts": "shost dhost dvchost",
        "domains": "sourceDnsDomain destinationDnsDomain",
        "hashes": "fileHash oldFileHash",
    },
)
LEEF = Leef(
    "leef",
    "Log Event Extended Format 1.0 and 2.0 of any vendor, with or without a syslog header",
    "https://www.ibm.com/docs/en/dsm?topic=overview-leef-event-components",
    entities={
        "addresses": "src dst srcPreNAT dstPreNAT srcPostNAT dstPostNAT identSrc",
        "users": "usrName accountName",
        "hosts": "identHostName",
    },
)
