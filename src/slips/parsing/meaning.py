"""The common parts of a declaration: paths of fields, templates, times, required fields, conditions.

Each part checks itself when it is made, and has a slow reading, for error texts and for `slips.parsing.plain`. Nothing
here generates code.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import cache, partial
from itertools import islice
from types import MappingProxyType
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import force_setattr

from slips import times
from slips.entities import EntityPaths
from slips.errors import RecordError
from slips.format import Condition, Event, MeaningOptions, Parsed, Rule
from slips.model import MetaData
from slips.paths import IN_LIST, is_path, keys_of_path

Refine = Callable[[MetaData, Event], Parsed | None]
"""`(meta, event)`, called last, with tag, time and message set. Returns None for the event itself, which it may have
changed; or another event, several, or the Rule that filters the record. A PerObject makes one for each object, which
may remember something of the records before."""
ReadTime = Callable[..., float]
"""`(value, name=…)` to epoch seconds, as the functions of `slips.times`; raises RecordError with the `name` in it."""

_SHOWN_NAMES, _SHOWN_KEYS, _SHOWN_LENGTH = 4, 10, 200
_PLACEHOLDER = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|([{}])")
_DEFAULT = re.compile(r"'([^']*)'")
_LEAD = re.compile(r"\s*'([^']*)'\s*([^|\s].*)", re.DOTALL)
_TAIL = re.compile(r"(.*[^|\s'])\s*'([^']*)'\s*", re.DOTALL)
PLAIN = frozenset([str, int, float, type(None)])
"""Types of values that stand in a text as Python writes them, which is as JSON does."""


def value_at(event: Any, path: str, absent: tuple[str, ...] = ()) -> Any:
    """Return the value at a dotted path: keys of nested objects, else one key with dots in it. None: not there.

    The values at `events[].name` are a list; see `in_list`.
    """
    if "." not in path:
        return event.get(path)
    if IN_LIST in path:
        outer, _, inner = path.partition(IN_LIST)
        return in_list(inner, absent)(value_at(event, outer))
    value: Any = event
    for key in keys_of_path(path):
        value = value.get(key) if value.__class__ is dict else None
    return event.get(path) if value is None else value


def in_list(path: str, absent: tuple[str, ...] = ()) -> Callable[[Any], list[Any] | None]:
    """Return a function of a list: the values at the path of each object in it, None without any; see `collected`."""
    return collected(lambda each: value_at(each, path, absent) if each.__class__ is dict else None, absent)


def collected(get: Callable[[Any], Any], absent: tuple[str, ...]) -> Callable[[Any], list[Any] | None]:
    """Return a function of a list: what `get` returns for its elements, in one list, None if that is empty.

    What is missing, null, an empty text, array or object, or an `absent` text is left out.
    """

    def values(elements: Any) -> list[Any] | None:
        if elements.__class__ is not list:
            return None
        found: list[Any] = []
        for each in elements:
            value = get(each)
            if value.__class__ is list:
                found += value
            elif (value or value == 0) and value not in absent:
                found.append(value)
        return found or None

    return values


def keys_of(event: Event) -> str:
    """Return the first keys of an event, for an error text of a bounded length."""
    keys = ", ".join(map(str, islice(event, _SHOWN_KEYS))) + (", …" if len(event) > _SHOWN_KEYS else "")
    return keys if len(keys) <= _SHOWN_LENGTH else f"{keys[:_SHOWN_LENGTH]}…"


def check_path(path: object) -> str:
    """Return a path of a declaration. Raises ValueError."""
    if not isinstance(path, str) or not is_path(path):
        raise ValueError(f"path is {path!r}; expected a field such as 'eventTime', of a nested object 'user.name'")
    return path


# ---- Templates


class Field(Struct, frozen=True):
    """A placeholder of a template: the first of `paths` that has a value, between `lead` and `tail`, else `default`."""

    paths: tuple[str, ...]
    default: str | None = None
    lead: str = ""
    tail: str = ""
    """Texts in front of a value, and behind it, that are left out with it."""

    def around(self, value: object) -> object:
        """Return a value with the texts around it."""
        return f"{self.lead}{shown(value)}{self.tail}" if self.lead or self.tail else value


class Template(Struct, frozen=True):
    """A text with fields in braces: `{user.name}`, `{host|client.ip|'-'}`. Doubled braces stand for single ones.

    Between bars stand alternatives: the first counts that is neither missing, null nor an empty text, array or object;
    a text in quotes may be the last. A field that is missing reads `None`; if it is the whole template, there is no
    text at all. In `{' from ' host|client.ip}` the text in front is left out, too, if there is no value, and in
    `{level ': '}` the one behind. An array reads `a, b`, an object as its JSON, true and false as in JSON; so do the
    values that `{events[].name}` finds in the objects of an array.
    """

    source: str
    parts: tuple[str | Field, ...] = ()
    """Made from `source`."""

    def __post_init__(self) -> None:
        if not isinstance(self.source, str):
            raise ValueError(f"template is {self.source!r}; expected a text such as '{{user.name}} did {{action}}'")
        force_setattr(self, "parts", tuple(self._parts()))

    def _parts(self) -> Iterator[str | Field]:
        text, at = "", 0
        for match in _PLACEHOLDER.finditer(self.source):
            text += self.source[at : match.start()]
            at = match.end()
            if match[2]:
                raise ValueError(
                    f"template {self.source!r} has a {match[2]!r} without its pair; expected '{{field}}', "
                    f"or {match[2] * 2!r} for the brace itself"
                )
            if match[1] is None:
                text += match[0][0]
                continue
            if text:
                yield text
                text = ""
            yield self._field(match[1])
        if text + self.source[at:]:
            yield text + self.source[at:]

    def _field(self, inside: str) -> Field:
        led, tailed = _LEAD.fullmatch(inside), _TAIL.fullmatch(inside)
        if led or tailed:
            between = led[2] if led else inside
            lead, tail = led[1] if led else "", ""
            if tailed := _TAIL.fullmatch(between):
                between, tail = tailed[1], tailed[2]
            field = self._field(between)
            if field.default is not None or field.lead or field.tail:
                raise ValueError(
                    f"template {self.source!r} has '{{{inside}}}'; expected fields alone beside {lead or tail!r}, "
                    "which is left out if they have no value"
                )
            return Field(field.paths, "", lead, tail)
        *paths, last = (each.strip() for each in inside.split("|"))
        default = _DEFAULT.fullmatch(last)
        if not default:
            paths.append(last)
        if any("[]" in keys_of_path(path) for path in paths):
            raise ValueError(
                f"template {self.source!r} has '{{{inside}}}'; expected the field with the list in front of '[]', "
                "as in '{events[].name}'"
            )
        if not paths or not all(is_path(path) and not path.endswith("'") for path in paths):
            raise ValueError(
                f"template {self.source!r} has '{{{inside}}}'; expected a field, as in '{{user.name}}', "
                "or several with bars between, as in '{host|client.ip}', with one text at most in front and behind"
            )
        return Field(tuple(paths), default[1] if default else None)

    @property
    def paths(self) -> Iterator[str]:
        for part in self.parts:
            if isinstance(part, Field):
                yield from part.paths

    def text(self, get: Callable[[str], Any], as_text: Callable[[object], str] | None = None) -> str | None:
        """Return the text for the values that `get` returns for paths, each of them as `shown`, or as `as_text`."""
        values = [part if isinstance(part, str) else _first(part, get) for part in self.parts]
        if len(values) == 1 and values[0] is None:
            return None
        return "".join(map(as_text or shown, values))


def shown(value: object) -> str:
    """Return a value as a message has it: a text as it is, an array as `a, b`, an object and all others as JSON.

    What is missing reads `None`.
    """
    if value.__class__ in PLAIN:
        return str(value)
    if isinstance(value, list) and not any(isinstance(each, dict | list) for each in value):
        return ", ".join(map(shown, value))
    if isinstance(value, dict | list | bool):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)


def in_one_line(text: str | None) -> str | None:
    """Return a text of one line or several as one line, without blanks around it."""
    if text is None or "\n" not in text:
        return text and text.strip()
    return " ".join(text.split())


def folded(text: str | None) -> str | None:
    """Return a text of several lines as one line, and a text of one line as it is."""
    return text if text is None or "\n" not in text else " ".join(text.split())


def _first(field_: Field, get: Callable[[str], Any]) -> Any:
    value = None
    for path in field_.paths:
        value = get(path)
        if value or value == 0:
            return field_.around(value)
    return value if field_.default is None else field_.default


# ---- Times

Alternative = tuple[str, ...]
"""The paths of one time: most have one; a date and a clock in two fields are joined with a space."""


class Time(Struct, frozen=True):
    """The time of an event: the first of `alternatives` that is neither missing, null nor empty, read by `read`.

    If there is none, the time is the object's event time. A malformed one quarantines the record, and so does a value
    of another kind in place of the object that has the time in it.
    """

    alternatives: tuple[Alternative, ...]
    read: ReadTime
    options: Mapping[str, object] = MappingProxyType({})
    """Further arguments of `read`."""
    dated: bool = False
    """Whether `read` needs the object's event time, as its argument `reference`: for notations without a year."""

    def __post_init__(self) -> None:
        if not self.alternatives:
            raise ValueError("time names no field; expected one or more, as in iso('eventTime')")
        for alternative in self.alternatives:
            for path in alternative:
                check_path(path)

    def __hash__(self) -> int:
        return hash((self.alternatives, self.read, self.dated))  # `options` have no hash

    @classmethod
    def of(cls, fields: tuple[str | Alternative, ...], read: ReadTime, **options: object) -> Time:
        return cls(tuple((each,) if isinstance(each, str) else tuple(each) for each in fields), read, options)

    @property
    def paths(self) -> Iterator[str]:
        for alternative in self.alternatives:
            yield from alternative

    @property
    def may_lack_zone(self) -> bool:
        """Whether there are values of this notation that name no zone."""
        if self.read is times.written:
            return not any(directive in str(self.options.get("form")) for directive in ("%z", "%Z"))
        return self.read not in (times.number, times.epoch)

    def at(self, get: Callable[[str], Any], reference: float) -> float:
        """Return epoch seconds for the values that `get` returns for paths. Raises RecordError."""
        for alternative in self.alternatives:
            values = [get(path) for path in alternative]
            if any(value is None or value == "" for value in values):
                continue
            value = values[0] if len(values) == 1 else " ".join(map(str, values))
            known = {"reference": reference} if self.dated else {}
            return self.read(value, name=" ".join(alternative), **self.options, **known)
        self.refuse_misplaced(get)
        return reference

    def refuse_misplaced(self, get: Callable[[str], Any]) -> None:
        """Raise RecordError if a value stands where an object should be that has the time in it."""
        for path in self.paths:
            keys = keys_of_path(path)
            for end in range(1, len(keys)):
                outer = ".".join(keys[:end])
                value = get(outer)
                if value is not None and value != "" and value.__class__ is not dict:
                    inner = ".".join(keys[end:])
                    raise RecordError(f"{outer!r} is {value!r:.60}; expected an object with the {inner!r}")


