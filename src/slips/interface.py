"""What users write: a class derived from `Handler`. The import path is the original's."""

from __future__ import annotations

import abc
import inspect
import re
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeGuard

from slips.errors import UsageError
from slips.exceptions import describe, name_of
from slips.methods import meant_as, mistakes
from slips.model import MetaData
from slips.usercode import import_file

_RELATIVE = re.compile(r"from\s+\.+(\S*)\s+import\s+(.+)")


class Handler(abc.ABC):
    """Receives every event of one object. Each object gets a fresh instance: `setup`, `recv` for each event, `result`.

    An exception in any of them fails the object: it is kept in the error table and can be replayed.
    """

    def setup(self, args: dict[str, Any]) -> None:  # noqa: B027 - optional for the user
        """Called first, with `handler.args` of the configuration."""

    @abc.abstractmethod
    def recv(self, meta: MetaData, event: dict[str, Any]) -> None:
        """Called for every event, in the order of the object's records. Both arguments are yours to keep and change."""

    def result(self) -> Any:
        """Called last, after every event. What it returns is reported; the object is done when it has returned."""
        return None


def load_handlers(path: Path, requirements: str | None = None) -> list[type[Handler]]:
    """The handlers of a file, by name: concrete subclasses of `Handler` defined there that have no subclass there.

    Raises UsageError if the file cannot be imported or has none, and with every mistake of those that it has; where a
    module is missing, it says how `requirements`, that file of the config, is installed.
    """
    try:
        module = import_file(path)
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file; expected the handler that 'handler.path' names") from None
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise UsageError(
            f"{_place(error, path)}: importing the handler raised {describe(error)}{_hint(error, requirements)}"
        ) from error
    found = [value for value in vars(module).values() if _is_handler(value) and value.__module__ == module.__name__]
    leaves = [one for one in found if not any(other is not one and one in other.__mro__ for other in found)]
    concrete = [one for one in leaves if not inspect.isabstract(one)]
    if not concrete:
        missing = [_lacks(one) for one in leaves]
        what = "; ".join(missing) if missing else "no class derived from slips.interface.Handler"
        raise UsageError(f"{path}: {what}; expected a class derived from slips.interface.Handler that defines 'recv'")
    concrete = sorted(dict.fromkeys(concrete), key=name_of)
    check_handlers(concrete)
    return concrete


def check_handlers(classes: Sequence[type[Handler]]) -> None:
    """Raises UsageError with all that would keep methods of these classes from running when slips calls them."""
    problems = [problem for one in classes for problem in mistakes(one, Handler)]
    if problems:
        raise UsageError("\n".join(dict.fromkeys(problems)))


def _is_handler(value: object) -> TypeGuard[type[Handler]]:
    # Never `issubclass`, for which an abstract class looks at all that derive from it.
    return inspect.isclass(value) and Handler in value.__mro__


def _place(error: BaseException, path: Path) -> str:
    """The innermost line of the handler, or of a file beside it, that an import failed in."""
    own = path.resolve()
    lines = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    if isinstance(error, SyntaxError) and error.filename:
        lines.append((error.filename, error.lineno))
    for name, line in reversed(lines):
        file = Path(name)
        if file.is_relative_to(own.parent) and "site-packages" not in file.parts:
            return f"{path.parent / file.relative_to(own.parent)}:{line}"
    return str(path)


def _hint(error: BaseException, requirements: str | None) -> str:
    """Advises on an import that failed."""
    if isinstance(error, ModuleNotFoundError) and requirements:
        return f"; expected what 'handler.requirements' names to be installed here; run 'pip install -r {requirements}'"
    if isinstance(error, ModuleNotFoundError):
        return (
            "; expected a file beside the handler, or a package that is installed here; name such packages in a file "
            "that 'handler.requirements' names"
        )
    frame = traceback.extract_tb(error.__traceback__)[-1]
    found = _RELATIVE.match(frame.line or "") if isinstance(error, ImportError) else None
    if found is None:
        return ""
    absolute = f"from {found[1]} import {found[2]}" if found[1] else f"import {found[2]}"
    return f"; the handler and the files beside it are no package; expected an import without dots; write '{absolute}'"


def _lacks(handler: type[Handler]) -> str:
    """Names the methods that an abstract handler lacks, and a method that was perhaps meant as one."""
    lacks = sorted(handler.__abstractmethods__)
    meant = meant_as(handler, Handler, "recv") if "recv" in lacks else ""
    hint = f"; did you mean 'recv' by {meant!r}?" if meant else ""
    return f"{name_of(handler)} lacks {', '.join(lacks)}{hint}"
