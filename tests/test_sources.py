"""Sources announce objects in threads of their own; observers show steps, and cannot harm a session."""

from __future__ import annotations

import threading

import pytest

from fakes import object_event
from slips.model import ObjectEvent
from slips.service.observer import Observer, Observers
from slips.service.sources import MOST_WAITING, Arrival, Inbox

GUARD = 300.0
"""Seconds after which a test that waits fails."""


def test_an_inbox_that_is_full_holds_its_source_up_until_the_supervisor_takes() -> None:
    inbox, woken, added = Inbox(), threading.Semaphore(0), threading.Event()
    inbox.open(woken.release)
    full = Arrival([object_event("a")] * MOST_WAITING)

    def announce() -> None:
        inbox.put(full)
        inbox.put(Arrival([object_event("b")]))
        added.set()

    thread = threading.Thread(target=announce)
    thread.start()
    assert woken.acquire(timeout=GUARD)
    assert not added.is_set()
    assert inbox.take() == [full]
    assert added.wait(GUARD)
    assert [event.object_key for arrival in inbox.take() for event in arrival.events] == ["b"]
    assert inbox.is_empty
    thread.join(GUARD)


def test_closing_an_inbox_ends_the_wait_of_its_source() -> None:
    inbox, answers = Inbox(), list[bool]()
    inbox.put(Arrival([object_event("a")] * MOST_WAITING))
    thread = threading.Thread(target=lambda: answers.append(inbox.put(Arrival([]))))
    thread.start()
    inbox.close()
    thread.join(GUARD)
    assert (answers, inbox.put(Arrival([])), inbox.wait(GUARD)) == ([False], False, True)


def test_an_observer_that_raises_is_left_out_and_the_others_see_all(caplog: pytest.LogCaptureFixture) -> None:
    class Keeps(Observer):
        def __init__(self) -> None:
            self.seen: list[str] = []

        def given(self, event: ObjectEvent) -> None:
            self.seen.append(event.object_key)

    class Raises(Keeps):
        def given(self, event: ObjectEvent) -> None:
            super().given(event)
            raise RuntimeError("no space for this metric")

    bad, good = Raises(), Keeps()
    observers = Observers([bad, good])
    for key in ("a", "b"):
        observers.given(object_event(key))
    assert (bad.seen, good.seen) == (["a"], ["a", "b"])
    assert "Raises failed, and shows no more of this session" in caplog.text


def test_a_fan_out_reports_every_step_there_is() -> None:
    steps = {name for name in vars(Observer) if not name.startswith("_")}
    assert steps <= vars(Observers).keys()
