"""The breadth of each format: the share of other vendors' records that it accepts, too.

A format that accepts almost anything says little about a log that it parses; `slips infer` ranks it behind others.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from slips.examples import example_of
from slips.format import Format
from slips.formats import find, names, vendor_folder
from slips.inference.trial import try_chain
from slips.model import ObjectEvent
from slips.step import name_of

_ALL = 1 << 30


class _Record(NamedTuple):
    vendor: str
    is_json: bool
    line: bytes


def breadths() -> dict[str, float]:
    """Return the formats that accept others' records, by name: 0.1 to 1.0, to one digit so that it seldom changes.

    JSON formats are tried on JSON records, the others on other lines: the example of each format.
    """
    formats = [format_ for name in names() if (format_ := find(name)) and _reads_lines(format_)]
    pool = [record for format_ in formats if (record := _record(format_))]
    found = {format_.name: _breadth(format_, pool) for format_ in formats}
    return {name: breadth for name, breadth in found.items() if breadth}


def _reads_lines(format_: Format) -> bool:
    return format_.takes != "object" and bool(format_.chain) and name_of(format_.chain[0]) == "s3-lines"


def _is_of_json(format_: Format) -> bool:
    return "json" in map(name_of, format_.chain)


def _record(format_: Format) -> _Record | None:
    example = example_of(format_)
    if example is None or not example.record.strip():
        return None
    line = " ".join(example.record.split("\n")).encode()
    return _Record(vendor_folder(format_.name), _is_of_json(format_), line)


def _breadth(format_: Format, pool: list[_Record]) -> float:
    own, is_json = vendor_folder(format_.name), _is_of_json(format_)
    lines = [each.line + b"\n" for each in pool if each.vendor != own and each.is_json == is_json]
    source = ObjectEvent(bucket_name="", object_key=Path(__file__).name)
    return round(try_chain([format_.name], b"".join(lines), source, _ALL, whole=True).parsed, 1)
