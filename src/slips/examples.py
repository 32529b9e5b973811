"""An example of each format that slips ships: a record of its sample, and the event that is expected of it."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

from msgspec import Struct

import slips.formats
from slips.errors import SlipsError
from slips.format import Bad, Format
from slips.model import Entities
from slips.parsing.chain import compile_chain
from slips.parsing.readers.text import original


class Example(Struct, frozen=True):
    """The first record of a sample of which an event comes."""

    record: str
    """As it stands in the sample; the header of a table is none of it."""
    meta: dict[str, Any]
    event: dict[str, Any]
    entities: Entities


def example_of(format_: Format) -> Example | None:
    """Return the example of a format; None if it has no sample, as a reader, or one that slips does not ship."""
    files = slips.formats.sample_files(format_.name)
    if len(files) != 2:
        return None
    log, expected = files
    with expected.open(encoding="utf-8") as lines:
        first = next((each for line in lines if "event" in (each := json.loads(line))), None)
    if first is None:
        return None
    record = _record(format_, log, first["meta"]["seq"])
    find = format_.entity_paths
    return Example(record, first["meta"], first["event"], find(first["event"]) if find else Entities())


def _record(format_: Format, log: Path, seq: int) -> str:
    """Return a record of a sample as text, by its number; empty if the reader does not show it."""
    cut = compile_chain([format_.name], Path())._cut(io.BufferedReader(io.BytesIO(log.read_bytes())))
    try:
        for number, record in enumerate(cut, 1):
            if number == seq:
                shown = original(cut, record)
                raw = shown.head if isinstance(shown, Bad) else shown
                return raw.decode("utf-8", "backslashreplace").strip("\r\n") if isinstance(raw, bytes) else ""
    except SlipsError:  # a bad end, behind the records of the sample
        pass
    return ""
