"""Finds in ledger and error table what became of an object event that a drain has put back on its lane."""

from __future__ import annotations

import msgspec

from slips.model import ObjectEvent, Range
from slips.operations import ReplayState
from slips.ports import CONCLUDED, ErrorTable, Ledger


def replay_state(event: ObjectEvent, ledger: Ledger, errors: ErrorTable) -> ReplayState:
    """Return the state of a replayed event, and of all parts into which the time limit has cut its run.

    A run has the id of its claim, and so has its error item, or the first of its bad records.
    """
    part: ObjectEvent | None = event
    whole = None
    while part is not None:
        entry = ledger.get(part)
        if entry is None or entry.status not in CONCLUDED:
            # The entry of the whole object is done with its last part, also if a part of that has expired.
            is_done = whole is not None and whole.status == "done"
            return ReplayState("succeeded") if is_done else ReplayState("waiting", entry.item if entry else None)
        whole = whole or entry
        error = errors.get(entry.request_id)
        if error is not None or entry.status == "failed":
            return ReplayState("failed", error)
        is_cut = entry.status == "part" or (entry.status == "done" and part is event and event.records is None)
        # The entry of a whole object that was replayed in one run has no counts: its own entry has them.
        part = _behind(part, entry.outcome.records) if is_cut and entry.outcome is not None else None
    return ReplayState("succeeded")


def _behind(event: ObjectEvent, records: int) -> ObjectEvent | None:
    """Return the continuation of an event whose run was stopped after so many records; None if none are left."""
    ranges: list[Range] = []
    for first, last in event.records or [(1, None)]:
        length = records if last is None else min(records, last - first + 1)
        records -= length
        if last is None or first + length <= last:
            ranges.append((first + length, last))
    return msgspec.structs.replace(event, records=ranges) if ranges else None
