"""Compiles steps, after checks, to a chain: a reader and its parsers. Once for each bucket mapping.

Checks import no loop, which costs commands that only read a config a tenth of a second.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise, takewhile
from pathlib import Path
from types import FunctionType
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

import slips.formats
from slips.errors import FormatError
from slips.exceptions import describe
from slips.format import CARRIES, SHORT, Format, FormatOptions, MeaningOptions, RecordLimits, parser
from slips.step import Step, name_of, options_of, written
from slips.usercode import import_file, place_of

if TYPE_CHECKING:
    from slips.parsing.event_types import EventTypes
    from slips.parsing.run import Chain


def compile_chain(
    steps: Sequence[Step],
    root: Path,
    limits: RecordLimits = RecordLimits(),  # noqa: B008 - frozen
    *,
    contains: Sequence[str] = (),
    types: Sequence[EventTypes | None] = (),
    timezone: str | None = None,
    inline: bool = True,
) -> Chain:
    """Compile `steps` to a chain. In place of a parser at its beginning, all of the parser's usual chain stands.

    Paths of user's files are relative to `root`.

    If there are texts in `contains`, the chain filters every record that has none of them, before it is parsed. `types`
    has the event type of each handler: an event that does not fit is a bad record. Raises FormatError with every
    mistake in `steps`, if the chain cannot serve an event type, and for an unknown `timezone`, that of times without.
    For few records, it is faster not to write the parsers `inline` into a loop of the chain's own.
    """
    parts, problems = _resolve(steps, root)
    if problems:
        raise FormatError("\n".join(problems))
    chain = _chain_of(parts, limits, contains, types, inline=inline)
    if timezone is not None:
        from slips.zones import zone_of  # few mappings need it

        try:
            chain.zone = zone_of(timezone)
        except ValueError as error:
            raise FormatError(str(error)) from None
    return chain


def compile_format(format_: Format, limits: RecordLimits = RecordLimits()) -> Chain:  # noqa: B008 - frozen
    """Compile the usual chain of a format that no name finds, as it is new."""
    problems: list[str] = []
    before = [part for step in format_.chain[:-1] if (part := _part(step, Path(), problems))]
    if problems:
        raise FormatError("\n".join(problems))
    return _chain_of([*before, _Part(format_.name, format_.name, format_)], limits)


def _chain_of(
    parts: Sequence[_Part],
    limits: RecordLimits,
    contains: Sequence[str] = (),
    types: Sequence[EventTypes | None] = (),
    *,
    inline: bool = True,
) -> Chain:
    from slips.parsing.event_types import Fitting
    from slips.parsing.run import Chain

    archives = [part.format for part in parts if part.format.gives == "object"]
    (reader, parameter), *others = (each for part in parts[len(archives) :] for each in part.formats)
    texts, parsers = [part.text for part in parts], _of_table(reader, [format_ for format_, _ in others])
    fitting = Fitting.of(types, [reader, *parsers])
    is_json = bool(parsers) and parsers[0].name == "json" and parsers[0] is slips.formats.find("json")
    if is_json and (documents := _reader_of_documents(reader)):
        # One reader for both, as only the decoder tells where a document ends. Each document has a number.
        reader, parsers = documents, parsers[1:]
    return Chain(texts, reader, parameter, parsers, limits, contains, fitting, archives, inline=inline)


def _of_table(reader: Format, parsers: list[Format]) -> list[Format]:
    """Return the parsers behind a reader. Behind a table, a format of lines takes the columns that its lines have."""
    if reader.name != "parquet" or not parsers:
        return parsers
    from slips.parsing.declare.lines import LineDeclaration
    from slips.parsing.declare.table import Table

    first, *rest = parsers
    return [Table.of(first), *rest] if isinstance(first, LineDeclaration) and first.columns_of_tables() else parsers


def names_in(steps: Sequence[Step], root: Path) -> set[str]:
    """Return the names of all formats of a chain, short forms written out; none for a chain with mistakes."""
    parts, problems = _resolve(steps, root)
    return set() if problems else {format_.name for part in parts for format_, _ in part.formats}


def _reader_of_documents(reader: Format) -> Format | None:
    """Return the reader of JSON documents that takes the place of another reader and `json` behind it, if one does."""
    from slips.parsing.readers.document_lines import json_lines  # few chains need it
    from slips.parsing.readers.documents import json_documents

    return {"s3-lines": json_lines(), "s3-text": json_documents}.get(reader.name)


def check_event_types(steps: Sequence[Step], root: Path, types: Sequence[EventTypes | None]) -> list[str]:
    """Return the reasons why a chain cannot serve event types of handlers; none if `steps` have mistakes themselves."""
    from slips.parsing.event_types import misfits

    parts, problems = _resolve(steps, root)
    formats = [format_ for part in parts for format_, _ in part.formats if format_.gives != "object"]
    return [] if problems else [problem for each in types if each is not None for problem in misfits(each, formats)]


def check_chain(steps: Sequence[Step], root: Path) -> list[str]:
    """Return every mistake in `steps` as an error text; none for a chain that compiles."""
    return _resolve(steps, root)[1]


def lacks_of_chain(steps: Sequence[Step], root: Path) -> list[str]:
    """Return a warning for each library that `steps` need and that is not installed here."""
    if "parquet" not in names_in(steps, root):
        return []
    from slips.parsing.readers.parquet_rows import NOT_INSTALLED, is_installed  # few chains need it

    return [] if is_installed() else [f"format 'parquet': {NOT_INSTALLED}; until then each object fails here"]


def doubts_of_chain(steps: Sequence[Step], root: Path) -> list[str]:
    """Return a warning for each parser of texts in `steps` behind events that are not known to have a text for it.

    No mistake, as events may have fields that neither the declaration nor the sample of their format names.
    """
    parts, problems = _resolve(steps, root)
    if problems:
        return []
    return [
        f"format {part.name!r} reads a text in {' or '.join(map(repr, CARRIES))}, and events of {before.name!r} are "
        "not known to have one; expected a header in its place, such as 'docker-json'; try the chain with 'slips parse'"
        for before, part in pairwise(parts)
        if part.format.takes == "text" and before.format.gives == "event" and not _may_carry(before)
    ]


def _may_carry(part: _Part) -> bool:
    """Whether events of a format may have a text for a parser behind it."""
    from slips.parsing.declare import Declaration, Json  # few chains need it, and its compiler

    format_ = part.format
    if format_.carries or format_.extends or not isinstance(format_, Declaration):
        return True
    fields = format_.all_fields()
    if fields is None and isinstance(format_, Json) and ".py:" not in part.name:
        fields = {path.partition(".")[0].removesuffix("[]") for _, path in format_.meaning.paths} | _fields_of_sample(
            format_.name
        )
    return fields is None or not fields.isdisjoint(CARRIES)


def _fields_of_sample(name: str) -> set[str]:
    """Return the fields of the events of a shipped format's sample."""
    expected = (path for path in slips.formats.sample_files(name) if ".expected." in path.name)
    lines = (json.loads(line) for path in expected for line in path.read_bytes().splitlines())
    return {field for line in lines for field in line.get("event", ())}


