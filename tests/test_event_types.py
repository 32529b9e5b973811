"""Handlers that declare the type of their events get instances; what does not fit is quarantined with the reason."""

from __future__ import annotations

import datetime
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import Struct
from msgspec.structs import replace

from processing import EVENT, Make, counts, done, failed, lines, make, ranges, root
from projects import Project
from slips.config.schema import Limits
from slips.errors import FormatError, UsageError
from slips.interface import Handler, check_handlers
from slips.model import MetaData
from slips.pipeline.items import report_failure
from slips.testing import run

__all__ = ["make", "root"]

JSON, RECORDS, CSV = ["s3-lines", "json"], ["json-records:Records"], ["csv"]
PLAIN_JSON = ["formats.py:plain", "json"]
"""A reader behind which `json` is a parser: an array is one record of several events."""


class Login(Struct):
    user: str
    tries: int = 0
    at: datetime.datetime | None = None
    more: dict[str, Any] = {}


class Keeps(Handler):
    """Keeps what it gets."""

    event_type: Any = Login
    metas: list[MetaData]
    events: list[Any]

    def setup(self, args: dict[str, Any]) -> None:
        type(self).metas, type(self).events = [], []

    def recv(self, meta: MetaData, event: Any) -> None:
        self.metas.append(meta)
        self.events.append(event)


def keeping(declared: Any) -> type[Keeps]:
    return type("Keeps", (Keeps,), {"event_type": declared})


AKIKO = '{"user": "akiko", "tries": 2, "at": "2026-11-23T08:00:00Z", "other": [1, {"a": null}]}'


# ---- instances


@pytest.mark.parametrize(
    ("chain", "log"),
    [
        (JSON, AKIKO),
        (JSON, f"[{AKIKO}]"),
        (["s3-text", "json"], AKIKO),
        (RECORDS, f'{{"Records": [{AKIKO}]}}'),
        (CSV, "user,tries,at,other\nakiko,2,2026-11-23T08:00:00Z,x\n"),
    ],
)
def test_a_handler_gets_instances_of_its_type_whatever_the_chain(make: Make, chain: list[str], log: str) -> None:
    success = done(make(lines(log), chain, Keeps).process(EVENT))
    at = datetime.datetime(2026, 11, 23, 8, tzinfo=datetime.UTC)
    assert Keeps.events == [Login("akiko", 2, at)]
    assert [type(each) for each in Keeps.events] == [Login]
    assert counts(success.outcome) == (1, 1, 0, 0, 1)


def test_what_does_not_fit_is_quarantined_with_the_reason(make: Make) -> None:
    body = lines(AKIKO, '{"user": 7}', "nonsense", '{"tries": 1}', '{"user": "a"}')
    success = done(make(body, JSON, Keeps).process(EVENT))
    assert [each.user for each in Keeps.events] == ["akiko", "a"]
    assert counts(success.outcome) == (5, 2, 0, 3, 2)
    samples = success.quarantine[0].samples
    assert [each.seq for each in samples] == [2, 3, 4]
    assert samples[0].reason == "the event is no Login of Keeps: Expected `str`, got `int` - at `$.user`"
    assert samples[1].reason.startswith("not JSON")
    assert samples[2].reason == "the event is no Login of Keeps: Object missing required field `user`"
    assert [each.raw for each in samples][::2] == ['{"user": 7}', '{"tries": 1}']


def test_one_event_of_several_that_does_not_fit_quarantines_its_record(make: Make) -> None:
    success = done(
        make(lines('[{"user": "a"}, {"user": 1}]', '[{"user": "b"}, {"user": "c"}]'), PLAIN_JSON, Keeps).process(EVENT)
    )
    assert [(meta.seq, meta.index, event.user) for meta, event in zip(Keeps.metas, Keeps.events, strict=True)] == [
        (2, 0, "b"),
        (2, 1, "c"),
    ]
    assert counts(success.outcome) == (2, 1, 0, 1, 2)


def test_a_record_of_too_many_events_to_hold_gives_instances_too(make: Make) -> None:
    body = json.dumps([{"user": str(number)} for number in range(500)]).encode()
    success = done(make(body, PLAIN_JSON, Keeps, limits=Limits(record_values=300)).process(EVENT))
    assert [each.user for each in Keeps.events] == [str(number) for number in range(500)]
    assert {type(each) for each in Keeps.events} == {Login}
    assert counts(success.outcome) == (1, 1, 0, 0, 500)


