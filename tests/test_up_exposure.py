"""How a running service shows itself: its row in the state, and all of its observers together."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from fakes import object_event
from projects import CONFIG
from slips.backends.machine.heartbeat import ServiceRow
from slips.backends.machine.state import MachineState
from slips.config import parse
from slips.errors import StateError
from slips.model import Outcome
from slips.operations import ServiceCounts
from slips.service.counters import Counters
from slips.service.endpoint import listen
from slips.service.exposure import exposed, status_line
from slips.service.observer import Observers
from slips.service.pulse import AGAIN_SECONDS, BEAT_SECONDS, Pulse

GUARD = 300.0


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def state(tmp_path: Path) -> Iterator[MachineState]:
    with closing(MachineState.open(tmp_path / "state")) as state:
        yield state


# ---- the heartbeat


def test_a_heart_beats_with_the_loop_but_not_at_each_turn(state: MachineState) -> None:
    clock, wall, counts = Clock(), Clock(), ServiceCounts()
    row = ServiceRow(state, wall)
    pulse = Pulse(row, counts, "slips up", clock)
    pulse.started(0, 0)
    seen = []
    for _ in range(3):
        counts.delivered += 1
        pulse.looked()
        found = row.get()
        assert found is not None
        seen.append(found.counts.delivered)
        clock.now += BEAT_SECONDS * 2 / 3
    assert seen == [0, 0, 3]
    pulse.end()
    assert row.get() is None


def test_a_state_that_cannot_be_written_costs_a_heartbeat_and_is_not_tried_at_each_turn() -> None:
    clock, tried = Clock(), list[float]()

    class Locked:
        is_locked = True

        def begin(self, command: str) -> None:
            tried.append(clock.now)
            if self.is_locked:
                raise StateError("locked")

        def end(self) -> None:
            tried.append(-1)

    row = Locked()
    pulse = Pulse(row, ServiceCounts(), "slips up", clock)  # type: ignore[arg-type]
    pulse.started(0, 0)
    pulse.end()
    clock.now += AGAIN_SECONDS - 1
    pulse.looked()
    clock.now += 1
    row.is_locked = False
    pulse.looked()
    pulse.end()
    assert tried == [1000.0, 1000.0 + AGAIN_SECONDS, -1]


# ---- all of it


def got(where: tuple[str, int], path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection(*where, timeout=GUARD)
    connection.request("GET", path)
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def test_a_service_shows_itself_from_its_start_to_its_end(state: MachineState) -> None:
    config = parse(CONFIG)
    listening = listen("127.0.0.1:0", "--metrics")
    where = listening.getsockname()
    with exposed(
        state, config, lambda: config, command="slips up", listening=listening, workers=lambda: 3, environment={}
    ) as shown:
        observers = Observers(shown)
        assert got(where, "/healthz")[0] == 200
        assert got(where, "/readyz")[0] == 503
        observers.started(1, 10)
        observers.looked()
        event = object_event("json/a")
        observers.given(event)
        observers.succeeded(event, Outcome(records=2, delivered=2))
        observers.troubled("/logs", "is away")
        assert json.loads(got(where, "/readyz")[1])["reasons"] == ["/logs: is away"]
        status, text = got(where, "/metrics")
        assert (status, 'slips_objects_total{lane="fast",result="done"} 1.0\n' in text) == (200, True)
        assert 'slips_lane_waiting{lane="fast"} 0.0\n' in text
        assert "slips_workers 3.0\n" in text
        found = state.service.get()
        assert found is not None
        assert found.command == "slips up"
    assert state.service.get() is None
    with pytest.raises(ConnectionError):
        got(where, "/healthz")


def test_a_service_without_an_address_and_without_systemd_shows_its_row_alone(state: MachineState) -> None:
    config = parse(CONFIG)
    with exposed(state, config, lambda: config, command="slips up", environment={}) as shown:
        Observers(shown).started(0, 0)
        assert state.service.get() is not None
    assert state.service.get() is None


def test_the_line_for_systemctl_status_has_the_counts_and_what_is_wrong() -> None:
    config = parse(CONFIG)
    counters = Counters(config, lambda: config)
    counters.given(object_event("json/b"))
    counters.succeeded(object_event("json/a"), Outcome())
    assert status_line(counters) == "1 object done, 0 failed, 1 at work"
    counters.paused("slow", "too many fail")
    counters.troubled("/logs", "is away")
    assert status_line(counters).endswith("1 at work, lane slow paused, cannot use /logs")
