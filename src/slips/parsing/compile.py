"""Writes the Python of a declaration: a family's statements make an event of a value, the common parts follow.

`body_of` gives the statements, for the loop of a chain; `parse_of` a function like any parser's `parse`. No text of an
author becomes source: it goes in by `repr`, and any other object as a name of the function's globals.
"""

from __future__ import annotations

import linecache
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from functools import partial
from types import CodeType
from typing import Any, Protocol

from msgspec import Struct

from slips import times
from slips.errors import RecordError
from slips.format import Event, Parse, Parsed, PerObject, RecordLimits, Rule
from slips.model import MetaData
from slips.parsing.meaning import Field, Meaning, Require, Template, Time, in_one_line, wanted
from slips.paths import keys_of_path

FIELDS_AT_ONCE, _INLINE_TIMES = 4, 2
"""Required fields that are looked at, and times that are read, without a call."""
_from_iso = datetime.fromisoformat
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Family(Protocol):
    """The part of a declaration that its family writes."""

    @property
    def name(self) -> str: ...

    @property
    def meaning(self) -> Meaning: ...

    def write(self, writer: Writer) -> None:
        """Write statements that bind the local `event`, a dict, from the local `value`, or raise RecordError."""

    def value_of(self, path: str, writer: Writer) -> str:
        """Return an expression for the value at `path` of the event, None if it has none; `absent` is not heeded."""

    def look(self, event: Event, path: str) -> Any:
        """Return the value at `path` of an event, the slow way; None for an `absent` text, too."""


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
    message: str
    """Expression of the message's text."""
    find: str
    """Expression of the function that finds the entities of `record`; empty: that of its text."""
    names: Mapping[str, object]
    """Globals of the statements and expressions."""
    refusals: tuple[type[Exception], ...]
    """The errors with which the statements refuse a record."""


class Writer:
    """The source of a function as it is written: lines, the locals in use, and the globals that they need."""

    def __init__(self, limits: RecordLimits, prefix: str = "") -> None:
        self.limits = limits
        self.lines: list[str] = []
        self.names: dict[str, object] = {}
        self.attributes: dict[str, str] = {}
        """The attributes of these lines whose names are no identifiers: see `make_function`."""
        self.fields: dict[str, str] = {}
        """Locals by the field of the event whose value each has, for the parts behind `write`."""
        self.fresh: dict[str, Callable[[], object]] = {}
        self.filters = False
        """Whether `event` may be a Rule in place of a dict; the statements behind are then in a block for dicts."""
        self.message = ""
        """Local to which to bind the message: `write` has bound it, too, where the statements behind do not run."""
        self.prefix, self._indent, self._count = prefix, "", 0

    def line(self, text: str) -> None:
        self.lines.append(self._indent + text)

    @contextmanager
    def block(self, header: str) -> Iterator[None]:
        """Write a header such as `if x:`; lines within are its block."""
        self.line(header)
        before, self._indent = self._indent, f"{self._indent}    "
        yield
        self._indent = before

    def indent(self) -> None:
        """Indent all further lines: they are the block of the last one."""
        self._indent += "    "

    @contextmanager
    def nested(self) -> Iterator[None]:
        """End the blocks that `indent` begins within."""
        before = self._indent
        yield
        self._indent = before

    def name(self, hint: str, value: object) -> str:
        """Return a name for a global with this value. The same object under the same hint has one name."""
        for name, known in self.names.items():
            if known is value and name.rstrip("0123456789") == f"{self.prefix}{hint}_":
                return name
        name = f"{self._unique(hint)}"
        self.names[name] = value
        return name

    def per_object(self, hint: str, make: Callable[[], object]) -> str:
        """Return a name that is bound to `make()` when an object begins."""
        name = self._unique(hint)
        self.fresh[name] = make
        return name

    def local(self, hint: str) -> str:
        """Return the name of a local that is not in use."""
        return self._unique(hint)

    def _unique(self, hint: str) -> str:
        self._count += 1
        return f"{self.prefix}{hint}_{self._count}"


def value_in(path: str, writer: Writer, event: str = "event") -> str:
    """Return an expression for `slips.parsing.meaning.value_at`: the value at `path` of a dict."""
    *outer, last = keys_of_path(path)
    if not outer:
        return f"{event}.get({last!r})"
    holder, tests = event, []
    for key in outer:
        inner = writer.local("in")
        tests.append(f"({inner} := {holder}.get({key!r})).__class__ is dict")
        holder = inner
    found = writer.local("found")
    tests.append(f"({found} := {holder}.get({last!r})) is not None")
    return f"({found} if {' and '.join(tests)} else {event}.get({path!r}))"


