"""Long lines that a hostile sender writes: each format reads them in time that grows with their length alone.

A pattern or a loop that takes the square of it would not end here. How much more than usual a byte costs, and many more
lines, `bench/hostile_lines.py` measures.
"""

from __future__ import annotations

import json
import pkgutil
import re
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from re import _constants as op  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from types import FrameType
from typing import Any
from zlib import crc32

import pytest
from msgspec import Struct

import slips.formats
import slips.parsing
from slips import times
from slips.formats import catalogue, sample_files
from slips.parsing.chain import compile_chain
from slips.parsing.event_types import EventTypes
from slips.parsing.run import Chain

sys.path.insert(0, str(Path(__file__).parents[1] / "bench"))

import hostile_lines

NAMES = [
    *(format_.name for format_ in hostile_lines.formats() if format_.takes != "event" and format_.name != "json"),
    "cloudtrail",  # the formats of JSON objects share their reader; in a line of JSON, some pieces are many records
]
SIZE = 200_000
"""A line whose square would take minutes."""
PIECES = (" ", "a", "1", '"', "\\", "[", "]:", ": ", "a=", '",', '\\"', "[1] ")


def some_first(names: list[str]) -> list[Any]:
    """Every eighth name by a hash, so that a new format changes no other's turn, and the others for `make soak`."""
    return [
        name if crc32(name.encode()) % 8 == 0 else pytest.param(name, marks=pytest.mark.soak(seconds=1))
        for name in names
    ]


@pytest.mark.slow
@pytest.mark.once
@pytest.mark.parametrize("name", some_first(NAMES))
def test_a_hostile_line_takes_no_quadratic_time_in_any_format(name: str) -> None:
    chain, good = compile_chain([name], Path()), hostile_lines.good_lines(catalogue()[name])
    head = hostile_lines.head(catalogue()[name])
    for line in hostile_lines.hostile_lines(good[:1], 2, PIECES):
        hostile_lines.cpu(chain, line.of(SIZE, head))


@pytest.mark.parametrize("name", ["zeek-tsv", "exchange-tracking"])
def test_hostile_rows_stand_below_the_lines_that_name_their_columns(name: str) -> None:
    good, head = hostile_lines.good_lines(catalogue()[name]), hostile_lines.head(catalogue()[name])
    lines = next(hostile_lines.hostile_lines(good, 1, ["x"])).of(1_000, head)
    assert head.startswith(b"#")
    assert lines.count(b"\n") == head.count(b"\n") + 1


def test_hostile_lines_begin_as_lines_of_the_format_do() -> None:
    good = hostile_lines.good_lines(catalogue()["syslog"])
    lines = [line.of(1_000_000) for line in hostile_lines.hostile_lines(good[:1], 3, ["x"])]
    assert all(len(line) > 900_000 for line in lines)
    assert sum(line.startswith(good[0][:10].encode()) for line in lines) == 4, "cut in the middle, and at the end"


# ---- shapes of patterns


def patterns() -> Iterator[tuple[str, str, int]]:
    """Name, text and flags of each pattern that a module of formats, or of what parses them, compiles when imported."""
    modules = [
        times,
        *(import_module(name) for package in (slips.formats, slips.parsing) for name in modules_of(package)),
    ]
    for module in modules:
        for name, value in vars(module).items():
            for each in value.values() if isinstance(value, dict) else [value]:
                if isinstance(each, re.Pattern):
                    yield f"{module.__name__}.{name}", _text_of(each), each.flags & re.VERBOSE


def _text_of(pattern: re.Pattern[Any]) -> str:
    return pattern.pattern if isinstance(pattern.pattern, str) else pattern.pattern.decode("latin-1")


