"""Writes the files of a new format: its declaration, a sample, and what comes of the sample."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from slips import formats
from slips.errors import UsageError
from slips.format import Event
from slips.inference.meaning import is_day_alone, message_of, required_of, time_of
from slips.inference.naming import entities_of
from slips.new_format.layout import Layout, layout_of
from slips.new_format.trial import expected
from slips.parsing.chain import compile_chain
from slips.parsing.run import Chain

EXPECTED = ".expected.jsonl"
"""How the file is named that has what comes of a sample, behind the name of the format."""
SAMPLE_RECORDS = 20
SAMPLE_BYTES = 1 << 16
_NAME = re.compile(r"([a-z0-9][a-z0-9_-]*)/([a-z0-9][a-z0-9_-]*)")
_WIDTH = 116
_SHOWN = 3
"""Words of the log that a warning shows."""


class NewFormat(NamedTuple):
    """A new format, and the files that declare it."""

    step: str
    """The format as a chain names it: `formats/acme/door.py:door`."""
    layout: Layout
    time: str
    """The time as it is declared, or whose it is."""
    files: list[Path]
    records: int
    bad: list[tuple[int, str]]
    """Number and reason of each record of the sample that is quarantined."""
    warnings: list[str]
    """Warnings about parts of the log that the declaration can hardly say."""


def create(name: str, content: bytes, folder: Path, root: Path) -> NewFormat:
    """Declare the format `vendor/product` of a log, the decompressed `content`, in files below `folder`.

    The format is named relative to `root`. Never overwrites a file. Raises UsageError.
    """
    matched = _NAME.fullmatch(name)
    if matched is None:
        raise UsageError(
            f"--new: {name!r} does not fit; expected vendor/product in small letters, such as acme/door-log; rename it"
        )
    vendor, product = matched.groups()
    if product in formats.names():
        raise UsageError(f"--new: format {product!r} is there already; expected a name of its own; rename it")
    layout = layout_of(content)
    place = folder / vendor.replace("-", "_")
    module = place / f"{product.replace('-', '_')}.py"
    sample, kept = place / f"{product}.{layout.extension}", place / f"{product}{EXPECTED}"
    for path in (module, sample, kept):
        if path.exists():
            raise UsageError(f"{path}: is there already; expected no such file; move it away, or name another format")
    sample_content = _sample(layout, content)
    place.mkdir(parents=True, exist_ok=True)
    files = [module, sample, kept]
    if (folder / "__init__.py").is_file() and not (place / "__init__.py").exists():
        files.insert(0, place / "__init__.py")
        files[0].write_text(f'"""Formats of {_title(vendor)}."""\n', "utf-8")
    time = None if layout.has_own_meaning else time_of(layout.events)
    module.write_text(_source(layout, vendor, product, time), "utf-8")
    sample.write_bytes(sample_content)
    step = f"{module.relative_to(root) if module.is_relative_to(root) else module}:{product}"
    lines = write_expected(kept, compile_chain([step], root), sample_content)
    bad = [(line["seq"], line["quarantined"]) for line in lines if "quarantined" in line]
    told = f"{time[0]}({time[1]})" if time else _no_time(layout)
    return NewFormat(step, layout, told, files, records_of(lines), bad, [*_warnings(layout, time)])


def write_expected(file: Path, chain: Chain, sample: bytes) -> list[dict[str, Any]]:
    """Write what comes of a sample, and return it. Raises SlipsError if it cannot be read."""
    lines = list(expected(chain, sample))
    file.write_text("".join(f"{json.dumps(line)}\n" for line in lines), "utf-8")
    return lines


def lines_in(file: Path) -> list[str]:
    """Return the lines of a file that `write_expected` wrote; none if it is not there."""
    return file.read_text("utf-8").splitlines() if file.is_file() else []


def records_of(lines: Iterable[dict[str, Any]]) -> int:
    """Return the number of records of which lines of an expected file tell."""
    return len({line["meta"]["seq"] if "meta" in line else line["seq"] for line in lines})


def _warnings(layout: Layout, time: tuple[str, str] | None) -> Iterator[str]:
    """Yield what whoever looks through the declaration should mend in it."""
    if time and is_day_alone(layout.events, time):
        yield f"{time[1]} is a day without a clock: all events are at midnight; give the declaration another time"
    if words := layout.words:
        shown = f"{', '.join(map(repr, words[:_SHOWN]))}{' and others' if len(words) > _SHOWN else ''}"
        yield (
            f"words without a value became fields that are true: {shown}; declare the head of the lines, what is in "
            "front of the pairs"
        )


def _sample(layout: Layout, content: bytes) -> bytes:
    """Return the first records of a log. Raises UsageError if they are too long for a sample."""
    if layout.extension == "json":
        sample = _documents(content.decode("utf-8-sig", "surrogateescape"), layout.arguments.get("elements", ""))
        if len(sample) > SAMPLE_BYTES:
            raise UsageError(
                f"its first records have {len(sample):,} bytes; expected {SAMPLE_BYTES:,} at most; cut some"
            )
        return sample.encode("utf-8", "surrogateescape")
    if layout.extension == "xml":
        name = layout.arguments["chain"][0].partition(":")[2]
        ends = [*re.finditer(rb"</(?:[\w.-]+:)?" + re.escape(name.encode()) + rb"\s*>", content)][:SAMPLE_RECORDS]
        sample_content = content[: ends[-1].end()] if ends else content
        if len(sample_content) > SAMPLE_BYTES:
            raise UsageError(
                f"its first records have {len(sample_content):,} bytes; expected {SAMPLE_BYTES:,} at most; cut some"
            )
        return sample_content + b"\n"
    lines: list[bytes] = []
    records = size = 0
    for line in content.splitlines(keepends=True):
        records += bool(line.strip()) and not line.startswith(b"#")
        size += len(line)
        if lines and (records > SAMPLE_RECORDS + layout.has_header or size > SAMPLE_BYTES):
            break
        lines.append(line)
    return b"".join(lines)


def _documents(text: str, array: str) -> str:
    """Return the first JSON documents of a text as they are written, or the first records of the array at a path."""
    first, end = json.JSONDecoder().raw_decode(text, len(text) - len(text.lstrip()))
    if array:
        return f"{json.dumps(_cut(first, array))}\n"
    if isinstance(first, list):
        return f"{json.dumps(first[:SAMPLE_RECORDS], indent=1)}\n"
    for _ in range(SAMPLE_RECORDS - 1):
        try:
            _, end = json.JSONDecoder().raw_decode(text, end + len(text[end:]) - len(text[end:].lstrip(", \t\r\n")))
        except ValueError:
            break
    return f"{text[:end]}\n"


def _cut(document: Event, array: str) -> Event:
    """Return a document with the first records of the array at a path."""
    key, _, rest = array.partition(".")
    return {**document, key: _cut(document[key], rest) if rest else document[key][:SAMPLE_RECORDS]}


# ---- the source


def _source(layout: Layout, vendor: str, product: str, time: tuple[str, str] | None) -> str:
    """Return the module with the declaration."""
    names = {layout.family}
    arguments: dict[str, str] = {"tag": _written(f"{vendor}.{product}")}
    if time:
        names.add(time[0])
        arguments["time"] = f"{time[0]}({time[1]})"
    if not layout.has_own_meaning and (message := message_of(layout.events)):
        arguments["message"] = _written(f"{{{message}}}")
    if layout.family in ("Json", "KeyValue") and (required := required_of(layout.events, layout.unfit)):
        arguments["require"] = _written(required[0])
        if len(required) > 1:
            names.add("any_of")
            arguments["require"] = f"any_of({', '.join(map(_written, required))})"
    own = {key: (*value[:-1], product) if key == "chain" else value for key, value in layout.arguments.items()}
    arguments |= {
        key: _raw(str(value)) if key in ("pattern", "head") else _written(value) for key, value in own.items()
    }
    if entities := entities_of(layout.events):
        arguments["entities"] = _dictionary(entities)
    variable = re.sub(r"\W", "_", product).upper()
    lines = "".join(f"    {key}={value},\n" for key, value in arguments.items())
    return (
        f'"""{_title(product)} of {_title(vendor)}."""\n\n'
        "from __future__ import annotations\n\n"
        f"from slips.parsing import {', '.join(sorted(names, key=lambda name: (name.islower(), name)))}\n\n"
        f"{'_' if variable[0].isdigit() else ''}{variable} = {layout.family}(\n"
        f"    {_written(product)},\n"
        f"    {_written(f'{product} of {vendor}')},\n"
        '    "",  # the address of the documentation\n'
        f"{lines})\n"
    )


def _no_time(layout: Layout) -> str:
    return f"as {layout.family} has it" if layout.has_own_meaning else "that of the object"


def _title(name: str) -> str:
    return name[:1].upper() + name[1:].replace("-", " ").replace("_", " ")


def _raw(pattern: str) -> str:
    """Return a pattern, which has no quotes, as raw strings, one a line."""
    pieces = re.findall(rf".{{1,{_WIDTH - 20}}}(?<!\\)", pattern)
    lines = "".join(f'        r"{piece}"\n' for piece in pieces)
    return f"(\n{lines}    )"


def _dictionary(texts: dict[str, str]) -> str:
    """Return a dict of texts as Python, an entry a line if one line is too short for all."""
    whole = _written(texts)
    if len(whole) <= _WIDTH - len("    entities=,"):
        return whole
    return "{\n" + "".join(f"        {_written(key)}: {_written(text)},\n" for key, text in texts.items()) + "    }"


def _written(value: Any) -> str:
    """Return a value as Python, in the style of this project. Blanks of a long text may become line ends."""
    if isinstance(value, tuple):
        return f"({', '.join(map(_written, value))})"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_written(key)}: {_written(each)}' for key, each in value.items())}}}"
    if not isinstance(value, str):
        return repr(value)
    if len(value) > _WIDTH - 20:
        lines = textwrap.wrap(value, _WIDTH - 8, break_long_words=False, break_on_hyphens=False)
        text = "\n        ".join(line.replace("\\", "\\\\") for line in lines)
        return f'"""{text}{" " if text.endswith(chr(34)) else ""}"""'
    plain = json.dumps(value, ensure_ascii=False)
    return plain if '"' not in value or "'" in value else f"'{plain[1:-1].replace(chr(92) + chr(34), chr(34))}'"
