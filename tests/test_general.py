"""The formats of no vendor: what real JSON, syslog and Fluentd logs contain beside the plain case."""

from __future__ import annotations

import json as stdlib_json
import math
import re
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import chains
from chains import parse_by, values_in
from slips.errors import RecordError, RecordTooLarge
from slips.format import Limited, RecordLimits
from slips.formats import catalogue
from slips.model import MetaData
from slips.parsing.json_brackets import outside_strings
from slips.parsing.json_text import load_json

FORMATS = catalogue()

FIELDS = ("hostname", "proc_name", "proc_id", "message")


def syslog(line: str) -> tuple[MetaData, dict[str, Any]]:
    meta, event = parse_by(FORMATS["syslog"], line)
    assert isinstance(event, dict)
    assert meta.message == event["message"]
    return meta, event


# ---- JSON


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b'{"a": 1}\n', {"a": 1}),
        (b'\xef\xbb\xbf{"a": 1}\r\n', {"a": 1}),
        (b'{"id": 18446744073709551617}', {"id": 2**64 + 1}),
        (b'{"id": -9223372036854775809}', {"id": -(2**63) - 1}),
        (b'{"s": "\\ud83d"}', {"s": "\ud83d"}),
        (b'{"s": "\xff\xc3\xa9"}', {"s": "\udcff\u00e9"}),
        (b'{"x": Infinity}', {"x": math.inf}),
        (b'{"x": 1e400}', {"x": math.inf}),
        (b'{"k": 1, "k": 2}', {"k": 2}),
        (b'"text"', "text"),
    ],
)
def test_json_beyond_the_standard_that_logs_contain_is_read(raw: bytes, value: object) -> None:
    assert load_json(raw) == value


def test_nan_is_read() -> None:
    assert math.isnan(load_json(b'{"x": NaN}')["x"])


@pytest.mark.parametrize("raw", [b"", b"{", b'{"a": 1}{"a": 2}', b"{'a': 1}", b'{"a": 01}', b"\x1f\x8b\x08", b"nul"])
def test_a_record_that_is_no_json_is_a_record_error(raw: bytes) -> None:
    with pytest.raises(RecordError, match=r"^not JSON: "):
        load_json(raw)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"a": 1, }', "Illegal trailing comma before end of object: line 1 column 8 (char 7)"),
        ('{"a": [1,\n]}', "Illegal trailing comma before end of array: line 1 column 9 (char 8)"),
        ('{"a": 1, ]', "Expecting property name enclosed in double quotes: line 1 column 10 (char 9)"),
        ("[1, }", "Expecting value: line 1 column 5 (char 4)"),
        ("{,}", "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        ('{"a": }', "Expecting value: line 1 column 7 (char 6)"),
        (f'{{"a": {"9" * 5000}}}', "a number has too many digits; expected 4,300 at most"),
    ],
)
def test_why_a_text_is_no_json_reads_the_same_on_every_python(text: str, reason: str) -> None:
    with pytest.raises(RecordError) as caught:
        load_json(text.encode())
    assert str(caught.value) == f"not JSON: {reason}"


@pytest.mark.parametrize("odd", ["", ' "odd": NaN,'], ids=["strict", "lenient"])
def test_of_a_key_that_is_there_twice_the_last_value_counts(odd: str) -> None:
    event = load_json(f'{{"a": 1,{odd} "x": {{"a": 1, "b": 2, "a": 3}}, "a": 2}}'.encode())
    assert (event["a"], event["x"]) == (2, {"a": 3, "b": 2})


@pytest.mark.parametrize("first", range(256))
def test_whatever_a_text_begins_with_it_is_read_as_the_standard_library_reads_it(first: int) -> None:
    for raw in (bytes([first]) + b"aN", bytes([first]) + b"[]", bytes([first]) + b"\xbb\xbf{}"):
        text = raw.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")
        assert outcome(load_json, raw) == outcome(stdlib_json.JSONDecoder().decode, text)


def outcome(read: Callable[[Any], object], text: object) -> str:
    """What reading gives, or why it gives nothing."""
    try:
        return repr(read(text))
    except ValueError as error:
        return f"not JSON: {error}"
    except RecordError as error:
        return str(error)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(alphabet='a,[]{}"\\\n:\ud800'),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(alphabet='a,[]{}"\\:'), inner),
)


