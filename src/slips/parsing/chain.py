"""Compiles steps, after checks, to a chain: a reader and its parsers. Once for each bucket mapping."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

import slips.formats
from slips.errors import FormatError
from slips.exceptions import describe
from slips.format import Format, FormatOptions, RecordLimits, parser
from slips.parsing.run import Chain
from slips.step import Step, name_of, options_of, written
from slips.usercode import import_file


def compile_chain(
    steps: Sequence[Step],
    root: Path,
    limits: RecordLimits = RecordLimits(),  # noqa: B008 - frozen
    *,
    contains: Sequence[str] = (),
) -> Chain:
    """Compile `steps` to a chain. One step stands for its usual chain. Paths of user's files are relative to `root`.

    If there are texts in `contains`, the chain filters every record that has none of them, before it is parsed. Raises
    FormatError with every mistake in `steps`.
    """
    expanded, formats, problems = _resolve(steps, root)
    if problems:
        raise FormatError("\n".join(problems))
    (read, parameter), *rest = formats
    return Chain(expanded, read, parameter, [format_ for format_, _ in rest], limits, contains)


def check_chain(steps: Sequence[Step], root: Path) -> list[str]:
    """Return every mistake in `steps` as an error text; none for a chain that compiles."""
    return _resolve(steps, root)[2]


def options_of_format(name: str, root: Path) -> type[FormatOptions] | None:
    """Return the class of the options of a format; None if it takes none. Raises FormatError for an unknown name."""
    return find_format(name, root).options


def find_format(name: str, root: Path) -> Format:
    """Return the format `name` of the catalogue, or of a user's file, as `path/file.py:name`.

    Raises FormatError, with the name that the user may mean.
    """
    path, colon, attribute = name.rpartition(":")
    if colon and path.endswith(".py"):
        return _load_user_format(name, root / path, attribute)
    base = name.partition(":")[0]
    if (shipped := slips.formats.find(base)) is not None:
        return shipped
    import difflib  # not at the start of a function on AWS, where names are right

    close = difflib.get_close_matches(base, slips.formats.names(), n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    raise FormatError(f"format {base!r} is not known{hint} ('slips formats' lists them all)")


Resolved = tuple[list[str], list[tuple[Format, str]], list[str]]


def _resolve(steps: Sequence[Step], root: Path) -> Resolved:
    """Return the texts of the steps, short forms and containers written out, the formats with parameters, mistakes."""
    if not steps:
        return [], [], ["the chain is empty; expected format names such as [s3-lines, json]"]
    named: list[tuple[str, Format]] = []
    problems: list[str] = []
    for step in steps:
        try:
            named.append((name_of(step), _specialised(find_format(name_of(step), root), step)))
        except FormatError as error:
            problems.append(str(error))
    texts = [written(step) for step in steps]
    if problems:
        return texts, [], problems
    if len(named) == 1 and named[0][1].takes != "object":
        usual = named[0][1].chain[:-1]
        named = [*((each, find_format(each, root)) for each in usual), *named]
        texts = [*usual, *texts]
    elif len(named) > 1 and named[1][1].container and named[0][1].name in ("s3-lines", "s3-text"):
        # One streaming reader for both, so that records are numbered across the object in flat memory.
        texts[0] = f"json-records:{named[1][1].container}"
        named[0] = (texts[0], find_format(texts[0], root))
    problems = _misfits(named)
    return texts, [(format_, _parameter(name, format_)) for name, format_ in named], problems


def _specialised(format_: Format, step: Step) -> Format:
    """Return a format as the options of its step make it. Raises FormatError for options that do not fit it."""
    options = options_of(step)
    if not options:
        return format_
    if format_.options is None:
        raise FormatError(f"format {name_of(step)!r} takes no options; expected its name alone; write {name_of(step)}")
    try:
        return format_.with_options(msgspec.convert(options, format_.options))
    except (msgspec.ValidationError, ValueError) as error:
        raise FormatError(f"format {name_of(step)!r}: {error}") from None


def _parameter(name: str, format_: Format) -> str:
    return (name.partition(":")[2] or format_.parameter) if format_.parameter else ""


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
        if format_.takes == "object" and position:
            problems.append(f"format {name!r} reads objects; expected it first in the chain, not after {before!r}")
        elif format_.takes != "object" and not position:
            problems.append(
                f"format {name!r} takes {_article(format_.takes)}; expected a reader before it, "
                f"as in [{', '.join(format_.chain)}]"
            )
        elif output == "nothing":
            problems.append(f"format {before!r} gives nothing; expected no {name!r} after it")
        elif output == "text" and format_.takes == "event":
            problems.append(
                f"format {name!r} takes an event and {before!r} gives a text; expected a parser such as 'json' between"
            )
        output = format_.gives
    return problems


def _article(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aeio" else f"a {kind}"


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
        raise FormatError(f"format {name!r}: importing it raised {describe(error)}") from error
    formats = {own: value for own, value in vars(module).items() if isinstance(value, Format)}
    value = getattr(module, attribute, None) or next((one for one in formats.values() if one.name == attribute), None)
    if isinstance(value, Format):
        return value
    if callable(value) and not (isinstance(value, type) and issubclass(value, Format)):
        return parser(attribute, summary=(value.__doc__ or "").strip().partition("\n")[0], reference="")(value)
    functions = [own for own, each in vars(module).items() if getattr(each, "__module__", "") == module.__name__]
    found = dict.fromkeys([*formats, *(one.name for one in formats.values()), *functions])
    raise FormatError(f"format {name!r}: the file has no {attribute!r}; it has {', '.join(found) or 'no functions'}")
