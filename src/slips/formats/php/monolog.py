"""Lines of Monolog, the logger of Symfony, Laravel and most other programs in PHP."""

from __future__ import annotations

import json
import re
from typing import Any

from slips.format import Event
from slips.model import MetaData
from slips.parsing import Patterns, iso

_BEGIN = re.compile(r" (?=[\[{])")
_decode = json.JSONDecoder(strict=False).raw_decode  # a stack trace in it may have line ends as they are
_LONGEST, _TRIED = 1 << 16, 64
"""Characters of a message in which JSON is looked for at its end, and places where it is tried."""


def _take_context(meta: MetaData, event: Event) -> None:
    """Take what the program and its processors added to a message, as JSON behind it, out of the message."""
    text = event["message"].rstrip(" ")  # empty ones that are left out leave a blank
    if text[-1:] in ("]", "}") and len(text) <= _LONGEST:
        for found, _ in zip(_BEGIN.finditer(text), range(_TRIED), strict=False):
            if values := _documents(text, found.end()):
                event["message"] = text[: found.start()]
                event |= {name: value for name, value in zip(("context", "extra"), values, strict=False) if value}
                break
    meta.message = f"{event['level']} {' '.join(event['message'].split())}"


def _documents(text: str, at: int) -> list[Any]:
    """Return the one or two documents of which all of a text from a place on consists; none if it has other words."""
    values: list[Any] = []
    while at < len(text) and len(values) < 2:
        try:
            value, at = _decode(text, at + (text[at] == " "))
        except (ValueError, RecursionError):
            return []
        values.append(value)
    return values if at == len(text) and all(isinstance(value, dict | list) for value in values) else []


# Its LineFormatter: time, channel, level, message, then context and extra; Laravel leaves out empty ones.
MONOLOG = Patterns(
    "monolog",
    "lines of Monolog, as programs in PHP write them, with Symfony or Laravel and without",
    "https://github.com/Seldaek/monolog/blob/main/src/Monolog/Formatter/LineFormatter.php",
    chain=({"multiline": {"start": r"\[\d{4}-\d\d-\d\d[T ]\d\d:"}}, "monolog"),
    time=iso("time"),
    tag="monolog.{channel}",
    patterns=(
        r"\[(?P<time>\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:\d\d)?)\] (?P<channel>[^ \n:]+)\."
        r"(?P<level>DEBUG|INFO|NOTICE|WARNING|ERROR|CRITICAL|ALERT|EMERGENCY): (?P<message>.*)",
    ),
    refine=_take_context,
    entities={"addresses": "extra.ip", "domains": "extra.server"},  # of its WebProcessor
)