def body_of(family: Family, limits: RecordLimits = RecordLimits(), prefix: str = "") -> Body:  # noqa: B008 - frozen
    """Write the statements of a declaration. `prefix` begins each name, so that several bodies share a function."""
    writer, meaning = Writer(limits, prefix), family.meaning
    family.write(writer)
    message, captured = write_meaning(family, writer)
    refine = writer.name("refine", meaning.refine) if meaning.refine is not None else ""
    return Body(
        tuple(writer.lines), writer.names, message, captured, writer.filters, refine, writer.attributes, writer.fresh
    )


def write_meaning(family: Family, writer: Writer) -> tuple[str, tuple[str, ...]]:
    """Write what the fields of `event` mean: statements that bind `tag` and `at`, or a Rule to `event`.

    Returns the expression of the message, and the locals in it.
    """
    meaning, values = family.meaning, _Values(family, writer)
    hoisted = {
        part.paths[0]
        for template in (meaning.tag, meaning.message)
        if template is not None
        for part in template.parts
        if isinstance(part, Field)
    }
    tested = {*(meaning.require.paths if meaning.require else ()), *_tested(meaning.rules)}
    for path in sorted(hoisted & tested):
        values.bind(path)  # used twice or more
    if meaning.require is not None:
        refuse = writer.name("refuse", _refusal(meaning.require, family))
        with writer.block(f"if not ({_required(meaning.require, values)}):"):
            writer.line(f"raise {refuse}(event)")
    for rule in meaning.rules:
        if rule.when is None:
            continue  # the family or `refine` returns it
        writer.filters = True
        with writer.block(f"if {_condition(rule, values)}:"):
            writer.line(f"event = {writer.name('rule', rule)}")
        writer.line("else:")
        writer.indent()
    if meaning.time is not None:
        _write_time(meaning.time, meaning.time.alternatives, values)
    tag, _ = _text(meaning.tag, values)
    writer.line(f"tag = {tag if isinstance(meaning.tag.parts[0], str) or meaning.tag.parts[1:] else f'str({tag})'}")
    message, captured = ("None", ()) if meaning.message is None else _text(meaning.message, values)
    if meaning.one_line and message != "None":
        message = f"{writer.name('in_one_line', in_one_line)}({message})"
    if meaning.adds:
        text = writer.local("message")
        writer.line(f"event[{meaning.adds!r}] = {text} = {message}")
        message, captured = text, (text,)
    if writer.message:
        writer.line(f"{writer.message} = {message}")
        message, captured = writer.message, (writer.message,)
    return message, captured


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


def when_called(make: Callable[[], Parse]) -> Parse:
    """Return a function that is made when it is first called: most chains have the statements in their loop alone."""
    made: Parse | None = None

    def parse(meta: MetaData, value: Any) -> Parsed:
        nonlocal made
        if made is None:
            made = make()
        return made(meta, value)

    return parse


def make_function(
    name: str,
    parameters: str,
    lines: list[str],
    names: Mapping[str, object],
    origin: str,
    attributes: Mapping[str, str] | None = None,
) -> Callable[..., Any]:
    """Make a function of generated lines. Tracebacks show them, in a file that is named after `origin`.

    `attributes` are the names of attributes that are no identifiers, by the identifiers that the lines have for them.
    Another function of the same origin, for other limits or options, has a file with a number behind the name.
    """
    source = "".join(f"{line}\n" for line in (f"def {name}({parameters}):", *(f"    {line}" for line in lines)))
    file, number = f"<slips: {origin}>", 1
    entry = (len(source), None, source.splitlines(keepends=True), file)
    while linecache.cache.setdefault(file, entry) != entry:
        number += 1
        file = f"<slips: {origin}, {number}>"
        entry = (*entry[:3], file)
    scope: dict[str, Any] = dict(names)
    code = _with_attributes(compile(source, file, "exec"), attributes or {})
    exec(code, scope)  # noqa: S102 - no text of an author is source here
    function: Callable[..., Any] = scope[name]
    function.__doc__ = source
    return function


def _with_attributes(code: CodeType, attributes: Mapping[str, str]) -> CodeType:
    """Return code, with that of the functions in it, in which attributes have other names."""
    return code.replace(
        co_names=tuple(attributes.get(name, name) for name in code.co_names),
        co_consts=tuple(
            _with_attributes(each, attributes) if isinstance(each, CodeType) else each for each in code.co_consts
        ),
    )


