"""Decodes JSON texts to the Struct that a handler wants, without a dict between: in a third of the time.

A declaration reads fields for tag, time, message, rules and `require` that the handler's Struct need not have. So the
text is decoded to a Struct of both, a "wire" of which the handler's Struct is made; or, if both want one field in
different ways, the text is decoded twice. Whatever is odd, wrong or does not fit goes the slow way by a dict, which
alone decides what becomes of a record.
"""

from __future__ import annotations

import copy
import functools
import operator
import types
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NewType, Union, get_args, get_origin

import msgspec

from slips.errors import RecordError
from slips.format import Event, Format, Parse, Record, RecordLimits, Rule
from slips.model import Entities, MetaData
from slips.parsing.compile import FIELDS_AT_ONCE, Writer, body_of, make_function, value_in
from slips.parsing.declare import Json
from slips.parsing.event_types import OTHER, EventTypes, Fitting
from slips.parsing.json_events import JsonParse
from slips.parsing.json_text import LEVELS, is_text_deeper, json_of_levels
from slips.parsing.loop import unusual
from slips.parsing.meaning import Meaning, Require, wanted
from slips.parsing.readers.documents import LINES, LineDocumentRecords
from slips.parsing.readers.elements import ElementRecords
from slips.parsing.stages import fitted
from slips.paths import keys_of_path

Decode = Callable[[bytes], Any]
Find = Callable[[Any], Entities]
ParseText = Callable[[MetaData, Any], Any]
_REFUSALS = (ValueError, TypeError, RecursionError, msgspec.MsgspecError, RecordError)
"""The errors that decoding, a declaration or the `__post_init__` of a Struct raises for a text that does not fit."""
_PLAIN = {str, int, bool, types.NoneType, Any, object, dict, dict[str, Any], list, list[Any]}
"""Types whose values are those that a dict would have. A `float` is none: it makes a float of an integer."""


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
    if fitting.single is None:
        return slow
    if reader.name == "json-records":
        return _direct(fitting.single, formats, limits, slow, of_elements=True)
    if reader.name == LINES:
        return _direct(fitting.single, formats, limits, slow)
    is_json = reader.gives == "text" and bool(formats) and isinstance(formats[0].parse, JsonParse)
    return _direct(fitting.single, formats[1:], limits, slow) if is_json else slow


class Runs:
    """Decodes runs of elements, arrays of objects, to what a Direct takes, and knows the text of the last run."""

    def __init__(self, decode: Decode, find: Find | None) -> None:
        self._decode, self._find = decode, find
        self.find: Find | None = None
        """Returns the entities of a record of the last run, also later: it keeps the text of that run."""

    def __call__(self, raw: bytes) -> Any:
        """Decode a run. Raises msgspec.MsgspecError, or ValueError."""
        run = self._decode(raw)
        if self._find is not None:
            self.find = functools.partial(_find_in_run, self._find, raw, run)
        return run


def _find_in_run(find: Find, raw: bytes, run: Sequence[Any], record: Any) -> Entities:
    if record.__class__ is dict:  # a slower function has made it
        return find(record)
    texts = msgspec.json.decode(raw, type=list[msgspec.Raw])
    return find(next(bytes(text) for text, each in zip(texts, run, strict=True) if each is record))


class Direct:
    """A function of meta and any record, which decodes a text at once, or else leaves the record to a slower one."""

    def __init__(
        self, begin: Callable[[ParseText, Runs | None], ParseText], slow: ParseText, struct: Any, find: Find | None
    ) -> None:
        """`begin` makes the function for a slower one. A `struct`: it takes instances of that in place of texts.

        `find` returns the entities of a record's text, if the format has some.
        """
        self._begin, self._slow, self._find = begin, slow, find
        self._kind = struct or bytes
        self._decode: Decode | None = msgspec.json.Decoder(list[struct]).decode if struct else None
        self.decode_run = self.runs()
        self._parse = begin(slow, self.decode_run)

    def runs(self) -> Runs | None:
        """Return the decoder of the runs of elements of an object; None if the function takes texts."""
        return None if self._decode is None else Runs(self._decode, self._find)

    def __call__(self, meta: MetaData, record: Any) -> Any:
        return self._parse(meta, record)

    def of_records(self, first_of: Callable[[Any], Any], runs: Runs | None = None) -> ParseText:
        """Return the function; `first_of` returns the record to leave to the slower one in place of what is odd.

        For records that `runs` decodes, their meta finds the text of a record there.
        """
        slow, kind = self._slow, self._kind

        def slow_of(meta: MetaData, record: Any) -> Any:
            return slow(meta, first_of(record) if record.__class__ is kind else record)

        return self._begin(slow_of, runs)


