"""Logs of Ruby on Rails, which are lines of Ruby's Logger, with requests in them."""

from __future__ import annotations

import re

from slips import times
from slips.format import Event
from slips.formats.generic.ruby import CREATED, LINE, NO_ENTRY
from slips.model import MetaData
from slips.parsing import Patterns, stamp
from slips.parsing.conversions import decimal_or_text, integer_or_text

_TAGS = re.compile(r"\[([^\[\]\n]{1,200})\] ")
_STARTED = re.compile(
    r'Started (?P<method>[A-Z]+) "(?P<path>[^\n]*)" for (?P<client>[^ \n]+) at '
    r"(?P<started_at>[^ \n]+ [^ \n]+(?: [^ \n]+)?) *$",
    re.MULTILINE,
)
_PROCESSING = re.compile(
    r"Processing by (?P<controller>[\w:]+)#(?P<action>\w+[?!]?)(?: as (?P<format>[^ \n]+))?", re.MULTILINE
)
_PARAMETERS = re.compile(r"^ *Parameters: (?P<parameters>\{.*\})$", re.MULTILINE)
_COMPLETED = re.compile(
    r"Completed (?P<status>\d{3})(?: [^\n]{1,60}?)? in (?P<duration_ms>[0-9.]+)ms(?: \((?P<parts>[^\n]*))?"
)
_PART = re.compile(r"(?<![A-Za-z])([A-Za-z][A-Za-z ]{0,59}+): ([0-9.]+)(ms)?")
_LONGEST = 20_000
"""Characters of a message in which the parts of a request are looked for."""


def _take_request(meta: MetaData, event: Event) -> None:
    """Take the tags in brackets off, and add what the message says of a request. Raises RecordError for its time."""
    text, tags = event["message"], list[str]()
    while (found := _TAGS.match(text)) and len(tags) < 10:
        tags.append(found[1])
        text = text[found.end() :]
    if tags:
        event |= {"tags": tags, "message": text}
    text = text[:_LONGEST]
    if started := _STARTED.match(text):
        event |= started.groupdict()
        if "time" not in event:
            meta.timestamp = times.any_notation(event["started_at"], meta.timestamp, "started_at")
    for pattern in (_PROCESSING, _PARAMETERS):
        if found := pattern.search(text):
            event |= {name: value for name, value in found.groupdict().items() if value is not None}
    if completed := _COMPLETED.search(text):
        event |= {"status": int(completed["status"]), "duration_ms": decimal_or_text(completed["duration_ms"])}
        for name, number, unit in _PART.findall(completed["parts"] or ""):
            field = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name.strip()).replace(" ", "_").lower()
            event[f"{field}_ms" if unit else field] = decimal_or_text(number) if unit else integer_or_text(number)
    meta.message = event["message"].partition("\n")[0]


RAILS = Patterns(
    "rails",
    "Ruby on Rails: requests, their parameters and durations, messages, backtraces",
    "https://guides.rubyonrails.org/debugging_rails_applications.html#the-logger",
    chain=(
        {"multiline": {"start": r"[A-Z], \[\d{4}-|(?:\[[^\]]+\] )*Started [A-Z]+ \"|# Logfile created on "}},
        "rails",
    ),
    time=stamp("time"),
    tag="rails.{severity|'request'}",
    patterns=(
        LINE,
        CREATED,
        r"(?P<message>(?:\[[^\]\n]+\] )*Started [A-Z]+ \".*)",
    ),
    rules=(NO_ENTRY,),
    integers="pid",
    refine=_take_request,
    entities={"addresses": "client"},
)
