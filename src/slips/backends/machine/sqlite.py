"""One SQLite file: its connection, its transactions, and the lock of the one process that runs objects on it.

The file survives a process that is killed at any moment (WAL). Every error of SQLite becomes a StateError with advice.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, Self, TypeVar, cast

import msgspec

from slips.backends.machine import private, schema
from slips.backends.machine.patience import ATTEMPT, Patience, is_locked
from slips.errors import LostStateError, StateError, UsageError

FILE = "state.sqlite3"
LOCK = "lock"
_FILES = (FILE, *(f"{FILE}-{kind}" for kind in ("wal", "shm", "journal")), LOCK)
_T = TypeVar("_T")
_DESCRIPTORS = 4
"""Files that SQLite opens for one database: the database, its log, its index, and for a moment its directory."""


def sync(directory: Path) -> None:
    """Make all that is committed in a state directory survive a power cut, too. Any thread may call it. Raises OSError.

    A commit alone survives a killed process. Closing these files releases no lock: SQLite has its locks on others.
    """
    with suppress(FileNotFoundError):  # checkpointed into the database, and synced by that
        log = os.open(directory / f"{FILE}-wal", os.O_RDONLY)
        try:
            os.fsync(log)
        finally:
            os.close(log)


class Database:
    """The SQLite file in `directory`, on one connection."""

    def __init__(
        self,
        directory: Path,
        connection: sqlite3.Connection,
        patience: Patience | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.directory, self._file = directory, directory / FILE
        self.clock = clock
        """Returns the epoch seconds with which rows are stamped."""
        self._connection, self._patience = connection, patience or Patience()
        self._identity = self._present_identity()

    @classmethod
    def open(cls, directory: Path, patience: Patience | None = None, *, clock: Callable[[], float] = time.time) -> Self:
        """Open the file; make it if it does not exist. Raises StateError."""
        patience = patience or Patience()
        try:
            _make_private(directory, patience.tell)
            connection = sqlite3.connect(directory / FILE, timeout=ATTEMPT, isolation_level=None)
        except OSError as error:
            raise StateError(_unusable(directory, error.strerror or str(error))) from error
        except sqlite3.Error as error:
            raise StateError(_unusable(directory, _reason(error))) from error
        state = cls(directory, connection, patience, clock)
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
            return  # without a transaction: a command that only reads must not wait for one that writes
        with self.transaction():
            version = self._schema_version()
            if version <= schema.VERSION:
                for statement in schema.statements_from(version):
                    self.execute(statement)
            else:
                raise StateError(
                    f"{self.directory / FILE}: made by another version of slips (schema {version}); expected schema "
                    f"{schema.VERSION}; use that version, or another 'backend.embedded.path'"
                )

    def _schema_version(self) -> int:
        ((version,),) = self.select("PRAGMA user_version")
        return cast("int", version)

    def close(self) -> None:
        self._connection.close()

    def check_place(self) -> None:
        """Check that the file is still in its place: SQLite writes on into one that was removed, without an error.

        Raises LostStateError. Takes 2 µs.
        """
        try:
            present = self._present_identity()
        except OSError:  # such as one of rights or of the disk: SQLite reports what keeps it from working
            return
        if present != self._identity:
            raise LostStateError(
                f"{self._file}: was {'removed' if present is None else 'replaced'} while it was in use; expected it to "
                "stay until 'slips run' and 'slips up' have ended; what these were told since is lost: put the state "
                "back and start again; with another state, all objects that are there are processed again"
            )

    def _present_identity(self) -> tuple[int, int] | None:
        """Return device and inode of the file in its place; None if there is none. Raises OSError."""
        try:
            found = self._file.stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        return found.st_dev, found.st_ino

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> sqlite3.Cursor:
        """Execute one statement, once no other process has the file locked. Raises StateError."""
        try:
            return self._connection.execute(statement, parameters)
        except sqlite3.Error as error:
            return self._patiently(error, lambda: self._connection.execute(statement, parameters))

    def select(self, statement: str, parameters: Sequence[Any] = ()) -> list[Any]:
        """Return all rows of a query. Raises StateError, also for damage behind the first rows."""
        try:
            return self._connection.execute(statement, parameters).fetchall()
        except sqlite3.Error as error:
            return self._patiently(error, lambda: self._connection.execute(statement, parameters).fetchall())

    def _patiently(self, error: sqlite3.Error, act: Callable[[], _T]) -> _T:
        """Return the result of `act`, which has raised `error`, once no other process has the file locked.

        Raises StateError.
        """
        try:
            if not is_locked(error):
                raise error
            return self._patience.until_free(self._file, act)
        except sqlite3.Error as last:
            raise StateError(_unusable(self.directory, _reason(last))) from last

    def transaction(self) -> AbstractContextManager[None]:
        """Write all changes of this block, or none if it raises. A nested transaction is part of the outermost."""
        return nullcontext() if self._connection.in_transaction else self._outermost()

    @contextmanager
    def _outermost(self) -> Iterator[None]:
        self.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):  # a file that cannot be written is rolled back when it is opened next
                self._connection.rollback()
            raise

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Let all queries of this block read the file as it was at the first of them. Keeps no writer waiting."""
        self.execute("BEGIN")
        try:
            yield
        finally:
            self.execute("ROLLBACK")

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the lock of the one `run` or `up` of this state. Raises UsageError that names another holder."""
        try:
            lock = os.open(self.directory / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, private.FILE)
            private.tighten(self.directory / LOCK)
        except OSError as error:
            raise StateError(_unusable(self.directory, error.strerror or str(error))) from error
        try:
            self._lock(lock)
            # Claims of a supervisor that died have no holder now, and cost no attempt.
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
                f"{self.directory}: in use by process {holder}; expected no other 'slips run' or 'slips up' on "
                "this state directory; wait for it, or stop it"
            ) from None
        except OSError as error:
            raise StateError(_unusable(self.directory, error.strerror or str(error))) from error


def to_json(value: Any) -> str:
    """Encode a value as JSON, for a column."""
    return msgspec.json.encode(value).decode()


def from_json(text: str, kind: type[_T], where: str) -> _T:
    """Decode the JSON of a column. Raises StateError if no version of slips can have written it."""
    try:
        return msgspec.json.decode(text, type=kind)
    except msgspec.MsgspecError as error:
        raise StateError(
            f"{where}: {error}; expected what slips wrote; put back a copy of {FILE}, or delete the row in it"
        ) from error


def _make_private(directory: Path, tell: Callable[[str], None]) -> None:
    """Make the state's directory and files readable for their owner only: a quarantined record may hold secrets."""
    is_new = not (directory / FILE).exists()
    if not private.make_directory(directory, _FILES) and is_new:
        tell(
            f"{directory}: holds other files, too, or is not this user's alone: its mode stays as it is; the files of "
            "the state in it can be read by their owner only"
        )
    private.make_file(directory / FILE)  # SQLite makes the files beside it with the same mode
    for name in _FILES[1:]:
        private.tighten(directory / name)


def _reason(error: sqlite3.Error) -> str:
    """Return the text of an error of SQLite, with a hint if the process has no descriptors left."""
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
