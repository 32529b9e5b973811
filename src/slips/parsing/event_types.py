"""The types that a handler wants its events in: `event_type`, a Struct of msgspec, or one for each tag.

An event that does not fit its type is a bad record, so it is quarantined with the reason.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import msgspec

from slips.errors import FormatError, RecordError
from slips.exceptions import describe, name_of
from slips.format import Event, Format
from slips.model import MetaData, readable

Fit = Callable[[MetaData, Event], Any]
"""Makes of an event, whose meta is complete, what a handler gets. Raises RecordError."""
OTHER = "*"
"""The key of the type for all tags that have none of their own."""
_EXPECTED = "expected a class derived from msgspec.Struct, or a dict of tags to such classes, or to 'dict'"
_FURTHER = re.compile(r"column_\d+")
"""Names of fields behind the last declared column."""


class EventTypes(msgspec.Struct, frozen=True):
    """The types that a handler declares. `dict` stands for events as they are parsed."""

    by_tag: Mapping[str, type]
    is_per_tag: bool
    owner: str
    """The name of the handler, for error texts."""

    @classmethod
    def of(cls, declared: object, owner: str) -> EventTypes | None:
        """Return the types that an `event_type` declares; None if it is None. Raises ValueError."""
        if declared is None:
            return None
        is_per_tag = isinstance(declared, Mapping)
        by_tag: dict[Any, Any] = dict(declared) if isinstance(declared, Mapping) else {OTHER: declared}
        if not by_tag or not all(isinstance(tag, str) for tag in by_tag):
            raise ValueError(f"is {declared!r}; {_EXPECTED}")
        for tag, kind in by_tag.items():
            of_tag = f"of tag {tag!r} " if is_per_tag else ""
            if kind is dict and is_per_tag:
                continue
            if not isinstance(kind, type) or not issubclass(kind, msgspec.Struct):
                raise ValueError(f"{of_tag}is {kind!r}; {_EXPECTED}")
            if kind.__struct_config__.array_like:
                raise ValueError(f"{of_tag}is {kind.__name__}, which is array_like; expected one of named fields")
            try:
                msgspec.json.Decoder(kind)
            except (TypeError, ValueError, NameError) as error:
                raise ValueError(
                    f"{of_tag}is {kind.__name__}, which msgspec cannot decode: {error}; expected types that it can"
                ) from None
        return cls(by_tag, is_per_tag, owner)

    @property
    def kinds(self) -> frozenset[type]:
        """The classes of the events that the handler gets."""
        return frozenset(self.by_tag.values())

    def fit(self, texts: AbsentTexts | None) -> Fit:
        """Return the function that converts an event. `texts` are those of a chain that has no other values."""
        by_tag, owner = self.by_tag, self.owner
        other, strict = by_tag.get(OTHER), texts is None
        amend = {} if texts is None else {kind: texts.amend(kind) for kind in self.kinds if kind is not dict}

        def fit(meta: MetaData, event: Event) -> Any:
            kind = by_tag.get(meta.tag, other)
            if kind is dict:
                return event
            if kind is None:
                tags = ", ".join(map(repr, by_tag))
                raise RecordError(
                    f"{owner}.event_type has no type for tag {meta.tag!r}; expected one of {tags}; add it, or '*' for "
                    "all others"
                )
            if not strict:
                event = amend[kind](event)
            try:
                return _converted(event, kind, strict)
            except msgspec.ValidationError as error:
                raise RecordError(f"the event is no {name_of(kind)} of {owner}: {error}") from None

        return fit


class AbsentTexts(msgspec.Struct, frozen=True):
    """The texts that stand for no value in a chain that makes its events of texts alone, as of CSV."""

    absent: frozenset[str]

    def amend(self, kind: type) -> Callable[[Event], Event]:
        """Return a function of an event that has no value where a text says so: None, if the class takes it there.

        Where the class takes the text, and not None, it stays. Where it takes neither, a default counts.
        """
        nothing: set[str] = set()
        default: set[str] = set()
        for each in msgspec.structs.fields(kind):
            if _takes(each.type, object()):
                continue
            if _takes(each.type, None):
                nothing.add(each.encode_name)
            elif not each.required:
                default.update([each.encode_name] if not any(_takes(each.type, text) for text in self.absent) else [])
        concerned, absent = nothing | default, self.absent
        if not concerned:
            return _as_it_is

        def amended(event: Event) -> Event:
            found = [name for name in concerned if event.get(name).__class__ is str and event[name] in absent]
            if not found:
                return event
            amended = {name: value for name, value in event.items() if name not in default or name not in found}
            amended.update(dict.fromkeys(nothing.intersection(found)))
            return amended

        return amended


def _takes(type_: Any, value: object) -> bool:
    """Whether a field of a class takes a value, and texts for numbers."""
    try:
        msgspec.convert(value, type_, strict=False)
    except msgspec.ValidationError:
        return False
    return True


def _converted(event: Event, kind: Any, strict: bool) -> Any:
    """Convert an event to a class. Raises msgspec.ValidationError.

    The converter fails at bytes that are no UTF-8, in a key beside the fields or in a text that is none of its type. So
    it is given them spelled out, in as few places as it can take.
    """
    convert = partial(msgspec.convert, type=kind, strict=strict, str_keys=True)
    for spelled in (_as_it_is, _with_readable_names, _with_readable_keys):
        try:
            return convert(spelled(event))
        except UnicodeEncodeError:
            pass
    return convert(_readable(event, texts=True))


def _as_it_is(event: Event) -> Event:
    return event


def _with_readable_names(event: Event) -> Event:
    return {_readable(name, texts=True): value for name, value in event.items()}


def _with_readable_keys(event: Event) -> Any:
    return _readable(event)


def _readable(value: Any, *, texts: bool = False) -> Any:
    """Return a value with readable keys at any depth, and with readable `texts`."""
    if value.__class__ is dict:
        return {_readable(key, texts=True): _readable(each, texts=texts) for key, each in value.items()}
    if value.__class__ is list:
        return [_readable(each, texts=texts) for each in value]
    return readable(value) if texts and value.__class__ is str else value


def fit_all(types: Sequence[EventTypes | None], texts: AbsentTexts | None) -> Fit:
    """Return the function that makes an event for each handler. An event that does not fit one of them is for none."""
    fits = [None if each is None else each.fit(texts) for each in types]

    def fit(meta: MetaData, event: Event) -> PerHandler:
        events = [event if number == len(fits) else copy_json(event) for number in range(1, len(fits) + 1)]
        return PerHandler(each if fit is None else fit(meta, each) for fit, each in zip(fits, events, strict=True))

    return fit


class PerHandler(tuple[Any, ...]):
    """One event, as each of several handlers gets it."""


def copy_json(value: Any) -> Any:
    """Return a deep copy of a value, several times faster than `copy.deepcopy` for JSON values."""
    kind = value.__class__
    if kind is dict:
        return {key: copy_json(each) for key, each in value.items()}
    if kind is list:
        return [copy_json(each) for each in value]
    if kind is str or kind is int or kind is float or kind is bool or value is None:
        return value
    return copy.deepcopy(value)


def copy_meta(meta: MetaData) -> MetaData:
    """Return a copy of a meta that may be changed like the meta itself."""
    copied = copy.copy(meta)
    if copied.header:
        copied.header = copy_json(copied.header)
    return copied


class Fitting(msgspec.Struct, frozen=True):
    """The function at the end of a chain that makes of an event what the handlers of a mapping get."""

    fit: Fit
    kinds: frozenset[type]
    """The classes of all that `fit` returns."""
    single: EventTypes | None
    """The event types of the only handler; None if there are several handlers."""

    @classmethod
    def of(cls, types: Sequence[EventTypes | None], formats: Sequence[Format]) -> Fitting | None:
        """Return the function for the event types of handlers; None if all of them get events as they are parsed.

        Raises FormatError if the chain of these formats cannot serve one of the types.
        """
        given = [each for each in types if each is not None]
        if not given:
            return None
        if problems := [problem for each in given for problem in misfits(each, formats)]:
            raise FormatError("\n".join(problems))
        absent = frozenset(text for each in formats for text in getattr(each, "absent_texts", ()))
        texts = AbsentTexts(absent | {""}) if are_texts(formats) else None
        if len(types) == 1:
            return cls(given[0].fit(texts), given[0].kinds, given[0])
        return cls(fit_all(types, texts), frozenset((PerHandler,)), None)


def are_texts(formats: Sequence[Format]) -> bool:
    """Whether a chain makes its events of texts alone, which tell no number from digits: it has no step of JSON."""
    of_json = ("json", "json-records", "json-documents")
    # What a parser of texts makes has nothing of the header that carried the text.
    formats = formats[max((number for number, each in enumerate(formats) if each.takes == "text"), default=0) :]
    return formats[0].name == "csv" or not any(
        each.name in of_json or (each.takes == "event" and each.gives == "event") for each in formats
    )


# ---- whether a chain can serve a type


def misfits(types: EventTypes, formats: Sequence[Format]) -> Iterator[str]:
    """Yield the reasons why no event of a chain can be of a type: fields and tags that the chain does not make."""
    last = formats[-1]
    if last.gives == "nothing":
        return
    fields = _fields(formats)
    for tag, kind in types.by_tag.items():
        missing = [] if fields is None or kind is dict else [each for each in _required(kind) if each not in fields]
        if missing:
            names = ", ".join(map(repr, missing))
            yield (
                f"{types.owner}.event_type: {name_of(kind)} requires {names}, and format {last.name!r} has no such "
                f"field; expected some of {', '.join(sorted(fields or ()))}; mend it, or give the field a default"
            )
        if types.is_per_tag and tag != OTHER and not _may_have_tag(formats, tag):
            expected = repr(last.tag) if last.tag else f"{OTHER!r}, as it sets none"
            yield f"{types.owner}.event_type: format {last.name!r} has no tag {tag!r}; expected {expected}; mend it"


def _fields(formats: Sequence[Format]) -> set[str] | None:
    """Return the names of all fields that events of a chain can have; None if these are not known."""
    from slips.parsing.declare import Declaration

    last = formats[-1]
    if last.takes == "object" and last.gives == "text":
        return {"message"}
    # A header may name further columns; an event that is extended keeps the fields of the event before it.
    has_header = bool(getattr(last, "header", None))
    if not isinstance(last, Declaration) or last.refine or last.extends or has_header:
        return None
    known = last.known()
    return None if known is None else {*known, *([last.adds] if last.adds else ())}


def _required(kind: type) -> list[str]:
    names = (each.encode_name for each in msgspec.structs.fields(kind) if each.required)
    return [name for name in names if not _FURTHER.fullmatch(name)]


def _may_have_tag(formats: Sequence[Format], tag: str) -> bool:
    from slips.parsing.declare import Declaration
    from slips.parsing.meaning import Template

    last = formats[-1]
    if not isinstance(last, Declaration) or last.refine:
        return bool(formats[1:]) or tag == ""
    parts = Template(last.tag).parts
    return bool(re.fullmatch("".join(re.escape(part) if isinstance(part, str) else ".*" for part in parts), tag, re.S))


def check_event_type(declared: object, owner: str) -> str:
    """Return the mistake of an `event_type`; empty if it has none."""
    try:
        EventTypes.of(declared, owner)
    except ValueError as error:
        return f"{owner}.event_type {error}"
    except Exception as error:  # noqa: BLE001 - the user's class may raise anything when it is inspected
        return f"{owner}.event_type cannot be inspected: {describe(error)}"
    return ""
