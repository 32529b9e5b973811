"""Observers: the supervisor reports each step of a session to them, and they show it to people or count it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from slips.model import Lane, ObjectEvent, Outcome
from slips.pipeline.ended import Failure

_log = logging.getLogger("slips")


class Observer:
    """Ignores all steps; observers override those that they show. No method may wait: the supervisor waits with it."""

    # -- of each session

    def started(self, objects: int, size: int) -> None:
        """Show how many `objects` wait on the lanes at the start, and how many stored bytes they have."""

    def given(self, event: ObjectEvent) -> None:
        """Show that a worker gets an object."""

    def progress(self, event: ObjectEvent, seq: int) -> None:
        """Show the number of the last record that was read of an object."""

    def hashing(self, event: ObjectEvent, done: int) -> None:
        """Show how many bytes of an object's file were read for its hash."""

    def succeeded(self, event: ObjectEvent, outcome: Outcome) -> None: ...

    def continued(self, event: ObjectEvent, outcome: Outcome) -> None:
        """Show that a part of an object is done: its time was up, and the rest is a run of its own."""

    def failed(self, event: ObjectEvent, failure: Failure, attempt: int, final: bool) -> None:
        """Show a failed attempt. `final`: the object is in the error table; else there will be another attempt.

        `event` is the one that was `given`; `failure` names the content that was read, whose key may be another one.
        """

    def ended(self, event: ObjectEvent, why: str) -> None:
        """Show that an object needed no run, with the reason: a duplicate."""

    def warned(self, text: str) -> None:
        """Show that the session continues otherwise than the user asked, with fewer workers for example."""

    # -- of `slips up`

    def looked(self) -> None:
        """Note that the supervisor is alive. Called several times a second, also if nothing happens."""

    def arrived(self, source: str, pushed: int, dropped: int) -> None:
        """Show how many new objects a source has announced, and how many of others routing drops."""

    def troubled(self, where: str, why: str) -> None:
        """Show that a source, or the state, cannot be used now, with the reason. The supervisor tries again."""

    def mended(self, where: str) -> None:
        """Show that the source, or the state, can be used again."""

    def reloading(self, what: str) -> None:
        """Show that changed files take long to load, and that the old ones are used until `reloaded`."""

    def reloaded(self, what: str) -> None:
        """Show that changed files of the config or the handlers are used from now on."""

    def not_reloaded(self, why: str) -> None:
        """Show that changed files cannot be used, with the reason, and that the old ones are used on."""

    def paused(self, lane: Lane, why: str) -> None:
        """Show that a lane, or some handler's objects on it, do not start until `resumed`."""

    def resumed(self, lane: Lane, why: str, rest: str = "") -> None:
        """Show that a pause has ended. `rest`: another pause of the lane, which stays."""

    def stopping(self, running: int, seconds: float) -> None:
        """Show that no object starts any more, and that `running` ones may end within so many seconds."""

    def stopped(self, given_back: int) -> None:
        """Show the end of the session, with the number of objects that were at work and run again next time."""


class Observers(Observer):
    """Reports each step to several observers. One that raises is left out from then on, and slows nothing down."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._observers = list(observers)

    def add(self, observers: Sequence[Observer]) -> None:
        """Report each step from now on to these, too."""
        self._observers += observers

    def _each(self, report: Callable[[Observer], None]) -> None:
        for observer in list(self._observers):
            try:
                report(observer)
            except Exception:  # noqa: BLE001 - code that only shows must not end a session
                self._observers.remove(observer)
                _log.exception("%s failed, and shows no more of this session", type(observer).__name__)

    def started(self, objects: int, size: int) -> None:
        self._each(lambda each: each.started(objects, size))

    def given(self, event: ObjectEvent) -> None:
        self._each(lambda each: each.given(event))

    def progress(self, event: ObjectEvent, seq: int) -> None:
        self._each(lambda each: each.progress(event, seq))

    def hashing(self, event: ObjectEvent, done: int) -> None:
        self._each(lambda each: each.hashing(event, done))

    def succeeded(self, event: ObjectEvent, outcome: Outcome) -> None:
        self._each(lambda each: each.succeeded(event, outcome))

    def continued(self, event: ObjectEvent, outcome: Outcome) -> None:
        self._each(lambda each: each.continued(event, outcome))

    def failed(self, event: ObjectEvent, failure: Failure, attempt: int, final: bool) -> None:
        self._each(lambda each: each.failed(event, failure, attempt, final))

    def ended(self, event: ObjectEvent, why: str) -> None:
        self._each(lambda each: each.ended(event, why))

    def warned(self, text: str) -> None:
        self._each(lambda each: each.warned(text))

    def looked(self) -> None:
        self._each(lambda each: each.looked())

    def arrived(self, source: str, pushed: int, dropped: int) -> None:
        self._each(lambda each: each.arrived(source, pushed, dropped))

    def troubled(self, where: str, why: str) -> None:
        self._each(lambda each: each.troubled(where, why))

    def mended(self, where: str) -> None:
        self._each(lambda each: each.mended(where))

    def reloading(self, what: str) -> None:
        self._each(lambda each: each.reloading(what))

    def reloaded(self, what: str) -> None:
        self._each(lambda each: each.reloaded(what))

    def not_reloaded(self, why: str) -> None:
        self._each(lambda each: each.not_reloaded(why))

    def paused(self, lane: Lane, why: str) -> None:
        self._each(lambda each: each.paused(lane, why))

    def resumed(self, lane: Lane, why: str, rest: str = "") -> None:
        self._each(lambda each: each.resumed(lane, why, rest))

    def stopping(self, running: int, seconds: float) -> None:
        self._each(lambda each: each.stopping(running, seconds))

    def stopped(self, given_back: int) -> None:
        self._each(lambda each: each.stopped(given_back))
