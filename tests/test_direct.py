"""Events decoded straight to the Struct of a handler are those that a dict between gives, with the same metas."""

from __future__ import annotations

import copy
import datetime
import io
import json
import pickle
from itertools import product
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Struct
from msgspec.structs import replace

from chains import OBJECT, Pieces
from fakes import FakeSite, Objects, config_of, object_event
from slips.errors import DecompressionError
from slips.format import RecordLimits, Rule
from slips.interface import Handler
from slips.model import Entities, LateMetaData, MetaData, Outcome
from slips.parsing import Json, all_of, any_of, epoch, iso
from slips.parsing.chain import compile_chain, find_format
from slips.parsing.direct import Direct, parse_typed
from slips.parsing.event_types import EventTypes, Fitting
from slips.parsing.json_text import LEVELS
from slips.parsing.late import Late
from slips.parsing.loop import unusual
from slips.parsing.readers.document_lines import LineDocumentRecords
from slips.parsing.readers.elements import ElementRecords
from slips.parsing.run import Chain, Ticker
from slips.parsing.stages import fitted
from slips.pipeline.ended import Failure
from slips.pipeline.process import Processor

LIMITS = compile_chain(["json"], Path())._limits


class Actor(Struct):
    arn: str | None = None
    kind: str | None = None


class Plain(Struct):
    """Fields that the declaration does not read, or reads as they are."""

    name: str
    n: int = 0
    kind: str | None = None


class Clashing(Struct, kw_only=True):
    """Fields that the declaration reads as something else."""

    name: str
    at: datetime.datetime | None = None
    user: Actor | None = None
    kind: str = "unknown"


class Added(Struct):
    """Has a field that a declaration adds."""

    name: str
    text: str | None = None


class Strict(Struct, forbid_unknown_fields=True):
    name: str
    kind: str


class Open(Struct):
    name: Any
    more: dict[str, Any] = {}
    user: dict[str, Any] | None = None


class Checked(Struct, rename={"label": "name"}):
    label: str
    n: float = 1.5

    def __post_init__(self) -> None:
        if self.label == "a":
            raise ValueError("no 'a'")


class Held(Struct):
    """Fields whose values may have any number of levels."""

    any_: Any = None
    dict_: dict = {}  # type: ignore[type-arg]
    dicts: dict[str, Any] = {}
    list_: list = []  # type: ignore[type-arg]
    lists: list[Any] = []
    several: dict[str, Any] | list[Any] | int | None = None


class Recursive(Struct):
    name: str
    user: "Recursive | None" = None  # noqa: UP037 - evaluated by msgspec


KINDS: list[Any] = [
    Plain,
    Added,
    Clashing,
    Strict,
    Open,
    Checked,
    Recursive,
    {"x.a": Plain, "x.b": Open, "*": dict},
    {"": Plain, "x.a": Open},
]
DECLARED = [
    Json(
        "x",
        "x",
        tag="x.{kind}",
        time=iso("at", "user.at"),
        message="{name} by {user.arn|'nobody'}",
        require=any_of("name", "user"),
    ),
    Json(
        "y",
        "y",
        tag="x.{user.kind|kind|'b'}",
        time=epoch("n"),
        require=all_of("name", any_of("kind", "user.arn")),
        absent="-",
    ),
    Json("z", "z", rules=(Rule("noise", "", when={"kind": ("a", "b")}),), message="{kind}", tag="x.a"),
    Json("w", "w", adds="text", message="{name}"),
    Json("u", "u", tag="x.{kind}", time=iso("at"), message="{user.arn}", also_in=("user", "more"), require="name"),
    Json("t", "t", tag="x.{kind}", require=any_of("a", "b", "c", "d", "e", "name", all_of("kind", "user.kind"))),
    Json("v", "v", refine=lambda meta, event: None),
    Json("r", "r", tag="x.{kind}", message="{user} {user.name}"),
    Json("p", "p", message="{user[].name|user.name}{' ' more[].user.arn[].name|at[].user.arn}", absent="-"),
    Json("o", "o", message="{name[].kind} {user[].kind[].n|'none'}", also_in=("user", "more"), absent=("-", "a")),
    Json("s", "s", tag="x.{n}", integers="n user.n name", booleans="kind"),
]
names = st.sampled_from(["a", "b", "x", "-", "", "2026-11-23T08:00:00Z", "\ud83d", "é"])
scalars = names | st.integers(-2, 2) | st.just(10**30) | st.floats() | st.none() | st.booleans()
keys = st.sampled_from(["name", "kind", "at", "user", "n", "arn", "more", "user.arn", "user.kind", "user.at", "other"])
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(keys, inner, max_size=3))
events = st.fixed_dictionaries(
    {},
    optional={
        **{"name": names | values, "kind": names | values, "at": names | values, "n": st.integers() | values},
        **{"user": st.dictionaries(keys, values) | values, "user.arn": values, "user.kind": values, "more": values},
        "other": values,
    },
)