def iso(*fields: str | Alternative, month_first: bool = False) -> Time:
    """Declare a time in RFC 3339 or ISO 8601, in the first of `fields` that has one. Without a zone it is UTC.

    With `month_first` it may be written `08/06/2025 14:26:04`, too.
    """
    return Time.of(fields, times.month_first if month_first else times.iso)


def epoch(*fields: str | Alternative, unit: str = "any") -> Time:
    """Declare a time that counts from 1970, a number or its digits.

    Without a unit (`any`), the size of each number tells it. With `s`, `ms`, `us` or `ns`, a number that makes a time
    from 1990 to 2100 in another of these units, and none since 1990 in its own, quarantines the record.
    """
    if mistaken := [each for each in fields[1:] if each in times.UNITS]:
        raise ValueError(f"{mistaken[0]!r} is a unit and no field; expected unit={mistaken[0]!r}")
    if unit == "any":
        return Time.of(fields, times.epoch)
    if unit not in times.UNITS:
        raise ValueError(f"unit is {unit!r}; expected one of 's', 'ms', 'us', 'ns', or 'any' to tell it by size")
    return Time.of(fields, times.number, per_second=times.UNITS[unit])


def moment(*fields: str | Alternative) -> Time:
    """Declare a time in either notation: ISO 8601, or a number since 1970 whose size tells its unit."""
    return Time.of(fields, times.moment)


