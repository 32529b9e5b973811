"""A pure model of lanes, ledger, error table and brakes, compared with SQLite and with DynamoDB and Kinesis.

In no order of puts, notifications, runs, deaths, drains, dismissals and pauses may anything be lost or invented, nor
may an object start that a brake or a budget holds, or wait that none does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Literal, cast

import pytest
from hypothesis import Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

import aws
from clocks import set_clocks
from expected import Brakes, Model, State
from machine_world import MachineWorld
from places import Death
from slips.brakes import DAY, is_held
from slips.errors import StateError, StreamError
from slips.model import LANES, ErrorItem, Lane, ObjectEvent, is_to_the_end
from slips.pipeline.audit import AUDIT_STATES
from slips.pipeline.drain import DrainRequest, DrainResult, drain
from slips.pipeline.replay import replay
from slips.ports import SETTLED, Status
from stack_world import StackWorld
from worlds import RECORDS, WINDOW, Content, Fault, Probe, Version, Watch, World

Kind = Literal["sqlite", "aws"]
KEYS = ("a", "b", "slow/c", "slow/d", "dropped/d")
CONTENTS: tuple[Content, ...] = ("good", "good", "doubtful", "damaged")
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
"""Without making a failing story as short as it can be, which takes longer than to read it."""
FAULTS = ("refused", "answer lost", "sent twice", "death before", "death behind")


class Story(RuleBasedStateMachine):
    """A story of some objects on one backend."""

    kind: Kind

    def __init__(self) -> None:
        super().__init__()
        self.count = 0
        self.every: dict[int, Version] = {}
        self.spared: set[int] = set()
        """Versions whose bad records left the error table by an operator's order."""
        self.items: list[ErrorItem] = []
        """Of the error table, at the last check."""
        self.brakes = Brakes()
        self.end = ExitStack()

    @initialize()
    def begin(self) -> None:
        self.world = self.end.enter_context(fresh(self.kind, self.brakes))
        self.brakes.clock = self.world.clock
        self.model = Model(self.world.settles_dismissed)
        self._put("keep", "good")  # a directory that became empty counts as a share that is not mounted

    # ---- what happens to objects

    @rule(
        key=st.sampled_from(KEYS), content=st.sampled_from(CONTENTS), then=st.sampled_from(["", "announce", "settle"])
    )
    def put(self, key: str, content: Content, then: str) -> None:
        version = self._put(key, content)
        if then:
            self._announce(version)
        if then == "settle":
            self._settle()

    @rule(data=st.data())
    def announce(self, data: st.DataObject) -> None:
        """Announce any version again, or late, in any order."""
        self._announce(self.every[data.draw(st.sampled_from(sorted(self.every)), label="version")])

    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        keys = sorted(self.model.present.keys() - {"keep"})
        if keys:
            self._remove(data.draw(st.sampled_from(keys), label="key"))

    # ---- what the handler and its config do

    @rule(data=st.data())
    def break_down(self, data: st.DataObject) -> None:
        Probe.down.add(data.draw(st.sampled_from(sorted(self.every)), label="version"))
        self.model.excused |= Probe.down

    @rule()
    def mend(self) -> None:
        """Mend the handler, and change the config: no record is bad now, or some are; another reader numbers them."""
        Probe.down.clear()
        self.world.is_lenient = not self.world.is_lenient
        self.model.excused |= self._in_flight()  # a part of an object is not read by another reader
        self.brakes.changed |= set(LANES)
        self.brakes.forget()

    @rule()
    def recover(self) -> None:
        """Let the receiver of the handler be there again: no code changes."""
        Probe.down.clear()

    @rule(lane=st.sampled_from(LANES), content=st.sampled_from(["good", "damaged"]))
    def flood(self, lane: Lane, content: Content) -> None:
        """Let so many objects of a lane arrive, one after the other, that its brake judges."""
        for key in [each for each in KEYS if each.startswith("slow/") == (lane == "slow")][:2] * 2:
            self._announce(self._put(key, content))
            self.world.work(0)

    @rule(seconds=st.sampled_from([30, 60, 600, 3_600, DAY]))
    def wait(self, seconds: int) -> None:
        self.world.clock.passes(seconds)

    # ---- what the backend does

    @rule(choice=st.integers(0, 5), stop=st.booleans())
    def work(self, choice: int, stop: bool) -> None:
        self.world.fault = Fault(stop=stop)
        self.world.work(choice)
        self.world.fault = Fault()

    @rule(choice=st.integers(0, 5), kind=st.sampled_from(FAULTS), at=st.integers(0, 40), stop=st.booleans())
    def work_with_a_fault(self, choice: int, kind: str, at: int, stop: bool) -> None:
        self.world.fault = Fault(kind, at, stop)
        self.model.excused |= self._in_flight() if self.world.gives_up else set()
        self.brakes.is_blind = self.world.starts_all_in_trouble
        self.world.work(choice)
        self.brakes.is_blind = False
        self.brakes.die()
        self.world.fault = Fault()

    @rule(
        choice=st.integers(0, 5),
        act=st.sampled_from(["overwrite", "remove", "announce", "drain", "dismiss", "work", "pause", "resume"]),
    )
    def work_while_another_acts(self, choice: int, act: str) -> None:
        self.world.fault = Fault(during=lambda: self._act(act))
        self.world.work(choice)
        self.world.fault = Fault()
        self.brakes.is_blind = False

    @rule()
    def restart(self) -> None:
        self.world.restart()

    @rule()
    def settle(self) -> None:
        """Let the backend do all that it does by itself: what waits must come to an end."""
        self._settle()

    # ---- what operators do

    @precondition(lambda self: self.items)
    @rule(data=st.data(), kind=st.sampled_from(["", *FAULTS]), at=st.integers(0, 4))
    def drain_one(self, data: st.DataObject, kind: str, at: int) -> None:
        item = self._chosen(data)
        self.world.fault = Fault(kind, at)
        try:
            replay(item, self.world.site)
        except (StateError, StreamError, Death):
            self.world.restart()
        self.world.fault = Fault()

    @precondition(lambda self: self.items)
    @rule()
    def drain_all(self) -> None:
        self._drain()

    @precondition(lambda self: self.items)
    @rule(data=st.data())
    def dismiss(self, data: st.DataObject) -> None:
        self._dismiss(self._chosen(data))

    @rule(kind=st.sampled_from(["", *FAULTS]), at=st.integers(0, 4))
    def push_missing(self, kind: str, at: int) -> None:
        self.world.fault = Fault(kind, at)
        try:
            self.world.push_missing()
        except (StateError, StreamError, Death):
            self.world.restart()
        self.world.fault = Fault()
        for event in self.world.waiting():
            self.model.announced |= {each.number for each in self._versions(event)}

    @rule(lane=st.sampled_from(LANES))
    def pause(self, lane: Lane) -> None:
        self._pause(lane)

    @rule(lane=st.sampled_from(LANES))
    def resume(self, lane: Lane) -> None:
        self._resume(lane)

    @rule(objects=st.sampled_from([None, 1, 2, 3]))
    def set_budget(self, objects: int | None) -> None:
        self.world.set_budget(objects)
        self.brakes.budget = objects
        self.brakes.started = 0

    # ---- what must be true

    @invariant()
    def an_object_waits_or_starts_as_the_brakes_say(self) -> None:
        self.brakes.check(self.world.pauses())

    @invariant()
    def nothing_is_lost_or_invented(self) -> None:
        for version in self.model.present.values():
            now = self._state_of(version)
            assert now != "lost", f"{version}: lost"
            assert self.model.allows(version, now), f"{version}: was {self.model.states[version.number]}, is {now}"
            self.model.states[version.number] = now

    @invariant()
    def each_entry_and_item_is_of_content_that_was_put(self) -> None:
        names = {(each.key, self.world.identity(each)) for each in self.every.values()}
        for entry in self.world.ledger.scan():
            assert "@" in entry.identity or (entry.key, entry.identity) in names, entry
            if entry.outcome is not None and entry.status in ("done", "part"):
                assert entry.outcome.balanced
        self.items = list(self.world.errors.scan())
        for item in self.items:
            assert len(item.events) == 1 or is_held(item)
            for event in item.events:
                assert "@" in event.identity or (event.object_key, event.identity) in names, item
                assert event.object_key != "dropped/d"

    @invariant()
    def content_that_is_done_was_seen_whole(self) -> None:
        seen = Counter(number for number, _ in set(Probe.seen))
        for version in self.every.values():
            if self.world.status(version) == "done":
                known = {n for number, n in Probe.seen if number == version.number}
                known |= self._numbers_behind(version)
                missing = set(range(1, RECORDS + 1)) - known
                assert not missing or version.number in self.spared, f"{version}: done without its records {missing}"
        assert all(count <= RECORDS for count in seen.values())

    def teardown(self) -> None:
        with self.end:
            if self.count:
                self._end_well()

    def _end_well(self) -> None:
        """Mend all and drain all: then each object that is there is done. What pauses by itself ends by itself."""
        Probe.down.clear()
        self.world.fault = Fault()
        self.world.is_lenient = True
        self.brakes.changed |= set(LANES)
        self.brakes.forget()
        for lane in sorted(self.brakes.paused):
            self._resume(lane)
        for key, version in list(self.model.present.items()):
            if version.content == "damaged":
                self._put(key, "good")
                self._announce(self.model.present[key])
        self._let_pauses_end()
        for _ in range(2):
            self._drain()
            self._let_pauses_end()
        for version in self.model.present.values():
            now = self._state_of(version)
            expected = {"done", "dropped" if version.key.startswith("dropped/") else "done"}
            if version.number not in self.model.announced:
                expected.add("unknown")
            if version.number in self.model.dismissed:
                expected.add("dismissed")
            assert now in expected, f"{version}: is {now} in the end"
        self.world.check()

    # ---- below

    def _put(self, key: str, content: Content) -> Version:
        self.count += 1
        version = self.every[self.count] = Version(self.count, key, content)
        self._spare_on_lanes(key)
        self.world.put(version)
        self.model.put(version)
        self.model.states[version.number] = self._state_of(version)
        assert self.model.states[version.number] in ("unknown", "waiting", "failed")
        return version

    def _remove(self, key: str) -> None:
        self._spare_on_lanes(key)
        self.world.remove(key)
        gone = self.model.present.pop(key)
        self.model.excused.add(gone.number)

    def _announce(self, version: Version) -> None:
        self.model.announced.add(version.number)
        self.world.announce(version)

    def _act(self, act: str) -> None:
        items = list(self.world.errors.scan())
        match act:
            case "overwrite":  # the run may still fail on what it has read of the former content
                self.model.excused.add(self._put("a", "good").number)
            case "remove" if "a" in self.model.present:
                self._remove("a")
            case "announce":
                self._announce(self.every[max(self.every)])
            case "drain" if items:
                replay(items[0], self.world.site)
            case "dismiss" if items:
                self._dismiss(items[0])
            case "work" if not isinstance(self.world, MachineWorld):
                self.world.work(0)
            case "pause":
                self._pause("fast")
                self.brakes.is_blind = True
            case "resume":
                self._resume("fast")

    def _pause(self, lane: Lane) -> None:
        self.world.pause(lane)
        self.brakes.paused.add(lane)

    def _resume(self, lane: Lane) -> None:
        self.brakes.paused.discard(lane)
        self.brakes.forget([lane])
        self.world.resume(lane)
        self.brakes.granted = self.world.granted()

    def _drain(self) -> None:
        list(drain(DrainRequest(), self.world.site, DrainResult()))

    def _spare_on_lanes(self, key: str) -> None:
        """Note that bad records of present content are on a lane with the whole object, which another one replaces."""
        present = self.model.present.get(key)
        if present and any(each.records is None and present in self._versions(each) for each in self.world.waiting()):
            self.spared.add(present.number)

    def _dismiss(self, item: ErrorItem) -> None:
        if is_held(item):
            return  # an operator who dismisses what only waits discards it
        (event,) = item.events
        if self.world.dismiss(item):
            for version in self._versions(event):
                if item.kind == "records":
                    self.spared.add(version.number)
                if self._state_of(version) == "dismissed":
                    self.model.states[version.number] = "dismissed"
                    self.model.dismissed.add(version.number)

    def _failed(self) -> list[ErrorItem]:
        """The items of what has failed."""
        return [item for item in self.world.errors.scan() if not is_held(item)]

    def _chosen(self, data: st.DataObject) -> ErrorItem:
        return self.items[data.draw(st.integers(0, len(self.items) - 1), label="item")]

    def _settle(self) -> None:
        self.world.settle()
        waiting = self.world.waiting()
        self.brakes.check_waits(waiting, self.world.pauses())
        keys = {event.object_key for event in waiting}
        open_entries = [each for each in self.world.ledger.scan() if each.status in ("claimed", "waiting")]
        assert [each for each in open_entries if each.key not in keys] == []
        self._check_audit()

    def _let_pauses_end(self) -> None:
        """Let days pass, until nothing waits: a budget may let one object start in a day."""
        for _ in range(30 + len(self.world.waiting())):
            self._settle()
            if not self.world.waiting():
                return
            self.world.clock.passes(DAY)
        raise AssertionError(f"waits on, though nobody pauses it: {self.world.waiting()}, {self.world.pauses()}")

    def _check_audit(self) -> None:
        """Compare an audit, while nothing waits, with the model."""
        found = self.world.audited()
        stopped = {item.events[0].object_key for item in self._failed() if is_to_the_end(item.events[0].records)}
        waiting = {event.object_key for event in self.world.waiting() if is_to_the_end(event.records)}
        expected: Counter[str] = Counter()
        for key, version in self.model.present.items():
            state = self._state_of(version)
            if key in stopped:
                expected["failed"] += 1
            elif key in waiting:
                expected["waiting"] += 1
            elif key == "dropped/d":
                expected["ignored"] += 1
            elif state == "dismissed":
                expected["ignored" if self.world.settles_dismissed else "waiting"] += 1
            else:
                assert state in ("done", "unknown", "waiting"), f"{version}: {state}"
                expected["done" if state == "done" else "missing"] += 1
        told: Counter[str] = Counter(
            {name: count for name, count in found.total.to_dict().items() if name in AUDIT_STATES}
        )
        told["missing"] += told.pop("changed", 0)
        assert +told == expected, f"audit: {told}, model: {expected}"
        assert found.total.records.is_balanced
        assert found.problems == []

    def _versions(self, event: ObjectEvent) -> list[Version]:
        of_key = [each for each in self.every.values() if each.key == event.object_key]
        if self.world.has_only_present_content and is_to_the_end(event.records):
            return [each for each in of_key if self.model.present.get(each.key) == each]
        return [each for each in of_key if self.world.identity(each) == event.identity]

    def _numbers_behind(self, version: Version) -> set[int]:
        """Return the numbers of records that an item, or an event on a lane, has of a version."""
        items = [item for item in self._failed() if version in self._versions(item.events[0])]
        events = [each for each in self.world.waiting() if version in self._versions(each)]
        ranges = [item.records for item in items if item.kind == "records"] + [
            each.records or [(1, None)] for each in events
        ]
        return {n for each in ranges for first, last in each for n in range(first, (last or RECORDS) + 1)}

    def _in_flight(self) -> set[int]:
        """Return the numbers of versions that a run may read next."""
        events = self.world.waiting()
        return {
            version.number for event in events for version in self.every.values() if version.key == event.object_key
        }

    def _state_of(self, version: Version) -> State:
        """Return the state of a version that is present, as the backend shows it."""
        status = self.world.status(version)
        if status == "part":
            status = self._status_of_the_rest(version)
        if status in SETTLED and status != "part":
            return "done" if status == "filtered" else cast("State", status)
        events = [each for each in self.world.waiting() if version in self._versions(each)]
        if any(is_to_the_end(each.records) for each in events):
            return "waiting"
        items = [item.events[0] for item in self._failed() if version in self._versions(item.events[0])]
        if any(is_to_the_end(each.records) for each in items):
            return "failed"
        if status == "failed" and not self.world.settles_dismissed:
            return "dismissed"
        if status is None and self.world.is_to_be_listed(version):
            return "waiting"
        return "unknown" if status is None and version.number not in self.model.announced else "lost"

    def _status_of_the_rest(self, version: Version) -> Status:
        """Return the latest status of what the first run of a version did not reach."""
        name = (version.key, self.world.identity(version))
        entries = [each for each in self.world.ledger.scan() if (each.key, each.identity) == name]
        rests = [each for each in entries if each.records is not None and is_to_the_end(each.records)]
        return max(rests, key=lambda each: each.updated_at).status if rests else "part"


