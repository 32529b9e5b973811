"""Words for the reasons and counts of an audit, the same in commands, reports and pages."""

from __future__ import annotations

from slips.known import RecordCounts
from slips.pipeline.audit import Reason, Start
from slips.printable import plural

REASONS: dict[Reason, str] = {
    "unmapped": "without a mapping",
    "filtered": "filtered, as no logs",
    "dropped": "dropped by routing",
    "dismissed": "dismissed",
    "unfinished": "being written, as their names say",
    "older": "older than the audit's start",
    "running": "being processed",
    "taken_out": "taken out of the error table, not run since",
    "unseen": "so new that they may be on a lane",
}
STARTS: dict[Start, str] = {
    "since": "--since",
    "first entry": "an hour before the first ledger entry",
    "ledger days": "the ledger keeps no entries from before: 'backend.ledger_days'",
    "no entry": "the ledger is empty; it would keep entries for 'backend.ledger_days'",
}


def balance(counts: RecordCounts) -> str:
    """Return the sum of the records of all objects that are done, or that it is wrong."""
    by = f"{counts.delivered:,} delivered + {counts.filtered:,} filtered + {counts.quarantined:,} quarantined"
    if counts.is_balanced:
        return f"{plural(counts.records, 'record')} = {by}"
    return f"{plural(counts.records, 'record')} are not {by}: they do not add up, which is a fault of slips"