def clf(*fields: str | Alternative) -> Time:
    """Declare the time of access logs: `10/Oct/2000:13:55:36 -0700`."""
    return Time.of(fields, times.clf)


def written(form: str, *fields: str | Alternative) -> Time:
    """Declare a time by a format of `strptime`, `"%d.%m.%Y %H:%M:%S"`, for what no other notation reads: it is slow.

    Raises ValueError for a format that Python refuses, or that has no year.
    """
    try:
        trial = datetime(2018, 6, 11, tzinfo=UTC)
        # A year of the same calendar: Python 3.13 deprecates to read a day without a year, so that none is read.
        has_year = trial.strftime(form) != trial.replace(year=2029).strftime(form)
        if not has_year or datetime.strptime(trial.strftime(form), form).year != trial.year:
            raise ValueError("it has no year")
    except (TypeError, ValueError, re.error) as error:
        raise ValueError(f"time is written as {form!r}: {error}; expected one such as '%d.%m.%Y %H:%M:%S'") from None
    return Time.of(fields, times.written, form=form)


def stamp(*fields: str | Alternative) -> Time:
    """Declare a time in any notation: `Nov 21 06:00:24`, `Oct 10 2026 12:34:56 EST`, `10/Oct/2000:13:55:36 -0700`,
    ISO 8601, or a number since 1970.

    A time without a year belongs to the last year that puts it before its object.
    """
    return msgspec.structs.replace(Time.of(fields, times.any_notation), dated=True)


