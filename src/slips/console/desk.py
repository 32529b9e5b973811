"""The place that the console works on, opened for each question, and the commands that do the same."""

from __future__ import annotations

import shlex
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Generic, TypeVar

from slips.config import Config
from slips.config.load import load, load_partly
from slips.config.needs import MAPPING, OPERATING, STACK_NAME, Needs
from slips.errors import ConfigError
from slips.operations import Operations
from slips.place import Place
from slips.site.protocols import ListingSite

T = TypeVar("T")

STACK_SECONDS = 60.0
SHARE = 20
"""A value that took a second to compute is computed again after so many seconds at the earliest."""


class Desk:
    """A place, and the config that a person works with there; both may change while the console runs."""

    def __init__(
        self,
        place: Place,
        config_file: Path | None,
        *,
        options: Sequence[str] = (),
        read_only: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`config_file`: None for a stack without one. `options`: the global options that name the place."""
        self.place, self.config_file, self._options = place, config_file, list(options)
        self.read_only, self.clock = read_only, clock
        self.closing = threading.Event()
        """Set when the console ends."""
        self._found: tuple[Operations, float] | None = None
        """The operations of the stack, and until when they are used."""

    @property
    def is_stack(self) -> bool:
        return self.place.stack is not None

    @contextmanager
    def operations(self) -> Iterator[Operations]:
        """Open the operations, as the commands do. Raises as `Place.operations` does.

        A stack is looked for anew after STACK_SECONDS: a deploy may have changed it. Its clients work in all threads.
        """
        known = self._found
        if known is not None and time.monotonic() < known[1]:
            yield known[0]
            return
        with self.place.operations(lambda: self.config(OPERATING)) as operations:
            if self.is_stack:
                self._found = (operations, time.monotonic() + STACK_SECONDS)
            yield operations

    @contextmanager
    def site(self, needs: Needs) -> Iterator[tuple[ListingSite, Operations]]:
        """Open the site of stations and the operations. Raises as `Place.site` does."""
        with self.place.site(self.config(needs)) as opened:
            yield opened

    def config(self, needs: Needs | None = None) -> Config:
        """Return the config as it is now, of which only the values at `needs` must be right. Raises ConfigError."""
        if self.config_file is None:
            raise ConfigError(["no config of this stack is here; expected one; start the console with -c FILE"])
        return load(self.config_file) if needs is None else load_partly(self.config_file, needs)[0]

    def mapping_config(self) -> Config | None:
        """Return the config that names the mappings of objects; None if there is none, or a mistake in it."""
        try:
            return self.config(MAPPING)
        except ConfigError:
            return None

    def name(self) -> str:
        """Return the name of the stack; of this machine the stack name in its config."""
        return self.place.stack or self.config(STACK_NAME).stack_name

    def command(self, *words: str) -> str:
        """Return the command line that does the same, as a shell reads it."""
        return " ".join(_quoted(word) for word in ("slips", *self._options, *words))

    def arguments(self, *words: str) -> list[str]:
        """Return the arguments of that command line, behind `slips`, with the config that the console has found."""
        named = [] if self.config_file is None or "-c" in self._options else ["-c", str(self.config_file)]
        return [*named, *self._options, *words]


def _quoted(word: str) -> str:
    """Quote a word for bash, zsh and other shells of people, of which `$'…'` spells out what does not print."""
    if word.isprintable():
        return shlex.quote(word)
    return f"$'{''.join(map(_spelled, word))}'"


def _spelled(character: str) -> str:
    if character.isprintable():
        return f"\\{character}" if character in "\\'" else character
    return "".join(f"\\x{byte:02x}" for byte in character.encode("utf-8", "surrogateescape"))


class Recent(Generic[T]):
    """A value that many pages show, computed again when it is old: polling must not keep the place busy.

    A thread computes it, so that a page need not wait for its end.
    """

    def __init__(
        self, compute: Callable[[], T], *, seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`seconds`: the least age at which the value is computed again."""
        self._compute, self._seconds, self._clock = compute, seconds, clock
        self._lock = threading.Lock()
        self._known: tuple[T, float] | None = None
        """The value, and when it gets old."""
        self._running: Future[T] | None = None

    def get(self) -> T:
        """Return the value. Raises what computing raises."""
        known = self._fresh()
        return known[0] if known is not None else self._start().result()

    def get_within(self, seconds: float) -> T | None:
        """Return the value; if computing takes longer, the one before, or None if there is none. Raises as `get`."""
        if (fresh := self._fresh()) is not None:
            return fresh[0]
        known = self._known
        try:
            return self._start().result(seconds)
        except TimeoutError:
            return None if known is None else known[0]

    def forget(self) -> None:
        """Let the next question compute the value anew."""
        with self._lock:
            self._known = self._running = None

    def _fresh(self) -> tuple[T, float] | None:
        known = self._known
        return known if known is not None and self._clock() < known[1] else None

    def _start(self) -> Future[T]:
        """Return the value that a thread computes, or will."""
        with self._lock:
            if self._running is None:
                self._running = Future()
                threading.Thread(target=self._run, args=(self._running,), daemon=True).start()
            return self._running

    def _run(self, running: Future[T]) -> None:
        began = self._clock()
        try:
            value = self._compute()
        except BaseException as error:  # noqa: BLE001 - it is raised where somebody waits
            self._end(running, None)
            running.set_exception(error)
            return
        ended = self._clock()
        self._end(running, (value, ended + max(self._seconds, SHARE * (ended - began))))
        running.set_result(value)

    def _end(self, running: Future[T], known: tuple[T, float] | None) -> None:
        with self._lock:
            if self._running is running:  # else it is of before an act
                self._running, self._known = None, known
