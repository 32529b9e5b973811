"""Syslog of BeyondTrust Privileged Remote Access and Remote Support, and events of BeyondInsight and Password Safe."""

from __future__ import annotations

import re

from slips import times
from slips.errors import RecordError
from slips.format import Event
from slips.model import MetaData
from slips.parsing import KeyValue, Patterns, all_of, any_of, one_of, stamp
from slips.parsing.conversions import integer_or_text
from slips.parsing.readers.segments import join_segments

_SEGMENT = re.compile(r"BG\[\d{1,9}\]: ?\d{1,9}:(\d{1,9}):\d{1,9}:")
_PAIR = re.compile(r"((?:\\.?|[^\\;=])++)(?:=((?:\\.?|[^\\;])*+))?(?:;|\Z)", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)

# A long message comes in segments, numbered from 1; its name is that of the host, the process and the site.
_SAME_MESSAGE = (
    r"(?:<\d{1,3}>)?(?:[A-Z][a-z]{2} {1,2}\d{1,2} (?:\d{4} )?\d\d:\d\d:\d\d[^ ]*+|\d{4}-[^ ]++) ([^ ]++) "
    r"BG\[(\d++)\]: ?(\d++):(?P<segment>\d++):(?P<total>\d++):"
)


def _name_pairs(meta: MetaData, event: Event) -> None:
    """Add the pairs of all segments; those that did not come are named as `missing_segments`.

    Raises RecordError for a text without pairs, and for an event without a time.
    """
    text, missing = join_segments(event.pop("pairs"), event["segment"], event["segments"], _SEGMENT, 1)
    if missing:
        event["missing_segments"] = missing
    pairs = 0
    for pair in _PAIR.findall(text):
        pairs += 1
        name, value = (_ESCAPED.sub(r"\1", each) if "\\" in each else each for each in pair)
        event[f"pair.{name}" if name in ("segment", "segments", "site_id") else name] = value or None
    if not pairs:
        raise RecordError(f"no pairs such as 'event=login;' in {text[:60]!r}")
    when = event.get("when")
    if when is not None:
        event["when"] = integer_or_text(when)
        meta.timestamp = times.epoch(event["when"], "when")
    words = (event.get(name) or "-" for name in ("event", "status", "who", "who_ip"))
    meta.message = "{} {} by {} from {}".format(*words)


BEYONDTRUST_PRA = Patterns(
    "beyondtrust-pra",
    "BeyondTrust Privileged Remote Access and Remote Support: syslog of logins, sessions and changes",
    "https://docs.beyondtrust.com/pra/docs/message-format",
    chain=({"segments": {"pattern": _SAME_MESSAGE}}, "syslog-any", "beyondtrust-pra"),
    tag="beyondtrust.pra.{event|'message'}",
    patterns=(r"(?P<site_id>\d++):(?P<segment>\d++):(?P<segments>\d++):(?P<pairs>(?:event=(?P<event>[^;\\]*+))?.*)",),
    integers="segment segments",
    refine=_name_pairs,
    entities={"addresses": "who_ip", "users": "who user:username", "domains": "site"},
)


_INSIGHT = "https://docs.beyondtrust.com/bips/docs/event-forwarder-message-fields"


def _insight(name: str, separator: str) -> KeyValue:
    return KeyValue(
        name,
        "events with pairs of one line or several",
        _INSIGHT,
        head=r"<(?P<priority>\d{1,3})>(?P<time>\d{4}-[^ ]++) (?P<sender>[^ ]++) ",
        separator=separator,
        assign=":",
        quotes="",
        escapes="none",
        absent="",
        # Cut at the other delimiter, a record would be one pair.
        require=all_of(any_of("Agent ID", "Agent Desc"), any_of("Event Date", "Event Name")),
        time=stamp("Event Date", "time"),
        tag="beyondtrust.insight.{Agent ID|'event'}",
        message="{Event Name|'-'} {Event Desc|'-'} by {User|UserName|'-'} from {Source Host|Source IP|'-'}",
        integers=("priority", "Event Severity"),
    )


# Its CEF, LEEF and JSON are read as such. Times of events are in UTC.
BEYONDTRUST_INSIGHT = one_of(
    "beyondtrust-insight",
    "BeyondTrust BeyondInsight and Password Safe: events forwarded to syslog, delimited by tabs or line ends",
    _INSIGHT,
    _insight("beyondtrust-insight.tabs", "\t"),
    _insight("beyondtrust-insight.lines", "\n"),
    chain=({"multiline": {"start": r"<\d{1,3}>\d{4}-"}}, "beyondtrust-insight"),
    tag="beyondtrust.insight.{Agent ID}",
    entities={"addresses": ("Source IP",), "users": "User UserName", "hosts": ("Source Host",)},
)