@pytest.mark.slow
@given(JSON, st.integers(0, 12), st.booleans(), st.integers(1, 12))
def test_the_values_of_a_text_are_counted_as_in_what_is_decoded(
    value: Any, most: int, spaced: bool, deepest: int
) -> None:
    raw = stdlib_json.dumps(value, indent=1 if spaced else None).encode()
    limits = RecordLimits(values=most, depth=deepest)
    if values_in(value) > most:
        error = "more than"
    elif depth_of(value) > deepest:
        error = "nested more than"
    else:
        assert repr(load_json(raw, limits)) == repr(stdlib_json.loads(raw))
        return
    with pytest.raises(RecordTooLarge, match=error):
        load_json(raw, limits)


@pytest.mark.slow
@given(
    st.binary().map(lambda raw: raw.replace(b"x", b"")) | JSON.map(lambda value: stdlib_json.dumps(value).encode()),
    st.integers(1, 9),
)
def test_what_is_outside_of_strings_does_not_depend_on_where_a_text_is_cut(raw: bytes, size: int) -> None:
    whole = b"".join(outside_strings(raw))
    assert re.sub(b"x+", b"x", b"".join(outside_strings(raw, size))) == re.sub(b"x+", b"x", whole)


def depth_of(value: Any) -> int:
    within = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if within is None else 1 + max(map(depth_of, within), default=0)


@pytest.mark.parametrize("text", ["[%s]", '{"a":%s}', '[{"a":%s}]', "[%s", '{"\xff":%s}', "[%s,NaN]", " %s x"])
@pytest.mark.parametrize("depth", [100, 201, 990, 1_000, 5_000, 20_000, 100_000])
def test_a_record_deeper_than_the_limit_has_one_error_on_every_interpreter(text: str, depth: int) -> None:
    raw = (text % ("[" * depth + "]" * depth)).encode("latin-1")
    if depth > 200:
        with pytest.raises(RecordTooLarge, match=r"^record is nested more than 200 levels deep; raise "):
            load_json(raw)
        return
    with suppress(RecordError):
        assert depth_of(load_json(raw)) > depth


@pytest.mark.parametrize("limit", [7, 10, 12, 13, 20])
def test_a_record_deeper_than_those_before_it_is_held_to_the_same_limit(limit: int) -> None:
    assert FORMATS["json"].parse is not None
    parse_json = Limited.bind(FORMATS["json"].parse, RecordLimits(depth=limit))
    for depth in (1, limit, limit + 1, 9, limit - 1, limit + 1, 13, 1, limit, 40):
        raw = b'{"in":' * (depth - 1) + b"{}" + b"}" * (depth - 1)
        meta = chains.new_meta()
        if depth <= limit:
            assert depth_of(parse_json(meta, raw)) == depth
        else:
            with pytest.raises(RecordTooLarge, match=f"more than {limit} levels"):
                parse_json(meta, raw)


@pytest.mark.parametrize("size", [0, 249_998, 249_999, 250_000, 1_000_000])
def test_an_object_of_more_values_than_the_limit_is_refused_before_it_is_made(size: int) -> None:
    raw = b'{"a":[' + b",".join([b"{}"] * size) + b"]}"
    if size < 250_000:
        assert len(load_json(raw)["a"]) == size
        return
    tracemalloc.start()
    try:
        with pytest.raises(RecordTooLarge, match=r"^record has more than 250,000 values; "):
            parse_by(FORMATS["json"], raw)
        assert tracemalloc.get_traced_memory()[1] < 2 * len(raw)
    finally:
        tracemalloc.stop()


def test_a_limit_of_values_ignores_what_is_text() -> None:
    text = ',[{"' * 300_000
    assert load_json(stdlib_json.dumps({"a": text}).encode()) == {"a": text}


@pytest.mark.parametrize("raw", [b"1", b"null", b'"text"', b"[]", b'[{"a": 1}, null]', b"true"])
def test_json_that_is_no_object_is_no_event(raw: bytes) -> None:
    with pytest.raises(RecordError, match="expected an object"):
        parse_by(FORMATS["json"], raw)


# ---- syslog


