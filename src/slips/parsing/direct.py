"""Decodes JSON texts to the Struct that a handler wants, without a dict between: in a third of the time.

A declaration reads fields for tag, time, message, rules and `require` that the handler's Struct need not have. So the
text is decoded to a Struct of both, a "wire" of which the handler's Struct is made; or, if both want one field in
different ways, the text is decoded twice. Whatever is odd, wrong or does not fit goes the slow way by a dict, which
alone decides what becomes of a record.
"""

from __future__ import annotations

import copy
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Union, get_args, get_origin

import msgspec

from slips.errors import RecordError
from slips.format import Event, Format, Parse, RecordLimits, Rule
from slips.model import MetaData
from slips.parsing.compile import Writer, parse_of
from slips.parsing.declare import Json
from slips.parsing.event_types import OTHER, EventTypes, Fitting
from slips.parsing.json_events import JsonParse
from slips.parsing.json_text import is_text_deeper
from slips.parsing.loop import unusual
from slips.parsing.meaning import Meaning, Require, wanted
from slips.parsing.stages import fitted

Decode = Callable[[bytes], Any]
ParseText = Callable[[MetaData, Any], Any]
_REFUSALS = (ValueError, TypeError, RecursionError, msgspec.MsgspecError, RecordError)
"""What decoding, a declaration or the `__post_init__` of a Struct raises for a text that does not fit."""
_SHARED = {str, int, bool, types.NoneType}
"""Types of a handler's fields whose values are those that a dict would have."""


class Unsuitable(Exception):
    """A declaration reads what only a dict has."""


def parse_typed(
    fitting: Fitting,
    reader: Format,
    parsers: Sequence[tuple[Format, Parse]],
    limits: RecordLimits,
    parse: ParseText,
) -> ParseText:
    """Return a function of meta and any record that makes what handlers get. `parse` makes dicts, by all `parsers`."""
    slow = fitted(lambda meta, record: unusual(meta, record, parse), fitting.fit)
    formats = [format_ for format_, _ in parsers]
    is_json = reader.gives == "text" and bool(formats) and isinstance(formats[0].parse, JsonParse)
    if fitting.single is None or not is_json:
        return slow
    return _direct(fitting.single, formats[1:], limits, slow)


def _direct(event_types: EventTypes, parsers: Sequence[Format], limits: RecordLimits, slow: ParseText) -> ParseText:
    """Return the parser of JSON texts to events of these types; `slow` itself if a parser needs a dict.

    `parsers` are those behind `json`.
    """
    declaration = parsers[0] if parsers else None
    if len(parsers) > 1 or not (declaration is None or isinstance(declaration, Json)):
        return slow
    try:
        needs = _Needs(declaration) if declaration is not None else None
        kind = event_types.by_tag.get(OTHER) if len(event_types.by_tag) == 1 else None
        wire = None if needs is None or kind is None else _wire(kind, needs)
        fast = _by_wire(wire) if wire is not None else _twice(event_types, needs)
    except Unsuitable:
        return slow
    small, depth = 2 * limits.values, limits.depth
    is_open = any(kind is not dict and _is_open(kind, set()) for kind in event_types.kinds)

    def parse(meta: MetaData, raw: bytes) -> Any:
        at = meta.timestamp
        if raw.__class__ is bytes and len(raw) <= small and not (is_open and is_text_deeper(raw, depth)):
            try:
                return fast(meta, raw)
            except _REFUSALS:
                meta.tag, meta.timestamp, meta.message = "", at, None
        return slow(meta, raw)

    return parse


def _twice(event_types: EventTypes, needs: _Needs | None) -> ParseText:
    """Return the function that decodes for the declaration first, then for the handler."""
    decoders = {
        tag: _refuse if kind is dict else msgspec.json.Decoder(kind).decode for tag, kind in event_types.by_tag.items()
    }
    other = decoders.get(OTHER, _refuse)
    if needs is None:
        decode = decoders.get("", other)
        return lambda _meta, raw: decode(raw)
    decode_needs, set_meta = msgspec.json.Decoder(needs.struct).decode, needs.parse()

    def parse(meta: MetaData, raw: bytes) -> Any:
        found = set_meta(meta, decode_needs(raw))
        return found if found.__class__ is Rule else decoders.get(meta.tag, other)(raw)

    return parse


