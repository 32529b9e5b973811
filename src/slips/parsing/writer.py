"""The source of a function as it is written, by the family of a declaration and by the parts common to all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from slips.format import Event, RecordLimits
from slips.parsing.meaning import Meaning, in_list
from slips.paths import IN_LIST, keys_of_path


class Family(Protocol):
    """The part of a declaration that its family writes."""

    @property
    def name(self) -> str: ...

    @property
    def meaning(self) -> Meaning: ...

    def write(self, writer: Writer) -> None:
        """Write statements that bind the local `event`, a dict, from the local `value`, or raise RecordError."""

    def value_of(self, path: str, writer: Writer) -> str:
        """Return an expression for the value at `path` of the event, None if it has none; `absent` is not heeded."""

    def look(self, event: Event, path: str) -> Any:
        """Return the value at `path` of an event, the slow way; None for an `absent` text, too."""


class Writer:
    """The source of a function as it is written: lines, the locals in use, and the globals that they need."""

    def __init__(self, limits: RecordLimits, prefix: str = "") -> None:
        self.limits = limits
        self.lines: list[str] = []
        self.names: dict[str, object] = {}
        self.attributes: dict[str, str] = {}
        """The attributes of these lines whose names are no identifiers: see `make_function`."""
        self.fields: dict[str, str] = {}
        """Locals by the field of the event whose value each has, for the parts behind `write`."""
        self.fresh: dict[str, Callable[[], object]] = {}
        self.filters = False
        """Whether `event` may be a Rule in place of a dict; the statements behind are then in a block for dicts."""
        self.message = ""
        """Local to which to bind the message: `write` has bound it, too, where the statements behind do not run."""
        self.prefix, self._indent, self._count = prefix, "", 0

    def line(self, text: str) -> None:
        self.lines.append(self._indent + text)

    @contextmanager
    def block(self, header: str) -> Iterator[None]:
        """Write a header such as `if x:`; lines within are its block."""
        self.line(header)
        before, self._indent = self._indent, f"{self._indent}    "
        yield
        self._indent = before

    def indent(self) -> None:
        """Indent all further lines: they are the block of the last one."""
        self._indent += "    "

    @contextmanager
    def nested(self) -> Iterator[None]:
        """End the blocks that `indent` begins within."""
        before = self._indent
        yield
        self._indent = before

    def name(self, hint: str, value: object) -> str:
        """Return a name for a global with this value. The same object under the same hint has one name."""
        for name, known in self.names.items():
            if known is value and name.rstrip("0123456789") == f"{self.prefix}{hint}_":
                return name
        name = f"{self._unique(hint)}"
        self.names[name] = value
        return name

    def per_object(self, hint: str, make: Callable[[], object]) -> str:
        """Return a name that is bound to `make()` when an object begins."""
        name = self._unique(hint)
        self.fresh[name] = make
        return name

    def local(self, hint: str) -> str:
        """Return the name of a local that is not in use."""
        return self._unique(hint)

    def _unique(self, hint: str) -> str:
        self._count += 1
        return f"{self.prefix}{hint}_{self._count}"


def value_in(path: str, writer: Writer, event: str = "event", absent: tuple[str, ...] = ()) -> str:
    """Return an expression for `slips.parsing.meaning.value_at`: the value at `path` of a dict."""
    if IN_LIST in path:
        holder, _, inner = path.partition(IN_LIST)
        return f"{writer.name('in_list', in_list(inner, absent))}({value_in(holder, writer, event)})"
    *outer, last = keys_of_path(path)
    if not outer:
        return f"{event}.get({last!r})"
    holder, tests = event, []
    for key in outer:
        inner = writer.local("in")
        tests.append(f"({inner} := {holder}.get({key!r})).__class__ is dict")
        holder = inner
    found = writer.local("found")
    tests.append(f"({found} := {holder}.get({last!r})) is not None")
    return f"({found} if {' and '.join(tests)} else {event}.get({path!r}))"