# ---- Required fields


class Require(Struct, frozen=True):
    """The fields by which a record is known to be of a format: all of `parts`, or any one of them."""

    every: bool
    parts: tuple[str | Require, ...]

    def __post_init__(self) -> None:
        if not self.parts:
            raise ValueError("require names no field; expected one or more, as in any_of('eventType', 'eventName')")
        for part in self.parts:
            if not isinstance(part, Require):
                check_path(part)

    @property
    def paths(self) -> Iterator[str]:
        for part in self.parts:
            yield from [part] if isinstance(part, str) else part.paths

    def met(self, get: Callable[[str], Any]) -> bool:
        """Whether the values that `get` returns for paths meet this."""
        found = (get(part) is not None if isinstance(part, str) else part.met(get) for part in self.parts)
        return all(found) if self.every else any(found)

    def error(self, event: Event, get: Callable[[str], Any] | None = None) -> RecordError:
        """Make the error for an event that does not meet this; `get` returns its values for paths."""
        get = get or partial(value_at, event)
        return RecordError(f"no {self._missing(get)} (keys: {keys_of(event)}){self._within(event)}")

    def _within(self, event: Event) -> str:
        """Return what to do with a document that has such records in an array, as answers of APIs have."""
        for name, value in event.items():
            if value.__class__ is not list or not value or value[0].__class__ is not dict:
                continue
            if name.isidentifier() and self.met(partial(value_at, value[0])):
                return f"; {name!r} has an array of such records, which 'json-records:{name}' in the chain reads"
        return ""

    def _missing(self, get: Callable[[str], Any]) -> str:
        if self.every:
            part = next(p for p in self.parts if not Require(True, (p,)).met(get))
            return part._missing(get) if isinstance(part, Require) else repr(part)
        return _any_name(self)


@cache
def _any_name(require: Require) -> str:
    """Return the fields of which one is required, for an error text: foreign logs have such an error a record."""
    names = list(map(repr, require.paths))
    if len(names) > _SHOWN_NAMES:
        names[_SHOWN_NAMES - 1 :] = [f"one of {len(names) - _SHOWN_NAMES + 1} other fields"]
    return f"{', '.join(names[:-1])} or {names[-1]}" if names[1:] else names[0]


