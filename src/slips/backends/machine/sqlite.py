"""The state of one machine in one SQLite file: lanes, error table, ledger.

Durable against a killed process at any moment (WAL). During a run only the supervisor writes more than a short
transaction. Every SQLite error leaves here as a StateError that says what to do.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import sys
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, Literal, cast
from uuid import uuid4

import msgspec
from msgspec import Struct

from slips.backends.machine import private, schema
from slips.backends.machine.content import is_stamp, names_of
from slips.backends.machine.files import Files
from slips.backends.machine.patience import ATTEMPT, Patience
from slips.errors import StateError, UsageError
from slips.model import LANES, ErrorItem, Lane, ObjectEvent, Outcome, Range
from slips.ports import Claim, LedgerEntry

FILE = "state.sqlite3"
LOCK = "lock"
_FILES = (FILE, *(f"{FILE}-{kind}" for kind in ("wal", "shm", "journal")), LOCK)
_DESCRIPTORS = 4
"""Files that SQLite opens for one database: itself, its log, its index, for a moment its directory."""
SETTLED = ("done", "part", "dropped", "dismissed")
"""What the ledger says of an object that needs no further run; of a part, the rest has an event of its own."""
MOST_SETTLED = 10_000
"""Contents of one key that a worker is told of: who brings back an older one has it processed again."""


class Delivery(Struct):
    """One object event taken from a lane; it stays there until it is acknowledged."""

    id: int
    event: ObjectEvent
    request_id: str
    attempts: int
    """Failed attempts so far."""
    settled: list[str] = []
    """Contents of the object that need no further run, if this is none that people ask for."""
    known: dict[str, str] = {}
    """The hash of the object's file by its stamp, if it was read before."""
    read: ObjectEvent | None = None
    """The event of the content that was found by the attempt at hand, if another was announced."""
    names: tuple[str, ...] = ()
    """Other identities of that content."""


