"""The family of formats whose records are JSON objects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

from slips.format import Event, Kind
from slips.parsing.conversions import KINDS, Convert, conversions_of, convert_at, write_conversions
from slips.parsing.declare.declaration import Declaration
from slips.parsing.meaning import check_path, value_at
from slips.parsing.typed import Names
from slips.parsing.writer import Writer, value_in
from slips.step import Step


@dataclass(frozen=True, kw_only=True)
class Json(Declaration):
    """JSON objects, which are events as they are. Fields are named by dotted path: `userIdentity.arn`.

    Texts at the paths of `integers`, `floats`, `booleans` and `documents` become what they write, before anything else
    is read; a text that writes no such value stays. These paths lead through each element of an array, too.

    A path leads through nested objects; if these have no value there, a key with the dots in it counts. An `absent`
    text stays in the event, and counts as missing for tag, time, message, rules and `require`.
    """

    elements: str = ""
    """The path of the array of records in a document: `Records`. Without one, each line is a record."""
    also_in: str | tuple[str, ...] = ()
    """Fields with objects in them, whose fields count where the event itself has none: `properties`."""
    integers: Names = ()
    """Paths, with blanks between, of integers that the vendor may write as texts: `"200"`."""
    floats: Names = ()
    """Paths of numbers that the vendor may write as texts: `"0.25"`."""
    booleans: Names = ()
    """Paths of booleans that the vendor may write as texts: `"true"`, `"False"`."""
    boolean_words: Names = ()
    """Pairs of words that stand for true and false there, too, such as `yes/no`."""
    documents: Names = ()
    """Paths of objects and arrays that the vendor writes as texts: `"{}"`. Other paths lead into them."""

    absent_stays: ClassVar[bool] = True
    has_lists: ClassVar[bool] = True
    takes: Kind = field(init=False, default="event")
    container: str = field(init=False, default="")

    def __post_init__(self) -> None:
        object.__setattr__(self, "container", self.elements)
        super().__post_init__()

    def check(self) -> None:
        if self.elements:
            check_path(self.elements)
        for name in self.inner:
            if not isinstance(name, str) or not name:
                raise ValueError(f"also_in names {name!r}; expected a field with an object in it, such as 'properties'")
        _ = self.conversions

    @property
    def inner(self) -> tuple[str, ...]:
        """The fields of `also_in`."""
        return (self.also_in,) if isinstance(self.also_in, str) else self.also_in

    @cached_property
    def conversions(self) -> Mapping[str, Convert]:
        """The functions that convert texts, by their paths."""
        return conversions_of({kind: getattr(self, kind) for kind in KINDS}, self.boolean_words)

    def convert(self, event: Event) -> Event:
        """Return an event with the texts at declared paths converted, the slow way."""
        places: list[Any] = [event, *(event.get(name) for name in self.inner)]
        for each in places:
            for path, convert in self.conversions.items() if isinstance(each, dict) else ():
                convert_at(each, path, convert)
        return event

    def places(self) -> tuple[str, ...]:
        return self.inner

    def usual_chain(self) -> tuple[Step, ...]:
        return (f"json-records:{self.elements}", self.name) if self.elements else super().usual_chain()

    def write(self, writer: Writer) -> None:
        writer.line("event = value")
        write_conversions(writer, self.conversions, "event")
        places = [f"{writer.prefix}inner{number}" for number in range(len(self.inner))]
        for name, place in zip(self.inner, places, strict=True):
            writer.line(f"{place} = event.get({name!r})")
            with writer.block(f"if {place}.__class__ is not dict:"):
                writer.line(f"{place} = {writer.name('nothing', _NOTHING)}")
            write_conversions(writer, self.conversions, place)
        if places:
            writer.line(f"{writer.prefix}inner = {' or '.join(places)}")

    def value_of(self, path: str, writer: Writer) -> str:
        absent = self.meaning.absent
        value = value_in(path, writer, absent=absent)
        if not self.inner:
            return value
        inner = (f"{writer.prefix}inner{number}" for number in range(len(self.inner)))
        *places, last = (value_in(path, writer, each, absent) for each in inner)
        for place in reversed(places):
            found = writer.local("found")
            last = f"({found} if ({found} := {place}) is not None else {last})"
        found = writer.local("found")
        return f"({found} if ({found} := {value}) is not None or not {writer.prefix}inner else {last})"

    def look(self, event: Event, path: str) -> Any:
        for each in (event, *(event.get(name) for name in self.inner)):
            value = value_at(each, path, self.meaning.absent) if isinstance(each, dict) else None
            if value is not None:
                return None if value in self.meaning.absent else value
        return None


_NOTHING: Event = {}
"""Stands for an object that an event lacks."""
