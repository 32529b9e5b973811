"""Ctrl-C and SIGTERM: end a session between two steps, so that it can say what was done, and not amid a step.

In: signals of this process. Out: an Interrupted, which is a KeyboardInterrupt, where the session may end.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import Self

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(KeyboardInterrupt):
    """A signal that ends the command."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.exit_status = 128 + number


class Interrupts:
    """Raises Interrupted for Ctrl-C and SIGTERM in a `with` block, but not in a step that is held."""

    def __init__(self) -> None:
        self.first: Callable[[], None] | None = None
        """Called by the first signal instead, in the midst of anything: so it must only take note."""
        self._is_holding = False
        self._held: int | None = None
        self._restore = ExitStack()

    def __enter__(self) -> Self:
        for number in SIGNALS:
            # A shell lets what it starts in the background ignore Ctrl-C: keep that.
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._restore.callback(signal.signal, number, signal.signal(number, self._interrupt))
        return self

    def __exit__(self, *_: object) -> None:
        self._restore.close()

    @contextmanager
    def step(self) -> Iterator[Callable[[], None]]:
        """Call the given function to hold a signal that comes from then on until the end of the block.

        A second signal is not held.
        """

        def hold() -> None:
            self._is_holding = True

        try:
            yield hold
        finally:
            self._is_holding = False
            held, self._held = self._held, None
            if held is not None:
                raise Interrupted(held)

    def _interrupt(self, number: int, _frame: FrameType | None) -> None:
        first, self.first = self.first, None
        if first is not None:
            first()
            return
        if self._is_holding and self._held is None:
            self._held = number
            return
        raise Interrupted(number)
