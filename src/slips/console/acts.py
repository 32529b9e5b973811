"""Does one act at a time in the background, and tells how far it is: pages ask for that.

In: an act that a person has confirmed. Out: its counts and messages. An act ends between two steps when the console
ends, so that every item is then on its lane or in the table.
"""

from __future__ import annotations

import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import cast

import msgspec
from msgspec import Struct, field

from slips.config.needs import DRAINING
from slips.console import child
from slips.console.desk import Desk
from slips.console.plans import CANARY, ActPlan, ActRequest, revisions
from slips.errors import SlipsError, UsageError
from slips.model import ErrorItem, ObjectEvent
from slips.operations import Kind, Operations
from slips.pipeline.canary import Canary, CanaryGroup, SenderByFunction, SenderHere
from slips.pipeline.dismiss import Changed, Dismissal, dismiss
from slips.pipeline.drain import DrainFunction, DrainRequest, DrainResult, drain, drain_remotely
from slips.printable import plural

LINES = 200
"""Messages of an act that are kept, the latest."""
WAIT = 600.0
"""Seconds to wait for the outcome of a canary, as 'slips drain --canary' does without '--wait'."""
JOIN_SECONDS = 10.0
EVIDENCE_BYTES = 64 * 2**20
"""Bytes of dismissed items that are kept in memory, to be saved by the person who has dismissed them."""
PROCESSED_BY: dict[Kind, str] = {
    "machine": "'slips up' processes them now, or 'slips run'",
    "stack": "the stack processes them now",
}


class Stopped(Exception):
    """The console ends."""


class Act(Struct, kw_only=True):
    """An act, and how far it is. Only the thread of the act changes it."""

    title: str
    command: str
    began: float
    """Epoch seconds."""
    total: int = 0
    """Items that it is for."""
    done: int = 0
    """Items that are dealt with."""
    ended: float | None = None
    doing: str = ""
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=LINES))
    facts: list[str] = field(default_factory=list)
    """What became of it, in sentences."""
    groups: list[CanaryGroup] = field(default_factory=list)
    problem: str = ""
    evidence: list[bytes] = field(default_factory=list)
    """Dismissed items, as JSON."""
    evidence_bytes: int = 0

    @property
    def is_running(self) -> bool:
        return self.ended is None

    @property
    def is_held(self) -> bool:
        """Whether some of what was asked for was not done."""
        return bool(self.problem) or any(group.is_held for group in self.groups)


class Acts:
    """The one act that runs, or the last one that ran."""

    def __init__(self, desk: Desk, changed: Callable[[], None] = lambda: None) -> None:
        """`changed` is called when an act has ended."""
        self._desk, self._changed = desk, changed
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self.last: Act | None = None

    def start(self, plan: ActPlan) -> Act:
        """Begin the act that a person has confirmed. Raises UsageError if another one runs."""
        with self._lock:
            if self.last is not None and self.last.is_running:
                raise UsageError(f"{self.last.title!r} still runs; expected one act at a time; wait for its end")
            act = Act(title=plan.title, command=plan.command, began=self._desk.clock(), total=plan.items)
            self.last = act
            # A daemon: a step that hangs must not keep the console from ending. Any kill between steps is harmless.
            self._thread = threading.Thread(target=self._run, args=(act, plan), name="slips-act", daemon=True)
            self._thread.start()
            return act

    def stop(self) -> None:
        """End the act that runs, behind its present step, and wait for that for JOIN_SECONDS at most."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(JOIN_SECONDS)

    def wait(self, seconds: float) -> None:
        """Wait for the end of the act that runs."""
        if self._thread is not None:
            self._thread.join(seconds)

    def _run(self, act: Act, plan: ActPlan) -> None:
        try:
            work = {"canary": self._drain_with_canary, "drain": self._drain, "dismiss": self._dismiss}[plan.asked.act]
            work(act, plan.asked)
        except Stopped:
            act.problem = "the console was ended; what is not done yet is still in the error table"
        except SlipsError as error:
            act.problem = str(error)
        except Exception as error:  # noqa: BLE001 - the last resort: a page shows it, the terminal all of it
            traceback.print_exc(file=sys.stderr)
            act.problem = f"this is a bug of slips: {type(error).__name__}; the terminal of the console has more"
        finally:
            act.doing = ""
            act.ended = self._desk.clock()
            self._changed()

    def _check(self) -> None:
        if self._stop.is_set():
            raise Stopped

    def _sleep(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise Stopped

    # -- drain

    def _drain(self, act: Act, asked: ActRequest) -> None:
        act.doing = "putting items back on their lanes"
        request, done = DrainRequest.from_choice(asked.choice), DrainResult()
        for kind, steps in self._draining(request, done):
            try:
                for _ in steps:
                    act.done = done.settled + done.kept
                    self._check()
            finally:
                act.done = done.settled + done.kept
                act.facts += drained_facts(done, kind)
                act.lines.extend(done.notes)

    def _draining(self, request: DrainRequest, done: DrainResult) -> Iterator[tuple[Kind, Iterator[object]]]:
        """Yield the kind of the place and the steps of the drain, while the place is open."""
        if self._is_remote:
            with self._desk.operations() as operations:
                yield operations.kind, drain_remotely(request, _function(operations), done)
            return
        with self._desk.site(DRAINING) as (site, operations):
            yield operations.kind, drain(request, site, done)

    @property
    def _is_remote(self) -> bool:
        """Whether the stack's own function must drain, as there is no config here."""
        return self._desk.is_stack and self._desk.config_file is None

    # -- canary

    def _drain_with_canary(self, act: Act, asked: ActRequest) -> None:
        done, request = DrainResult(), DrainRequest.from_choice(asked.choice)
        if self._is_remote:
            with self._desk.operations() as operations:
                sender = SenderByFunction(_function(operations), done)
                self._follow(act, self._canary(operations, sender), request, done, operations.kind, None)
            return
        with self._desk.site(DRAINING) as (site, operations):
            canary = self._canary(operations, SenderHere(site, operations, done))
            settle = None if self._desk.is_stack else self._settle(act)
            self._follow(act, canary, request, done, operations.kind, settle)

    def _canary(self, operations: Operations, sender: SenderHere | SenderByFunction) -> Canary:
        return Canary(operations, sender, CANARY, clock=time.monotonic, sleep=self._sleep)

    def _settle(self, act: Act) -> Callable[[Sequence[ObjectEvent]], bool]:
        """Return the function that runs the events of a canary on this machine, in a process of its own."""

        def settle(events: Sequence[ObjectEvent]) -> bool:
            act.doing = f"running {plural(len(events), 'object')} here"
            return child.run_replays(self._desk, events, act.lines.append, self._stop)

        return settle

    def _follow(
        self,
        act: Act,
        canary: Canary,
        request: DrainRequest,
        done: DrainResult,
        kind: Kind,
        settle: Callable[[Sequence[ObjectEvent]], bool] | None,
    ) -> None:
        """Send the canaries, wait for their outcomes, and drain the groups that succeed."""
        try:
            act.doing = f"putting {CANARY} items of each group back"
            for _ in canary.send(request, done.note_absent):
                act.groups, act.done = canary.groups, _dealt_with(canary)
                self._check()
            act.groups, act.doing = canary.groups, "waiting for their outcome"
            for step in canary.outcomes(WAIT, settle or _runs_elsewhere):
                act.groups = canary.groups
                if isinstance(step, CanaryGroup) and step.sent and not step.is_held:
                    act.doing = f"putting the rest of {step.fingerprint} back"
                    for _ in canary.follow(step):
                        act.done = _dealt_with(canary)
                        self._check()
                act.done = _dealt_with(canary)
        finally:
            act.groups, act.done = canary.groups, _dealt_with(canary)
            act.lines.extend(done.notes)
            act.facts += canary_facts(canary, kind)
        for problem in canary.unreadable:
            raise problem

    # -- dismiss

    def _dismiss(self, act: Act, asked: ActRequest) -> None:
        done = Dismissal()
        act.doing = "dismissing items"
        with self._desk.operations() as operations:
            try:
                for each in dismiss(operations, revisions(asked, operations, self._desk.clock()), [], done):
                    match each:
                        case Changed(request_id=request_id):
                            act.lines.append(f"{request_id}: changed meanwhile, and stays")
                        case ErrorItem():
                            _keep(act, each)
                    act.done = done.items
                    self._check()
            finally:
                act.done = done.items
                act.facts.append(f"{plural(done.items, 'item')} dismissed")