def outcome(parse: Any, raw: Any) -> Any:
    """The meta and the event that come of a record, or the kind of exception and its text."""
    meta = MetaData("", OBJECT.timestamp, OBJECT, None, 1)
    try:
        found = parse(meta, raw)
    except Exception as error:  # noqa: BLE001 - compared
        return type(error).__name__, str(error)
    if found.__class__ is list or isinstance(found, list):
        return [(each.to_dict(), shown(part)) for each, part in found]
    return meta.to_dict(), shown(found)


def shown(event: Any) -> Any:
    return type(event).__name__, repr(msgspec.to_builtins(event, enc_hook=repr)) if not isinstance(
        event, Rule
    ) else event


def both(chain: Chain, declared: Any, limits: RecordLimits = LIMITS) -> tuple[Any, Any]:
    """The functions that decode directly, and by a dict."""
    types = EventTypes.of(declared, "Handler")
    assert types is not None
    fitting = Fitting(types.fit(None), types.kinds, types)
    direct = parse_typed(fitting, chain._reader, chain._parsers, limits, chain.parse)
    return direct, fitted(lambda meta, record: unusual(meta, record, chain.parse), fitting.fit)


def chain_of(*declarations: Json, limits: RecordLimits = LIMITS) -> Chain:
    """A chain with `json` as a parser of its own, as it is behind a reader of the user's."""
    reader, json_ = (find_format(name, Path()) for name in ("s3-lines", "json"))
    return Chain(["test"], reader, "", [json_, *declarations], limits)


@pytest.mark.parametrize("declaration", [None, *DECLARED], ids=lambda one: one.name if one else "plain")
@pytest.mark.parametrize("declared", KINDS, ids=lambda one: getattr(one, "__name__", "per tag"))
def test_what_is_decoded_directly_is_what_a_dict_gives(declaration: Json | None, declared: Any) -> None:
    chain = chain_of(*([declaration] if declaration else []))
    direct, by_dict = both(chain, declared)

    @settings(max_examples=25)  # of 81 pairs, which share most of the code
    @given(events | values, st.sampled_from([json.dumps, msgspec.json.encode]))
    def agree(value: Any, write: Any) -> None:
        try:
            raw = write(value)
        except (TypeError, ValueError, OverflowError):
            raw = json.dumps(value)
        raw = raw.encode() if isinstance(raw, str) else raw
        assert outcome(direct, raw) == outcome(by_dict, raw)

    agree()


@pytest.mark.parametrize("declaration", [None, *DECLARED[:3], compile_chain(["okta"], Path())._parsers[-1][0]])
@pytest.mark.parametrize(
    "declared", [Plain, Clashing, Open, Checked, Recursive, {"x.b": Plain, "okta.system": Plain, "*": Open}]
)
def test_usual_texts_are_decoded_without_a_dict(declaration: Any, declared: Any) -> None:
    def by_dict(_meta: MetaData, _record: Any) -> Any:
        raise AssertionError("a dict")

    chain = chain_of(*([declaration] if declaration else []))
    types = EventTypes.of(declared, "Handler")
    assert types is not None
    fitting = Fitting(types.fit(None), types.kinds, types)
    parse = parse_typed(fitting, chain._reader, chain._parsers, LIMITS, by_dict)
    event = {
        "name": "x",
        "kind": "c",
        "n": 1,
        "user": {"arn": "a", "name": "y"},
        "eventType": "e",
        "published": "2026-11-23T08:00:00Z",
    }
    found = parse(MetaData("", 0.0, OBJECT, None, 1), json.dumps(event | {"uuid": "u", "actor": {"id": "i"}}).encode())
    assert type(found) in types.kinds


