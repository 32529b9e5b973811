"""Parquet: each row is a record with its number across row groups, and values have types."""

from __future__ import annotations

import io
import json
import sys
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pytest
from arro3.core import Array, DataType, Field, list_array, struct_array
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

import chains
from archived import zipped
from chains import OBJECT, until_error
from processing import EVENT, Make, Recorder, StopAt, done, make, root
from projects import Project
from slips.errors import ReaderError
from slips.format import RecordLimits
from slips.parsing.chain import compile_chain
from slips.parsing.declare import Columns
from slips.parsing.declare.table import Table
from slips.parsing.meaning import epoch
from slips.parsing.readers.parquet_rows import FOOTER_BYTES, ROWS, _names, _plain
from tables import Column, numbered, table, table_of

__all__ = ["make", "root"]

STRING, INT64, BINARY = DataType.string(), DataType.int64(), DataType.binary()


def test_rows_are_numbered_across_row_groups() -> None:
    events = chains.run(["parquet"], numbered(2 * ROWS + 3, rows=100)).events
    assert [(meta.seq, event) for meta, event in events] == [(n, {"n": n}) for n in range(1, 2 * ROWS + 4)]


@pytest.mark.parametrize(
    ("kind", "stored", "expected"),
    [
        (DataType.timestamp("s"), 1_700_000_000, "2023-11-14T22:13:20Z"),
        (DataType.timestamp("ms"), 1_700_000_000_123, "2023-11-14T22:13:20.123Z"),
        (DataType.timestamp("ms"), 1_700_000_000_005, "2023-11-14T22:13:20.005Z"),
        (DataType.timestamp("us"), -1, "1969-12-31T23:59:59.999999Z"),
        (DataType.timestamp("ns"), 1_700_000_000_123_456_789, "2023-11-14T22:13:20.123456789Z"),
        (DataType.timestamp("ms", tz="Asia/Tokyo"), 1_700_000_000_000, "2023-11-14T22:13:20Z"),
        (DataType.date32(), 19_724, "2024-01-02"),
        (INT64, -(2**63), -(2**63)),
        (DataType.uint64(), 2**64 - 1, 2**64 - 1),
        (DataType.float64(), 0.1, 0.1),
        (DataType.bool(), False, False),
        (STRING, "é", "é"),
        (BINARY, b"a\xff", "a\udcff"),
    ],
)
def test_values_have_the_type_of_their_column(kind: DataType, stored: object, expected: object) -> None:
    ((_, first), (_, second)) = chains.run(["parquet"], table({"a": ([stored, None], kind)})).events
    assert (first, second) == ({"a": expected}, {"a": None})
    assert type(first["a"]) is type(expected)


def test_a_row_that_python_cannot_hold_is_quarantined_alone() -> None:
    content = table({"a": ([0, 2**62, 1], DataType.timestamp("s"))})
    found = chains.run(["parquet"], content)
    assert [event["a"] for _, event in found.events] == ["1970-01-01T00:00:00Z", "1970-01-01T00:00:01Z"]
    ((seq, reason),) = found.quarantined
    assert (seq, reason.partition(":")[0]) == (2, f"column 'a' has {2**62}, which cannot be read")
    found = chains.run(["parquet"], table({"a": ([2**62, 1], DataType.timestamp("s"))}))
    assert ([seq for seq, _ in found.quarantined], [meta.seq for meta, _ in found.events]) == ([1], [2])


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Decimal("5"), 5),
        (Decimal("5.00"), 5.0),
        (Decimal("0.25"), 0.25),
        (Decimal("12345678901234567890.12"), "12345678901234567890.12"),
        ([("a", 1), ("b", Decimal("2"))], {"a": 1, "b": 2}),
        ([("a", 1), ("a", 2)], [["a", 1], ["a", 2]]),
        ([(1, "a")], [[1, "a"]]),
        ([datetime(2024, 1, 1, 1, tzinfo=timezone(timedelta(hours=2)))], ["2023-12-31T23:00:00Z"]),
        ({"a": [datetime(2024, 1, 1)]}, {"a": ["2024-01-01T00:00:00Z"]}),
    ],
)
def test_values_of_the_library_become_values_of_json(value: object, expected: object) -> None:
    assert repr(_plain(value)) == repr(expected)


