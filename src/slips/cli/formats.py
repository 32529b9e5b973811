"""The commands `formats`, which lists the catalogue, and `parse`, which runs a chain on a file."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import click
from click.exceptions import Exit
from msgspec.structs import asdict

from slips.cli.catalogue import show_catalogue
from slips.cli.command import Command, argument
from slips.cli.completion import format_names
from slips.cli.context import json_option, working_directory
from slips.cli.options import options
from slips.cli.output import accounted, say, show_json, show_text
from slips.cli.usage import FILE, FILE_TEXT
from slips.codec import CodecLimits, decode
from slips.errors import FormatError, HandlerError, ReaderError, UsageError
from slips.format import Bad, Event, Record
from slips.model import MetaData, ObjectEvent, Outcome, format_time, nearest_time
from slips.parsing.chain import compile_chain
from slips.parsing.run import Chain, Ticker
from slips.pipeline.choose import moment
from slips.pipeline.evidence import reason_of
from slips.printable import one_line, plural
from slips.step import Step
from slips.zones import zone_of


@click.command(cls=Command, accepts=("config", "verbose"))
@argument(
    "words",
    metavar="NAME",
    nargs=-1,
    shell_complete=format_names,
    help="All about this one, also path/file.py:name of your own; or words, to list those that have all of them.",
)
@json_option
@click.option("--source", is_flag=True, help="Print the Python that runs NAME's usual chain, as slips generates it.")
@click.option("--new", metavar="VENDOR/PRODUCT", help="Declare a format of your own, guessed from the log in --from.")
@click.option(
    "--from", "from_", type=FILE_TEXT, metavar="FILE", help="With --new: a log, compressed or not; - is standard input."
)
@click.option("--into", type=FILE, metavar="DIR", help="With --new: where to; default: 'formats' beside the config.")
@click.option(
    "--accept", "accept_", is_flag=True, help="Write what comes of the sample of NAME now, after you have changed it."
)
@click.pass_context
def formats(
    ctx: click.Context,
    words: tuple[str, ...],
    json_: bool,
    source: bool,
    new: str | None,
    from_: str | None,
    into: Path | None,
    accept_: bool,
) -> None:
    """List the formats, show all about one, or declare a new one.

    Words in place of a name list the formats that have all of them in their name, vendor, tag or summary, or in what
    their product is also called.

    With --new, the log's family (JSON, CSV, key=value, access log, …), its time and its fields are guessed. The
    declaration, a sample of the log and what comes of the sample are written, for you to look through. When you have
    changed the declaration, --accept writes what comes of the sample then.

    Objects that are no logs, such as the digests of CloudTrail, are filtered by rules of their own: NAME may be one of
    these rules.

    \b
    Examples:
      slips formats
      slips formats cloudtrail
      slips formats firewall
      slips formats azure ad
      slips formats cloudtrail --source
      slips formats --json
      slips formats --new acme/door --from door.log.gz
      slips formats formats/acme/door.py:door --accept
    """
    if new is not None or from_ is not None or into is not None:
        if new is None or from_ is None or words or source or accept_:
            raise UsageError(
                "--new: expected 'slips formats --new VENDOR/PRODUCT --from FILE', and nothing beside but --into"
            )
        from slips.cli.new_format import new_format  # with all families

        with _opened(from_) as (stream, _):
            new_format(ctx, new, stream, from_, into, json_=json_)
        return
    if accept_:
        if len(words) != 1 or source:
            raise UsageError(
                "--accept: expected 'slips formats path/file.py:name --accept', and nothing beside but --json"
            )
        from slips.cli.new_format import accept_sample

        accept_sample(ctx, words[0], json_=json_)
        return
    if source:
        _print_source(words)
        return
    show_catalogue(words, json_=json_)


def _print_source(named: tuple[str, ...]) -> None:
    """Print the generated loop of a format's usual chain. Raises UsageError unless one format is named."""
    if len(named) != 1:
        found = f"{len(named):,} formats" if named else "no format"
        raise UsageError(f"--source: {found} named; expected one, as in 'slips formats cloudtrail --source'")
    try:
        chain = compile_chain(named, working_directory())
    except FormatError as error:
        raise UsageError(str(error)) from error
    show_text(chain.loop.source, end="")


@click.command(cls=Command, accepts=("verbose",))
@argument(
    "chain",
    metavar="FORMAT",
    shell_complete=format_names,
    help="A format, or a chain with commas between; path/file.py:name for one of your own; with options as YAML.",
)
@argument("file", metavar="FILE", type=FILE_TEXT, help="A log file, compressed or not; - is standard input.")
@click.option("--time", "time_", metavar="TIME", help="Event time of the object; default: the file's last change.")
@click.option("--timezone", metavar="ZONE", help="Zone of times that name none, such as Europe/Berlin; default: UTC.")
@click.option("--entities", is_flag=True, help="Show meta.entities of each event, too: its addresses, users, hosts, …")
@click.pass_context
def parse(
    ctx: click.Context,
    chain: str,
    file: str,
    time_: str | None,
    timezone: str | None,
    entities: bool,
) -> None:
    """Print what a format makes of a file, as JSON lines.

    Each line has 'meta' and 'event'. Records that cannot be parsed go to standard error, with their number and the
    reason; the status is 1 then.

    \b
    Examples:
      slips parse cloudtrail trail.json.gz
      slips parse s3-lines,json,azure-ad-event signins.jsonl
      slips parse okta system-log.jsonl --entities
      zcat messages.gz | slips parse syslog - --time 2026-03-02T08:00:00Z
      slips parse '{csv: {delimiter: tab, columns: [time, user]}}' logins.tsv
    """
    try:
        compiled = compile_chain(_steps(chain), working_directory())
    except FormatError as error:
        raise UsageError(_told(chain, str(error))) from error
    try:
        compiled.zone = zone_of(timezone)
    except ValueError as error:
        raise UsageError(f"--timezone: {error}") from None
    event_time = moment(time_, time.time(), "--time") if time_ else None
    with _opened(file) as (stream, changed):
        try:
            outcome = _print_events(
                compiled, stream, file, changed if event_time is None else event_time, with_entities=entities
            )
        except ReaderError as error:  # its text does not name the file, but that of an archive's member
            told = str(error)
            raise ReaderError(told if told.startswith(f"{file}: ") else f"{file}: {told}") from error
    if options(ctx).verbose:
        say(f"{one_line(file)}: {accounted(outcome)}")
    for rule, count in outcome.rules.items():
        say(one_line(f"{file}: {count:,} filtered by {rule}"))
    if outcome.quarantined:
        raise Exit(1)


