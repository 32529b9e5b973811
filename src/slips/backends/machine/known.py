"""The state of listed objects, by pages of a listing: each is read in one short transaction, after it was listed.

A file whose stamp differs from that of its last reading, as of other rights or times, may have the same content: it is
read again, and its hash decides. A file of another size is not read for that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from slips.backends.machine.content import is_stamp, names_of, names_of_young, size_of
from slips.backends.machine.ledger import records_and_replay
from slips.backends.machine.sqlite import Database
from slips.backends.spans import Span, rows
from slips.known import NOTHING, Known, KnownEntry, by_page, content_of, counts_of, ranges_of
from slips.model import Lane, ObjectEvent, is_to_the_end


class SqliteKnown:
    """KnownObjects of the state file, whose lanes can be read."""

    problems: Sequence[str] = ()

    def __init__(
        self,
        database: Database,
        listed: Iterable[ObjectEvent],
        hash_of: Callable[[ObjectEvent], str | None] = lambda _: None,
        *,
        lag: float = 0.0,
    ) -> None:
        """`hash_of` reads a listed file and returns the hash of its bytes; None if that cannot be had.

        `lag`: seconds that an object may be on its way to a lane.
        """
        self._database, self._listed, self._hash_of, self._lag = database, listed, hash_of, lag
        ((self.first_entry,),) = database.select("SELECT MIN(updated_at) FROM ledger")

    def lag(self, lane: Lane) -> float:
        return self._lag

    def __iter__(self) -> Iterator[tuple[ObjectEvent, Known]]:
        return by_page(self._listed, self._page)

    def _page(self, bucket: str, page: Sequence[ObjectEvent]) -> dict[str, Known]:
        """Return the state of the objects of a page, by key; those without any are left out."""
        listed = {event.object_key: event for event in page}
        select, span = self._database.select, (bucket, page[0].object_key, page[-1].object_key)
        found: dict[str, Known] = {}
        hashed = self._hashed(listed, span)  # before the transaction: reading a large file takes long
        with self._database.snapshot():
            hashes = {key: (stamp, hash_) for key, stamp, hash_ in rows(select, "file", "stamp", "hash", span)}
            columns = "identity, status, updated_at, outcome"
            for key, entry, identity, status, updated_at, outcome in rows(select, "ledger", "entry", columns, span):
                if (event := listed.get(key)) is None:
                    continue
                records, replay = records_and_replay(entry)
                counts, names = counts_of(outcome), (*_names(event, hashes.get(key)), *hashed.get(key, ()))
                content = content_of(event, names, identity, counts.etag if counts else "", updated_at)
                made = KnownEntry(content, records, replay is not None, status, updated_at, counts)
                found[key] = found.get(key, NOTHING).with_entry(made)
            for key, _, records in rows(select, "lane", "id", "json_extract(event, '$.records')", span):
                if key in listed and is_to_the_end(ranges_of(records)):
                    found[key] = found.get(key, NOTHING)._replace(is_on_lane=True)
            argument = "json_extract(item, '$.events[0].records')"
            for key, _, records in rows(select, "error", "request_id", argument, span):
                if key in listed:
                    found[key] = found.get(key, NOTHING).with_item(ranges_of(records))
        return found

    def _hashed(self, listed: Mapping[str, ObjectEvent], span: Span) -> dict[str, tuple[str]]:
        """Return the hashes of those listed files that may have the content of their last reading, but other stamps."""
        found: dict[str, tuple[str]] = {}
        for key, stamp, _ in rows(self._database.select, "file", "stamp", "hash", span):
            event = listed.get(key)
            if event is None or not is_stamp(event.object_etag) or stamp in names_of_young(event.object_etag):
                continue
            if size_of(stamp) == size_of(event.object_etag) and (hash_ := self._hash_of(event)) is not None:
                found[key] = (hash_,)
        return found


def _names(event: ObjectEvent, known: tuple[str, str] | None) -> tuple[str, ...]:
    """Return the identities of the content of a listed object. `known`: stamp and hash of its last reading."""
    if not is_stamp(event.object_etag):
        return (event.identity,)
    names = names_of(event.object_etag)
    if known is not None and known[0] in names_of_young(event.object_etag):
        return (*names, known[1])
    return names
