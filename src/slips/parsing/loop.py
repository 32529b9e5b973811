"""Writes the loop over the records of an object: one function per chain, of Python source that `slips formats` prints.

The reader's records go in one by one. The statements of declared parsers stand in the loop itself, beside the counts,
`meta` and `recv`: a call for each would cost a third of the time. Parsers that are functions are called. All that is
rare (several events in a record, a text that is large or odd) is left to functions of other modules.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec

from slips.errors import HandlerError, NoProgressError, ObjectError
from slips.exceptions import is_interrupt
from slips.format import Bad, Format, Parse, Record, RecordLimits, Rule
from slips.model import LateMetaData, MetaData
from slips.parsing.compile import Body, DirectBody, body_of
from slips.parsing.contains import Skipped
from slips.parsing.declare import Declaration
from slips.parsing.failures import reader_error, refuse_lazy, why_bad
from slips.parsing.generated import make_function
from slips.parsing.json_events import JsonParse, Texts
from slips.parsing.stages import carried_by, checked, compose_rest, decode_text, normalized, seconds, take_text
from slips.parsing.writer import Writer
from slips.position import BEHIND, RECV

SKIP_RULE = Rule("on_error: skip", "records that could not be parsed, where the mapping says 'on_error: skip'")

PARAMETERS = "numbered, where, parsers, outcome, source, recv, reject, ticker, skip, is_test"
"""The parameters of a loop. `where` names object and reader in errors; `parsers` are Begun."""

_LOOP = """\
timestamp, position = source.timestamp, ticker.position
parse, parse_all, remembered, runs = parsers
records = delivered = filtered = events = seq = 0
first, last = float("inf"), float("-inf")
SETUP
try:
    for seq, record in numbered:
        SKIPPED
        records += 1
        meta = None
        try:
            STATEMENTS
            if event.__class__ is dict:
                if at < first:
                    first = at
                if at > last:
                    last = at
            elif event.__class__ is not Rule:
                event, earliest, latest = checked(event)
                first, last = min(first, earliest), max(last, latest)
        except MemoryError:
            raise
        except BaseException as error:  # parsers may raise anything, `SystemExit` too
            if is_interrupt(error):
                raise
            event = None
            if skip:
                filtered += 1
                outcome.rules[SKIP_RULE] = outcome.rules.get(SKIP_RULE, 0) + 1
            else:
                outcome.quarantined += 1
                reject(seq, record, why_bad(meta, error))
        if event.__class__ is dict:
            position[RECV] = seq
            try:
                returned = recv(meta, event)
            except BaseException as error:
                if is_interrupt(error):
                    raise
                raise HandlerError("recv raised", event) from error
            if returned is not None:
                refuse_lazy(returned, event)
            events += 1
            delivered += 1
        elif event.__class__ is Rule:
            filtered += 1
            outcome.rules[event.name] = outcome.rules.get(event.name, 0) + 1
        elif event is not None:
            position[RECV] = seq
            for each, part in event:
                KEEP
                try:
                    returned = recv(each, part)
                except BaseException as error:
                    if is_interrupt(error):
                        raise
                    raise HandlerError("recv raised", part) from error
                if returned is not None:
                    refuse_lazy(returned, part)
                events += 1
            delivered += 1
        if ticker.due and ticker.tick(seq):
            # An object that was stopped behind its last record is complete: nothing is left to continue with.
            return None if next(numbered, None) is None else seq
        position[BEHIND] = seq  # behind `tick`, which ends a child that a handler forked
except NoProgressError:
    if records:  # the time was up on the way to further records, which another run reads
        return seq
    raise
except ObjectError as error:
    error.seq = seq
    if isinstance(error, HandlerError):
        records -= 1  # the record at which a handler raised is named, not counted
    raise
except MemoryError:
    raise
except Exception as error:  # a user's own reader may raise anything
    raise reader_error(where, error, seq) from error
finally:
    outcome.records += records
    outcome.delivered += delivered
    outcome.filtered += filtered
    outcome.events += events
    if first <= last:
        outcome.first_timestamp, outcome.last_timestamp = float(first), float(last)
return None
"""

_SKIPPED = """\
if record.__class__ is Skipped:
    records += record.count
    filtered += record.count
    outcome.rules[record.name] = outcome.rules.get(record.name, 0) + record.count
    if ticker.due and ticker.tick(seq):
        return None if next(numbered, None) is None else seq
    position[BEHIND] = seq
    continue
