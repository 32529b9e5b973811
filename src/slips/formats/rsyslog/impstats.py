"""Counters that rsyslog writes of itself with its module impstats."""

from __future__ import annotations

from typing import Any

from slips.errors import RecordError
from slips.format import Event
from slips.model import MetaData
from slips.parsing import Patterns, written
from slips.parsing.conversions import document_or_text, integer_or_text


def _read_counters(meta: MetaData, event: Event) -> None:
    """Add the counters of a JSON object, or of pairs. Raises RecordError for neither, and for counters of nothing."""
    text = event.pop("json", None)
    if text is not None:
        counters: Any = document_or_text(text.strip())
        if counters.__class__ is not dict or "name" not in counters:
            raise RecordError(f"counters are {text[:60]!r}; expected a JSON object with a 'name'")
    else:
        text = event.pop("counters")
        end = text.rfind(": ", 0, text.index("="))  # names have colons, too: 'action-3-builtin:omfwd: queue'
        words = text[end + 2 :].split()
        if end < 1 or not all("=" in word for word in words):
            raise RecordError(f"counters are {text[:60]!r}; expected a name and pairs, such as 'main Q: size=0'")
        pairs = (word.partition("=") for word in words)
        counters = {"name": text[:end]} | {name: integer_or_text(value) for name, _, value in pairs}
    for name, value in counters.items():
        event[f"counter.{name}" if name in event else name] = value
    shown = ("size", "enqueued", "full", "submitted", "processed", "failed", "suspended", "maxrss")
    meta.message = " ".join([str(event["name"]), *(f"{name}={event[name]}" for name in shown if name in event)])


_TIME = r"(?:(?P<time>[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4}): )?"

# In a file of its own, lines begin with the local time, else with a header of syslog.
RSYSLOG_IMPSTATS = Patterns(
    "rsyslog-impstats",
    "counters of rsyslog's queues, inputs, actions and resources (impstats): legacy, JSON and CEE, in syslog or a file",
    "https://www.rsyslog.com/doc/configuration/modules/impstats.html",
    chain=("s3-lines", "syslog-any", "rsyslog-impstats"),
    tag="rsyslog.impstats",
    time=written("%a %b %d %H:%M:%S %Y", "time"),
    patterns=(
        rf"{_TIME}(?:@cee: ?)?(?P<json>\{{.*)",
        rf"{_TIME}(?P<counters>[^=]++=.*)",
    ),
    refine=_read_counters,
)
