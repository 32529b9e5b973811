"""The progress of `make soak`: how long all of it takes, and after each test how much of that is done.

A test says with its mark how many seconds it takes on two quiet cores: `@pytest.mark.soak(seconds=30)`.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest


class Progress:
    """A plugin of pytest that writes a line before and after each test."""

    def __init__(self, write: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._write, self._clock = write, clock
        self._seconds: dict[str, float] = {}
        """How long each test should take that has not ended."""
        self._all = self._tests = self._failed = 0.0
        self._begun = clock()

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Write how long all tests take."""
        for item in session.items:
            mark = item.get_closest_marker("soak")
            assert mark is not None
            self._seconds[item.nodeid] = mark.kwargs["seconds"]
        self._all, self._tests, self._begun = sum(self._seconds.values()), len(self._seconds), self._clock()
        self._write(f"soak: {len(self._seconds)} tests, about {_minutes(self._all)} on two quiet cores")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Write why a test fails, without waiting for the end of all, and how much is done."""
        if report.failed:
            self._failed += 1
            self._write(f"{report.nodeid}\n{report.longreprtext}")
        if report.when != "teardown":
            return
        del self._seconds[report.nodeid]
        left, took = sum(self._seconds.values()), self._clock() - self._begun
        pace = took / (self._all - left)
        self._write(
            f"soak: {self._tests - len(self._seconds):.0f} of {self._tests:.0f} tests in {_minutes(took)}, "
            f"{self._failed:.0f} failed, about {_minutes(left * pace)} left"
        )


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"
