"""Logs of Ceph: the cluster's log, its audit of commands, and those of its daemons."""

from __future__ import annotations

from slips.format import Event
from slips.model import MetaData
from slips.parsing import Patterns, iso

_CLUSTER = (
    r"(?:(?:cluster|audit) )?(?P<time>\d{4}-\d\d-\d\d[T ][0-9:.]{8,15}(?:[+-]\d{4}|Z)?) (?P<daemon>[a-z]+\.[^ ]+) "
    r"(?:\((?P<entity_name>[^ )]+)\)|(?:(?P<rank>[a-z]+\.[^ ]+) )?(?P<address>[0-9\[][^ ]*)) (?P<sequence>\d+) : "
)


def _take_state(_meta: MetaData, event: Event) -> None:
    """Take the state of a command off its end, as `dispatch` or `finished`."""
    command, found, state = event.get("command", "").rpartition(": ")
    if found and state.isalpha():
        event |= {"command": command, "state": state}


# The times of a daemon have its zone behind them since Octopus.
CEPH = Patterns(
    "ceph",
    "Ceph logs: of the cluster (ceph.log), of commands (ceph.audit.log), of monitors, OSDs and other daemons",
    "https://docs.ceph.com/en/latest/rados/troubleshooting/log-and-debug/",
    patterns=(
        rf"{_CLUSTER}(?P<channel>audit) \[(?P<level>[A-Z]+)\] (?P<message>from='(?P<from>[^']*)' "
        r"entity='(?P<entity>[^']*)' cmd=(?P<command>.*))",
        rf"{_CLUSTER}(?P<channel>[a-z]+) \[(?P<level>[A-Z]+)\] (?P<message>.*)",
        r"(?P<time>\d{4}-\d\d-\d\d[T ][0-9:.]{8,15}(?:[+-]\d{4}|Z)?) (?P<thread>[0-9a-f]{8,16}) +(?P<debug>-?\d+) "
        r"(?P<message>.*)",
    ),
    time=iso("time"),
    tag="ceph.{channel|'daemon'}",
    message="{daemon ': '}{message}",
    integers="sequence debug",
    refine=_take_state,
    entities={"users": "entity"},
)
