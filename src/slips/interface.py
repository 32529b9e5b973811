"""The `Handler` base class, and loading the user's subclasses of it. The import path is that of the original slips."""

from __future__ import annotations

import abc
import inspect
import re
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeGuard

from slips.errors import UsageError
from slips.exceptions import describe, name_of
from slips.methods import lacks_recv, meant_as_recv, mistakes
from slips.model import MetaData
from slips.usercode import import_file, place_of

if TYPE_CHECKING:
    from slips.parsing.event_types import EventTypes

_EXPECTED = "expected a class derived from slips.interface.Handler that defines 'recv' or 'recv_batch'"
_traceback_of = BaseException.__dict__["__traceback__"].__get__  # of an error's class may be code of the user
_RELATIVE = re.compile(r"from\s+\.+(\S*)\s+import\s+(.+)")


class Handler(abc.ABC):  # noqa: B024 - base classes of users may have abstract methods
    """Receives every event of one object. Each object gets a fresh instance: `setup`, `recv` for each event, `result`.

    A handler that defines `recv_batch` instead of `recv` gets its events in lists. An exception in any of these methods
    fails the object: slips keeps an error item, which can be replayed.
    """

    event_type: Any = None
    """The type of events: a class derived from `msgspec.Struct`, or a dict of tags to such classes, or to `dict`.

    The key `*` is for all other tags. An event that does not fit is quarantined. Without a type events are dicts.
    """
    batch_events: int = 500
    """Most events of a batch. `setup` may set it on the instance."""
    batch_bytes: int = 2**20
    """Most bytes of the events of a batch, as JSON: a longer event makes a batch of its own. `setup` may set it."""

    def setup(self, args: dict[str, Any]) -> None:  # noqa: B027 - optional for the user
        """Prepare for one object. Called first, with `handler.args` of the configuration."""

    def recv(self, meta: MetaData, event: Any) -> None:
        """Process one event. Called in the order of the object's records. You may keep and change both arguments."""
        raise NotImplementedError

    def recv_batch(self, batch: list[tuple[MetaData, Any]]) -> None:
        """Process some events, in the order of the object's records. You may keep and change the list and all in it.

        Their records count as delivered when this returns. The last batch comes before `result`.
        """
        raise NotImplementedError

    def result(self) -> Any:
        """Finish one object. Called last, after all events; the object is done when it returns.

        The returned value becomes part of the outcome, as JSON.
        """
        return None


def load_handlers(path: Path, requirements: str | None = None, class_name: str | None = None) -> list[type[Handler]]:
    """Return the handlers of a file, by name: concrete subclasses of `Handler` that have no subclass in the file.

    With `class_name`, return that class alone, also one with a subclass in the file, or imported from another. Raises
    UsageError if the file cannot be imported or has no such handler, and with all mistakes of its handlers. If the
    import lacks a module, the error text names `requirements`, the config's file of packages to install.
    """
    try:
        module = import_file(path)
    except FileNotFoundError:
        raise UsageError(f"{path}: no such file; expected the handler that 'handler.path' names") from None
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        raise UsageError(
            f"{place_of(error, path)}: importing the handler raised {describe(error)}{_hint(error, requirements)}"
        ) from error
    if class_name is None:
        defined = [value for value in _handlers_in(module) if value.__module__ == module.__name__]
        handlers = [one for one in defined if not any(other is not one and one in other.__mro__ for other in defined)]
    else:
        handlers = [_named(class_name, module, path)]
    concrete = [one for one in handlers if not _lacking(one)]
    if not concrete:
        missing = [_lacks(one) for one in handlers]
        found = "; ".join(missing) if missing else "no class derived from slips.interface.Handler"
        raise UsageError(f"{path}: {found}; {_EXPECTED}")
    concrete = sorted(dict.fromkeys(concrete), key=name_of)
    check_handlers(concrete)
    return concrete