@pytest.mark.parametrize(
    ("rest", "fields"),
    [
        ("web-1 sshd[22]: Accepted", ("web-1", "sshd", "22", "Accepted")),
        ("web-1 sshd: Accepted", ("web-1", "sshd", None, "Accepted")),
        ("web-1 sshd[22]: ", ("web-1", "sshd", "22", "")),
        ("web-1 sshd[22]:", ("web-1", "sshd", "22", "")),
        ("web-1 sshd:", ("web-1", "sshd", None, "")),
        ("web-1 sshd[22]:error: no space", ("web-1", "sshd", "22", "error: no space")),
        ("web-1 sshd[22]:nothing", ("web-1", "sshd", "22", "nothing")),
        ("web-1 sshd[22]: a: b: c", ("web-1", "sshd", "22", "a: b: c")),
        ("web-1 sudo:  vagrant : TTY=pts/0", ("web-1", "sudo", None, " vagrant : TTY=pts/0")),
        ("web-1  sshd[22]: two spaces", ("web-1", "sshd", "22", "two spaces")),
        ("192.0.2.1 postfix/smtp[12]: sent", ("192.0.2.1", "postfix/smtp", "12", "sent")),
        ("2001:db8::1 kernel: up", ("2001:db8::1", "kernel", None, "up")),
        ("web-1 systemd-logind[?]: x", ("web-1", "systemd-logind", "?", "x")),
        ("web-1 php-fpm[]: x", ("web-1", "php-fpm", None, "x")),
        ("web-1 /usr/sbin/cron[7]: x", ("web-1", "/usr/sbin/cron", "7", "x")),
        ("web-1 (systemd)[7]: x", ("web-1", "(systemd)", "7", "x")),
        ("fw-1 %ASA-6-302013: Built inbound", ("fw-1", "%ASA-6-302013", None, "Built inbound")),
        # names with spaces
        ("mac Google Chrome[85]: objc[85]: weak", ("mac", "Google Chrome", "85", "objc[85]: weak")),
        ("mac a.launchd[1] (b.ui[21]): Endpoint", ("mac", "a.launchd[1] (b.ui[21])", None, "Endpoint")),
        ("mac a.launchd[1] (b.ui): Unknown key", ("mac", "a.launchd[1] (b.ui)", None, "Unknown key")),
        ("mac Google Chrome[85]:objc[85]: weak", ("mac", "Google Chrome", "85", "objc[85]: weak")),
        # macOS: a level, or the number of the sender, behind the number
        ("mac sandboxd[29] <Notice>: deny", ("mac", "sandboxd", "29", "deny")),
        ("mac appfirewall[1985] <Info>: x: y", ("mac", "appfirewall", "1985", "x: y")),
        ("mac sandboxd[129] ([31211]): x", ("mac", "sandboxd", "129", "x")),
        ("mac Google Chrome[85] <Error>: weak", ("mac", "Google Chrome", "85", "weak")),
        # an address of IPv6 may end with two colons, a process does not
        ("fe80:: app[2]: x: y", ("fe80::", "app", "2", "x: y")),
        (":: app: x", ("::", "app", None, "x")),
        ("fe80:: a message", ("fe80::", None, None, "a message")),
        # Cisco: a colon before the mnemonic
        ("fw01 : %ASA-4-106023: Deny tcp", ("fw01", "%ASA-4-106023", None, "Deny tcp")),
        ("web-1 : %LINK-3-UPDOWN: down", ("web-1", "%LINK-3-UPDOWN", None, "down")),
        ("web-1 : a message: x", ("web-1", None, None, ": a message: x")),
        # no host
        ("%ASA-4-106023: Deny tcp", (None, "%ASA-4-106023", None, "Deny tcp")),
        ("kernel: sda2: rw=0", (None, "kernel", None, "sda2: rw=0")),
        (" web-1 sshd[22]: a space too many", ("web-1", "sshd", "22", "a space too many")),
        ("kernel[0]: sda2: rw=0", (None, "kernel", "0", "sda2: rw=0")),
        (" sshd[8317]: last message repeated 2 times", (None, "sshd", "8317", "last message repeated 2 times")),
        # no process: all is message
        ("web-1 last message repeated 2 times", ("web-1", None, None, "last message repeated 2 times")),
        ("web-1 Job `cron.daily' terminated", ("web-1", None, None, "Job `cron.daily' terminated")),
        ("web-1 a sentence with a colon: here", ("web-1", None, None, "a sentence with a colon: here")),
        ("web-1 -- MARK --", ("web-1", None, None, "-- MARK --")),
        ("--- last message repeated 1 time ---", (None, None, None, "--- last message repeated 1 time ---")),
        ("web-1", ("web-1", None, None, "")),
        ("", (None, None, None, "")),
    ],
)
@pytest.mark.parametrize("start", ["Nov 21 06:00:24 ", "<13>Nov 21 06:00:24 ", "2018-11-21T06:00:24+00:00 "])
def test_a_line_is_host_process_number_and_message(start: str, rest: str, fields: tuple[str | None, ...]) -> None:
    for _ in range(2):
        meta, event = syslog(start + rest)
        assert tuple(event[name] for name in FIELDS) == fields
        assert (meta.tag, meta.timestamp) == ("syslog", 1542780024.0)


