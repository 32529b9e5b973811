"""The port of operators' commands: status, limits, logs and dismissals of a backend, as data.

`backends/machine/operations.py` and `backends/aws/operations.py` fill it; the CLI puts the answers into words. Both
pass the one contract suite in `tests/test_operations.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Literal, NamedTuple, Protocol

from msgspec import UNSET, Struct, UnsetType, field

from slips.brakes import Budget, Pause, Spent
from slips.config import LaneConfig
from slips.envelope.lost import Batch
from slips.kept_audit import KeptAudit
from slips.known import KnownObjects
from slips.model import LANES, ErrorItem, Lane, ObjectEvent
from slips.object_states import State
from slips.ports import ErrorTable, Ledger, Undelivered
from slips.tally import LedgerTally

Kind = Literal["machine", "stack"]


class LaneStatus(Struct, frozen=True):
    """The state of one lane at this moment. A field that the backend cannot fill is None or unset."""

    waiting: int | None
    """Object events in the lane; None on AWS, where Kinesis counts only arrivals."""
    oldest_seconds: float | None
    """Seconds that the oldest event has waited; on AWS, that the latest dispatched event had waited."""
    arrived: int | UnsetType = UNSET
    """Object events that arrived in the last five minutes, on AWS."""
    retrying: int | UnsetType = UNSET
    """The part of `waiting` whose last attempt failed; not on AWS, where Lambda keeps it."""


class Alarm(Struct, frozen=True):
    """An alarm of the stack that is on."""

    name: str
    since: str
    """RFC 3339."""
    description: str


class Group(Struct):
    """Error items of one fingerprint."""

    count: int
    fingerprint: str
    stage: str
    error_type: str
    message: str
    """Message of the oldest item."""
    first: str
    """When the oldest item failed, RFC 3339."""
    last: str
    """When the newest item failed, RFC 3339."""
    request_ids: list[str]
    mappings: dict[str, int] | UnsetType = UNSET
    """Number of items by the mapping of their objects, most frequent first; an item of several mappings counts in each.
    """


class LaneCounts(Struct):
    """Object events of one lane that a service has concluded since its start, by what became of their objects."""

    done: int = 0
    failed: int = 0
    """Ended in the error table."""
    filtered: int = 0
    """Were no logs."""
    skipped: int = 0
    """Needed no run: duplicates, and contents that were processed before."""
    retried: int = 0
    """Attempts that failed, and were followed by another."""


class ServiceCounts(Struct):
    """Counts of a service since its start. Records and events are those of objects that are done."""

    lanes: dict[Lane, LaneCounts] = field(default_factory=lambda: {lane: LaneCounts() for lane in LANES})
    delivered: int = 0
    filtered: int = 0
    quarantined: int = 0
    events: int = 0
    bytes: int = 0
    """Stored bytes of the objects that were read."""


class ServiceTroubles(Struct):
    """Sources and files that a service cannot use now. It goes on with the rest, and tries again."""

    troubles: dict[str, str] = {}
    """The reason for each source that cannot be used, and for `state` and `workers`."""
    not_reloaded: str = ""
    """The reason why the old config or handlers are used, though their files have changed; empty if they are not."""


class Service(Struct, frozen=True):
    """The `slips up` of this machine, by what it wrote into the state."""

    pid: int
    command: str
    started: str
    """RFC 3339."""
    heartbeat: str
    """When it last showed that it lives, RFC 3339."""
    silent_seconds: float
    """Seconds since then."""
    state: Literal["running", "silent", "gone"]
    """`silent`: the last heartbeat is too old, as the process hangs or is stopped; `gone`: the process was killed."""
    counts: ServiceCounts
    troubles: dict[str, str] = {}
    not_reloaded: str = ""
    """See `ServiceTroubles`."""


class BackendStatus(Struct, kw_only=True):
    """The state of a backend now. Its JSON is the output of `slips status --json`."""

    lanes: dict[Lane, LaneStatus]
    ledger: dict[State, int] | None
    """Objects by their state now; None: not counted."""
    undelivered: int | UnsetType | None = UNSET
    """Approximate number of undelivered messages; None: the stack has no queue for them."""
    alarms: list[Alarm] | UnsetType | None = UNSET
    """Alarms that are on, the longest first; None: AWS denies to list them."""
    errors: dict[str, int]
    """Error items by kind."""
    failed_objects: int
    """Objects that an error item stops: as many as are `failed` in `ledger`."""
    quarantined_objects: int
    """Other objects with bad records in the error table."""
    groups: list[Group]
    """Error items by fingerprint, most frequent first."""
    service: Service | UnsetType = UNSET
    """The service on this machine, if there is one."""
    pauses: list[Pause] | UnsetType = UNSET
    """Why objects wait on their lanes, if some do."""
    audit: KeptAudit | UnsetType = UNSET
    """The latest audit of all objects, if one was kept."""


class Budgets(Struct, frozen=True):
    """The budget of a day, and the objects that have started today."""

    budget: Budget
    """The budget set by `slips limit`, else that of the config."""
    spent: Spent

    @property
    def is_limited(self) -> bool:
        return self.budget.is_limited

    @property
    def lines(self) -> list[str]:
        """A line for each limit of the budget: how much of it is spent today."""
        used = {"objects_per_day": self.spent.objects, "bytes_per_day": self.spent.bytes}
        times = self.spent.granted + 1
        limits = {name: most for name in used if (most := getattr(self.budget, name)) is not None}
        return [f"{used[name]:,} of {most * times:,} {name.split('_')[0]} today" for name, most in limits.items()]


class Glance(Struct, kw_only=True):
    """The part of the state of a backend that is cheap to read every second."""

    lanes: dict[Lane, LaneStatus]
    errors: int | None
    """Error items; None: not counted."""
    service: Service | None
    """The service on this machine; None on a stack, or if there is none."""


class Passed(Struct):
    """An object event whose run was concluded a moment ago."""

    event: ObjectEvent
    at: float
    """Epoch seconds."""
    has_failed: bool = False
    reason: str = ""
    """Message of its error item, if it has failed."""
    events: int = 0
    """Log events that its records gave."""


class PassedSample(NamedTuple):
    """A random sample of what passed in some time."""

    sample: list[Passed]
    total: int
    """The number of all that passed and was wanted."""
    until: float
    """The end of that time in epoch seconds, where the next sample begins."""


Wants = Callable[[str, str], bool]
"""Decides by bucket and key whether an object is wanted."""


class ReplayState(Struct, frozen=True):
    """The state of one object event that a drain has put back on its lane."""

    state: Literal["waiting", "succeeded", "failed"]
    """`waiting`: its run is not concluded. `failed`: the run, or a part of it, has a new error item."""
    error: ErrorItem | None = None
    """The new error item, unless it is gone already; of a waiting event that of the latest attempt, where known."""


class LogLine(Struct, frozen=True):
    """One line of a function's log."""

    id: str
    time: float
    """Epoch seconds."""
    function: str
    """Logical name."""
    message: str


