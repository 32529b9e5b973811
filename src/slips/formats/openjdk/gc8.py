"""Logs of garbage collections of Java virtual machines up to Java 8, of which a collection may have several lines."""

from __future__ import annotations

import re

from slips.format import Event
from slips.model import MetaData
from slips.parsing import Patterns, iso

_SIZE = r"(\d{1,12}(?:\.\d{1,3})?)([BKMG])"
_CAPACITY = rf"\({_SIZE}\)"
# Sizes of the whole heap stand behind no name of a generation: in G1's details behind `Heap: `, else behind a blank.
_HEAP = re.compile(rf"(?<![\d.])(?<!: ){_SIZE}->{_SIZE}{_CAPACITY}")
_HEAP_OF_G1 = re.compile(rf"Heap: {_SIZE}{_CAPACITY}->{_SIZE}{_CAPACITY}")
_SECONDS = re.compile(r", (\d{1,9}\.\d{1,9}) secs\]")
_TIMES = re.compile(r"\[Times: user=(\d{1,9}\.\d{1,9}) sys=(\d{1,9}\.\d{1,9}), real=(\d{1,9}\.\d{1,9}) secs\]")
_UNITS = {"B": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def _bytes(size: str, unit: str) -> int:
    return round(float(size) * _UNITS[unit])


def _read_collection(meta: MetaData, event: Event) -> None:
    """Add sizes of the heap in bytes, and seconds, as far as the lines of a collection tell them."""
    text = event["text"]
    first, _, _ = text.partition("\n")
    meta.message = first.rstrip()
    if "kind" not in event:
        return
    if found := _HEAP_OF_G1.search(text):
        before, after, size = found.group(1, 2), found.group(5, 6), found.group(7, 8)
    elif found := _HEAP.search(text):
        before, after, size = found.group(1, 2), found.group(3, 4), found.group(5, 6)
    if found:
        event |= {"heap_before": _bytes(*before), "heap_after": _bytes(*after), "heap_size": _bytes(*size)}
    if seconds := _SECONDS.findall(first):
        event["seconds"] = float(seconds[-1])
    if times := _TIMES.search(text):
        event |= {"user": float(times[1]), "sys": float(times[2]), "real": float(times[3])}


_HEAD = r"(?:(?P<time>\d{4}-\d\d-\d\dT[\d:.]++[+-]\d{4}): )?(?:(?P<uptime>\d++\.\d{3}): )?"

# Lines without date stamps are of their object's time; their uptime orders them.
JAVA_GC_8 = Patterns(
    "java-gc-8",
    "Java's logs of garbage collections up to Java 8 (PrintGC, PrintGCDetails, PrintGCDateStamps), of any collector",
    "https://docs.oracle.com/javase/8/docs/technotes/guides/vm/gctuning/generations.html",
    chain=(
        {
            "multiline": {
                "start": r"\d{4}-\d\d-\d\dT|\d++\.\d{3}: |\[(?:Full )?GC|\[CMS-|Java |OpenJDK |CommandLine |Memory: "
            }
        },
        "java-gc-8",
    ),
    tag="openjdk.gc8",
    time=iso("time"),
    patterns=(
        rf"{_HEAD}(?P<text>\[(?P<kind>(?:Full )?GC(?: pause| remark| cleanup)?)(?:--)? ?"
        r"(?:\((?P<cause>[^()]*+(?:\(\)[^()]*+)?)\))?.*)",
        rf"{_HEAD}(?P<text>\[(?P<kind>CMS-[a-z-]++|GC concurrent-[a-z-]++).*)",
        rf"{_HEAD}(?P<text>(?:Total time|Application time).*)",
        r"(?P<text>(?:Java|OpenJDK|CommandLine|Memory:) ?.*)",
    ),
    floats="uptime",
    refine=_read_collection,
)
