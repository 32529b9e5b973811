"""A service in this process, driven by a script: a generator that yields what to wait for, between what it does."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from typing import Any

from running import GUARD, Project
from slips.backends.machine.state import MachineState
from slips.config import Config
from slips.config.backend import BackendConfig
from slips.config.backend import Embedded as EmbeddedConfig
from slips.model import ObjectEvent, Outcome
from slips.pipeline.ended import Failure
from slips.service.observer import Observer
from slips.service.pool import Pool
from slips.service.sources import Source
from slips.service.supervisor import Supervisor
from slips.service.up import Up, sources_of

Script = Generator[Callable[[], Any], None, None]
"""Acts, and yields a condition to wait for; the service is stopped behind the last one."""


class Scripted(Observer):
    """Keeps what is shown, and goes on with a script in each turn of the service."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self.stop: Callable[[], None] = lambda: None
        self.at_stop: Callable[[], None] = lambda: None
        self._awaited: Callable[[], Any] = lambda: True
        self._end = time.monotonic() + GUARD
        self.is_over = False
        self.shown: list[tuple[str, str]] = []
        self.done: list[str] = []
        """Keys of objects that succeeded, in order."""

    def looked(self) -> None:
        assert time.monotonic() < self._end, f"nothing came of it: {self.shown}"
        while not self.is_over and self._awaited():
            try:
                self._awaited = next(self._script)
            except StopIteration:
                self.is_over = True
                self.stop()

    def words(self, kind: str) -> list[str]:
        """Return what was shown of one kind."""
        return [text for each, text in self.shown if each == kind]

    def succeeded(self, event: ObjectEvent, outcome: Outcome) -> None:
        self.done.append(event.object_key)

    def failed(self, event: ObjectEvent, failure: Failure, attempt: int, final: bool) -> None:
        self.shown.append(("failed" if final else "attempt", failure.event.object_key))

    def warned(self, text: str) -> None:
        self.shown.append(("warned", text))

    def troubled(self, where: str, why: str) -> None:
        self.shown.append(("troubled", f"{where}: {why}"))

    def mended(self, where: str) -> None:
        self.shown.append(("mended", where))

    def reloading(self, what: str) -> None:
        self.shown.append(("reloading", what))

    def reloaded(self, what: str) -> None:
        self.shown.append(("reloaded", what))

    def not_reloaded(self, why: str) -> None:
        self.shown.append(("not reloaded", why))

    def stopping(self, running: int, seconds: float) -> None:
        self.shown.append(("stopping", str(running)))

    def stopped(self, given_back: int) -> None:
        self.shown.append(("stopped", str(given_back)))
        self.at_stop()


def configure(project: Project, **embedded: Any) -> None:
    """Let the project take files at once."""
    given: dict[str, Any] = {"path": "state", "buckets": {"my-logs": "bucket"}, "settle": 0} | embedded
    project.configure(backend=BackendConfig(embedded=EmbeddedConfig(**given)))


def serve(
    project: Project,
    script: Callable[[Scripted], Script],
    *,
    workers: int = 2,
    grace: float = GUARD,
    patience: float = GUARD,
    load: Callable[[], Config] | None = None,
    make_sources: Callable[[Config, MachineState], Sequence[Source]] = sources_of,
    pause: float = 0.0,
    state: MachineState | None = None,
    pool: Pool | None = None,
) -> Scripted:
    """Serve until the script is over, and return what was shown."""
    opened = state or project.state()
    holder: list[Scripted] = []

    def steps() -> Script:
        yield from script(holder[0])

    try:
        with opened.exclusive():
            watch = Scripted(steps())
            holder.append(watch)
            supervisor = Supervisor(
                project.config, opened, watch, workers=workers, pause=lambda _: pause, endless=True, pool=pool
            )
            service = Up(
                supervisor,
                load or (lambda: project.config),
                grace=grace,
                patience=patience,
                make_sources=make_sources,
            )
            watch.stop = service.stop
            service.serve()
    finally:
        if state is None:
            opened.close()
    return watch
