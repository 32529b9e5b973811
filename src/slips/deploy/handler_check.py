"""Checks that the user's Python can run, before a deploy makes anything: else every object would fail on AWS.

In: the files of the package, and the handlers among them. Out: None, or the module that is missing on this machine.
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
    """Raise UsageError with all files that are not Python, a line each. `files` are paths with their contents."""
    mistakes = []
    for path, source in files:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                compile(source, str(path), "exec", dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError) as error:
            line = getattr(error, "lineno", None) or 1
            reason = error.msg if isinstance(error, SyntaxError) else str(error)
            version = f"{sys.version_info.major}.{sys.version_info.minor}"
            mistakes.append(
                f"{path}:{line}: {reason}; expected Python that {version} can read; mend it or move it away"
            )
    if mistakes:
        raise UsageError("\n".join(mistakes))


def find_missing(handler: Path, class_name: str | None = None) -> tuple[str, UsageError] | None:
    """Import a handler. Return None, or the top-level module that the import lacks, with the error.

    Raises UsageError if the import fails for another reason, or the file lacks `class_name`, or any class derived from
    Handler.
    """
    try:
        load_handlers(handler, class_name=class_name)
    except UsageError as error:
        if not isinstance(error.__cause__, ModuleNotFoundError) or not error.__cause__.name:
            raise
        _check_classes(handler, class_name)
        return error.__cause__.name.partition(".")[0], error
    return None


def _check_classes(handler: Path, class_name: str | None) -> None:
    """Raise UsageError if the text of a file that cannot be imported here has nothing that may be the handler."""
    nodes = list(ast.walk(ast.parse(handler.read_bytes())))
    if class_name is None:
        if not any(isinstance(one, ast.ClassDef) and one.bases for one in nodes):
            raise UsageError(
                f"{handler}: no class derived from slips.interface.Handler; expected one that defines 'recv' or "
                "'recv_batch'"
            )
        return
    names = {name for one in nodes for name in _bound(one)}
    if not names & {class_name, "*"}:
        raise UsageError(f"{handler}: no class {class_name!r}; expected it, as the config names it; mend one of them")


def _bound(node: ast.AST) -> list[str]:
    """Return the names that a statement gives to a class, an imported thing, or any other value."""
    match node:
        case ast.ClassDef():
            return [node.name]
        case ast.Import() | ast.ImportFrom():
            return [one.asname or one.name for one in node.names]
        case ast.Name(ctx=ast.Store()):
            return [node.id]
    return []
