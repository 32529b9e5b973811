"""Tries the chains of the catalogue on a log: each format, each behind headers, and tables of no product.

A chain of which no event comes is left out; which of the others is the log's, is not decided here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

from slips.format import Format
from slips.formats import catalogue
from slips.inference.beginning import TEXT, first_bytes, is_json
from slips.inference.candidate import GENERAL, Candidate, weighed_likeness
from slips.inference.containers import PARQUET, OpenedLog
from slips.inference.likeness import likeness
from slips.inference.markup import repeated_element
from slips.inference.several_lines import several_lines_step
from slips.inference.tables import table_step, time_options
from slips.inference.traits import is_general, is_parser, may_fit, may_follow_header, steps_behind_header
from slips.inference.trial import FEW, RECORDS, FirstRecords, try_chain
from slips.model import ObjectEvent
from slips.step import Step, name_of

_HEADERS = 3
"""Headers behind which other formats are tried."""
_LEVELS = frozenset(
    """
    TRACE DEBUG VERBOSE INFO NOTICE WARN WARNING ERROR ERR CRITICAL CRIT FATAL SEVERE ALERT EMERG EMERGENCY PANIC
    """.split()
)
"""Words in place of a host's name by which a line is known to have none."""
_LEAST_OF_FEW = 1 / 4
"""The share of the first few records that a chain must parse to be tried on more."""
_LEAST_PAIRS = 4
"""Pairs in each text behind a header that are no words of a message."""
_LEAST_ELEMENTS = 2
"""Elements for each document from which on an array may be that of a log, and not a field of one event."""
_LOOKED_AT = 20_000
"""Bytes in which an array of objects must begin."""
_TOKEN = re.compile(
    rb'"(?P<text>(?:[^"\\]|\\.)*)"(?P<colon>\s*:)?|(?P<opens>(?P<objects>\[(?=\s*\{))|[{\[])|[}\]]', re.DOTALL
)
_JSON = re.compile(r"\s*+(?:\{|\[\s*+[\[{])")
"""The beginning of JSON with objects behind a header; a word in brackets is of another notation."""
_KEY = re.compile(rb"[A-Za-z_][A-Za-z0-9_]{0,40}")
_FIRST_LEVEL = 2
"""Brackets around the elements of an array in a document, before their own."""


def candidates_of(log: OpenedLog, source: ObjectEvent) -> Iterator[Candidate]:
    """Yield the chains that make events of a log; of a format several, if several do. `source` dates its records."""
    attempts = _Attempts(log, source)
    if log.is_parquet:
        yield from attempts.on_rows()
        return
    alone = [each for each in attempts.alone() if not _has_levels_as_hosts(each)]
    yield from alone
    yield from attempts.of_no_product()
    for header in _headers(alone):
        yield from attempts.behind(header)


