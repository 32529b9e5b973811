"""Audits a site: compares the listing of every mapped prefix with ledger, lanes and error table, in flat memory.

In: a listing, and what the backend has of each listed object. Out: counts by mapping, day and hour, and the objects
that need a person. Changes nothing. An object counts once: `state_in_audit` alone defines the states.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from math import inf
from typing import Any, Literal, NamedTuple, Protocol

from msgspec import Struct, field

from slips.config import Mapping
from slips.errors import StorageError
from slips.known import PAGE, Known, KnownObjects, RecordCounts
from slips.model import LANES, Lane, ObjectEvent, format_time
from slips.not_logs import NotLog
from slips.pipeline.choose import moment
from slips.pipeline.selection import Place, Unlisted
from slips.ports import Status
from slips.routing import assigned, lane_for, mapping_for
from slips.site.protocols import ListingSite

AuditState = Literal["done", "failed", "waiting", "missing", "changed", "ignored"]
"""`failed`: the error table has an item that stops the object; `waiting`: it is on a lane, or a request runs it;
`missing`: it is in neither ledger, lane nor error table; `changed`: the ledger has other contents of it alone;
`ignored`: nothing is to become of it."""
AUDIT_STATES: tuple[AuditState, ...] = ("done", "failed", "waiting", "missing", "changed", "ignored")
Reason = Literal[
    "",
    "unmapped",
    "filtered",
    "dropped",
    "dismissed",
    "unfinished",
    "older",
    "running",
    "taken_out",
    "unseen",
]
"""Why an object is ignored or waiting. `unfinished`: a service leaves it alone, as it is still being written; `older`:
than the audit's start; `taken_out`: its error item was drained, or dismissed from a stack, and it has not run since;
`unseen`: it is so new that it may be on a lane, which cannot be read."""
Start = Literal["since", "first entry", "ledger days", "no entry"]
"""The reason why an audit starts when it does."""

BEFORE = 3_600.0
"""Seconds before the first ledger entry with which an audit starts: an object is announced and waits before it runs."""
NAMED: tuple[AuditState, ...] = ("missing", "failed", "changed")
"""The states of which an audit keeps objects by name."""
SHOWN = 1_000
"""Most objects of each state that an audit keeps by name."""
DAY = 86_400.0


class Found(Struct):
    """Numbers of objects by state."""

    done: int = 0
    failed: int = 0
    waiting: int = 0
    missing: int = 0
    changed: int = 0
    ignored: int = 0

    def add(self, state: AuditState, number: int = 1) -> None:
        """Count objects."""
        setattr(self, state, getattr(self, state) + number)

    @property
    def objects(self) -> int:
        """The number of all objects."""
        return sum(getattr(self, state) for state in AUDIT_STATES)

    def to_dict(self) -> dict[str, int]:
        """Return the counts of the JSON output, `objects` first."""
        return {"objects": self.objects, **{state: getattr(self, state) for state in AUDIT_STATES}}


class NamedObject(NamedTuple):
    """An object that an audit keeps by name."""

    url: str
    time: str
    """When it was last modified, RFC 3339."""
    size: int


class PartAudit(Struct):
    """The audit of one mapping, or of all."""

    bucket: str = ""
    mapping: Mapping | None = None
    found: Found = field(default_factory=Found)
    records: RecordCounts = field(default_factory=RecordCounts)
    reasons: dict[Reason, int] = field(default_factory=dict)
    """Numbers of ignored and waiting objects that have a reason."""
    missing_bytes: int = 0
    """Stored bytes of the missing objects."""
    hours: dict[int, Found] = field(default_factory=dict)
    """By the hour of last modification, in hours since 1970. Objects older than the start are not among them."""
    is_whole: bool = True
    """Whether all of its keys could be listed: if not, the counts lack objects."""

    @property
    def name(self) -> str:
        """The bucket, with the prefix or pattern."""
        return f"{self.bucket}/{self.mapping.written if self.mapping else ''}"

    @property
    def shown(self) -> str:
        """The name for people, with the warning that objects are lacking."""
        return f"{self.name if self.mapping else 'all'}{'' if self.is_whole else ' (not all listed)'}"

    def is_below(self, place: Place) -> bool:
        """Whether a listing may have objects of this part."""
        bucket, prefix = place
        if self.mapping is None:
            return True
        beginning = self.mapping.beginning
        return self.bucket == bucket and (beginning.startswith(prefix) or prefix.startswith(beginning))

    def add(self, event: ObjectEvent, state: AuditState, reason: Reason, counts: RecordCounts | None) -> None:
        """Count one object."""
        self.found.add(state)
        if reason:
            self.reasons[reason] = self.reasons.get(reason, 0) + 1
        if counts is not None:
            self.records.add(counts)
        if state == "missing":
            self.missing_bytes += event.object_size
        if reason != "older":
            self.hours.setdefault(int(event.timestamp // 3600), Found()).add(state)

    def plus(self, other: PartAudit) -> None:
        """Add the counts of further objects."""
        for state in AUDIT_STATES:
            self.found.add(state, getattr(other.found, state))
        self.records.add(other.records)
        self.missing_bytes += other.missing_bytes
        self.is_whole = self.is_whole and other.is_whole
        for reason, number in other.reasons.items():
            self.reasons[reason] = self.reasons.get(reason, 0) + number
        for hour, found in other.hours.items():
            for state in AUDIT_STATES:
                self.hours.setdefault(hour, Found()).add(state, getattr(found, state))

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object of this part."""
        return {
            **self.found.to_dict(),
            "records": _counts(self.records),
            "reasons": dict(sorted(self.reasons.items())),
            "missing_bytes": self.missing_bytes,
            "is_whole": self.is_whole,
            "hours": [
                {"hour": format_time(hour * 3600.0), **found.to_dict()} for hour, found in sorted(self.hours.items())
            ],
        }


