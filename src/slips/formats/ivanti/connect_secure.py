"""Messages of Ivanti Connect Secure, formerly Pulse Connect Secure: sign-ins, sessions, tunnels, changes."""

from __future__ import annotations

import re

from slips.format import Event
from slips.model import MetaData
from slips.parsing import Patterns, iso

_MESSAGE = (
    r"(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) - (?P<node>[^ ]+) - \[(?P<client>[^\]]*)\] (?P<user>[^(\[]*)"
    r"\((?P<realm>[^)]*)\)\[(?P<roles>[^\]]*)\](?:\[(?P<session>[^\]]*)\])? - (?P<text>.*)"
)
_SESSION = re.compile(r"\(session: ?(sid[0-9a-f]+)\)")
_TUNNEL = re.compile(r"IPv4 address ([0-9.]+)(?:, hostname ([^ ]+))?")
_REASON = re.compile(r"Reason: (.+)", re.DOTALL)


def _name_parts(_meta: MetaData, event: Event) -> None:
    """Part the user from its virtual system, and name the session, the tunnel and the reason of a failure."""
    system, found, user = event["user"].rpartition("::")
    if found:
        event["virtual_system"], event["user"] = system, user
    if session := _SESSION.search(event["text"]):
        event["sid"] = session[1]
    if tunnel := _TUNNEL.search(event["text"]):
        event["tunnel_ip"] = tunnel[1]
        event |= {"hostname": tunnel[2]} if tunnel[2] else {}
    if reason := _REASON.search(event["text"]):
        event["reason"] = reason[1]


# The appliance writes its time without a zone; that of its header has one.
CONNECT_SECURE = Patterns(
    "ivanti-connect-secure",
    "Ivanti (Pulse) Connect Secure: sign-ins, sessions, VPN tunnels, changes by administrators",
    "https://help.ivanti.com/ps/help/en_US/PCS/9.1R13/pcsag/logging_n_monitoring.htm",
    time=iso("timestamp", "time"),
    tag="ivanti.connect-secure",
    message="{user} {client}: {text}",
    patterns=(
        r"(?:<(?P<priority>\d{1,3})>)?(?:(?P<relayed>[A-Z][a-z][a-z] [ \d]\d \d\d:\d\d:\d\d) (?P<relay>[^ ]+) )?1 "
        rf"(?P<timestamp>\d{{4}}-\d\d-\d\dT[^ ]+) (?P<host>[^ ]+) (?P<product>[^ ]+) - - - {_MESSAGE}",
        _MESSAGE,
    ),
    integers="priority",
    refine=_name_parts,
    entities={"addresses": "client tunnel_ip", "users": "user", "hosts": "hostname"},
)
