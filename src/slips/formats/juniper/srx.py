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
    """Put the parameters of Junos beside the fields of the header; none is in messages that are texts.

    A parameter with the name of a field of the header that has a value, such as the host that a file went to, is
    `junos-hostname`. Raises RecordError for a line with the data of other products.
    """
    data = event["structured_data"]
    if data is None:
        meta.message = event["message"]
        return
    junos = next((name for name in data if name.startswith("junos@")), None)
    if junos is None:
        raise RecordError(f"no element 'junos@…' in the structured data; it has {', '.join(data)}")
    for name, value in data[junos].items():
        is_number = name in _NUMBERS and isinstance(value, str) and value.isascii() and value.isdigit()
        event[f"junos-{name}" if event.get(name) else name] = (
            int(value) if is_number else None if value == "N/A" else value
        )
    if "source-address" in event or "destination-address" in event or not event["message"]:
        meta.message = (
            f"{event['msg_id'] or '-'} {event.get('source-address', '-')}:{event.get('source-port', '-')} => "
            f"{event.get('destination-address', '-')}:{event.get('destination-port', '-')}"
        )
    else:
        meta.message = f"{event['msg_id'] or '-'} {event['message']}"


JUNIPER_SRX = Syslog(
    "juniper-srx",
    "structured syslog of Juniper SRX firewalls and other devices with Junos",
    "https://www.juniper.net/documentation/us/en/software/junos/network-mgmt/topics/topic-map/system-logging-for-a-security-device.html",
    rfc=5424,
    tag="juniper.srx.{msg_id|'message'}",
    refine=_flatten,
    entities={
        "addresses": """source-address destination-address nat-source-address nat-destination-address local-address
            remote-address client-ip""",
        "users": "username",
        "hosts": "hostname junos-hostname",
        "domains": "url http-host",
        "hashes": "sample-sha256",
    },
)
