"""The `log_format` of nginx and the `LogFormat` of Apache as patterns of lines: for logs with columns of one's own."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, Self

import msgspec

from slips.format import Format, FormatOptions
from slips.parsing import Patterns

QUOTED = r'[^"\\]*+(?:\\.[^"\\]*+)*'
"""A value between quotes: servers write a quote in it as an escape."""
ADDRESSES = r"[^ ,]+(?:, ?[^ ,]+)*"
"""A value before a blank: one address or several, each behind a comma and a blank, as proxies forward them."""


_SHOWN = 100
"""Most characters of a format that a message shows."""


@dataclass(frozen=True, kw_only=True)
class AccessLog(Patterns):
    """Access logs of a server whose format has the option `log_format`: that of lines with columns of one's own."""

    shape: str
    """A line, with the names of some values in place of these; or the `log_format`."""
    known_formats: ClassVar[tuple[str, ...]] = ()
    """Names of formats of the server that are read without the option."""

    def with_options(self, options: FormatOptions) -> Format:
        """Return the format; one of a `log_format` has the fields of its values alone. Raises ValueError."""
        declared, form = self, getattr(options, "log_format", "")
        if form:
            if form in self.known_formats:
                raise ValueError(f"log_format: {form!r} is read without this option; expected none; take it away")
            try:
                declared = self.of(form)
            except ValueError as error:
                raise ValueError(f"log_format: {error}") from None
            options = msgspec.structs.replace(options, log_format="")
        return super(AccessLog, declared).with_options(options)

    @property
    def expected(self) -> str:
        return f"such as {self.shape!r}"

    @abstractmethod
    def of(self, form: str) -> Self:
        """Return the format for a `log_format`. Raises ValueError."""


class Value(NamedTuple):
    """A place in a line that has a value, as a format names it."""

    name: str
    text: str
    """The place as it is written in the format: `$status`, `%>s`."""


def shortened(form: str) -> str:
    """Return a format as messages show it."""
    return form if len(form) <= _SHOWN else f"{form[:_SHOWN]}…"


def pattern_of(parts: list[Value | str]) -> str:
    """Return the pattern of lines that have the values, with the texts between. Raises ValueError."""
    pattern, seen = "", set[str]()
    for number, part in enumerate(parts):
        if isinstance(part, str):
            pattern += re.escape(part)
            continue
        behind = parts[number + 1] if number + 1 < len(parts) else ""
        if isinstance(behind, Value):
            raise ValueError(
                f"{part.text!r} and {behind.text!r} have no text between; expected one that ends the first"
            )
        if part.name in seen:
            raise ValueError(f"{part.text!r} is the field {part.name!r}, which is there twice; expected each once")
        seen.add(part.name)
        before = parts[number - 1] if number else ""
        pattern += f"(?P<{part.name}>{_inside(str(before)[-1:], behind[:1])})"
    return rf"{pattern}\Z"


def _inside(before: str, behind: str) -> str:
    """Return the pattern of a value between two characters."""
    if not behind:
        return ".*"
    if behind == '"' and before == '"':
        return QUOTED
    return ADDRESSES if behind == " " else f"[^{re.escape(behind)}]*+"


def split(form: str, place: re.Pattern[str], name: Callable[[re.Match[str]], str]) -> list[Value | str]:
    """Return the values of a format, and the texts between them. Raises ValueError for one without values."""
    parts = list(_parts(form, place, name))
    if not any(isinstance(part, Value) for part in parts):
        named = ", behind this name" if re.fullmatch(r"[\w-]+", form) else ""
        raise ValueError(f"{form!r:.80} has no values; expected the format as the server's configuration has it{named}")
    return parts


def _parts(form: str, place: re.Pattern[str], name: Callable[[re.Match[str]], str]) -> Iterator[Value | str]:
    at, text = 0, ""
    for found in place.finditer(form):
        text += form[at : found.start()]
        at = found.end()
        named = name(found)
        if not named:  # an escaped character
            text += found[0][-1]
            continue
        if text:
            yield text
            text = ""
        yield Value(named, found[0])
    if text + form[at:]:
        yield text + form[at:]