def test_columns_of_one_name_have_different_names() -> None:
    assert _names(["a", "a", "column_2"]) == ["a", "column_2", "column_3"]
    assert _names(["column_3", "x", "x"]) == ["column_3", "x", "column_3_"]


# ---- formats behind


VPC: dict[str, Column] = {
    "account_id": (["1", "-"], STRING),
    "srcaddr": (["10.0.0.1", None], STRING),
    "srcport": (["443", None], STRING),
    "start": ([1_700_000_000, 1_700_000_001], INT64),
    "action": (["ACCEPT", "-"], STRING),
    "new": (["x", "y"], STRING),
}


def test_a_format_of_lines_reads_the_columns_that_its_lines_have() -> None:
    (meta, event), (_, second) = chains.run(["parquet", "vpc-flow"], table(VPC)).events
    assert (meta.tag, meta.timestamp, meta.message) == ("aws.vpc-flow", 1_700_000_000.0, "ACCEPT 10.0.0.1 => -")
    assert event == {
        "account-id": "1",
        "srcaddr": "10.0.0.1",
        "srcport": 443,
        "start": 1_700_000_000,
        "action": "ACCEPT",
        "new": "x",
    }
    assert (second["account-id"], second["action"], second["srcport"]) == (None, None, None)


def test_a_time_that_the_table_has_as_a_time_is_read_whatever_lines_have() -> None:
    content = table({**VPC, "start": ([1_700_000_000, 1], DataType.timestamp("s"))})
    assert chains.run(["parquet", "vpc-flow"], content).events[0][0].timestamp == 1_700_000_000.0


def test_a_format_whose_logs_name_their_columns_reads_those_that_it_declares() -> None:
    requests: dict[str, Column] = {
        "date": (["2026-07-02"], STRING),
        "time": (["22:23:00"], STRING),
        "sc_status": (["200"], STRING),
        "cs_host": (["www.example.com"], STRING),
        "cs_user_agent": (["-"], STRING),
    }
    ((meta, event),) = chains.run(["parquet", "cloudfront"], table(requests)).events
    assert meta.timestamp == 1_783_030_980.0
    assert (event["sc-status"], event["cs(Host)"], event["cs(User-Agent)"]) == (200, "www.example.com", None)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"Status": "1", "status": "2"}, {"Status": "1", "status": 2}),
        ({"status": "2", "Status": "1"}, {"Status": "1", "status": 2}),
        ({"Status": "1", "STATUS": "2"}, {"status": 1, "STATUS": "2"}),
    ],
)
def test_no_column_replaces_another_of_the_same_declared_name(row: dict[str, str], expected: dict[str, object]) -> None:
    assert Table.of(Columns("a", "a", columns="status x", integers="status")).row()(row) == expected


def test_a_table_of_other_columns_is_quarantined_by_a_format_of_lines() -> None:
    found = chains.run(["parquet", "vpc-flow"], numbered(2))
    assert found.quarantined == [(seq, "no column of vpc-flow (keys: n)") for seq in (1, 2)]


def test_a_format_of_events_reads_rows() -> None:
    content = table({"eventType": (["user.session.start"], STRING), "published": ([0], DataType.timestamp("ms"))})
    ((meta, _),) = chains.run(["parquet", "okta"], content).events
    assert (meta.tag, meta.timestamp) == ("okta.system", 0.0)


def test_a_table_and_its_slow_reading_agree() -> None:
    from slips.parsing.plain import plain

    lines = Columns("a", "a", columns="a-b t", integers="a-b", time=epoch("t"), absent="-", message="{a-b}")
    declared = Table.of(lines)
    for row in ({"A_B": "1", "t": 5}, {"a b": "-", "t": "1970-01-01T00:00:07Z"}, {"x": 1}, {"a-b": "x"}):
        results: list[object] = []
        for parse in (declared.parse, plain(declared)):
            meta = chains.new_meta()
            try:
                results.append((parse(meta, dict(row)), meta.timestamp, meta.message))
            except Exception as error:  # noqa: BLE001 - compared
                results.append(str(error))
        assert results[0] == results[1]


