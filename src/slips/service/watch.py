"""The source of a directory that stands for a bucket: announces files that are new or changed, when they are at rest.

The kernel reports changes. A full listing at the start, and every LIST_SECONDS from then on, finds what it did not
report. Where the kernel reports nothing (file systems of other machines, no watches left), listings come often instead.
One thread gathers the changes, a second one looks at the files and announces them. Memory is bounded: if too much
changes at once, the next listing finds it.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Protocol

from slips.backends.machine.content import mtime_of, names_of
from slips.backends.machine.directory import DirectoryStore, is_unfinished
from slips.backends.machine.state import MachineState
from slips.model import ObjectEvent
from slips.service.sources import Arrival, Inbox, problem_of

_log = logging.getLogger("slips")

LIST_SECONDS = 300.0
"""Seconds between two full listings, if the kernel reports changes."""
POLL_SECONDS = 10.0
"""Least seconds between two full listings, if it does not."""
FIRST_AGAIN_SECONDS, WATCH_AGAIN_SECONDS = 10.0, 300.0
"""Seconds until a directory is watched again whose watch has failed: at first, doubled each time that the next one
fails, and at most. A directory that cannot be watched is tried after the latter."""
POLL_SHARE = 20
"""A listing takes at most one in so many seconds of a directory that is polled."""
BATCH = 500
"""Most files that are announced together."""
MOST_CHANGES = 10_000
"""Most changed files that are remembered until they are at rest; others are found by a listing."""
LOOK_SECONDS = 1.0
"""Most seconds until a directory that went away, or came back, is noticed."""
MOST_NOTES = 100
"""Most problems of a directory that are shown in one session."""
REMOTE = {
    *("9p", "afs", "beegfs", "ceph", "cifs", "glusterfs", "gpfs", "lustre", "ncpfs", "nfs", "nfs4", "prl_fs"),
    *("smb3", "smbfs", "vboxsf", "virtiofs"),
}
"""File systems whose files other machines change, which no kernel reports. Those of FUSE count as such, too."""


class Watch(Protocol):
    """Yields the paths that have changed below a directory: none at once, then now and then. Raises OSError."""

    def __call__(self, root: Path, stop: threading.Event) -> Iterator[set[str]]: ...


def kernel_watch(root: Path, stop: threading.Event) -> Iterator[set[str]]:
    """Watch a directory by what the kernel reports. Raises OSError if that is not possible, or the limit is reached."""
    try:
        yield from _reports(root, stop, leave_out=False)
    except PermissionError:
        # Not at first: it would leave out in silence, too, what is beyond the limit of watches.
        yield from _reports(root, stop, leave_out=True)


def _reports(root: Path, stop: threading.Event, *, leave_out: bool) -> Iterator[set[str]]:
    from watchfiles import watch

    changes = watch(
        root,
        watch_filter=None,
        debounce=200,
        step=20,
        stop_event=stop,
        rust_timeout=200,
        yield_on_timeout=True,
        raise_interrupt=False,
        force_polling=False,
        ignore_permission_denied=leave_out,
    )
    return ({path for _, path in found} for found in changes)


class DirectorySource:
    """Announces the files below the directory of a bucket, but for dotfiles and UNFINISHED ones."""

    def __init__(
        self,
        bucket: str,
        directory: Path,
        *,
        settle: float,
        ledger_days: int,
        own: Path | None = None,
        is_known: bool = False,
        watch: Watch = kernel_watch,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        """Start nothing yet. A file is at rest if its size and mtime have not changed for `settle` seconds.

        `own` is the state directory, which is left out. `is_known`: the state has objects of the bucket.
        """
        self.bucket = bucket
        self._store = DirectoryStore({bucket: directory})
        self._root = self._store.buckets[bucket]
        self.name = str(self._root)
        self._settle, self._days, self._own, self._is_known = settle, ledger_days, own, is_known
        self._watch, self._clock, self._now = watch, clock, now
        self.problem: str | None = None
        self.is_exhausted = False
        self.is_away = False
        """Whether the directory cannot be reached, or is empty though it had files: its objects wait."""
        self._inbox = Inbox()
        self._stop = threading.Event()
        self._changed = threading.Condition()
        self._touched: set[str] = set()
        """Keys that may have changed, and were not looked at since."""
        self._settling: dict[str, tuple[str, float]] = {}
        """By key of a file that is not at rest: its stamp, and since when that stays."""
        self._list_at: float | None = None
        """When the next listing is due; None as long as the watch is being prepared."""
        self._polls = False
        self._noted: set[str] = set()
        self._threads: list[threading.Thread] = []

    # -- what the supervisor calls

    @property
    def problems(self) -> dict[str, str]:
        return problem_of(self.name, self.problem)

    def open(self, wake: Callable[[], None]) -> None:
        self._inbox.open(wake)
        for act in (self._keep_gathering, self._serve):
            thread = threading.Thread(target=act, name=f"source {self.bucket}", daemon=True)
            thread.start()
            self._threads.append(thread)

    def take(self) -> Sequence[Arrival]:
        return self._inbox.take()

    def close(self) -> None:
        self._stop.set()
        self._inbox.close()
        with self._changed:
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(LOOK_SECONDS * 2)  # one that hangs on a dead share ends with the process

    # -- the thread that gathers changes

    def _keep_gathering(self) -> None:
        pause = 0.0
        while not self._stop.is_set():
            begun = self._clock()
            if not self._gather():
                pause = WATCH_AGAIN_SECONDS
            elif self._clock() - begun >= WATCH_AGAIN_SECONDS:
                pause = FIRST_AGAIN_SECONDS
            else:
                pause = min(max(FIRST_AGAIN_SECONDS, 2 * pause), WATCH_AGAIN_SECONDS)
            self._stop.wait(pause)

    def _gather(self) -> bool:
        """Gather changes until the source is closed, or the directory has to be polled for some time.

        Return whether a watch has failed, so that another one may hold: it does not begin with the name that was bad.
        """
        while not self._stop.is_set():
            try:
                if reason := unwatchable(self._root) or leads_elsewhere(self._root):
                    self._poll(reason)
                    return False
                self._follow()
            except FileNotFoundError:  # the directory is away, and may come back
                self._list_soon()
                self._stop.wait(LOOK_SECONDS)
            except OSError as error:
                self._poll(f"its changes are not reported ({error})")
                return True
            except BaseException as error:  # noqa: BLE001 - watchfiles raises a RuntimeError, or a panic of its Rust code
                _log.debug("%s: watching failed", self.name, exc_info=True)
                self._poll(f"its changes are not reported any more ({error})")
                return True
        return False

    def _follow(self) -> None:
        """Gather changes until the source is closed, or the directory is another one than before."""
        identity: tuple[int, int] | None = None
        for paths in self._watch(self._root, self._stop):
            present = _identity(self._root)
            if identity is None:
                identity = present
                self._polls = False
                self._list_soon()  # only now: what changes from now on is reported
            self.touch(paths)
            if link := next(filter(_is_link_to_directory, sorted(paths)), None):
                raise OSError(_FOLLOWED.format(link))
            if present != identity:
                return

    def touch(self, paths: set[str]) -> None:
        """Note that these paths have changed."""
        if not paths:
            return
        start = len(str(self._root)) + 1
        with self._changed:
            self._touched.update(path[start:] for path in paths)
            if len(self._touched) > MOST_CHANGES:
                self._touched.clear()
                self._list_at = min(self._list_at or 0.0, self._clock() + self._settle)
            self._changed.notify()

    def _poll(self, reason: str) -> None:
        self._polls = True
        self._note(f"{self.name}: {reason}; listed every {POLL_SECONDS:.0f} s or so instead")
        self._list_soon()

    def _list_soon(self) -> None:
        with self._changed:
            self._list_at = self._clock()
            self._changed.notify()

    # -- the thread that looks at files

    def _serve(self) -> None:
        while not self._inbox.is_closed:
            try:
                self.look()
            except Exception as error:  # noqa: BLE001 - the directory would be unwatched, and nobody would notice
                _log.exception("%s: looking failed", self.name)
                self.problem = f"looking failed: {error}; it is tried again"
                self._inbox.wait(LOOK_SECONDS)
                continue
            with self._changed:
                self._changed.wait_for(lambda: self._touched or self._inbox.is_closed, self._seconds_left())

    def _seconds_left(self) -> float:
        """Return the seconds until the next listing, or until the next file may be at rest."""
        times = [since + self._settle for _, since in self._settling.values()]
        if self._list_at is not None:
            times.append(self._list_at)
        return min(LOOK_SECONDS, *(max(0.01, when - self._clock()) for when in times), LOOK_SECONDS)

    def look(self) -> None:
        """Look at the directory, list it if that is due, and announce the changed files that are at rest."""
        self._look_at_directory()
        if self._list_at is not None and self._list_at <= self._clock():
            self._list()
        self._announce_changed()

    def _look_at_directory(self) -> None:
        holds = self._store.holds_entries(self.bucket)
        was_away = self.is_away
        self.is_away = holds is None or (not holds and self._is_known)
        self._is_known = self._is_known or bool(holds)
        self.problem = (
            "the directory cannot be opened; expected it to be there, or mounted; its objects wait until it is"
            if holds is None
            else None
        )
        if was_away and not self.is_away:
            self._list_soon()

    def _list(self) -> None:
        begun = self._clock()
        self._list_at = begun + LIST_SECONDS
        after, keys, events, problems = "", set[str](), list[ObjectEvent](), 0
        self._store.unlisted.clear()
        for event in self._store.list(self.bucket):
            keys.add(event.object_key)
            if self._is_announced(event.object_key) and self._is_at_rest(event):
                events.append(event)
            if len(keys) >= BATCH:
                is_whole = problems == (problems := len(self._store.unlisted))
                if not self._announce(events, self._compared(keys, after, event.object_key) if is_whole else None):
                    return
                after, keys, events = event.object_key, set(), []
                self._announce_changed()
        is_whole = problems == len(self._store.unlisted)
        self._announce(events, self._compared(keys, after, None) if is_whole else None)
        for problem in self._store.unlisted if self.problem is None else ():
            self._note(problem)
        if self._polls:
            self._list_at = self._clock() + max(POLL_SECONDS, POLL_SHARE * (self._clock() - begun))

    def _compared(self, keys: set[str], after: str, until: str | None) -> Callable[[MachineState], None]:
        """Return the function that compares the state with a part of a listing, so that absent files are forgotten."""

        def compare(state: MachineState) -> None:
            state.files.listed(self.bucket, keys, self._days, after, until)

        return compare

    def _announce_changed(self) -> None:
        """Announce the changed files that are at rest now."""
        changed = self._at_rest()
        while batch := list(islice(changed, BATCH)):  # a directory that was moved in may have millions
            if not self._announce(batch):
                return

    def _at_rest(self) -> Iterator[ObjectEvent]:
        """Yield the events of the changed files that are at rest now."""
        with self._changed:
            touched, self._touched = self._touched, set()
        due = [key for key, (_, since) in self._settling.items() if self._clock() - since >= self._settle]
        for key in sorted(touched.union(due)):
            if not self._is_announced(key):
                continue
            event = self._store.find(self.bucket, key)
            if event is None:
                self._settling.pop(key, None)
                if self._store.is_directory(self.bucket, key):
                    # Files that came with it, or before it was watched, are not reported.
                    below = self._store.list(self.bucket, f"{key}/")
                    yield from (
                        each for each in below if self._is_announced(each.object_key) and self._is_at_rest(each)
                    )
            elif self._is_at_rest(event):
                yield event

    def _is_at_rest(self, event: ObjectEvent) -> bool:
        """Whether a file is at rest. Remember it if it is not."""
        key, stamp = event.object_key, names_of(event.object_etag)[1]
        before, since = self._settling.get(key, ("", 0.0))
        clock = self._clock()
        if stamp == before:
            rests = clock - since >= self._settle
        else:
            # A file that was renamed into place rests since it was written. One from the future: clocks differ.
            rests = 0 <= self._settle <= self._now() - mtime_of(event.object_etag)
            since = clock
        if rests or self._settle <= 0:
            self._settling.pop(key, None)
            return True
        if key in self._settling or len(self._settling) < MOST_CHANGES:
            self._settling[key] = (stamp, since)
        else:
            self._list_at = min(self._list_at or clock, clock + self._settle)
        return False

    def _is_announced(self, key: str) -> bool:
        """Whether a file is an object: no dotfile, none that is being written, none of the state's own."""
        if is_unfinished(key):
            return False
        return self._own is None or not (self._root / key).is_relative_to(self._own)

    def _announce(self, events: list[ObjectEvent], taken: Callable[[MachineState], None] | None = None) -> bool:
        """Announce events. Return False if the source is closed."""
        batches = [events[at : at + BATCH] for at in range(0, len(events), BATCH)] or [[]]
        for number, batch in enumerate(batches):
            is_last = number == len(batches) - 1
            arrival = Arrival(batch, taken if is_last else None)
            if (batch or arrival.taken is not None) and not self._inbox.put(arrival):
                return False
        return True

    def _note(self, text: str) -> None:
        """Show a sentence once."""
        if text not in self._noted and len(self._noted) < MOST_NOTES:
            self._noted.add(text)
            self._inbox.put(Arrival([], note=text))


