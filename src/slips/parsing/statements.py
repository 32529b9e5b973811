"""Writes the statements that all families have in common: required fields, rules, time, tag and message of an event."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial

from slips import times
from slips.errors import RecordError
from slips.format import Event, Rule
from slips.parsing.meaning import PLAIN, Field, Meaning, Require, Template, Time, folded, in_one_line, shown, wanted
from slips.parsing.writer import Family, Writer

FIELDS_AT_ONCE, _INLINE_TIMES = 4, 2
"""Required fields that are looked at, and times that are read, without a call."""
_from_iso = datetime.fromisoformat
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


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
    is_implied = _is_implied(meaning)
    if meaning.require is not None and not is_implied:
        _write_required(meaning.require, values)
    for rule in meaning.rules:
        if rule.when is None:
            continue  # the family or `refine` returns it
        writer.filters = True
        with writer.block(f"if {_condition(rule, values)}:"):
            writer.line(f"event = {writer.name('rule', rule)}")
        writer.line("else:")
        writer.indent()
    if meaning.time is not None:
        _write_time(meaning.time, meaning.time.alternatives, values, meaning.require if is_implied else None)
    tag, _ = _text(meaning.tag, values, is_tag=True)
    writer.line(f"tag = {tag if isinstance(meaning.tag.parts[0], str) or meaning.tag.parts[1:] else f'str({tag})'}")
    message, captured = _message(meaning, values)
    if meaning.adds:
        text = writer.local("message")
        writer.line(f"event[{meaning.adds!r}] = {text} = {message}")
        message, captured = text, (text,)
    if writer.message:
        writer.line(f"{writer.message} = {message}")
        message, captured = writer.message, (writer.message,)
    return message, captured


def write_message(family: Family, writer: Writer) -> str:
    """Write the statements of the message alone, and return its expression."""
    return _message(family.meaning, _Values(family, writer))[0]


def _message(meaning: Meaning, values: _Values) -> tuple[str, tuple[str, ...]]:
    """Return the expression of a message, and the locals in it. Write the statements that bind these."""
    if meaning.message is None:
        return "None", ()
    text, captured = _text(meaning.message, values)
    if meaning.one_line:
        return f"{values.writer.name('in_one_line', in_one_line)}({text})", captured
    if not meaning.folded:
        return text, captured
    if len(meaning.message.parts) == 1:
        return f"{values.writer.name('folded', folded)}({text})", captured
    local = values.writer.local("text")
    return (
        f"({local} if '\\n' not in ({local} := {text}) else {values.writer.name('folded', folded)}({local}))",
        captured,
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

    def refusal(self, require: Require) -> Callable[[Event], RecordError]:
        return lambda event: require.error(event, partial(self._family.look, event))

    def misplaced(self, time: Time) -> Callable[[Event], None]:
        return lambda event: time.refuse_misplaced(partial(self._family.look, event))

    def raw(self, path: str) -> str:
        return self._family.value_of(path, self.writer)


def _tested(rules: tuple[Rule, ...]) -> Iterator[str]:
    for rule in rules:
        if isinstance(rule.when, Mapping):
            yield from rule.when


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


def _write_required(require: Require, values: _Values) -> None:
    """Write statements that refuse an event without the required fields."""
    refuse = values.writer.name("refuse", values.refusal(require))
    with values.writer.block(f"if not ({_required(require, values)}):"):
        values.writer.line(f"raise {refuse}(event)")


def _is_implied(meaning: Meaning) -> bool:
    """Whether each of the usual times is enough for `require`. To look at it where they are missing will do then: the
    look takes a twentieth of what a line of JSON costs beside its decoder.
    """
    require, time = meaning.require, meaning.time
    if require is None or require.every or time is None or any(rule.when is not None for rule in meaning.rules):
        return False
    return all(len(fields) == 1 and fields[0] in require.parts for fields in time.alternatives[:_INLINE_TIMES])


def _condition(rule: Rule, values: _Values) -> str:
    if isinstance(rule.when, Mapping):
        return " and ".join(f"({values.equals(path, value)})" for path, value in rule.when.items())
    return f"{values.writer.name('when', rule.when)}(event)"


def _write_time(
    time: Time, alternatives: tuple[tuple[str, ...], ...], values: _Values, require: Require | None
) -> None:
    """Write statements that set `at` to the first of `alternatives` that has a value.

    Behind the usual ones, `require` is looked at, if given.
    """
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
    is_nested = any("." in path for path in time.paths)
    if not (others or require or is_nested):
        return
    with writer.block("else:"):
        if require and (not others or alternative == time.alternatives[_INLINE_TIMES - 1]):
            _write_required(require, values)
            require = None
        if others:
            _write_time(time, tuple(others), values, require)
        elif is_nested:
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
    elif time.read is times.month_first:
        _write_iso(value, value, name, writer, times.month_first, times.month_first)
    elif time.read is times.moment:
        _write_iso(f"{value}.__class__ is str and {value}[4:5] == '-'", value, name, writer)
        # Milliseconds from 2001 to 2286.
        digits = f"len({value}) == 13 and '1' <= {value} < ':' and {value}.isdecimal()"
        with writer.block(f"elif {value}.__class__ is str and {digits}:"):
            writer.line(f"at = int({value}) / 1000")
    else:
        return False
    return True


def _write_iso(
    test: str,
    value: str,
    name: str,
    writer: Writer,
    odd: Callable[..., float] = times.odd_iso,
    read: Callable[..., float] = times.iso,
) -> None:
    """Write an `if` that reads a value as `read` does: `slips.times.iso`, or a notation that begins with it.

    `odd` reads what `fromisoformat` refuses.
    """
    parsed, epoch = writer.name("from_iso", _from_iso), writer.name("epoch", _EPOCH)
    with writer.block(f"if {test}:"):
        with writer.block("try:"):
            writer.line(f"at = ({parsed}({value}) - {epoch}).total_seconds()")
        with writer.block("except (TypeError, ValueError):"):
            writer.line(f"at = {writer.name('odd_iso', odd)}({value}, {name})")
        with writer.block(f"if {value}[4] != '-' or not -62_135_596_800.0 <= at < 253_402_300_800.0:"):
            writer.line(f"at = {writer.name('iso', read)}({value}, {name})")


def _text(template: Template, values: _Values, *, is_tag: bool = False) -> tuple[str, tuple[str, ...]]:
    """Return an expression for the text of a template, and the locals in it. Write the statements that bind these.

    A tag, which every event has, is of values that are texts.
    """
    if not any(isinstance(part, Field) for part in template.parts):
        return repr("".join(map(str, template.parts))), ()
    locals_ = {part: _field(part, values) for part in template.parts if isinstance(part, Field)}
    captured = tuple(dict.fromkeys(locals_.values()))
    if len(template.parts) == 1:
        (local,) = captured
        text = f"{'str' if is_tag else values.writer.name('shown', shown)}({local})"
        return f"({local} if {local} is None or {local}.__class__ is str else {text})", captured
    inside = "".join(
        _escaped(part)
        if isinstance(part, str)
        else f"{{{locals_[part] if is_tag else _shown(locals_[part], values.writer)}}}"
        for part in template.parts
    )
    return f"f'{inside}'", captured


def _shown(local: str, writer: Writer) -> str:
    """Return an expression for `slips.parsing.meaning.shown`, without a call for a text or a number."""
    return f"{local} if {local}.__class__ in {writer.name('plain', PLAIN)} else {writer.name('shown', shown)}({local})"


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
    if part.lead or part.tail:
        with writer.block(f"if {local} or {local} == 0:"):
            writer.line(f"{local} = f'{_escaped(part.lead)}{{{_shown(local, writer)}}}{_escaped(part.tail)}'")
    return local


def _escaped(text: str) -> str:
    """Return a text as it stands in an f-string between single quotes."""
    return repr(f'"{text}')[2:-1].replace("{", "{{").replace("}", "}}")  # the quote makes `repr` choose single ones
