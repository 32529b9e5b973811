"""Logs of Infoblox Threat Defense and Universal DDI (BloxOne): what their Data Connector sends, what they put in S3."""

from __future__ import annotations

from slips.format import Event
from slips.model import MetaData
from slips.parsing import Cef, Json, all_of, any_of, epoch, stamp

INFOBLOX_CEF = Cef(
    "infoblox-cef",
    "Infoblox Data Connector (BloxOne) in CEF, with or without a syslog header: DNS, RPZ hits, DHCP leases, services",
    "https://docs.infoblox.com/space/BloxOneThreatDefense/35406922/DNS+Query%2FResponse+Log+Message+Mapping",
    vendors="Infoblox",
    time=stamp("rt", "end", "start", "datetime"),
    tag="infoblox.data-connector",
    message="{name}{': ' destinationDnsDomain|InfobloxB1ThreatIndicator|shost|msg}{' from ' src}",
    integers="""spt dpt query_count InfobloxAnCount InfobloxNsCount InfobloxArCount InfobloxLifetime InfobloxThreatLevel
        InfobloxB1ThreatLevel InfobloxB1ThreatConfidence""",
    booleans="InfobloxFingerprintPr",
    entities={
        "addresses": "src dst",
        "users": "suser",
        "hosts": "shost dvchost",
        "domains": "destinationDnsDomain InfobloxB1ThreatIndicator",
    },
)


def _add_nanoseconds(meta: MetaData, event: Event) -> None:
    """Add the part of a second, which has a field of its own, to a time without one."""
    nanoseconds = event.get("nanosecond")
    if nanoseconds.__class__ is int and 0 <= nanoseconds < 1_000_000_000 and meta.timestamp.is_integer():
        meta.timestamp += nanoseconds / 1e9


# Infoblox writes Parquet: `dns_enriched`, `rpz_enriched`. Its tools make lines of JSON of them, which are read, too.
INFOBLOX_DNS = Json(
    "infoblox-dns",
    "Infoblox Threat Defense and Universal DDI (BloxOne) in S3, as Parquet or JSON: DNS responses, RPZ hits",
    "https://infoblox-docs.atlassian.net/wiki/spaces/BloxOneCloud/pages/1047003259/Log+File+Format",
    require=all_of("timestamp", "qname", "qip", any_of("opcode", "qtype", "tname")),
    time=epoch("timestamp"),
    tag="infoblox.dns",
    message="{tname|'response'}: {qname} from {qip}{' by ' user|device_name}",
    refine=_add_nanoseconds,
    entities={"addresses": "qip rip", "users": "user", "hosts": "device_name", "domains": "qname"},
)
