"""Decodes JSON texts to the Struct that a handler wants, without a dict between: in a third of the time.

A declaration reads fields for tag, time, message, rules and `require` that the handler's Struct need not have. So the
text is decoded to a Struct of both, a "wire" of which the handler's Struct is made; or, if both want one field in
different ways, the text is decoded twice. Whatever is odd, wrong or does not fit goes the slow way by a dict, which
alone decides what becomes of a record.
"""

from __future__ import annotations

import datetime
import functools
import operator
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from functools import cached_property
from typing import Annotated, Any, Literal, NewType, Union, get_args, get_origin
from uuid import UUID

import msgspec

from slips.format import Format, Parse, Record, RecordLimits, Rule
from slips.model import MetaData
from slips.parsing.compile import DirectBody, body_of
from slips.parsing.declare import Json
from slips.parsing.event_types import OTHER, EventTypes, Fitting
from slips.parsing.generated import make_function
from slips.parsing.json_brackets import is_text_deeper
from slips.parsing.json_events import JsonParse
from slips.parsing.json_text import LEVELS, json_of_levels
from slips.parsing.late import Decode, DecodedLines, DecodedRuns, Late
from slips.parsing.loop import unusual
from slips.parsing.needs import Needs, Unsuitable
from slips.parsing.readers.document_lines import LINES, LineDocumentRecords
from slips.parsing.readers.elements import ElementRecords
from slips.parsing.stages import fitted

ParseText = Callable[[MetaData, Any], Any]
Given = Literal["texts", "lines", "elements"]
"""The records of a reader: texts; or lines, or runs of elements, that it decodes as it is told."""
_PLAIN = {str, int, bool, types.NoneType, Any, object, dict, dict[str, Any], list, list[Any]}
"""Types whose values are those that a dict would have. A `float` is none: it makes a float of an integer."""
_SCALARS = {
    *(str, bytes, int, float, bool, types.NoneType, Decimal, UUID),
    *(datetime.datetime, datetime.date, datetime.time, datetime.timedelta),
}
"""Types whose values refer to no others."""


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
        return _direct(fitting.single, formats, limits, slow, "elements")
    if reader.name == LINES:
        return _direct(fitting.single, formats, limits, slow, "lines")
    is_json = reader.gives == "text" and bool(formats) and isinstance(formats[0].parse, JsonParse)
    return _direct(fitting.single, formats[1:], limits, slow, "texts") if is_json else slow


class Direct:
    """A function of meta and any record, which decodes a text at once, or else leaves the record to a slower one."""

    def __init__(
        self, body: DirectBody, slow: ParseText, origin: str, given: Given, struct: Any, late: Late | None
    ) -> None:
        """It takes instances of `struct`, unless texts are given. `origin` names the function in tracebacks."""
        self.body, self.slow = body, slow
        self._origin, self._late = origin, late
        self.given, self._kind = given, bytes if given == "texts" else struct
        self._decode: Decode = msgspec.json.Decoder(list[struct] if given == "elements" else struct or Any).decode
        self.decode_run = self.runs()

    def runs(self) -> DecodedRuns:
        """Return the decoder of the runs of elements of an object."""
        return DecodedRuns(self._decode, self._late)

    def line_runs(self) -> DecodedLines:
        """Return the decoder of the lines of an object."""
        return DecodedLines(self._decode, self._late)

    def __call__(self, meta: MetaData, record: Any) -> Any:
        return self._parse(meta, record)

    @cached_property
    def _parse(self) -> ParseText:
        """The statements of the body as a function. The loop of a chain has them itself, which saves the call."""
        body = self.body
        made = ["meta.tag, meta.timestamp = tag, at"]
        if body.late:
            made += [f"meta.message, meta._find, meta._event = {body.late}.message(record), {body.late}, record"]
        lines = [
            "at = meta.timestamp",
            f"if {body.test}:",
            "    try:",
            *(f"        {line}" for line in body.lines),
            *(f"        {line}" for line in body.unless_filtered(made)),
            "        return event",
            "    except refusals:",
            "        pass  # a dict decides",
            "return slow(meta, record)",
        ]
        names = {**body.names, "refusals": body.refusals, "Rule": Rule, "slow": self.slow, "runs": self.decode_run}
        return make_function("parse", "meta, record", lines, names, self._origin)

    def slow_of(self, first_of: Callable[[Any], Any]) -> ParseText:
        """Return the slower function; `first_of` returns the record to give it in place of what is odd."""
        slow, kind = self.slow, self._kind

        def slow_of(meta: MetaData, record: Any) -> Any:
            return slow(meta, first_of(record) if record.__class__ is kind else record)

        return slow_of


def read_directly(
    direct: Direct, cut: Iterable[Record], *, is_whole: bool
) -> tuple[ParseText, DecodedRuns | DecodedLines | None]:
    """Let the reader of an object yield what `direct` decodes, if it can.

    Return the slower function to call then, and the decoder of runs. If not `is_whole`, ranges of records are wanted,
    which the reader must cut exactly.
    """
    if isinstance(cut, ElementRecords):
        cut.decode_run = runs = direct.runs()
        return direct.slow_of(cut.dict_of), runs
    if isinstance(cut, LineDocumentRecords) and direct.given == "lines":
        lines = direct.line_runs()
        cut.decode_by(lines)
        return direct.slow_of(cut.record_of), lines
    if isinstance(cut, LineDocumentRecords) and is_whole:
        cut.decodes = False
        return direct.slow_of(cut.first_of), None
    return direct.slow, None


