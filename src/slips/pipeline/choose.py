"""Chooses error items from any ErrorTable: by id, by group, and by time, prefix and type.

The fingerprint of an item names its group: all items with that fingerprint.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from math import inf

from msgspec import Struct

from slips import times
from slips.errors import RecordError, UnreadableItemError, UsageError
from slips.model import ErrorItem, ObjectEvent
from slips.ports import ErrorTable
from slips.printable import plural

_SECONDS = {"w": 604_800, "d": 86_400, "h": 3600, "m": 60, "s": 1}
_DURATION = re.compile("".join(rf"(?:(?P<{unit}>[0-9]+(?:\.[0-9]+)?){unit})?" for unit in _SECONDS))
SHOWN = 3
"""Most ids, and most fingerprints, in the error text about an ambiguous beginning."""


class Choice(Struct, frozen=True):
    """A choice of error items: those that are named by id or by group, if any are, and meet every condition."""

    since: str | None = None
    prefix: str | None = None
    type: str | None = None
    until: str | None = None
    ids: tuple[str, ...] | None = None
    """Ids of items, in full."""
    groups: tuple[str, ...] | None = None
    """Fingerprints, in full."""

    def of_table(
        self, errors: ErrorTable, now: float | None = None, *, absent: Callable[[str], None] = lambda _: None
    ) -> Iterator[ErrorItem]:
        """Yield the chosen items of a table: those of `ids` in that order, then others, oldest failure first.

        Calls `absent` with each of `ids` without an item. Raises UsageError at once for malformed times.
        """
        return self.of(self._named(errors, absent), now)

    def of(self, items: Iterable[ErrorItem], now: float | None = None) -> Iterator[ErrorItem]:
        """Yield the `items` that meet the conditions. `now` is epoch seconds. Raises as `of_table` does."""
        now = time.time() if now is None else now
        begin, end = span(self.since, self.until, now)
        since, until = -inf if begin is None else begin, inf if end is None else end
        return (item for item in items if self._fits(item, since, until))

    def _named(self, errors: ErrorTable, absent: Callable[[str], None]) -> Iterator[ErrorItem]:
        if self.ids is None and self.groups is None:
            yield from errors.scan()
            return
        ids = dict.fromkeys(self.ids or ())
        for request_id in ids:
            item = errors.get(request_id)
            if item is None:
                absent(request_id)
            else:
                yield item
        if self.groups:
            of_groups = (item for item in errors.scan() if item.fingerprint in self.groups)
            yield from (item for item in of_groups if item.request_id not in ids)

    def _fits(self, item: ErrorItem, since: float, until: float) -> bool:
        # An item of the original slips without an event time may be of any time: choose it rather than hide it.
        failed_at = time_of_failure(item) if self.since is not None or self.until is not None else None
        if failed_at is not None and not since <= failed_at <= until:
            return False
        if self.prefix is not None and not any(self._covers(event) for event in item.events):
            return False
        return self.type is None or self.type.lower() in (item.error_type.lower(), item.stage.lower(), item.kind)

    def _covers(self, event: ObjectEvent) -> bool:
        prefix = (self.prefix or "").removeprefix("s3://")
        return event.object_key.startswith(prefix) or f"{event.bucket_name}/{event.object_key}".startswith(prefix)


class Named(Struct, frozen=True):
    """The items and groups that arguments of a command name, each once, in full."""

    ids: tuple[str, ...]
    groups: tuple[str, ...]


def named(errors: ErrorTable, texts: Sequence[str], where: str = "") -> Named:
    """Return the items and groups that `texts` name: each is an id, a fingerprint, or the beginning of one.

    Raises UsageError for a text that names nothing, or of which several items or groups may be meant. `where` are the
    words for the place of the table, in that error text. An id, or else a fingerprint, in full is never ambiguous.
    """
    ids: dict[str, None] = {}
    groups: dict[str, None] = {}
    exact = {text for text in texts if errors.get(text) is not None}
    rest = [text for text in texts if text not in exact]
    begun = _begun(errors, rest) if rest else {}
    for text in texts:
        begun_ids, begun_groups = begun.get(text) or ([text], {})
        if text in begun_groups:
            groups[text] = None
            continue
        one = _first_part(begun_ids)
        if len(one) + len(begun_groups) > 1:
            raise UsageError(_ambiguous(text, begun_ids, begun_groups))
        if not one and not begun_groups:
            raise UsageError(f"no error item {text!r}{where}; 'slips errors' lists those that exist")
        ids |= dict.fromkeys(one)
        groups |= begun_groups
    return Named(tuple(ids), tuple(groups))


def time_of_failure(item: ErrorItem) -> float | None:
    """Return when an item failed, epoch seconds; None if it has no time that can be read."""
    try:
        return times.iso(item.failed_at, "failed_at") if item.failed_at else None
    except RecordError:
        return None


def readable(items: Iterable[ErrorItem], problems: list[UnreadableItemError]) -> Iterator[ErrorItem]:
    """Yield the items. Append the error about those that cannot be read to `problems`, in place of raising it."""
    try:
        yield from items
    except UnreadableItemError as problem:
        problems.append(problem)


def _begun(errors: ErrorTable, texts: Sequence[str]) -> dict[str, tuple[list[str], dict[str, None]]]:
    """Return the ids and the fingerprints that begin with each text, in one pass over the table."""
    found: dict[str, tuple[list[str], dict[str, None]]] = {text: ([], {}) for text in texts}
    # An item that cannot be read is neither one that is named, nor a reason to keep these from the command.
    for item in readable(errors.scan(), []):
        for text in filter(None, texts):
            ids, groups = found[text]
            if item.request_id.startswith(text):
                ids.append(item.request_id)
            if item.fingerprint.startswith(text):
                groups[item.fingerprint] = None
    return found


def _first_part(ids: list[str]) -> list[str]:
    """Return the one id that is meant by the beginning of all of these, as a list; else all of them."""
    # The parts of a long item have ids made from that of its first part: id, id-2, id-3.
    first = min(ids, key=len, default="")
    return [first] if ids and all(each.startswith(first) for each in ids) else ids


def _ambiguous(text: str, ids: Sequence[str], groups: Iterable[str]) -> str:
    """Return the error text for a beginning of several ids and fingerprints, with some of them."""
    groups = [f"group {each}" for each in groups]
    what = " and ".join(plural(len(some), noun) for some, noun in ((ids, "error item"), (groups, "group")) if some)
    shown = [", ".join(some[:SHOWN]) + (", ..." if len(some) > SHOWN else "") for some in (ids, groups) if some]
    more = "id" if not groups else "fingerprint" if not ids else "id or fingerprint"
    return f"{what} begin with {text!r}: {', '.join(shown)}; expected more of the {more}"


def duration(text: str, name: str) -> float:
    """Convert a duration such as `90s`, `10m` or `1h30m` to seconds. Raises UsageError that names `name`."""
    seconds = _duration(text)
    if seconds is None:
        raise UsageError(f"{name}: {text!r} is no duration; expected one such as 90s, 10m or 1h30m")
    return seconds


def _duration(text: str) -> float | None:
    found = _DURATION.fullmatch(text)
    if not text or found is None:
        return None
    return sum(float(number) * _SECONDS[unit] for unit, number in found.groupdict().items() if number)


def with_one_unit(text: str) -> str:
    """Return an age of several units (`1h30m`) in seconds (`5400s`), as versions before read it; else the text."""
    seconds = _duration(text)
    return text if seconds is None or re.fullmatch(r"[\d.]+[a-z]", text) else f"{seconds:.0f}s"


def span(since: str | None, until: str | None, now: float) -> tuple[float | None, float | None]:
    """Convert the times of `--since` and `--until` to epoch seconds. Raises UsageError if they are no such times."""
    begin = None if since is None else moment(since, now, "--since")
    end = None if until is None else moment(until, now, "--until")
    if begin is not None and end is not None and begin > end:
        raise UsageError(f"--since: {since!r} is later than --until {until!r}; expected an earlier time; swap them")
    return begin, end


def moment(text: str, now: float, name: str) -> float:
    """Convert a time, or an age such as `2h` or `1h30m`, to epoch seconds. Raises UsageError that names `name`."""
    if (ago := _duration(text)) is not None:
        return now - ago
    try:
        return times.iso(text, name)
    except RecordError:
        raise UsageError(f"{name}: {text!r} is no time; expected one such as 2h, 3d or 2026-03-02T08:00:00Z") from None
