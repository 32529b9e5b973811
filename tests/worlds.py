"""Backends that a model is compared with, driven step by step: `machine_world` and `stack_world` are Worlds.

A world has one bucket. A version is one content of a key, and is numbered; its records carry the number. Any call of
the backend may fail or be the last of its process, as `fault` orders it.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol

from msgspec import Struct
from msgspec.structs import replace

from fakes import config_of
from slips.brakes import Pause
from slips.config import Config, HandlerConfig, LaneConfig, Route
from slips.config.backend import BackendConfig, Embedded, Lanes
from slips.interface import Handler
from slips.model import ErrorItem, Lane, MetaData, ObjectEvent
from slips.pipeline.audit import Audit
from slips.pipeline.backfill import Passing, PushBackend, Wanted, choose, put
from slips.pipeline.selection import selection_of
from slips.ports import ErrorTable, Ledger, Status
from slips.site.protocols import ListingSite, Site

BUCKET = "my-logs"
RECORDS = 3
ROUTING = [Route(prefix="slow/", dest="slow"), Route(prefix="dropped/", dest="drop")]
BRAKES = Lanes(fast=LaneConfig(break_at=50), slow=LaneConfig(break_at=50))
WINDOW = 3
"""Objects after which a brake judges: in place of 20, which no story would reach."""
Content = Literal["good", "doubtful", "damaged"]
"""`doubtful`: its second record is no JSON; `damaged`: its compression ends early, which no further attempt mends."""


class Version(Struct, frozen=True):
    """One content of a key."""

    number: int
    key: str
    content: Content

    @property
    def body(self) -> bytes:
        lines = [f'{{"v": {self.number}, "n": {n}}}' for n in range(1, RECORDS + 1)]
        if self.content == "doubtful":
            lines[1] = f"bad {self.number}"
        body = "".join(f"{line}\n" for line in lines).encode()
        return gzip.compress(body, mtime=0)[:-4] if self.content == "damaged" else body


class Fault(Struct):
    """A fault at one of the next calls of the backend, and where the handler is at work."""

    kind: str = ""
    """`death before`, `death behind`, `refused`, `answer lost`, `sent twice`; empty: none."""
    at: int = 0
    """Number of calls before it."""
    stop: bool = False
    """Whether the time is up behind the first record of the first run."""
    during: Callable[[], None] | None = None
    """Called while the first handler has its first record."""

    def draw(self) -> str:
        """Return the kind of the fault of this call, once."""
        self.at -= 1
        kind, self.kind = (self.kind, "") if self.at < 0 else ("", self.kind)
        return kind


class Probe(Handler):
    """Notes the records that it gets. Raises for versions that are `down`."""

    seen: ClassVar[list[tuple[int, int]]] = []
    """Version and number of each record, in order."""
    down: ClassVar[set[int]] = set()
    fault: ClassVar[Fault] = Fault()

    def recv(self, meta: MetaData, event: dict[str, Any]) -> None:
        during, Probe.fault.during = Probe.fault.during, None
        if during is not None:
            during()
        number = event["v"] if "v" in event else int(re.findall(r"\d+", event["message"])[0])
        if number in self.down:
            raise ConnectionError("503 from the receiver")
        self.seen.append((number, meta.seq))


class Clock:
    """The time by which brakes and budgets go. It stands still but for `passes`."""

    def __init__(self) -> None:
        self.now = 1_772_366_400.0
        """Noon."""

    def __call__(self) -> float:
        return self.now

    def passes(self, seconds: float) -> None:
        self.now += seconds


class Seconds:
    """A clock that goes on by a tenth of a second at each look: no two stamps are equal, and no machine is too slow."""

    def __init__(self, begun: float) -> None:
        self._now = begun

    def __call__(self) -> float:
        self._now += 0.1
        return self._now


class Watch(Protocol):
    """Sees each start of an object, and each end that counts for a handler's brake."""

    def starts(self, event: ObjectEvent, pauses: Sequence[Pause]) -> None:
        """An object starts, though the backend shows these `pauses` when it decides that."""
        ...

    def ends(self, lane: Lane, stage: str) -> None:
        """An object has ended for good; `stage`: where it failed, empty if it did not."""
        ...