def test_digits_of_csv_are_numbers_and_those_of_json_are_not(make: Make) -> None:
    done(make(b"user,tries\na,12\nb,x\n", CSV, Keeps).process(EVENT))
    assert [each.tries for each in Keeps.events] == [12]
    done(make(lines('{"user": "a", "tries": "12"}', '{"user": "b", "tries": 12}'), JSON, Keeps).process(EVENT))
    assert [each.user for each in Keeps.events] == ["b"]


class Row(Struct, rename={"note": "Note"}):
    user: str
    tries: int | None
    at: datetime.datetime | None = None
    share: float = 0.5
    note: str | None = "none"
    other: Any = None
    plain: str = "-"


class KeepsRows(Keeps):
    event_type = Row


TABLE = b"user,tries,at,share,Note,other,plain\n"


def test_an_empty_field_of_csv_is_no_value_where_the_type_says_so(make: Make) -> None:
    body = TABLE + b"ann,,,,,,\nbob,3,2026-11-23T08:00:00Z,0.25,x,y,z\n"
    done(make(body, CSV, KeepsRows).process(EVENT))
    at = datetime.datetime(2026, 11, 23, 8, tzinfo=datetime.UTC)
    assert KeepsRows.events == [
        Row("ann", None, None, 0.5, None, "", ""),
        Row("bob", 3, at, 0.25, "x", "y", "z"),
    ]


def test_an_absent_text_of_a_table_is_no_value_where_the_type_says_so(make: Make) -> None:
    done(make(TABLE + b"ann,-,-,-,-,-,-\n", [{"csv": {"absent": "-"}}], KeepsRows).process(EVENT))
    assert KeepsRows.events == [Row("ann", None, None, 0.5, None, "-", "-")]


def test_an_empty_field_that_must_be_a_number_is_quarantined(make: Make) -> None:
    class Strict(Keeps):
        event_type = msgspec.defstruct("Strict", [("tries", int)])

    success = done(make(b"user,tries\na,\n", CSV, Strict).process(EVENT))
    assert success.quarantine[0].samples[0].reason == (
        "the event is no Strict of Strict: Expected `int`, got `str` - at `$.tries`"
    )


class Inner(Struct):
    name: str


class Outer(Login):
    inner: Inner | None = None


def test_bytes_that_are_no_utf_8_are_those_of_texts_and_no_reason_beside_them(make: Make) -> None:
    """A dict is made of all these lines, for the number that only the lenient decoder reads."""
    one = keeping(Outer)
    body = b"\n".join(
        b'{"user": "\xe9", "nan": NaN, %s}' % odd
        for odd in (
            b'"\xff": 1',
            b'"more": {"\xff": "\xff"}',
            b'"\xff": 1, "more": {"\xff": "\xff"}',
            b'"inner": {"name": "\xff", "\xff": "\xff"}',
            b'"tries": "\xff"',
            b'"at": "\xff"',
            b'"\xff": 1, "inner": {"\xff": 2, "name": 7}',
        )
    )
    success = done(make(body, JSON, one).process(EVENT))
    assert one.events == [
        Outer("\udce9"),
        Outer("\udce9", more={"\udcff": "\udcff"}),
        Outer("\udce9", more={"\udcff": "\udcff"}),
        Outer("\udce9", inner=Inner("\udcff")),
    ]
    assert [each.reason for each in success.quarantine[0].samples] == [
        "the event is no Outer of Keeps: Expected `int`, got `str` - at `$.tries`",
        "the event is no Outer of Keeps: Invalid RFC3339 encoded datetime - at `$.at`",
        "the event is no Outer of Keeps: Expected `str`, got `int` - at `$.inner.name`",
    ]


def test_names_of_fields_may_differ_from_keys(make: Make) -> None:
    class Renamed(Struct, rename="camel"):
        source_address: str
        user: str = msgspec.field(name="who")

    one = keeping(Renamed)
    done(make(lines('{"sourceAddress": "::1", "who": "a"}'), JSON, one).process(EVENT))
    assert one.events == [Renamed("::1", "a")]


def test_on_error_counts_for_what_does_not_fit(make: Make) -> None:
    body = lines('{"user": "a"}', '{"user": 1}')
    assert done(make(body, JSON, Keeps, on_error="skip").process(EVENT)).outcome.rules == {"on_error: skip": 1}
    assert failed(make(body, JSON, Keeps, on_error="fail").process(EVENT)).stage == "format"


# ---- a type for each tag


class ApiCall(Struct):
    eventName: str


class SignIn(Struct):
    userIdentity: dict[str, Any]