class Embedded:
    """The state in `directory`: a Stream, an ErrorTable and a Ledger on one connection, and what `service/` needs."""

    def __init__(self, directory: Path, connection: sqlite3.Connection, patience: Patience | None = None) -> None:
        self.directory, self._file = directory, directory / FILE
        self._connection, self._patience = connection, patience or Patience()
        self.stream = SqliteStream(self)
        self.errors = SqliteErrors(self)
        self.ledger = SqliteLedger(self)
        self.files = Files(self)

    @classmethod
    def open(cls, directory: Path, patience: Patience | None = None) -> Embedded:
        """Opens the state, made if it is not there. Raises StateError."""
        patience = patience or Patience()
        try:
            _make_private(directory, patience.tell)
            connection = sqlite3.connect(directory / FILE, timeout=ATTEMPT, isolation_level=None)
        except OSError as error:
            raise StateError(_unusable(directory, error.strerror or str(error))) from error
        except sqlite3.Error as error:
            raise StateError(_unusable(directory, _reason(error))) from error
        state = cls(directory, connection, patience)
        try:
            state._prepare()
        except BaseException:
            connection.close()
            raise
        return state

    def _prepare(self) -> None:
        self.execute("PRAGMA journal_mode=WAL")
        # NORMAL keeps every commit through a killed process; a power cut may undo the latest: run again, not lost.
        self.execute("PRAGMA synchronous=NORMAL")
        if self._schema_version() == schema.VERSION:
            return  # without a look whether it may be written: who only reads waits for nobody
        with self.transaction():
            found = self._schema_version()
            if found <= schema.VERSION:
                for statement in schema.statements_from(found):
                    self.execute(statement)
            else:
                raise StateError(
                    f"{self.directory / FILE}: made by another version of slips (schema {found}); expected schema "
                    f"{schema.VERSION}; use that version, or another 'backend.embedded.path'"
                )

    def _schema_version(self) -> int:
        ((found,),) = self.select("PRAGMA user_version")
        return cast("int", found)

    def close(self) -> None:
        self._connection.close()

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> sqlite3.Cursor:
        """One statement, when nobody else has the file locked. Raises StateError."""
        try:
            return self._patience.until_free(self._file, lambda: self._connection.execute(statement, parameters))
        except sqlite3.Error as error:
            raise StateError(_unusable(self.directory, _reason(error))) from error

    def select(self, statement: str, parameters: Sequence[Any] = ()) -> list[Any]:
        """All rows of a query. Raises StateError, also for damage that is met only behind the first rows."""
        try:
            return self._patience.until_free(
                self._file, lambda: self._connection.execute(statement, parameters).fetchall()
            )
        except sqlite3.Error as error:
            raise StateError(_unusable(self.directory, _reason(error))) from error

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of it or nothing. Nested ones are part of the outermost."""
        if self._connection.in_transaction:
            yield
            return
        self.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):  # what cannot be written is not undone either: the next opening does it
                self._connection.rollback()
            raise

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Held by the one `run` or `up` of this state. Raises UsageError that names the process that holds it."""
        try:
            lock = os.open(self.directory / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, private.FILE)
            private.tighten(self.directory / LOCK)
        except OSError as error:
            raise StateError(_unusable(self.directory, error.strerror or str(error))) from error
        try:
            self._lock(lock)
            # Claims of a supervisor that died are nobody's now, and cost no attempt.
            self.execute("DELETE FROM ledger WHERE status = 'claimed'")
            yield
        finally:
            os.close(lock)

    def _lock(self, lock: int) -> None:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(lock, 0)
            os.write(lock, f"{os.getpid()} ({' '.join(['slips', *sys.argv[1:]])[:150]})".encode("utf-8", "replace"))
        except BlockingIOError:
            holder = os.read(lock, 200).decode("utf-8", "replace").strip() or "that has just begun"
            raise UsageError(
                f"{self.directory}: in use by process {holder}; expected no other 'slips run' on this "
                "state directory; wait for it, or stop it"
            ) from None
        except OSError as error:
            raise StateError(_unusable(self.directory, error.strerror or str(error))) from error

    # -- what the supervisor asks

    def is_pending(self, event: ObjectEvent) -> bool:
        """Whether a listed object is still to be put on a lane: not done, not dropped, not waiting, no error item."""
        return not (self.is_settled(event) or self.is_waiting(event) or self.has_error(event))

    def is_settled(self, event: ObjectEvent) -> bool:
        """Whether the ledger knows that the content of a listed object needs no further run, by whatever name."""
        names = names_of(event.object_etag) if is_stamp(event.object_etag) else (event.identity,)
        return any(self.ledger.status_of(_named(event, name)) in SETTLED for name in names)

    def is_waiting(self, event: ObjectEvent) -> bool:
        """Whether the whole object waits in a lane."""
        found = self.select(
            "SELECT 1 FROM lane WHERE bucket = ? AND key = ? AND whole LIMIT 1", (event.bucket_name, event.object_key)
        )
        return bool(found)

    def has_error(self, event: ObjectEvent) -> bool:
        """Whether the object is in the error table as a whole, in any content."""
        found = self.select(
            "SELECT 1 FROM error WHERE bucket = ? AND key = ? AND kind = 'object' LIMIT 1",
            (event.bucket_name, event.object_key),
        )
        return bool(found)

    def supersede(self, event: ObjectEvent, identities: Collection[str], *, done: bool, any_content: bool) -> None:
        """Deletes the items that a whole run of an object has made untrue: it failed again, or is `done`.

        Those of the object itself, of the content with these `identities` only unless `any_content`; once it is done
        also those of records of this very content, all of which were read again. Records of other content stay, as
        evidence. Other content whose item goes ends as superseded in the ledger: nothing can run it any more.
        """
        found = self.select(
            "SELECT request_id, kind, item FROM error WHERE bucket = ? AND key = ?",
            (event.bucket_name, event.object_key),
        )
        for request_id, kind, item in list(found):
            events = msgspec.json.decode(item, type=ErrorItem).events
            if len(events) > 1:
                continue  # of the original: it tells of other objects, too
            same = events[0].identity in identities
            if (any_content or same) if kind == "object" else (done and same):
                self.execute("DELETE FROM error WHERE request_id = ?", (request_id,))
                if not same:
                    self.ledger.supersede(msgspec.structs.replace(events[0], replay=None))

    def dismiss(self, item: ErrorItem) -> bool:
        """Deletes that very revision; False if it is no longer the stored one.

        An object that the item tells of as a whole is settled then: no run takes it by itself until it changes. Not one
        that waits in a lane: somebody has asked for it.
        """
        with self.transaction():
            if not self.errors.delete(item.request_id, item.revision):
                return False
            for event in item.events:
                plain = msgspec.structs.replace(event, replay=None)
                settled = self.is_waiting(plain) or self.ledger.status_of(plain) in SETTLED
                if item.kind == "object" and event.records is None and not settled:
                    self.ledger.dismiss(plain)
            return True

    def conclude(self, delivery: Delivery, read: ObjectEvent, names: Sequence[str]) -> None:
        """The event leaves its lane; `read` is of the content that was read for it, with its other `names`.

        The ledger already says what became of that content. Of what was announced it keeps no claim, and no replay,
        which nothing can deliver again.
        """
        announced = delivery.event
        with self.transaction():
            if names:
                self._identify(read, names)
            self.acknowledge(delivery, read)
            if announced.replay is None and announced.identity in ("", *names) and announced.identity != read.identity:
                self.ledger.forget(announced)
            if announced.identity not in ("", read.identity, *names) and announced.records is None:
                whole = msgspec.structs.replace(announced, replay=None)
                if announced.identity == read.object_etag:
                    self.ledger.copy(read, whole)  # its version has an id that listings do not tell
                else:
                    self.ledger.supersede(whole)

    def acknowledge(self, delivery: Delivery, read: ObjectEvent | None = None) -> None:
        """The event leaves its lane. With it go the ledger's rows of a replay, unless the lane has it once more."""
        announced = delivery.event
        with self.transaction():
            self.stream.acknowledge(delivery)
            if announced.replay is not None and not self.stream.has_replay(announced):
                self.ledger.forget(announced)
                if read is not None and read.replay is not None:
                    self.ledger.forget(read)

    def _identify(self, read: ObjectEvent, names: Sequence[str]) -> None:
        """Keeps the hash of a file that was read. What the ledger knows of it by other names is known by its hash."""
        self.files.remember(read.bucket_name, read.object_key, names[0], read.object_etag)
        whole = msgspec.structs.replace(read, records=None, replay=None)
        for name in names:
            by_name = _named(whole, name)
            if self.ledger.status_of(by_name) in SETTLED:
                if self.ledger.status_of(whole) is None:
                    self.ledger.copy(by_name, whole)
                self.ledger.forget(by_name)
        self.ledger.forget_stamps(read)

    def setting(self, name: str) -> str | None:
        """What was set to last until it is set back; None: nothing."""
        found = self.select("SELECT value FROM setting WHERE name = ?", (name,))
        return cast("str", found[0][0]) if found else None

    def set(self, name: str, value: str | None) -> None:
        """Keeps a setting; None: no longer."""
        if value is None:
            self.execute("DELETE FROM setting WHERE name = ?", (name,))
        else:
            self.execute("INSERT OR REPLACE INTO setting (name, value) VALUES (?, ?)", (name, value))

    def counts(self) -> dict[str, Any]:
        """Numbers for `slips status`: lanes with the age of their oldest event in seconds, ledger and errors."""
        lanes: dict[str, dict[str, Any]] = {lane: {"waiting": 0, "oldest_seconds": None} for lane in LANES}
        for lane, waiting, oldest in self.select("SELECT lane, COUNT(*), MIN(put_at) FROM lane GROUP BY lane"):
            lanes[lane] = {"waiting": waiting, "oldest_seconds": max(0.0, round(time.time() - oldest, 3))}
        ledger = dict(self.select("SELECT status, COUNT(*) FROM ledger GROUP BY status"))
        errors = dict(self.select("SELECT kind, COUNT(*) FROM error GROUP BY kind"))
        return {"lanes": lanes, "ledger": ledger, "errors": errors}