def read_directly(parse: ParseText, cut: Iterable[Record], *, is_whole: bool) -> ParseText:
    """Let the reader of an object yield what `parse` decodes directly, if it does. Return the function to call then.

    If not `is_whole`, ranges of records are wanted, which the reader must cut exactly.
    """
    if not isinstance(parse, Direct):
        return parse
    if isinstance(cut, ElementRecords):
        runs = parse.runs()
        cut.decode_run = runs
        return parse.of_records(cut.dict_of, runs)
    if isinstance(cut, LineDocumentRecords) and is_whole:
        cut.decodes = False
        return parse.of_records(cut.first_of)
    return parse


def _direct(
    event_types: EventTypes, parsers: Sequence[Format], limits: RecordLimits, slow: ParseText, of_elements: bool = False
) -> ParseText:
    """Return the parser of JSON texts, or of elements, to events of these types; `slow` itself if that needs a dict.

    `parsers` are those behind `json`, or behind the reader of elements.
    """
    declaration = parsers[0] if parsers else None
    if len(parsers) > 1 or not (declaration is None or isinstance(declaration, Json)):
        return slow
    try:
        needs = _Needs(declaration, event_types.kinds) if declaration is not None else None
    except Unsuitable:
        return slow
    kind = event_types.by_tag.get(OTHER) if len(event_types.by_tag) == 1 else None
    wire = None if kind is None or kind is dict else Wire.of(kind, needs, limits)
    if of_elements and (wire is None or wire.is_open):
        return slow
    find = declaration.entity_paths if declaration is not None else None
    if wire is None:
        return _write(replace(_twice(event_types, needs), find=find), limits, slow)
    make = f"kind({wire.arguments('value')})"
    plan = _Plan(wire.needs, wire.struct, make, {"kind": kind}, wire.is_open, of_elements, find)
    return _write(plan, limits, slow)


@dataclass(frozen=True)
class _Plan:
    """The parts of a parser that decodes directly."""

    needs: _Needs | None
    struct: Any
    """The Struct that texts are decoded to at first; None if there is no need for one."""
    make: str
    """Expression for the event; `value` is an instance of `struct`."""
    names: Mapping[str, object]
    """Globals of that expression."""
    is_open: bool
    """Whether values of the event may be nested to any depth."""
    of_elements: bool = False
    """Whether the reader has decoded to `struct` already."""
    find: Find | None = None
    """Returns the entities of an event, or of its text, if the format has some."""


def _twice(event_types: EventTypes, needs: _Needs | None) -> _Plan:
    """Return the plan of a parser that decodes for the declaration first, then for the handler."""
    decoders = {
        tag: _refuse if kind is dict else msgspec.json.Decoder(kind).decode for tag, kind in event_types.by_tag.items()
    }
    names = {"decoders": decoders, "other": decoders.get(OTHER, _refuse)}
    is_open = any(kind is not dict and _is_open(kind) for kind in event_types.kinds)
    return _Plan(needs, needs.root.struct if needs else None, "decoders.get(tag, other)(raw)", names, is_open)


def _refuse(_raw: bytes) -> Any:
    raise ValueError("this tag has events that are no Structs")


def _write(plan: _Plan, limits: RecordLimits, slow: ParseText) -> Direct:
    """Write and compile a parser. Whatever it refuses is left to `slow`."""
    lines, needs = ["tag, message = '', None"], plan.needs
    names = {**plan.names, "refusals": _REFUSALS, "Rule": Rule, "is_text_deeper": is_text_deeper, "struct": plan.struct}
    if plan.of_elements:
        lines.append("value = raw")
    elif plan.struct is not None:
        lines.append("value = decode(raw)")
        names["decode"] = msgspec.json.Decoder(plan.struct).decode
    if needs is not None:
        body = body_of(needs, limits)
        lines += [*body.lines, *(["if event.__class__ is Rule:", "    return event"] if body.filters else [])]
        lines.append(f"message = {body.message}")
        names = {**body.names, **names}
    fits = f"raw.__class__ is bytes and len(raw) <= {2 * limits.values}"
    if plan.is_open:
        fits += f" and not is_text_deeper(raw, {limits.depth})"
    kept: list[str] = []
    if plan.find is not None:
        kept = ["meta._event = raw", *(["meta._find = runs.find"] if plan.of_elements else [])]
    source = [
        "at = meta.timestamp",
        f"if {'raw.__class__ is struct' if plan.of_elements else fits}:",
        "    try:",
        *(f"        {line}" for line in [*lines, f"made = {plan.make}"]),
        "        meta.tag, meta.timestamp, meta.message = tag, at, message",
        *(f"        {line}" for line in kept),
        "        return made",
        "    except refusals:",
        "        pass  # a dict decides",
        "return slow(meta, raw)",
    ]
    origin = needs.name if needs else "json"

    # Each object has a slower function of its own: the source is compiled once for all.
    begin = ["def parse(meta, raw):", *(f"    {line}" for line in source), "return parse"]
    struct = plan.struct if plan.of_elements else None
    return Direct(make_function("begin", "slow, runs", begin, names, origin), slow, struct, plan.find)