def test_rows_in_a_zip_archive_have_numbers_throughout() -> None:
    events = chains.run(["zip", "parquet"], zipped([("a", numbered(2)), ("b", numbered(1))])).events
    assert [(meta.seq, meta.member, event["n"]) for meta, event in events] == [(1, "a", 1), (2, "a", 2), (3, "b", 1)]


# ---- runs


def test_a_stopped_run_goes_on_behind_its_last_row(make: Make) -> None:
    processor = make(numbered(5, rows=2), ["parquet"])
    first = done(processor.process(EVENT, StopAt(3)))
    assert first.rest is not None
    assert (first.rest.records, first.rest.reader) == ([(4, None)], "parquet")
    done(processor.process(replace(first.rest, object_etag=""), StopAt()))
    assert [event["n"] for run in Recorder.runs for event in run.events] == [1, 2, 3, 4, 5]


def test_a_quarantine_shows_a_row_as_json_and_marks_it_as_rendered(make: Make) -> None:
    success = done(make(numbered(3), ["parquet", "okta"]).process(EVENT))
    samples = [sample for part in success.quarantine for sample in part.samples]
    assert [(sample.seq, json.loads(sample.raw), sample.rendered) for sample in samples] == [
        (n, {"n": n}, True) for n in (1, 2, 3)
    ]


def test_the_quarantine_of_a_row_that_python_cannot_hold_shows_its_values(make: Make) -> None:
    columns: dict[str, tuple[list[object], DataType]] = {
        "n": ([1, 2], DataType.int64()),
        "a": ([0, 2**62], DataType.timestamp("s")),
        "day": ([0, 2**30], DataType.date32()),
        "name": (["x", "y"], STRING),
    }
    ((sample,),) = [part.samples for part in done(make(table(columns), ["parquet"]).process(EVENT)).quarantine]
    assert (sample.seq, sample.rendered) == (2, True)
    assert json.loads(sample.raw) == {"n": 2, "a": 2**62, "day": 2**30, "name": "y"}


def test_a_date_within_others_that_python_cannot_hold_is_no_null() -> None:
    kind = DataType.int32()
    dates = Array([0, 2**30, 5], kind).cast(DataType.date32())
    lists = list_array(Array([0, 1, 3, 3], kind), dates)
    structs = struct_array([dates], fields=[Field("day", DataType.date32(), nullable=True)])
    for column in (lists, structs, list_array(Array([0, 1, 2, 3], kind), structs)):
        found = chains.run(["parquet"], table_of({"a": column}))
        assert ([meta.seq for meta, _ in found.events], [seq for seq, _ in found.quarantined]) == ([1, 3], [2])
        assert "1073741824" in found.quarantined[0][1]


def test_texts_that_a_mapping_wants_are_looked_for_in_rows() -> None:
    chain = compile_chain(["parquet"], Path(), contains=["b"])
    found = chains.run_chain(chain, table({"a": (["abc", "xyz"], STRING)}))
    assert ([event["a"] for _, event in found.events], found.outcome.rules) == (["abc"], {"contains": 1})


# ---- limits and damage


def test_rows_beyond_the_limits_are_quarantined_and_the_others_read() -> None:
    limits = RecordLimits(bytes=1_000, values=50)
    found = chains.run(["parquet"], table({"a": (["x" * 2_000, "y"], STRING)}), limits=limits)
    assert ([event["a"] for _, event in found.events], len(found.quarantined)) == (["y"], 1)
    assert "over the limit of 1,000" in found.quarantined[0][1]
    named = table({f"{'x' * 200}{n}": ([1], INT64) for n in range(5)})
    assert "over the limit of 1,000" in chains.run(["parquet"], named, limits=limits).quarantined[0][1]
    exact = table({"a": (["x" * 992, "x" * 993], STRING)})
    assert [seq for seq, _ in chains.run(["parquet"], exact, limits=limits).quarantined] == [2]
    several = table_of({"a": list_array(Array([0, 60], DataType.int32()), Array([1] * 60, INT64))})
    assert "more than 50 values" in chains.run(["parquet"], several, limits=limits).quarantined[0][1]
    one = table_of({"a": list_array(Array([0, 1], DataType.int32()), Array([1], INT64))})
    assert "deeper than 1 levels" in chains.run(["parquet"], one, limits=RecordLimits(depth=1)).quarantined[0][1]
    assert chains.run(["parquet"], one, limits=RecordLimits(depth=2)).events[0][1] == {"a": [1]}
    wide = table({f"c{n}": ([1], INT64) for n in range(60)})
    assert "more than 50 values" in chains.run(["parquet"], wide, limits=limits).quarantined[0][1]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"a line", "parquet: the object begins with b'a li'"),
        (b"PAR1", "parquet: no footer at the end"),
        (numbered(3)[:-1], "parquet: no footer at the end"),
        (b"PAR1" + bytes(20) + b"\x15\0\0\0PAR1", "parquet: no footer at the end"),
        (b"PARE" + bytes(20), "parquet: the footer is encrypted"),
        (b"PAR1" + bytes(40) + b"PAR1", "parquet: the file cannot be read"),
    ],
    ids=["text", "beginning", "cut", "long", "encrypted", "zeros"],
)
def test_what_is_no_whole_parquet_file_is_refused(content: bytes, expected: str) -> None:
    with pytest.raises(ReaderError) as raised:
        chains.run(["parquet"], content)
    assert str(raised.value).startswith(expected)


