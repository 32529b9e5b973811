"""Repeats the calls of a source that fail, with growing pauses, and keeps the reason meanwhile."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TypeVar

from slips.errors import SlipsError, StorageError

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds before a call is repeated, doubled each time."""
_T = TypeVar("_T")


class ClosedError(Exception):
    """The source was closed while it waited."""


def jitter(pause: float) -> float:
    """Return a random time, so that what failed together does not call again together."""
    return pause * random.uniform(0.5, 1)  # noqa: S311


class Retries:
    """The failures in a row of one source, or of a part of it.

    `wait` waits for some seconds, and returns whether the source is closed; only `call` and `pause` need it.
    """

    def __init__(
        self,
        wait: Callable[[float], bool] = lambda _: False,
        *,
        seconds: float | None = None,
        jitter: Callable[[float], float] = jitter,
    ) -> None:
        """`seconds`: pauses for failures that pass by themselves, at most, and none for others. None: no end."""
        self._wait, self._seconds, self._jitter = wait, seconds, jitter
        self._pause, self._waited = FIRST_PAUSE, 0.0
        self.problem: str | None = None
        """The reason of the latest failure; None if the latest call succeeded."""
        self.is_away = False
        """Whether no object of the bucket can be read for that reason."""

    def call(self, make: Callable[[], _T]) -> _T:
        """Call `make` until it succeeds, and return its result.

        Raises ClosedError if the source is closed meanwhile, and the error of a call that is not repeated any more.
        """
        while True:
            try:
                made = make()
            except SlipsError as error:
                self.pause(error)
            else:
                self.succeeded()
                return made

    def pause(self, error: SlipsError) -> None:
        """Keep the reason of a failure, and wait before the next attempt. Raises as `call` does."""
        if self._wait(self.failed(error)):
            raise ClosedError

    def failed(self, error: SlipsError) -> float:
        """Keep the reason of a failure. Return the seconds until the next attempt; raise it if there is to be none."""
        if self._seconds is not None and (not _passes(error) or self._waited >= self._seconds):
            raise error
        self.problem, self.is_away = str(error), isinstance(error, StorageError) and error.away
        pause = self._jitter(self._pause)
        self._pause, self._waited = min(LONGEST_PAUSE, 2 * self._pause), self._waited + pause
        return pause

    def succeeded(self) -> None:
        """Forget the failures: the next one is the first again."""
        self.problem, self.is_away, self._pause, self._waited = None, False, FIRST_PAUSE, 0.0


def _passes(error: SlipsError) -> bool:
    return isinstance(error, StorageError) and error.passing


def fault(where: str, error: Exception) -> SlipsError:
    """Return the error for people about a fault of slips itself, whose traceback is in the log."""
    return SlipsError(
        f"{where}: a fault of slips, {type(error).__name__}: {error}; expected none; tell its makers; it is tried again"
    )