def check_handlers(classes: Sequence[type[Handler]]) -> None:
    """Raise UsageError with every mistake that would keep a method of these handlers from running."""
    from slips.parsing.event_types import check_event_type

    problems = [f"{_lacks(one)}; {_EXPECTED}" for one in classes if _lacking(one)]
    problems += [problem for one in classes for problem in mistakes(one, Handler)]
    problems += [
        _place_of(one) + problem for one in classes if (problem := check_event_type(one.event_type, name_of(one)))
    ]
    if problems:
        raise UsageError("\n".join(dict.fromkeys(problems)))


def event_types(classes: Sequence[type[Handler]]) -> list[EventTypes | None]:
    """Return the event types of checked handlers, None for each that has none."""
    from slips.parsing.event_types import EventTypes

    return [EventTypes.of(one.event_type, name_of(one)) for one in classes]


def _place_of(handler: type[Handler]) -> str:
    file = getattr(sys.modules.get(handler.__module__), "__file__", None)
    return f"{file}: " if file else ""


def _handlers_in(module: ModuleType) -> list[type[Handler]]:
    """Return the classes of a module that are derived from `Handler`, imported ones among them."""
    return [value for value in vars(module).values() if _is_handler(value)]


def _named(name: str, module: ModuleType, path: Path) -> type[Handler]:
    """Return the handler of a module that has a name. Raises UsageError, with the name that the user may mean."""
    value = vars(module).get(name)
    if _is_handler(value):
        return value
    known = [each for each, one in vars(module).items() if _is_handler(one) and one is not Handler]
    if name in vars(module):
        problem = f"{name!r} is no class derived from slips.interface.Handler"
    else:
        import difflib  # not at the start of a function on AWS, where names are right

        problem = f"no class {name!r}"
        close = {each.lower(): each for each in known}
        if like := difflib.get_close_matches(name.lower(), close, n=1):
            raise UsageError(f"{path}: {problem}; did you mean {close[like[0]]!r}?")
    expected = f"expected one of {', '.join(known)}" if known else _EXPECTED
    raise UsageError(f"{path}: {problem}; {expected}")


def _is_handler(value: object) -> TypeGuard[type[Handler]]:
    # Not `issubclass`: for an abstract class it visits all subclasses, quadratic in a process with many handlers.
    return inspect.isclass(value) and Handler in value.__mro__


def _hint(error: BaseException, requirements: str | None) -> str:
    """Return the advice for an import that failed, the end of its error text; empty if there is none."""
    kind = type(error)
    if issubclass(kind, ModuleNotFoundError) and requirements:
        return f"; expected what 'handler.requirements' names to be installed here; run 'pip install -r {requirements}'"
    if issubclass(kind, ModuleNotFoundError):
        return (
            "; expected a file beside the handler, or a package that is installed here; name such packages in a file "
            "that 'handler.requirements' names"
        )
    frame = traceback.extract_tb(_traceback_of(error))[-1]
    relative = _RELATIVE.match(frame.line or "") if issubclass(kind, ImportError) else None
    if relative is None:
        return ""
    absolute = f"from {relative[1]} import {relative[2]}" if relative[1] else f"import {relative[2]}"
    return f"; the handler and the files beside it are no package; expected an import without dots; write '{absolute}'"


def _lacking(handler: type[Handler]) -> list[str]:
    """Return the methods that a class must have to run, and lacks: those that are abstract, and `recv`."""
    abstract = handler.__abstractmethods__ if inspect.isabstract(handler) else ()
    return sorted({*abstract, *(["recv"] if lacks_recv(handler, Handler) else ())})


def _lacks(handler: type[Handler]) -> str:
    """Return the problem of an abstract handler: the methods that it lacks, and a method that may mean `recv`."""
    lacks = _lacking(handler)
    name, meant = meant_as_recv(handler, Handler) if "recv" in lacks else ("", "")
    hint = f"; did you mean {meant!r} by {name!r}?" if meant else ""
    return f"{name_of(handler)} lacks {', '.join(lacks)}{hint}"