LISTS = st.lists(st.fixed_dictionaries({}, optional={"name": values, "kind": values}) | values, max_size=3)


@pytest.mark.parametrize(
    "declaration", [each for each in DECLARED if each.name in ("o", "p")], ids=lambda one: one.name
)
def test_the_values_in_lists_are_those_that_a_dict_has(declaration: Json) -> None:
    direct, by_dict = both(chain_of(declaration), Plain)
    told = set()

    @settings(max_examples=100)  # of any profile: their messages have to differ
    @given(LISTS, st.sampled_from(["name", "user", "more", "at", "user.arn"]), LISTS)
    def agree(value: Any, field: str, inner: Any) -> None:
        event = {"name": "x", field: [{"kind": inner, "user": {"arn": inner}, "name": "n"}, *value]}
        for each in (event, {"name": "x", "more": event}):
            raw = json.dumps(each).encode()
            found = outcome(direct, raw)
            assert found == outcome(by_dict, raw)
            told.add(found[0]["message"] if found[0].__class__ is dict else found[0])

    agree()
    assert len(told) > 10, "messages differ"


def test_the_values_in_a_list_are_found_without_a_dict(monkeypatch: pytest.MonkeyPatch) -> None:
    declaration = Json("q", "q", message="{more[].user.arn|'-'} by {user[].name}")
    direct, by_dict = both(chain_of(declaration), Plain)
    event = {
        "name": "x",
        "more": [{"user": {"arn": "a"}}, {"user.arn": 2}, 3],
        "user": [{"name": "n"}, {}, {"name": ""}],
    }
    raw = json.dumps(event).encode()
    assert outcome(by_dict, raw)[0]["message"] == "a, 2 by n"
    assert isinstance(direct, Direct)

    def refuse(*_: Any) -> Any:
        raise AssertionError("a dict")

    monkeypatch.setattr(Late, "_event_in", refuse)
    meta = MetaData("", OBJECT.timestamp, OBJECT, None, 1)
    direct(meta, raw)
    assert meta.message == "a, 2 by n"


@given(st.binary(max_size=60) | st.text('{}[]",:\\u0123e-+.ntrf a', max_size=40).map(str.encode))
def test_bytes_that_are_no_event_end_as_by_a_dict(raw: bytes) -> None:
    for text in (raw, b'{"name": "x", "other": %s}' % raw, b'{"na\\u006de": "x", "kind":"b",%s}' % raw):
        for declarations in ([], DECLARED[:1]):
            direct, by_dict = both(chain_of(*declarations), Plain)
            assert outcome(direct, text) == outcome(by_dict, text)


@pytest.mark.parametrize(
    ("kind", "deep"),
    [
        (Open, b'{"name": "x", "more": {"a": %s}}' % (b"[" * 300 + b"]" * 300)),
        (Recursive, b'{"name": "x", "user": ' * 300 + b"null" + b"}" * 300),
    ],
    ids=["open", "recursive"],
)
def test_a_text_deeper_than_allowed_is_refused_where_a_type_would_hold_it(kind: Any, deep: bytes) -> None:
    direct, by_dict = both(chain_of(), kind)
    found = outcome(direct, deep)
    assert found == outcome(by_dict, deep)
    assert found[0] == "RecordTooLarge"


@pytest.mark.parametrize("depth", [1, 2, 3, 4, LEVELS, LEVELS + 1])
def test_a_value_has_as_many_levels_as_allowed_and_none_more_whatever_its_type(depth: int) -> None:
    limits = replace(LIMITS, depth=depth)
    direct, by_dict = both(chain_of(limits=limits), Held, limits)
    for name, levels in product(Held.__struct_fields__, range(depth + 2)):
        for opened, closed in (("[", "]"), ('{"a": ', "}")):
            value = f"{opened * levels}{0 if levels and opened != '[' else ''}{closed * levels}" or "0"
            found = outcome(direct, f'{{"{name}": {value}}}'.encode())
            assert found == outcome(by_dict, f'{{"{name}": {value}}}'.encode())
            if levels >= depth:
                assert found[0] == "RecordTooLarge"
            elif name == "any_":
                assert found[1][0] == "Held"