def test_the_reason_of_the_library_is_cut() -> None:
    content = numbered(3).replace(b"/////", b"////\xff")
    with pytest.raises(ReaderError, match=r"cannot be read: .*…; expected an undamaged one") as raised:
        chains.run(["parquet"], content)
    assert len(str(raised.value)) < 300


def test_a_footer_that_is_too_long_is_refused_unread() -> None:
    content = b"PAR1" + bytes(FOOTER_BYTES + 1) + (FOOTER_BYTES + 1).to_bytes(4, "little") + b"PAR1"
    with pytest.raises(ReaderError, match="the footer has 33,554,433 bytes"):
        chains.run(["parquet"], content)


def test_a_table_without_rows_counts_as_one_record_that_a_rule_filters() -> None:
    assert chains.run(["parquet"], numbered(0)).outcome.rules == {"no-records": 1}
    assert chains.run(["parquet"], b"").outcome.records == 0


@settings(deadline=None, max_examples=100)
@given(st.data())
def test_any_damage_is_an_error_or_leaves_records(data: st.DataObject) -> None:
    content = bytearray(numbered(3))
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    chain = compile_chain(["parquet"], Path())
    found, error = until_error(chain.records(io.BufferedReader(io.BytesIO(bytes(content)))))
    assert found or error


def test_a_file_without_the_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "arro3.io", None)
    with pytest.raises(ReaderError, match=r"run pip install '\.\[parquet\]' in the checkout"):
        chains.run(["parquet"], numbered(1))


@pytest.mark.parametrize("module", ["arro3", "arro3.io"])
def test_check_warns_of_a_format_whose_extra_is_not_installed_here(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, module: str
) -> None:
    project = Project(tmp_path)
    config = (tmp_path / "slips.yml").read_text()
    project.config(config.replace("format: [s3-lines, json]", "format: parquet"))
    assert project.slips("check").err == ""
    with monkeypatch.context() as patch:
        patch.delitem(sys.modules, "arro3.io", raising=False)
        patch.setitem(sys.modules, module, None)
        done = project.slips("check")
    assert done.status == 0
    (warning,) = done.err.splitlines()
    assert ": warning: format 'parquet': the library 'arro3-io' is not installed; expected the extra" in warning
    assert "run pip install '.[parquet]' in the checkout of slips" in warning


def test_an_object_that_the_chain_does_not_take_for_parquet_is_refused_with_the_chain_to_write() -> None:
    with pytest.raises(ReaderError, match=r"write the chain \[parquet, okta\], which reads it"):
        chains.run(["okta"], numbered(1))


def test_ranges_of_rows_are_replayed() -> None:
    events = chains.run(["parquet"], numbered(9, rows=2), replace(OBJECT, records=[(3, 4), (8, 8)])).events
    assert [event["n"] for _, event in events] == [3, 4, 8]


def test_rows_of_a_column_of_lists_are_lists() -> None:
    lists = list_array(Array([0, 2, 3], DataType.int32()), Array([1, 2, 3], INT64))
    content = table_of({"a": lists})
    assert [event["a"] for _, event in chains.run(["parquet"], content).events] == [[1, 2], [3]]