def _told(chain: str, problems: str) -> str:
    """Return the mistakes in a chain, a line for each. Those that do not name the format themselves name the chain."""
    own = f"format {chain!r}: "
    return "\n".join(line if line.startswith(own) else f"FORMAT {chain!r}: {line}" for line in problems.split("\n"))


def _steps(chain: str) -> list[Step]:
    """Return the steps of a chain that is given as names with commas between, or as YAML. Raises FormatError."""
    if not set("[{") & {*chain}:
        return list(chain.split(","))
    from slips.config.check import read_steps  # with YAML

    steps, mistakes = read_steps(chain, working_directory())
    if mistakes:
        raise FormatError("\n".join(mistakes))
    return steps


@contextmanager
def _opened(file: str) -> Iterator[tuple[BinaryIO, float]]:
    """Open a file or standard input. Yield its stream, and the epoch seconds of its last change. Raises UsageError."""
    if file == "-":
        yield sys.stdin.buffer, time.time()
        return
    path = Path(file)
    try:
        stream = path.open("rb")
        changed = nearest_time(path.stat().st_mtime)
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}; expected a log file that can be read") from None
    with stream:
        yield stream, changed


def _print_events(
    chain: Chain, stream: BinaryIO, file: str, event_time: float, *, with_entities: bool = False
) -> Outcome:
    """Print every event as a line of JSON, in flat memory, and return the counts."""
    source = ObjectEvent(bucket_name="", object_key=file, event_time=format_time(event_time))
    outcome, odd, first_odd = Outcome(), 0, 0

    def recv(meta: MetaData, event: Event) -> None:
        shown = {"tag": meta.tag, "timestamp": meta.timestamp, "seq": meta.seq, "message": meta.message}
        if meta.index:
            shown["index"] = meta.index
        if meta.header:
            shown["header"] = meta.header
        if meta.member is not None:
            shown["member"] = meta.member
        if with_entities:
            shown["entities"] = {kind: list(texts) for kind, texts in asdict(meta.entities).items() if texts}
        nonlocal odd, first_odd
        text, is_odd = _json({"meta": shown, "event": event})
        show_json(text)
        odd, first_odd = odd + is_odd, first_odd or is_odd * meta.seq

    def reject(seq: int, original: Callable[[], Record], error: Exception) -> None:
        record = original()
        of = f" of {record.member}" if isinstance(record, Bad) and record.member else ""
        show_text(one_line(f"{file}: record {seq}{of}: {reason_of(error)}"), error=True)

    decoded = decode(stream, CodecLimits(), file)
    try:
        chain.run(
            decoded.stream,
            outcome,
            source=source,
            recv=recv,
            reject=reject,
            ticker=Ticker(),
            open_part=decoded.part,
        )
    except HandlerError as error:
        # Without a handler only `recv` above can raise: when it prints into a pipe that was closed, for example.
        raise error.__cause__ or error from None
    if odd:
        say(
            f"{one_line(file)}: {plural(odd, 'event')}, at first of record {first_odd}, with NaN "
            'or an infinite number, which JSON does not have: shown as a text such as "NaN"; a handler gets the float'
        )
    return outcome


# ASCII only: bytes that are not UTF-8 are lone surrogates in texts, which survive as escapes.
_encode = json.JSONEncoder(allow_nan=False).encode


def _json(value: Any) -> tuple[str, bool]:
    """Return a value as JSON, and whether numbers in it are texts, as JSON does not have them."""
    try:
        return _encode(value), False
    except (TypeError, ValueError):
        odd: list[float] = []
        return _encode(_as_json(value, odd)), bool(odd)
    except RecursionError:
        # Parsers accept events as deep as the recursion limit; the dicts around add some levels.
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(2 * limit)
        try:
            return _encode(value), False
        finally:
            sys.setrecursionlimit(limit)


def _as_json(value: Any, odd: list[float]) -> Any:
    """Convert values that JSON cannot hold to text. Numbers among them are put into `odd`."""
    match value:
        case dict():
            return {str(key): _as_json(each, odd) for key, each in value.items()}
        case list() | tuple():
            return [_as_json(each, odd) for each in value]
        case float():
            if math.isfinite(value):
                return value
            odd.append(value)
            return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
        case None | bool() | int() | str():
            return value
    return str(value)