"""


class Begun(NamedTuple):
    """The parsers of a chain, at the beginning of an object."""

    rest: Callable[[MetaData, Any], Any]
    """The parsers outside the loop, as one function."""
    every: Callable[[MetaData, Any], Any]
    """All parsers, as one function."""
    remembered: tuple[tuple[object, ...], ...] = ()
    """The memory that each parser in the loop has of the object, which `every` shares: see `Body.fresh`."""
    runs: object = None
    """The decoder of runs, if records are Structs."""


class Loop(msgspec.Struct, frozen=True):
    """The loop of a chain."""

    run: Callable[..., int | None]
    """See PARAMETERS."""
    source: str
    inlined: int
    """Number of parsers whose statements stand in the loop; `parse` runs those behind them."""
    takes_texts: bool
    """Whether records may be texts, too: see `TextRecords.gives_texts`."""


def write_loop(
    title: str,
    reader: Format,
    parsers: Sequence[tuple[Format, Parse]],
    limits: RecordLimits,
    *,
    inline: bool = True,
    kinds: frozenset[type] | None = None,
    direct: DirectBody | None = None,
    filters: bool = False,
) -> Loop:
    """Write and compile the loop over the records of a reader; `title` names it in tracebacks.

    If not `inline`, all parsers are left to `parse`, and one loop serves all of them behind a reader. If there are
    `kinds`, `parse` makes events of these classes, of any record: an instance, a Rule, or several instances; `direct`
    makes most of them. If it `filters`, records may be Skipped.
    """
    statements = _Statements(reader, parsers, limits)
    if kinds is None:
        statements.write(inline)
    else:
        statements.write_typed(kinds, direct)
    lines: list[str] = []
    places = {
        "SETUP": statements.setup,
        "STATEMENTS": statements.writer.lines,
        "SKIPPED": _SKIPPED.splitlines() if filters else [],
        "KEEP": ["each._event = part"] if statements.finds and kinds is None else [],
    }
    is_event = "event.__class__ is dict"
    if kinds is not None:
        is_event = f"event.__class__ {'is' if len(kinds) == 1 else 'in'} kinds"
    for line in _LOOP.replace("event.__class__ is dict", is_event).splitlines():
        indent = line[: len(line) - len(line.lstrip())]
        placed = places.get(line.strip())
        lines += [line] if placed is None else [f"{indent}{each}" for each in placed]
    names = {**_NAMES, **statements.writer.names}
    origin = title if inline else f"{reader.name}, any parser"
    run = make_function("run", PARAMETERS, lines, names, origin, statements.writer.attributes)
    return Loop(run, run.__doc__ or "", statements.inlined, statements.takes_texts)


class _Statements:
    """Writes the statements that bind `event` from `record`, and with an event its `meta`, and `at` to its time."""

    def __init__(self, reader: Format, parsers: Sequence[tuple[Format, Parse]], limits: RecordLimits) -> None:
        self.writer = Writer(limits)
        self.setup: list[str] = []
        """Statements before the first record."""
        self.inlined = 0
        self.takes_texts = False
        self._reader, self._parsers, self._limits = reader, parsers, limits
        self._tag, self._message, self._header = "''", "None", ""
        paths = [found for format_, _ in parsers if (found := format_.entity_paths) is not None]
        self.finds = bool(paths)
        """Whether events have entities: those of the last format that declares some."""
        if paths:
            self.writer.names["find_entities"] = paths[-1]

    def write(self, inline: bool) -> None:
        writer, count = self.writer, len(self._parsers)
        self._write_unusual(inline)
        while inline and self.inlined < count and self._stands_in_the_loop(self.inlined):
            format_, _ = self._parsers[self.inlined]
            self.inlined += 1
            writer.line(f"# {format_.name}")
            if format_.takes == "text" and self.inlined > 1:
                self._write_header(format_)
            if not isinstance(format_, Declaration):
                self._write_json()
            elif self._write_declared(format_):
                return
        if 0 < self.inlined == count:
            if not isinstance(self._parsers[-1][0], Declaration):
                writer.line("event = value")
            writer.line(f"meta = {self._meta('event')}")
            return
        writer.line(f"meta = {self._meta()}")
        for format_, _ in self._parsers[self.inlined :] if inline else ():
            writer.line(f"# {format_.name}")
        writer.line("event = parse(meta, value)")
        writer.line("if event.__class__ is not dict:")
        writer.line("    event = normalized(meta, event)")
        self._write_time()
        self._keep()

    def write_typed(self, kinds: frozenset[type], direct: DirectBody | None) -> None:
        """Write the statements for events of other classes than dicts."""
        self.writer.names["kinds"] = next(iter(kinds)) if len(kinds) == 1 else kinds
        writer, slow = self.writer, "else:"
        writer.line("at, event = timestamp, None")
        if direct is not None:
            slow = "if event is None:"
            writer.names.update(direct.names, refusals=direct.refusals)
            with writer.block(f"if {direct.test}:"):
                with writer.block("try:"):
                    for line in direct.lines:
                        writer.line(line)
                    for line in direct.unless_filtered([f"meta = {_direct_meta(direct)}"]):
                        writer.line(line)
                with writer.block("except refusals:"):
                    writer.line("at, event = timestamp, None  # a dict decides")
        with writer.block(f"{'elif' if direct is not None else 'if'} record.__class__ is Rule:"):
            writer.line("event = record")
        with writer.block(slow):
            writer.line(f"meta = {self._meta()}")
            writer.line("event = parse(meta, record)")
            self._write_time()

    def _stands_in_the_loop(self, number: int) -> bool:
        """Whether the statements of a parser can be written, if those of all before it are."""
        format_, _ = self._parsers[number]
        if format_.extends or (format_.takes == "text" and not number and self._reader.gives != "text"):
            return False
        return isinstance(format_, Declaration) or isinstance(format_.parse, JsonParse)

    def _write_unusual(self, inline: bool) -> None:
        """Write the statements for a record that is bad, filtered by the reader, or no plain value."""
        writer = self.writer
        writer.line(f"# {self._reader.name}")
        writer.line("at, value = timestamp, record")
        stands = inline and self._parsers and self._stands_in_the_loop(0)
        parse = "parse_all" if stands else "parse"
        usual = "bytes" if self._reader.gives == "text" else "dict"
        if stands and isinstance(first := self._parsers[0][0], Declaration):
            self.takes_texts = first.takes == "text" and not first.raw
        also = "record.__class__ is not str and " if self.takes_texts else ""
        with writer.block(f"if {also}record.__class__ is not {usual}:"):
            # Where a prefilter is, most records are rules.
            writer.line("if record.__class__ is Rule:")
            writer.line("    event = record")
            writer.line("elif isinstance(record, Bad):")
            writer.line("    raise record.error()")
            with writer.block("else:"):
                writer.line(f"meta = {self._meta()}")
                writer.line(f"event = unusual(meta, record, {parse})")
                self._write_time()
                self._keep()
        writer.line("else:")
        writer.indent()

    def _write_header(self, format_: Format) -> None:
        """Write what `stages` does before a parser of texts behind another: `value` is a header with a text in it."""
        writer, limits = self.writer, self._limits
        fields = carried_by([each for each, _ in self._parsers[: self.inlined - 1]])
        outer, self._header = self._header, self._own("header")
        text = self._own("text")
        writer.line(f"{self._header} = value")
        writer.line(f"{text} = value.get({fields[0]!r})")
        with writer.block(f"if {text}.__class__ is str:"):
            writer.line(f"del value[{fields[0]!r}]")
        with writer.block("else:"):
            writer.names["take_text"] = take_text
            writer.line(f"{text} = take_text(value, {fields!r}, {format_.name!r})")
        with writer.block(f"if len({text}) > {limits.bytes // 2}:"):
            writer.names["limits"] = limits
            writer.line(f"limits.refuse_wide({text})")
        if outer:
            with writer.block("if not value:"):
                writer.line(f"{self._header} = {outer}")
            with writer.block(f"elif {outer}:"):
                writer.line(f"value['header'] = {outer}")
        writer.line(f"value = {text}" if not format_.raw else f"value = {text}.encode('utf-8', 'surrogatepass')")

    def _write_json(self) -> None:
        """Write the decoding of a JSON text to `value`, a dict. Other values leave to the functions, with `event`."""
        writer, texts, raw = self.writer, Texts(self._limits), "record"
        writer.names["texts"] = texts
        if not self.setup:
            self.setup.append("decode = texts.decode")
        if self.inlined > 1:
            raw = self._own("raw")
            writer.line(f"{raw} = value")
        with writer.block(f"if len(value) <= {texts.small}:"):
            with writer.block("try:"):
                writer.line("value = decode(value)")
            with writer.block("except (ValueError, MsgspecError) as refusal:"):
                writer.line("value = texts.decode_odd(value, refusal)")
                writer.line("decode = texts.decode")
        with writer.block("else:"):
            writer.line("value = texts.decode_large(value)")
        with writer.block("if value.__class__ is not dict:"):
            writer.line(f"meta = {self._meta()}")
            writer.line(f"event = {self._behind('json')}(meta, texts.events({raw}, value))")
            self._write_time()
            self._keep()
        writer.line("else:")
        writer.indent()

    def _write_declared(self, declaration: Declaration) -> bool:
        """Write the statements of a declaration. Return whether these are the last ones."""
        writer = self.writer
        if declaration.takes == "text" and not declaration.raw and self.inlined == 1:
            writer.names["limits"] = self._limits
            with writer.block("if record.__class__ is bytes:"):
                writer.line("value = decode_text(record)")
                with writer.block(f"if len(record) > {self._limits.bytes // 2}:"):
                    writer.line("limits.refuse_wide(value)")
        # The names of a body end with numbers, those of the loop do not. A further body has a prefix as well.
        prefix = f"p{self.inlined}_" if self._tag == "tag" else ""
        body: Body = body_of(declaration, self._limits, prefix)
        for line in body.lines:
            writer.line(line)
        writer.names.update(body.names)
        writer.attributes.update(body.attributes)
        if body.fresh:
            self.setup.append(f"{', '.join(body.fresh)}, = remembered[{self.inlined - 1}]")
        if body.filters:
            writer.line("if event.__class__ is dict:")
            writer.indent()
        self._tag = "tag"
        if body.message != "None":
            self._message = body.message
        if not body.refine:
            if self.inlined < len(self._parsers):
                writer.line("value = event")
            return False
        writer.line(f"meta = {self._meta()}")
        writer.line(f"refined = {body.refine}(meta, event)")
        writer.line("if refined is not None:")
        writer.line("    event = refined")
        if self.inlined < len(self._parsers):
            writer.line(f"event = {self._behind('refine')}(meta, event)")
        else:
            writer.line("if event.__class__ is not dict:")
            writer.line("    event = normalized(meta, event)")
        self._write_time()
        self._keep()
        return True

    def _write_time(self) -> None:
        """Write the statements that take the time from a meta which functions of parsers had: they may set any."""
        self.writer.line("at = meta.timestamp")
        self.writer.line("if at.__class__ is not float and event.__class__ is dict:")
        self.writer.line("    at = seconds(meta)")

    def _keep(self) -> None:
        """Write the statement by which a meta knows its event, whatever the parsers made of it."""
        if self.finds:
            self.writer.line("meta._event = event")

    def _meta(self, event: str = "None") -> str:
        """Return the expression of the meta, with its message as a text: `recv` may change the event, not the message.

        The text takes 50 ns. To keep its values for later takes 20 where they cannot change, and more than the text
        where a value may be a dict or list, which has to be looked at; and whoever asks for it pays 100.
        """
        further = f", {self._header or None}" if self._header or self.finds else ""
        if self.finds:
            further += f", find_entities, {event}"
        return f"MetaData({self._tag}, at, source, {self._message}, seq, 0, is_test{further})"

    def _own(self, name: str) -> str:
        """Return a name of the current parser's own, which none in its body has: these end with numbers."""
        return f"p{self.inlined}_{name}"

    def _behind(self, stage: str) -> str:
        """Return the name of a function that runs the parsers behind the inlined ones on any value."""
        name = self._own(f"behind_{stage}")
        self.writer.names[name] = compose_rest(self._parsers, self._limits, self.inlined)
        return name