def modules_of(package: Any) -> Iterator[str]:
    yield from (info.name for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."))


def has_nested_repeats(tokens: Any, inside: bool = False) -> bool:
    """Whether a repeat without bound stands in another, and both may give back what they took: exponential time."""
    for code, value in tokens:
        if code in (op.MAX_REPEAT, op.MIN_REPEAT):
            _, most, inner = value
            unbounded = most is op.MAXREPEAT
            if (inside and unbounded) or has_nested_repeats(inner, inside or unbounded):
                return True
        elif code in (op.POSSESSIVE_REPEAT, op.ATOMIC_GROUP, op.ASSERT, op.ASSERT_NOT):
            if has_nested_repeats(value if code is op.ATOMIC_GROUP else value[-1]):
                return True
        elif code is op.SUBPATTERN:
            if has_nested_repeats(value[-1], inside):
                return True
        elif code is op.BRANCH:
            if any(has_nested_repeats(each, inside) for each in value[1]):
                return True
        elif code is op.GROUPREF_EXISTS and any(has_nested_repeats(each, inside) for each in value[1:] if each):
            return True
    return False


def test_no_pattern_of_a_format_repeats_what_repeats() -> None:
    found = list(patterns())
    assert len(found) > 30
    assert [name for name, text, flags in found if has_nested_repeats(parser.parse(text, flags))] == []


@pytest.mark.parametrize("pattern", ["(a+)*b", "(?:a|b*)*c", "(?:(x)(?(1)a+|b))*", "(?=(a+)+)b", "(?:a*?b)*"])
def test_repeats_in_repeats_are_found(pattern: str) -> None:
    assert has_nested_repeats(parser.parse(pattern))


@pytest.mark.parametrize("pattern", ["(?:a++b)*", "(?>a*)*", "(?:a{1,9})*", "a*b*", "(?:ab*+)*+", "(?:a|b)*"])
def test_repeats_that_give_nothing_back_are_no_mistake(pattern: str) -> None:
    assert not has_nested_repeats(parser.parse(pattern))


# ---- blank lines


def calls_of(chain: Chain, content: bytes, *kinds: str) -> int:
    """The functions that are called, and the generators that are resumed, while a chain reads an object."""
    count = 0

    def profile(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", *kinds)

    hostile_lines.run(chain, content)  # what is made once is no work of this object
    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        hostile_lines.run(chain, content)
    finally:
        sys.setprofile(before)
    return count


class Empty(Struct):
    """An event of which no field is wanted."""


@pytest.mark.parametrize("blank", [b"\n", b"\r\n", b" \n", b"\r"])
@pytest.mark.parametrize("typed", [False, True])
@pytest.mark.parametrize("contains", [(), ("1",)])
@pytest.mark.parametrize("name", ["okta", "syslog"])
def test_a_blank_line_takes_no_call_of_its_own(name: str, typed: bool, contains: tuple[str, ...], blank: bytes) -> None:
    types = [EventTypes.of(Empty, "Handler")] if typed else []
    chain = compile_chain([name], Path(), types=types, contains=contains)
    begin = hostile_lines.good_lines(catalogue()[name])[0].encode()
    few, many = (begin + (b"\r" if blank == b"\r" else b"\n") + blank * count + begin for count in (2_000, 12_000))
    assert calls_of(chain, many) - calls_of(chain, few) < 10_000 / 5


@pytest.mark.parametrize(
    ("stamp", "most"), [("Feb 30 06:00:24", 24), ("2018-13-11T04:27:47Z", 35), ("2018-06-31T04:27:47+01:00", 35)]
)
def test_a_day_that_is_none_takes_few_calls(stamp: str, most: int) -> None:
    """A bad record raised two errors and tried each notation again: it took ten times as long as a good one."""
    chain = compile_chain(["syslog"], Path())
    few, many = (f"{stamp} h p: m\n".encode() * count for count in (100, 1_100))
    assert calls_of(chain, many, "c_call") - calls_of(chain, few, "c_call") < 1_000 * most


@pytest.mark.parametrize(
    ("name", "piece", "most"),
    [
        ("alb", '"ab" ', 150),
        ("alb", '"', 170),
        ("akamai-text", "=", 190),
        ("gitlab", ";", 98),
        ("exchange-protocol", '"",', 60),
        ("argocd", ' x="1"', 300),
    ],
)
def test_a_line_with_an_odd_end_takes_few_calls(name: str, piece: str, most: int) -> None:
    """Each of its columns was read by itself, each pattern tried three times, each field in quotes looked at: it took
    ten times as long as a usual line, or longer."""
    chain = compile_chain([name], Path())
    line = hostile_lines.good_lines(catalogue()[name])[0] + piece * 60 + "\n"
    few, many = (line.encode() * count for count in (100, 1_100))
    assert calls_of(chain, many, "c_call") - calls_of(chain, few, "c_call") < 1_000 * most


def test_many_escapes_in_a_value_take_few_calls() -> None:
    """A call for each took nine times as long a byte as usual lines."""
    chain = compile_chain(["access-log"], Path())
    few, many = (b'::1 - - [29/Nov/2026:08:00:00 +0000] "%s" 200 1\n' % (rb"\"\\" * count) for count in (1_000, 21_000))
    assert calls_of(chain, many, "c_call") - calls_of(chain, few, "c_call") < 20_000 / 2


@pytest.mark.parametrize("piece", ['{"a":', '{"a":[', '{ "a" : ', "[", "[ ", "[a ", "-1", "0", "1 ", '""', '"\\n"'])
def test_short_pieces_of_json_are_passed_over_many_at_a_time(piece: str) -> None:
    """A call for each took forty times as long a byte as usual lines."""
    chain = compile_chain(["okta"], Path())
    line = hostile_lines.good_lines(catalogue()["okta"])[0]
    few, many = ((line + piece * count + "\n").encode() for count in (1_000, 21_000))
    assert calls_of(chain, many, "c_call") - calls_of(chain, few, "c_call") < 20_000 / 2


@pytest.mark.parametrize("piece", ["{} ", "[1] ", "{a}[b]"])
def test_many_brackets_behind_a_document_are_passed_over_at_once(piece: str) -> None:
    """They are one bad record. Each of them was passed over by itself, which took 400 times as long a byte as usual."""
    chain = compile_chain(["gigamon"], Path())
    line = hostile_lines.good_lines(catalogue()["gigamon"])[0]
    few, many = ((line + piece * count + "\n").encode() for count in (1_000, 21_000))
    assert calls_of(chain, many, "c_call") - calls_of(chain, few, "c_call") < 20_000 / 2


def test_a_line_that_is_no_document_by_itself_ends_no_measurement() -> None:
    assert hostile_lines.good_lines(catalogue()["mysql-audit-xml"])


@pytest.mark.parametrize("element", [b'{"a":{}}', b'{"a":{"b":1}}', b"[[1],[[2]]]", b'{"a":[[],1]}'])
def test_small_values_in_a_large_document_are_passed_over_many_at_a_time(element: bytes) -> None:
    """A document of one line was looked at token by token below its second level: 20 to 70 times as slow as usual."""
    chain = compile_chain(["s3-lines", "json"], Path())
    few, many = (b'{"a":[%s]}' % b",".join([element] * count) for count in (20_000, 50_000))
    assert calls_of(chain, many, "c_call") - calls_of(chain, few, "c_call") < 30_000 / 2


@pytest.mark.parametrize("piece", [" ", "a", "a "])
def test_many_lines_of_rails_with_a_long_rest_take_no_quadratic_time(piece: str) -> None:
    """Each took more than a second: the square of the characters in which the parts of a request are looked for."""
    line = "I, [2026-03-01T09:00:00.1 #1]  INFO -- : Completed 200 OK in 1ms (" + piece * (20_000 // len(piece))
    hostile_lines.cpu(compile_chain(["rails"], Path()), f"{line}\n".encode() * 200)


@pytest.mark.parametrize("piece", ["a", "_", "a ", 'a="'])
def test_a_long_word_in_a_line_of_the_router_of_heroku_takes_no_quadratic_time(piece: str) -> None:
    line = "<158>1 2026-03-01T08:00:00.5+00:00 host heroku router - at=info " + piece * (SIZE // len(piece))
    hostile_lines.cpu(compile_chain(["heroku"], Path()), f"{line}\n".encode())


def test_many_quotes_without_end_behind_the_columns_take_no_quadratic_time() -> None:
    """The end of each one was looked for in all of the line."""
    line = hostile_lines.good_lines(catalogue()["elb-classic"])[0] + f' "{"a" * 4_000}' * 3_900
    hostile_lines.cpu(compile_chain(["elb-classic"], Path()), f"{line}\n".encode())


def test_many_tags_of_modsecurity_without_end_take_no_quadratic_time() -> None:
    """The end of each one was looked for in all of the line."""
    line = "[Mon Mar 02 09:00:00.1 2026] [security2:error] [pid 1] [client 192.0.2.1:1] ModSecurity:" + ' [id "9' * SIZE
    hostile_lines.cpu(compile_chain(["apache-error"], Path()), f"{line}\n".encode())


def test_a_value_of_leef_that_has_the_character_between_pairs_takes_no_quadratic_time() -> None:
    """The value was copied for each further part of it."""
    line = f"LEEF:1.0|a|b|1|c|devTime=Jun 11 2018 04:27:47\tmsg={'a' * 60}" + f"\t{'a' * 60}" * 240_000
    hostile_lines.cpu(compile_chain(["leef"], Path()), f"{line}\n".encode())


def test_many_dots_in_texts_of_an_azure_firewall_take_no_quadratic_time() -> None:
    """Each of these records took a seventh of a second."""
    text = f"TCP request from 192.0.2.1:1 to 192.0.2.2:2. Action: Deny. {'.' * 4_000}"
    event = {"category": "AzureFirewallNetworkRule", "resourceId": "/X", "properties": {"msg": text}}
    hostile_lines.cpu(compile_chain(["azure-firewall"], Path()), f"{json.dumps(event)}\n".encode() * 1_000)


@pytest.mark.parametrize("piece", ["a", "a=[", "a=[], "])
def test_a_long_line_of_an_audit_of_elasticsearch_takes_no_quadratic_time(piece: str) -> None:
    line = f"[2026-03-01T08:00:05,544] [transport] [access_granted]  a=[{piece * (SIZE // len(piece))}"
    hostile_lines.cpu(compile_chain(["elasticsearch-text"], Path()), f"{line}\n".encode())


def test_a_long_word_in_a_packet_of_snort_takes_no_quadratic_time() -> None:
    good = sample_files("snort-full")[0].read_bytes()
    alert = good[: good.index(b"TTL:")] + b"TTL:64 " + b"a" * SIZE + b"\n"
    hostile_lines.cpu(compile_chain(["snort-full"], Path()), alert)