class SqliteStream:
    """A Stream whose lanes are rows; and the taking side of it."""

    def __init__(self, state: Embedded) -> None:
        self._state = state

    def put(self, lane: Lane, events: Sequence[ObjectEvent]) -> None:
        now = time.time()
        with self._state.transaction():
            for event in events:
                self._state.execute(
                    "INSERT INTO lane (lane, bucket, key, event, request_id, whole, put_at) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (
                        lane,
                        event.bucket_name,
                        event.object_key,
                        _json(event),
                        str(uuid4()),
                        event.records is None,
                        now,
                    ),
                )

    def take(self, limit: int, after: dict[Lane, int], lanes: Sequence[Lane] = LANES) -> list[Delivery]:
        """Up to `limit` events in order, fast lane first, behind the last ones taken; `after` remembers them."""
        taken: list[Delivery] = []
        for lane in lanes:
            rows = self._state.select(
                "SELECT id, event, request_id, attempts FROM lane WHERE lane = ? AND id > ? ORDER BY id LIMIT ?",
                (lane, after.get(lane, 0), limit - len(taken)),
            )
            for number, event, request_id, attempts in rows:
                after[lane] = number
                taken.append(Delivery(number, msgspec.json.decode(event, type=ObjectEvent), request_id, attempts))
        return taken

    def waiting(self) -> tuple[int, int]:
        """How many events wait, and the stored bytes of their objects."""
        # SUM fails beyond 63 bits, which a few sparse files reach.
        ((count, size),) = self._state.select("SELECT COUNT(*), TOTAL(json_extract(event, '$.object_size')) FROM lane")
        return count, int(min(size, sys.float_info.max))

    def waiting_of(self, bucket: str) -> int:
        """How many events of a bucket wait."""
        ((count,),) = self._state.select("SELECT COUNT(*) FROM lane WHERE bucket = ?", (bucket,))
        return cast("int", count)

    def has_replay(self, event: ObjectEvent) -> bool:
        """Whether the replay that `event` belongs to is on a lane."""
        found = self._state.select(
            "SELECT 1 FROM lane WHERE bucket = ? AND key = ? AND json_extract(event, '$.replay') = ? LIMIT 1",
            (event.bucket_name, event.object_key, event.replay),
        )
        return bool(found)

    def failed_attempt(self, delivery: Delivery) -> None:
        """Counts one failed attempt; the event stays."""
        self._state.execute("UPDATE lane SET attempts = attempts + 1 WHERE id = ?", (delivery.id,))

    def acknowledge(self, delivery: Delivery) -> None:
        """The event leaves its lane."""
        self._state.execute("DELETE FROM lane WHERE id = ?", (delivery.id,))


