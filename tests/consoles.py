"""A console in this process, asked as a browser asks: on a project of this machine, or on a stack in memory."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from html import unescape
from pathlib import Path
from typing import Any, cast

from starlette.testclient import TestClient

from fakes import Errors, FakeSite, Ledger, Objects, Streams
from projects import Project
from slips.brakes import Pause, is_held
from slips.config import Config, LaneConfig
from slips.console.app import Console, make_app
from slips.console.desk import Desk
from slips.console.guard import FORM_TOKEN, Guard, Keys
from slips.model import LANES, ErrorItem, Lane, ObjectEvent
from slips.object_states import ObjectCounter
from slips.operations import (
    Alarm,
    BackendStatus,
    Glance,
    Kind,
    LaneStatus,
    Operations,
    ReplayState,
    counted,
)
from slips.pipeline.drain import DrainResult
from slips.place import Place
from slips.site.protocols import ListingSite
from slips.tally import LedgerTally, tallied

KEYS = Keys("the-token", "the-session", "the-form-token")
URL = "http://127.0.0.1:8321"
PATIENCE = 60.0
"""Seconds for which a page waits for its counts: a slow machine must not leave them out."""


class Browser:
    """A browser that has the cookie of a console."""

    def __init__(self, desk: Desk) -> None:
        self.console = Console(desk, KEYS, patience=PATIENCE)
        self.client = TestClient(
            Guard(make_app(self.console), KEYS, hosts=set()),
            base_url=URL,
            cookies={"slips_console": KEYS.session},
            follow_redirects=False,
        )

    def get(self, path: str, status: int = 200) -> str:
        """Return the HTML of a page."""
        answer = self.client.get(path)
        assert answer.status_code == status, answer.text
        return answer.text

    def text(self, path: str, status: int = 200) -> str:
        """Return the text of a page as people read it, with single blanks."""
        return text_of(self.get(path, status))

    def post(self, path: str, **fields: str | Sequence[str]) -> Any:
        """Send a form of the console's own page."""
        return self.client.post(path, data={FORM_TOKEN: KEYS.form, **fields}, headers={"Origin": URL})

    def act(self, **fields: str | Sequence[str]) -> str:
        """Do an act, wait for its end, and return the text of its page."""
        answer = self.post("/acts", **fields)
        assert (answer.status_code, answer.headers["location"]) == (303, "/act"), answer.text
        self.console.acts.wait(300)
        return self.text("/act")


def text_of(html: str) -> str:
    body = re.sub(r"(?s)<(script|style|head|svg).*?</\1>", "", html)
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", body)).split())


def browser_of(project: Project, **about: Any) -> Browser:
    """A console on this machine."""
    return Browser(Desk(Place(None), project.root / "slips.yml", **about))


class FakeStack:
    """The operations of a stack in memory."""

    kind: Kind = "stack"
    name = "my-stack"
    has_twin = False

    def __init__(self) -> None:
        self.errors, self.ledger, self.stream, self.objects = Errors(), Ledger(), Streams(), Objects()
        self.undelivered = None
        self.waiting = 0
        self.paused: list[Pause] = []
        self.alarms: list[Alarm] = []
        self.tallies = 0
        self.requests: list[dict[str, Any]] = []
        self.states: Callable[[ObjectEvent], ReplayState] = lambda _: ReplayState("succeeded")

    def status(self, *, count_ledger: bool, progress: Callable[[int], None] = lambda _: None) -> BackendStatus:
        counter = ObjectCounter()
        errors, groups = counted(counter.add_items(self.errors.scan()))
        objects = counter.counts()
        return BackendStatus(
            lanes={lane: LaneStatus(None, 3.0, 7) for lane in LANES},
            ledger={"done": 5} if count_ledger else None,
            undelivered=self.waiting,
            alarms=self.alarms,
            errors=errors,
            failed_objects=objects.failed,
            quarantined_objects=objects.quarantined,
            groups=groups,
        )

    def glance(self) -> Glance:
        return Glance(lanes={lane: LaneStatus(None, 3.0, 7) for lane in LANES}, errors=None, service=None)

    def note(self, name: str) -> str | None:
        return None

    def tally(self, recent: float, progress: Callable[[int], None] = lambda _: None) -> LedgerTally:
        self.tallies += 1
        return tallied(self.ledger.scan(), recent)

    def limit(self, lane: Lane) -> LaneConfig:
        return LaneConfig(batch_size=10, delay=2 if lane == "slow" else 0)

    def dismiss(self, item: ErrorItem) -> bool:
        return self.errors.delete(item.request_id, item.revision)

    def pauses(self) -> list[Pause]:
        return self.paused

    def resume(self, lane: Lane) -> list[Pause]:
        ended, self.paused = self.paused, []
        return ended

    def release(self) -> int:
        return sum(len(item.events) for item in self.errors.scan() if is_held(item) and not self.paused)

    def run_id(self, event: ObjectEvent) -> str:
        return ""

    def replay_state(self, event: ObjectEvent, run_id: str) -> ReplayState:
        return self.states(event)

    def drain(self, request: dict[str, Any]) -> dict[str, Any]:
        """The Drain function."""
        self.requests.append(request)
        chosen = [self.errors.items[each] for each in request["ids"]] if "ids" in request else self.errors.scan()
        done = DrainResult()
        for item in list(chosen):
            self.errors.delete(item.request_id, item.revision)
            done.drained += 1
            done.lanes["fast"] += 1
        return {**done.to_dict(), "more": False}


class ListedSite(FakeSite):
    """A FakeSite whose store can be listed."""

    directories: Mapping[str, Path] = {}
    unlisted: Sequence[str] = ()

    def listed(self, bucket: str, prefix: str) -> Iterator[ObjectEvent]:
        return self.store.list(bucket, prefix)

    def beginnings(self, bucket: str) -> Sequence[str]:
        return [""]

    def is_unfinished(self, event: ObjectEvent) -> bool:
        return False


class FakePlace:
    """The place of a stack in memory."""

    stack = "my-stack"
    region = endpoint_url = None

    def __init__(self, operations: FakeStack) -> None:
        self._operations = operations

    @contextmanager
    def operations(self, _config: Callable[[], Config]) -> Iterator[Operations]:
        yield cast("Operations", self._operations)

    @contextmanager
    def site(self, config: Config) -> Iterator[tuple[ListingSite, Operations]]:
        stack = self._operations
        site = ListedSite(
            config=config, store=stack.objects, errors=stack.errors, ledger=stack.ledger, stream=stack.stream
        )
        yield site, cast("Operations", stack)


def browser_of_stack(stack: FakeStack, **about: Any) -> Browser:
    """A console on a stack, without its config if `config_file` is not given."""
    given = {"config_file": None, "options": ["-s", "my-stack"], **about}
    return Browser(Desk(cast("Place", FakePlace(stack)), **given))