def options_of_format(name: str, root: Path) -> type[FormatOptions] | None:
    """Return the class of the options of a format; None if it takes none. Raises FormatError for an unknown name."""
    return find_format(name, root).options


ANY_HEADER = "syslog-any"
"""The parser of a header of syslog that need not be there."""
_FEW, _PRODUCT = 3, 5
"""Formats that a word, and those that the name of their product, may find to be named in place of it."""


def find_format(name: str, root: Path) -> Format:
    """Return the format `name` of the catalogue, or of a user's file, as `path/file.py:name`.

    Raises FormatError, with the name that the user may mean.
    """
    if name.startswith("["):
        listed = _listing(name.strip("[] "))
        raise FormatError(f"format {name!r} is one text; expected a list of names, without quotes; write [{listed}]")
    path, colon, attribute = name.rpartition(":")
    if colon and path.endswith(".py"):
        return _load_user_format(name, root / path, attribute)
    base = name.partition(":")[0]
    if (shipped := slips.formats.find(base)) is not None:
        return shipped
    import difflib  # not at the start of a function on AWS, where names are right

    close = difflib.get_close_matches(base, slips.formats.names())
    close.sort(key=lambda each: sorted(each) != sorted(base))  # letters in another order first
    if base.endswith(".py"):
        raise FormatError(f"format {base!r} names a file and no format in it; expected both; write {base}:NAME")
    if "," in base:
        raise FormatError(f"format {base!r} is not known; expected a list of names; write [{_listing(base)}]")
    product = [each for each in slips.formats.names() if each.startswith(f"{base.lower()}-")] if base else []
    if 0 < len(product) <= _PRODUCT:
        raise FormatError(f"format {base!r} is not known; did you mean {_either(product)}?")
    found = [] if close or product else [each.name for each in slips.formats.search([base])]
    if 0 < len(found) <= _FEW:
        raise FormatError(f"format {base!r} is not known; such logs are read by {' or '.join(map(repr, found))}")
    if product:
        shown, more = product[:_FEW], len(product) - _FEW
        hint = f"; expected one of its product: {', '.join(map(repr, shown))} or {more} others"
        raise FormatError(f"format {base!r} is not known{hint} ('slips formats {base.lower()}' lists them)")
    hint = f"; did you mean {close[0]!r}?" if close else ""
    raise FormatError(f"format {base!r} is not known{hint} ('slips formats' lists them all)")


