"""Rules of the PAN-OS parser that its sample does not show on its own."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import chains
from chains import OBJECT
from slips.errors import RecordError
from slips.format import Event
from slips.model import MetaData

START, GENERATED = "2018/06/11 04:27:47", "2018/06/11 04:27:50"
START_SECONDS, GENERATED_SECONDS = 1528691267.0, 1528691270.0


def parse(line: str, chain: str = "s3-lines paloalto") -> tuple[MetaData, Event]:
    return chains.parse(chain.split(), line.encode() + b"\n")


def line_of(type_: str, columns: int, **values: str) -> str:
    """A line whose columns hold their numbers, but for its type, its times and `values` (`c32="…"`)."""
    row = [str(number) for number in range(1, columns + 1)]
    known = {"c4": type_, "c7": GENERATED, **({"c36": START} if type_ == "TRAFFIC" else {}), **values}
    for name, value in known.items():
        if int(name[1:]) <= columns:
            row[int(name[1:]) - 1] = value
    return ",".join(row)


@pytest.mark.parametrize(
    ("type_", "columns", "names"),
    [
        (
            "TRAFFIC",
            54,
            {1: "Domain", 3: "Serial #", 8: "Source address", 26: "Destination Port", 32: "Bytes", 39: "Padding"}
            | {40: "seqno", 44: "cpadding", 47: "session_end_reason", 53: "device_name", 54: "action_source"},
        ),
        (
            "THREAT",
            61,
            {8: "Source address", 32: "URL", 33: "Threat/Content Name", 35: "Severity", 40: "Destination Country"}
            | {44: "filedigest", 54: "reportid", 60: "device_name", 61: "file_url"},
        ),
    ],
)
def test_columns_have_the_names_that_the_original_gave_them(type_: str, columns: int, names: dict[int, str]) -> None:
    _, event = parse(line_of(type_, columns))
    assert {name: event[name] for name in names.values()} == {name: str(number) for number, name in names.items()}
    assert len(event) == columns + len(["message", "raw_message"])


@pytest.mark.parametrize(
    ("type_", "names"),
    [
        ("TRAFFIC", {55: "src_uuid", 66: "rule_uuid", 99: "serialnumber", 103: "high_res_timestamp", 115: "offloaded"}),
        ("THREAT", {62: "src_uuid", 64: "http_method", 75: "http_headers", 108: "high_res_timestamp"}),
        ("THREAT", {112: "subcategory_of_app", 121: "cloud_reportid", 70: "thr_category"}),
    ],
)
def test_columns_of_newer_versions_follow_those_of_the_original(type_: str, names: dict[int, str]) -> None:
    _, event = parse(line_of(type_, 130))
    assert {name: event[name] for name in names.values()} == {name: str(number) for number, name in names.items()}


def test_columns_beyond_the_known_ones_are_kept_under_their_number() -> None:
    _, event = parse(line_of("TRAFFIC", 200))
    assert [event[f"column_{number}"] for number in range(131, 201)] == [str(number) for number in range(131, 201)]


@pytest.mark.parametrize("columns", range(4, 131))
def test_a_line_may_end_after_any_column(columns: int) -> None:
    meta, event = parse(line_of("TRAFFIC", columns))
    assert len(event) == columns + len(["message", "raw_message"])
    assert meta.tag == "paloalto.traffic"


def test_a_type_without_known_columns_has_the_common_ones_and_its_line_as_message() -> None:
    line = line_of("FUTURE", 9)
    meta, event = parse(line)
    assert (meta.tag, meta.message, meta.timestamp) == ("paloalto.future", line, GENERATED_SECONDS)
    assert (event["Generate Time"], event["column_8"], event["column_9"]) == (GENERATED, "8", "9")


@given(
    st.lists(st.text(st.characters(exclude_characters='",\r\n\0', exclude_categories=["Cs"])), min_size=1, max_size=9)
)
def test_a_line_without_quotes_has_the_columns_that_csv_finds(rest: list[str]) -> None:
    line = ",".join(["1", GENERATED, "0018", "FUTURE", "", "", "", *rest])
    _, event = parse(line)
    columns = [value for name, value in event.items() if name not in ("message", "raw_message")]
    assert columns == next(csv.reader([line]))


def test_a_quoted_column_may_hold_commas_and_quotes() -> None:
    meta, event = parse(line_of("THREAT", 61, c32='"www.example.com/a,b?c=""d"""', c33='"Name, with comma(1)"'))
    assert event["URL"] == 'www.example.com/a,b?c="d'  # the quote at the end goes as the original takes it
    assert meta.message == "8:25 => 9:26 (30), Sent None byte, Recv None byte Name, with comma(1)"


