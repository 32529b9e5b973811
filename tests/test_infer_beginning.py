"""How much of a log `slips infer` looks at."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import slips.inference.attempts
import slips.inference.beginning
import slips.inference.containers
from inferred import SOURCE, chains, sample
from projects import Project
from slips.inference.rank import infer
from slips.inference.trial import RECORDS, FirstRecords, try_chain

pytestmark = pytest.mark.once


def test_a_record_that_is_longer_than_the_beginning_on_which_chains_are_tried_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(slips.inference.beginning, "JSON_TEXT", 1 << 11)
    monkeypatch.setattr(slips.inference.beginning, "TEXT", 1 << 12)
    event = json.loads(sample("okta").splitlines()[0])
    log = json.dumps([event | {"debugContext": {"debugData": {"x": "y" * 5_000}}}, event], indent=2).encode()
    assert chains(infer(log, SOURCE))[0] == "okta"


@pytest.mark.parametrize(("begin", "looked_at"), [(b"", 1 << 11), (b'{"a": "', 1 << 12)])
def test_of_a_line_without_an_end_a_short_beginning_is_looked_at_and_told(
    project: Project, monkeypatch: pytest.MonkeyPatch, begin: bytes, looked_at: int
) -> None:
    for name, size in (("JSON_TEXT", 1 << 11), ("TEXT", 1 << 12), ("HEAD", 1 << 13)):
        monkeypatch.setattr(slips.inference.beginning, name, size)
    monkeypatch.setattr(slips.inference.containers, "HEAD", 1 << 13)
    tried: list[int] = []

    def counted(steps: Any, content: bytes, *args: Any, **options: Any) -> FirstRecords:
        tried.append(len(content))
        return try_chain(steps, content, *args, **options)

    monkeypatch.setattr(slips.inference.attempts, "try_chain", counted)
    line = begin + b"a" * (1 << 14)
    assert infer(line[: 1 << 13], SOURCE, whole=False).part == looked_at
    assert max(tried) == looked_at
    assert infer(line[: 1 << 13] + b"\n", SOURCE).part == 0
    said = f"-: its first line is longer than what is read of a log; looked at its first {looked_at:,} bytes"
    assert said in project.slips("infer", "-", stdin=line).err


def test_the_cut_off_end_of_a_beginning_is_no_bad_record() -> None:
    line = sample("alb").splitlines()[0]
    (first, *_) = infer(line + b"\n" + line[:70], SOURCE, whole=False).fitting
    assert (first.format, first.trial.parsed) == ("alb", 1.0)
    found = infer(line + b"\n" + line[:70], SOURCE).fitting
    assert next(each for each in found if each.format == "alb").trial.parsed == 0.5


def test_no_more_records_are_read_than_are_looked_at() -> None:
    found = infer(sample("alb").splitlines()[0] + b"\n" + (sample("alb").splitlines()[0] + b"\n") * 10_000, SOURCE)
    assert found.fitting[0].trial.records == RECORDS


@pytest.mark.parametrize(
    ("log", "most", "chain"),
    [
        (lambda event: json.dumps({"entries": [event] * 3_000}), 1 << 17, "[json-records:entries, okta]"),
        (lambda event: json.dumps([event] * 3_000), 1 << 17, "okta"),
        (lambda event: json.dumps(event | {"seen": [{"a": 1}] * 20_000}) + "\n" + "{" * 1_000_000, 1 << 20, "okta"),
    ],
)
def test_no_more_bytes_of_json_are_tried_than_it_takes_for_one_to_fit(
    monkeypatch: pytest.MonkeyPatch, log: Callable[[Any], str], most: int, chain: str
) -> None:
    tried: list[int] = []

    def counted(steps: Any, content: bytes, *args: Any, **options: Any) -> FirstRecords:
        tried.append(len(content))
        return try_chain(steps, content, *args, **options)

    monkeypatch.setattr(slips.inference.attempts, "try_chain", counted)
    content = log(json.loads(sample("okta").splitlines()[0])).encode()
    assert len(content) > most
    assert chains(infer(content, SOURCE))[0] == chain
    assert max(tried) == most


BEGINNINGS = st.sampled_from(
    [b"", b"{", b"[{", b'{"Records":[', b"<13>", b"\xff\xfe", b"PK\x03\x04", b"\x1f\x8b", b"#F "]
)


@pytest.mark.slow
@settings(max_examples=12, deadline=None)
@given(BEGINNINGS, st.binary(max_size=300), st.booleans())
def test_any_bytes_are_a_log_of_some_formats_or_of_none(beginning: bytes, rest: bytes, whole: bool) -> None:
    found = infer(beginning + rest, SOURCE, whole=whole)
    assert all(found.fitting[0].score >= 0.85 * each.score for each in found.fitting)
    assert all(
        0 <= share <= 1 for each in found.fitting for share in (each.likeness, each.trial.parsed, each.trial.times)
    )


@pytest.mark.parametrize(
    "text", ['[\n  {\n    "time": "2026-11-20T10:00:00Z"\n  },\n  {\n    "ti', '{\n "a": {\n  "b": 1,\n']
)
def test_a_document_over_lines_that_is_cut_off_is_said_to_be_so(text: str) -> None:
    found = infer(text.encode(), SOURCE)
    assert found.reason == (
        f"its JSON document does not end: the log is cut off behind {len(text)} bytes; copy all of it"
    )


def test_broken_lines_are_not_taken_for_a_document_that_is_cut_off() -> None:
    assert infer(b'{"a": ]\n{"b" 1}\n', SOURCE).reason == ""