class _Values:
    """The expressions for values at paths: a local where a path is bound to one."""

    def __init__(self, family: Family, writer: Writer) -> None:
        self.writer = writer
        self._family, self._absent = family, family.meaning.absent
        self._bound: dict[str, str] = {}

    def bind(self, path: str) -> str:
        """Return a local that has the value at `path`, None if that is absent."""
        if path not in self._bound:
            local = self.writer.local("value")
            self.writer.line(f"{local} = {self.raw(path)}")
            if self._absent:
                with self.writer.block(f"if {local} in {self._absent!r}:"):
                    self.writer.line(f"{local} = None")
            self._bound[path] = local
        return self._bound[path]

    def assign(self, local: str, path: str) -> None:
        """Write statements that assign the value at `path` to a local."""
        self.writer.line(f"{local} = {self._bound.get(path) or self.raw(path)}")
        if self._absent and path not in self._bound:
            with self.writer.block(f"if {local} in {self._absent!r}:"):
                self.writer.line(f"{local} = None")

    def is_there(self, path: str) -> str:
        """Return an expression: whether there is a value at `path`."""
        if path in self._bound:
            return f"{self._bound[path]} is not None"
        if not self._absent:
            return f"{self.raw(path)} is not None"
        local = self.writer.local("value")
        return f"({local} := {self.raw(path)}) is not None and {local} not in {self._absent!r}"

    def equals(self, path: str, value: object) -> str:
        """Return an expression: whether the value at `path` is the wanted one, or one of them."""
        values = wanted(value)
        local = self._bound.get(path) or self.raw(path)
        if self._absent and path not in self._bound:
            bound = self.writer.local("value")
            local = f"(None if ({bound} := {local}) in {self._absent!r} else {bound})"
        if len(values) == 1:
            return f"{local} == {self.writer.name('wanted', values[0])}"
        return f"{local} in {self.writer.name('wanted', values)}"

    def met(self, require: Require) -> Callable[[Event], bool]:
        """Return a function that looks at all fields of an event, unless none can be there by the keys that it has."""
        keys = {key for path in require.paths for key in (path, path.partition(".")[0])}
        keys.update(getattr(self._family, "inner", ()))
        return lambda event: not keys.isdisjoint(event) and require.met(partial(self._family.look, event))

    def misplaced(self, time: Time) -> Callable[[Event], None]:
        return lambda event: time.refuse_misplaced(partial(self._family.look, event))

    def raw(self, path: str) -> str:
        return self._family.value_of(path, self.writer)


def _tested(rules: tuple[Rule, ...]) -> Iterator[str]:
    for rule in rules:
        if isinstance(rule.when, Mapping):
            yield from rule.when


def _refusal(require: Require, family: Family) -> Callable[[Event], RecordError]:
    def refusal(event: Event) -> RecordError:
        return require.error(event, partial(family.look, event))

    return refusal


def _required(require: Require, values: _Values) -> str:
    """Return an expression: whether an event meets `require`. Behind the first fields of many, a call looks at all."""
    if not require.every and len(require.parts) > FIELDS_AT_ONCE + 1:
        first = _required(Require(False, require.parts[:FIELDS_AT_ONCE]), values)
        return f"{first} or {values.writer.name('met', values.met(require))}(event)"
    tests = [
        f"({_required(part, values)})" if isinstance(part, Require) else f"({values.is_there(part)})"
        for part in require.parts
    ]
    return (" and " if require.every else " or ").join(tests)


def _condition(rule: Rule, values: _Values) -> str:
    if isinstance(rule.when, Mapping):
        return " and ".join(f"({values.equals(path, value)})" for path, value in rule.when.items())
    return f"{values.writer.name('when', rule.when)}(event)"


