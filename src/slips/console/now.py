"""Reads what the page NOW shows, and sums it up in a sentence: is anything lost, and what fails since when?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

import msgspec
from msgspec import Struct, field

from slips.brakes import Pause, sentence
from slips.config import LaneConfig
from slips.console.auditing import Audits
from slips.console.desk import Desk
from slips.console.wording import ago, count, seconds_of
from slips.kept_audit import KeptAudit
from slips.model import LANES, Lane
from slips.object_states import WORDS, State
from slips.operations import Alarm, Group, Kind, LaneStatus, Operations, Service, hourly
from slips.printable import are, duration, plural, them
from slips.tally import LedgerTally

RECENT_SECONDS = 300
"""Seconds of the past by which the page tells the rate."""
GROUPS = 5
"""How many groups of errors the page shows."""
AUDIT_PAGE = "/objects"
Level = Literal["good", "warning", "bad"]


class LaneView(Struct, frozen=True):
    """A lane, as the page shows it."""

    name: Lane
    status: LaneStatus
    limit: LaneConfig
    hourly: int | None
    """Objects that its delay lets through in an hour, at most; None: there is no delay."""
    failing: int
    """Error items of its objects."""


class Finding(Struct, frozen=True):
    """A sentence about the place, with the page that shows more."""

    level: Level
    text: str
    page: str = ""
    age: str = ""
    """The end of the sentence, which grows old while nothing changes."""


class Now(Struct, kw_only=True):
    """The state of the place at this moment."""

    as_of: float
    """Epoch seconds."""
    kind: Kind
    lanes: list[LaneView]
    groups: list[Group] = field(default_factory=list)
    groups_total: int = 0
    first: str = ""
    """When the first of all items failed, RFC 3339; empty if that is not known."""
    failed_objects: int = 0
    quarantined_objects: int = 0
    items: int
    is_counted: bool = True
    """Whether groups and objects are known: counting may take long."""
    objects: dict[State, int] | None = None
    """None: not counted."""
    tally: LedgerTally | None = None
    """None: not counted, on a stack until somebody asks for it."""
    counted_at: float | None = None
    """Epoch seconds of `objects` and `tally`, if they are older."""
    undelivered: int | None = None
    alarms: list[Alarm] = field(default_factory=list)
    pauses: list[Pause] = field(default_factory=list)
    audit: KeptAudit | None = None
    """The latest audit; None: none was made."""
    rates: dict[Lane, float | None] = field(default_factory=lambda: dict.fromkeys(LANES))
    """Objects that the service concludes in a second, in the last minute; None: no service runs."""
    service: Service | None = None
    """The `slips up` of this machine; None on a stack, or if there is none."""

    @property
    def findings(self) -> list[Finding]:
        """Sentences that a person must know, the worst first."""
        order: list[Level] = ["bad", "warning", "good"]
        return sorted(self._findings(), key=lambda each: order.index(each.level))

    @property
    def waiting(self) -> int:
        """Events on the lanes; 0 on a stack, whose lanes cannot be read."""
        return sum(each.status.waiting or 0 for each in self.lanes)

    @property
    def level(self) -> Level:
        return self.findings[0].level

    def _findings(self) -> Iterator[Finding]:
        if self.tally is not None and self.tally.unbalanced:
            runs = plural(self.tally.unbalanced, "run")
            yield Finding("bad", f"{runs} with records that are not accounted for: report this, it is a bug of slips")
        missing = 0 if self.audit is None else self.audit.missing
        if self.audit is not None and missing:
            found = f"{plural(missing, 'object')} missing, by the audit"
            yield Finding("bad", found, AUDIT_PAGE, f" {ago(self.audit.at, self.as_of)}")
        if self.audit is not None and self.audit.unlisted:
            paths = plural(self.audit.unlisted, "path")
            yield Finding("warning", f"{paths} could not be listed, by the latest audit", AUDIT_PAGE)
        for pause in self.pauses:
            age = f" ({ago(pause.since, self.as_of)})"
            yield Finding("bad", f"Lane {pause.lane} is {sentence(pause)}", "/#lanes", age)
        if self.service is not None and self.service.state != "running":
            yield Finding("bad", f"'slips up' {_DEAD[self.service.state]}: nothing is processed; start it again")
        if self.service is not None and self.service.state != "gone":
            for where, why in self.service.troubles.items():
                yield Finding("bad", f"'slips up' cannot use {where}: {why}")
            if self.service.not_reloaded:
                yield Finding("warning", f"'slips up' has not reloaded: {self.service.not_reloaded}")
        if self.failed_objects:
            age = f" (the first {ago(self.first, self.as_of)})" if self.first else ""
            yield Finding("bad", f"{plural(self.failed_objects, 'object')} failed", "/errors", age)
        if self.quarantined_objects:
            yield Finding("warning", f"{plural(self.quarantined_objects, 'object')} with bad records", "/errors")
        rest = self.is_counted and self.items and not (self.failed_objects or self.quarantined_objects)
        if rest:
            yield Finding("warning", f"{plural(self.items, 'error')} that name no whole object", "/errors")
        for lane in self.lanes:
            if number := lane.status.retrying:
                be = are(number)
                what = f"{plural(number, 'object')} on lane {lane.name} {be} tried again after a failed attempt"
                yield Finding("warning", what, "/#lanes")
        if self.undelivered:
            what = f"about {plural(self.undelivered, 'undelivered message')}"
            yield Finding("warning", f"{what}: a drain takes {them(self.undelivered)} up")
        for alarm in self.alarms:
            yield Finding("warning", f"alarm {alarm.name}: {alarm.description}")
        if self.waiting and self.kind == "machine" and self.service is None:
            what = plural(self.waiting, "object event")
            yield Finding("warning", f"{what} on the lanes, and no 'slips up' runs here: 'slips run' processes them")
        if self.tally is not None and not self.tally.runs:
            yield Finding("good", "Nothing was processed yet")
        elif self.tally is not None and not (self.tally.unbalanced or missing):
            yield Finding("good", "Nothing is lost: each record that was read is delivered, filtered or quarantined")
        if not self.is_counted:
            yield Finding("warning", "Objects and errors are being counted")
        elif not self.items and not any(lane.status.retrying for lane in self.lanes):
            yield Finding("good", "Nothing fails")

    @property
    def states(self) -> list[tuple[str, int]]:
        """The number of objects in each state that some are in, in words."""
        return [(word, self.objects[state]) for state, word in WORDS.items() if self.objects and state in self.objects]

    @property
    def rate(self) -> str:
        """The objects of the last minutes."""
        if self.tally is None:
            return ""
        return f"{plural(self.tally.recent, 'object')} in the last {duration(RECENT_SECONDS)}"

    @property
    def balance(self) -> str:
        """The balance of records in words."""
        t = self.tally
        if t is None:
            return ""
        return (
            f"{plural(t.records, 'record')} = {count(t.delivered)} delivered + {count(t.filtered)} filtered + "
            f"{count(t.quarantined)} quarantined"
        )


_DEAD = {"silent": "does not show that it lives", "gone": "was killed"}


def glance(desk: Desk, operations: Operations, counted: Now | None) -> Now:
    """Read lanes and service, which is cheap, beside what was counted before; None: nothing was counted yet."""
    found = operations.glance()
    pauses = operations.pauses()
    if counted is not None:
        lanes = [msgspec.structs.replace(each, status=found.lanes[each.name]) for each in counted.lanes]
        return msgspec.structs.replace(counted, lanes=lanes, service=found.service, pauses=pauses)
    return Now(
        as_of=desk.clock(),
        kind=operations.kind,
        lanes=_views(found.lanes, {}, operations),
        items=found.errors or 0,
        is_counted=False,
        service=found.service,
        pauses=pauses,
    )


def read(desk: Desk, operations: Operations, failing: Mapping[Lane, int], audits: Audits, *, count_ledger: bool) -> Now:
    """Read the state of the place. `failing`: error items by lane. `count_ledger`: read all of the ledger, too."""
    at = desk.clock()
    status = operations.status(count_ledger=count_ledger)
    tally = operations.tally(at - RECENT_SECONDS) if count_ledger else None
    return Now(
        as_of=at,
        kind=operations.kind,
        lanes=_views(status.lanes, failing, operations),
        groups=status.groups[:GROUPS],
        groups_total=len(status.groups),
        first=min((each.first for each in status.groups if seconds_of(each.first) is not None), default=""),
        failed_objects=status.failed_objects,
        quarantined_objects=status.quarantined_objects,
        items=sum(status.errors.values()),
        objects=status.ledger,
        tally=tally,
        undelivered=status.undelivered if isinstance(status.undelivered, int) else None,
        audit=audits.latest(status.audit if isinstance(status.audit, KeptAudit) else None),
        alarms=status.alarms if isinstance(status.alarms, list) else [],
        pauses=status.pauses if isinstance(status.pauses, list) else [],
        service=status.service if isinstance(status.service, Service) else None,
    )


def _views(lanes: Mapping[Lane, LaneStatus], failing: Mapping[Lane, int], operations: Operations) -> list[LaneView]:
    limits = {lane: operations.limit(lane) for lane in LANES}
    return [
        LaneView(lane, lanes[lane], limit, hourly(limit, operations.kind), failing.get(lane, 0))
        for lane, limit in limits.items()
    ]