@contextmanager
def fresh(kind: Kind, watch: Watch) -> Iterator[World]:
    """A new world, with nothing in it."""
    Probe.seen.clear()
    Probe.down.clear()
    Probe.fault = Fault()
    if kind == "sqlite":
        machine = MachineWorld(watch)
        yield machine
        machine.close()
    else:
        with aws.account():
            stack = StackWorld(watch)
            yield stack
            stack.close()


def tell(kind: Kind, examples: int, steps: int, number: int | None = None) -> None:
    """Try stories on a backend. `number` chooses others than those of each run."""
    story: type[Story] = type("Story", (Story,), {"kind": kind})
    each = settings(
        phases=PHASES, max_examples=examples, stateful_step_count=steps, derandomize=number is None, deadline=None
    )
    run_state_machine_as_test(story if number is None else seed(number)(story), settings=each)


@pytest.fixture(autouse=True)
def _brakes_judge_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("slips.brakes", "slips.service.brakes", "slips.pipeline.outcomes"):
        monkeypatch.setattr(f"{module}.WINDOW", WINDOW)


@pytest.mark.slow
@pytest.mark.once
@pytest.mark.parametrize(("kind", "examples"), [("sqlite", 15), ("aws", 4)])
def test_no_order_of_events_loses_or_invents_anything(kind: Kind, examples: int) -> None:
    tell(kind, examples, 20)


