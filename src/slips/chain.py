"""Names of formats to a checked chain, and a chain to one loop over the records of an object.

A chain is compiled once per mapping: its parsers become a single function, so that the loop makes no call per stage
that it can avoid. Nothing here knows where an object comes from or what becomes of its events.
"""

from __future__ import annotations

import copy
import difflib
from collections.abc import Callable, Iterable, Iterator, Sequence
from io import BufferedReader
from pathlib import Path
from typing import Any, cast

import msgspec

from slips.errors import FormatError, HandlerError, NoProgressError, ObjectError, ReaderError, RecordError
from slips.exceptions import describe, is_interrupt, name_of
from slips.format import (
    Bad,
    Elements,
    Event,
    Format,
    Limited,
    Parse,
    Parsed,
    Record,
    RecordLimits,
    Rule,
    parser,
)
from slips.formats import catalogue
from slips.methods import advice, lazy
from slips.model import MetaData, ObjectEvent, Outcome, Range
from slips.position import BEHIND, RECV, UNREAD, Cells
from slips.usercode import import_file

SKIP_RULE = Rule("on_error: skip", "records that could not be parsed, where the mapping says 'on_error: skip'")

Several = list[tuple[MetaData, Event]]
Recv = Callable[[MetaData, Event], object]
Reject = Callable[[int, Record, Exception], None]
"""Told of each bad record: number, the record as the reader gave it, why."""


class Ticker:
    """Lets somebody look in between two records: a thread or a signal sets `due`, the loop then calls `tick`.

    One attribute per record is all it costs, and a slow handler is noticed as soon as a fast one.
    """

    due: bool = False
    position: Cells = UNREAD
    """Gets where the run is."""

    def tick(self, _seq: int) -> bool:
        """Gets the number of the last record; True stops the loop behind it, if it was one that was asked for."""
        return False

    def passed(self, seq: int) -> None:
        """Gets the number of a record that is read over on the way to those that were asked for."""
        self.tick(seq)


class Chain:
    """A reader and its parsers, ready to run. Made by `compile_chain`."""

    def __init__(
        self,
        names: Sequence[str],
        read: Format,
        parameter: str,
        parsers: Sequence[Format],
        limits: RecordLimits,
    ) -> None:
        self.names = tuple(names)
        self.ignores = read.gives == "nothing"
        self.reader = f"{read.name}:{parameter}" if parameter else read.name
        """Identity of what numbers the records."""
        assert read.read is not None  # noqa: S101 - `compile_chain` puts a reader first
        self._read = Limited.bind(read.read, limits)
        self._record_bytes = limits.bytes
        self._parameter = parameter
        self.parse = _compose(read, parsers, limits)

    def records(self, stream: BufferedReader) -> Iterator[Record]:
        """The records of an object."""
        return self._read(stream, self._record_bytes, self._parameter)

    def run(
        self,
        stream: BufferedReader,
        outcome: Outcome,
        *,
        source: ObjectEvent,
        recv: Recv,
        reject: Reject,
        ticker: Ticker,
        skip: bool = False,
        is_test: bool = False,
    ) -> int | None:
        """Every record of `stream` to `recv`, counted in `outcome`. None, or the last number if `ticker` stopped it.

        Raises HandlerError for whatever `recv` raises (with `__cause__`), ReaderError for whatever the reader raises
        that is no ObjectError.
        """
        numbered: Iterator[tuple[int, Record]] = enumerate(self.records(stream), 1)
        if source.records is not None:
            numbered = select(numbered, source.records, ticker)
            # Handlers may change what they are given; this list says what is still to be read.
            source = msgspec.structs.replace(source, records=list(source.records))
        parse, timestamp, position = self.parse, source.timestamp, ticker.position
        records = delivered = filtered = events = seq = 0
        first, last = float("inf"), float("-inf")
        try:
            for seq, record in numbered:
                records += 1
                meta = MetaData("", timestamp, source, None, seq, 0, is_test)
                try:
                    if isinstance(record, Bad):
                        raise record.error()
                    event = parse(meta, record)
                    if event.__class__ is dict or (event := _unusual(meta, event)).__class__ is dict:
                        at = meta.timestamp
                        if at < first:
                            first = at
                        if at > last:
                            last = at
                    elif event.__class__ is _Several:
                        first = min(first, *(each.timestamp for each, _ in event))
                        last = max(last, *(each.timestamp for each, _ in event))
                    elif event.__class__ is _Streamed:
                        event = event.checked()
                        if event.__class__ is _Streamed:
                            first, last = min(first, event.first), max(last, event.last)
                except MemoryError:
                    raise
                except BaseException as error:  # parsers may raise anything, `SystemExit` too
                    if is_interrupt(error):
                        raise
                    if skip:
                        filtered += 1
                        outcome.rules[SKIP_RULE.name] = outcome.rules.get(SKIP_RULE.name, 0) + 1
                    else:
                        outcome.quarantined += 1
                        reject(seq, record, _why_bad(meta, error))
                    event = None
                if event.__class__ is dict:
                    position[RECV] = seq
                    try:
                        returned = recv(meta, event)
                    except BaseException as error:
                        if is_interrupt(error):
                            raise
                        raise HandlerError("recv raised", event) from error
                    if returned is not None:
                        _refuse_lazy(returned, event)
                    events += 1
                    delivered += 1
                elif event.__class__ is Rule:
                    filtered += 1
                    outcome.rules[event.name] = outcome.rules.get(event.name, 0) + 1
                elif event is not None:
                    position[RECV] = seq
                    for each, part in event:
                        try:
                            returned = recv(each, part)
                        except BaseException as error:
                            if is_interrupt(error):
                                raise
                            raise HandlerError("recv raised", part) from error
                        if returned is not None:
                            _refuse_lazy(returned, part)
                        events += 1
                    delivered += 1
                if ticker.due and ticker.tick(seq):
                    # What was stopped behind its last record is whole: there would be nothing to go on with.
                    return None if next(numbered, None) is None else seq
                position[BEHIND] = seq  # behind `tick`, which ends a child that a handler forked
        except NoProgressError:
            if records:  # the time was up on the way to further records: they are for another run
                return seq
            raise
        except ObjectError as error:
            error.seq = seq
            if isinstance(error, HandlerError):
                records -= 1  # the record at which a handler raised is named, not counted
            raise
        except Exception as error:
            if issubclass(type(error), MemoryError):
                raise
            # A user's own reader may raise anything.
            failed = ReaderError(f"{source.url}: reader {self.reader!r} raised {describe(error)}")
            failed.seq = seq
            raise failed from error
        finally:
            outcome.records += records
            outcome.delivered += delivered
            outcome.filtered += filtered
            outcome.events += events
            if first <= last:
                outcome.first_timestamp, outcome.last_timestamp = float(first), float(last)
        return None


