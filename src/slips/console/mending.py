"""The acts on error items: drain, with a canary or without, and dismiss. The functions of `pipeline/` do the work."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import cast

import msgspec

from slips.config.needs import DRAINING
from slips.console import child
from slips.console.acts import EVIDENCE_BYTES, Act
from slips.console.desk import Desk
from slips.console.plans import CANARY, ActRequest, revisions
from slips.errors import SlipsError
from slips.model import ErrorItem, ObjectEvent
from slips.operations import Operations
from slips.pipeline.canary import Canary, CanaryGroup, SenderByFunction, SenderHere
from slips.pipeline.dismiss import Changed, Dismissal, dismiss
from slips.pipeline.drain import DrainFunction, DrainRequest, DrainResult, drain, drain_remotely
from slips.pipeline.overview import Processing, processed_by
from slips.printable import plural

WAIT = 600.0
"""Seconds to wait for the outcome of a canary, as 'slips drain --canary' does without '--wait'."""
Settle = Callable[[Sequence[ObjectEvent]], bool]
"""Runs the events of a canary, as `Canary.outcomes` wants it."""


class Mending(msgspec.Struct, frozen=True):
    """An act on chosen error items of a place."""

    desk: Desk
    asked: ActRequest

    def __call__(self, act: Act) -> None:
        """Do it."""
        {"canary": self._drain_with_canary, "drain": self._drain, "dismiss": self._dismiss}[self.asked.act](act)

    # -- drain

    def _drain(self, act: Act) -> None:
        act.doing = "putting items back on their lanes"
        request, done = DrainRequest.from_choice(self.asked.choice), DrainResult()
        for by, steps in self._draining(request, done):
            try:
                for _ in steps:
                    act.done = done.settled + done.kept
                    act.check()
            finally:
                act.done = done.settled + done.kept
                act.facts += drained_facts(done, by)
                act.lines.extend(done.notes)

    def _draining(self, request: DrainRequest, done: DrainResult) -> Iterator[tuple[Processing, Iterator[object]]]:
        """Yield who processes what is drained, and the steps of the drain, while the place is open."""
        if self._is_remote:
            with self.desk.operations() as operations:
                yield processed_by(operations), drain_remotely(request, _function(operations), done)
            return
        with self.desk.site(DRAINING) as (site, operations):
            yield processed_by(operations), drain(request, site, done)

    @property
    def _is_remote(self) -> bool:
        """Whether the stack's own function must drain, as there is no config here."""
        return self.desk.is_stack and self.desk.config_file is None

    # -- canary

    def _drain_with_canary(self, act: Act) -> None:
        done, request = DrainResult(), DrainRequest.from_choice(self.asked.choice)
        if self._is_remote:
            with self.desk.operations() as operations:
                sender = SenderByFunction(_function(operations), done)
                self._follow(act, self._canary(act, operations, sender), request, done, processed_by(operations), None)
            return
        with self.desk.site(DRAINING) as (site, operations):
            canary = self._canary(act, operations, SenderHere(site, operations, done))
            settle = None if self.desk.is_stack else self._settle(act)
            self._follow(act, canary, request, done, processed_by(operations), settle)

    def _canary(self, act: Act, operations: Operations, sender: SenderHere | SenderByFunction) -> Canary:
        return Canary(operations, sender, CANARY, clock=time.monotonic, sleep=act.sleep)

    def _settle(self, act: Act) -> Settle:
        """Return the function that runs the events of a canary on this machine, in a process of its own."""

        def settle(events: Sequence[ObjectEvent]) -> bool:
            act.doing = f"running {plural(len(events), 'object')} here"
            is_run = child.run_replays(self.desk, events, act.lines.append, act.stop)
            if not is_run:
                act.doing = "waiting for the process that runs objects of this state"
            return is_run

        return settle

    def _follow(
        self,
        act: Act,
        canary: Canary,
        request: DrainRequest,
        done: DrainResult,
        by: Processing,
        settle: Settle | None,
    ) -> None:
        """Send the canaries, wait for their outcomes, and drain the groups that succeed."""
        try:
            act.doing = f"putting {CANARY} items of each group back"
            for _ in canary.send(request, done.note_absent):
                act.groups, act.done = canary.groups, _dealt_with(canary)
                act.check()
            act.groups, act.doing = canary.groups, "waiting for their outcome"
            for step in canary.outcomes(WAIT, settle or _runs_elsewhere):
                act.groups = canary.groups
                if isinstance(step, CanaryGroup) and step.sent and not step.is_held:
                    act.doing = f"putting the rest of {step.fingerprint} back"
                    for _ in canary.follow(step):
                        act.done = _dealt_with(canary)
                        act.check()
                act.done = _dealt_with(canary)
        finally:
            act.groups, act.done = canary.groups, _dealt_with(canary)
            act.lines.extend(done.notes)
            act.facts += canary_facts(canary, by, done)
        for problem in canary.unreadable:
            raise problem

    # -- dismiss

    def _dismiss(self, act: Act) -> None:
        done = Dismissal()
        act.doing = "dismissing items"
        with self.desk.operations() as operations:
            try:
                for each in dismiss(operations, revisions(self.asked, operations, self.desk.clock()), [], done):
                    match each:
                        case Changed(request_id=request_id):
                            act.lines.append(f"{request_id}: changed meanwhile, and stays")
                        case ErrorItem():
                            _keep(act, each)
                    act.done = done.items
                    act.check()
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


def drained_facts(done: DrainResult, by: Processing) -> Iterator[str]:
    """Yield what became of a drain, in sentences."""
    if done.drained:
        on = " and ".join(f"{count:,} on lane {lane}" for lane, count in done.lanes.items() if count)
        yield f"{plural(done.drained, 'item')} drained: {on}; {by.of(sum(done.lanes.values()), done.lanes, asked=True)}"
    if done.undelivered:
        yield f"{plural(done.undelivered, 'undelivered object event')} put back; {by.of(done.undelivered)}"
    if done.dropped:
        yield f"{plural(done.dropped, 'item')} dropped by a routing rule"
    if done.kept:
        yield f"{plural(done.kept, 'item')} kept, as the messages say; a dismissal takes out what cannot be replayed"
    if not (done.settled or done.kept or done.undelivered):
        yield "nothing to drain"


def canary_facts(canary: Canary, by: Processing, done: DrainResult) -> Iterator[str]:
    """Yield what became of a drain with a canary, in sentences."""
    groups = canary.groups
    if succeeded := sum(group.succeeded for group in groups):
        yield f"{plural(succeeded, 'item')} of those sent first succeeded"
    if followed := sum(group.drained for group in groups):
        yield f"{plural(followed, 'item')} followed their canary; {by.of(followed, done.lanes, asked=True)}"
    if held := sum(group.is_held for group in groups):
        yield f"{plural(held, 'group')} held back: the items sent first did not all succeed; the rest stays"
    if waiting := len(canary.waiting):
        after = by.of(waiting, done.lanes, asked=True)
        yield f"{plural(waiting, 'object')} on a lane, whose outcome is not known yet; {after}"
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
