"""Shows the progress of `slips run` on standard error: a bar on a terminal, plain lines in a pipe or a log.

The supervisor reports the progress to an Observer; the Observers are here.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from slips.cli.output import say
from slips.model import Lane, ObjectEvent, Outcome, is_to_the_end
from slips.pipeline.ended import Failure
from slips.printable import one_line, plural
from slips.service.observer import Observer

TALLY_SECONDS = 10.0
"""Seconds between two lines about progress in a pipe or a log."""


@contextmanager
def watch(verbose: bool) -> Iterator[Observer]:
    """Return an Observer that shows the session until the end of the block; `verbose` shows finished objects, too."""
    if not sys.stderr.isatty():
        yield Lines(verbose)
        return
    bar = Bar(verbose)
    with bar.progress_bar:
        yield bar


@contextmanager
def counting(noun: str, clock: Callable[[], float] = time.monotonic) -> Iterator[Callable[[int], None]]:
    """Return a function to call with each number of finished things; show their sum until the end of the block.

    `noun` names the things, in the plural.
    """
    if not sys.stderr.isatty():
        yield Tally(noun, clock).add
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn(f"{{task.completed:,.0f}} {noun}", markup=False), TimeElapsedColumn())
    # Standard output stays as it is, for data that is printed meanwhile.
    with Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=False) as shown:
        task = shown.add_task("", total=None)
        yield lambda number: shown.advance(task, number)


@contextmanager
def reaching(total: int, noun: str, clock: Callable[[], float] = time.monotonic) -> Iterator[Callable[[int], None]]:
    """Return a function to call with each number of finished things; show their sum of `total`, and the time left.

    `noun` names the things, in the plural.
    """
    if not sys.stderr.isatty():
        yield Tally(noun, clock, total).add
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (BarColumn(bar_width=24), MofNCompleteColumn(), TextColumn(noun, markup=False), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=False) as shown:
        task = shown.add_task("", total=total)
        yield lambda number: shown.advance(task, number)


class Tally:
    """Prints a line with the number of finished things every TALLY_SECONDS; with a `total`, also the time left."""

    def __init__(self, noun: str, clock: Callable[[], float], total: int | None = None) -> None:
        self._noun, self._clock, self._total = noun, clock, total
        self._count, self._begun = 0, clock()
        self._printed_at = self._begun

    def add(self, number: int) -> None:
        """Add `number` finished things."""
        self._count += number
        if self._clock() - self._printed_at >= TALLY_SECONDS:
            self._printed_at = self._clock()
            say(f"{self._count:,} {self._noun} so far{self._left()}")

    def _left(self) -> str:
        """Format how many things there are, and how long the rest will take at the pace so far."""
        if self._total is None:
            return ""
        seconds = (self._printed_at - self._begun) / self._count * (self._total - self._count) if self._count else 0
        return f", of {self._total:,}; about {round(seconds / 60) or 1} min left"


class Lines(Observer):
    """An Observer that prints a line for each failed object; with `verbose` for each finished one and attempt, too."""

    def __init__(self, verbose: bool) -> None:
        self._verbose = verbose

    def started(self, objects: int, size: int) -> None:
        if self._verbose:
            self.line(f"{objects:,} to do, {plural(size, 'byte')} as stored")

    def progress(self, event: ObjectEvent, seq: int) -> None:
        if self._verbose:
            self.line(f"{event.url}: at record {seq:,}")

    def hashing(self, event: ObjectEvent, done: int) -> None:
        if self._verbose:
            self.line(f"{event.url}: {plural(done, 'byte')} read to tell whether its content is new")

    def succeeded(self, event: ObjectEvent, outcome: Outcome) -> None:
        if self._verbose:
            part = "last part: " if event.records and is_to_the_end(event.records) else ""
            counts = f"done, {part}{plural(outcome.records, 'record')}, {outcome.quarantined:,} quarantined"
            if outcome.filtered_by:
                counts = f"filtered by {outcome.filtered_by}, as it is no log"
            self.line(f"{event.url}: {counts}")

    def continued(self, event: ObjectEvent, outcome: Outcome) -> None:
        if self._verbose:
            self.line(f"{event.url}: {plural(outcome.records, 'record')} done, the time is up, the rest runs later")

    def failed(self, event: ObjectEvent, failure: Failure, attempt: int, final: bool) -> None:
        if final:
            self.line(f"failed: {failure.message}")
        elif self._verbose:
            which = (
                "a worker had no resources, which is no attempt" if failure.resources else f"attempt {attempt} failed"
            )
            self.line(f"{which}, there will be another: {failure.message}")

    def ended(self, event: ObjectEvent, why: str) -> None:
        if self._verbose:
            self.line(f"{event.url}: {why}")

    def warned(self, text: str) -> None:
        self.line(text)

    def arrived(self, source: str, pushed: int, dropped: int) -> None:
        if self._verbose:
            self.line(f"{source}: {plural(pushed, 'object')} more to do")

    def troubled(self, where: str, why: str) -> None:
        self.line(f"{why}; it is tried again")

    def paused(self, lane: Lane, why: str) -> None:
        self.line(f"lane {lane}: {why}")

    def resumed(self, lane: Lane, why: str, rest: str = "") -> None:
        self.line(f"lane {lane}: {why}{f'; still {rest}' if rest else ''}")

    def line(self, text: str) -> None:
        say(one_line(text))


class Bar(Lines):
    """An Observer that shows a bar of objects, the number of records, and the current object, below the lines."""

    def __init__(self, verbose: bool) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
        from rich.table import Column

        super().__init__(verbose)
        self._console = Console(stderr=True)
        now = Column(ratio=1, no_wrap=True, overflow="ellipsis")
        self.progress_bar = Progress(
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[counts]}", markup=False),
            TextColumn("{task.fields[at]}", markup=False, style="dim", table_column=now),
            console=self._console,
            transient=True,
            expand=True,
        )
        self._task = self.progress_bar.add_task("", total=None, counts="", at="")
        self._total = self._records = self._failed = 0
        self._running: dict[str, int] = {}

    def started(self, objects: int, size: int) -> None:
        super().started(objects, size)
        self._more(objects)

    def arrived(self, source: str, pushed: int, dropped: int) -> None:
        super().arrived(source, pushed, dropped)
        self._more(pushed)

    def progress(self, event: ObjectEvent, seq: int) -> None:
        self._running[event.url] = seq
        self._show(event, advance=0)

    def hashing(self, event: ObjectEvent, done: int) -> None:
        self._show(event, advance=0)

    def succeeded(self, event: ObjectEvent, outcome: Outcome) -> None:
        super().succeeded(event, outcome)
        self._end(event, outcome)

    def continued(self, event: ObjectEvent, outcome: Outcome) -> None:
        super().continued(event, outcome)
        self._running.pop(event.url, None)
        self._records += outcome.records
        self._show(event, advance=0)

    def failed(self, event: ObjectEvent, failure: Failure, attempt: int, final: bool) -> None:
        super().failed(event, failure, attempt, final)
        if final:
            self._failed += 1
            self._end(event, Outcome())  # the records of a failed object are not delivered ones

    def ended(self, event: ObjectEvent, why: str) -> None:
        super().ended(event, why)
        self._show(event)

    def line(self, text: str) -> None:
        self._console.print(f"slips: {one_line(text)}", markup=False, emoji=False, highlight=False, soft_wrap=True)

    def _more(self, objects: int) -> None:
        self._total += objects
        self.progress_bar.update(self._task, total=self._total)

    def _end(self, event: ObjectEvent, outcome: Outcome) -> None:
        self._running.pop(event.url, None)
        self._records += outcome.records
        self._show(event)

    def _show(self, event: ObjectEvent, advance: int = 1) -> None:
        counts = plural(self._records + sum(self._running.values()), "record")
        if self._failed:
            counts += f", {self._failed:,} failed"
        self.progress_bar.update(self._task, advance=advance, counts=counts, at=one_line(event.object_key))
