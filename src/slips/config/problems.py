"""The mistakes found in a config file, and the line of each of its values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

Where = tuple[str | int, ...]
"""Keys and indexes that lead to a value: `("routing", 0, "dest")`."""


class Problem(Struct, frozen=True):
    """A mistake in a config file. `str()` has its place: `slips.yml:14: …`."""

    file: str
    line: int
    """1-based."""
    message: str
    level: Literal["error", "warning"] = "error"
    where: Where = ()
    """Keys and indexes that lead to the wrong value, or to a missing key."""
    is_altered: bool = False
    """Whether YAML made another value of the text that was written."""

    def concerns(self, needs: Sequence[Where]) -> bool:
        """Whether one of the values at `needs`, or a value in it or around it, is wrong."""
        return any(all(own == other for own, other in zip(self.where, need, strict=False)) for need in needs)

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.message}"


class Problems:
    """Collects the problems of one file."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._found: list[Problem] = []
        self.lines: dict[Where, int] = {(): 1}
        """Line of every value in the file, those of wrong values included."""

    def error(self, at: int | Where, message: str, where: Where = ()) -> None:
        """Report a mistake that makes the config unusable, at a value; or at a line, which is then of `where`."""
        self._found.append(Problem(self._file, self.line(at), message, "error", where or _where(at)))

    def warn(self, at: int | Where, message: str, *, is_altered: bool = False) -> None:
        """Report a setting that the user probably did not mean, at a line or a value."""
        self._found.append(Problem(self._file, self.line(at), message, "warning", _where(at), is_altered))

    def line(self, at: int | Where) -> int:
        """Return the line of a value; if the file lacks the value, the line of the innermost value around it."""
        if isinstance(at, int):
            return at
        while at not in self.lines:
            at = at[:-1]
        return self.lines[at]

    def in_order(self) -> list[Problem]:
        """Return all problems by line. A value that aliases repeat is reported once."""
        once: dict[tuple[int, str, str], Problem] = {}
        for problem in self._found:
            once.setdefault((problem.line, problem.message, problem.level), problem)
        return sorted(once.values(), key=lambda problem: problem.line)

    @property
    def errors(self) -> list[Problem]:
        """All mistakes, also those that aliases repeat."""
        return [problem for problem in self._found if problem.level == "error"]


def _where(at: int | Where) -> Where:
    return () if isinstance(at, int) else at


def quote(text: str) -> str:
    """Quote the user's words, on one line."""
    return repr(text if len(text) <= 80 else f"{text[:77]}...")


def show(where: Where) -> str:
    """Return a path as people write it: `routing[0].dest` for `("routing", 0, "dest")`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in where).lstrip(".") or "the file"
