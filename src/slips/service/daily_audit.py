"""The daily audit of `slips up`: reads listing and state in a thread of its own, and leaves the result for operators.

Never on the way of an object: the thread has its own connection to the state, from which it reads pages in short
transactions, and writes one note at its end.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from queue import Empty, SimpleQueue

import msgspec

from slips.backends.machine.known import SqliteKnown
from slips.backends.machine.operations import MachineOperations
from slips.backends.machine.patience import Patience
from slips.backends.machine.state import MachineState
from slips.config import Config
from slips.errors import SlipsError
from slips.exceptions import describe
from slips.kept_audit import LAST
from slips.model import ObjectEvent
from slips.pipeline.audit import DAY, Audit, audit
from slips.pipeline.audit_note import note_of
from slips.pipeline.selection import selection_of
from slips.printable import plural
from slips.site.function import ON_A_LANE_SECONDS
from slips.site.machine import MachineSite

LOCK_SECONDS = 60.0
"""Seconds to wait for a state that another process has locked."""
Run = Callable[[Callable[[], None]], None]
"""Runs a function beside the supervisor."""


def in_a_thread(work: Callable[[], None]) -> None:
    """Run `work` in a thread that does not keep the process from ending."""
    threading.Thread(target=work, name="daily audit", daemon=True).start()


class DailyAudit:
    """Audits a day after the last audit, or after the start of the service if there was none."""

    def __init__(
        self,
        state: MachineState,
        *,
        endpoint_url: str | None = None,
        region: str | None = None,
        run: Run = in_a_thread,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._directory, self._endpoint_url, self._region = state.directory, endpoint_url, region
        self._run, self._clock = run, clock
        self._ended: SimpleQueue[str] = SimpleQueue()
        """A sentence for people about each audit that ended; empty if all is well."""
        self._is_running, self._is_stopped = False, False
        self._due = self._last(state) + DAY

    def look(self, config: Config) -> str:
        """Begin an audit if one is due. Return a sentence for people about one that ended; empty for none."""
        try:
            said, self._is_running = self._ended.get_nowait(), False
        except Empty:
            said = ""
        now = self._clock()
        self._due = min(self._due, now + DAY)  # a clock that was years ahead, and is right now, delays none for years
        if config.backend.audit and not self._is_running and now >= self._due:
            self._is_running, self._due = True, now + DAY
            self._run(lambda: self._ended.put(self._audit(config)))
        return said

    def stop(self) -> None:
        """Let an audit at work end soon, without a result."""
        self._is_stopped = True

    def _last(self, state: MachineState) -> float:
        """Return when the last audit was made; if there was none, now."""
        note = state.setting(f"note.{LAST}")
        if note is None:
            return self._clock()
        return ObjectEvent(bucket_name="", object_key="", event_time=msgspec.json.decode(note)["at"]).timestamp

    def _audit(self, config: Config) -> str:
        """Audit, and note the result. Return what is to be said of it."""
        try:
            state = MachineState.open(self._directory, Patience(LOCK_SECONDS))
            try:
                found = self._compared(config, state)
            finally:
                state.close()
        except SlipsError as error:
            return "" if self._is_stopped else f"the daily audit did not end: {error}"
        except Exception as error:  # noqa: BLE001 - shown to people: a thread has nobody else to tell
            return f"the daily audit did not end: {describe(error)}; this is a bug of slips; please report it"
        return _said(found)

    def _compared(self, config: Config, state: MachineState) -> Audit:
        site = MachineSite(config, state, endpoint_url=self._endpoint_url, region=self._region)

        def go_on(_: int) -> None:
            if self._is_stopped:
                raise SlipsError("the service was stopped")

        found = audit(site, _Backend(site), selection_of(site, (), ()), progress=go_on)
        MachineOperations(config, state).set_note(*note_of(found))
        return found


class _Backend:
    """The state, with unknown objects that may still be on their way: some sources list only now and then."""

    def __init__(self, site: MachineSite) -> None:
        self.name, self._site = site.config.stack_name, site

    def known(self, listed: Iterable[ObjectEvent], progress: Callable[[int], None]) -> SqliteKnown:
        def hash_of(event: ObjectEvent) -> str | None:
            return self._site.stores.directories.hash_of_listed(event, lambda _: progress(0))

        return SqliteKnown(self._site.state, listed, hash_of, lag=ON_A_LANE_SECONDS)


def _said(found: Audit) -> str:
    """Return what is to be said of an audit; empty if nothing is missing and all could be listed."""
    missing = found.total.found.missing
    said = [f"{plural(missing, 'object')} missing"] if missing else []
    said += [f"{plural(len(found.problems), 'path')} could not be listed"] if found.problems else []
    return (
        f"the daily audit: {', '.join(said)}; 'slips audit' shows which, '--repair' puts back what is missing"
        if said
        else ""
    )
