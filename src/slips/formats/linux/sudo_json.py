"""The log file of sudo as JSON (`log_format=json` or `json_pretty`): one document to which each event is added."""

from __future__ import annotations

import json
import re

from slips.errors import RecordError
from slips.format import Event, Rule
from slips.formats.linux.auth import EVENTS, SUDO_ENTITIES, read_json
from slips.model import MetaData
from slips.parsing import Patterns

OPENING = Rule("opening", "lines before the first event of the document", when=lambda event: "opening" in event)
_KINDS = "|".join(EVENTS)
_OPENING = re.compile(r'(?:\{\s*(?:"sudo"\s*:\s*\{)?)?')


def _take_json(meta: MetaData, event: Event) -> Event | None:
    """Return the object of an event of sudo. Raises RecordError for what is no JSON, or has something behind it."""
    if "json" not in event:
        return None
    text = event["json"]
    try:
        fields, end = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError) as error:
        raise RecordError(f"{event['kind']!r} is not JSON: {error}") from None
    behind = text[end:].strip(" \t\r\n,}")
    if not _OPENING.fullmatch(behind):  # of a document that was written behind this one
        raise RecordError(
            f"{event['kind']!r} has {behind[:40]!r} behind it; expected the next event of sudo, or an end"
        )
    return read_json(meta, {event["kind"]: fields})


# Python keeps one of several keys of a name, and the document has a key `accept` for each command: its lines are cut.
SUDO_JSON = Patterns(
    "sudo-json",
    "sudo's log file as JSON over several lines: commands that it ran or refused",
    "https://man7.org/linux/man-pages/man5/sudoers.5.html#EVENT_LOGGING",
    chain=({"multiline": {"start": rf'\s{{0,16}}"(?:{_KINDS})"\s{{0,4}}:\s{{0,4}}\{{'}}, "sudo-json"),
    tag="linux.sudo",
    patterns=(
        rf'\s*+"(?P<kind>{_KINDS})"[ \t]*+:[ \t]*+(?P<json>\{{.*)',
        r'(?P<opening>\s*+\{(?:\s*+"sudo"\s*+:\s*+\{)?\s*+)\Z',
    ),
    refine=_take_json,
    rules=(OPENING,),
    entities=SUDO_ENTITIES,
)
