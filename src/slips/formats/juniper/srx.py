"""Structured messages of Junos: RT_FLOW sessions, screens and policies of SRX firewalls."""

from __future__ import annotations

from slips.errors import RecordError
from slips.format import Event
from slips.model import MetaData
from slips.parsing import Syslog

_NUMBERS = (
    *("source-port", "destination-port", "nat-source-port", "nat-destination-port", "protocol-id", "session-id-32"),
    *("packets-from-client", "bytes-from-client", "packets-from-server", "bytes-from-server", "elapsed-time"),
)


def _flatten(meta: MetaData, event: Event) -> None:
    """Put the parameters of Junos beside the fields of the header. Raises RecordError for a line without them."""
    data = event["structured_data"] or {}
    junos = next((name for name in data if name.startswith("junos@")), None)
    if junos is None:
        raise RecordError(f"no element 'junos@…' in the structured data; it has {', '.join(data) or 'none'}")
    for name, value in data[junos].items():
        is_number = name in _NUMBERS and isinstance(value, str) and value.isascii() and value.isdigit()
        event[name] = int(value) if is_number else value
    meta.message = (
        f"{event['msg_id'] or '-'} {event.get('source-address', '-')}:{event.get('source-port', '-')} => "
        f"{event.get('destination-address', '-')}:{event.get('destination-port', '-')}"
    )


JUNIPER_SRX = Syslog(
    "juniper-srx",
    "structured syslog of Juniper SRX firewalls and other devices with Junos",
    "https://www.juniper.net/documentation/us/en/software/junos/network-mgmt/topics/topic-map/system-logging-for-a-security-device.html",
    rfc=5424,
    tag="juniper.srx.{msg_id|'message'}",
    refine=_flatten,
    entities={
        "addresses": "source-address destination-address nat-source-address nat-destination-address",
        "users": "username",
        "hosts": "hostname",
        "domains": "url",
    },
)