def any_of(*parts: str | Require) -> Require:
    """Require one of the fields, or groups of fields: a field counts if it is there and not null."""
    return Require(False, parts)


def all_of(*parts: str | Require) -> Require:
    """Require each of the fields, or groups of fields: a field counts if it is there and not null."""
    return Require(True, parts)


# ---- Rules


def check_rule(rule: Rule) -> Rule:
    """Return a rule of a declaration. Raises ValueError."""
    if isinstance(rule.when, Mapping):
        if not rule.when:
            raise ValueError(f"rule {rule.name!r} has an empty condition; expected {{'field': value}}")
        for path in rule.when:
            check_path(path)
    elif rule.when is not None and not callable(rule.when):
        raise ValueError(f"rule {rule.name!r} has when={rule.when!r}; expected {{'field': value}} or a function")
    return rule


def wanted(value: object) -> tuple[object, ...]:
    """Return the values that a condition wants of a field."""
    return value if isinstance(value, tuple) else (value,)


def holds(when: Condition, event: Event, get: Callable[[str], Any]) -> bool:
    """Whether an event, with the values that `get` returns for paths, meets the condition of a rule."""
    if isinstance(when, Mapping):
        return all(any(get(path) == each for each in wanted(value)) for path, value in when.items())
    return bool(when(event))


# ---- Options


def parts_of(options: MeaningOptions) -> dict[str, Any]:
    """Return the arguments of a declaration that the options of a config stand for.

    Raises ValueError, with a line for each mistake, which begins with the name of the option.
    """
    makers: dict[str, Callable[[], object]] = {
        "time": lambda: stamp(*(tuple(each.split("+")) for each in options.time)) if options.time else None,
        "time_format": lambda: _written(options),
        "tag": lambda: Template(options.tag).source,
        "message": lambda: Template(options.message).source,
        "require": lambda: any_of(*options.require) if options.require else None,
        "entities": lambda: options.entities if EntityPaths.of(options.entities) else {},
    }
    parts: dict[str, Any] = {"absent": tuple(options.absent)}
    mistakes = []
    for option, make in makers.items():
        try:
            parts[option] = make()
        except ValueError as error:
            mistakes.append(f"{option}: {str(error).removeprefix(f'{option}: ')}")
    if mistakes:
        raise ValueError("\n".join(mistakes))
    parts["time"] = parts.pop("time_format") or parts["time"]
    return parts


def _written(options: MeaningOptions) -> Time | None:
    """Return the time of options that say how it is written. Raises ValueError for a form that no time has."""
    if not options.time_format:
        return None
    if not options.time:
        raise ValueError("says how the field 'time' is written; expected 'time' beside it; name the field")
    form = written(options.time_format, "time")
    return msgspec.structs.replace(form, alternatives=tuple(tuple(each.split("+")) for each in options.time))


# ---- Together


class Meaning(Struct, frozen=True):
    """The common parts of a declaration, all of them checked: what `compile` writes and `plain` reads."""

    tag: Template
    time: Time | None = None
    message: Template | None = None
    one_line: bool = False
    """Whether records have several lines, which their message has behind each other."""
    folded: bool = False
    """Whether values may have several lines, which their message has behind each other."""
    require: Require | None = None
    absent: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()
    adds: str = ""
    refine: Refine | None = None

    @property
    def spared(self) -> Iterator[str]:
        """The paths in place of which tag or message have a text, if the event has no value there."""
        for template in filter(None, (self.tag, self.message)):
            for part in template.parts:
                if isinstance(part, Field) and part.default is not None:
                    yield from part.paths

    @property
    def paths(self) -> Iterator[tuple[str, str]]:
        """The parts and the paths in them."""
        for name in ("require", "time", "tag", "message"):
            part = getattr(self, name)
            if part is not None:
                yield from ((name, path) for path in part.paths)
        for rule in self.rules:
            if isinstance(rule.when, Mapping):
                yield from ((f"rule {rule.name!r}", path) for path in rule.when)