def _write_time(time: Time, alternatives: tuple[tuple[str, ...], ...], values: _Values) -> None:
    """Write statements that set `at` to the first of `alternatives` that has a value."""
    writer = values.writer
    alternative, *others = alternatives
    locals_ = [writer.local("time") for _ in alternative]
    for local, path in zip(locals_, alternative, strict=True):
        values.assign(local, path)
    test = " and ".join(f"{local} is not None and {local} != ''" for local in locals_)
    value = locals_[0] if len(locals_) == 1 else f"""f'{" ".join(f"{{{local}}}" for local in locals_)}'"""
    options = "".join(f", {name}={writer.name(name, option)}" for name, option in time.options.items())
    dated = ", reference=at" if time.dated else ""
    name = repr(" ".join(alternative))
    inline = len(locals_) == 1 and alternative in time.alternatives[:_INLINE_TIMES]
    usual = inline and _write_usual(time, value, name, writer)
    with writer.block(f"{'elif' if usual else 'if'} {test}:"):
        writer.line(f"at = {writer.name('read', time.read)}({value}, name={name}{options}{dated})")
    if others:
        with writer.block("else:"):
            _write_time(time, tuple(others), values)
    elif any("." in path for path in time.paths):
        with writer.block("else:"):
            writer.line(f"{writer.name('refuse_misplaced', values.misplaced(time))}(event)")


def _write_usual(time: Time, value: str, name: str, writer: Writer) -> bool:
    """Write an `if` that reads the usual values of a notation without a call, which would cost as much as the reading.

    False if there is none for the notation: nothing is written.
    """
    per_second = time.options.get("per_second", 1)
    if time.read is times.number and isinstance(per_second, int):
        begin = 0 if per_second == 1 else times.LOGS_BEGIN * per_second  # before it, the unit may be a wrong one
        with writer.block(f"if {value}.__class__ is int and {begin} <= {value} < {253_402_300_800 * per_second}:"):
            writer.line(f"at = {value} / {per_second}")
    elif time.read is times.epoch:
        with writer.block(f"if {value}.__class__ is int and 0 <= {value} < 100_000_000_000_000:"):
            writer.line(f"at = {value} / 1_000 if {value} >= 100_000_000_000 else float({value})")
    elif time.read is times.iso:
        _write_iso(value, value, name, writer)
    elif time.read is times.moment:
        _write_iso(f"{value}.__class__ is str and {value}[4:5] == '-'", value, name, writer)
        # Milliseconds from 2001 to 2286.
        digits = f"len({value}) == 13 and '1' <= {value} < ':' and {value}.isdecimal()"
        with writer.block(f"elif {value}.__class__ is str and {digits}:"):
            writer.line(f"at = int({value}) / 1000")
    else:
        return False
    return True


def _write_iso(test: str, value: str, name: str, writer: Writer) -> None:
    """Write an `if` that reads a value as `slips.times.iso` does."""
    parsed, epoch = writer.name("from_iso", _from_iso), writer.name("epoch", _EPOCH)
    with writer.block(f"if {test}:"):
        with writer.block("try:"):
            writer.line(f"at = ({parsed}({value}) - {epoch}).total_seconds()")
        with writer.block("except (TypeError, ValueError):"):
            writer.line(f"at = {writer.name('odd_iso', times.odd_iso)}({value}, {name})")
        with writer.block(f"if {value}[4] != '-' or not -62_135_596_800.0 <= at < 253_402_300_800.0:"):
            writer.line(f"at = {writer.name('iso', times.iso)}({value}, {name})")


def _text(template: Template, values: _Values) -> tuple[str, tuple[str, ...]]:
    """Return an expression for the text of a template, and the locals in it. Write the statements that bind these."""
    if not any(isinstance(part, Field) for part in template.parts):
        return repr("".join(map(str, template.parts))), ()
    locals_ = {part: _field(part, values) for part in template.parts if isinstance(part, Field)}
    captured = tuple(dict.fromkeys(locals_.values()))
    if len(template.parts) == 1:
        (local,) = captured
        return f"({local} if {local} is None or {local}.__class__ is str else str({local}))", captured
    inside = "".join(_escaped(part) if isinstance(part, str) else f"{{{locals_[part]}}}" for part in template.parts)
    return f"f'{inside}'", captured


def _field(part: Field, values: _Values) -> str:
    """Return the local that has the value of a placeholder. Write the statements that bind it."""
    first, *others = part.paths
    if not others and part.default is None:
        return values.bind(first)
    writer, local = values.writer, values.writer.local("value")
    values.assign(local, first)
    with ExitStack() as blocks:
        for path in others:
            blocks.enter_context(writer.block(f"if not {local} and {local} != 0:"))
            values.assign(local, path)
        if part.default is not None:
            blocks.enter_context(writer.block(f"if not {local} and {local} != 0:"))
            writer.line(f"{local} = {part.default!r}")
    return local


def _escaped(text: str) -> str:
    """Return a text as it stands in an f-string between single quotes."""
    return repr(f'"{text}')[2:-1].replace("{", "{{").replace("}", "}}")  # the quote makes `repr` choose single ones
