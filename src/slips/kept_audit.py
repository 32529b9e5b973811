"""The latest audit that a backend keeps: what is noted of it, as status, top and console show that."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from slips.printable import plural

LAST = "audit"
"""Name of the note with the latest audit of all objects."""


class KeptAudit(Struct, frozen=True, kw_only=True):
    """The counts of the latest audit of all objects that was kept."""

    at: str
    """When it began, RFC 3339."""
    objects: int
    done: int
    failed: int
    waiting: int
    missing: int
    changed: int
    ignored: int
    unlisted: int = 0
    """Paths that could not be listed: the counts lack their objects."""

    @property
    def is_clean(self) -> bool:
        """Whether nothing was missing or failed, and all could be listed."""
        return not (self.missing or self.failed or self.unlisted)

    @property
    def words(self) -> str:
        """The counts in words, those that need a person last: `1,204 objects, of which 2 missing, 1 failed`."""
        numbers = {"missing": self.missing, "failed": self.failed}
        bad = [f"{number:,} {state}" for state, number in numbers.items() if number]
        counts = f"of which {', '.join(bad)}" if bad else "none missing or failed"
        unlisted = f"; {plural(self.unlisted, 'path')} could not be listed" if self.unlisted else ""
        return f"{plural(self.objects, 'object')}, {counts}{unlisted}"


class _Counts(Struct):
    objects: int
    done: int
    failed: int
    waiting: int
    missing: int
    changed: int
    ignored: int


class _Note(Struct):
    at: str
    total: _Counts
    problems: list[str]


def kept_audit(note: str | None) -> KeptAudit | None:
    """Return the audit of a note; None if there is none."""
    if note is None:
        return None
    found = msgspec.json.decode(note, type=_Note)
    return KeptAudit(at=found.at, unlisted=len(found.problems), **msgspec.structs.asdict(found.total))
