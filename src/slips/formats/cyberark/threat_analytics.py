"""Events of CyberArk Privileged Threat Analytics (PTA), in CEF."""

from __future__ import annotations

from slips.parsing import Cef, stamp

CYBERARK_PTA = Cef(
    "cyberark-pta",
    "CyberArk Privileged Threat Analytics (PTA) events in CEF, with or without a syslog header",
    "https://docs.cyberark.com/pam-self-hosted/latest/en/content/pta/outbound-sending-pta-syslog-records-to-siem.htm",
    vendors="CyberArk",
    time=stamp("deviceCustomDate1", "datetime"),
    tag="cyberark.pta.{deviceEventClassId|'event'}",
    message="{name}{' by ' suser}{' from ' shost|src}{' to ' duser}{' on ' dhost|dst}",
    absent="None",
    entities={"addresses": "src dst", "users": "suser duser", "hosts": "shost dhost"},
)