class SqliteErrors:
    """An ErrorTable of rows."""

    def __init__(self, state: Embedded) -> None:
        self._state = state

    def put(self, item: ErrorItem) -> None:
        with self._state.transaction():
            known = self._state.select("SELECT revision FROM error WHERE request_id = ?", (item.request_id,))
            revision = known[0][0] + 1 if known else 1
            stored = msgspec.structs.replace(item, revision=revision)
            bucket, key = item.place
            self._state.execute(
                "INSERT OR REPLACE INTO error (request_id, revision, failed_at, kind, bucket, key, item) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    item.request_id,
                    revision,
                    item.failed_at,
                    item.kind,
                    bucket,
                    key,
                    _json(stored),
                ),
            )

    def get(self, request_id: str) -> ErrorItem | None:
        rows = self._state.select("SELECT item FROM error WHERE request_id = ?", (request_id,))
        return msgspec.json.decode(rows[0][0], type=ErrorItem) if rows else None

    def scan(self) -> Iterator[ErrorItem]:
        at = ("", "")
        while rows := self._state.select(
            "SELECT failed_at, request_id, item FROM error WHERE (failed_at, request_id) > (?, ?) "
            "ORDER BY failed_at, request_id LIMIT 200",
            at,
        ):
            for failed_at, request_id, item in rows:
                at = (failed_at, request_id)
                yield msgspec.json.decode(item, type=ErrorItem)

    def discard(self, request_id: str) -> bool:
        return self._state.execute("DELETE FROM error WHERE request_id = ?", (request_id,)).rowcount > 0

    def delete(self, request_id: str, revision: int) -> bool:
        deleted = self._state.execute(
            "DELETE FROM error WHERE request_id = ? AND revision = ?", (request_id, revision)
        ).rowcount
        return deleted > 0