TRAIL: list[dict[str, Any]] = [
    {"eventType": "AwsApiCall", "eventName": "GetObject"},
    {"eventType": "AwsConsoleSignIn", "userIdentity": {"arn": "arn:a"}},
    {"eventType": "AwsServiceEvent", "eventName": "Rotate"},
]


def trail(*events: dict[str, Any]) -> bytes:
    return json.dumps({"Records": events}).encode()


def test_each_tag_may_have_a_type(make: Make) -> None:
    per_tag = {"aws.cloudtrail.AwsApiCall": ApiCall, "aws.cloudtrail.AwsConsoleSignIn": SignIn}
    one = keeping(per_tag)
    success = done(make(trail(*TRAIL), ["cloudtrail"], one).process(EVENT))
    assert one.events == [ApiCall("GetObject"), SignIn({"arn": "arn:a"})]
    (sample,) = success.quarantine[0].samples
    assert sample.reason == (
        "Keeps.event_type has no type for tag 'aws.cloudtrail.AwsServiceEvent'; expected one of "
        "'aws.cloudtrail.AwsApiCall', 'aws.cloudtrail.AwsConsoleSignIn'; add it, or '*' for all others"
    )


def test_a_star_is_the_type_of_all_other_tags_and_dict_leaves_events_as_they_are(make: Make) -> None:
    one = keeping({"aws.cloudtrail.AwsApiCall": ApiCall, "*": dict})
    done(make(trail(*TRAIL), ["cloudtrail"], one).process(EVENT))
    assert one.events[0] == ApiCall("GetObject")
    assert [type(each) for each in one.events] == [ApiCall, dict, dict]
    assert one.events[2]["eventName"] == "Rotate"


# ---- several handlers of one mapping


def test_an_event_that_does_not_fit_one_of_several_handlers_is_for_none(make: Make) -> None:
    class Dicts(Keeps):
        event_type = None

    class Strict(Keeps):
        class Both(Struct):
            user: str
            tries: int

        event_type = Both

    body = lines('{"user": "a", "tries": 1}', '{"user": "b"}', '{"user": "c", "tries": 3}')
    success = done(make(body, JSON, Dicts, Keeps, Strict).process(EVENT))
    assert Dicts.events == [{"user": "a", "tries": 1}, {"user": "c", "tries": 3}]
    assert Keeps.events == [Login("a", 1), Login("c", 3)]
    assert Strict.events == [Strict.Both("a", 1), Strict.Both("c", 3)]
    assert (
        success.quarantine[0].samples[0].reason
        == "the event is no Both of Strict: Object missing required field `tries`"
    )


def test_each_of_several_handlers_may_change_its_own_event(make: Make) -> None:
    class Vandal(Keeps):
        def recv(self, meta: MetaData, event: Any) -> None:
            event.more["list"].append("vandal")
            meta.tag = "broken"

    done(make(lines('{"user": "a", "more": {"list": []}}'), JSON, Vandal, Keeps, keeping(None)).process(EVENT))
    assert Keeps.events[0].more == {"list": []}
    assert Keeps.metas[0].tag == ""


def test_batches_have_instances(make: Make) -> None:
    class Batched(Handler):
        event_type = Login
        seen: list[Any] = []  # noqa: RUF012

        def recv_batch(self, batch: list[tuple[MetaData, Any]]) -> None:
            self.seen.append([event for _, event in batch])

    done(make(lines('{"user": "a"}', '{"user": 1}', '{"user": "c"}'), JSON, Batched).process(EVENT))
    assert Batched.seen == [[Login("a"), Login("c")]]


# ---- failures


def test_an_item_shows_the_event_as_the_handler_left_it(make: Make) -> None:
    class Raises(Keeps):
        def recv(self, meta: MetaData, event: Any) -> None:
            event.tries = 99
            raise ValueError("as told")

    for handlers in ((Raises,), (Keeps, Raises)):
        failure = failed(make(lines(AKIKO), JSON, *handlers).process(EVENT))
        assert failure.handler_event == {"user": "akiko", "tries": 99, "at": "2026-11-23T08:00:00Z", "more": {}}
        assert report_failure(failure, "r1", 1, 0.0).event == failure.handler_event


# ---- mistakes