def test_an_event_has_as_many_values_as_allowed_and_none_more() -> None:
    limits = replace(LIMITS, values=20)
    direct, by_dict = both(chain_of(limits=limits), Held, limits)
    for number, kind in ((19, "Held"), (20, "RecordTooLarge")):
        text = f'{{"any_": [{",".join("0" * number)}]}}'.encode()
        found = outcome(direct, text)
        assert found == outcome(by_dict, text)
        assert kind in (found[0], found[1][0])


@pytest.mark.parametrize("user", ["", "n", 7, True, [], [{"at": 1}], {}, {"at": None}, {"at": ""}, {"other": 1}, None])
@pytest.mark.parametrize("declared", [Plain, Held, {"*": Plain}], ids=["decoded once", "open", "per tag"])
@pytest.mark.parametrize("also_in", [(), "more"])
def test_a_value_in_place_of_the_object_with_the_time_is_refused_as_in_a_dict(
    user: Any, declared: Any, also_in: tuple[str, ...] | str
) -> None:
    declaration = Json("q", "q", time=iso("user.at", "user.more.at"), also_in=also_in)
    direct, by_dict = both(chain_of(declaration), declared)
    for event in ({"user": user}, {"user": {"more": user}}, {"user.more": user}, {"more": {"user": user}}):
        text = json.dumps({"name": "x", **event}).encode()
        assert outcome(direct, text) == outcome(by_dict, text)


class Defaults(Struct):
    """What an event lacks has a value here that the declaration must not read."""

    name: str
    kind: str = "unknown"
    n: int = 7


class Tagged(Struct, tag_field="kind", tag="c"):
    name: str


@pytest.mark.parametrize("declaration", [None, *DECLARED], ids=lambda one: one.name if one else "plain")
@pytest.mark.parametrize(
    "declared", [Defaults, Tagged, {"x.c": Defaults, "*": Open}], ids=["defaults", "tagged", "per tag"]
)
def test_what_an_event_lacks_or_has_is_what_a_dict_says(declaration: Json | None, declared: Any) -> None:
    direct, by_dict = both(chain_of(*([declaration] if declaration else [])), declared)
    for kind, n, user in product(({}, {"kind": "c"}, {"kind": "b"}), ({}, {"n": 5}), ({}, {"user": {"arn": "r"}})):
        text = json.dumps({"name": "x", **kind, **n, **user}).encode()
        assert outcome(direct, text) == outcome(by_dict, text)


def of_real_logs(logs: Path, chain: list[str], path: Path, declared: Any) -> tuple[Any, Any]:
    """What a handler gets of a file, typed directly and by a dict."""
    compiled = chain_of(*(format_ for format_, _ in compile_chain(chain, Path())._parsers))  # type: ignore[arg-type]
    direct, by_dict = both(compiled, declared)
    found: tuple[list[Any], list[Any]] = ([], [])
    for record in compiled.records(io.BufferedReader(io.BytesIO(path.read_bytes()))):
        for parse, into in zip((direct, by_dict), found, strict=True):
            into.append(outcome(parse, record))
    return found


class Wide(Struct):
    eventName: str | None = None
    id: str | dict[str, Any] | None = None
    published: str | None = None
    createdDateTime: datetime.datetime | None = None
    region: str | None = None


@pytest.mark.parametrize(
    ("folder", "format_"),
    [
        ("azure-signin", "azure-ad-event"),
        ("guardduty", "guardduty"),
        ("crowdstrike", "falcon"),
        ("aws-waf", "aws-waf"),
    ],
)
def test_of_real_logs_the_same_comes(logs: Path, folder: str, format_: str) -> None:
    count = 0
    for path in sorted((logs / folder).iterdir()):
        if path.suffix not in (".json", ".jsonl", ".log"):
            continue
        direct, by_dict = of_real_logs(logs, ["s3-lines", "json", format_], path, Wide)
        assert direct == by_dict
        count += len(direct)
    assert count


# ---- elements of documents


class Call(Struct):
    """Fields of CloudTrail, one of which its declaration reads, too."""

    eventName: str
    eventType: str | None = None
    sourceIPAddress: str | None = None
    requestParameters: dict[str, Any] | None = None


