"""Keeps the latest audit of a place as a note, which status, top and console show, and reads it again.

In: an audit. Out: the JSON that operators see, short enough for a note. The counts are those of the audit, but for the
objects that its repair has put on their lanes since.
"""

from __future__ import annotations

from collections.abc import Collection
from copy import deepcopy

import msgspec
from msgspec import Struct

from slips import times
from slips.config import Mapping
from slips.errors import StateError
from slips.kept_audit import LAST
from slips.known import RecordCounts
from slips.operations import Operations
from slips.pipeline.audit import AUDIT_STATES, Audit, AuditState, Found, NamedObject, PartAudit, Reason, Start

NOTED = 20
"""Most objects of each state, and most mappings, in the note of the latest audit."""


def put_back(audit: Audit, states: Collection[AuditState]) -> Audit:
    """Return an audit in which the objects of these states wait: they were put on their lanes since."""
    changed = deepcopy(audit)
    for part in (changed.total, *changed.mappings):
        for found in (part.found, *part.hours.values()):
            for state in states:
                found.add("waiting", getattr(found, state))
                setattr(found, state, 0)
        if "missing" in states:
            part.missing_bytes = 0
    changed.objects = {state: named for state, named in audit.objects.items() if state not in states}
    return changed


def note_of(audit: Audit) -> tuple[str, str]:
    """Return name and text of the note of an audit: the JSON that operators see, without hours and most names."""
    found = audit.to_dict()
    for part in (found["total"], *found["mappings"]):
        del part["hours"]
    found["mappings"] = found["mappings"][:NOTED]
    found["objects"] = {state: named[:NOTED] for state, named in found["objects"].items()}
    found["problems"] = found["problems"][:NOTED]
    return LAST, msgspec.json.encode(found).decode()


class _NotedPart(Struct):
    """A part in the note of an audit. Versions before noted fewer counts."""

    done: int
    failed: int
    waiting: int
    missing: int
    changed: int
    ignored: int
    records: RecordCounts
    reasons: dict[Reason, int] = {}
    missing_bytes: int = 0
    is_whole: bool = True
    bucket: str = ""
    prefix: str | None = None
    pattern: str | None = None
    unmapped: int = 0
    unmapped_failed: int = 0
    unmapped_done: int = 0
    unmapped_waiting: int = 0

    def part(self) -> PartAudit:
        found = Found(*(getattr(self, state) for state in AUDIT_STATES))
        mapping = Mapping(prefix=self.prefix, pattern=self.pattern) if self.bucket else None
        return PartAudit(
            self.bucket, mapping, found, self.records, self.reasons, self.missing_bytes, is_whole=self.is_whole
        )


class _NotedObject(Struct):
    url: str
    time: str
    size: int


class _Noted(Struct):
    name: str
    at: str
    seconds: float
    start: str
    start_by: Start
    total: _NotedPart
    mappings: list[_NotedPart]
    objects: dict[AuditState, list[_NotedObject]]
    problems: list[str]


def audit_of_note(note: str) -> Audit:
    """Return the audit of a note, as far as `note_of` has noted it."""
    noted = msgspec.json.decode(note, type=_Noted)
    return Audit(
        name=noted.name,
        start=times.iso(noted.start, "start"),
        start_by=noted.start_by,
        at=times.iso(noted.at, "at"),
        seconds=noted.seconds,
        total=noted.total.part(),
        mappings=[each.part() for each in noted.mappings],
        unmapped=noted.total.unmapped,
        unmapped_failed=noted.total.unmapped_failed,
        unmapped_done=noted.total.unmapped_done,
        unmapped_waiting=noted.total.unmapped_waiting,
        objects={
            state: [NamedObject(each.url, each.time, each.size) for each in named]
            for state, named in noted.objects.items()
        },
        problems=noted.problems,
    )


def keep_audit(audit: Audit, operations: Operations) -> str:
    """Keep an audit as the latest one of this machine, if it is of all objects. Return why that failed; else "".

    A stack keeps only the audits of its own function: the config here may be another.
    """
    if operations.kind == "stack" or audit.only or audit.start_by == "since":
        return ""
    try:
        operations.set_note(*note_of(audit))
    except StateError as error:
        return f"this audit is not kept for 'slips status': {error}"
    return ""
