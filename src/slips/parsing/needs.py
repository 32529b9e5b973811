"""The fields that a declaration reads, as a Struct to which JSON is decoded in a third of the time of a dict."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from slips.errors import RecordError
from slips.parsing.declare import Json
from slips.parsing.meaning import Meaning, Require, collected, wanted
from slips.parsing.statements import FIELDS_AT_ONCE
from slips.parsing.writer import Writer, value_in
from slips.paths import IN_LIST, keys_of_path


class Unsuitable(Exception):
    """A declaration reads what only a dict has."""


class Nothing(msgspec.Struct):
    """An object of which only matters that it is there."""


class Node:
    """The fields that are needed of an object in JSON."""

    def __init__(self) -> None:
        self.children: dict[str, Node] = {}
        self.element: Node | None = None
        """The fields of the objects in a list, if some are needed."""
        self.is_leaf, self.is_read = False, False
        """Whether the value itself matters, and whether more of it than that there is one."""

    def at(self, *keys: str) -> Node:
        node = self
        for key in keys:
            node = node.children.setdefault(key, Node())
        return node

    def elements(self) -> Node:
        self.element = self.element or Node()
        return self.element

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
        if not self.is_read:
            element = msgspec.Raw if self.element is None else self.element.type
            return (self.struct if self.children else Nothing) | scalar | list.__class_getitem__(element)
        if self.children or self.element:
            raise Unsuitable
        return scalar

    def getter(self, path: str, absent: tuple[str, ...]) -> Callable[[Any], Any]:
        """Return the function that means for an object of this Struct what `value_at` does for a dict."""
        outer, _, inner = path.partition(IN_LIST)
        ways = list[tuple[list[str], Callable[[Any], Any] | None]]()
        for keys in dict.fromkeys([(*keys_of_path(outer),), (outer,)]):
            node, names = self, list[str]()
            for key in keys:
                names.append(node.name(key))
                node = node.children[key]
            element = node.element if inner else None
            ways.append((names, collected(element.getter(inner, absent), absent) if element else None))

        def get(value: Any) -> Any:
            for names, values in ways:
                found = value
                for name in names:
                    found = getattr(found, name, None)  # what is no object has none
                if found is not None:
                    return values(found) if values else found
            return None

        return get

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


class Needs:
    """The fields that parts of a declaration read, as a Struct, and these parts as functions of that Struct.

    A Family for `parse_of`. Raises Unsuitable.
    """

    def __init__(self, declaration: Json, meaning: Meaning, parts: Iterable[tuple[str, str]]) -> None:
        """`parts` are those of `meaning.paths` that are to be read."""
        self.name, self.meaning = declaration.name, meaning
        self._places = ("", *declaration.inner)
        """The fields in whose objects a path leads; first the event itself."""
        self.root = Node()
        for part, path in parts:
            for place in self._places:
                holder, keys = self.root.at(place) if place else self.root, keys_of_path(path)
                _need(holder, path, is_read=part != "require")
                for end in range(2, len(keys)) if part == "time" else ():
                    holder.at(".".join(keys[:end])).is_leaf = True  # what stands there may be no object: see `look`
        self.fields = {key: f"event.{name}" for name, key, _ in self.root.fields()}
        """Expression for each field of the root."""
        self.plain = frozenset[str]()
        """Fields of the root whose values are those of a dict."""

    @classmethod
    def of_events(cls, declaration: Json, kinds: Iterable[type]) -> Needs:
        """Return what is needed to make events of the classes `kinds`: all but the message."""
        meaning = declaration.meaning
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
        quiet = require and _Quiet(require.every, require.parts)
        meaning = msgspec.structs.replace(meaning, require=quiet, adds="", message=None)
        return cls(declaration, meaning, meaning.paths)

    @classmethod
    def of_message(cls, declaration: Json) -> Needs:
        """Return what is needed to make the message alone."""
        meaning = declaration.meaning
        return cls(declaration, meaning, [part for part in meaning.paths if part[0] == "message"])

    def shared_with(self, own: Mapping[str, str]) -> Needs:
        """Return the same for a Struct that has fields of the handler, too: `own` has the expressions of plain ones."""
        needs = copy.copy(self)
        needs.fields, needs.plain = {**self.fields, **own}, frozenset(own)
        return needs

    def write(self, writer: Writer) -> None:
        writer.line("event = value")

    def look(self, event: Any, path: str) -> Any:
        """Return the value at the path of an object, an empty dict for the object itself.

        It is for events without a time: if a value stands where the object of the time should be, a dict decides.
        """
        for place in self._places:
            keys = [place] if place else []
            value = self._reached(event, [*keys, *keys_of_path(path)])
            if value is None:
                value = self._reached(event, [*keys, path])
            if value is not None:
                return {} if isinstance(value, msgspec.Struct) else None if value in self.meaning.absent else value
        return None

    def _reached(self, event: Any, keys: Sequence[str]) -> Any:
        """Return the value at keys, of which each leads into the object at the one before; None if there is none."""
        node, value = self.root, event
        for key in keys:
            if value.__class__ is dict:
                value = value.get(key)
            elif isinstance(value, msgspec.Struct) and key in node.children:
                name = self.fields[key].removeprefix("event.") if value is event else node.name(key)
                value, node = getattr(value, name), node.children[key]
            else:
                return None
        return value

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
            value = inner._value_in(path, writer, holder)
        return f"({value} if {test} else None)"

    def _value_in(self, path: str, writer: Writer, event: str = "event") -> str:
        if IN_LIST in path:
            return f"{writer.name('get', self.root.getter(path, self.meaning.absent))}({event})"
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


def _need(holder: Node, path: str, *, is_read: bool) -> None:
    """Note that the value at a path of an object is needed, in either of its two places: see `value_at`."""
    outer, _, inner = path.partition(IN_LIST)
    for node in (holder.at(*keys_of_path(outer)), holder.at(outer)):
        if inner:
            _need(node.elements(), inner, is_read=is_read)
        else:
            node.is_leaf = True
            node.is_read |= is_read


def _lacks(kind: type, key: str) -> bool:
    """Whether a class has no field for a key that a declaration adds, and does not care that it is there."""
    if not key or not issubclass(kind, msgspec.Struct):  # `dict`
        return True
    fields = msgspec.structs.fields(kind)
    return not kind.__struct_config__.forbid_unknown_fields and key not in {each.encode_name for each in fields}