def _keep(act: Act, item: ErrorItem) -> None:
    """Keep the evidence of an item before it is deleted. Raises SlipsError if there is no more room."""
    text = msgspec.json.encode(item.to_dict())
    if act.evidence_bytes + len(text) > EVIDENCE_BYTES:
        raise SlipsError(
            f"evidence of {EVIDENCE_BYTES:,} bytes is kept, which is the most; expected fewer items at once; save it, "
            "and dismiss the rest: all items that are left are still in the table"
        )
    act.evidence_bytes += len(text)
    act.evidence.append(text)


def drained_facts(done: DrainResult, kind: Kind) -> Iterator[str]:
    """Yield what became of a drain, in sentences."""
    if done.drained:
        on = " and ".join(f"{count:,} on lane {lane}" for lane, count in done.lanes.items() if count)
        yield f"{plural(done.drained, 'item')} drained: {on}; {PROCESSED_BY[kind]}"
    if done.undelivered:
        yield f"{plural(done.undelivered, 'undelivered object event')} put back; {PROCESSED_BY[kind]}"
    if done.dropped:
        yield f"{plural(done.dropped, 'item')} dropped by a routing rule"
    if done.kept:
        yield f"{plural(done.kept, 'item')} kept, as the messages say; a dismissal takes out what cannot be replayed"
    if not (done.settled or done.kept or done.undelivered):
        yield "nothing to drain"


def canary_facts(canary: Canary, kind: Kind) -> Iterator[str]:
    """Yield what became of a drain with a canary, in sentences."""
    groups = canary.groups
    if followed := sum(group.drained for group in groups):
        yield f"{plural(followed, 'item')} followed their canary; {PROCESSED_BY[kind]}"
    if held := sum(group.is_held for group in groups):
        yield f"{plural(held, 'group')} held back: the items sent first did not all succeed; the rest stays"
    if waiting := len(canary.waiting):
        yield f"{plural(waiting, 'object')} on a lane, whose outcome is not known yet; {PROCESSED_BY[kind]}"
    if not groups:
        yield "nothing to drain"


def _dealt_with(canary: Canary) -> int:
    return sum(group.count - group.left for group in canary.groups)


def _runs_elsewhere(_: Sequence[ObjectEvent]) -> bool:
    """Run nothing: the stack does."""
    return False


def _function(operations: Operations) -> DrainFunction:
    """Return the stack with its Drain function."""
    assert operations.kind == "stack"  # noqa: S101 - a stack alone is opened without a config
    return cast("DrainFunction", operations)