class _Attempts:
    """The attempts on one log."""

    def __init__(self, log: OpenedLog, source: ObjectEvent) -> None:
        self._log, self._source = log, source
        self._is_json = not log.is_parquet and is_json(log.content)
        self._array = _array_of_objects(log.content) if self._is_json else ""

    def on_rows(self) -> Iterator[Candidate]:
        """Yield the formats that may read the rows of a Parquet file, and the reader alone."""
        yield Candidate(PARQUET, self._run([PARQUET]), 0.0, self._log.archives)
        for format_ in filter(is_parser, catalogue().values()):
            trial = self._run([PARQUET, format_.name])
            if trial.events:
                yield self._candidate(format_, trial, trial.events)

    def alone(self) -> Iterator[Candidate]:
        """Yield the formats that may read the log, JSON also in the arrays of its first document."""
        for format_ in catalogue().values():
            if may_fit(format_, self._is_json):
                for steps in _chains(format_, self._array):
                    yield from self._try(format_, steps)

    def behind(self, header: Candidate) -> Iterator[Candidate]:
        """Yield the formats that may read the texts behind a header."""
        before, texts = header.trial.steps, header.carried
        in_json = sum(_JSON.match(text) is not None for text in texts) > len(texts) / 2
        for format_ in catalogue().values():
            if may_follow_header(format_, in_json) and format_.name not in (header.format, *map(name_of, before)):
                yield from self._try(format_, [*before, *steps_behind_header(format_)])
        if not in_json:
            yield from self._pairs_behind(header)

    def _pairs_behind(self, header: Candidate) -> Iterator[Candidate]:
        """Yield the parser for pairs of no product behind a header, of texts that are pairs and nothing else."""
        before = header.trial.steps
        trial = self._run([*before, "logfmt"])
        values = [value for event in trial.events for value in event.values()]
        if trial.parsed == 1 and len(values) >= _LEAST_PAIRS * len(trial.events) > 0 and True not in values:
            time = time_options(trial.events)
            yield from self._guess(*before, {"logfmt": time} if time else "logfmt", like=GENERAL)

    def of_no_product(self) -> Iterator[Candidate]:
        """Yield the chains for a log of no product that say where its time is, or where its records begin."""
        if self._is_json:
            name, objects = "json", self._objects
            if not objects:
                name, objects = "json-elements", self._run(["json-elements"]).events
            time = time_options(objects)
            in_array = [*self._in_array()] if not time or self._are_mostly_arrays(objects) else []
            if not in_array:
                yield from self._guess({name: time} if time else None, like=likeness(name, objects) * GENERAL)
            yield from in_array
        else:
            yield from self._guess(table_step(self._log.content) or self._pairs_step(), like=GENERAL)
            if reader := self._elements_step():
                yield from self._guess(reader, like=GENERAL)
            if reader := several_lines_step(self._log.content):
                yield from self._try(catalogue()["timestamp"], [reader, "timestamp"])

    def _in_array(self) -> Iterator[Candidate]:
        """Yield the reader for documents whose records, with a time, are in an array."""
        if self._array:
            reader = f"json-records:{self._array}"
            objects = self._run([reader]).events
            time = time_options(objects)
            yield from self._guess({reader: time} if time else None, like=likeness("json-records", objects) * GENERAL)

    def _are_mostly_arrays(self, documents: Sequence[Any]) -> bool:
        """Whether documents are more records in an array than fields around it, such as the time of an export."""
        elements = [element for document in documents for element in _elements_at(document, self._array)]
        return len(elements) >= _LEAST_ELEMENTS * len(documents) > 0 and 2 * _length(elements) > _length(documents)

    def _guess(self, *steps: Step | None, like: float) -> Iterator[Candidate]:
        known = [step for step in steps if step is not None]
        if known:
            trial = self._run(known)
            if trial.events:
                yield Candidate(name_of(known[-1]).partition(":")[0], trial, like, self._log.archives)

    def _pairs_step(self) -> Step | None:
        """Return the parser for lines of pairs, one of which is the time; None for others, as texts with a pair."""
        part = first_bytes(self._log, TEXT)
        trial = try_chain(["logfmt"], part.content, self._source, RECORDS, whole=part.whole)
        values = [value for event in trial.events for value in event.values()]
        words = sum(value is True for value in values)
        if trial.parsed < 1 or len(values) < 2 * len(trial.events) or words * 10 > len(values):
            return None
        time = time_options(trial.events)
        return {"logfmt": time} if time else None

    def _elements_step(self) -> Step | None:
        """Return the reader for the elements of XML that are records, with their time; None for other texts."""
        name = repeated_element(self._log.content)
        if not name:
            return None
        return {"xml-events": {"element": name, **time_options(self._run([f"xml-events:{name}"]).events)}}

    def _try(self, format_: Format, steps: Sequence[Step]) -> Iterator[Candidate]:
        """Yield a format with the chain `steps`, if these read some of the log."""
        trial = self._run(steps, FEW)
        if trial.parsed >= _LEAST_OF_FEW and (trial.events or trial.filtered):
            trial = self._run(steps)
        if trial.events:
            yield self._candidate(format_, trial, trial.events)
        elif trial.filtered and self._is_json:  # by a rule of the format, as most requests are to a firewall
            yield self._candidate(format_, trial, self._objects)

    def _run(self, steps: Sequence[Step], records: int = RECORDS) -> FirstRecords:
        return try_chain(steps, self._log.content, self._source, records, whole=self._log.whole)

    def _candidate(self, format_: Format, trial: FirstRecords, events: Sequence[Any]) -> Candidate:
        return Candidate(format_.name, trial, weighed_likeness(format_.name, events), self._log.archives)

    @cached_property
    def _objects(self) -> list[Any]:
        """The objects of JSON in the log, as they are."""
        return self._run(["json"]).events


def _elements_at(document: Any, path: str) -> list[Any]:
    """Return the elements of the array at a dotted path of a document; none if there is no array."""
    for key in path.split("."):
        document = document.get(key) if isinstance(document, dict) else None
    return document if isinstance(document, list) else []


def _length(values: Sequence[Any]) -> int:
    return len(json.dumps(values, default=str))


def _headers(alone: Sequence[Candidate]) -> list[Candidate]:
    """Return the headers of a log behind which formats are tried, the best first: one of those that carry the same."""
    headers = [each for each in alone if each.carried and each.parses_most]
    of_any_product = [each.carried for each in headers if is_general(each.format)]
    headers = [each for each in headers if is_general(each.format) or each.carried not in of_any_product]
    return sorted(headers, key=lambda each: -each.score)[:_HEADERS]


def _has_levels_as_hosts(each: Candidate) -> bool:
    """Whether the hosts that a header finds in a log are levels: `2026-11-29T08:00:00Z INFO …` has no header."""
    hosts = {str(event.get("hostname")).strip("[]:<>").upper() for event in each.trial.events}
    return bool(each.carried) and bool(hosts) and hosts <= _LEVELS


def _chains(format_: Format, array: str) -> Iterator[list[Step]]:
    """Yield the chains of a format: its usual one, and a product's for the objects of an array at the first level."""
    yield [format_.name]
    if array and "." not in array and format_.chain[:2] == ("s3-lines", "json") and not is_general(format_.name):
        yield [f"json-records:{array}", *format_.chain[2:]]


def _array_of_objects(content: bytes) -> str:
    """Return the path of the first array of objects in JSON documents, those at their first level before others.

    Empty if there is none, but within another array.
    """
    first, path, key = "", list[str](), ""
    for token in _TOKEN.finditer(content[:_LOOKED_AT]):
        if token["text"] is not None:
            key = token["text"].decode() if token["colon"] and _KEY.fullmatch(token["text"]) else ""
            continue
        if token["opens"]:
            path.append(key)
        else:
            del path[-1:]
        key = ""
        if token["objects"] and len(path) > 1 and all(path[1:]):
            if len(path) == _FIRST_LEVEL:
                return path[1]
            first = first or ".".join(path[1:])
    return first