def _refuse(_raw: bytes) -> Any:
    raise ValueError("this tag has events that are no Structs")


def _by_wire(wire: _Wire) -> ParseText:
    decode, set_meta, make = msgspec.json.Decoder(wire.struct).decode, wire.parse, wire.make

    def parse(meta: MetaData, raw: bytes) -> Any:
        found = set_meta(meta, decode(raw))
        return found if found.__class__ is Rule else make(found)

    return parse


# ---- the fields that a declaration reads


class _Nothing(msgspec.Struct):
    """An object of which only matters that it is there."""


class _Node:
    """The fields that are needed of an object in JSON."""

    def __init__(self) -> None:
        self.children: dict[str, _Node] = {}
        self.is_read, self.is_tested = False, False
        """Whether the value itself is read, or whether it only matters that there is one."""

    def at(self, *keys: str) -> _Node:
        node = self
        for key in keys:
            node = node.children.setdefault(key, _Node())
        return node

    def fields(self) -> Iterator[tuple[str, str, Any]]:
        """Yield name, key and type of each field."""
        for number, (key, child) in enumerate(self.children.items()):
            yield f"f{number}", key, child.type

    def name(self, key: str) -> str:
        return f"f{list(self.children).index(key)}"

    @property
    def type(self) -> Any:
        """The type of the value. Another value than this does not fit; then a dict decides."""
        scalar: Any = int | float | str | bool | None
        if self.children:
            if self.is_read:
                raise Unsuitable
            return self.struct | scalar | list[msgspec.Raw]
        return scalar if self.is_read else _Nothing | scalar | list[msgspec.Raw]

    @property
    def struct(self) -> Any:
        if not hasattr(self, "_struct"):
            fields = [(name, kind, msgspec.field(name=key, default=None)) for name, key, kind in self.fields()]
            self._struct = msgspec.defstruct("Needs", fields, gc=False)
        return self._struct


class _Quiet(Require):
    """A Require whose error is never seen: a dict decides then."""

    def error(self, event: Any, get: Any = None) -> RecordError:
        return RecordError("")


class _Needs:
    """The fields that a declaration reads, as a Struct, and its common parts as a function of that Struct.

    A Family for `parse_of`. Raises Unsuitable.
    """

    def __init__(self, declaration: Json) -> None:
        meaning, self.name = declaration.meaning, declaration.name
        if meaning.refine is not None or meaning.adds:
            raise Unsuitable
        for rule in meaning.rules:
            conditions = rule.when.values() if isinstance(rule.when, Mapping) else [()]
            if not all(isinstance(each, str | int | bool | None) for value in conditions for each in wanted(value)):
                raise Unsuitable
            if not isinstance(rule.when, Mapping):
                raise Unsuitable
        require = meaning.require
        self.meaning: Meaning = replace(meaning, require=require and _Quiet(require.every, require.parts))
        self._places = ("", *declaration.inner)
        """The fields in whose objects a path leads; first the event itself."""
        self.root = _Node()
        for part, path in meaning.paths:
            for place in self._places:
                holder = self.root.at(place) if place else self.root
                for node in (holder.at(*path.split(".")), holder.at(path)):
                    node.is_read |= part != "require"
        self.fields = {key: f"event.{name}" for name, key, _ in self.root.fields()}
        """Expression for each field of the root."""

    @property
    def struct(self) -> Any:
        return self.root.struct

    def parse(self, shared: Mapping[str, str] = MappingProxyType({})) -> Parse:
        """Return a function `(meta, needs)` that sets the meta, and returns its second argument, or a Rule.

        `shared` has expressions for fields that the Struct has under other names.
        """
        family = copy.copy(self)
        family.fields = {**self.fields, **shared}
        return parse_of(family)

    def write(self, writer: Writer) -> None:
        writer.line("event = value")

    def look(self, event: Event, path: str) -> Any:
        """Return no value: this is for errors, and a dict makes these."""

    def value_of(self, path: str, writer: Writer) -> str:
        """Return an expression that means what that of the declaration does for a dict."""
        expression, *others = (self._value_at(place, path, writer) for place in self._places)
        for other in others:
            found = writer.local("found")
            expression = f"({found} if ({found} := {expression}) is not None else {other})"
        return expression

    def _value_at(self, place: str, path: str, writer: Writer) -> str:
        """Return an expression that means what `value_in` does for the event, or an object in it."""
        if not place:
            return self._value_in(self.root, self.fields, path, writer)
        node, holder = self.root.children[place], writer.local("in")
        fields = {key: f"{holder}.{name}" for name, key, _ in node.fields()}
        test = f"({holder} := {self.fields[place]}).__class__ is {writer.name('needs', node.struct)}"
        return f"({self._value_in(node, fields, path, writer)} if {test} else None)"

    def _value_in(self, node: _Node, fields: Mapping[str, str], path: str, writer: Writer) -> str:
        *outer, last = path.split(".")
        if not outer:
            return fields[path]
        found, tests = fields[outer[0]], []
        for key, inner in zip(outer, [*outer[1:], last], strict=True):
            node, holder = node.children[key], writer.local("in")
            tests.append(f"({holder} := {found}).__class__ is {writer.name('needs', node.struct)}")
            found = f"{holder}.{node.name(inner)}"
        value = writer.local("found")
        tests.append(f"({value} := {found}) is not None")
        return f"({value} if {' and '.join(tests)} else {fields[path]})"


