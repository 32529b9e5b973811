"""Messages of Junos, structured and in the standard format: sessions, screens and policies of SRX firewalls."""

from __future__ import annotations

import re

from slips import times
from slips.errors import RecordError, foreign_record
from slips.format import Event, RecordLimits
from slips.model import MetaData
from slips.parsing import Syslog, one_of
from slips.parsing.syslog_lines import read_5424

_TAG = re.compile(r"[A-Z][A-Z0-9]*+(?:_[A-Z0-9]++)+")
"""The kind of a message of Junos, such as `UI_LOGIN_EVENT`."""
_PROCESSES = frozenset(
    """alarmd appidd bfdd chassisd cosd craftd dcd dfwd eventd eswd flowd flowd_octeon_hm idpd iked jsrpd kmd ksyncd
    l2ald l2cpd lacpd license-check mgd mib2d nsd pfed rmopd rpd rtlogd snmpd srxpfe utmd vccpd jdhcpd jsqlsyncd PFE FPC
    kernel sshd login xntpd dot1xd authd
    RT_SYSTEM RT_FLOW RT_IDS RT_IDP RT_UTM RT_AAMW RT_SCREEN RT_SECINTEL RT_IPSEC RT_ALG RT_NAT""".split()
)
"""Processes of Junos, by which a message without a kind is known."""
_KIND = re.compile(r"(?:\([^)]{1,60}\) |[\w.-]{1,60} )?([A-Z][A-Z0-9]*+(?:_[A-Z0-9]++)+): ?")
"""The kind in a message of the standard format, perhaps behind the place of a card or the name of a node."""
_CARD = re.compile(r"\(FPC |(?:node\d+\.)?fpc\d+ ")
_FLOW = re.compile(r"([0-9a-fA-F.:]{2,45})/(\d{1,5})->([0-9a-fA-F.:]{2,45})/(\d{1,5})(?![\d.])")
_END = r"(\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F:]{2,45})(?::(\d{1,5}))?"
_SCREENED = re.compile(
    rf"(?:source: {_END})?(?:(?:, )?destination: {_END})?"
    r"(?:, (?:protocol-id: (\d{1,3}), )?zone name: ([^,]{1,80}), interface name: ([^,]{1,80}), action: (.{1,40}))?"
)
"""The ends of a packet that a screen met, in the standard format: one alone if the other is not counted."""
_BARE = re.compile(r"(RT_[A-Z]{1,20}) ")
"""A process of security logs without a colon behind it, as some relays write it."""
_RELAYED = re.compile(r"\d{4}-\d\d-\d\dT[^ ]{8,40} [^ ]{1,255} [^ ]{1,128} [^ ]{1,128} [A-Z][A-Z0-9_]{1,128} \[junos@")
"""A structured message without priority and version."""
_LIMITS = RecordLimits()
_NUMBERS = (
    *("source-port", "destination-port", "nat-source-port", "nat-destination-port", "protocol-id", "session-id-32"),
    *("packets-from-client", "bytes-from-client", "packets-from-server", "bytes-from-server", "elapsed-time"),
)


_OF_SCREENS = (
    *("source-address", "source-port", "destination-address", "destination-port", "protocol-id", "source-zone-name"),
    *("interface-name", "action"),
)


def _flatten(meta: MetaData, event: Event) -> None:
    """Put the parameters of Junos beside the fields of the header; none is in messages that are texts.

    A parameter with the name of a field of the header that has a value, such as the host that a file went to, is
    `junos-hostname`. Cards and helpers write neither process nor kind. Raises RecordError for a line of other products:
    with their data, or without any, and neither of a kind nor of a process of Junos.
    """
    data = event["structured_data"]
    if data is None:
        is_of_junos = event["proc_name"] in _PROCESSES or (event["proc_name"] is None and event["msg_id"] is None)
        if not is_of_junos and not _TAG.fullmatch(event["msg_id"] or ""):
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


def _name_screened(event: Event, message: str) -> None:
    """Add the attack that a screen met, and the ends of its packet."""
    begin = min((at for at in (message.find("source: "), message.find("destination: ")) if at >= 0), default=-1)
    screened = _SCREENED.match(message, begin) if begin >= 0 else None
    if screened is None or not (screened[1] or screened[3]):
        return
    attack = message[:begin].rpartition(": ")[2].strip()
    if attack.endswith("!"):
        event["attack-name"] = attack
    for name, text in zip(_OF_SCREENS, screened.groups(), strict=True):
        if text is not None:
            event[name] = int(text) if name in _NUMBERS else text


def _name_kind(meta: MetaData, event: Event) -> None:
    """Add the kind of a message in the standard format, and the ends of a session. Raises RecordError.

    A message that is a structured one, behind the header of a relay, has the time and the host of its own; those of the
    relay are `relayed` and `relay`.
    """
    message = event["message"]
    if _RELAYED.match(message):
        event |= {"relayed": event["datetime"], "relay": f"{event['hostname'] or '-'} {event['proc_name'] or '-'}"}
        event |= {name: value for name, value in read_5424(f"1 {message}", _LIMITS).items() if value is not None}
        event.setdefault("structured_data", None)
        meta.timestamp = times.iso(event["datetime"], "datetime")
        _flatten(meta, event)
        meta.tag = f"juniper.srx.{event['msg_id']}"
        return
    if event["proc_name"] is None and (bare := _BARE.match(message)) and bare[1] in _PROCESSES:
        event["proc_name"] = bare[1]
        event["message"] = message = message[bare.end() :]
    kind = _KIND.match(message)
    if kind is None and event["proc_name"] not in _PROCESSES and not _CARD.match(message):
        raise RecordError(
            f"no kind in {message!r:.60} of process {event['proc_name'] or '-'!r:.40}; "
            "expected one such as 'RT_FLOW_SESSION_CREATE: ', or a process of Junos"
        )
    event["msg_id"] = kind[1] if kind else None
    if flow := _FLOW.search(message):
        names = ("source-address", "source-port", "destination-address", "destination-port")
        event |= dict(zip(names, (flow[1], int(flow[2]), flow[3], int(flow[4])), strict=True))
    else:
        _name_screened(event, message)
    meta.tag = f"juniper.srx.{event['msg_id'] or 'message'}"
    meta.message = message


JUNIPER_SRX = one_of(
    "juniper-srx",
    "syslog of Juniper SRX firewalls and other devices with Junos, structured or in the standard format",
    "https://www.juniper.net/documentation/us/en/software/junos/network-mgmt/topics/topic-map/system-logging-for-a-security-device.html",
    Syslog("juniper-srx.standard", "messages in the standard format", tag="juniper.srx", refine=_name_kind),
    Syslog(
        "juniper-srx.structured", "structured messages", rfc=5424, tag="juniper.srx.{msg_id|'message'}", refine=_flatten
    ),
    tag="juniper.srx.{msg_id|'message'}",
    entities={
        "addresses": """source-address destination-address nat-source-address nat-destination-address local-address
            remote-address client-ip""",
        "users": "username",
        "hosts": "hostname junos-hostname",
        "domains": "url http-host",
        "hashes": "sample-sha256",
    },
)
