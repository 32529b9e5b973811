"""Alerts of Varonis DatAdvantage and DatAlert, in CEF."""

from __future__ import annotations

from slips.parsing import Cef, stamp

VARONIS = Cef(
    "varonis",
    "Varonis DatAdvantage and DatAlert alerts in CEF, with or without a syslog header",
    "https://help.varonis.com/",
    vendors=("Varonis Inc.", "Varonis"),
    time=stamp("rt", "end", "datetime"),
    tag="varonis.{cat|'alert'}",
    message="{name}{': ' cs2}{' by ' suser|duser}{': ' filePath|fname}{' on ' dhost}{', ' outcome}",
    absent="",
    integers="cn1 cnt",
    entities={"addresses": "src dst dhost", "users": "suser duser", "hosts": "dhost shost dvchost"},
)
