"""Concludes the run of one object event: decides the consequences once, for all sites, and writes them to the site.

In: the end of a run. Out, written in this order: error items of the object or of its bad records, the continuation
(the event for what the run did not reach), ledger entries, and deletions of error items that this run has made
obsolete. If the site has transactions, all is one transaction. If not, each step can be repeated and none undoes
another, so that the next attempt mends an interrupted one: quarantine and continuation are written before the ledger
records that the event is done. The ledger names earlier items until they are deleted: if the process ends before that,
they are deleted by the next attempt, whose claim is refused, by the reporter, or by a drain of undelivered messages.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec
from msgspec import Struct, field

from slips.errors import NoProgressError
from slips.model import ErrorItem, ObjectEvent, Outcome, is_to_the_end
from slips.pipeline.ended import Failure, Success, Superseded, by_itself
from slips.pipeline.items import part_id, report_failure, report_quarantine
from slips.ports import EarlierItem, ErrorTable, Finished, Ledger, LedgerEntry
from slips.routing import lane_again
from slips.site.protocols import Site

ATTEMPTS = 3
"""Most attempts of an object. On AWS, Lambda counts them, by `MaximumRetryAttempts` of the template."""
EXCUSED = 3
"""Most failures for want of resources, or in a damaged process, that do not count as attempts. The next is final."""

Verdict = Literal["final", "retry", "excused", "postponed"]


def judge(failure: Failure, attempts: int = 1, *, excused: int = 0, alone: bool = True) -> Verdict:
    """Decide the consequence of a failure after `attempts`, this one included, and `excused` failures beside these.

    `final`: make an error item. `retry`: try again soon. `excused`: try again, without counting this attempt.
    `postponed`: put the event back on its lane, if it is not `alone`: earlier events used up the time.
    """
    if failure.error_type == NoProgressError.__name__ and not alone:
        return "postponed"
    if failure.resources:
        return "excused" if excused < EXCUSED else "final"
    return "retry" if failure.retryable and attempts < ATTEMPTS else "final"


class Conclusion(Struct, frozen=True):
    """The consequences of one object event's run, ready to be written."""

    announced: ObjectEvent
    """The event that was delivered."""
    read: ObjectEvent
    """The event that the run concludes in the ledger: `announced`, or that of other content that the run claimed."""
    status: Literal["done", "part", "failed", "superseded"]
    run_id: str
    """Id of the run, and of its error item."""
    outcome: Outcome = field(default_factory=Outcome)
    items: Iterable[ErrorItem] = ()
    """Items for the error table. Those of bad records, which may be many, are made while they are written, once."""
    rest: ObjectEvent | None = None
    """The continuation, to put on the lane: the event for what the run did not reach."""
    is_rest_kept: bool = False
    """Whether the ledger has the continuation already, from an earlier attempt that was interrupted later."""
    names: tuple[str, ...] = ()
    """Other identities of the content that was read."""
    is_only_content: bool = False
    """Whether the object has only its present content, as a file has, or an object in S3 without versions.

    Error items of other content are obsolete then, but for those of a version.
    """
    is_repeated: bool = False
    """Whether an earlier attempt may have left error items of this run: those that are not made again are deleted."""

    @property
    def is_to_the_end(self) -> bool:
        """Whether the run finished the object, with no records left behind it."""
        return self.status == "done" and is_to_the_end(self.read.records)


def conclude(
    announced: ObjectEvent,
    ended: Success | Failure | Superseded,
    site: Site,
    run_id: str,
    *,
    attempts: int = 1,
    has_claimed: bool = False,
    is_repeated: bool = False,
    is_only_content: bool = False,
) -> Conclusion:
    """Decide the consequences of a run that ended. A failure must be final.

    `has_claimed`: the run claimed the content that it read in place of the announced one.
    """
    read = concluded_event(announced, ended, has_claimed=has_claimed)
    if isinstance(ended, Superseded):
        made = Conclusion(announced, read, "superseded", run_id)
    elif isinstance(ended, Failure):
        item = report_failure(ended, run_id, attempts, site.clock(), site.code_of(ended.event))
        made = Conclusion(announced, read, "failed", run_id, ended.outcome, [item])
    else:
        status: Literal["done", "part"] = "done" if ended.rest is None else "part"
        items: Iterable[ErrorItem] = ()
        if ended.quarantine:  # most objects have no item, for which the code of their handler would be looked for
            items = report_quarantine(ended, run_id, attempts, site.clock(), site.code_of(ended.event))
        made = Conclusion(announced, read, status, run_id, ended.outcome, items, ended.rest)
    return msgspec.structs.replace(made, names=ended.names, is_only_content=is_only_content, is_repeated=is_repeated)


def concluded_event(announced: ObjectEvent, ended: Success | Failure | Superseded, *, has_claimed: bool) -> ObjectEvent:
    """Return the event that a run concludes in the ledger: that of the content it read, if the run has claimed that.

    A file that changed while it was read has no certain content: its failure concludes the announced event.
    """
    found = ended.event
    is_other = (found.identity, found.object_key) != (announced.identity, announced.object_key)
    return by_itself(found) if has_claimed and is_other else announced