def _refuse_lazy(returned: object, event: Event) -> None:
    """Raises HandlerError for what `recv` returned if its work is still to be done (nobody would do it), or failed."""
    try:
        kind = lazy(returned)
    except BaseException as error:
        raise HandlerError("recv raised", event) from error
    if kind:
        raise HandlerError(f"returned {kind}; {advice('recv')}", event)


def select(
    numbered: Iterable[tuple[int, Record]], ranges: Sequence[Range], ticker: Ticker
) -> Iterator[tuple[int, Record]]:
    """Only the records in `ranges` (sorted, disjoint); reads no further than the last of them.

    `ticker` is told of those that are passed over, too; they do not stop the loop.
    """
    wanted = iter(ranges)
    first, last = next(wanted, (0, 0))
    for seq, record in numbered:
        while last is not None and seq > last:
            first, last = next(wanted, (0, 0))
            if first == 0:
                return
        if seq >= first:
            yield seq, record
            if last is not None and seq == last == ranges[-1][1]:
                return
        elif ticker.due:
            ticker.passed(seq)


def _why_bad(meta: MetaData, error: BaseException) -> Exception:
    """What makes a record bad, in words for the one who wrote the parser."""
    # By its type: `isinstance` asks the object itself, which is the user's.
    if issubclass(type(error), TypeError) and not isinstance(meta.timestamp, int | float):
        why = f"parser set 'meta.timestamp' to {meta.timestamp!r}; expected epoch seconds, as a number"
    elif issubclass(type(error), Exception):
        return cast("Exception", error)
    else:
        why = describe(error)  # `sys.exit()` and its like
    bad = RecordError(why)
    bad.__cause__ = error
    return bad


def _unusual(meta: MetaData, value: Any) -> Any:
    """What a parser gave instead of a plain dict: a Rule, several events, or a mistake."""
    if value.__class__ is Rule or value.__class__ is _Several or value.__class__ is _Streamed:
        return value
    if isinstance(value, dict):
        return dict(value)
    if isinstance(value, list) and all(isinstance(event, dict) for event in value):
        if not value:
            raise RecordError("parser gave no event and named no rule; expected an event, or a Rule to filter it")
        return _Several(_spread(meta, value))
    if isinstance(value, Elements):
        return _Streamed(meta, value)
    raise RecordError(f"parser gave {name_of(type(value))}; expected an event (dict), a list of them, or a Rule")


class _Several(Several):
    """The events of one record, each with its own meta."""


