"""`slips up`: a session without an end. It goes on when state, sources or code cannot be used, and stops cleanly.

In: a supervisor, and what may change while it works: files of the user, directories, signals. Trouble is shown once and
waited for: nothing is lost, since each object stays on its lane until it is concluded.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from slips.backends.machine.state import MachineState
from slips.config import Config
from slips.config.backend import Embedded
from slips.errors import ConfigError, LostStateError, StateError, UsageError
from slips.service.daily_audit import DailyAudit
from slips.service.listings import ListingSource
from slips.service.s3_sources import sources_in_s3
from slips.service.sources import Source
from slips.service.supervisor import LOOK_SECONDS, Supervisor
from slips.service.used_files import UsedFiles
from slips.service.watch import DirectorySource

RETRY_SECONDS = (5.0, 60.0)
"""Seconds before the second and third attempt of an object, give or take half of them."""
GRACE_SECONDS = 8.0
"""Seconds that objects at work have to end when the service stops: containers are killed after 10."""
PATIENCE_SECONDS = 2.0
"""Most seconds that the next object waits for changed code. A slow import takes longer: the old code goes on."""
TROUBLE_SECONDS = (1.0, 30.0)
"""Seconds to wait while the state or the workers cannot be used: at first, and at most."""


RUN_SECONDS = 900
"""Seconds for one run of an object if the config does not say: as on AWS. A handler that hangs must not keep a worker
for months."""


def with_time_limit(config: Config) -> Config:
    """Return a config in which the runs of handlers have a time limit."""
    handler = config.handler
    return replace(config, handler=replace(handler, timeout=handler.timeout or RUN_SECONDS))


def later(attempts: int, draw: Callable[[float, float], float] = random.uniform) -> float:
    """Return the seconds until the next attempt of an object. Objects that failed together do not come together."""
    seconds = RETRY_SECONDS[min(attempts, len(RETRY_SECONDS)) - 1]
    return draw(seconds / 2, seconds * 3 / 2)


def sources_of(
    config: Config, state: MachineState, *, endpoint_url: str | None = None, region: str | None = None
) -> list[Source]:
    """Return the sources of all buckets that the config has on this machine, in directories and in S3."""
    embedded = config.backend.embedded or Embedded()
    own = state.directory.resolve()
    return [
        *(
            DirectorySource(
                bucket,
                config.resolve(place),
                settle=embedded.settle,
                ledger_days=config.backend.ledger_days,
                own=own,
                is_known=state.files.knows(bucket),
            )
            for bucket, place in embedded.directories.items()
        ),
        *sources_in_s3(config, endpoint_url=endpoint_url, region=region),
    ]


class _Change(Struct):
    """The config that a worker tries now, and the changed files."""

    config: Config
    changed: list[str]
    begun: float
    at: float
    """When it began, in epoch seconds."""
    is_slow: bool = False
    """Whether objects go on with the old code, and the observer knows."""


class Up:
    """The session of `supervisor`, until `stop` is called."""

    def __init__(
        self,
        supervisor: Supervisor,
        load: Callable[[], Config],
        *,
        grace: float = GRACE_SECONDS,
        patience: float = PATIENCE_SECONDS,
        make_sources: Callable[[Config, MachineState], Sequence[Source]] = sources_of,
        audits: DailyAudit | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin nothing yet. `load` reads the config anew, and raises ConfigError. The config must be of a file.

        `patience`: most seconds that objects wait while changed code is loaded, before they go on with the old one.
        """
        self._supervisor, self._session, self._observer = supervisor, supervisor.session, supervisor.session.observer
        self._load, self._grace, self._make_sources, self._clock = load, grace, make_sources, clock
        self._state = self._session.site.state
        self._audits = audits or DailyAudit(self._state)
        self._code = UsedFiles(self._files(supervisor.config))
        self._sources: list[Source] = []
        self._sourced: tuple[Embedded | None, int] | None = None
        """The settings of the config by which the sources were opened."""
        self._patience = patience
        self._trial: _Change | None = None
        self._troubles: dict[str, str] = {}
        """The state, or the workers, that cannot be used now, with the reason."""
        self._failures, self._again_at = 0, 0.0
        self._has_worked = False
        """Whether a worker has been ready: the handlers could be imported once."""
        self._is_stopped = False

    def stop(self) -> None:
        """Start no objects any more, and end soon. Can be called in the handler of a signal."""
        self._is_stopped = True
        self._supervisor.wake()

    def serve(self) -> None:
        """Process all that waits and arrives, until `stop` is called.

        Raises UsageError if no handler can be used at the start, StateError if the state cannot, LostStateError as soon
        as the state is no longer in its place.
        """
        try:
            self._observer.started(*self._state.stream.waiting())
            self._supervisor.warm_up()
            while not self._is_stopped:
                self._observer.looked()
                self._turn()
            self._end()
        finally:
            self._audits.stop()
            self._supervisor.close()
        self._observer.stopped(self._supervisor.running)

    def _turn(self) -> None:
        """Take a step, or wait if the last one failed."""
        try:
            if self._clock() < self._again_at:
                self._supervisor.listen(min(LOOK_SECONDS, self._again_at - self._clock()))
                return
            starts = self._may_start()
            self._open_sources()
            self._look_at_buckets()
            if said := self._audits.look(self._supervisor.config):
                self._observer.warned(said)
            self._supervisor.step(starts=starts)
            self._has_worked = self._has_worked or self._supervisor.has_worker
        except LostStateError:
            raise
        except StateError as error:
            self._wait_for("state", error)
        except UsageError as error:
            # The handler could be imported before, or the system has no room for a process.
            if not self._troubles and not self._has_worked:
                raise
            self._wait_for("workers", error)
        else:
            if self._troubles:
                self._session.turns.look_again()
            for where in self._troubles:
                self._observer.mended(where)
            self._troubles.clear()
            self._failures = 0

    def _wait_for(self, where: str, error: Exception) -> None:
        """Show trouble once, and let some seconds pass before the next step."""
        if self._troubles.get(where) != str(error):
            self._troubles[where] = str(error)
            self._observer.troubled(where, str(error))
        first, most = TROUBLE_SECONDS
        self._again_at = self._clock() + min(most, first * 2**self._failures)
        self._failures = min(self._failures + 1, 10)

    def _open_sources(self) -> None:
        """Open the sources of the config, in place of those of another one."""
        config = self._supervisor.config
        wanted = (config.backend.embedded, config.backend.ledger_days)
        if wanted != self._sourced:
            self._sources = list(self._make_sources(config, self._state))
            self._session.intake.replace(self._sources)
            self._sourced = wanted

    def _look_at_buckets(self) -> None:
        """Leave events of buckets that are away on their lanes, until these are back."""
        for source in self._sources:
            if isinstance(source, DirectorySource | ListingSource):
                is_away = source.is_away
                if self._session.pending.set_away(source.bucket, is_away=is_away) and not is_away:
                    self._session.turns.look_again()

    # -- changed code

    def _may_start(self) -> bool:
        """Whether objects may start: the workers run the files as they are now, or those cannot be loaded in time.

        If files have changed, try a worker that runs them, in place of one that is tried now.
        """
        since = None if self._trial is None else self._trial.at
        if self._trial is not None and not self._supervisor.is_renewing:
            trial, self._trial = self._trial, None
            self._use(trial.config, trial.changed)
        self._code.add(self._supervisor.files, since)
        if not self._code.is_changed:
            return self._trial is None or self._is_slow(self._trial)
        if not self._code.is_at_rest:
            return False
        changed = self._code.load()
        if self._trial is not None:
            changed = sorted({*changed, *self._trial.changed})
            self._trial = None
            self._supervisor.end_trial()
        try:
            config = self._load()
        except ConfigError as error:
            self._observer.not_reloaded(f"{error}; the old config is used on")
            return True
        if config.state_directory != self._supervisor.config.state_directory:
            self._observer.not_reloaded(
                "'backend.embedded.path' has changed; expected the same state; stop the service and start it again"
            )
            return True
        self._trial = _Change(config, changed, self._clock(), time.time())
        self._supervisor.renew(config)
        return False

    def _is_slow(self, trial: _Change) -> bool:
        """Whether the import of changed files takes so long that objects go on with the old code."""
        if not trial.is_slow and self._clock() - trial.begun >= self._patience:
            trial.is_slow = True
            self._observer.reloading(self._names(trial.changed))
        return trial.is_slow

    def _use(self, config: Config, changed: Sequence[str]) -> None:
        """Use a config that a worker has tried, or show why that is not possible."""
        if reason := self._supervisor.use(config):
            self._observer.not_reloaded(f"{reason}; the old code is used on")
            return
        self._code.add(self._files(config))
        self._observer.reloaded(self._names(changed))

    def _names(self, files: Sequence[str]) -> str:
        """Return the names of files, those below the directory of the config relative to it."""
        folder = Path(self._supervisor.config.file).parent.resolve()
        paths = map(Path, files)
        return ", ".join(
            sorted(str(path.relative_to(folder) if path.is_relative_to(folder) else path) for path in paths)
        )

    def _files(self, config: Config) -> list[Path]:
        """Return the files that the config names, and its own."""
        handlers = {config.resolve(spec.path).resolve() for spec in config.handlers}
        return [Path(config.file).resolve(), *sorted(handlers)]

    # -- the end

    def _end(self) -> None:
        """Let objects at work end for some seconds; those that do not run again in the next session."""
        self._observer.stopping(self._supervisor.running, self._grace)
        end = self._clock() + self._grace
        while self._supervisor.is_busy and (left := end - self._clock()) > 0:
            self._observer.looked()
            try:
                self._supervisor.step(starts=False)
            except LostStateError:
                raise
            except (StateError, UsageError) as error:
                self._wait_for("state", error)
                self._supervisor.listen(min(LOOK_SECONDS, left))
        try:
            self._session.brakes.write(all_of_it=True)
        except StateError as error:
            self._wait_for("state", error)
