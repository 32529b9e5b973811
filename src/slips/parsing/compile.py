"""Writes the Python of a declaration: a family's statements make an event of a value, the common parts follow.

`body_of` gives the statements, for the loop of a chain; `parse_of` a function like any parser's `parse`. No text of an
author becomes source: it goes in by `repr`, and any other object as a name of the function's globals.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from msgspec import Struct

from slips.format import Parse, Parsed, PerObject, RecordLimits, Rule
from slips.model import MetaData
from slips.parsing.generated import make_function
from slips.parsing.statements import write_meaning, write_message
from slips.parsing.writer import Family, Writer


class Body(Struct, frozen=True):
    """The statements of a declaration, for the inside of a function, without indentation.

    On entry the local `value` is a record, `at` the object's event time. Behind the statements the locals `event`,
    `tag` and `at` are bound. If `filters`, `event` may be a Rule instead, and nothing else is bound.
    """

    lines: tuple[str, ...]
    names: Mapping[str, object]
    """The globals that the statements and expressions need."""
    message: str
    """Expression of the message's text, `None` without one. It reads `captured` and nothing else."""
    captured: tuple[str, ...]
    """The locals in `message`. A value that is a dict or list may change when the handler changes the event."""
    filters: bool
    refine: str
    """Name of the function to call last, as `refine(meta, event)`; empty if there is none."""
    attributes: Mapping[str, str]
    """See `make_function`."""
    fresh: Mapping[str, Callable[[], object]]
    """Names to bind anew for each object, by these functions: what the statements remember of it, such as its header.

    If there are any, the statements need the records before a wanted one, too: see `slips.format.PerObject`. The Parse
    that `parse_of` begins has their values as its attribute `remembered`."""


class DirectBody(Struct, frozen=True):
    """Statements that make an event of most records; whatever they refuse is left to a function."""

    test: str
    """Expression: whether `record` is one to try them on."""
    lines: tuple[str, ...]
    """They bind `event` and `tag`, and `at`, which is the object's event time on entry. `event` may be a Rule."""
    filters: bool
    late: str
    """Expression of the Lookup for `record`, which finds message and entities; empty if there are none."""
    names: Mapping[str, object]
    """Globals of the statements and expressions."""
    refusals: tuple[type[Exception], ...]
    """The errors with which the statements refuse a record."""

    def unless_filtered(self, lines: Sequence[str]) -> list[str]:
        """Return statements for behind the body that need an event."""
        return ["if event.__class__ is not Rule:", *(f"    {line}" for line in lines)] if self.filters else [*lines]


def body_of(family: Family, limits: RecordLimits = RecordLimits(), prefix: str = "") -> Body:  # noqa: B008 - frozen
    """Write the statements of a declaration. `prefix` begins each name, so that several bodies share a function."""
    writer, meaning = Writer(limits, prefix), family.meaning
    family.write(writer)
    message, captured = write_meaning(family, writer)
    refine = ""
    if isinstance(meaning.refine, PerObject):
        refine = writer.per_object("refine", partial(PerObject.begin, meaning.refine))
    elif meaning.refine is not None:
        refine = writer.name("refine", meaning.refine)
    return Body(
        tuple(writer.lines), writer.names, message, captured, writer.filters, refine, writer.attributes, writer.fresh
    )


def parse_of(family: Family, limits: RecordLimits = RecordLimits()) -> Parse:  # noqa: B008 - frozen
    """Compile a declaration to a function of meta and record."""
    body = body_of(family, limits)
    lines, globals_ = ["at = meta.timestamp", *body.lines], {**body.names, "Rule": Rule}
    if body.filters:
        lines += ["if event.__class__ is Rule:", "    return event"]
    lines += ["meta.tag = tag", "meta.timestamp = at"]
    if body.message != "None":
        lines.append(f"meta.message = {body.message}")
    if body.refine:
        lines += [f"refined = {body.refine}(meta, event)", "return event if refined is None else refined"]
    else:
        lines.append("return event")
    if not body.fresh:
        return make_function("parse", "meta, value", lines, globals_, family.name, body.attributes)
    begin = [*(f"{name} = make_{name}()" for name in body.fresh), "def parse(meta, value):"]
    begin += [*(f"    {line}" for line in lines), f"parse.remembered = {', '.join(body.fresh)},", "return parse"]
    names = {**globals_, **{f"make_{name}": make for name, make in body.fresh.items()}}
    return PerObject(make_function("begin", "", begin, names, family.name, body.attributes))


def message_of(family: Family, limits: RecordLimits) -> Callable[[Any], str | None]:
    """Compile the message of a declaration to a function of what its family takes."""
    writer = Writer(limits)
    family.write(writer)
    writer.line(f"return {write_message(family, writer)}")
    return make_function("message", "value", writer.lines, writer.names, f"{family.name}: message")


def when_called(make: Callable[[], Parse]) -> Parse:
    """Return a function that is made when it is first called: most chains have the statements in their loop alone."""
    made: Parse | None = None

    def parse(meta: MetaData, value: Any) -> Parsed:
        nonlocal made
        if made is None:
            made = make()
        return made(meta, value)

    return parse