class Operations(Protocol):
    """The commands of operators on one backend. The code that opens a backend closes it, so `close` is not here."""

    kind: Kind
    name: str
    """Name of the stack; on this machine `stack_name` of the config."""
    has_twin: bool
    """Whether the same config also has a backend of the other kind, so that answers must name theirs."""

    @property
    def errors(self) -> ErrorTable: ...

    @property
    def ledger(self) -> Ledger: ...

    @property
    def undelivered(self) -> Undelivered | None:
        """The queue of messages that could not be delivered; None if the backend has no such queue."""
        ...

    def read_back(self, batch: Batch) -> Iterable[bytes]:
        """Yield the records of a batch that an undelivered message names."""
        ...

    def count_undelivered(self) -> int | None:
        """Return the approximate number of undelivered messages; None if the backend has no queue of them."""
        ...

    def dismiss(self, item: ErrorItem) -> bool:
        """Delete this very revision of an error item for good. Return False if another revision is stored, or none."""
        ...

    def run_id(self, event: ObjectEvent) -> str:
        """Return the id of the run of an event that waits on its lane; empty on a stack, where AWS makes it later."""
        ...

    def replay_state(self, event: ObjectEvent, run_id: str) -> ReplayState:
        """Return the state of a replayed event, as it was put on its lane. `run_id` was read while it waited there."""
        ...

    def status(self, *, count_ledger: bool, progress: Callable[[int], None] = lambda _: None) -> BackendStatus:
        """Return the state of the backend. A stack counts its ledger only if `count_ledger`: that reads all of it.

        Calls `progress` with each number of ledger entries that were read.
        """
        ...

    def known(self, listed: Iterable[ObjectEvent], progress: Callable[[int], None] = lambda _: None) -> KnownObjects:
        """Return listed objects with their state. Calls `progress` with each number of ledger entries that were read.

        The objects must come bucket by bucket, in key order. A backend may read all of the listing before its state.
        """
        ...

    def on_lanes(self, listed: Iterable[ObjectEvent], *, again: bool) -> Iterator[tuple[ObjectEvent, bool]]:
        """Yield listed objects, and whether their content waits on a lane; `again`: to be run though it is done.

        On a stack none is known to wait, since its lanes cannot be read: there the ledger cuts what is put twice.
        """
        ...

    def count_done(self, listed: Iterable[ObjectEvent]) -> int | None:
        """Return the number of listed objects that the ledger cuts, as their content needs no further run.

        None on a stack, which would have to read its ledger for that.
        """
        ...

    def note_pushed(self, events: Sequence[ObjectEvent]) -> None:
        """Record that events were put on their lanes, so that an audit finds them waiting. Raises StateError."""
        ...

    def tally(self, recent: float, progress: Callable[[int], None] = lambda _: None) -> LedgerTally:
        """Return the sums over the ledger, all of which is read. `recent`: epoch seconds, for `LedgerTally.recent`.

        Calls `progress` with each number of ledger entries that were read.
        """
        ...

    def glance(self) -> Glance:
        """Return what is cheap to read: on this machine neither ledger nor error items, on a stack a single call."""
        ...

    def note(self, name: str) -> str | None:
        """Return the text that was noted under a name, beside the ledger; None if there is none."""
        ...

    def set_note(self, name: str, text: str | None) -> None:
        """Note a text under a name; None deletes it. A text has 100 KB at most. Raises StateError."""
        ...

    def passed(self, since: float, most: int, wants: Wants) -> PassedSample:
        """Return at most `most` of the objects that were done, filtered or failed since `since` (epoch seconds)."""
        ...

    def limit(self, lane: Lane) -> LaneConfig:
        """Return the limit of a lane, `delay` and `batch_size`, at this moment."""
        ...

    def set_limit(self, lane: Lane, limit: LaneConfig) -> None:
        """Set `delay` and `batch_size` of a lane: on a stack until the next deploy, on this machine for good."""
        ...

    @property
    def has_brakes(self) -> bool:
        """Whether lanes can pause here: not on a stack of a version before."""
        ...

    def pauses(self) -> list[Pause]:
        """Return why objects wait on their lanes now, without reading lanes or table; empty if none waits."""
        ...

    def pause(self, lane: Lane, reason: str, by: str) -> None:
        """Let no further object of a lane start until `resume`. `by` names the operator."""
        ...

    def resume(self, lane: Lane) -> list[Pause]:
        """End all pauses of a lane, and return them. A spent budget may be spent once more on the same day."""
        ...

    def release(self) -> int:
        """Put objects on their lane that a pause has kept in the error table, and that may start now.

        Return their number. On this machine objects wait on their lanes: there are none in the table.
        """
        ...

    def budgets(self) -> Budgets:
        """Return what may start in a day, and what has started today."""
        ...

    def set_budget(self, budget: Budget) -> None:
        """Set what may start in a day, until it is set again. The budget of the config lets the config decide again."""
        ...

    def functions(self) -> list[str]:
        """Return the logical names of the functions, in the order of the stations; none on this machine."""
        ...

    def logs(
        self, functions: Sequence[str], since: float, containing: str | None = None, *, follow: bool = False
    ) -> Iterator[LogLine]:
        """Yield the log lines of these functions since `since` (epoch seconds), merged by time; `follow`: endlessly."""
        ...


