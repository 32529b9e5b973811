"""Chooses error items by id, or by time, prefix and type, from any ErrorTable."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator

from msgspec import Struct

from slips import times
from slips.errors import RecordError, UsageError
from slips.model import ErrorItem, ObjectEvent
from slips.ports import ErrorTable

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


class Choice(Struct, frozen=True):
    """A choice of error items: those that meet every condition that is set."""

    since: str | None = None
    prefix: str | None = None
    type: str | None = None

    def of(self, items: Iterable[ErrorItem], now: float | None = None) -> Iterator[ErrorItem]:
        """Yield the chosen items. `now` is epoch seconds. Raises UsageError at once for a malformed time."""
        since = moment(self.since, time.time() if now is None else now, "--since") if self.since is not None else None
        return (item for item in items if self._fits(item, since))

    def _fits(self, item: ErrorItem, since: float | None) -> bool:
        # An item of the original slips without an event time may be of any time: choose it rather than hide it.
        if since is not None and item.failed_at and times.iso(item.failed_at, "failed_at") < since:
            return False
        if self.prefix is not None and not any(self._covers(event) for event in item.events):
            return False
        return self.type is None or self.type.lower() in (item.error_type.lower(), item.stage.lower(), item.kind)

    def _covers(self, event: ObjectEvent) -> bool:
        prefix = (self.prefix or "").removeprefix("s3://")
        return event.object_key.startswith(prefix) or f"{event.bucket_name}/{event.object_key}".startswith(prefix)


def find(errors: ErrorTable, text: str) -> ErrorItem | None:
    """Return the item whose id is `text`, or the only one whose id begins with `text`; None if there is none.

    Raises UsageError if the ids of several items begin with `text`.
    """
    item = errors.get(text)
    if item is not None:
        return item
    matches = [each for each in errors.scan() if text and each.request_id.startswith(text)]
    if not matches:
        return None
    first = min(matches, key=lambda each: len(each.request_id))
    # The parts of a long item have ids made from that of its first part: id, id-2, id-3.
    if all(each.request_id.startswith(first.request_id) for each in matches):
        return first
    shown = ", ".join(each.request_id for each in matches[:3]) + (", ..." if len(matches) > 3 else "")
    raise UsageError(f"{len(matches)} error items begin with {text!r}: {shown}; expected more of the id")


def moment(text: str, now: float, name: str) -> float:
    """Convert a time, or an age such as `90s`, `2h` or `3d`, to epoch seconds. Raises UsageError that names `name`."""
    if ago := re.fullmatch(r"(\d+(?:\.\d+)?)([smhdw])", text):
        return now - float(ago[1]) * _SECONDS[ago[2]]
    try:
        return times.iso(text, name)
    except RecordError:
        raise UsageError(f"{name}: {text!r} is no time; expected one such as 2h, 3d or 2026-03-02T08:00:00Z") from None