def _direct(
    event_types: EventTypes, parsers: Sequence[Format], limits: RecordLimits, slow: ParseText, given: Given
) -> ParseText:
    """Return the parser of what is given to events of these types; `slow` itself if that needs a dict.

    `parsers` are those behind `json`, or behind the reader of documents.
    """
    declaration = parsers[0] if parsers else None
    if len(parsers) > 1 or not (declaration is None or isinstance(declaration, Json)):
        return slow
    needs, late = None, None
    if declaration is not None:
        try:
            needs, late = Needs.of_events(declaration, event_types.kinds), Late(declaration, limits)
        except Unsuitable:
            return slow
    kind = event_types.by_tag.get(OTHER) if len(event_types.by_tag) == 1 else None
    wire = None if kind is None or kind is dict else Wire.of(kind, needs, limits)
    if wire is None or wire.is_open:
        if given == "elements":
            return slow
        given = "texts"
    if wire is None:
        return _write(_twice(event_types, needs), late, limits, slow)
    make = f"kind({wire.arguments('value')})"
    plan = _Plan(wire.needs, wire.struct, make, {"kind": kind}, wire.is_open, given)
    return _write(plan, late, limits, slow)


@dataclass(frozen=True)
class _Plan:
    """The parts of a parser that decodes directly."""

    needs: Needs | None
    struct: Any
    """The Struct that texts are decoded to at first; None if there is no need for one."""
    make: str
    """Expression for the event; `value` is an instance of `struct`."""
    names: Mapping[str, object]
    """Globals of that expression."""
    is_open: bool
    """Whether values of the event may be nested to any depth."""
    given: Given = "texts"
    """If not texts, instances of `struct`, to which the reader has decoded them."""


def _twice(event_types: EventTypes, needs: Needs | None) -> _Plan:
    """Return the plan of a parser that decodes for the declaration first, then for the handler."""
    decoders = {
        tag: _refuse if kind is dict else msgspec.json.Decoder(kind).decode for tag, kind in event_types.by_tag.items()
    }
    names = {"decoders": decoders, "other": decoders.get(OTHER, _refuse)}
    is_open = any(kind is not dict and _is_open(kind) for kind in event_types.kinds)
    return _Plan(needs, needs.root.struct if needs else None, "decoders.get(tag, other)(record)", names, is_open)


def _refuse(_raw: bytes) -> Any:
    raise ValueError("this tag has events that are no Structs")


def _write(plan: _Plan, late: Late | None, limits: RecordLimits, slow: ParseText) -> Direct:
    """Write the statements of a parser. Whatever they refuse is left to `slow`."""
    needs, filters = plan.needs, False
    lines: tuple[str, ...] = ()
    names = {**plan.names, "is_text_deeper": is_text_deeper, "struct": plan.struct, "late": late}
    if plan.given != "texts":
        lines = ("value = record",)
    elif plan.struct is not None:
        lines = ("value = decode(record)",)
        names["decode"] = msgspec.json.Decoder(plan.struct).decode
    make = f"event = {plan.make}"
    if needs is None:
        lines = ("tag = ''", *lines)
    else:
        body = body_of(needs, limits)
        lines += body.lines
        names, filters = {**body.names, **names}, body.filters
        if filters:
            make = f"if event.__class__ is not Rule: {make}"
    test = f"record.__class__ is bytes and len(record) <= {2 * limits.values}"
    if plan.is_open:
        test += f" and not is_text_deeper(record, {limits.depth})"
    if plan.given != "texts":
        test = "record.__class__ is struct"
    lookup = "" if late is None else "late" if plan.given == "texts" else "runs.late"
    direct = DirectBody(test, (*lines, make), filters, lookup, names, (Exception,))
    return Direct(direct, slow, needs.name if needs else "json", plan.given, plan.struct, late)


# ---- the fields of both


@dataclass(frozen=True)
class Wire:
    """A Struct of the fields that a handler's Struct has and of those that a declaration reads."""

    kind: type[msgspec.Struct]
    struct: Any
    names: tuple[str, ...]
    """The names in `struct` of the fields of `kind`, in their order."""
    needs: Needs | None
    is_open: bool
    """Whether values may be nested to any depth."""

    def arguments(self, wire: str) -> str:
        """Return the arguments of `kind`, from the local `wire`."""
        values = [f"{wire}.{name}" for name in self.names]
        if len(self.kind.__match_args__) == len(values):
            return ", ".join(values)
        return ", ".join(f"{own}={value}" for own, value in zip(self.kind.__struct_fields__, values, strict=True))

    @classmethod
    def of(cls, kind: type[msgspec.Struct], needs: Needs | None, limits: RecordLimits) -> Wire | None:
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
        # Metas have their wires. A handler may put a meta into a dict or list of its event, which the wire has, too.
        cyclic = not all(_is_scalar(each.type) for each in msgspec.structs.fields(kind))
        struct = msgspec.defstruct(f"{kind.__name__}Wire", fields, kw_only=True, gc=cyclic)
        return cls(kind, struct, tuple(own), needs and needs.shared_with(shared), is_open)


def _parts(kind: Any) -> tuple[Any, ...]:
    """Return the types of a union; the type alone if it is none."""
    return get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)


def _is_plain(kind: Any) -> bool:
    """Whether the values of a type are those that a dict would have."""
    return set(_parts(kind)) <= _PLAIN


def _is_scalar(kind: Any) -> bool:
    """Whether no value of a type can refer to another, so that none is part of a cycle."""
    if get_origin(kind) is Annotated:
        return _is_scalar(get_args(kind)[0])
    if get_origin(kind) is Literal or (isinstance(kind, type) and issubclass(kind, Enum)):
        return True
    return all(part in _SCALARS if part is kind else _is_scalar(part) for part in _parts(kind))


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