class SqliteLedger:
    """A Ledger of rows."""

    def __init__(self, state: Embedded) -> None:
        self._state = state

    def claim(self, event: ObjectEvent, request_id: str) -> Claim:
        with self._state.transaction():
            rows = self._state.select("SELECT status, request_id FROM ledger WHERE entry = ?", (_entry(event),))
            taken: Claim = "new"
            for status, holder in rows:
                if status in SETTLED:
                    return "done"
                if status == "claimed" and holder != request_id:
                    return "claimed"
                if status == "failed" and holder == request_id:
                    return "done"
                if status == "claimed":
                    taken = "again"
            self._write(event, "claimed", None, request_id)
            return taken

    def finish(self, event: ObjectEvent, outcome: Outcome, status: Literal["done", "part"] = "done") -> None:
        with self._state.transaction():
            self._write(event, status, outcome)
            if event.records is None and event.replay is not None and status == "done":
                # Done whole, whatever asked for it: the content needs no further run.
                self._write(msgspec.structs.replace(event, replay=None), status, outcome)

    def fail(self, event: ObjectEvent, outcome: Outcome, request_id: str) -> None:
        self._write(event, "failed", outcome, request_id)

    def drop(self, event: ObjectEvent) -> None:
        self._write(event, "dropped", None)

    def supersede(self, event: ObjectEvent) -> None:
        with self._state.transaction():
            if self.status_of(event) not in SETTLED:
                self._write(event, "superseded", None)

    def dismiss(self, event: ObjectEvent) -> None:
        """People have taken the event's error item out: it is not to be processed again."""
        self._write(event, "dismissed", None)

    def forget(self, event: ObjectEvent) -> None:
        """Nothing is known of the event any more."""
        self._state.execute("DELETE FROM ledger WHERE entry = ?", (_entry(event),))

    def forget_stamps(self, event: ObjectEvent) -> None:
        """Nothing is known any more of the event's object by size and times that it had: those of now say all."""
        self._state.execute(
            "DELETE FROM ledger WHERE bucket = ? AND key = ? AND status <> 'claimed' AND instr(identity, '@')",
            (event.bucket_name, event.object_key),
        )

    def copy(self, event: ObjectEvent, other: ObjectEvent) -> None:
        """Copies the ledger row of `event` to `other`: they are the same content."""
        known = self.get(event)
        if known is not None:
            self._write(other, known.status, known.outcome, known.request_id)

    def settled(self, event: ObjectEvent) -> list[str]:
        """The contents of the event's object that need no further run, the latest MOST_SETTLED."""
        found = self._state.select(
            "SELECT identity FROM ledger WHERE bucket = ? AND key = ? AND status IN (?, ?, ?, ?) "
            "AND json_extract(entry, '$[3]') IS NULL AND json_extract(entry, '$[4]') IS NULL "
            "ORDER BY updated_at DESC LIMIT ?",
            (event.bucket_name, event.object_key, *SETTLED, MOST_SETTLED),
        )
        return [identity for (identity,) in found]

    def status_of(self, event: ObjectEvent) -> str | None:
        rows = self._state.select("SELECT status FROM ledger WHERE entry = ?", (_entry(event),))
        return cast("str", rows[0][0]) if rows else None

    def get(self, event: ObjectEvent) -> LedgerEntry | None:
        rows = self._state.select(f"{_SELECT_LEDGER} WHERE entry = ?", (_entry(event),))
        return _ledger_entry(rows[0]) if rows else None

    def scan(self) -> Iterator[LedgerEntry]:
        at = ""
        while rows := self._state.select(f"{_SELECT_LEDGER} WHERE entry > ? ORDER BY entry LIMIT 500", (at,)):
            at = rows[-1][0]
            yield from map(_ledger_entry, rows)

    def _write(self, event: ObjectEvent, status: str, outcome: Outcome | None, request_id: str = "") -> None:
        if is_stamp(event.identity) and status != "claimed":
            self.forget_stamps(event)
        self._state.execute(
            "INSERT OR REPLACE INTO ledger (entry, bucket, key, identity, status, request_id, outcome, updated_at) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                _entry(event),
                event.bucket_name,
                event.object_key,
                event.identity,
                status,
                request_id,
                _json(outcome) if outcome else None,
                time.time(),
            ),
        )


