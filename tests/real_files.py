"""Real logs of other people beside the project: chains, explanations, and values that other programs read.

`real_logs/VENDOR.toml` has a table for each file, or for a pattern of files (the longer name stands against the
shorter one), below the folder of the logs:

    ["okta/4.jsonl"]
    chain = "okta"
    quarantined = 10                  # and `filtered`; neither without `why`
    why = "A 'published' that somebody made unreadable."
    event_time = "2018-01-01T00:00:00Z"   # of the object, where times have no year
    expected = "expected-4.json"      # the independent values; else the file of the same number
    shift = 7200                      # seconds by which its times are late: it was made in another time zone
    only = [1, 2, 3]                  # the documents that have a record; else all
    seqs = [2, 3]                     # the records of the documents, if they are not counted alike

    ["okta/4.jsonl".same]             # a path of the event, or of `meta`, and the path of the other program's document
    "meta.timestamp" = "@timestamp"
    "client.ipAddress" = "source.ip"

    ["okta/4.jsonl".differs]          # as `same`, and why the values are not: counted, not compared
    "severity" = "Filebeat writes numbers for it"

`python tests/real_files.py [WORD]` prints the table of all files.
"""

from __future__ import annotations

import gzip
import json
import sys
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import chains
from slips.formats import catalogue
from slips.model import MetaData, ObjectEvent, Outcome
from slips.parsing.meaning import value_at
from slips.step import name_of

LOGS = Path(__file__).parents[2] / "shared" / "logs"
EVENT_TIME = "2021-12-31T00:00:00Z"

Events = dict[int, tuple[MetaData, Any]]


@dataclass(frozen=True)
class RealFile:
    """A file, the chain that reads it, and the explanation of its outcome."""

    name: str
    chain: str
    filtered: int = 0
    quarantined: int = 0
    why: str = ""
    event_time: str = EVENT_TIME
    expected: str = ""
    shift: float = 0
    only: Sequence[int] = ()
    seqs: Sequence[int] = ()
    same: dict[str, str] = field(default_factory=dict)
    differs: dict[str, str] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """The chain's formats."""
        return self.chain.split()

    @property
    def path(self) -> Path:
        return LOGS / self.name

    @property
    def source(self) -> ObjectEvent:
        return ObjectEvent(bucket_name="logs", object_key=self.path.name, event_time=self.event_time)

    @property
    def is_of_lines(self) -> bool:
        """Whether each line is a record."""
        begin = catalogue()[self.names[0]].chain[0]
        return name_of(begin) not in ("multiline", "csv")

    def content(self) -> bytes:
        """The object, decompressed."""
        content = self.path.read_bytes()
        return gzip.decompress(content) if self.path.suffix == ".gz" else content

    def run(self) -> tuple[Outcome, Events]:
        """The outcome, and the first event of each record by its number."""
        seen = chains.run(self.names, self.content(), self.source)
        events: Events = {}
        for meta, event in seen.events:
            events.setdefault(meta.seq, (meta, event))
        assert all(0 < len(reason) < 500 for _, reason in seen.quarantined)
        assert len(seen.quarantined) == seen.outcome.quarantined
        assert len(events) == seen.outcome.delivered
        return seen.outcome, events

    def documents(self) -> Iterator[tuple[int, Any]]:
        """Yield the documents of the other program, each with the number of its record."""
        expected = self.expected or f"expected-{self.path.name.partition('.')[0]}.json"
        documents = json.loads((self.path.parent / expected).read_text("utf-8"))
        seqs = _seq_by_offset(self.content())
        for index, document in enumerate(documents, 1):
            if self.only and index not in self.only:
                continue
            if self.seqs:
                yield self.seqs[index - 1], document
            elif document.keys() == {"line", "expected"}:
                yield document["line"], document["expected"]
            elif "log.offset" in document and self.is_of_lines:
                yield seqs[document["log.offset"]], document
            else:
                yield index, document

    def differences(self, events: Events) -> Iterator[tuple[str, Any, Any]]:
        """The values that are not the other program's: where, ours, and theirs."""
        for seq, document in self.documents():
            if seq not in events:
                yield f"record {seq}", "no event", "a document"
                continue
            meta, event = events[seq]
            for ours, theirs in self.same.items():
                value, expected = _ours(meta, event, ours), _theirs(document, theirs)
                if not _same(value, expected, self.shift if ours == "meta.timestamp" else None):
                    yield f"record {seq}: {ours}", value, expected