class World(Protocol):
    """A backend under test."""

    fault: Fault
    clock: Clock
    watch: Watch
    is_lenient: bool
    """Whether the mapping takes records that are no JSON, so that no record is bad."""
    settles_dismissed: bool
    """Whether no listing or announcement runs content that was dismissed."""
    has_only_present_content: bool
    """Whether an error item of any content of a key is one of its present content."""
    starts_all_in_trouble: bool
    """Whether objects start in spite of pauses while these cannot be read."""
    gives_up: bool
    """Whether attempts that a fault ends count, so that a few of them end in the error table."""

    @property
    def errors(self) -> ErrorTable: ...

    @property
    def ledger(self) -> Ledger: ...

    @property
    def site(self) -> Site: ...

    def identity(self, version: Version) -> str: ...

    def status(self, version: Version) -> Status | None:
        """Return the status in the ledger of a version, by any name that it has."""
        ...

    def is_to_be_listed(self, version: Version) -> bool:
        """Whether the backend finds the version by itself: it is present, and a listing takes it for new."""
        ...

    def put(self, version: Version) -> None:
        """Write an object; nobody announces it."""
        ...

    def remove(self, key: str) -> None: ...

    def announce(self, version: Version) -> None:
        """Let a notification of this version arrive, or what this backend has in its place."""
        ...

    def work(self, choice: int) -> None:
        """Take one step that the backend takes by itself: `choice` decides between those that are due."""
        ...

    def settle(self) -> None:
        """Take all such steps, until none is due."""
        ...

    def restart(self) -> None:
        """End all processes of the backend without warning, and start them again."""
        ...

    def waiting(self) -> list[ObjectEvent]:
        """The events on lanes, those that a process has taken off them and not concluded, and those that are held."""
        ...

    def pauses(self) -> list[Pause]:
        """Why objects wait, as `slips limit` shows it."""
        ...

    def pause(self, lane: Lane) -> None:
        """Let no object of a lane start, as `slips limit LANE --pause` does, until all processes have seen it."""
        ...

    def resume(self, lane: Lane) -> None:
        """End all pauses of a lane, as `slips limit LANE --resume` does, until all processes have seen it."""
        ...

    def granted(self) -> int:
        """How often an operator let a whole budget more be spent today."""
        ...

    def set_budget(self, objects: int | None) -> None:
        """Set how many objects may start in a day, as `slips limit --objects-per-day` does; None: any number."""
        ...

    def dismiss(self, item: ErrorItem) -> bool: ...

    def check(self) -> None:
        """Check that the stores are sound."""
        ...

    def audited(self) -> Audit:
        """Compare the listing of the bucket with what the backend has."""
        ...

    def push_missing(self) -> None:
        """Put on their lanes the objects that an audit misses, as `slips push --only-missing` does."""
        ...

    def close(self) -> None: ...


def push_missing(site: ListingSite, backend: PushBackend) -> None:
    wanted = Wanted(paths=(), lane="routed", only_missing=True)
    events = list(choose(wanted, selection_of(site, (), ()), site, backend, Passing()))
    list(put(events, site, backend, "routed"))


def new_config(handler: Path, bucket: str = "", path: str = "") -> Config:
    embedded = Embedded(path=path, buckets={BUCKET: bucket}) if path else None
    backend = BackendConfig(embedded=embedded, lane=BRAKES)
    return config_of(handler=HandlerConfig(path=str(handler)), routing=ROUTING, backend=backend)


def with_format(config: Config, *, is_lenient: bool) -> Config:
    names = ["s3-lines"] if is_lenient else ["s3-lines", "json"]
    return replace(config, bucket_mapping=config_of(*names).bucket_mapping)