def test_a_head_that_was_understood_once_needs_its_colon_all_the_same() -> None:
    assert syslog("Nov 21 06:00:24 web-1 sshd: x")[1]["proc_name"] == "sshd"
    assert syslog("Nov 21 06:00:24 web-1 sshd")[1]["message"] == "sshd"


@pytest.mark.parametrize(
    ("line", "stamp", "timestamp"),
    [
        ("Nov  1 06:00:24 h p: m", "Nov  1 06:00:24", 1541052024),
        ("Nov 1 06:00:24 h p: m", "Nov 1 06:00:24", 1541052024),
        ("Apr 4 03:39:57  h p: m", "Apr 4 03:39:57", 1522813197),
        ("Nov 01 06:00:24 h p: m", "Nov 01 06:00:24", 1541052024),
        ("Nov 21 06:00:24.125 h p: m", "Nov 21 06:00:24.125", 1542780024.125),
        ("Nov 21 06:00:24: h p: m", "Nov 21 06:00:24", 1542780024),
        ("<0>Nov 21 06:00:24 h p: m", "Nov 21 06:00:24", 1542780024),
        ("2018-11-21T06:00:24.912134Z h p: m", "2018-11-21T06:00:24.912134Z", 1542780024.912134),
        ("2018-11-21T06:00:24.412+01:30 h p: m", "2018-11-21T06:00:24.412+01:30", 1542774624.412),
        ("2018-11-21T06:00:24 h p: m", "2018-11-21T06:00:24", 1542780024),
        ("2018-11-21T06:00:24Z: h p: m", "2018-11-21T06:00:24Z", 1542780024),
        ("<13>2018-11-21 06:00:24 h p: m", "2018-11-21 06:00:24", 1542780024),
        ("<13> Nov 21 06:00:24 h p: m", "Nov 21 06:00:24", 1542780024),
        ("Nov 21 2018 06:00:24 h p: m", "Nov 21 2018 06:00:24", 1542780024),
        ("<165>Nov 21 2018 06:00:24: h p: m", "Nov 21 2018 06:00:24", 1542780024),
        ("Nov 21 06:00:24 2018 h p: m", "Nov 21 06:00:24 2018", 1542780024),
        ("<189>29: *Nov 21 06:00:24.125: h p: m", "Nov 21 06:00:24.125", 1542780024.125),
        ("<189>29: .Nov 21 06:00:24 EST: h p: m", "Nov 21 06:00:24 EST", 1542798024),
        ("Dec 31 23:59:60 h p: m", "Dec 31 23:59:60", 1546300800),
        ("2016-12-31T23:59:60Z h p: m", "2016-12-31T23:59:60Z", 1483228800),
    ],
)
def test_the_time_is_kept_as_it_stands_and_read(line: str, stamp: str, timestamp: float) -> None:
    meta, event = syslog(line)
    assert event["datetime"] == stamp
    assert meta.timestamp == timestamp
    assert [event[name] for name in FIELDS] == ["h", "p", None, "m"]


def test_a_priority_is_facility_and_severity() -> None:
    assert syslog("<165>Nov 21 06:00:24 h p: m")[1] == {
        "datetime": "Nov 21 06:00:24",
        "hostname": "h",
        "proc_name": "p",
        "proc_id": None,
        "message": "m",
        "priority": 165,
        "facility": 20,
        "severity": 5,
    }
    assert "priority" not in syslog("Nov 21 06:00:24 h p: m")[1]


@pytest.mark.parametrize(
    "line",
    [
        "",
        "\t\tticketStore=<KSPersistentTicketStore:0x100204520",
        "    at com.example.Main.main(Main.java:5)",
        "sshd[22]: no time at all",
        "<192>Nov 21 06:00:24 h p: m",
        "<1234>Nov 21 06:00:24 h p: m",
        "<x>Nov 21 06:00:24 h p: m",
        "<13>1 2018-11-21T06:00:24Z h p 22 - - of RFC 5424",
        "Nov 31 06:00:24 h p: m",
        "Nov 21 06:61:24 h p: m",
        "MMM 21 06:00:24 h p: m",
        "2018-11-21T06:00:99Z h p: m",
        "Nov 21 18 06:00:24 h p: m",
        "2018-11-21 06:00:24 h p: m",
        "12: no time",
    ],
)
def test_a_line_that_does_not_begin_with_a_time_is_refused(line: str) -> None:
    with pytest.raises(RecordError, match="expected"):
        syslog(line)