class Keeps(Handler):
    event_type: Any = Call
    got: list[tuple[dict[str, Any], Any]]

    def setup(self, args: dict[str, Any]) -> None:
        type(self).got = []

    def recv(self, meta: MetaData, event: Any) -> None:
        self.got.append((meta.to_dict(), event))


class Other(Handler):
    """Beside it, events are made of dicts."""

    def recv(self, meta: MetaData, event: Any) -> None: ...


def both_ways(content: bytes, chain: str | list[str]) -> tuple[Any, Any]:
    """What the handler gets of an object, and all counts and samples, directly and by a dict."""
    found: list[Any] = []
    for handlers in ((Keeps,), (Keeps, Other)):
        config = config_of(*([chain] if isinstance(chain, str) else chain))
        ended = Processor(FakeSite(config=config, store=Objects(a=content), handlers=handlers)).process(
            object_event("a")
        )
        if isinstance(ended, Failure):
            found.append((ended.stage, ended.message, ended.outcome))
        else:
            outcome = msgspec.structs.replace(ended.outcome, results={})
            found.append((Keeps.got, outcome, [part.samples for part in ended.quarantine]))
    return found[0], found[1]


elements = st.sampled_from(
    [
        {"eventName": "x", "eventType": "t", "eventTime": "2026-11-23T08:00:00Z", "userIdentity": {"arn": "a"}},
        {
            "eventName": "x",
            "eventType": "t",
            "more": '},{"eventName":' * 9,
            "requestParameters": {"a": [1, {"b": None}]},
        },
        {"eventName": "x", "eventType": "t", "requestParameters": {"a": [[[[[[[[[1]]]]]]]]]}},
        {"eventName": "y" * 3_000, "eventType": "\ud800"},
        {"eventName": 1, "eventType": "t"},
        {"eventName": "x", "eventType": "t", "eventTime": "yesterday"},
        {"eventName": "x"},
        {"other": 1},
        {"eventName": "x", "eventType": "t", "eventTime": {"odd": 1}},
        [1],
        None,
        "x",
    ]
)