def unwatchable(root: Path, mounts: Path = Path("/proc/self/mountinfo")) -> str:
    """Return the reason why the kernel cannot report all changes below a directory; empty if it can."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:  # not Linux
        return ""
    found = ("", "")
    for line in lines:
        # 36 35 98:0 /root /mount/point rw,noatime master:1 - ext3 /dev/root rw
        before, _, behind = line.partition(" - ")
        fields = before.split(" ")
        if len(fields) < 5 or not behind:
            continue
        # Bytes as they are, but for spaces and the like, which are octal.
        place = os.fsdecode(os.fsencode(fields[4]).decode("unicode_escape").encode("latin-1"))
        if root.is_relative_to(place) and len(place) >= len(found[0]):
            found = (place, behind.split(" ")[0])
    kind = found[1]
    is_remote = kind in REMOTE or kind.startswith("fuse")
    return f"other machines may change its files ({kind}), which no kernel reports" if is_remote else ""


_FOLLOWED = "{} is a link to a directory, in which the kernel would report changes of other directories"


def leads_elsewhere(root: Path) -> str:
    """Return the reason why a directory is not watched: a link to a directory below it; empty if there is none.

    A watch follows such links. It would report the changes of the directory itself under another path, or watch all
    directories of the machine. A listing leaves links to directories out.
    """
    folders = [str(root)]
    while folders:
        try:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    elif entry.is_symlink() and _is_link_to_directory(entry.path):
                        return _FOLLOWED.format(entry.path)
        except OSError:  # gone meanwhile, or without the right to list it: it is not watched either
            continue
    return ""


def _is_link_to_directory(path: str) -> bool:
    return os.path.islink(path) and os.path.isdir(path)  # noqa: PTH112, PTH114 - a Path for each report costs more


def _identity(root: Path) -> tuple[int, int]:
    status = os.stat(root)  # noqa: PTH116 - FileNotFoundError is for the caller
    return status.st_dev, status.st_ino