class Listed(Struct, array_like=True):
    user: str


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        (dict, "is <class 'dict'>; expected a class derived from msgspec.Struct, or a dict of tags to such classes"),
        (str, "is <class 'str'>; expected"),
        ("Login", "is 'Login'; expected"),
        (Login("a"), "is Login("),
        ({}, "is {}; expected"),
        ({"a": int}, "of tag 'a' is <class 'int'>; expected"),
        ({1: Login}, "is {1: "),
        (Listed, "is Listed, which is array_like; expected one of named fields"),
    ],
)
def test_a_type_that_is_none_is_told_before_anything_runs(declared: Any, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_handlers([keeping(declared)])
    assert f"Keeps.event_type {said}" in str(caught.value)


def test_a_type_that_msgspec_cannot_decode_is_told() -> None:
    class Odd(Struct):
        both: Login | SignIn

    with pytest.raises(UsageError, match=r"Keeps\.event_type is Odd, which msgspec cannot decode: "):
        check_handlers([keeping(Odd)])


FLOWS = """\
import msgspec
import slips.interface

class Flow(msgspec.Struct):
    srcaddr: str
    {field}

class H(slips.interface.Handler):
    event_type = {type}
    def recv(self, meta, event): ...
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project(tmp_path)
    config = (made.root / "slips.yml").read_text()
    made.config(config.replace("format: [s3-lines, json]", "format: {format}"))
    return made


@pytest.mark.parametrize(
    ("format_", "field", "type_", "said"),
    [
        ("alb", "client: str", "Flow", "H.event_type: Flow requires 'srcaddr', 'client'"),
        (
            "s3-lines",
            "other: int = 0",
            "Flow",
            "requires 'srcaddr', and format 's3-lines' has no such field; expected some of message",
        ),
        ("alb", "other: int = 0", "{'aws.alb.http': dict, 'aws.elb': dict}", "format 'alb' has no tag 'aws.elb'"),
        ("csv", "other: int = 0", "{'a': dict}", "format 'csv' has no tag 'a'; expected '*', as it sets none; mend it"),
        ("vpc-flow", "srcport: int", "Flow", ""),
        ("cloudtrail", "srcport: int", "Flow", ""),
    ],
)
def test_check_says_when_a_format_cannot_serve_a_type(
    project: Project, format_: str, field: str, type_: str, said: str
) -> None:
    project.config((project.root / "slips.yml").read_text().replace("format: {format}", f"format: {format_}"))
    project.handler(FLOWS.format(field=field, type=type_))
    checked = project.slips("check")
    if not said:
        assert checked.status == 0, checked.err
        return
    assert checked.status == 2
    assert said in checked.err
    assert "slips.yml: my-logs: " in checked.err


def test_a_run_fails_the_objects_of_a_chain_that_cannot_serve_a_type(make: Make) -> None:
    failure = failed(make(lines("a"), ["s3-lines"], Keeps).process(EVENT))
    assert (failure.stage, failure.retryable) == ("format", False)
    assert "Keeps.event_type: Login requires 'user', and format 's3-lines' has no such field" in failure.message


def test_a_test_of_a_handler_gets_instances() -> None:
    seen = run(Keeps, "json", [{"user": "a"}, {"user": 1}])
    assert Keeps.events == [Login("a")]
    assert (seen.events, seen.delivered, seen.quarantined) == ([{"user": "a"}], 1, 1)
    with pytest.raises(FormatError, match="cannot be understood"):
        run(Keeps, "json", [{"user": 1}] * 20)


def test_documents_on_one_line_are_records_for_instances_too(make: Make) -> None:
    body = lines(
        '{"user": "a"}{"user": 1}{"user": "b"}',
        '[{"user": "c"}, {"user": 2}]',
        "",
        '\0\0{"user": "d"}',
        '{"user": "e"',
        '{"user": "f"} ',
    )
    success = done(make(body, JSON, Keeps).process(EVENT))
    assert [(meta.seq, event.user) for meta, event in zip(Keeps.metas, Keeps.events, strict=True)] == [
        (1, "a"),
        (3, "b"),
        (4, "c"),
        (7, "d"),
        (9, "f"),
    ]
    assert ranges(success) == [(2, 2), (5, 5), (8, 8)]
    raws = [each.raw for each in success.quarantine[0].samples]
    assert raws == ['{"user": 1}', '{"user": 2}', '{"user": "e"']
    again = done(make(body, JSON, Keeps).process(replace(EVENT, object_etag="", records=[(3, 5), (9, None)])))
    assert [(meta.seq, event.user) for meta, event in zip(Keeps.metas, Keeps.events, strict=True)] == [
        (3, "b"),
        (4, "c"),
        (9, "f"),
    ]
    assert ranges(again) == [(5, 5)]
