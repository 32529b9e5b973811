"""Compiles names of formats, after checks, to a chain: a reader and its parsers. Once for each bucket mapping."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from slips.errors import FormatError
from slips.exceptions import describe
from slips.format import Format, RecordLimits, parser
from slips.formats import catalogue
from slips.parsing.run import Chain
from slips.usercode import import_file


def compile_chain(names: Sequence[str], root: Path, limits: RecordLimits = RecordLimits()) -> Chain:  # noqa: B008 - frozen
    """Compile `names` to a chain. One name stands for its usual chain. Paths of user's files are relative to `root`.

    Raises FormatError with every mistake in `names`.
    """
    expanded, formats, problems = _resolve(names, root)
    if problems:
        raise FormatError("\n".join(problems))
    (read, parameter), *rest = formats
    return Chain(expanded, read, parameter, [format_ for format_, _ in rest], limits)


def check_chain(names: Sequence[str], root: Path) -> list[str]:
    """Return every mistake in `names` as an error text; none for a chain that compiles."""
    return _resolve(names, root)[2]


def find_format(name: str, root: Path) -> Format:
    """Return the format `name` of the catalogue, or of the user's file, as `path/file.py:name`.

    Raises FormatError, with the name that the user may mean.
    """
    path, colon, attribute = name.rpartition(":")
    if colon and path.endswith(".py"):
        return _load_user_format(name, root / path, attribute)
    base = name.partition(":")[0]
    formats = catalogue()
    if base in formats:
        return formats[base]
    import difflib  # not at the start of a function on AWS, where names are right

    close = difflib.get_close_matches(base, formats, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    raise FormatError(f"format {base!r} is not known{hint} ('slips formats' lists them all)")


Resolved = tuple[list[str], list[tuple[Format, str]], list[str]]


def _resolve(names: Sequence[str], root: Path) -> Resolved:
    """Return the names, short forms and containers written out, their formats with parameters, and the mistakes."""
    if not names:
        return [], [], ["the chain is empty; expected format names such as [s3-lines, json]"]
    named: list[tuple[str, Format]] = []
    problems: list[str] = []
    for name in names:
        try:
            named.append((name, find_format(name, root)))
        except FormatError as error:
            problems.append(str(error))
    if problems:
        return list(names), [], problems
    if len(named) == 1 and named[0][1].takes != "object":
        name, format_ = named[0]
        named = [(n, format_ if n == format_.name else find_format(n, root)) for n in format_.chain[:-1]]
        named.append((name, format_))
    elif len(named) > 1 and named[1][1].container and named[0][1].name in ("s3-lines", "s3-text"):
        # One streaming reader for both, so that records are numbered across the object in flat memory.
        name = f"json-records:{named[1][1].container}"
        named[0] = (name, find_format(name, root))
    problems = _misfits(named)
    expanded = [name for name, _ in named]
    return expanded, [(format_, _parameter(name, format_)) for name, format_ in named], problems


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
    """Return the format `attribute` of a user's file: one declared with a decorator, or a function of meta and event.

    Raises FormatError.
    """
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
