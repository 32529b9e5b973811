"""The entities of an event: what a format declares, and what a handler gets of its meta, by every way to an event."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from slips.entities import EntityPaths
from slips.format import parser
from slips.formats import catalogue
from slips.interface import Handler
from slips.model import Entities, MetaData, ObjectEvent
from slips.parsing import Columns, Json
from slips.testing import run


def found(event: Any, places: tuple[str, ...] = (), **entities: str) -> Entities:
    paths = EntityPaths.of(entities, places=places)
    assert paths is not None
    return paths(event)


# ---- What a format declares

MISTAKES: list[tuple[Any, str]] = [
    ({"address": "a"}, "entities: no kind 'address'; expected one of addresses, users, hosts, domains, hashes"),
    ({"users": ""}, "entities: users is ''; expected paths with blanks between"),
    ({"users": 5}, "entities: users is 5; expected paths with blanks between"),
    ({"users": "a...b"}, "entities: users names 'a...b'; expected a field such as 'user.name'"),
    ("users", "entities is 'users'; expected {'addresses': 'srcaddr dstaddr', …}"),
]


@pytest.mark.parametrize(("entities", "reason"), MISTAKES)
def test_a_mistake_in_entities_is_told_when_the_format_is_declared(entities: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=r"^format 'acme': ") as declared:
        Json("acme", "the door log of ACME", entities=entities)
    assert str(declared.value) == f"format 'acme': {reason}"
    with pytest.raises(ValueError, match=r"^entities") as decorated:
        parser("acme", summary="", reference="", entities=entities)
    assert str(decorated.value) == reason


def test_entities_of_a_column_that_no_line_has_are_a_mistake() -> None:
    with pytest.raises(ValueError, match=r"entities: users: no field 'user'; expected one of bytes, from"):
        Columns("flows", "flows", columns="from bytes", entities={"addresses": "from", "users": "user"})


def test_entities_may_be_in_a_field_that_refine_adds() -> None:
    def refine(_meta: MetaData, event: dict[str, Any]) -> None:
        event["user"] = event["from"].upper()

    flows = Columns("flows", "flows", columns="from", refine=refine, entities={"users": "user"})
    assert flows.entity_paths is not None


# ---- What is found in an event


def test_a_path_leads_through_objects_and_each_element_of_lists() -> None:
    event: dict[str, Any] = {"in": [{"ip": "192.0.2.1"}, {"ip": ["192.0.2.2", "192.0.2.3"]}, 5, {}], "user.name": "ann"}
    event |= {"fields": {"proc.pid": 17}}
    assert found(event, addresses="in.ip", users="user.name fields.proc.pid") == Entities(
        addresses=("192.0.2.1", "192.0.2.2", "192.0.2.3"), users=("ann", "17")
    )


def test_an_entity_is_there_once_in_the_order_of_the_paths() -> None:
    event = {"a": "two", "b": "one", "c": "two"}
    assert found(event, users="b a c").users == ("one", "two")


@pytest.mark.parametrize("value", [None, "", "-", " ", True, {}, [], 1.5, {"x": "y"}])
def test_what_is_no_text_or_whole_number_is_no_entity(value: Any) -> None:
    assert found({"a": value}, users="a", hosts="a.b", hashes="a") == Entities()


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        ("192.0.2.1", ["192.0.2.1"]),
        ("192.0.2.1:443", ["192.0.2.1"]),
        ("2001:DB8::0:1", ["2001:db8::1"]),
        ("[2001:db8::1]:443", ["2001:db8::1"]),
        ("[2001:db8::1]", ["2001:db8::1"]),
        ("fe80::1%eth0", ["fe80::1"]),
        ("::ffff:192.0.2.1", ["192.0.2.1"]),
        ("192.0.2.1, 198.51.100.2", ["192.0.2.1", "198.51.100.2"]),
        ("ec2.amazonaws.com", []),
        ("AWS Internal", []),
        ("192.0.2.0/24", []),
        ("192.0.2.256", []),
        ("1234", []),
        ("[]:1", []),
    ],
)
def test_an_address_has_one_spelling_and_what_is_none_is_left_out(text: str, addresses: list[str]) -> None:
    assert found({"a": text}, addresses="a").addresses == tuple(addresses)


def test_domains_and_hashes_are_lower_case() -> None:
    event = {
        "domain": ["WWW.Example.COM.", "192.0.2.1", "b.example:443"],
        "root": ".",
        "hash": "SHA256=0AB1,MD5=CD",
        "image": "sha256:0AFF",
    }
    event |= {"url": ["https://a@C.example:8443/d.e", "http://[2001:db8::1]/x", "/f"]}
    assert found(event, domains="domain root url", hashes="hash image") == Entities(
        domains=("www.example.com", "b.example", "c.example"), hashes=("0ab1", "cd", "0aff")
    )


def test_a_path_counts_in_the_places_of_a_declaration_where_the_event_has_nothing() -> None:
    event = {"user": "ann", "detail": {"user": "bob", "host": "h1"}}
    assert found(event, ("detail",), users="user", hosts="host") == Entities(users=("ann",), hosts=("h1",))


# ---- What a handler gets

OWN = """
from slips.format import parser
from slips.parsing import Columns, Csv, Json, Syslog, all_of
from slips.parsing.stages import Several

