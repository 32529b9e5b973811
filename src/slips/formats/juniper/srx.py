"""Structured messages of Junos: RT_FLOW sessions, screens and policies of SRX firewalls."""

from __future__ import annotations

import re

from slips.errors import RecordError, foreign_record
from slips.format import Event
from slips.model import MetaData
from slips.parsing import Syslog

_TAG = re.compile(r"[A-Z][A-Z0-9]*+(?:_[A-Z0-9]++)+")
"""The kind of a message of Junos, such as `UI_LOGIN_EVENT`."""
_PROCESSES = frozenset(
    """alarmd appidd bfdd chassisd cosd craftd dcd dfwd eventd eswd flowd flowd_octeon_hm idpd iked jsrpd kmd ksyncd
    l2ald l2cpd lacpd license-check mgd mib2d nsd pfed rmopd rpd rtlogd snmpd srxpfe utmd vccpd jdhcpd jsqlsyncd PFE FPC
    RT_FLOW RT_IDS RT_IDP RT_UTM RT_AAMW RT_SCREEN RT_SECINTEL RT_IPSEC RT_ALG RT_NAT""".split()
)
"""Processes of Junos, by which a message without a kind is known."""
_NUMBERS = (
    *("source-port", "destination-port", "nat-source-port", "nat-destination-port", "protocol-id", "session-id-32"),
    *("packets-from-client", "bytes-from-client", "packets-from-server", "bytes-from-server", "elapsed-time"),
)


def _flatten(meta: MetaData, event: Event) -> None:
    """Put the parameters of Junos beside the fields of the header; none is in messages that are texts.

    A parameter with the name of a field of the header that has a value, such as the host that a file went to, is
    `junos-hostname`. Raises RecordError for a line of other products: with their data, or without any, and neither of
    a kind nor of a process of Junos.
    """
    data = event["structured_data"]
    if data is None:
        if not _TAG.fullmatch(event["msg_id"] or "") and event["proc_name"] not in _PROCESSES:
            kind, process = event["msg_id"] or "-", event["proc_name"] or "-"
            raise foreign_record(
                f"no structured data, and kind {kind!r:.40} of process {process!r:.40}; "
                "expected 'junos@…', a kind such as 'UI_COMMIT', or a process of Junos"
            )
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