# ---- the fields that a declaration reads


class _Nothing(msgspec.Struct):
    """An object of which only matters that it is there."""


class _Node:
    """The fields that are needed of an object in JSON."""

    def __init__(self) -> None:
        self.children: dict[str, _Node] = {}
        self.is_leaf, self.is_read = False, False
        """Whether the value itself matters, and whether more of it than that there is one."""

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


class _Quiet(Require, frozen=True):
    """A Require whose error is never seen: a dict decides then."""

    def error(self, event: Any, get: Any = None) -> RecordError:
        return RecordError("")


def _usual(require: Require) -> Require:
    """Return a Require of fewer fields that is met only where `require` is: the first ones of many, any of which do.

    If none of these is there, a dict decides. To decode fifty fields for nothing would take as long as all else.
    """
    parts = require.parts if require.every else require.parts[:FIELDS_AT_ONCE]
    return Require(require.every, tuple(part if isinstance(part, str) else _usual(part) for part in parts))


class _Needs:
    """The fields that a declaration reads, as a Struct, and its common parts as a function of that Struct.

    A Family for `parse_of`. Raises Unsuitable.
    """

    def __init__(self, declaration: Json, kinds: Iterable[type]) -> None:
        """`kinds` are the classes of the events to make."""
        meaning, self.name = declaration.meaning, declaration.name
        if declaration.conversions or meaning.refine is not None:
            raise Unsuitable
        if not all(_lacks(kind, meaning.adds) for kind in kinds):
            raise Unsuitable
        for rule in meaning.rules:
            conditions = rule.when.values() if isinstance(rule.when, Mapping) else [()]
            if not all(isinstance(each, str | int | bool | None) for value in conditions for each in wanted(value)):
                raise Unsuitable
            if not isinstance(rule.when, Mapping):
                raise Unsuitable
        require = meaning.require and _usual(meaning.require)
        self.meaning: Meaning = msgspec.structs.replace(
            meaning, require=require and _Quiet(require.every, require.parts), adds=""
        )
        self._places = ("", *declaration.inner)
        """The fields in whose objects a path leads; first the event itself."""
        self.root = _Node()
        for part, path in self.meaning.paths:
            for place in self._places:
                holder = self.root.at(place) if place else self.root
                for node in (holder.at(*keys_of_path(path)), holder.at(path)):
                    node.is_leaf = True
                    node.is_read |= part != "require"
        self.fields = {key: f"event.{name}" for name, key, _ in self.root.fields()}
        """Expression for each field of the root."""
        self.plain = frozenset[str]()
        """Fields of the root whose values are those of a dict."""

    def shared_with(self, own: Mapping[str, str]) -> _Needs:
        """Return the same for a Struct that has fields of the handler, too: `own` has the expressions of plain ones."""
        needs = copy.copy(self)
        needs.fields, needs.plain = {**self.fields, **own}, frozenset(own)
        return needs

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
            return self._value_in(path, writer)
        holder = writer.local("in")
        if place in self.plain:
            test, value = f"({holder} := {self.fields[place]}).__class__ is dict", value_in(path, writer, holder)
        else:
            node = self.root.children[place]
            test = f"({holder} := {self.fields[place]}).__class__ is {writer.name('needs', node.struct)}"
            inner = copy.copy(self)
            inner.root, inner.plain = node, frozenset()
            inner.fields = {key: f"{holder}.{name}" for name, key, _ in node.fields()}
            value = inner._value_in(path, writer)
        return f"({value} if {test} else None)"

    def _value_in(self, path: str, writer: Writer) -> str:
        *outer, last = keys_of_path(path)
        if not outer:
            return self.fields[path]
        node, found, tests = self.root, self.fields[outer[0]], []
        for key, inner in zip(outer, [*outer[1:], last], strict=True):
            node, holder = node.children[key], writer.local("in")
            if outer[0] in self.plain:
                tests.append(f"({holder} := {found}).__class__ is dict")
                found = f"{holder}.get({inner!r})"
            else:
                tests.append(f"({holder} := {found}).__class__ is {writer.name('needs', node.struct)}")
                found = f"{holder}.{node.name(inner)}"
        value = writer.local("found")
        tests.append(f"({value} := {found}) is not None")
        return f"({value} if {' and '.join(tests)} else {self.fields[path]})"