class _Streamed:
    """The events of one record, each with its own meta, made when they are asked for: they are too many to be held.

    Made twice: `checked` before the first of them is delivered, since a record is delivered as a whole or not at all.
    """

    def __init__(self, meta: MetaData, events: Elements, stages: tuple[Parse, ...] = ()) -> None:
        self._meta, self._events, self._stages = meta, events, stages
        self.first, self.last = float("inf"), float("-inf")
        """Timestamps of the events."""

    def then(self, after: Parse) -> _Streamed:
        """These events refined by one more stage."""
        return _Streamed(self._meta, self._events, (*self._stages, after))

    def checked(self) -> _Streamed | Rule:
        """Itself, if there is an event left, else the Rule that filtered the last. Raises what its stages raise."""
        if not self._stages:
            for _ in self._events:
                pass
            self.first = self.last = self._meta.timestamp
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
            yield meta, event


def _spread(meta: MetaData, events: Iterable[Event]) -> Iterator[tuple[MetaData, Event]]:
    """Each event with its own meta."""
    for index, event in enumerate(events):
        each = copy.copy(meta)
        each.index = index
        yield each, event


def _refined(
    events: Iterable[tuple[MetaData, Event]], stage: Parse, rules: list[Rule]
) -> Iterator[tuple[MetaData, Event]]:
    """Yields the events that a stage makes of each event. `rules` gets the Rule that filtered the last one filtered."""
    for meta, event in events:
        result = stage(meta, event)
        if result.__class__ is not dict:
            result = _unusual(meta, result)
        if isinstance(result, Rule):
            rules[:] = [result]
        elif isinstance(result, dict):
            yield meta, result
        else:
            yield from result


def _compose(read: Format, parsers: Sequence[Format], limits: RecordLimits) -> Callable[[MetaData, Any], Any]:
    """The parsers as one function of meta and record."""
    stages: list[Parse] = []
    given = read.gives
    for format_ in parsers:
        assert format_.parse is not None  # noqa: S101 - `compile_chain` lets only parsers come here
        parse = Limited.bind(format_.parse, limits)
        if format_.takes == "event":
            stages.append(parse)
        elif given == "text":
            stages.append(parse if format_.raw else _of_bytes(parse, limits, format_.extends))
        else:
            stages.append(_of_message(format_, parse, limits))
        given = format_.gives
    if not stages:
        return _of_bytes(_plain_text, limits) if given == "text" else _as_it_is
    function = stages[0]
    for stage in stages[1:]:
        function = _then(function, stage)
    return function


def _plain_text(meta: MetaData, text: str) -> Event:
    """A chain without parsers: the text itself, as the original had it."""
    meta.message = text
    return {"message": text}


def _as_it_is(_meta: MetaData, event: Event) -> Event:
    return event


def decode_text(raw: bytes) -> str:
    """A record's bytes as text, without its line end. Bytes that are not UTF-8 survive as `surrogateescape`."""
    if raw[-2:] == b"\r\n":
        raw = raw[:-2]
    elif raw[-1:] == b"\n" or raw[-1:] == b"\r":
        raw = raw[:-1]
    return raw.decode("utf-8", "surrogateescape")


def _of_bytes(parse: Parse, limits: RecordLimits, extends: bool = False) -> Parse:
    """A parser of texts where the reader gives bytes."""
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


def _of_message(format_: Format, parse: Parse, limits: RecordLimits) -> Parse:
    """A parser of texts behind one that gives events: the text is the event's `message`, as in the original."""
    raw, extends, name = format_.raw, format_.extends, format_.name

    def of_message(meta: MetaData, event: Event) -> Parsed:
        message = event.get("message")
        if not isinstance(message, str):
            raise RecordError(f"{name}: no text in 'message' (keys: {', '.join(map(str, event))})")
        limits.refuse_wide(message)
        parsed = parse(meta, message.encode("utf-8", "surrogatepass") if raw else message)
        return _extend(event, parsed) if extends else parsed

    return of_message


def _extend(event: Event, parsed: Parsed) -> Parsed:
    """Adds what `event` has and the parsed do not: far cheaper than a dict made of both."""
    for each in parsed if isinstance(parsed, list) else [parsed] if isinstance(parsed, dict) else []:
        for key, value in event.items():
            each.setdefault(key, value)
    return parsed


def _then(before: Callable[[MetaData, Any], Any], after: Parse) -> Callable[[MetaData, Any], Any]:
    """Two stages as one. Several events go on one by one; the record is filtered if all of them are."""

    def then(meta: MetaData, record: Any) -> Any:
        event = before(meta, record)
        if event.__class__ is dict:
            return after(meta, event)
        event = _unusual(meta, event)
        if event.__class__ is Rule:
            return event
        if event.__class__ is dict:
            return after(meta, event)
        if event.__class__ is _Streamed:
            return event.then(after)
        rules: list[Rule] = []
        kept = _Several(_refined(event, after, rules))
        for index, (each, _) in enumerate(kept):
            each.index = index
        return kept or rules[0]

    return then


