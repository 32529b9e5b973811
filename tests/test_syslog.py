"""Lines of RFC 5424, and the family of syslog: what is declared, and that its two readings agree on any line."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import chains
from chains import OBJECT
from declared import both, event_of
from slips import times
from slips.errors import RecordError, RecordTooLarge
from slips.format import Limited, RecordLimits
from slips.formats import catalogue
from slips.model import MetaData
from slips.parsing import Rule, Syslog, stamp

FORMATS = catalogue()
START = "<14>1 2026-11-28T08:00:00.123Z web1 app 812 ID47 "
SECONDS = 1795852800.123


def parse(line: str) -> tuple[MetaData, dict[str, Any]]:
    meta, event = chains.parse_by(FORMATS["syslog-5424"], line)
    assert isinstance(event, dict)
    assert meta.message == event["message"]
    assert meta.tag == "syslog"
    return meta, event


def test_a_line_of_rfc_5424_has_the_fields_of_syslog_and_its_own() -> None:
    meta, event = parse(f"{START}- hello")
    assert meta.timestamp == SECONDS
    assert event == {
        "datetime": "2026-11-28T08:00:00.123Z",
        "hostname": "web1",
        "proc_name": "app",
        "proc_id": "812",
        "msg_id": "ID47",
        "structured_data": None,
        "message": "hello",
        "priority": 14,
        "facility": 1,
        "severity": 6,
    }


def test_a_hyphen_is_no_value_and_no_time_that_of_the_object() -> None:
    meta, event = parse("<14>1 - - - - - - -")
    assert meta.timestamp == OBJECT.timestamp
    assert [event[name] for name in ("datetime", "hostname", "proc_name", "proc_id", "msg_id")] == [None] * 5
    assert event["message"] == "-"


@pytest.mark.parametrize(
    ("rest", "data", "message"),
    [
        ("-", None, ""),
        ("- ", None, ""),
        ("-  two spaces", None, " two spaces"),
        ("- \ufeffof UTF-8", None, "of UTF-8"),
        ('[a x="1"] \ufeffof UTF-8', {"a": {"x": "1"}}, "of UTF-8"),
        ("[a]", {"a": {}}, ""),
        ("[a] m", {"a": {}}, "m"),
        ('[a@1 x="1" y="2"][b] m', {"a@1": {"x": "1", "y": "2"}, "b": {}}, "m"),
        ('[a x="1" x="2" x="3"]', {"a": {"x": ["1", "2", "3"]}}, ""),
        ('[a x="1"][a y="2"]', {"a": {"x": "1", "y": "2"}}, ""),
        (r'[a x="\"\\\]"]', {"a": {"x": '"\\]'}}, ""),
        (r'[a x="C:\dir\\"]', {"a": {"x": "C:\\dir\\"}}, ""),
        ('[a x="unescaped ] and ["]', {"a": {"x": "unescaped ] and ["}}, ""),
        ('[a x=""]', {"a": {"x": ""}}, ""),
        ('[a x="1"]no space', {"a": {"x": "1"}}, "no space"),
        # no structured data at all, as some senders write it
        ("State changed", None, "State changed"),
        ("-f is a flag", None, "-f is a flag"),
        ("[a]b", None, "[a]b"),
        ("[GET /index] 200", None, "[GET /index] 200"),
        ("", None, ""),
    ],
)
def test_structured_data_is_elements_with_their_parameters(rest: str, data: object, message: str) -> None:
    _, event = parse(START + rest)
    assert (event["structured_data"], event["message"]) == (data, message)
    both(FORMATS["syslog-5424"], START + rest)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("", "expected RFC 5424"),
        ("Nov 21 06:00:24 h p: m", "expected RFC 5424"),
        ("<14>1 Nov 21 06:00:24 h p: m", "expected RFC 5424"),
        ("<14>1 12345 h p 1 - - m", "expected RFC 5424"),
        ("<14>1 2026-11-28T08:00:00Z h p", "expected RFC 5424"),
        ("<192>1 2026-11-28T08:00:00Z h p 1 - - m", "expected one from '<0>' to '<191>'"),
        ("<14>1 2026-11-31T08:00:00Z h p 1 - - m", "'datetime' is '2026-11-31T08:00:00Z'"),
        (START + '[a x="1', "structured data has"),
        (START + '[a x="1" y', "structured data has"),
        (START + '[a x="1"][b', "structured data has"),
    ],
)
def test_a_line_that_is_not_of_rfc_5424_is_refused(line: str, reason: str) -> None:
    with pytest.raises(RecordError, match=reason):
        parse(line)


def test_a_line_of_more_parameters_than_values_are_allowed_is_refused() -> None:
    format_ = FORMATS["syslog-5424"]
    assert format_.parse is not None
    parse_few = Limited.bind(format_.parse, RecordLimits(values=3))
    for data in ('[a x="1" x="1" x="1"]', "[a][b][c][d]"):
        with pytest.raises(RecordTooLarge, match="more than 3 values"):
            parse_few(chains.new_meta(), START + data)


WORD = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=9).filter(
    lambda word: word != "-"
)
NAME = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters='="]'), min_size=1, max_size=9)
DATA = st.dictionaries(NAME, st.dictionaries(NAME, st.text(max_size=9), min_size=1, max_size=3), min_size=1, max_size=3)


def parameters_of(values: dict[str, str]) -> str:
    return "".join(f' {name}="{escaped(value)}"' for name, value in values.items())


def escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("]", "\\]")


@pytest.mark.slow
@given(st.integers(0, 191), WORD, WORD, WORD, WORD, st.none() | DATA, st.text())
def test_a_line_of_rfc_5424_gives_back_what_it_was_made_of(
    priority: int, host: str, name: str, pid: str, kind: str, data: dict[str, dict[str, str]] | None, message: str
) -> None:
    elements = "".join(f"[{element}{parameters_of(each)}]" for element, each in (data or {}).items())
    _, event = parse(f"<{priority}>1 2026-11-28T08:00:00.123Z {host} {name} {pid} {kind} {elements or '-'} {message}")
    assert [event[each] for each in ("priority", "hostname", "proc_name", "proc_id", "msg_id")] == [
        *(priority, host, name, pid, kind)
    ]
    assert event["structured_data"] == data
    assert event["message"] == message.removeprefix("\ufeff")


PIECES = st.sampled_from(
    """
    Nov 21|06:00:24|2026-11-28T08:00:00Z|<13>|<13>1|<999>| |  |:|: |[|]|]:|::|-|web-1|sshd|[22]|<Info>|([3])|%ASA-1|
    [ID 7 auth.info] |[a x="|"]|\\|\ufeff|---|*|2026|x|:: |\n
    """.replace("\n    ", "").split("|")
)


@pytest.mark.parametrize("name", ["syslog", "syslog-5424"])
@given(
    st.sampled_from(["", "Nov 21 06:00:24 ", "<13>Nov  1 06:00:24 ", START, "<13>1 - "]), st.lists(PIECES, max_size=12)
)
def test_any_line_is_read_alike_in_both_ways(name: str, start: str, pieces: list[str]) -> None:
    both(FORMATS[name], start + "".join(pieces))  # type: ignore[arg-type]


@pytest.mark.parametrize("time", ["Nov 21 06:00:24", "2018-11-21T06:00:24Z"])
def test_a_process_with_the_number_of_a_thread_is_no_host(time: str) -> None:
    _, event = chains.parse_by(FORMATS["syslog"], f"{time} unbound[17:0] info: start of service")
    assert isinstance(event, dict)
    assert [event[each] for each in ("hostname", "proc_name", "proc_id", "message")] == [
        *(None, "unbound", "17:0"),
        "info: start of service",
    ]


@pytest.mark.parametrize(
    ("priority", "rest", "expected"),
    [
        ("", "sshd[382]: [ID 800047 auth.info] Accepted", ("sshd", "800047", "Accepted", 38)),
        ("<38>", "su: [ID 366847 auth.info] ok", ("su", "366847", "ok", 38)),
        ("", "[ID 540533 kern.notice] text", (None, "540533", "text", 5)),
        ("", "genunix: [ID 540533 kern.notice]", ("genunix", "540533", "", 5)),
        ("<14>", "su: [ID 366847 auth.info] ok", ("su", None, "[ID 366847 auth.info] ok", 14)),
        ("", "su: [ID 366847 none.info] ok", ("su", None, "[ID 366847 none.info] ok", None)),
        ("", "su: [ID 366847 auth.info]ok", ("su", None, "[ID 366847 auth.info]ok", None)),
    ],
)
def test_the_number_of_a_message_that_solaris_writes_is_a_field_unless_that_loses_a_word(
    priority: str, rest: str, expected: tuple[object, ...]
) -> None:
    line = f"{priority}Nov 28 08:00:00 sol1 {rest}"
    _, event = chains.parse_by(FORMATS["syslog"], line)
    assert isinstance(event, dict)
    assert tuple(event.get(each) for each in ("proc_name", "msg_id", "message", "priority")) == expected
    both(FORMATS["syslog"], line)  # type: ignore[arg-type]


def test_a_product_behind_the_number_of_a_message_reads_its_text() -> None:
    text = "[ID 800047 auth.info] Accepted password for ann from 192.0.2.7 port 22 ssh2"
    meta, event = chains.parse(["sshd"], f"Nov 28 08:00:00 sol1 sshd[382]: {text}\n".encode())
    assert (meta.tag, event["user"]) == ("linux.sshd.Accepted", "ann")


@pytest.mark.parametrize("name", ["syslog", "syslog-any"])
@pytest.mark.parametrize("zone", ["+0100", "+01:00"])
def test_a_zone_behind_a_blank_is_of_the_time_and_no_host(name: str, zone: str) -> None:
    meta, event = chains.parse_by(FORMATS[name], f"<129>2026-11-28 09:00:00.123 {zone} fw1 NF TCP 192.0.2.7 DENY")
    assert isinstance(event, dict)
    assert (meta.timestamp, event["datetime"]) == (SECONDS, f"2026-11-28 09:00:00.123 {zone}")
    assert (event["hostname"], event["message"]) == ("fw1", "NF TCP 192.0.2.7 DENY")


@pytest.mark.parametrize(
    ("rest", "expected"),
    [
        (" DENY: m", (None, "DENY", None, "m", None)),
        (" gw1 user.info kernel: m", ("gw1", "kernel", None, "m", 14)),
        (" gw1 local7.debug app[7]: m", ("gw1", "app", "7", "m", 191)),
        (" gw1 user.info: m", ("gw1", "user.info", None, "m", None)),
        (" gw1 none.info kernel: m", ("gw1", None, None, "none.info kernel: m", None)),
    ],
)
def test_words_behind_a_stamp_are_a_process_or_a_facility_with_its_level(
    rest: str, expected: tuple[object, ...]
) -> None:
    _, event = chains.parse_by(FORMATS["syslog"], f"Nov 28 08:00:00{rest}")
    assert isinstance(event, dict)
    assert tuple(event.get(each) for each in ("hostname", "proc_name", "proc_id", "message", "priority")) == expected
    both(FORMATS["syslog"], f"Nov 28 08:00:00{rest}")  # type: ignore[arg-type]


def test_a_zone_whose_hours_are_not_known_quarantines_a_line_of_cisco() -> None:
    with pytest.raises(RecordError, match="12:34:56 SGT"):
        chains.parse_by(FORMATS["syslog"], "Oct 10 2018 12:34:56 SGT: %ASA-6-302013: Built")


def test_lines_with_a_time_have_all_zones_that_times_knows() -> None:
    for zone, hours in times.ZONES.items():
        for text in (
            f"Nov 28 08:00:00 {zone} 2026 m",
            f"28 Nov 2026 08:00:00 {zone} m",
            f"Nov 28 08:00:00 2026 {zone}: m",
        ):
            if zone == "Z":
                continue  # a letter alone is the zone of ISO 8601, not of other times in a text
            meta, _ = chains.parse_by(FORMATS["timestamp"], text)
            assert meta.timestamp == 1795852800 - 3600 * hours, text


def test_the_blank_that_rsyslog_keeps_before_a_message_is_none_of_the_products_line() -> None:
    _, event = chains.parse_by(FORMATS["syslog-any"], f"{START}-  connect from a")
    assert event["message"] == "connect from a"
    _, event = chains.parse_by(FORMATS["syslog-any"], f"{START}-   two")
    assert event["message"] == " two"
    assert parse(f"{START}-  connect from a")[1]["message"] == " connect from a"  # as it was written


def test_a_line_of_rfc_5424_in_a_file_may_lack_its_priority() -> None:
    _, event = parse("1 2026-11-28T08:00:00.123Z web1 app 812 ID47 - a")
    assert (event["hostname"], event["proc_id"], event["message"]) == ("web1", "812", "a")
    assert "priority" not in event
    _, event = chains.parse_by(FORMATS["syslog-any"], "1 2026-11-28T08:00:00.123Z web1 app 812 ID47 - a")
    assert event["message"] == "a"
    for line in (
        "1 - web1 app 812 ID47 - a",
        "2 2026-11-28T08:00:00Z web1 app 812 ID47 - a",
        "1 2026-11-28 a b c d - a",
    ):
        assert chains.parse_by(FORMATS["syslog-any"], line)[1] == {"message": line}


def test_the_time_of_macos_is_known_by_its_zone_and_the_number_of_a_process() -> None:
    line = "2026-11-28 08:00:00.801612-0700  mac1 sshd[3186]: a"
    event, _, time, _ = event_of(FORMATS["syslog"], line)  # type: ignore[arg-type]
    assert (time, event["hostname"], event["proc_id"]) == (1795878000.801612, "mac1", "3186")
    line = "2026-11-28 08:00:00.801612-0700 [3186]: a line of another program"
    assert chains.parse_by(FORMATS["syslog-any"], line)[1] == {"message": line}


def test_users_declare_logs_that_are_lines_of_syslog() -> None:
    own = Syslog(
        "sshd",
        "logins by SSH",
        tag="sshd.{hostname}",
        message="{hostname}: {message}",
        rules=(Rule("others", "lines of other programs", when=lambda event: event["proc_name"] != "sshd"),),
    )
    line = "Nov 21 06:00:24 web-1 sshd[22]: Accepted"
    assert event_of(own, line)[1:] == ("sshd.web-1", 1542780024.0, "web-1: Accepted")
    assert both(own, "Nov 21 06:00:24 web-1 cron[22]: x") == ("filtered", "others")
    with pytest.raises(ValueError, match="format 'x': rfc is 822; expected 3164, 5424 or 'any'"):
        Syslog("x", "x", rfc=822)  # type: ignore[arg-type]
    with pytest.raises(
        ValueError, match="format 'x': tag: no field 'host'; expected one of datetime, facility, hostname"
    ):
        Syslog("x", "x", tag="{host}")
    assert Syslog("x", "x", time=stamp("message")).time == stamp("message")


def test_json_behind_syslog_has_the_time_of_the_line() -> None:
    line = f"{START}- {json.dumps({'a': 1})}"
    meta, event = chains.parse(["s3-lines", "syslog-5424", "json"], line.encode())
    assert (meta.timestamp, event) == (SECONDS, {"a": 1})


@pytest.mark.parametrize("mark", ["local7.notice", "23.5"])
def test_facility_and_level_of_freebsd_behind_the_time_are_no_host(mark: str) -> None:
    _, event = chains.parse_by(FORMATS["syslog-any"], f"Mar  1 08:00:00 <{mark}> ns1 bash[3632]: a command")
    assert event == {
        "datetime": "Mar  1 08:00:00",
        "hostname": "ns1",
        "proc_name": "bash",
        "proc_id": "3632",
        "message": "a command",
        "priority": 189,
        "facility": 23,
        "severity": 5,
    }