@pytest.mark.slow
@pytest.mark.once
@pytest.mark.parametrize("kind", ["sqlite", "aws"])
def test_objects_wait_for_an_operator_a_budget_and_a_handler_that_fails_in_one_story(kind: Kind) -> None:
    story: Story = type("Told", (Story,), {"kind": kind})()
    story.begin()
    story.pause("fast")
    story.flood("fast", "good")
    story.settle()
    assert {event.lane for event in story.world.waiting()} == {"fast"}
    story.resume("fast")
    story.settle()
    story.wait(DAY)
    story.pause("slow")
    story.flood("slow", "good")
    story.set_budget(1)
    story.resume("slow")
    story.settle()
    story.set_budget(None)
    story.flood("fast", "damaged")
    story.settle()
    assert [each.cause for each in story.world.pauses()] == ["failures"]
    story.an_object_waits_or_starts_as_the_brakes_say()
    story.nothing_is_lost_or_invented()
    story.teardown()


@pytest.mark.slow
@pytest.mark.once
@pytest.mark.parametrize("kind", ["sqlite", "aws"])
def test_a_drained_object_leaves_the_canary_that_is_due_to_another_object(kind: Kind) -> None:
    story: Story = type("Told", (Story,), {"kind": kind})()
    story.begin()
    for key in "aba":
        if not story.world.pauses():  # no object waits for the end of the pause
            story.put(key, "damaged", "settle")
    (pause,) = story.world.pauses()
    story.an_object_waits_or_starts_as_the_brakes_say()
    story.nothing_is_lost_or_invented()
    story.wait(3_600)
    for item in [each for each in story.world.errors.scan() if each.stage == "decompression"][:1]:
        replay(item, story.world.site)
    story.work(0, stop=False)
    assert story.world.pauses() == [pause]
    story.an_object_waits_or_starts_as_the_brakes_say()
    story.put("b", "good", "settle")
    assert story.world.pauses() == [], "a canary has ended the pause"
    story.an_object_waits_or_starts_as_the_brakes_say()
    story.nothing_is_lost_or_invented()
    story.teardown()