# ---- names to chains


def compile_chain(names: Sequence[str], root: Path, limits: RecordLimits = RecordLimits()) -> Chain:  # noqa: B008 - frozen
    """A chain of `names` (one name stands for its usual chain), user's files relative to `root`.

    Raises FormatError with every mistake in it.
    """
    expanded, formats, problems = _resolve(names, root)
    if problems:
        raise FormatError("\n".join(problems))
    (read, parameter), *rest = formats
    return Chain(expanded, read, parameter, [format_ for format_, _ in rest], limits)


def check_chain(names: Sequence[str], root: Path) -> list[str]:
    """Every mistake in `names`, as texts; none for a chain that compiles."""
    return _resolve(names, root)[2]


def find_format(name: str, root: Path) -> Format:
    """The format `name` of the catalogue, or of the user's `path/file.py:name`.

    Raises FormatError that says what is wrong and what was perhaps meant.
    """
    path, colon, attribute = name.rpartition(":")
    if colon and path.endswith(".py"):
        return _load_user_format(name, root / path, attribute)
    base = name.partition(":")[0]
    known = catalogue()
    if base in known:
        return known[base]
    close = difflib.get_close_matches(base, known, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    raise FormatError(f"format {base!r} is not known{hint} ('slips formats' lists them all)")


Resolved = tuple[list[str], list[tuple[Format, str]], list[str]]


def _resolve(names: Sequence[str], root: Path) -> Resolved:
    """Names with short forms and containers written out, their formats with parameters, and the mistakes."""
    if not names:
        return [], [], ["the chain is empty; expected format names such as [s3-lines, json]"]
    found: list[tuple[str, Format]] = []
    problems: list[str] = []
    for name in names:
        try:
            found.append((name, find_format(name, root)))
        except FormatError as error:
            problems.append(str(error))
    if problems:
        return list(names), [], problems
    if len(found) == 1 and found[0][1].takes != "object":
        name, format_ = found[0]
        found = [(n, format_ if n == format_.name else find_format(n, root)) for n in format_.chain[:-1]]
        found.append((name, format_))
    elif len(found) > 1 and found[1][1].container and found[0][1].name in ("s3-lines", "s3-text"):
        # One streaming reader for both, so that records are numbered across the object in flat memory.
        name = f"json-records:{found[1][1].container}"
        found[0] = (name, find_format(name, root))
    problems = _misfits(found)
    expanded = [name for name, _ in found]
    return expanded, [(format_, _parameter(name, format_)) for name, format_ in found], problems


def _parameter(name: str, format_: Format) -> str:
    return (name.partition(":")[2] or format_.parameter) if format_.parameter else ""


def _misfits(found: Sequence[tuple[str, Format]]) -> list[str]:
    """Neighbours of a chain that do not fit."""
    problems = []
    given = "object"
    for position, (name, format_) in enumerate(found):
        if ":" in name and not format_.parameter and ".py:" not in name:
            problems.append(
                f"format {format_.name!r} takes no parameter; expected it without {name[len(format_.name) :]!r}"
            )
        before = found[position - 1][0] if position else ""
        if format_.takes == "object" and position:
            problems.append(f"format {name!r} reads objects; expected it first in the chain, not after {before!r}")
        elif format_.takes != "object" and not position:
            problems.append(
                f"format {name!r} takes {_article(format_.takes)}; expected a reader before it, "
                f"as in [{', '.join(format_.chain)}]"
            )
        elif given == "nothing":
            problems.append(f"format {before!r} gives nothing; expected no {name!r} after it")
        elif given == "text" and format_.takes == "event":
            problems.append(
                f"format {name!r} takes an event and {before!r} gives a text; expected a parser such as 'json' between"
            )
        given = format_.gives
    return problems


def _article(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aeio" else f"a {kind}"


def _load_user_format(name: str, path: Path, attribute: str) -> Format:
    """The format `attribute` of the user's file: declared with a decorator, or a plain function of meta and event."""
    try:
        module = import_file(path)
    except FileNotFoundError:
        raise FormatError(
            f"format {name!r}: no file {str(path)!r}; expected a path relative to the config file"
        ) from None
    except (Exception, SystemExit) as error:
        raise FormatError(f"format {name!r}: importing it raised {describe(error)}") from error
    value = getattr(module, attribute, None)
    if isinstance(value, Format):
        return value
    if callable(value):
        return parser(attribute, summary=(value.__doc__ or "").strip().partition("\n")[0], reference="")(value)
    functions = [
        n for n, v in vars(module).items() if isinstance(v, Format) or getattr(v, "__module__", "") == module.__name__
    ]
    raise FormatError(
        f"format {name!r}: the file has no {attribute!r}; it has {', '.join(functions) or 'no functions'}"
    )
