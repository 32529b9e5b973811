"""The formats that servers' configurations give their access logs: `log_format` of nginx, `LogFormat` of Apache."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import chains
from declared import both
from slips.parsing import Patterns, Regex, iso
from slips.parsing.chain import check_chain


def one(name: str, form: str, line: str, **options: Any) -> tuple[Any, Any]:
    """Meta and event of a line of a server whose configuration has a format."""
    seen = chains.run([{name: {"log_format": form, **options}}], line.encode() + b"\n")
    assert not seen.quarantined
    return seen.events[0]


def test_the_variables_of_a_log_format_of_nginx_are_the_fields() -> None:
    form = (
        '$remote_addr - ${remote_user} [$time_iso8601] "$request" $status $request_time $upstream_addr '
        '$upstream_response_time|$host "$http_user_agent"'
    )
    line = (
        '192.0.2.7 - - [2018-06-11T06:27:47+02:00] "GET /a HTTP/1.1" 200 0.125 10.0.0.1:80, 10.0.0.2:80 '
        '0.001, 0.123|example.com "an \\"agent\\""'
    )
    meta, event = one("nginx-access", form, line)
    assert (meta.tag, meta.timestamp, meta.message) == ("nginx.access", 1_528_691_267.0, "GET /a HTTP/1.1 200")
    assert event == {
        "remote_addr": "192.0.2.7",
        "remote_user": None,
        "time_iso8601": "2018-06-11T06:27:47+02:00",
        "request": "GET /a HTTP/1.1",
        "request_method": "GET",
        "request_uri": "/a",
        "server_protocol": "HTTP/1.1",
        "status": 200,
        "request_time": 0.125,
        "upstream_addr": ["10.0.0.1:80", "10.0.0.2:80"],
        "upstream_response_time": [0.001, 0.123],
        "host": "example.com",
        "http_user_agent": 'an "agent"',
    }


def test_a_log_format_may_be_copied_from_the_configuration_of_nginx() -> None:
    form = "log_format main '$remote_addr [$time_local] '\n   '\"$request\" $status';"
    _, event = one("nginx-access", form, '192.0.2.7 [11/Jun/2018:04:27:47 +0000] "GET / HTTP/1.1" 404')
    assert (event["remote_addr"], event["status"]) == ("192.0.2.7", 404)


@pytest.mark.parametrize(
    "form",
    [
        '%{X-Forwarded-For}i %h %l %u %t "%r" %>s %b %D "%{User-Agent}i" %{SSL_PROTOCOL}x %{Set-Cookie}o 100%%',
        'LogFormat "%{X-Forwarded-For}i %h %l %u %t \\"%r\\" %>s %b %D \\"%{User-Agent}i\\" %{SSL_PROTOCOL}x '
        '%{Set-Cookie}o 100%%" mine',
    ],
)
def test_the_directives_of_a_log_format_of_apache_are_the_fields(form: str) -> None:
    line = (
        '203.0.113.9, 10.0.0.1 192.0.2.7 - bob [11/Jun/2018:06:27:47 +0200] "GET /a HTTP/1.1" 200 - 1500 "curl" '
        "TLSv1.3 a=b 100%"
    )
    meta, event = one("apache-access", form, line)
    assert (meta.timestamp, meta.message) == (1_528_691_267.0, "GET /a HTTP/1.1 200")
    assert event == {
        "x_forwarded_for": "203.0.113.9, 10.0.0.1",
        "remote_host": "192.0.2.7",
        "remote_logname": None,
        "remote_user": "bob",
        "time": "11/Jun/2018:06:27:47 +0200",
        "request": "GET /a HTTP/1.1",
        "method": "GET",
        "target": "/a",
        "protocol": "HTTP/1.1",
        "status": 200,
        "bytes": None,
        "duration_us": 1500,
        "user_agent": "curl",
        "ssl_protocol": "TLSv1.3",
        "response_set_cookie": "a=b",
    }


def test_a_time_in_parts_of_a_second_is_read() -> None:
    meta, event = one("apache-access", "%{usec}t %h", "1528691267000250 192.0.2.7")
    assert (meta.timestamp, event["time_usec"]) == (1_528_691_267.00025, "1528691267000250")


def test_other_options_go_with_a_log_format() -> None:
    meta, _ = one("nginx-access", "$host $status", "a.example 200", tag="web.{host}")
    assert meta.tag == "web.a.example"


def test_a_line_of_another_format_is_quarantined() -> None:
    seen = chains.run([{"nginx-access": {"log_format": "$remote_addr $status"}}], b"192.0.2.7 200 more\n")
    assert [seq for seq, _ in seen.quarantined] == [1]
    other = chains.run([{"nginx-access": {"log_format": "$remote_addr $status"}}], b"restarted\n")
    assert other.quarantined == [(1, "line begins with 'restarted'; expected one such as '$remote_addr $status'")]


@pytest.mark.parametrize("name", ["nginx-access", "apache-access"])
def test_a_line_of_no_access_log_is_quarantined_with_what_one_looks_like(name: str) -> None:
    seen = chains.run([name], b"worker process 12 exited\n")
    assert seen.quarantined == [
        (
            1,
            "line begins with 'worker process 12 exited'; expected one such as "
            "'192.0.2.7 - - [time] \"request\" 200 612 …'",
        )
    ]


def test_a_long_log_format_is_cut_in_a_message() -> None:
    form = " ".join(f"$a{number}" for number in range(50))
    ((_, reason),) = chains.run([{"nginx-access": {"log_format": form}}], b"one\n").quarantined
    assert reason.endswith(f"expected one such as '{form[:100]}…'")


@pytest.mark.parametrize(
    ("name", "form", "problem"),
    [
        ("nginx-access", "a text", "log_format: 'a text' has no values; expected the format as the server's"),
        (
            "nginx-access",
            "main",
            "log_format: 'main' has no values; expected the format as the server's configuration has it, behind this "
            "name",
        ),
        ("nginx-access", "combined", "log_format: 'combined' is read without this option; expected none; take it away"),
        (
            "apache-access",
            "combined",
            "log_format: 'combined' is read without this option; expected none; take it away",
        ),
        ("nginx-access", "$status$host", "log_format: '$status' and '$host' have no text between; expected one that"),
        ("nginx-access", "$status $status", "log_format: '$status' is the field 'status', which is there twice"),
        ("apache-access", "%h %z", "log_format: '%z' is not known; expected a directive of mod_log_config"),
    ],
)
def test_a_mistake_in_a_log_format_is_told_by_check(name: str, form: str, problem: str) -> None:
    (told,) = check_chain([{name: {"log_format": form}}], Path())
    assert told.startswith(f"format {name!r}: {problem}")


SEVERAL = Patterns(
    "several",
    "lines of two kinds",
    patterns=(
        r'(?P<time>\d+T\S+) "(?P<request>[^"]*)" (?P<status>\d+)' r"(?: (?P<took>[^ ]+))?(?P<more>.+)?",
        r"(?P<level>[a-z]+): (?P<text>.*)",
    ),
    requests={"request": "method target protocol"},
    escaped="request text",
    integers="status",
    floats="took",
    absent="-",
    time=iso("time"),
    message="{text|request}",
)
PIECES: list[str] = [
    "20180611T04:27:47Z",
    ' "',
    "GET / HTTP/1.1",
    "-",
    '" ',
    "200",
    "warn: ",
    "a text",
    " 1.5",
    " -",
    " x y",
    "\\x41",
    "x",
]


@given(line=st.lists(st.sampled_from(PIECES), max_size=7).map("".join) | st.text(max_size=30))
def test_any_line_is_read_alike_by_the_first_pattern_that_matches(line: str) -> None:
    both(SEVERAL, line)


def test_an_event_has_the_fields_of_the_pattern_that_matched() -> None:
    content = b'20180611T04:27:47Z "GET /\\x41 HTTP/1.1" 200\nwarn: a \\"text\\"\nelse\n'
    assert [both(SEVERAL, line)[0] for line in content.decode().splitlines()] == [
        str(
            {
                "time": "20180611T04:27:47Z",
                "request": "GET /A HTTP/1.1",
                "status": 200,
                "method": "GET",
                "target": "/A",
                "protocol": "HTTP/1.1",
            }
        ),
        str({"level": "warn", "text": 'a "text"'}),
        "RecordError",
    ]


@pytest.mark.parametrize(
    ("parts", "problem"),
    [
        ({"pattern": r"(?P<a>x)", "requests": {"b": "c d e"}}, "requests: 'b' is"),
        ({"pattern": r"(?P<a>x)(?P<c>y)", "requests": {"a": "c d e"}}, "requests: 'c' is a group, too"),
        ({"pattern": r"(?P<a>x)", "escaped": "b"}, "escaped: no group 'b'; expected one of a"),
    ],
)
def test_a_mistake_in_several_patterns_is_told(parts: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Regex("wrong", "wrong", **parts)