def hourly(limit: LaneConfig, kind: Kind) -> int | None:
    """Return how many objects an hour the delay of a lane lets through at most; None if there is no delay.

    On a stack that is for each shard. Dispatcher, and the supervisor here, wait once for `batch_size` objects.
    """
    if not limit.delay:
        return None
    return (limit.parallelization if kind == "stack" else 1) * limit.batch_size * 3600 // limit.delay


def grouped(items: Iterable[ErrorItem], mapping: Callable[[ObjectEvent], str] | None = None) -> list[Group]:
    """Group error items by fingerprint, the most frequent first. `items` must come oldest first.

    `mapping` names the mapping of an object, to count the items by.
    """
    groups: dict[str, Group] = {}
    mappings: dict[str, Counter[str]] = {}
    for item in items:
        group = groups.get(item.fingerprint)
        if group is None:
            about = (item.fingerprint, item.stage, item.error_type, item.message)
            group = groups[item.fingerprint] = Group(0, *about, item.failed_at, item.failed_at, [])
        group.count += 1
        group.last = item.failed_at
        group.request_ids.append(item.request_id)
        if mapping is not None:
            mappings.setdefault(item.fingerprint, Counter()).update(dict.fromkeys(map(mapping, item.events), 1))
    for fingerprint, counts in mappings.items():
        groups[fingerprint].mappings = dict(counts.most_common())
    return sorted(groups.values(), key=lambda each: -each.count)


def counted(items: Iterable[ErrorItem]) -> tuple[dict[str, int], list[Group]]:
    """Count error items by kind and group them, in one pass over the table: `errors` and `groups` of a Status."""
    kinds: dict[str, int] = {}

    def counting() -> Iterator[ErrorItem]:
        for item in items:
            kinds[item.kind] = kinds.get(item.kind, 0) + 1
            yield item

    groups = grouped(counting())
    return dict(sorted(kinds.items())), groups
