"""The log of `slips up` on standard error: a line for each step, as text for people or as JSON for programs."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Literal, TextIO

from slips.cli.output import result_words
from slips.model import Lane, ObjectEvent, Outcome, format_time, is_to_the_end
from slips.pipeline.ended import Failure
from slips.pipeline.result import plain_result
from slips.printable import cut, one_line, plural
from slips.service.observer import Observer

TALLY_SECONDS = 60.0
"""Seconds between two lines with the counts of all objects, if there were any in between."""
LOGGED_BYTES = 4_096
"""Most bytes of JSON that a line has of a handler's result; of a longer one it has the beginning."""
Level = Literal["debug", "info", "warning", "error"]


class LogLines(Observer):
    """Writes a line for each step that matters: each with time, level and what happened; all of them if `verbose`."""

    def __init__(
        self,
        *,
        as_json: bool = False,
        verbose: bool = False,
        file: TextIO | None = None,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._as_json, self._verbose, self._file = as_json, verbose, file
        self._now, self._clock = now, clock
        self._objects = self._failed = self._records = 0
        self._tallied, self._tallied_at = 0, clock()

    def write(self, level: Level, message: str, **fields: Any) -> None:
        """Write a line. `fields` are for programs: the message has them in words."""
        if level == "debug" and not self._verbose:
            return
        stamp = format_time(self._now())
        if self._as_json:
            line = json.dumps({"time": stamp, "level": level, "message": cut(message), **fields})
        else:
            line = f"{stamp} {level:7} {one_line(cut(message))}"
        # In one go: handlers print to the same file. A full disk below it must not end the service.
        with suppress(OSError):
            file = self._file or sys.stderr
            file.write(f"{line}\n")
            file.flush()

    # -- the service

    def started(self, objects: int, size: int) -> None:
        self.write("info", f"started; {plural(objects, 'object')} waiting", waiting=objects)

    def looked(self) -> None:
        if self._objects != self._tallied and self._clock() - self._tallied_at >= TALLY_SECONDS:
            self._tally()

    def _tally(self) -> None:
        count = self._objects - self._tallied
        self._tallied, self._tallied_at = self._objects, self._clock()
        self.write(
            "info",
            f"{plural(count, 'object')} more; {self._objects:,} since the start, of which {self._failed:,} failed, "
            f"{plural(self._records, 'record')}",
            objects=self._objects,
            failed=self._failed,
            records=self._records,
        )

    def stopping(self, running: int, seconds: float) -> None:
        grace = f"; {plural(running, 'object')} at work may end within {seconds:.0f} s" if running else ""
        self.write("info", f"stopping{grace}", running=running)

    def stopped(self, given_back: int) -> None:
        if self._objects != self._tallied:
            self._tally()
        again = f"; {plural(given_back, 'object')} given back, to run again next time" if given_back else ""
        self.write("info", f"stopped{again}", given_back=given_back)

    def troubled(self, where: str, why: str) -> None:
        self.write("error", f"{where}: {why}; tried again until it is mended", where=where)

    def mended(self, where: str) -> None:
        self.write("info", f"{where}: can be used again; going on", where=where)

    def reloading(self, what: str) -> None:
        text = f"{what}: the changed code is still being loaded; the old code is used on meanwhile"
        self.write("warning", text, files=what)

    def reloaded(self, what: str) -> None:
        self.write("info", f"reloaded: {what}", files=what)

    def not_reloaded(self, why: str) -> None:
        self.write("error", f"not reloaded: {why}")

    def paused(self, lane: Lane, why: str) -> None:
        self.write("warning", f"lane {lane}: {why}", lane=lane)

    def resumed(self, lane: Lane, why: str, rest: str = "") -> None:
        self.write("info", f"lane {lane}: {why}{f'; still {rest}' if rest else ''}", lane=lane)

    def warned(self, text: str) -> None:
        self.write("warning", text)

    def arrived(self, source: str, pushed: int, dropped: int) -> None:
        also = f", {dropped:,} dropped by routing" if dropped else ""
        self.write("debug", f"{source}: {plural(pushed, 'object')} new{also}", source=source, new=pushed)

    # -- objects

    def given(self, event: ObjectEvent) -> None:
        self.write("debug", f"{event.url}: begun", object=event.url)

    def succeeded(self, event: ObjectEvent, outcome: Outcome) -> None:
        self._objects += 1
        self._records += outcome.records
        if outcome.filtered_by:
            self.write("debug", f"{event.url}: filtered by {outcome.filtered_by}, as it is no log", object=event.url)
            return
        counts = {name: getattr(outcome, name) for name in ("records", "delivered", "filtered", "quarantined")}
        bad = f", {outcome.quarantined:,} quarantined: 'slips errors' lists them" if outcome.quarantined else ""
        part = "last part: " if event.records and is_to_the_end(event.records) else ""
        done = f"done, {part}{plural(outcome.records, 'record')}{bad}"
        self._write_run("warning" if outcome.quarantined else "debug", event, done, outcome, **counts)

    def continued(self, event: ObjectEvent, outcome: Outcome) -> None:
        self._records += outcome.records
        part = plural(outcome.records, "record")
        self._write_run("debug", event, f"{part} done, the time is up, the rest runs later", outcome)

    def _write_run(self, level: Level, event: ObjectEvent, ended: str, outcome: Outcome, **fields: Any) -> None:
        """Write how a run has ended, and what its handlers have returned: whoever returns something wants it seen."""
        results = {name: plain_result(each, LOGGED_BYTES) for name, each in outcome.results.items() if each is not None}
        if results:
            level = "info" if level == "debug" else level
            fields["results"] = results
        words = [ended, *(f"result of {name}: {result_words(each)}" for name, each in results.items())]
        self.write(level, f"{event.url}: {'; '.join(words)}", object=event.url, **fields)

    def failed(self, event: ObjectEvent, failure: Failure, attempt: int, final: bool) -> None:
        self._objects += final
        self._failed += final
        fields = {"object": failure.event.url, "attempt": attempt, "error_type": failure.error_type}
        if final:
            self.write("error", f"failed: {failure.message}", **fields)
        else:
            self.write("warning", f"attempt {attempt} failed, there will be another: {failure.message}", **fields)

    def ended(self, event: ObjectEvent, why: str) -> None:
        self.write("debug", f"{event.url}: {why}", object=event.url)