# ---- the fields of both


@dataclass(frozen=True)
class Wire:
    """A Struct of the fields that a handler's Struct has and of those that a declaration reads."""

    kind: type[msgspec.Struct]
    struct: Any
    names: tuple[str, ...]
    """The names in `struct` of the fields of `kind`, in their order."""
    needs: _Needs | None
    is_open: bool
    """Whether values may be nested to any depth."""

    def arguments(self, wire: str) -> str:
        """Return the arguments of `kind`, from the local `wire`."""
        values = [f"{wire}.{name}" for name in self.names]
        if len(self.kind.__match_args__) == len(values):
            return ", ".join(values)
        return ", ".join(f"{own}={value}" for own, value in zip(self.kind.__struct_fields__, values, strict=True))

    @classmethod
    def of(cls, kind: type[msgspec.Struct], needs: _Needs | None, limits: RecordLimits) -> Wire | None:
        """Return the Struct of the fields of both; None if they want one field in different ways."""
        config = kind.__struct_config__
        if config.tag is not None or config.forbid_unknown_fields:
            return None
        fields, own, is_open, shared = [], [], False, dict[str, str]()
        for number, each in enumerate(msgspec.structs.fields(kind)):
            name, type_ = f"own{number}", each.type
            if needs is not None and (node := needs.root.children.get(each.encode_name)):
                if not _is_plain(type_) or (node.is_leaf and not (each.required or each.default is None)):
                    return None
                shared[each.encode_name] = f"event.{name}"
            default: dict[str, Any] = {}
            if each.default_factory is not msgspec.NODEFAULT:
                default = {"default_factory": each.default_factory}
            elif each.default is not msgspec.NODEFAULT:
                default = {"default": each.default}
            type_ = _bounded(type_, limits.depth)
            is_open |= _is_open(type_)
            fields.append((name, type_, msgspec.field(name=each.encode_name, **default)))
            own.append(name)
        for name, key, type_ in needs.root.fields() if needs else ():
            if key not in shared:
                fields.append((name, type_, msgspec.field(name=key, default=None)))
        struct = msgspec.defstruct(f"{kind.__name__}Wire", fields, kw_only=True, gc=False)
        return cls(kind, struct, tuple(own), needs and needs.shared_with(shared), is_open)


def _lacks(kind: type, key: str) -> bool:
    """Whether a class has no field for a key that a declaration adds, and does not care that it is there."""
    if not key or not issubclass(kind, msgspec.Struct):  # `dict`
        return True
    fields = msgspec.structs.fields(kind)
    return not kind.__struct_config__.forbid_unknown_fields and key not in {each.encode_name for each in fields}


def _parts(kind: Any) -> tuple[Any, ...]:
    """Return the types of a union; the type alone if it is none."""
    return get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)


def _is_plain(kind: Any) -> bool:
    """Whether the values of a type are those that a dict would have."""
    return set(_parts(kind)) <= _PLAIN


def _bounded(kind: Any, depth: int) -> Any:
    """Return a type of as many levels as the decoder of dicts reads first, in place of one of any number of levels."""
    levels = min(depth, LEVELS) - 1
    if levels < 1:
        return kind
    found: list[Any] = []
    for part in _parts(kind):
        if part is Any or part is object:
            found.append(json_of_levels(levels))
        elif part is dict or part == dict[str, Any]:
            found.append(dict.__class_getitem__((str, json_of_levels(levels - 1))))
        elif part is list or part == list[Any]:
            found.append(list.__class_getitem__(json_of_levels(levels - 1)))
        else:
            found.append(part)
    return functools.reduce(operator.or_, found)


def _is_open(kind: Any, seen: frozenset[Any] = frozenset()) -> bool:
    """Whether values of a type may be nested to any depth."""
    if kind in (Any, object, dict, list, tuple, set, frozenset) or kind in seen:
        return True
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return any(_is_open(each.type, seen | {kind}) for each in msgspec.structs.fields(kind))
    if isinstance(kind, NewType):
        return False  # of `json_of_levels`
    if get_args(kind):
        return any(_is_open(each, seen) for each in get_args(kind))
    return isinstance(kind, type) and kind.__module__ not in ("builtins", "datetime", "decimal", "uuid")