def _listing(names: str) -> str:
    return ", ".join(filter(None, map(str.strip, names.split(","))))


def _either(names: Sequence[str]) -> str:
    *others, last = map(repr, names)
    return f"{', '.join(others)} or {last}" if others else last


class _Part(NamedTuple):
    """A step of a chain, with its format."""

    text: str
    """The step as text."""
    name: str
    format: Format
    meaning: Format | None = None
    """The parser to put behind the format, which sets what the fields mean."""

    @property
    def formats(self) -> list[tuple[Format, str]]:
        """The formats with their parameters."""
        parameter = (self.name.partition(":")[2] or self.format.parameter) if self.format.parameter else ""
        return [(self.format, parameter), *([(self.meaning, "")] if self.meaning else [])]


def _resolve(steps: Sequence[Step], root: Path) -> tuple[list[_Part], list[str]]:
    """Return the parts of a chain, short forms and containers written out, and the mistakes."""
    if not steps:
        return [], ["the chain is empty; expected format names such as [s3-lines, json]"]
    problems: list[str] = []
    parts = [part for step in steps if (part := _part(step, root, problems))]
    if problems:
        return [], problems
    archives = list(takewhile(lambda part: part.format.gives == "object", parts))
    parts = parts[len(archives) :]
    if not parts and len(archives) == 1:
        parts = [part for step in archives[0].format.chain[1:] if (part := _part(step, root, problems))]
    written_out: set[str] = set()
    while parts and (first := parts[0]).format.takes != "object" and first.name not in written_out:
        written_out.add(first.name)
        parts = [*(part for step in first.format.chain[:-1] if (part := _part(step, root, problems))), *parts]
        if problems:
            return [], [f"format {first.name!r}: its usual chain: {problem}" for problem in problems]
    if len(parts) > 1 and not written_out and parts[1].format.container and parts[0].name in ("s3-lines", "s3-text"):
        # One streaming reader for both, so that records are numbered across the object in flat memory.
        parts[0] = _plain_part(f"json-records:{parts[1].format.container}", root)
    if len(parts) > 1 and parts[0].name in ("s3-lines", "s3-text") and parts[1].name.partition(":")[0] == "csv":
        del parts[0]  # `csv` cuts the rows itself: line ends in quotes are none of rows
    parts = [*archives, *_with_headers(parts, root)]
    return parts, _misfits([(part.name, part.format) for part in parts])


def _with_headers(parts: Sequence[_Part], root: Path) -> Iterator[_Part]:
    """Yield the parts, and `syslog-any` before each parser whose usual chain has it, if it does not stand there.

    So a product whose lines may have a header of syslog may have it behind Docker's wrapper or in CloudWatch Logs, too.
    """
    before = ""
    for part in parts:
        if part.format.takes == "text" and ANY_HEADER in part.format.chain[1:-1] and before != ANY_HEADER:
            yield _plain_part(ANY_HEADER, root)
        yield part
        before = part.name