def test_a_url_in_quotes_of_its_own_loses_them() -> None:
    _, event = parse(line_of("THREAT", 61, c32='"""www.example.com/"""'))
    assert event["URL"] == "www.example.com/"


@pytest.mark.parametrize(
    "header",
    [
        "Jun 11 04:27:51 PA-220 ",
        "<14>Jun  1 04:27:51 fw.example.com ",
        "<14>1 2018-06-11T04:27:51.000Z fw.example.com - - - - ",
    ],
)
def test_a_syslog_header_is_passed_over(header: str) -> None:
    _, bare = parse(line_of("TRAFFIC", 54))
    _, event = parse(header + line_of("TRAFFIC", 54))
    assert event == {**bare, "raw_message": header + line_of("TRAFFIC", 54)}


def test_behind_syslog_the_fields_of_the_carrying_event_stay_and_the_time_is_of_the_log() -> None:
    meta, event = parse("Nov 30 16:09:08 PA-220 " + line_of("TRAFFIC", 54), "s3-lines syslog paloalto")
    assert (event["hostname"], event["datetime"], event["Domain"]) == ("PA-220", "Nov 30 16:09:08", "1")
    assert event["raw_message"] == line_of("TRAFFIC", 54)
    assert event["message"] == meta.message == "8:25 => 9:26 (30), Sent 33 byte, Recv 34 byte"
    assert meta.timestamp == START_SECONDS


@pytest.mark.parametrize(
    ("values", "seconds"),
    [
        ({}, START_SECONDS),
        ({"c36": ""}, GENERATED_SECONDS),
        ({"c36": "", "c7": ""}, OBJECT.timestamp),
        ({"c36": "2018-06-11T04:27:47.250000Z"}, START_SECONDS + 0.25),
        ({"c103": "1970-01-01T01:00:00.000+01:00"}, START_SECONDS),
        # its offset is that of the firewall's clock
        ({"c103": "2018-06-11T04:27:50.851+09:00"}, START_SECONDS - 9 * 3600),
        ({"c103": "2018-06-11T04:28:10.851-09:30"}, START_SECONDS + 9.5 * 3600),
        ({"c103": "2018-06-11T04:27:50.851Z"}, START_SECONDS),
        ({"c103": "2018-06-11T04:27:50.851+09:00", "c36": ""}, GENERATED_SECONDS + 0.851 - 9 * 3600),
        # unless it is in another zone than `Generate Time`, which has none then
        ({"c103": "2018-06-11T13:27:50.851+09:00"}, START_SECONDS),
        ({"c103": "2018-06-11T13:27:50.851+09:00", "c36": ""}, GENERATED_SECONDS),
        ({"c103": "2018-06-11T04:27:50.851+09:00", "c36": "2018-06-11T04:27:47.250000Z"}, START_SECONDS + 0.25),
        # or is damaged
        ({"c103": "2018-06-11T24:00:00.851+09:00"}, START_SECONDS),
        ({"c103": "2018-06-11T24:00:00.851+09:00", "c36": ""}, GENERATED_SECONDS),
        ({"c103": "2018-06-11T04:27:50.851+09:00", "c7": "2018/06/11 damaged"}, START_SECONDS),
    ],
)
def test_the_time_is_start_time_else_generate_time_else_that_of_the_object(
    values: dict[str, str], seconds: float
) -> None:
    meta, _ = parse(line_of("TRAFFIC", 115, **values))
    assert meta.timestamp == seconds


def test_a_system_log_has_the_time_of_its_high_resolution() -> None:
    line = "1,2026/11/28 09:00:01,1,SYSTEM,auth,2561,2026/11/28 09:00:00,,auth-fail,A,0,0,general,medium,"
    meta, _ = parse(f'{line}"x",1,0x0,0,0,0,0,,fw01,0,0,2026-11-28T09:00:00.851+09:00')
    assert meta.timestamp == 1795824000.851  # 2026-11-28T00:00:00.851Z


