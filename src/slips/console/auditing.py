"""The audit of a place, run in the background, and its repair: what is missing goes back on its lane."""

from __future__ import annotations

from collections.abc import Iterator

from slips.config.needs import DRAINING
from slips.console.acts import Act
from slips.console.desk import Desk
from slips.console.plans import ActProposal
from slips.console.wording import price
from slips.console.wording import size as size_text
from slips.event_file import EventFile
from slips.kept_audit import LAST, KeptAudit, kept_audit
from slips.model import LANES, ObjectEvent
from slips.operations import Operations
from slips.pipeline.audit import AUDIT_STATES, Audit, AuditState
from slips.pipeline.audit import audit as compare
from slips.pipeline.audit_note import audit_of_note, keep_audit, note_of, put_back
from slips.pipeline.audit_words import balance
from slips.pipeline.backfill import dollars, put
from slips.pipeline.overview import processed_by
from slips.pipeline.selection import selection_of
from slips.printable import plural
from slips.site.protocols import ListingSite

PAGE = "/objects"


class Audits:
    """The latest audit that this console has made, and that which the place keeps."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.last: Audit | None = None
        """Objects that were put back since wait."""

    def latest(self, kept: KeptAudit | None) -> KeptAudit | None:
        """Return the counts of the latest audit. `kept`: those of the audit that the place keeps."""
        own = None if self.last is None else kept_audit(note_of(self.last)[1])
        return kept if own is None or (kept is not None and kept.at > own.at) else own

    def read(self) -> Audit | None:
        """Return the latest audit; of one that only the place keeps, without hours and most names."""
        with self._desk.operations() as operations:
            note = operations.note(LAST)
        kept = None if note is None else audit_of_note(note)
        # The note has milliseconds: it may be of the same audit.
        is_own = self.last is not None and (kept is None or self.last.at + 0.001 > kept.at)
        return self.last if is_own else kept

    def propose(self, act: str) -> ActProposal:
        """Propose an audit, or a repair of what the latest audit has found to be missing."""
        costs = [("Cost", "AWS charges for the listing and for reading all of the ledger: cents for a million objects")]
        if act == "audit":
            return ActProposal(
                act=act,
                title="Audit",
                will="Lists every mapped prefix, and compares it with ledger, lanes and error table. Changes nothing.",
                command=self._desk.command("audit"),
                facts=costs if self._desk.is_stack else [],
                noun="object",
                page=PAGE,
            )
        latest = self.read()
        missing, size = (0, 0) if latest is None else (latest.total.found.missing, latest.total.missing_bytes)
        if size:
            costs.append(("Their processing", f"{price(dollars(missing, size))}, and the time of the handler"))
        return ActProposal(
            act=act,
            title="Put back what is missing",
            will="Audits anew, and puts on the lane of its routing what is missing then: listed and mapped, in neither "
            "ledger, lane nor error table. Handlers get these objects for the first time.",
            command=self._desk.command("audit", "--repair"),
            facts=[
                ("Missing", f"{plural(missing, 'object')} at the latest audit"),
                # Audits of versions before have no bytes.
                *([("Bytes", f"{size_text(size)} as stored")] if size else []),
                *(costs if self._desk.is_stack else []),
            ],
            noun="object",
            is_possible=missing > 0,
            page=PAGE,
        )

    def audit(self, act: Act) -> None:
        """Compare what the buckets have with what was processed, and change nothing."""
        with self._desk.site(DRAINING) as (site, operations):
            self._compare(act, site, operations, None)

    def repair(self, act: Act) -> None:
        """Audit anew, and put what is missing then on its lane."""
        with self._desk.site(DRAINING) as (site, operations), EventFile() as missing:
            found = self._compare(act, site, operations, missing)
            act.doing, act.done, act.total = "putting what is missing on its lane", 0, missing.count
            sums = dict.fromkeys((*LANES, "drop"), 0)
            try:
                for counts in put(missing, site, operations, "routed"):
                    sums = {name: sums[name] + counts[name] for name in sums}
                    act.add(sum(counts.values()))
            finally:
                lanes = {lane: sums[lane] for lane in LANES}
                on = " and ".join(f"{count:,} on lane {lane}" for lane, count in lanes.items() if count)
                by = processed_by(operations).of(sum(lanes.values()), lanes)
                act.facts.append(f"put back: {on}; {by}" if on else "nothing was put back")
            self._keep(act, put_back(found, {"missing"}), operations)

    def _compare(self, act: Act, site: ListingSite, operations: Operations, missing: EventFile | None) -> Audit:
        act.doing, act.page = "comparing objects", PAGE

        def keep(state: AuditState, event: ObjectEvent) -> None:
            act.check()
            if missing is not None and state == "missing":
                missing.add(event)

        found = compare(site, operations, selection_of(site, (), ()), keep=keep, progress=act.add)
        act.facts += in_words(found)
        self._keep(act, found, operations)
        return found

    def _keep(self, act: Act, found: Audit, operations: Operations) -> None:
        self.last = found
        if problem := keep_audit(found, operations):
            act.facts.append(problem)


def in_words(audit: Audit) -> Iterator[str]:
    """Yield the result of an audit in sentences."""
    found = audit.total.found
    counts = ", ".join(f"{getattr(found, state):,} {state}" for state in AUDIT_STATES if getattr(found, state))
    yield f"{plural(found.objects, 'object')}: {counts or 'none'}"
    yield balance(audit.total.records)
    yield from (f"not listed: {problem}" for problem in audit.problems)
