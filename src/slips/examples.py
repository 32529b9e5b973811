"""An example of each format that slips ships: a record of its sample, and the event that is expected of it."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

from msgspec import Struct, inspect

import slips.formats
from slips.config.declared import unwrap
from slips.errors import SlipsError
from slips.format import Bad, Format
from slips.inference.trial import try_chain
from slips.model import Entities, ObjectEvent
from slips.parsing.chain import compile_chain
from slips.parsing.readers.text import original
from slips.step import Step


class Example(Struct, frozen=True):
    """The first record of a sample of which an event comes."""

    record: str
    """As it stands in the sample; the header of a table is none of it."""
    meta: dict[str, Any]
    event: dict[str, Any]
    entities: Entities
    options: dict[str, Any] = {}
    """The options without which the format leaves the record as it is; none for most formats."""

    def step(self, name: str) -> Step:
        """Return what a config has for format `name`, so that it reads the record as here."""
        return {name: self.options} if self.options else name


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
    if options := _needed_options(format_):
        trial = try_chain(["s3-lines", {format_.name: options}], record.encode(), _SOURCE, 1, whole=True)
        shown = {**first["meta"], "tag": trial.metas[0].tag, "message": trial.metas[0].message}
        return Example(record, shown, trial.events[0], Entities(), options)
    return Example(record, first["meta"], first["event"], find(first["event"]) if find else Entities())


_SOURCE = ObjectEvent(bucket_name="", object_key="", event_time="2026-01-01T00:00:00Z")
"""The object of a record that is read with options, which shows no time of it."""


def _needed_options(format_: Format) -> dict[str, Any]:
    """Return an example of the pattern without which a format leaves a line in one piece; {} for any other format."""
    if format_.options is None or format_.takes != "text":
        return {}
    kind = inspect.type_info(format_.options)
    assert isinstance(kind, inspect.StructType)  # noqa: S101 - for mypy
    notes = next((unwrap(one.type)[1] for one in kind.fields if one.name == "pattern"), {})
    return {"pattern": notes["examples"][0]} if notes.get("examples") else {}


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