def test_a_line_of_rfc_5424_is_refused_with_the_format_that_reads_it() -> None:
    for line in ("<14>1 2026-11-28T08:00:00.123Z web1 app 812 ID47 - hello", "<14>1 - - - - - -"):
        with pytest.raises(RecordError, match="RFC 5424; expected RFC 3164; use 'syslog-5424'"):
            syslog(line)


def test_a_time_alone_is_an_empty_message() -> None:
    assert syslog("Nov 21 06:00:24")[1]["message"] == ""


@pytest.mark.slow
@given(
    st.from_regex(r"[a-z0-9.-]{1,20}", fullmatch=True),
    st.from_regex(r"[a-z./-]{1,20}", fullmatch=True),
    st.one_of(st.none(), st.from_regex(r"[0-9]{1,7}", fullmatch=True)),
    st.text(),
)
def test_a_plain_line_gives_back_what_it_was_made_of(host: str, name: str, pid: str | None, message: str) -> None:
    number = "" if pid is None else f"[{pid}]"
    event = syslog(f"Nov 21 06:00:24 {host} {name}{number}: {message}")[1]
    assert tuple(event[field] for field in FIELDS) == (host, name, pid, message)


@given(st.text())
def test_no_line_loses_what_stands_behind_its_time(rest: str) -> None:
    event = syslog(f"Nov 21 06:00:24 {rest}")[1]
    assert rest.endswith(event["message"])
    for name in ("hostname", "proc_name", "proc_id"):
        assert event[name] is None or event[name] in rest


@pytest.mark.parametrize("piece", ["[1]", "[1] ", ": ", " ", "a[1", "]:", "x y[1]:z "])
def test_a_hostile_line_takes_no_quadratic_time(piece: str) -> None:
    syslog("Nov 21 06:00:24 h " + piece * 1_000_000)  # the square of this would not end


def test_a_head_longer_than_any_process_name_is_message() -> None:
    event = syslog(f"Nov 21 06:00:24 web-1 {'x' * 300}: y")[1]
    assert event["proc_name"] is None
    assert event["message"] == "x" * 300 + ": y"


# ---- Fluentd


@pytest.mark.parametrize(
    ("raw", "tag", "timestamp", "event"),
    [
        (b'2013-02-28T12:00:00+09:00\tapp.event\t{"a": 1}\n', "app.event", 1362020400, {"a": 1}),
        (b'2013-02-28 12:00:00 +0900\tapp.event\t{"a": 1}\r\n', "app.event", 1362020400, {"a": 1}),
        (b'2013-02-28T03:00:00\tapp.event\t{"a": 1}', "app.event", 1362020400, {"a": 1}),
        (b'1362020400\tapp.event\t{"a": 1}', "app.event", 1362020400, {"a": 1}),
        (b'1362020400.5\tapp.event\t{"a": 1}', "app.event", 1362020400.5, {"a": 1}),
        (b"1362020400\tapp.event\t{\t}\t\n", "app.event", 1362020400, {}),
        (b'1362020400\t\xff\t{"id": 18446744073709551617}', "\udcff", 1362020400, {"id": 2**64 + 1}),
    ],
)
def test_a_fluentd_line_is_time_tag_and_record(
    raw: bytes, tag: str, timestamp: float, event: dict[str, object]
) -> None:
    meta, found = parse_by(FORMATS["fluentd-json"], raw)
    assert (meta.tag, meta.timestamp, meta.message) == (tag, timestamp, None)
    assert found == event


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b'{"a": 1}\n', "expected time, tag and JSON with tabs between"),
        (b'app.event\t{"a": 1}\n', "expected time, tag and JSON with tabs between"),
        (b'\xff\tapp.event\t{"a": 1}\n', "expected time, tag and JSON with tabs between"),
        (b'\tapp.event\t{"a": 1}\n', "'time' is ''; expected a time"),
        (b'noon\tapp.event\t{"a": 1}\n', "'time' is 'noon'; expected a time"),
        (b'99999999999999\tapp.event\t{"a": 1}\n', "expected seconds since 1970"),
        (b"1362020400\tapp.event\t[]\n", "record is JSON list '\\[\\]'; expected an object"),
        (b"1362020400\tapp.event\ttext\n", "not JSON"),
    ],
)
def test_a_line_that_is_not_fluentds_is_refused(raw: bytes, reason: str) -> None:
    with pytest.raises(RecordError, match=reason):
        parse_by(FORMATS["fluentd-json"], raw)
