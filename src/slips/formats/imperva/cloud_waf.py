"""Logs of Imperva Cloud WAF (Incapsula) in CEF, with the lines before them that tell of the file."""

from __future__ import annotations

from slips.format import Rule
from slips.parsing import Cef, Patterns, all_of, one_of, stamp

_REFERENCE = "https://docs.imperva.com/bundle/cloud-application-security/page/more/log-file-structure.htm"
HEADER = Rule(
    "header",
    "lines before the records: account, configuration, checksum, format and times of the file",
    when=lambda event: "header" in event,
)

IMPERVA = one_of(
    "imperva",
    "Imperva Cloud WAF (Incapsula) in CEF: access and security events, with the lines at the top of a file",
    _REFERENCE,
    Cef(
        "imperva.event",
        "events",
        require=all_of("deviceProduct", "siteid"),
        time=stamp("end", "start"),
        tag="imperva.cloud-waf.{name|'event'}",
        message="{cn1|'-'} {requestMethod|requestmethod|'-'} {request|'-'} from {src|'-'}: {act|name}",
        integers="siteid suid in cpt spt cn1",
    ),
    Patterns(
        "imperva.header",
        "lines at the top of a file",
        tag="imperva.cloud-waf.header",
        patterns=(
            r"(?P<header>accountId|configId|checksum|format|startTime|endTime|publicKeyId|key):(?P<value>.*)",
            r"(?P<header>\|==\|)\Z",
        ),
        rules=(HEADER,),
    ),
    tag="imperva.cloud-waf.{name}",
    entities={"addresses": "src xff sip", "domains": "sourceServiceName"},
)