def _plain_part(name: str, root: Path) -> _Part:
    return _Part(name, name, find_format(name, root))


def _part(step: Step, root: Path, problems: list[str]) -> _Part | None:
    """Return a step with its format, as its options make it. Add mistakes to `problems`."""
    name, given = name_of(step), options_of(step)
    try:
        format_ = find_format(name, root)
    except FormatError as error:
        problems.append(str(error))
        return None
    if not given:
        return _Part(name, name, format_)
    if format_.options is None:
        problems.append(f"format {name!r} takes no options; expected its name alone; write {name}")
        return None
    meaning = None
    try:
        options = msgspec.convert(_listed(given, format_.options), format_.options)
    except msgspec.ValidationError as error:
        problems.append(f"format {name!r}: {error}")
        return None
    mistakes: list[str] = []
    try:
        format_ = format_.with_options(options)
    except ValueError as error:
        mistakes += str(error).removeprefix(f"format {format_.name!r}: ").split("\n")
    try:
        meaning = _meaning(format_, options)
    except ValueError as error:
        mistakes += str(error).removeprefix(f"format {format_.name!r}: ").split("\n")
    problems.extend(f"format {name!r}: {mistake}" for mistake in dict.fromkeys(mistakes))
    return _Part(written(step), name, format_, meaning)


def _listed(given: Mapping[str, object], options: type[FormatOptions]) -> dict[str, object]:
    """Return given options with a list in place of one text, where a text stands for a list, as in a config."""
    short = _short(options)
    return {name: [value] if name in short and isinstance(value, str) else value for name, value in given.items()}


def _short(options: type[FormatOptions]) -> set[str]:
    """Return the names of options whose lists may be written as one text."""
    return {
        field.name
        for field in msgspec.structs.fields(options)
        for note in getattr(field.type, "__metadata__", ())
        if SHORT.items() <= (getattr(note, "extra_json_schema", None) or {}).items()
    }


def shortest(step: Step, root: Path) -> str:
    """Return a step as YAML with one text in place of each list that may be written so. Raises FormatError."""
    options = find_format(name_of(step), root).options
    short = _short(options) if options else set()
    if isinstance(step, str) or not short:
        return written(step)
    alone = {
        name: value[0] if name in short and isinstance(value, list) and len(value) == 1 else value
        for name, value in options_of(step).items()
    }
    return written({name_of(step): alone})


def _meaning(format_: Format, options: FormatOptions) -> Format | None:
    """Return the parser that sets tag, time and message of plain fields; None for options that say nothing of these.

    Raises ValueError.
    """
    if not isinstance(options, MeaningOptions):
        return None
    types: dict[str, Any] = {
        part: tuple(getattr(options, part)) for part in ("integers", "floats", "booleans", "boolean_words")
    }
    meanings = [getattr(options, part) for part in MeaningOptions.__struct_fields__]
    if not any(meanings):
        return None
    from slips.parsing.declare import Declaration, Json  # few chains need it, and its compiler
    from slips.parsing.meaning import parts_of

    if isinstance(format_, Declaration):  # it was declared with these options
        return None
    return Json(format_.name, f"fields of {format_.name}", **parts_of(options), **types)