@pytest.mark.slow
@settings(max_examples=10, deadline=None)
@given(st.lists(st.tuples(elements, st.sampled_from([1, 2, 40])), max_size=12), st.booleans())
def test_elements_decoded_directly_are_those_of_dicts(parts: list[tuple[Any, int]], pretty: bool) -> None:
    records = [part for part, count in parts for _ in range(count)]
    # No two are alike: a text in place of another one would give the same event.
    numbered = [part | {"n": n} if isinstance(part, dict) else part for n, part in enumerate(records)]
    content = json.dumps({"Records": numbered}, indent=1 if pretty else None).encode()
    for broken in (content, content.replace(b'"other": 1', b'"other": 00.00'), content[: len(content) * 2 // 3]):
        for chain in ("cloudtrail", ["json-records:Records"]):
            directly, by_dict = both_ways(broken, chain)
            assert directly == by_dict


class Named(Call):
    """Refuses some events that fit."""

    def __post_init__(self) -> None:
        if self.eventType == "refused":
            raise ValueError(f"{self.eventName} is refused")


def refused_events(count: int) -> list[dict[str, Any]]:
    """Events that all fit, and that a declaration or the Struct refuses now and then. No two have one text."""
    odd: dict[int, dict[str, Any]] = {
        3: {"eventTime": "yesterday"},
        5: {"eventType": "refused"},
        7: {"eventTime": "tomorrow", "eventType": "refused", "other": deep(LIMITS.depth + 2)},
        8: {"eventType": "refused", "requestParameters": {"text": '},{"eventName": "é", '}},
        9: {"eventType": "refused", "eventName": "same"},
    }
    usual = {"eventType": "t", "eventTime": "2026-11-23T08:00:00Z", "userIdentity": {"arn": "a"}}
    return [{"eventName": f"x{n}", "n": n, **usual, **odd.get(n % 13, {})} for n in range(count)]


def deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize("chain", ["cloudtrail", "json-records:Records", "s3-lines json cloudtrail", "s3-lines json"])
def test_a_refused_event_is_read_again_from_its_own_text(monkeypatch: pytest.MonkeyPatch, chain: str) -> None:
    """All are in runs that are decoded at once: the slower reader makes a dict of those that are refused alone."""
    by_lines, read = chain.startswith("s3-lines"), list[Any]()
    reader, name = (LineDocumentRecords, "record_of") if by_lines else (ElementRecords, "dict_of")
    slower = getattr(reader, name)

    def counted(self: Any, event: Any) -> Any:
        read.append(event)
        return slower(self, event)

    monkeypatch.setattr(reader, name, counted)
    monkeypatch.setattr(Keeps, "event_type", Named)
    events = refused_events(1_000)
    lines = b"".join(json.dumps(event).encode() + b"\n" for event in events)
    content = lines if by_lines else json.dumps({"Records": events}).encode()
    directly, by_dict = both_ways(content, chain.split(" "))
    assert directly == by_dict
    odd = (3, 5, 7, 8, 9) if "cloudtrail" in chain else (5, 7, 8, 9)
    refused = [number for number in range(1_000) if number % 13 in odd]
    assert len(refused) * 0.7 < len(read) <= len(refused), "most are in runs"
    got, outcome, (samples,) = directly
    assert (outcome.records, len(got), outcome.quarantined) == (1_000, 1_000 - len(refused), len(refused))
    shown = [json.loads(each.raw)["n"] for each in samples if not each.truncated]
    assert shown == refused[: len(shown)]
    assert len(shown) > 5


@pytest.mark.slow
def test_elements_of_real_logs_decoded_directly_are_those_of_dicts(logs: Path) -> None:
    for path in sorted((logs / "cloudtrail").iterdir()):
        directly, by_dict = both_ways(path.read_bytes(), "cloudtrail")
        assert directly == by_dict


def test_a_run_of_elements_is_decoded_at_once_to_what_the_parser_takes() -> None:
    chain = compile_chain(["cloudtrail"], Path())
    types = EventTypes.of(Call, "Handler")
    assert types is not None
    fitting = Fitting(types.fit(None), types.kinds, types)

    def by_dict(_meta: MetaData, _record: Any) -> Any:
        raise AssertionError("a dict")

    parse = parse_typed(fitting, chain._reader, chain._parsers, LIMITS, by_dict)
    assert isinstance(parse, Direct)
    assert parse.decode_run is not None
    event = {"eventName": "x", "eventType": "t", "eventTime": "2026-11-23T08:00:00Z", "userIdentity": {"arn": "a"}}
    meta = MetaData("", 0.0, OBJECT, None, 1)
    (record,) = parse.decode_run(json.dumps([event]).encode())
    assert parse(meta, record) == Call("x", "t")
    assert (meta.tag, meta.timestamp) == ("aws.cloudtrail.t", 1795420800.0)
    assert meta.message


@pytest.mark.parametrize("chain", [["cloudtrail"], ["s3-lines", "json", "cloudtrail"], ["s3-lines", "json"]])
def test_all_events_of_an_object_are_made_without_dicts(chain: list[str]) -> None:
    types = EventTypes.of(Call, "Handler")
    assert types is not None
    through_dicts: list[Any] = []
    by_dict = types.fit(None)

    def fit(meta: MetaData, event: Any) -> Any:
        through_dicts.append(event)
        return by_dict(meta, event)

    plain = compile_chain(chain, Path())
    formats = [format_ for format_, _ in plain._parsers]
    typed = Chain(plain.names, plain._reader, "Records", formats, LIMITS, (), Fitting(fit, types.kinds, types))
    event = {"eventName": "x" * 300, "eventType": "t", "eventTime": "2026-11-23T08:00:00Z"}
    lines = b"".join(json.dumps(event).encode() + b"\n" for _ in range(1_000))
    content = json.dumps({"Records": [event] * 1_000}).encode() if chain == ["cloudtrail"] else lines
    got: list[Any] = []
    typed.run(
        io.BufferedReader(io.BytesIO(content)),
        Outcome(),
        source=OBJECT,
        recv=lambda _meta, each: got.append(each),
        reject=lambda _seq, _record, error: got.append(error),
        ticker=Ticker(),
    )
    assert got == [Call("x" * 300, "t")] * 1_000
    assert through_dicts == []


class Person(Struct):
    kind: str
    user: dict[str, Any]


class Changes(Handler):
    """Changes each event, and keeps its meta."""

    event_type: Any = Call
    got: list[MetaData]

    def setup(self, args: dict[str, Any]) -> None:
        type(self).got = []

    def recv(self, meta: MetaData, event: Any) -> None:
        if isinstance(event, Call):
            event.eventName = event.eventType = "changed"
        else:
            event.user["name"] = event.kind = "changed"
        self.got.append(meta)


class ChangesPersons(Changes):
    event_type = Person


@pytest.mark.parametrize(
    ("handler", "chain", "record", "expected"),
    [
        (
            Changes,
            ["cloudtrail"],
            {"eventName": "x", "eventType": "t", "userIdentity": {"arn": "a"}, "sourceIPAddress": "192.0.2.1"},
            "t x by a on 192.0.2.1",
        ),
        (
            ChangesPersons,
            ["s3-lines", {"json": {"message": "{kind} {user.name}"}}],
            {"kind": "k", "user": {"name": "n"}},
            "k n",  # the handler has that dict, too
        ),
        (
            ChangesPersons,
            ["s3-lines", {"json": {"message": "{kind} {place}"}}],
            {"kind": "k", "user": {}, "place": "p"},
            "k p",
        ),
    ],
)
def test_a_message_is_that_of_the_event_as_parsed_whenever_it_is_made(
    handler: type[Changes], chain: list[Any], record: dict[str, Any], expected: str
) -> None:
    content = json.dumps({"Records": [record] * 40} if chain == ["cloudtrail"] else record).encode() + b"\n"
    config = config_of(*chain)
    ended = Processor(FakeSite(config=config, store=Objects(a=content * 40), handlers=(handler,))).process(
        object_event("a")
    )
    assert not isinstance(ended, Failure), ended
    metas = handler.got
    late = next(meta for meta in metas if isinstance(meta, LateMetaData))
    again = pickle.loads(pickle.dumps(copy.copy(late)))
    assert (again.message, again.entities) == (expected, late.entities)
    assert expected in repr(late)
    assert [meta.message for meta in metas * 2] == [expected] * 2 * len(metas)
    late.message = "set"
    assert late.message == late.to_dict()["message"] == "set"


@pytest.mark.parametrize(
    "odd",
    [
        rb'"other": "\xff"'.replace(rb"\xff", b"\xff"),
        b'"other": "\\ud83d"',
        b'"other": NaN',
        b'"other": 1e999',
        b'"other": %s' % (b"[" * 300 + b"]" * 300),
        b'"other": 123456789012345678901234567890',
        b'"userIdentity": {"arn": ["a", 1e999]}',
        b'"userIdentity": {"arn": {"a": "\xff"}}',
        b'"userIdentity.arn": "flat"',
        b'"userIdentity": "text"',
        b'"userIdentity": {"userName": "u"}',
    ],
)
@pytest.mark.parametrize("chain", [["cloudtrail"], ["s3-lines", "json", "cloudtrail"]])
def test_message_and_entities_are_those_of_a_dict_however_odd_a_text_is(chain: list[str], odd: bytes) -> None:
    usual = b'{"eventName": "x", "eventType": "t", "sourceIPAddress": "192.0.2.1"'
    event = usual + b", " + odd + b"}"
    texts = [usual + b"}", event, usual + b"}", event]
    content = b'{"Records": [' + b",".join(texts) + b"]}" if chain == ["cloudtrail"] else b"\n".join(texts)
    found = []
    for types in ([EventTypes.of(Call, "Handler")], []):
        got: list[tuple[str | None, Entities]] = []

        def keep(meta: MetaData, _event: Any, got: list[tuple[str | None, Entities]] = got) -> None:
            got.append((meta.message, meta.entities))

        compile_chain(chain, Path(), replace(LIMITS, depth=400), types=types).run(
            io.BufferedReader(io.BytesIO(content)),
            Outcome(),
            source=OBJECT,
            recv=keep,
            reject=lambda *reason: pytest.fail(str(reason)),
            ticker=Ticker(),
        )
        found.append(got)
    assert found[0] == found[1]
    assert [len(entities.addresses) for _, entities in found[0]] == [1] * 4


@pytest.mark.parametrize("chain", [["cloudtrail"], ["s3-lines", "json", "cloudtrail"]])
def test_a_prefilter_looks_at_the_text_of_what_is_decoded_directly(chain: list[str]) -> None:
    """The Struct has none of the fields with the text."""
    types = EventTypes.of(Call, "Handler")
    typed = compile_chain(chain, Path(), contains=["needle"], types=[types])
    events = [{"eventName": str(n), "eventType": "t", "other": "needle" if n % 10 == 3 else "hay"} for n in range(500)]
    lines = b"".join(json.dumps(event).encode() + b"\n" for event in events)
    content = json.dumps({"Records": events}).encode() if chain == ["cloudtrail"] else lines
    got: list[Any] = []
    outcome = Outcome()

    def keep(meta: MetaData, each: Any) -> None:
        got.append((meta.seq, each.eventName))

    typed.run(
        io.BufferedReader(io.BytesIO(content)),
        outcome,
        source=OBJECT,
        recv=keep,
        reject=lambda _seq, _record, error: got.append(error),
        ticker=Ticker(),
    )
    assert got == [(n + 1, str(n)) for n in range(500) if n % 10 == 3]
    assert (outcome.records, outcome.rules) == (500, {"contains": 450})


lines = st.sampled_from(
    [
        b'{"eventName": "x", "eventType": "t", "eventTime": "2026-11-23T08:00:00Z"}',
        b'{"eventName": "x", "eventType": "t", "requestParameters": {"a": [1, {"b": "} {"}]}}',
        b'{"eventName": "x", "other": %s}' % (b"[" * 30 + b"]" * 30),
        b'{"eventName": "x", "eventType": "t", "eventTime": "yesterday"}',
        b'{"eventName": 1}',
        b'{"eventName": "x", "eventType": "t"}{}{"eventName": "y", "eventType": "t"} [{"eventName": "z"}, 1]',
        b'{}{"eventName": "y", "eventType": "t"}',
        b'{"eventName": "\xff", "eventType": "t"}',
        b'{"eventName": "x", "eventType": "t", "n": NaN}',
        b'{"eventName": "x", "eventType": "t", "long": "%s"}' % (b"}{" * 9_000),
        b'{"eventName": "x", "eventType": "t", "longer": "%s"}' % (b"y" * 70_000),
        b'{"eventName": "x", "eventType": "t"}%s{"eventName": "y"}' % (b" " * 40_000),
        *(b"[]", b"", b"   ", b"\0\0", b"\0{}", b"{}", b"no JSON", b'\xef\xbb\xbf{"eventName": "x"}', b'{"eventName":'),
    ]
)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [Call, Open, {"*": Call, "x": dict}], ids=["decoded by the reader", "open", "per tag"])
@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(lines, st.sampled_from([1, 2, 70])), max_size=8), st.sampled_from([b"\n", b"\r\n"]))
def test_lines_decoded_directly_are_those_of_dicts(kind: Any, parts: list[tuple[bytes, int]], end: bytes) -> None:
    whole = b'{"eventName": "x", "eventType": "t"}'  # the first line is one document: they are read line by line
    content = end.join([whole, *(line for line, count in parts for _ in range(count))])
    for chain in (["s3-lines", "json"], ["s3-lines", "json", "cloudtrail"]):
        Keeps.event_type = kind
        try:
            directly, by_dict = both_ways(content, chain)
        finally:
            Keeps.event_type = Call
        assert directly == by_dict


@pytest.mark.parametrize("cut_off", [b'{"eventName": "y', b'{"eventName": "y' * 9_000], ids=["short", "long"])
def test_lines_before_a_damage_are_delivered_in_spite_of_runs(cut_off: bytes) -> None:
    whole = b'{"eventName": "x", "eventType": "t"}\n'
    got: list[int] = []
    typed = compile_chain(["s3-lines", "json"], Path(), types=[EventTypes.of(Call, "Handler")])
    stream: io.BufferedReader = io.BufferedReader(Pieces([whole * 100, cut_off], DecompressionError("cut off")))
    outcome = Outcome()
    with pytest.raises(DecompressionError):
        typed.run(
            stream,
            outcome,
            source=OBJECT,
            recv=lambda meta, _event: got.append(meta.seq),
            reject=lambda _seq, _record, error: pytest.fail(str(error)),
            ticker=Ticker(),
        )
    assert got == list(range(1, 101))
    assert (outcome.records, outcome.delivered) == (100, 100)
