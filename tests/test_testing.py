"""`slips.testing`: what users import to test their handler takes the real path and hides nothing."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Any

import pytest

import slips.interface
import slips.testing
from slips.errors import DecompressionError, FormatError, RecordError
from slips.model import MetaData


class Count(slips.interface.Handler):
    def setup(self, args: dict[str, Any]) -> None:
        self.args, self.seen = args, 0

    def recv(self, meta: MetaData, event: dict[str, Any]) -> None:
        self.seen += 1
        event.clear()

    def result(self) -> Any:
        return {"seen": self.seen, **self.args}


class Raises(slips.interface.Handler):
    def recv(self, meta: MetaData, event: dict[str, Any]) -> None:
        raise LookupError("mine")


JSON = ["s3-lines", "json"]


def test_three_lines_give_events_result_and_quarantine() -> None:
    seen = slips.testing.run(Count, JSON, b'{"n": 1}\nnonsense\n{"n": 2}\n', args={"a": 1})
    assert seen.result == {"seen": 2, "a": 1}
    assert seen.events == [{"n": 1}, {"n": 2}]
    assert [meta.seq for meta in seen.metas] == [1, 3]
    assert [(bad.seq, bad.raw) for bad in seen.quarantine] == [(2, "nonsense")]
    assert "not JSON" in seen.quarantine[0].reason
    assert (seen.records, seen.delivered, seen.quarantined, seen.filtered) == (3, 2, 1, {})


def test_events_are_those_that_the_handler_was_given_whatever_it_does_to_them() -> None:
    assert slips.testing.run(Count, JSON, b'{"n": {"m": 1}}').events == [{"n": {"m": 1}}]


def test_the_handlers_exception_is_raised_as_itself() -> None:
    with pytest.raises(LookupError, match="mine") as raised:
        slips.testing.run(Raises, JSON, b"{}")
    assert raised.value.__cause__ is None
    assert raised.traceback[-1].name == "recv"


def test_an_exception_keeps_its_own_cause() -> None:
    class Chained(slips.interface.Handler):
        def recv(self, meta: object, event: object) -> None:
            raise ValueError from LookupError("root")

    with pytest.raises(ValueError) as raised:  # noqa: PT011 - its cause is what counts
        slips.testing.run(Chained, JSON, b"{}")
    assert isinstance(raised.value.__cause__, LookupError)


def test_a_handler_that_exits_does_not_end_the_test_run_unseen() -> None:
    class Exits(slips.interface.Handler):
        def recv(self, meta: object, event: object) -> None:
            raise SystemExit(3)

    with pytest.raises(SystemExit):
        slips.testing.run(Exits, JSON, b"{}")


def test_a_log_is_decompressed_as_in_a_run(tmp_path: Path) -> None:
    path = tmp_path / "any name"
    path.write_bytes(gzip.compress(b'{"n": 1}\n'))
    assert slips.testing.run(Count, JSON, path).result == {"seen": 1}
    with pytest.raises(DecompressionError):
        slips.testing.run(Count, JSON, path.read_bytes()[:-9])


def test_without_a_handler_it_only_parses() -> None:
    seen = slips.testing.run(None, JSON, b'{"n": 1}')
    assert (seen.events, seen.result, seen.results) == ([{"n": 1}], None, {})


def test_a_handler_file_may_have_several_handlers(tmp_path: Path) -> None:
    path = tmp_path / "two.py"
    path.write_text(
        "import slips.interface\n"
        "class A(slips.interface.Handler):\n"
        "    def recv(self, meta, event): event['a'] = 1\n"
        "    def result(self): return 'a'\n"
        "class B(slips.interface.Handler):\n"
        "    def recv(self, meta, event): self.keys = sorted(event)\n"
        "    def result(self): return self.keys\n"
    )
    seen = slips.testing.run(path, JSON, b'{"n": 1}')
    assert seen.results == {"A": "a", "B": ["n"]}
    with pytest.raises(ValueError, match="A, B"):
        _ = seen.result


def test_the_objects_key_and_time_can_be_given() -> None:
    log = b"Dec 31 23:59:59 host proc: text\n"
    seen = slips.testing.run(None, "syslog", log, key="logs/a+b.log", event_time="2024-01-01T00:00:05Z")
    assert seen.metas[0].timestamp == 1704067199
    assert seen.metas[0].source.object_key == "logs/a+b.log"


def test_a_files_name_and_last_change_are_its_key_and_time(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("{}")
    os.utime(path, (1_000_000, 1_000_000))
    (meta,) = slips.testing.run(None, "json", path).metas
    assert (meta.timestamp, meta.source.object_key) == (1_000_000, "a.jsonl")


def test_a_time_that_is_none_is_refused() -> None:
    with pytest.raises(RecordError, match="event_time"):
        slips.testing.run(None, "json", b"{}", event_time="yesterday")


def test_on_error_means_what_it_means_in_the_config() -> None:
    log = b'{"n": 1}\nnonsense\n'
    assert slips.testing.run(Count, JSON, log, on_error="skip").filtered == {"on_error: skip": 1}
    with pytest.raises(FormatError, match="record 2"):
        slips.testing.run(Count, JSON, log, on_error="fail")


def test_a_wrong_mapping_fails_as_in_a_run() -> None:
    with pytest.raises(FormatError, match="look at its 'format'"):
        slips.testing.run(Count, JSON, b"nonsense\n" * 10)


def test_an_unknown_format_says_what_was_perhaps_meant() -> None:
    with pytest.raises(FormatError, match="did you mean 'json'"):
        slips.testing.run(Count, "jsno", b"")


def test_a_format_of_ones_own_is_relative_to_the_current_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.py").write_text("def upper(meta, event):\n    return {k.upper(): v for k, v in event.items()}\n")
    monkeypatch.chdir(tmp_path)
    assert slips.testing.run(None, ["s3-lines", "json", "mine.py:upper"], b'{"n": 1}').events == [{"N": 1}]


def test_args_given_are_not_changed_by_the_handler() -> None:
    class Changes(slips.interface.Handler):
        def setup(self, args: dict[str, Any]) -> None:
            args["users"].append("x")

        def recv(self, meta: object, event: object) -> None: ...

    args: dict[str, Any] = {"users": []}
    slips.testing.run(Changes, "json", json.dumps({}).encode(), args=args)
    assert args == {"users": []}