class Audit(Struct, kw_only=True):
    """The result of an audit."""

    name: str
    """Name of the stack, or of the config's."""
    start: float
    """Epoch seconds. Unknown objects that were last modified before are ignored."""
    start_by: Start
    at: float
    """When the audit began, epoch seconds."""
    seconds: float = 0.0
    total: PartAudit = field(default_factory=PartAudit)
    mappings: list[PartAudit] = field(default_factory=list)
    unmapped: int = 0
    unmapped_failed: int = 0
    """Objects without a mapping that the error table stops, as it does until they are drained or dismissed."""
    unmapped_done: int = 0
    """Objects without a mapping that are done, since they had one."""
    unmapped_waiting: int = 0
    only: list[str] = field(default_factory=list)
    """The paths and mappings that were audited alone; empty for all."""
    objects: dict[AuditState, list[NamedObject]] = field(default_factory=dict)
    """The first SHOWN missing, failed and changed objects."""
    problems: list[str] = field(default_factory=list)
    """Paths and buckets that could not be listed, and error items that cannot be read, with reasons."""

    def plus(self, other: Audit) -> None:
        """Add the audit of the objects behind those of this one."""
        self.total.plus(other.total)
        parts = {part.name: part for part in self.mappings}
        for part in other.mappings:
            if part.name in parts:
                parts[part.name].plus(part)
            else:
                self.mappings.append(part)
        self.unmapped += other.unmapped
        self.unmapped_failed += other.unmapped_failed
        self.unmapped_done += other.unmapped_done
        self.unmapped_waiting += other.unmapped_waiting
        for state, named in other.objects.items():
            self.objects[state] = [*self.objects.get(state, ()), *named][:SHOWN]
        self.problems += [each for each in other.problems if each not in self.problems]
        self.seconds += other.seconds

    @property
    def unmapped_found(self) -> Found:
        """The objects without a mapping, by state."""
        done, failed, waiting = self.unmapped_done, self.unmapped_failed, self.unmapped_waiting
        return Found(done=done, failed=failed, waiting=waiting, ignored=self.unmapped - done - failed - waiting)

    @property
    def is_clean(self) -> bool:
        """Whether nothing is missing or failed, all could be listed, and every record is accounted for."""
        return self.is_clean_besides_missing and not self.total.found.missing

    @property
    def is_clean_besides_missing(self) -> bool:
        """Whether the audit is clean once the missing objects are put on their lanes."""
        return not (self.total.found.failed or self.problems) and self.total.records.is_balanced

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object that operators see."""
        return {
            "name": self.name,
            "at": format_time(self.at),
            "seconds": round(self.seconds, 3),
            "start": format_time(self.start),
            "start_by": self.start_by,
            "only": self.only,
            "total": {
                **self.total.to_dict(),
                **{name: getattr(self, name) for name in self.__struct_fields__ if name.startswith("unmapped")},
            },
            "mappings": [
                {
                    "bucket": part.bucket,
                    ("prefix" if part.mapping.pattern is None else "pattern"): part.mapping.written,
                    **part.to_dict(),
                }
                for part in self.mappings
                if part.mapping is not None
            ],
            "objects": {state: [each._asdict() for each in self.objects.get(state, ())] for state in NAMED},
            "problems": self.problems,
        }


class AuditedListing(Protocol):
    """The objects of an audit (see `Selection`)."""

    @property
    def only(self) -> list[str]: ...

    def has(self, bucket: str, mapping: Mapping | None) -> bool: ...

    def listed(
        self, site: ListingSite, progress: Callable[[int], None], unlisted: Unlisted
    ) -> Iterator[ObjectEvent]: ...


class AuditedBackend(Protocol):
    """The part of Operations that an audit uses."""

    @property
    def name(self) -> str: ...

    def known(self, listed: Iterable[ObjectEvent], progress: Callable[[int], None]) -> KnownObjects: ...


def audit(
    site: ListingSite,
    backend: AuditedBackend,
    selection: AuditedListing,
    *,
    since: str | None = None,
    before: Audit | None = None,
    keep: Callable[[AuditState, ObjectEvent], None] = lambda *_: None,
    progress: Callable[[int], None] = lambda _: None,
) -> Audit:
    """Compare the listing of `selection` with what the backend has of each object.

    `since` is a time, or a duration before now: the audit ignores all objects that were last modified before. Without
    it, and never before the ledger keeps entries, the audit ignores older objects that the backend does not know.
    `before`: the audit of the objects before these, whose start holds for these, too.
    Calls `keep` with each object that is missing, failed or changed, and `progress` with each number of objects. Raises
    UsageError for a malformed time, StateError. A bucket that cannot be listed is a problem of the audit, which goes on
    with the others.
    """
    begun = site.clock()
    asked = moment(since, begun, "--since") if since is not None else None
    unlisted: list[str] = []
    partly: list[Place] = []

    def note(place: Place, error: StorageError | None) -> None:
        partly.append(place)
        if error is not None:
            unlisted.append(f"{error}; the audit has none of its other objects")

    listed = backend.known(selection.listed(site, progress, note), progress)
    start, start_by = _start(asked, listed.first_entry, begun - site.config.backend.ledger_days * DAY)
    if before is not None:
        start, start_by = before.start, before.start_by
    made = Audit(name=backend.name, start=start, start_by=start_by, at=begun, only=selection.only)
    lags = {lane: listed.lag(lane) for lane in LANES}
    unseen = {lane: begun - lag if lag else inf for lane, lag in lags.items()}
    judge = _Judge(site, start, asked, unseen)
    parts = {
        (bucket, mapping.written): PartAudit(bucket, mapping)
        for bucket, mappings in site.config.bucket_mapping.items()
        for mapping in mappings
        if selection.has(bucket, mapping)
    }
    for number, (event, known) in enumerate(listed, 1):
        if number % PAGE == 0:
            progress(0)  # so that who has a time limit can end the audit here, too
        mapping = mapping_for(site.config.bucket_mapping, event.bucket_name, event.object_key)
        if not selection.has(event.bucket_name, mapping):
            continue
        state, reason = judge(event, known)
        counts = records_of(known) if state == "done" else None
        made.total.add(event, state, reason, counts)
        if mapping is None:
            made.unmapped += 1
            made.unmapped_failed += state == "failed"
            made.unmapped_done += state == "done"
            made.unmapped_waiting += state == "waiting"
        else:
            parts[event.bucket_name, mapping.written].add(event, state, reason, counts)
        if state in NAMED:
            names = made.objects.setdefault(state, [])
            if len(names) < SHOWN:
                names.append(NamedObject(event.url, event.event_time, event.object_size))
            keep(state, event)
    made.mappings = list(parts.values())
    for part in (made.total, *made.mappings):
        part.is_whole = not any(map(part.is_below, partly))
    made.problems = [*site.unlisted, *unlisted, *listed.problems]
    made.seconds = site.clock() - begun
    return made


def _start(asked: float | None, first_entry: float | None, kept: float) -> tuple[float, Start]:
    """Return when the audit starts, and why. `kept`: the time before which the ledger may have forgotten objects."""
    wanted: tuple[float, Start]
    if asked is not None:
        wanted = asked, "since"
    else:
        wanted = (kept, "no entry") if first_entry is None else (first_entry - BEFORE, "first entry")
    return wanted if wanted[0] >= kept else (kept, "ledger days")


class _Judge:
    """Decides the state of objects. `unseen`: the time since which an object may be on each lane unseen."""

    def __init__(self, site: ListingSite, start: float, since: float | None, unseen: dict[Lane, float]) -> None:
        self._site, self._config = site, site.config
        self._start, self._since, self._unseen = start, since, unseen

    def __call__(self, event: ObjectEvent, known: Known) -> tuple[AuditState, Reason]:
        """Return the state of a listed object, and the reason if it is ignored, or waits in an unusual way."""
        by = assigned(self._config.bucket_mapping, event)
        if self._since is not None and event.timestamp < self._since:
            return "ignored", "older"
        if known.is_stopped:
            return "failed", ""  # whatever the config says: it is a person's to drain or to dismiss
        if isinstance(by, NotLog):
            return "ignored", "filtered"
        lane = lane_for(self._config.routing, event)
        found, is_run = state_in_audit(known), by is not None and lane != "drop"
        # What an earlier config has made of it stays so; but if the config of today runs no such object, no content of
        # it is missing.
        if found is not None and (is_run or found[0] != "changed"):
            return found
        if by is None:
            return "ignored", "unmapped"
        if lane == "drop":
            return "ignored", "dropped"
        if self._site.is_unfinished(event):
            return "ignored", "unfinished"
        if event.timestamp < self._start:
            return "ignored", "older"
        return ("waiting", "unseen") if event.timestamp > self._unseen[lane] else ("missing", "")


def state_in_audit(known: Known) -> tuple[AuditState, Reason] | None:
    """Return the state of an object by what the backend has of it; None if that is nothing."""
    if known.is_stopped:
        return "failed", ""
    if known.is_on_lane:
        return "waiting", ""
    own = [entry for entry in known.entries if entry.is_of_object]
    listed = [entry for entry in known.listed if entry.is_of_object]
    if not own:
        return ("done", "") if known.is_quarantined else None  # only a finished object has a quarantine
    latest = max(listed or own, key=lambda entry: entry.updated_at)
    if latest.status in _OF_STATUS:
        found = _OF_STATUS[latest.status]
        # A lane, or a request, has an older content alone only until that is concluded.
        return found if listed or found[1] == "running" else ("changed", "")
    return None


_OF_STATUS: dict[Status, tuple[AuditState, Reason]] = {
    "done": ("done", ""),
    "filtered": ("ignored", "filtered"),
    "dropped": ("ignored", "dropped"),
    "dismissed": ("ignored", "dismissed"),
    "claimed": ("waiting", "running"),
    "waiting": ("waiting", "running"),
    "part": ("waiting", "running"),
    "failed": ("waiting", "taken_out"),
}


def records_of(known: Known) -> RecordCounts:
    """Return the records of an object that is done: those of its content, part by part, without replays."""
    found = RecordCounts()
    for entry in known.listed:
        if entry.counts is not None and not entry.is_replay and entry.status != "failed":
            found.add(entry.counts)
    return found


def _counts(counts: RecordCounts) -> dict[str, int]:
    return {name: getattr(counts, name) for name in RecordCounts.__struct_fields__}
