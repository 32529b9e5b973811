"""Whether the user's Python can run: looked at before anything is made, since on AWS every object would fail of it.

In: the files that go into the package, and the handler among them. Out: nothing, or the module that is missing here.
"""

from __future__ import annotations

import ast
import sys
import warnings
from collections.abc import Iterable
from pathlib import Path

from slips.errors import UsageError
from slips.interface import load_handlers


def check_syntax(files: Iterable[tuple[Path, bytes]]) -> None:
    """Raises UsageError with all files that are no Python, a line each. Files are paths with their contents."""
    mistakes = []
    for path, source in files:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                compile(source, str(path), "exec", dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError) as error:
            line = getattr(error, "lineno", None) or 1
            what = error.msg if isinstance(error, SyntaxError) else str(error)
            version = f"{sys.version_info.major}.{sys.version_info.minor}"
            mistakes.append(f"{path}:{line}: {what}; expected Python that {version} can read; mend it or move it away")
    if mistakes:
        raise UsageError("\n".join(mistakes))


def find_missing(handler: Path) -> tuple[str, UsageError] | None:
    """Imports the handler: None, or the top-level module that it lacks, and the error.

    Raises UsageError if it cannot be imported for another reason, or has no class derived from Handler.
    """
    try:
        load_handlers(handler)
    except UsageError as error:
        if not isinstance(error.__cause__, ModuleNotFoundError) or not error.__cause__.name:
            raise
        if not _has_derived_class(handler):
            raise UsageError(
                f"{handler}: no class derived from slips.interface.Handler; expected one that defines 'recv'"
            ) from None
        return error.__cause__.name.partition(".")[0], error
    return None


def _has_derived_class(handler: Path) -> bool:
    return any(isinstance(one, ast.ClassDef) and one.bases for one in ast.walk(ast.parse(handler.read_bytes())))