@pytest.mark.once
def test_a_story_has_one_end_however_fast_the_clocks_of_the_machine_go(monkeypatch: pytest.MonkeyPatch) -> None:
    ends = []
    for seconds in (0, 10):
        with monkeypatch.context() as patch:
            set_clocks(patch, seconds)
            story: Story = type("Told", (Story,), {"kind": "sqlite"})()
            story.begin()
            for key in KEYS[:4]:
                story.put(key, "damaged", "settle")
            story.each_entry_and_item_is_of_content_that_was_put()
            story.resume("fast")
            for key in KEYS[:2]:
                story.put(key, "good", "")
            story.work_while_another_acts(0, "pause")
            items = [item.events[0].object_key for item in story.items]
            ends.append((items, [event.object_key for event in story.world.waiting()]))
            story.teardown()
    assert ends[0] == ends[1]
    assert len(ends[0][0]) == 4


@pytest.mark.parametrize("number", range(1, 17))
@pytest.mark.parametrize(
    ("kind", "examples"),
    [
        pytest.param("sqlite", 150, marks=pytest.mark.soak(seconds=45)),
        pytest.param("aws", 10, marks=pytest.mark.soak(seconds=100)),
    ],
)
def test_no_order_of_events_among_thousands_loses_or_invents_anything(kind: Kind, examples: int, number: int) -> None:
    tell(kind, examples, 40, number)