def test_a_line_without_a_time_has_that_of_its_syslog_header() -> None:
    line = line_of("FUTURE", 9, c7="")
    assert parse(f"<14>Jun 11 04:27:50 PA-220 {line}")[0].timestamp == GENERATED_SECONDS
    assert parse(f"2018-06-11T04:27:50Z PA-220 {line}")[0].timestamp == GENERATED_SECONDS
    assert parse(f"a header of something else {line}")[0].timestamp == OBJECT.timestamp


def test_a_log_of_type_auth_has_the_columns_of_authentication() -> None:
    _, event = parse(line_of("AUTHENTICATION", 40))
    meta, short = parse(line_of("AUTH", 40))
    assert meta.tag == "paloalto.auth"
    assert list(short) == list(event)
    assert short["authpolicy"] == "13"


@pytest.mark.parametrize("column", ['"Connection closed', '"a ""b""', '"a,b', '"', 'a","b'])
def test_a_line_that_was_cut_within_quotes_is_an_error_of_the_record(column: str) -> None:
    with pytest.raises(RecordError, match=r"^line ends within quotes, with '.*'; expected the rest of the column$"):
        parse(line_of("SYSTEM", 15, c14='"x"', c15=column))


@pytest.mark.parametrize("column", ['"Connection closed"', '"a ""b"""', '""', 'a"b', '"a"b'])
def test_a_line_that_ends_behind_its_quotes_is_whole(column: str) -> None:
    _, event = parse(line_of("SYSTEM", 15, c14='"x"', c15=column))
    assert event["opaque"] == next(csv.reader([column]))[0]


@pytest.mark.parametrize("time", ["2018/06/31 04:27:47", "11.06.2018", "0", " "])
def test_a_malformed_time_is_an_error_of_the_record(time: str) -> None:
    with pytest.raises(RecordError, match="'Start Time' is"):
        parse(line_of("TRAFFIC", 54, c36=time))


@pytest.mark.parametrize(
    "line",
    [
        "not PAN-OS at all",
        "1,2018/06/11 04:27:51,001801010877",
        "1,2018/06/11 04:27:51,001801010877,",
        "1,2018/06/11 04:27:51,001801010877,traffic,end",
        "1,2018/06/11 04:27:51,001801010877,2561,end",
        "timestamp=2018/06/11 04:27:47, serial=001801010877, type=TRAFFIC, subtype=end",
        '1,"2018/06/11 04:27:51,001801010877,TRAFFIC,end',
    ],
)
def test_a_line_with_no_log_type_in_its_fourth_column_is_an_error_of_the_record(line: str) -> None:
    with pytest.raises(RecordError, match="expected the CSV format of PAN-OS"):
        parse(line)


def test_why_a_line_is_no_csv_reads_the_same_on_every_python() -> None:
    with pytest.raises(RecordError) as caught:
        parse(line_of("THREAT", 61, c32='"a"', c33="b\rc"))
    assert str(caught.value) == "not CSV: new-line character seen in unquoted field"


def test_a_column_may_be_as_long_as_its_record() -> None:
    _, event = parse(line_of("THREAT", 61, c32=f'"{"a" * 200_000}"'))
    assert event["URL"] == "a" * 200_000


def test_real_key_value_lines_are_quarantined(logs: Path) -> None:
    lines = (logs / "paloalto" / "12.log").read_text().splitlines()
    assert len(lines) == 2
    for line in lines:
        with pytest.raises(RecordError, match="expected the CSV format of PAN-OS"):
            parse(line)


def test_a_line_of_more_fields_than_any_log_has_is_bad() -> None:
    with pytest.raises(RecordError, match="line has more than 10,000 fields; expected those of a log of PAN-OS"):
        parse("1," * 10_000)


def test_strata_logging_reads_csv_whose_columns_were_chosen_behind_the_reader_that_names_them() -> None:
    columns = ["TimeReceived", "DeviceSN", "LogType", "SourceAddress", "DestinationPort", "Application"]
    row = b'2026-11-29T08:00:00.000000Z,007051000113358,TRAFFIC,192.0.2.7,443,"a,b"\n'
    header = ",".join(columns).encode() + b"\n"
    for content, first in ((row, {"csv": {"columns": columns}}), (header + row, "csv")):
        ((meta, event),) = chains.run([first, "strata-logging"], content).events
        assert meta.tag == "paloalto.strata.TRAFFIC"
        assert meta.timestamp == 1795939200.0
        assert (event["DeviceSN"], event["DestinationPort"], event["Application"]) == ("007051000113358", 443, "a,b")