NAMES = {"addresses": "ip", "users": "user"}
JSON = Json("of-json", "JSON", tag="t", require=all_of("ip"), absent="none", entities=NAMES)
ELEMENTS = Json("of-elements", "elements", elements="Records", entities=NAMES)
COLUMNS = Columns("of-columns", "columns", columns="ip user more", absent="none", entities=NAMES)
CSV = Csv("of-csv", "columns with quotes and a header", header="ip user more", entities=NAMES)
HEADER = Syslog("header", "a header", entities={"hosts": "hostname"})
PLAIN = Json("plain", "no entities", require="ip")


def other(meta, event):
    return {"ip": event["ip"], "user": event["user"] + "!"}


def twice(meta, event):
    return [event, {**event, "user": "other"}]


OTHER = Json("other", "another event", refine=other, entities=NAMES)
TWICE = Json("twice", "two events", refine=twice, entities=NAMES)


@parser("function", summary="a function", reference="", entities=NAMES)
def function(meta, event):
    return dict(event)


@parser("functions", summary="a function of several events", reference="", entities=NAMES)
def functions(meta, event):
    return [event, dict(event)]
"""
LOG = b'{"ip": "192.0.2.1", "user": "ann", "more": 1}\n{"ip": "192.0.2.2", "user": "none", "more": [[2]]}\n'
ANN, NONE = Entities(("192.0.2.1",), ("ann",)), Entities(("192.0.2.2",), ("none",))
NOBODY = Entities(("192.0.2.2",))


class Fitted(Struct):
    """An event without its entities."""

    more: Any = None


class FittedTwice(Struct):
    """An event that has a field of the declaration as another type, so that its text is decoded for each."""

    ip: float | str | None = None


class Keeps(Handler):
    """Keeps the entities, asked for in time and when all records are over."""

    def setup(self, _args: Any) -> None:
        self.metas: list[MetaData] = []
        self.asked: list[Entities] = []

    def result(self) -> Any:
        later = [meta.entities for meta in self.metas]
        assert self.asked in ([], later)
        return told(*later)


class Seen(Keeps):
    def recv(self, meta: MetaData, _event: Any) -> None:
        self.asked.append(meta.entities)
        self.metas.append(meta)


class Typed(Seen):
    event_type = Fitted


class TypedTwice(Seen):
    event_type = FittedTwice


class Batches(Keeps):
    def recv_batch(self, batch: Sequence[tuple[MetaData, Any]]) -> None:
        self.metas += [meta for meta, _ in batch]


class TypedBatches(Batches):
    event_type = Fitted


def told(*entities: Entities) -> list[list[list[str]]]:
    return [[list(kind) for kind in (each.addresses, each.users, each.hosts)] for each in entities]


ELEMENTS = json.dumps({"Records": [json.loads(line) for line in LOG.splitlines()]}).encode()
CHAINS: list[tuple[list[str], bytes, list[Entities]]] = [
    (["s3-lines", "json", "JSON"], LOG, [ANN, NOBODY]),
    (["s3-lines", "json", "JSON"], LOG.replace(b"\n", b" "), [ANN, NOBODY]),
    (["ELEMENTS"], ELEMENTS, [ANN, NONE]),
    (["COLUMNS"], b"192.0.2.1 ann 1\n192.0.2.2 none 2\n", [ANN, NOBODY]),
    (["CSV"], b'ip,user,more\n192.0.2.1,ann,1\nuser,ip\n"none",192.0.2.2\n', [ANN, NONE]),
    (["s3-lines", "json", "OTHER"], LOG, [Entities(ANN.addresses, ("ann!",)), Entities(NONE.addresses, ("none!",))]),
    (["s3-lines", "json", "TWICE"], LOG[:46], [ANN, Entities(ANN.addresses, ("other",))]),
    (["s3-lines", "json", "function"], LOG, [ANN, NONE]),
    (["s3-lines", "json", "functions"], LOG[:46], [ANN, ANN]),
    (["s3-lines", "json", "JSON", "PLAIN"], LOG, [ANN, NOBODY]),
    (["s3-lines", "json", "PLAIN"], LOG, [Entities(), Entities()]),
    (["s3-lines", "HEADER"], b"<1>Nov 29 08:00:00 fw1 a: 192.0.2.1 ann 1\n", [Entities(hosts=("fw1",))]),
    (["s3-lines", "HEADER", "COLUMNS"], b"<1>Nov 29 08:00:00 fw1 a: 192.0.2.1 ann 1\n", [ANN]),
]


@pytest.mark.parametrize("handler", [Seen, Typed, TypedTwice, Batches, TypedBatches])
@pytest.mark.parametrize(("chain", "log", "expected"), CHAINS)
def test_the_entities_of_an_event_are_the_same_by_every_way_to_a_handler(
    handler: type[Seen], chain: list[str], log: bytes, expected: list[Entities], tmp_path: Path
) -> None:
    (tmp_path / "own.py").write_text(OWN)
    named = [step if step in catalogue() else f"{tmp_path}/own.py:{step}" for step in chain]
    assert run(handler, named, log).result == told(*expected)


class Changes(Seen):
    def recv(self, meta: MetaData, event: Any) -> None:
        event["user"] = type(self).__name__
        super().recv(meta, event)


def test_entities_are_those_of_the_event_as_the_handler_has_left_it(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(OWN)
    (tmp_path / "handlers.py").write_text(
        "from test_entities import Batches, Changes\n"
        "class One(Changes): pass\nclass Other(Changes): pass\nclass Batched(Batches): pass\n"
    )
    seen = run(tmp_path / "handlers.py", ["s3-lines", "json", f"{tmp_path}/own.py:JSON"], LOG[:46])
    users = {name: result[0][1] for name, result in seen.results.items()}
    assert users == {"One": ["One"], "Other": ["Other"], "Batched": ["ann"]}


def test_a_meta_reads_as_without_its_event() -> None:
    source = ObjectEvent(bucket_name="b", object_key="k")
    meta = MetaData("t", 1.5, source, None, 1, _find=EntityPaths.of({"users": "u"}), _event={"u": "ann"})
    assert repr(meta) == repr(MetaData("t", 1.5, source, None, 1))
    assert "ann" not in repr(meta)
    assert "ann" not in str(meta.to_dict())
    assert meta.entities == Entities(users=("ann",))
