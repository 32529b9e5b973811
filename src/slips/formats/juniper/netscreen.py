"""Messages of Juniper NetScreen firewalls (ScreenOS): traffic as pairs, and events as texts."""

from __future__ import annotations

import re

from slips import times
from slips.format import Event
from slips.model import MetaData
from slips.parsing import Patterns, stamp

_KEYS = (
    "start_time|duration|policy[_ ]id|service|proto|src zone|dst zone|action|sent|rcvd|src|dst|src_port|dst_port"
    "|src-xlated ip|dst-xlated ip|port|icmp type|icmp code|session_id|reason"
)
"""The keys of a message on traffic: some have a blank in them, as values have, which stand in no quotes."""
_PAIR = re.compile(rf"(?:^| )({_KEYS})=(\"[^\"]*\"|.*?)(?= (?:{_KEYS})=|\Z)", re.DOTALL)
_NUMBERS = frozenset(
    """duration policy_id proto sent rcvd src_port dst_port src_xlated_port dst_xlated_port icmp_type icmp_code
    session_id""".split()
)
_LOGGED = re.compile(r"\((\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)\)\Z")
_ADDRESS = r"(\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F]{1,4}:[0-9a-fA-F:]{1,40})(?:[:/](\d{1,5}))?(?![0-9a-fA-F])"
_FROM = re.compile(rf"[Ff]rom {_ADDRESS}")
_TO = re.compile(rf" to {_ADDRESS}")
_USER = re.compile(r'(?:[Aa]dmin(?: [Uu]ser)?|[Uu]ser(?:name)?) "?([^ "]{1,80})"? (?:has|at|was|logged|via|for|is) ')


def _name_parts(meta: MetaData, event: Event) -> None:
    """Name the pairs of a message on traffic; of another one its time, the addresses and the user in it."""
    text = event["text"].removesuffix("<000>")
    if "start_time" not in event:
        if logged := _LOGGED.search(text):
            event["logged"] = logged[1]
            meta.timestamp = times.iso(logged[1])
        for side, found in (("src", _FROM.search(text)), ("dst", _TO.search(text))):
            if found:
                event |= {side: found[1]} | ({f"{side}_port": int(found[2])} if found[2] else {})
        if user := _USER.search(text):
            event["user"] = user[1]
        meta.message = text
        return
    side = ""
    for key, written in _PAIR.findall(text):
        name = key.replace(" ", "_").replace("-", "_")
        if name.endswith("_xlated_ip"):
            side = name.removesuffix("ip")
        elif name == "port":
            name = f"{side}port"
        value = written.strip('"()' if name in _NUMBERS else '"')
        event[name] = int(value) if name in _NUMBERS and value.isdecimal() else value or None
    del event["text"]
    meta.message = (
        f"{event.get('action', '-')} {event.get('service', '-')} {event.get('src', '-')}:{event.get('src_port', '-')} "
        f"=> {event.get('dst', '-')}:{event.get('dst_port', '-')} by policy {event.get('policy_id', '-')}"
    )


_HEAD = (
    r"(?:<(?P<priority>\d{1,3})>)?(?:(?P<device>[^ :]+): )?Net[Ss]creen device_id=(?P<device_id>[^ ]*) +"
    r"(?:\[(?P<vsys>[^\]]*)\])?system[ -](?P<severity>[a-z]+)-(?P<code>\d{4,5})(?:\((?P<kind>[^)]*)\))?: "
)

# The times are of the clock of the firewall: `timezone:` of the mapping says where it is. That of traffic is the
# beginning of the session; its end, the time of the message, is in the header of syslog alone.
JUNIPER_NETSCREEN = Patterns(
    "juniper-netscreen",
    "Juniper NetScreen firewalls (ScreenOS, SSG, ISG): traffic and events, with or without a syslog header",
    "https://docs.trellix.com/docs/juniper-networks-netscreen-log-format-and-field-mapping",
    chain=("s3-lines", "syslog-any", "juniper-netscreen"),
    time=stamp("start_time"),
    tag="juniper.netscreen.{kind|severity}",
    patterns=(
        rf'{_HEAD}(?P<text>start_time="(?P<start_time>[^"]*)".*)',
        rf"{_HEAD}(?P<text>.*)",
    ),
    integers="priority",
    refine=_name_parts,
    entities={"addresses": "src dst src_xlated_ip dst_xlated_ip", "users": "user", "hosts": "device_id"},
)