def _seq_by_offset(content: bytes) -> dict[int, int]:
    offset, seqs = 0, dict[int, int]()
    for line in content.splitlines(keepends=True):
        if not line.isspace():
            seqs[offset] = len(seqs) + 1
        offset += len(line)
    return seqs


def _ours(meta: MetaData, event: Any, path: str) -> Any:
    if path.startswith("meta."):
        return getattr(meta, path.removeprefix("meta."))
    value = event[path] if path in event else value_at(event, path)
    return _theirs(event, path) if value is None else value


def _theirs(document: Any, path: str) -> Any:
    """The value at a path whose parts are keys, which may have dots themselves."""
    if not path:
        return document
    if isinstance(document, dict):
        if path in document:
            return document[path]
        for at in (at for at, char in enumerate(path) if char == "."):
            if path[:at] in document and (found := _theirs(document[path[:at]], path[at + 1 :])) is not None:
                return found
    if isinstance(document, list) and document:
        head, _, rest = path.partition(".")
        return _theirs(document[int(head)], rest) if head.isdigit() and int(head) < len(document) else None
    return None


def _same(ours: Any, theirs: Any, shift: float | None) -> bool:
    if shift is not None:
        return theirs is not None and abs(ours - (_epoch(theirs) - shift)) < 0.0011
    if ours in (None, "-", "") or theirs in (None, "-", ""):
        return ours in (None, "-", "") and theirs in (None, "-", "")
    if isinstance(ours, bool) or isinstance(theirs, bool):
        return _boolean(ours) == _boolean(theirs)
    if isinstance(ours, int | float) or isinstance(theirs, int | float):
        return _is_number(ours) and _is_number(theirs) and float(ours) == float(theirs)
    return bool(ours == theirs)


def _boolean(value: Any) -> str:
    """A boolean, or the word by which another program left it."""
    text = str(value).lower()
    return {"yes": "true", "no": "false"}.get(text, text)


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def _epoch(value: Any) -> float:
    """Seconds since 1970 of a time that another program wrote: milliseconds, seconds, or ISO 8601."""
    if isinstance(value, int | float):
        return value / 1000 if value > 1e11 else value
    return datetime.fromisoformat(value).timestamp()


@cache
def real_files() -> dict[str, RealFile]:
    """All files that a table explains, by name."""
    tables: dict[str, dict[str, Any]] = {}
    for path in sorted((Path(__file__).parent / "real_logs").glob("*.toml")):
        for pattern, table in tomllib.loads(path.read_text("utf-8")).items():
            assert pattern not in tables, f"{path.name}: {pattern!r} is in another table, too"
            tables[pattern] = table
    files: dict[str, RealFile] = {}
    for pattern in sorted(tables, key=lambda pattern: ("*" not in pattern, len(pattern))):
        for path in sorted(LOGS.glob(pattern)):
            if not path.name.startswith("expected-"):
                name = path.relative_to(LOGS).as_posix()
                files[name] = RealFile(name, **tables[pattern])
    return files


def main(word: str = "") -> None:
    """Print each file: chain, records, and how many values equal those of another program."""
    row = "{:40} {:44} {:>8} {:>9} {:>8} {:>11} {:>9} {:>8}".format
    print(row("file", "chain", "records", "delivered", "filtered", "quarantined", "compared", "differ"))
    for file in real_files().values():
        if word not in file.name:
            continue
        outcome, events = file.run()
        compared = len(file.same) * sum(1 for _ in file.documents()) if file.same else ""
        differences = list(file.differences(events)) if file.same else []
        print(
            row(
                file.name,
                file.chain,
                outcome.records,
                outcome.delivered,
                outcome.filtered,
                outcome.quarantined,
                compared,
                len(differences) if file.same else "",
            )
        )
        if word:
            for where, ours, theirs in differences:
                print(f"    {where}: {ours!r}, expected {theirs!r}")
    explained = {name.partition("/")[0] for name in real_files()}
    missing = sorted({path.name for path in LOGS.iterdir() if path.is_dir()} - explained)
    print(f"Folders without a table: {' '.join(missing) or 'none'}")


if __name__ == "__main__":
    main(*sys.argv[1:2])
