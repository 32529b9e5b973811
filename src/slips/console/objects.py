"""Finds objects below a prefix with their state, and lays out when objects came, by day and hour."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import dropwhile, islice
from typing import get_args

from msgspec import Struct, field

from slips.brakes import is_held
from slips.errors import UsageError
from slips.known import NOTHING, Known, KnownEntry, RecordCounts, content_of
from slips.model import ObjectEvent
from slips.operations import Operations
from slips.pipeline.audit import Audit, AuditState, records_of, state_in_audit
from slips.pipeline.audit_words import REASONS
from slips.pipeline.choose import moment
from slips.pipeline.selection import place_named
from slips.site.protocols import ListingSite
from slips.tally import LedgerTally

SHOWN = 200
"""Objects that a search shows."""
LISTED = {"machine": 20_000, "stack": 200}
"""Objects below a prefix that a search looks at before a person asks for more: on a stack each costs a call."""
DAYS = 14
"""Days that the map shows, the latest."""
LEVELS = 4
"""Shades of the map, beside none."""


class FoundObject(Struct, frozen=True):
    """A listed object and its state."""

    event: ObjectEvent
    state: str
    """A state of an audit, or `unknown`: neither ledger, lane nor error table has it."""
    why: str
    records: RecordCounts | None


class Search(Struct, kw_only=True):
    """A search, and what it found."""

    place: str
    state: str = ""
    since: str = ""
    until: str = ""
    after: str = ""
    """The key behind which the search begins."""
    found: list[FoundObject] = field(default_factory=list)
    looked_at: int = 0
    more_after: str = ""
    """The last key that was looked at, if there are more."""


ASKED = ("place", "state", "since", "until", "after")
"""The fields of a Search that a person gives."""
STATES = (*get_args(AuditState), "unknown")


def search(asked: Search, site: ListingSite, operations: Operations, now: float) -> Search:
    """Look at the objects below a place, in the order of their keys. Raises UsageError, StorageError, StateError."""
    if asked.state and asked.state not in STATES:
        raise UsageError(f"no state {asked.state!r}; expected one of {', '.join(STATES)}")
    since = moment(asked.since, now, "since") if asked.since else float("-inf")
    until = moment(asked.until, now, "until") if asked.until else float("inf")
    place = asked.place if asked.place.startswith("s3://") else f"s3://{asked.place}"
    bucket, prefix = place_named(site, place)
    most = LISTED[operations.kind]
    behind, after = site.listed(bucket, prefix), asked.after.encode()
    if after:
        behind = dropwhile(lambda event: event.object_key.encode() <= after, behind)
    listed = list(islice(behind, most + 1))
    for event, known in _known(operations, listed[:most]):
        asked.looked_at += 1
        asked.more_after = event.object_key if asked.looked_at < len(listed) else ""
        if not since <= event.timestamp <= until:
            continue
        found = _found(event, known)
        if asked.state in ("", found.state):
            asked.found.append(found)
            if len(asked.found) == SHOWN:
                break
    return asked


def _found(event: ObjectEvent, known: Known) -> FoundObject:
    state, reason = state_in_audit(known) or ("unknown", "")
    records = records_of(known) if state == "done" else None
    why = "in neither ledger, lane nor error table" if state == "unknown" else REASONS.get(reason, "")
    return FoundObject(event, state, why, records)


def _known(operations: Operations, listed: list[ObjectEvent]) -> Iterable[tuple[ObjectEvent, Known]]:
    """Yield objects with their state. A stack is asked for each by its key, not for all of its ledger."""
    return operations.known(listed) if operations.kind == "machine" else _asked_for(operations, listed)


def _asked_for(operations: Operations, listed: list[ObjectEvent]) -> Iterator[tuple[ObjectEvent, Known]]:
    items: dict[tuple[str, str], Known] = {}
    for item in operations.errors.scan():
        for event in item.events:
            place = (event.bucket_name, event.object_key)
            items[place] = items.get(place, NOTHING).with_item(event.records, is_held=is_held(item))
    for event in listed:
        known = items.get((event.bucket_name, event.object_key), NOTHING)
        entry = operations.ledger.get(event)
        if entry is not None:
            outcome = entry.outcome
            counts = None
            if outcome is not None:
                counts = RecordCounts(outcome.records, outcome.delivered, outcome.filtered, outcome.quarantined)
            content = content_of(event, (event.identity,), entry.identity, outcome.etag if outcome else "", 0.0)
            known = known.with_entry(
                KnownEntry(content, entry.records, entry.replay is not None, entry.status, entry.updated_at, counts)
            )
        yield event, known


class Hour(Struct, frozen=True):
    """The objects of one hour."""

    objects: int = 0
    bad: int = 0
    """The objects that failed, or are missing."""

    def level(self, most: int) -> int:
        """Return the shade: 0 for no object, LEVELS for `most`."""
        return 0 if not self.objects else min(LEVELS, 1 + self.objects * LEVELS // (most + 1))


class Calendar(Struct, frozen=True):
    """The hours of the latest days that have objects."""

    days: list[tuple[str, list[Hour]]]
    """Each with its 24 hours, UTC."""
    what: str
    """The time that counts: of last modification, or of processing."""

    @property
    def most(self) -> int:
        return max((hour.objects for _, hours in self.days for hour in hours), default=0)


def calendar(audit: Audit | None, tally: LedgerTally | None) -> Calendar | None:
    """Return the map of an audit by the time of modification, else of the ledger by that of processing."""
    if audit is not None:
        hours = {hour: Hour(found.objects, found.failed + found.missing) for hour, found in audit.total.hours.items()}
        return Calendar(_days(hours), "by last modification, as audited")
    if tally is not None:
        hours = {hour: Hour(counts.concluded, counts.failed) for hour, counts in tally.hours.items()}
        return Calendar(_days(hours), "by the end of processing, as the ledger has them")
    return None


def _days(hours: dict[int, Hour]) -> list[tuple[str, list[Hour]]]:
    numbers = sorted({hour // 24 for hour in hours})[-DAYS:]
    return [
        (
            f"{datetime.fromtimestamp(number * 86_400, UTC):%Y-%m-%d}",
            [hours.get(number * 24 + hour, Hour()) for hour in range(24)],
        )
        for number in numbers
    ]