def _misfits(named: Sequence[tuple[str, Format]]) -> list[str]:
    """Return the mistakes between neighbours of a chain."""
    problems = []
    output = "object"
    for position, (name, format_) in enumerate(named):
        if ":" in name and not format_.parameter and ".py:" not in name:
            problems.append(
                f"format {format_.name!r} takes no parameter; expected it without {name[len(format_.name) :]!r}"
            )
        before = named[position - 1][0] if position else ""
        if format_.takes == "object" and output != "object":
            problems.append(f"format {name!r} reads objects; expected it first in the chain, not after {before!r}")
        elif format_.takes != "object" and output == "object":
            problems.append(
                f"format {name!r} takes {_article(format_.takes)}; expected a reader before it, "
                f"as in [{', '.join(map(written, format_.chain))}]"
            )
        elif output == "nothing":
            problems.append(f"format {before!r} gives nothing; expected no {name!r} after it")
        elif format_.takes == "event" and (output == "text" or _is_only_a_header(named[position - 1][1], name)):
            carries, names = named[position - 1][1].carries, [each for each, _ in named]
            mended = ", ".join([*names[:position], "json", *names[position:]])
            problems.append(
                f"format {name!r} takes an event and {before!r} gives a text{f' in {carries!r}' if carries else ''}; "
                f"expected a parser such as 'json' between; write [{mended}]"
                + (", or begin your function with '@parser(…, takes=\"text\")'" if ".py:" in name else "")
            )
        output = format_.gives
    if output == "object":
        whole = ", ".join([*(name for name, _ in named), "s3-lines"])
        problems.append(f"format {named[-1][0]!r} gives objects; expected a reader behind it, as in [{whole}]")
    return problems


def _is_only_a_header(before: Format, name: str) -> bool:
    """Whether the events of a format have nothing for format `name`: users' own formats may refine those of headers."""
    return bool(before.carries) and slips.formats.find(name) is not None


def _article(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aeio" else f"a {kind}"


def _line_of(error: BaseException, path: Path) -> str:
    """Return the line at which importing `path` failed, as ` (line 7)`; empty if the error's text has it."""
    file, _, line = place_of(error, path).rpartition(":")
    if issubclass(type(error), SyntaxError) or not file:
        return ""
    return f" (line {line})" if file == str(path) else f" (line {line} of {Path(file).name})"


def _refuse_lazy(name: str, attribute: str, parse: object) -> None:
    """Raise FormatError for a parser that does its work after it has returned: each of its records would be bad."""
    from slips.methods import lazy_kind  # needed for functions of users only

    if parse is not None and (kind := lazy_kind(parse)):
        raise FormatError(
            f"format {name!r}: {attribute!r} is {kind}; expected a plain function that returns an event, a list of "
            "events, or a Rule"
        )


def _load_user_format(name: str, path: Path, attribute: str) -> Format:
    """Return the format `attribute` of a user's file: a declaration, or a function of meta and event.

    A declaration is found by the name of its variable, or by its own. Raises FormatError.
    """
    try:
        module = import_file(path)
    except FileNotFoundError:
        raise FormatError(
            f"format {name!r}: no file {str(path)!r}; expected a path relative to the config file"
        ) from None
    except (Exception, SystemExit) as error:
        raise FormatError(f"format {name!r}: importing it raised {describe(error)}{_line_of(error, path)}") from error
    own = vars(module)
    formats = {each: found for each, found in own.items() if isinstance(found, Format)}
    value = own.get(attribute, next((one for one in formats.values() if one.name == attribute), None))
    if isinstance(value, Format):
        _refuse_lazy(name, attribute, value.parse)
        return value
    if callable(value) and not (isinstance(value, type) and issubclass(value, Format)):
        if isinstance(value, type) and not issubclass(value, dict | list):
            raise FormatError(
                f"format {name!r}: {attribute!r} is a class; expected a declaration, or a function of meta and event"
            )
        _refuse_lazy(name, attribute, value)
        return parser(attribute, summary=(value.__doc__ or "").strip().partition("\n")[0], reference="")(value)
    expected = "expected a declaration, such as one of Json, or a function of meta and event"
    if value is not None and not isinstance(value, type):
        raise FormatError(f"format {name!r}: {attribute!r} is a value of type {type(value).__name__!r}; {expected}")
    functions = [
        each for each, found in own.items() if isinstance(found, FunctionType) and found.__module__ == module.__name__
    ]
    named = dict.fromkeys([*formats, *(one.name for one in formats.values()), *functions])
    if not named:
        raise FormatError(f"format {name!r}: the file has no {attribute!r}, and no other format; {expected}; add one")
    raise FormatError(f"format {name!r}: the file has no {attribute!r}; it has {', '.join(named)}")
