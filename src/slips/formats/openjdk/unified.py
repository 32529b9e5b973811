"""Unified logging of Java virtual machines since Java 9, with which they log their garbage collections."""

from __future__ import annotations

import re

from slips import times
from slips.errors import foreign_record
from slips.format import Event
from slips.model import MetaData
from slips.parsing import Patterns

_LEVELS = frozenset("trace debug info warning error".split())
_TAGS_ALONE = frozenset(
    """arguments biasedlocking cds class codecache compilation container cpu exceptions gc handshake heap init jfr jit
    jni jvmti logging metaspace mmu module monitorinflation nmt os pagesize perf phases redefine ref safepoint
    startuptime stringdedup stringtable symboltable system task thread tlab vmoperation vmthread""".split()
)
"""Tags by which lines are known whose decorations have no level, as in the log of a Kafka broker."""
_UPTIME = re.compile(r"(\d+[.,]\d+)s")
_COUNTED = re.compile(r"(\d+)(ms|ns)")
_TAGS = re.compile(r"[a-z][a-z0-9_,]*")
_COLLECTION = re.compile(r"GC\((\d+)\) +")
_HEAP = re.compile(r" (\d+)([BKMG])->(\d+)([BKMG])\((\d+)([BKMG])\)")
_DURATION = re.compile(r" (\d+\.\d+)ms\Z")
_UNITS = {"B": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
_SINCE_1970 = 10**11
"""Milliseconds from which on a number is a time since 1970, and no uptime."""


def _name_decorations(meta: MetaData, event: Event) -> None:
    """Tell the decorations in brackets by their shapes, and take the message of a garbage collection apart."""
    *decorations, tags = (each.strip() for each in event.pop("decorations")[1:-1].split("]["))
    for decoration in decorations:
        _name_decoration(meta, event, decoration)
    names = tags.split(",")
    if not _TAGS.fullmatch(tags) or not ("level" in event or (decorations and names[0] in _TAGS_ALONE)):
        raise foreign_record("no level and tags in brackets; expected a line such as '[0.1s][info][gc] GC(0) …'")
    event["tags"] = names
    text = event["text"]
    if collection := _COLLECTION.match(text):
        event["gc"], text = int(collection[1]), text[collection.end() :]
        event["event"] = text
        if duration := _DURATION.search(text):
            event["duration_ms"] = float(duration[1])
            event["event"] = text[: duration.start()]
        if heap := _HEAP.search(text):
            sizes = heap.groups()
            for name, size, unit in zip(
                ("heap_before", "heap_after", "heap_size"), sizes[::2], sizes[1::2], strict=True
            ):
                event[name] = int(size) * _UNITS[unit]
            event["event"] = text[: heap.start()]


def _name_decoration(meta: MetaData, event: Event, text: str) -> None:
    if text in _LEVELS:
        event["level"] = text
    elif text[4:5] == "-" and "T" in text:
        event["time"] = text
        meta.timestamp = times.iso(text, "time")
    elif uptime := _UPTIME.fullmatch(text):
        event["uptime"] = float(uptime[1].replace(",", "."))
    elif counted := _COUNTED.fullmatch(text):
        number, unit = int(counted[1]), counted[2]
        if unit == "ms" and number >= _SINCE_1970:
            event["timemillis"] = number
            if "time" not in event:
                meta.timestamp = times.epoch(number, "timemillis")
        else:
            event[f"uptime{'millis' if unit == 'ms' else 'nanos'}"] = number
    elif text.isdecimal():
        event["tid" if "pid" in event else "pid"] = int(text)
    elif text:
        event["hostname"] = text


# A line without date, as with the default decorations, is of its object's time; its uptime orders it.
JAVA_GC = Patterns(
    "java-gc",
    "Java unified logging (-Xlog) since Java 9: garbage collections, safepoints, class loading; kafkaServer-gc.log",
    "https://openjdk.org/jeps/158",
    tag="openjdk.gc",
    message="{text}",
    patterns=(r"(?P<decorations>(?:\[[^\]\[]*\])+) (?P<text>.*)",),
    refine=_name_decorations,
    entities={"hosts": "hostname"},
)