_SELECT_LEDGER = "SELECT entry, bucket, key, identity, status, updated_at, request_id, outcome FROM ledger"


def _ledger_entry(row: Sequence[Any]) -> LedgerEntry:
    entry, bucket, key, identity, status, updated_at, request_id, outcome = row
    known = msgspec.json.decode(outcome, type=Outcome) if outcome else None
    *_, records, replay = msgspec.json.decode(entry, type=tuple[str, str, str, list[Range] | None, str | None])
    return LedgerEntry(bucket, key, identity, status, updated_at, request_id, known, records, replay)


def _named(event: ObjectEvent, identity: str) -> ObjectEvent:
    return msgspec.structs.replace(event, object_etag=identity, object_version_id=None)


def _entry(event: ObjectEvent) -> str:
    """The ledger key of an event."""
    return _json([event.bucket_name, event.object_key, event.identity, event.records, event.replay])


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _make_private(directory: Path, tell: Callable[[str], None]) -> None:
    """Makes the state's directory, and what is in it, its owner's only: a quarantined record may hold secrets."""
    is_new = not (directory / FILE).exists()
    if not private.make_directory(directory, _FILES) and is_new:
        tell(
            f"{directory}: holds other files, too, or is not this user's alone: its mode stays as it is; the files of "
            "the state in it can be read by their owner only"
        )
    private.make_file(directory / FILE)  # SQLite gives those beside it the same mode
    for name in _FILES[1:]:
        private.tighten(directory / name)


def _reason(error: sqlite3.Error) -> str:
    """The text of an error of SQLite, which does not say that the process ran out of descriptors."""
    try:
        with ExitStack() as opened:
            for _ in range(_DESCRIPTORS):
                opened.callback(os.close, os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
    except OSError as trial:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_CANTOPEN:
            return f"{error}: {trial.strerror}: raise the limit with 'ulimit -n'"
    return str(error)


def _unusable(directory: Path, reason: str) -> str:
    foreign = [name for name in _FILES if private.is_foreign(directory / name)]
    whose = f" ({', '.join(foreign)}: of another user)" if foreign else ""
    return (
        f"{directory}: the state cannot be used: {reason}{whose}; expected a directory with free space that this user "
        "can write ('backend.embedded.path'); nothing is lost: mend it and run again"
    )
