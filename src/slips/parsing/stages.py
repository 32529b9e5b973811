"""Composes the parsers of a chain to one function, so that the loop makes one call a record, not one a parser.

A record and its MetaData go in. An event, several events, or the Rule that filters the record come out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from slips.errors import FormatError, RecordError
from slips.exceptions import describe, name_of
from slips.format import CARRIES, Elements, Event, Format, Kind, Limited, Parse, Parsed, PerObject, RecordLimits, Rule
from slips.model import MetaData
from slips.parsing.event_types import Fit, copy_meta
from slips.parsing.meaning import keys_of


def bind(parsers: Sequence[Format], limits: RecordLimits) -> list[tuple[Format, Parse]]:
    """Return the parsers with their functions for `limits`."""
    bound = []
    for format_ in parsers:
        assert format_.parse is not None  # noqa: S101 - `compile_chain` lets only parsers come here
        bound.append((format_, Limited.bind(format_.parse, limits)))
    return bound


Bound = Sequence[tuple[Format, Parse]]
"""Parsers with their functions, as `bind` returns them."""


def compose(given: Kind, parsers: Bound, limits: RecordLimits, before: int = 0) -> Callable[[MetaData, Any], Any]:
    """Return bound parsers as one function of meta and `given`, but for the first ones, `before`, which gave that.

    Those that are PerObject begin anew.
    """
    if not parsers[before:]:
        return _of_bytes(_plain_text, limits) if given == "text" else _as_it_is
    function, *stages = _stages(given, parsers, limits, before)
    for stage in stages:
        function = _then(function, stage)
    return function


def compose_rest(parsers: Bound, limits: RecordLimits, before: int) -> Callable[[MetaData, Any], Any]:
    """Return the parsers behind the first ones, `before`, as one function of meta and whatever these returned.

    The function returns what `normalized` does.
    """
    function: Callable[[MetaData, Any], Any] = normalized
    for stage in _stages("event", parsers, limits, before):
        function = _then(function, stage)
    return lambda meta, value: normalized(meta, function(meta, value))


def _stages(given: Kind, parsers: Bound, limits: RecordLimits, before: int) -> Iterator[Parse]:
    for number, (format_, parse_object) in enumerate(parsers[before:], before):
        parse = PerObject.begin(parse_object)
        if format_.takes == "event":
            yield parse
        elif given == "text":
            yield parse if format_.raw else _of_bytes(parse, limits, format_.extends)
        else:
            yield _of_carried(format_, parse, limits, carried_by([each for each, _ in parsers[:number]]))
        given = format_.gives


def _plain_text(meta: MetaData, text: str) -> Event:
    """Make an event of a text, for a chain without parsers: its text is `message`, as in the original slips."""
    meta.message = text
    return {"message": text}


def _as_it_is(_meta: MetaData, event: Event) -> Event:
    return event


def decode_text(raw: bytes) -> str:
    """Decode a record, without its line end, to text. Bytes that are not UTF-8 survive as `surrogateescape`."""
    if raw[-2:] == b"\r\n":
        raw = raw[:-2]
    elif raw[-1:] == b"\n" or raw[-1:] == b"\r":
        raw = raw[:-1]
    return raw.decode("utf-8", "surrogateescape")


def _of_bytes(parse: Parse, limits: RecordLimits, extends: bool = False) -> Parse:
    """Return a parser of texts as one of bytes, behind a reader."""
    small, refuse_wide = limits.bytes // 2, limits.refuse_wide
    if extends:

        def with_message(meta: MetaData, raw: bytes) -> Parsed:
            text = decode_text(raw)
            if len(raw) > small:
                refuse_wide(text)
            return _extend({"message": text}, parse(meta, text))

        return with_message

    def of_bytes(meta: MetaData, raw: bytes) -> Parsed:
        return parse(meta, decode_text(raw) if len(raw) <= small else refuse_wide(decode_text(raw)))

    return of_bytes


def carried_by(formats: Sequence[Format]) -> tuple[str, ...]:
    """Return the fields of which the first that has a text is what a parser of texts reads behind other parsers."""
    fields: tuple[str, ...] = CARRIES
    for format_ in formats:
        if format_.carries:
            fields = (format_.carries,)
        elif format_.takes == "text":
            fields = CARRIES
    return fields


def take_text(event: Event, fields: tuple[str, ...], name: str) -> str:
    """Take the text that format `name` is to read out of an event. Raises RecordError if none of `fields` has one."""
    for field in fields:
        text = event.get(field)
        if isinstance(text, str):
            del event[field]
            return text
    raise RecordError(
        f"{name}: no text in {' or '.join(map(repr, fields))} (keys: {keys_of(event)}); expected an event that has the "
        f"text for {name!r} there; if it is complete, leave {name!r} out of the chain"
    )


def _of_carried(format_: Format, parse: Parse, limits: RecordLimits, fields: tuple[str, ...]) -> Parse:
    """Return a parser of texts as one of events, behind another parser: what is before it is a header then."""
    raw, extends, name = format_.raw, format_.extends, format_.name

    def of_carried(meta: MetaData, event: Event) -> Parsed:
        text = take_text(event, fields, name)
        limits.refuse_wide(text)
        whole = {**event, "message": text} if extends else event
        outer = meta.header
        if event and outer:
            event["header"] = outer
        meta.header = event or outer
        parsed = parse(meta, text.encode("utf-8", "surrogatepass") if raw else text)
        return _extend(whole, parsed) if extends else parsed

    return of_carried


def _extend(event: Event, parsed: Parsed) -> Parsed:
    """Add the fields of `event` that the parsed events lack: far cheaper than a new dict."""
    for each in parsed if isinstance(parsed, list) else [parsed] if isinstance(parsed, dict) else []:
        for key, value in event.items():
            each.setdefault(key, value)
    return parsed


def _then(before: Callable[[MetaData, Any], Any], after: Parse) -> Callable[[MetaData, Any], Any]:
    """Return two stages as one. Several events are refined one by one; if all are filtered, the record is."""

    def then(meta: MetaData, record: Any) -> Any:
        event = before(meta, record)
        if event.__class__ is dict:
            return after(meta, event)
        event = normalized(meta, event)
        if event.__class__ is Rule:
            return event
        if event.__class__ is dict:
            return after(meta, event)
        if event.__class__ is Streamed:
            return event.then(after)
        rules: list[Rule] = []
        kept = Several(_refined(event, after, rules))
        for index, (each, _) in enumerate(kept):
            each.index = index
        return kept or rules[0]

    return then


def normalized(meta: MetaData, value: Any) -> Any:
    """Convert a parser's return value to a dict, Several, Streamed or a Rule.

    Raises RecordError for any other value.
    """
    if value.__class__ is dict or value.__class__ is Rule or value.__class__ is Several or value.__class__ is Streamed:
        return value
    if isinstance(value, dict):
        return dict(value)
    if isinstance(value, list) and all(isinstance(event, dict) for event in value):
        if not value:
            raise RecordError("parser gave no event and named no rule; expected an event, or a Rule to filter it")
        return Several(_spread(meta, value))
    if isinstance(value, Elements):
        return Streamed(meta, value)
    raise RecordError(f"parser gave {name_of(type(value))}; expected an event (dict), a list of them, or a Rule")


class Several(list[tuple[MetaData, Event]]):
    """The events of one record, each with its own meta."""


class Streamed:
    """The events of one record, each with its own meta, too many to hold at once: each iteration makes them anew.

    `checked` makes all of them once, before any is delivered: a record is delivered as a whole or not at all.
    """

    def __init__(
        self, meta: MetaData, events: Elements, stages: tuple[Parse, ...] = (), fit: Fit | None = None
    ) -> None:
        self._meta, self._events, self._stages, self._fit = meta, events, stages, fit
        self.first, self.last = float("inf"), float("-inf")
        """First and last timestamp of the events."""

    def then(self, after: Parse) -> Streamed:
        """Return these events, refined by one more stage."""
        return Streamed(self._meta, self._events, (*self._stages, after))

    def fitted(self, fit: Fit) -> Streamed:
        """Return these events, each as `fit` makes it in the end."""
        return Streamed(self._meta, self._events, self._stages, fit)

    def checked(self) -> Streamed | Rule:
        """Return self if the stages leave an event, else the Rule that filtered the last. Raises as the stages do."""
        if not self._stages and self._fit is None:
            for _ in self._events:
                pass
            self.first = self.last = seconds(self._meta)
            return self
        rules: list[Rule] = []
        for meta, _ in self._made(rules):
            self.first, self.last = min(self.first, meta.timestamp), max(self.last, meta.timestamp)
        return self if self.first <= self.last else rules[0]

    def __iter__(self) -> Iterator[tuple[MetaData, Event]]:
        try:
            yield from self._made([])
        except Exception as error:
            raise FormatError(
                f"record {self._meta.seq}: a parser refused now what it had taken: {describe(error)}; "
                "expected the same each time"
            ) from error

    def _made(self, rules: list[Rule]) -> Iterator[tuple[MetaData, Event]]:
        made = _spread(self._meta, self._events)
        for stage in self._stages:
            made = _refined(made, stage, rules)
        for index, (meta, event) in enumerate(made):
            meta.index = index
            if meta.timestamp.__class__ is not float:
                seconds(meta)
            yield meta, event if self._fit is None else self._fit(meta, event)


def fitted(parse: Callable[[MetaData, Any], Any], fit: Fit) -> Callable[[MetaData, Any], Any]:
    """Return a function that passes each event of `parse` through `fit`. `parse` returns what `normalized` does.

    A meta keeps the event as it was parsed, for its entities.
    """

    def keep_and_fit(meta: MetaData, event: Event) -> Any:
        meta._event = event
        return fit(meta, event)

    def parse_fitted(meta: MetaData, record: Any) -> Any:
        event = parse(meta, record)
        if event.__class__ is dict:
            return keep_and_fit(meta, event)
        if event.__class__ is Several:
            return Several((each, keep_and_fit(each, part)) for each, part in event)
        return event.fitted(keep_and_fit) if event.__class__ is Streamed else event

    return parse_fitted


def seconds(meta: MetaData) -> float:
    """Return the time that a parser set, as the float that it is from then on. Raises RecordError, or TypeError."""
    value: Any = meta.timestamp
    if value.__class__ is not float:
        try:
            value < 0.0  # noqa: B015 - what is no number cannot be compared; `float` would read a text
            meta.timestamp = float(value)
        except OverflowError:
            raise RecordError(
                "parser set 'meta.timestamp' to a number beyond all floats; expected epoch seconds"
            ) from None
    return meta.timestamp


def checked(event: Several | Streamed) -> tuple[Several | Streamed | Rule, float, float]:
    """Return several events with the first and last timestamp among them, or the Rule that filtered all of them."""
    if isinstance(event, Several):
        times = [seconds(each) for each, _ in event]
        return event, min(times), max(times)
    kept = event.checked()
    return (kept, kept.first, kept.last) if isinstance(kept, Streamed) else (kept, float("inf"), float("-inf"))


def _spread(meta: MetaData, events: Iterable[Event]) -> Iterator[tuple[MetaData, Event]]:
    """Yield each event with a meta of its own."""
    for index, event in enumerate(events):
        each = copy_meta(meta)
        each.index = index
        yield each, event


def _refined(
    events: Iterable[tuple[MetaData, Event]], stage: Parse, rules: list[Rule]
) -> Iterator[tuple[MetaData, Event]]:
    """Yield the events that a stage makes of each event. Put the last Rule that filtered an event into `rules`."""
    for meta, event in events:
        result = stage(meta, event)
        if result.__class__ is not dict:
            result = normalized(meta, result)
        if isinstance(result, Rule):
            rules[:] = [result]
        elif isinstance(result, dict):
            yield meta, result
        else:
            yield from result
