"""Formats of many vendors with a header between bars: CEF and LEEF."""

from __future__ import annotations

from slips.format import Event
from slips.model import MetaData
from slips.parsing import Cef, Leef
from slips.parsing.conversions import boolean_or_text, convert_fields, decimal_or_text

_CEF_INTEGERS = frozenset(
    """cn1 cn2 cn3 cnt destinationTranslatedPort deviceDirection dpid dpt dvcpid eventId flexNumber1 flexNumber2 fsize
    in oldFileSize out sourceTranslatedPort spid spt type""".split()
)
_CEF_FLOATS = frozenset("cfp1 cfp2 cfp3 cfp4 dlat dlong slat slong".split())
_LEEF_INTEGERS = frozenset(
    """dstBytes dstPackets dstPort dstPostNATPort dstPreNATPort sev srcBytes srcPackets srcPort srcPostNATPort
    srcPreNATPort totalPackets""".split()
)
_LEEF_BOOLEANS = frozenset("isLoginEvent isLogoutEvent".split())
_boolean = boolean_or_text()


def _type_cef(_meta: MetaData, event: Event) -> None:
    """Convert the keys that the standard says are numbers; what a vendor writes as words stays a text."""
    convert_fields(event, _CEF_INTEGERS)
    convert_fields(event, _CEF_FLOATS, decimal_or_text)


def _type_leef(_meta: MetaData, event: Event) -> None:
    """Convert the predefined attributes that are numbers and booleans; what a vendor writes as words stays a text."""
    convert_fields(event, _LEEF_INTEGERS)
    convert_fields(event, _LEEF_BOOLEANS, _boolean)


CEF = Cef(
    "cef",
    "Common Event Format of any vendor, with or without a syslog header",
    "https://www.microfocus.com/documentation/arcsight/arcsight-smartconnectors/pdfdoc/cef-implementation-standard/"
    "cef-implementation-standard.pdf",
    refine=_type_cef,
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
    refine=_type_leef,
    entities={
        "addresses": "src dst srcPreNAT dstPreNAT srcPostNAT dstPostNAT identSrc",
        "users": "usrName accountName",
        "hosts": "identHostName",
    },
)
