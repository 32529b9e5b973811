"""Messages of MikroTik RouterOS: its firewall and other topics."""

from __future__ import annotations

from slips.format import Event
from slips.model import MetaData
from slips.parsing import Patterns

_PACKET = (
    r"in:(?P<in>[^ ]+) out:(?P<out>[^,]+), "
    r"(?:connection-state:(?P<state>[^ ]+) )?(?:src-mac (?P<src_mac>[^,]+), )?proto (?P<protocol>[A-Za-z0-9-]+)"
    r"(?: \((?P<flags>[^)]*)\))?, (?P<src_ip>[0-9.]+|\[[^\]]+\])(?::(?P<src_port>\d+))?->"
    r"(?P<dst_ip>[0-9.]+|\[[^\]]+\])(?::(?P<dst_port>\d+))?"
)


def _packet(prefix: str) -> str:
    """Return the pattern of a packet: `prefix` is the `log-prefix` of a rule, if it has one, and the chain."""
    return rf"(?:(?P<topics>[a-z0-9]+(?:,[a-z0-9]+)*) )?(?P<prefix>{prefix}): {_PACKET}"


def _take_prefix(meta: MetaData, event: Event) -> None:
    """Add the prefix of a packet without topics, which a header of syslog has where a program is named."""
    if "in" in event and "prefix" not in event and meta.header and (prefix := meta.header.get("proc_name")):
        event["prefix"] = prefix


MIKROTIK = Patterns(
    "mikrotik",
    "MikroTik RouterOS messages, with or without a syslog header",
    "https://help.mikrotik.com/docs/spaces/ROS/pages/328094/Log",
    chain=("s3-lines", "syslog-any", "mikrotik"),
    tag="mikrotik.{topics|'message'}",
    message="{message}",
    whole="message",
    patterns=(
        _packet("[^,:]*"),
        _packet("[^,:]*:[^,:]*"),  # with a `log-prefix` that ends with a colon
        _PACKET,
        r"(?:(?P<topics>[a-z0-9]+(?:,[a-z0-9]+)+) )?user (?P<user>[^ ]+) (?P<action>logged in|logged out)"
        r"(?: from (?P<src_ip>[^ ]+))? via (?P<via>.*)",
        r"(?:(?P<topics>[a-z0-9]+(?:,[a-z0-9]+)+) )?login failure for user (?P<user>[^ ]+) "
        r"from (?P<src_ip>[^ ]+) via (?P<via>.*)",
        r"(?P<topics>[a-z0-9]+(?:,[a-z0-9]+)+) (?P<text>.*)",
        r"(?P<text>.*)",
    ),
    integers="src_port dst_port",
    refine=_take_prefix,
    entities={"addresses": "src_ip dst_ip", "users": "user"},
)
