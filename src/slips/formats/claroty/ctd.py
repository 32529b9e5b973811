"""Syslog messages of Claroty Continuous Threat Detection (CTD), in CEF."""

from __future__ import annotations

from slips.parsing import Cef, any_of, stamp

CLAROTY_CTD = Cef(
    "claroty-ctd",
    "Claroty CTD syslog messages in CEF, with or without a syslog header: alerts, events, activity, health",
    "https://www.elastic.co/docs/reference/integrations/claroty_ctd",
    vendors="Claroty",
    require=any_of("CtdRealTime", "CtdTimeGenerated", "CtdMessage", "CtdSite"),
    time=stamp("CtdRealTime", "CtdTimeGenerated", "datetime"),
    tag="claroty.ctd.{deviceEventClassId|'event'}",
    message="{name}{': ' CtdMessage}{' by ' CtdUser}{' from ' CtdSourceIp}{' to ' CtdDestinationIp}{' at ' CtdSite}",
    absent="N/A",
    floats="CtdCpu CtdMem",
    entities={
        "addresses": "CtdSourceIp CtdDestinationIp",
        "users": "CtdUser CtdAssignedTo CtdResolvedBy",
        "hosts": "CtdSourceHost CtdDestinationHost",
    },
)