def write(conclusion: Conclusion, site: Site) -> int:
    """Write a conclusion to error table, lane and ledger. Return the number of error items that it made.

    Raises StateError or StreamError: then the event is not concluded, and the whole conclusion can be written again.
    """
    with site.transaction():
        made = _put(conclusion, site.errors)
        if conclusion.rest is not None:
            _send(conclusion.rest, conclusion, site)
        for item in _write_entries(conclusion, site.ledger):
            if item.request_id not in made and is_obsolete(item.event, conclusion):
                discard(item, site)
                if conclusion.is_only_content and not _is_same(item.event, conclusion):
                    # The other content does not exist any more, so that no run can conclude it.
                    site.ledger.supersede(msgspec.structs.replace(item.event, replay=None))
    return len(made)


def discard(item: EarlierItem, site: Site) -> None:
    """Delete an error item of an earlier run."""
    site.errors.discard(item.request_id)
    site.ledger.discarded(item)


def discard_left(event: ObjectEvent, entry: LedgerEntry | None, site: Site) -> None:
    """Delete the error items that the conclusion of an event made obsolete, if it was interrupted before it did so."""
    for request_id in entry.left if entry is not None else ():
        discard(EarlierItem(request_id, event), site)


def is_obsolete(failed: ObjectEvent, conclusion: Conclusion) -> bool:
    """Whether a run has made an earlier error item of the event `failed` obsolete: only the latest outcome counts.

    An item of a whole object is obsolete if the object ended again, with the content of the item, with the announced
    content, or with its only content. But a version in S3 can still be read. An item of records is obsolete if all of
    them were read again, of the item's content. Items of records of other content stay, as evidence.
    """
    if failed.records is not None:
        was_read = conclusion.read.records is None and conclusion.status == "done"
        is_same_part = failed.records == conclusion.read.records
        return (was_read or is_same_part) and _is_same(failed, conclusion)
    ended = conclusion.read.records is None or conclusion.is_to_the_end
    is_gone = conclusion.is_only_content and failed.object_version_id is None
    is_past = is_gone or failed.identity == conclusion.announced.identity
    return ended and (is_past or _is_same(failed, conclusion))


def _write_entries(conclusion: Conclusion, ledger: Ledger) -> Iterator[EarlierItem]:
    """Write a conclusion to the ledger. Yield, after each entry, the earlier error items that belong to it."""
    read, announced, outcome = conclusion.read, conclusion.announced, conclusion.outcome
    match conclusion.status:
        case "failed":
            if read.replay is not None:
                # If the object is announced again, that run meets only the entry of the event without a replay.
                yield from ledger.fail_replay(msgspec.structs.replace(read, replay=None), conclusion.run_id)
            yield from ledger.fail(read, outcome, conclusion.run_id)
        case "part":
            if read.records is None and read.replay is not None:
                # The object is on its way again: neither a listing nor an announcement may run it whole meanwhile.
                yield from ledger.finish(msgspec.structs.replace(read, replay=None), Outcome(), "part")
            yield from ledger.finish(read, outcome, "part")
        case "done":
            counts: Outcome | None = outcome
            status: Finished = "filtered" if outcome.filtered_by and read.records is None else "done"
            if conclusion.is_to_the_end and (read.records, read.replay) != (None, None):
                # The whole object is done, also by its last part, and also by a replay.
                if read.records is not None and read.replay is not None:
                    yield from ledger.finish(msgspec.structs.replace(read, records=None), None)
                own = msgspec.structs.replace(read, records=None, replay=None)
                counts = _counts_of_object(own, conclusion, ledger)
                yield from ledger.finish(own, counts, status, run_id=conclusion.run_id)
                counts = None if read.records is None else outcome
            yield from ledger.finish(read, counts, status)
    if read is not announced and (conclusion.status == "superseded" or announced.identity not in conclusion.names):
        yield from ledger.supersede(announced)
        if announced.replay is not None:
            # The entry of the failed run that is replayed: its item is drained, so no other run would ever end it.
            failed = msgspec.structs.replace(announced, replay=None)
            yield from ledger.supersede(failed, only="failed")


def _counts_of_object(own: ObjectEvent, conclusion: Conclusion, ledger: Ledger) -> Outcome | None:
    """Return the counts for the `own` entry of an object that is done as a whole. None: keep those of its first part.

    The entries of an object must add up to the records delivered of it: the counts of a failed run must go.
    """
    if conclusion.read.records is None:
        return conclusion.outcome
    entry = ledger.get(own) if conclusion.read.replay is not None else None
    return Outcome() if entry is not None and entry.status == "failed" else None


def take_back(errors: ErrorTable, run_id: str, number: int) -> None:
    """Delete the items of a run from `number` (1-based) on, which an interrupted attempt has left."""
    while errors.discard(part_id(run_id, number)):
        number += 1


def _put(conclusion: Conclusion, errors: ErrorTable) -> set[str]:
    """Put the items of a conclusion into the error table, and return their ids."""
    made = set()
    for item in conclusion.items:
        errors.put(item)
        made.add(item.request_id)
    if conclusion.is_repeated:
        # An earlier attempt that read more records may have made more items: the continuation reads these records
        # again.
        take_back(errors, conclusion.run_id, len(made) + 1)
    return made


def _send(rest: ObjectEvent, conclusion: Conclusion, site: Site) -> None:
    """Put the continuation on its lane. If that happens twice, both events have one entry in the ledger."""
    if not conclusion.is_rest_kept:
        # No later attempt may run this part again: if it stopped at another record, two continuations would overlap.
        site.ledger.stopped(conclusion.read, rest, conclusion.outcome)
    site.stream.put(lane_again(site.config.routing, rest), [rest])


def _is_same(failed: ObjectEvent, conclusion: Conclusion) -> bool:
    """Whether the event of an error item is of the content that was read."""
    return failed.identity in (conclusion.read.identity, *conclusion.names)