# ---- the fields of both


class _Wire:
    """A Struct of the fields that a handler's Struct has and of those that a declaration reads."""

    def __init__(self, kind: type[msgspec.Struct], struct: Any, names: Sequence[str], parse: Parse) -> None:
        self.struct, self.parse = struct, parse
        is_by_place = len(kind.__match_args__) == len(names)
        arguments = (
            f"wire.{name}" if is_by_place else f"{own}=wire.{name}"
            for own, name in zip(kind.__struct_fields__, names, strict=True)
        )
        self.make: Callable[[Any], Any] = eval(f"lambda wire: kind({', '.join(arguments)})", {"kind": kind})  # noqa: S307


def _wire(kind: type[msgspec.Struct], needs: _Needs) -> _Wire | None:
    """Return the Struct of the fields of both; None if they want one field in different ways."""
    config = kind.__struct_config__
    if config.tag is not None or config.forbid_unknown_fields:
        return None
    fields, names, shared = [], [], dict[str, str]()
    for number, own in enumerate(msgspec.structs.fields(kind)):
        node = needs.root.children.get(own.encode_name)
        if node is not None:
            parts = set(get_args(own.type)) if get_origin(own.type) in (Union, types.UnionType) else {own.type}
            if node.children or not parts <= _SHARED or not (own.required or own.default is None):
                return None
            shared[own.encode_name] = f"event.own{number}"
        default: dict[str, Any] = {}
        if own.default_factory is not msgspec.NODEFAULT:
            default = {"default_factory": own.default_factory}
        elif own.default is not msgspec.NODEFAULT:
            default = {"default": own.default}
        fields.append((f"own{number}", own.type, msgspec.field(name=own.encode_name, **default)))
        names.append(f"own{number}")
    for name, key, type_ in needs.root.fields():
        if key not in shared:
            fields.append((name, type_, msgspec.field(name=key, default=None)))
    struct = msgspec.defstruct(f"{kind.__name__}Wire", fields, kw_only=True, gc=False)
    return _Wire(kind, struct, names, needs.parse(shared))


def _is_open(kind: Any, seen: set[Any]) -> bool:
    """Whether values of a type may be nested to any depth."""
    if kind in (Any, object, dict, list, tuple, set, frozenset) or (kind in seen and isinstance(kind, type)):
        return True
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return any(_is_open(each.type, seen | {kind}) for each in msgspec.structs.fields(kind))
    if get_args(kind):
        return any(_is_open(each, seen) for each in get_args(kind))
    return isinstance(kind, type) and kind.__module__ not in ("builtins", "datetime", "decimal", "uuid")