def _direct_meta(direct: DirectBody) -> str:
    """Return the expression of the meta of an event that was made without a dict."""
    if not direct.late:
        return "MetaData(tag, at, source, None, seq, 0, is_test)"
    return f"LateMetaData(tag, at, source, LATE, seq, 0, is_test, None, {direct.late}, record)"


def unusual(meta: MetaData, record: Record, parse: Callable[[MetaData, Any], Any]) -> Any:
    """Return what `normalized` does for a record that is no plain value. Raises the error of a bad one."""
    if isinstance(record, Bad):
        raise record.error()
    return record if isinstance(record, Rule) else normalized(meta, parse(meta, record))


_NAMES: dict[str, object] = {
    "LATE": LateMetaData.LATE,
    "BEHIND": BEHIND,
    "Bad": Bad,
    "HandlerError": HandlerError,
    "LateMetaData": LateMetaData,
    "MetaData": MetaData,
    "MsgspecError": msgspec.MsgspecError,
    "NoProgressError": NoProgressError,
    "ObjectError": ObjectError,
    "RECV": RECV,
    "Rule": Rule,
    "SKIP_RULE": SKIP_RULE.name,
    "Skipped": Skipped,
    "checked": checked,
    "decode_text": decode_text,
    "is_interrupt": is_interrupt,
    "normalized": normalized,
    "reader_error": reader_error,
    "refuse_lazy": refuse_lazy,
    "seconds": seconds,
    "unusual": unusual,
    "why_bad": why_bad,
}
