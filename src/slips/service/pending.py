"""Finds the objects that `slips run` must process, listed or named by paths, and puts pending ones on their lanes.

If a bucket's directory is away (a share that is not mounted), its object events stay on their lanes.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from slips.backends.machine.directory import MOST_PROBLEMS
from slips.errors import SlipsError, UsageError
from slips.model import ObjectEvent
from slips.pipeline.push import AGAIN, push
from slips.ports import entry_of
from slips.printable import plural
from slips.service.summary import Summary
from slips.site.machine import MachineSite


class Pending:
    """Puts pending objects on their lanes, and decides which events of the lanes this session may process."""

    def __init__(self, site: MachineSite, summary: Summary) -> None:
        self._summary = summary
        self.reload(site)
        self.only: set[tuple[str, str]] | None = None
        """Bucket and key of the objects that the user named: only these are processed. None: all objects are."""
        self.replays: set[bytes] | None = None
        """The ledger keys of the only events that are processed, for a canary. None: all events are."""
        self._filled: set[str] = set()
        """Buckets in which this session has seen a file."""
        self._away: set[str] = set()
        """Buckets whose directories cannot be reached, or became empty: their events stay on the lanes."""

    def reload(self, site: MachineSite) -> None:
        """Use another config from now on."""
        self._site, self._config, self._state = site, site.config, site.state
        self._stores, self._directories = site.stores, site.stores.directories

    @property
    def are_all_wanted(self) -> bool:
        """Whether this session processes all events, and not just named objects or the replays of a canary."""
        return self.only is None and self.replays is None

    def is_wanted(self, event: ObjectEvent) -> bool:
        """Whether this session processes the object of an event: its bucket can be read, and `only` permits it."""
        if event.bucket_name in self._away:
            return False
        if self.replays is not None and _replay_of(event) not in self.replays:
            return False
        return self.only is None or (event.bucket_name, event.object_key) in self.only

    def goes_away(self, bucket: str) -> bool:
        """Check whether the bucket's directory is away now, so that its events must wait."""
        if bucket in self._directories.buckets and bucket not in self._away:
            holds = self._directories.holds_entries(bucket)
            if holds is None or (not holds and bucket in self._filled):
                self._away.add(bucket)
        return bucket in self._away

    def set_away(self, bucket: str, *, is_away: bool) -> bool:
        """Note whether a bucket's directory is away, as its source says. Return whether that has changed."""
        was_away = bucket in self._away
        if is_away == was_away:
            return False
        if is_away:
            self._away.add(bucket)
        else:
            self._away.discard(bucket)
        self._filled.add(bucket)
        return True

    def push_listed(self) -> None:
        """Put every new or changed object of the buckets' directories on its lane."""
        state = self._state.directory.resolve()
        for bucket, directory in self._directories.buckets.items():
            keys: set[str] = set()
            problems = len(self._directories.unlisted)
            # Leave out a state directory within a bucket's directory: each session changes its files.
            own = f"{state.relative_to(directory).as_posix()}/" if state.is_relative_to(directory) else None
            listed = (e for e in self._directories.list(bucket) if not (own and e.object_key.startswith(own)))
            self._push(self._new(listed, keys))
            is_complete = problems == len(self._directories.unlisted) <= MOST_PROBLEMS
            files = self._state.files
            if is_complete:
                kept = files.listed(bucket, keys, self._config.backend.ledger_days)
            else:
                kept = len(files.keys(bucket))
            if keys:
                self._filled.add(bucket)
                continue
            self._note_loss(bucket, f"{directory} {'is empty' if is_complete else 'cannot be listed'}", kept)
            holds = self._directories.holds_entries(bucket)
            if holds is None or (is_complete and kept and not holds):
                self._away.add(bucket)

    def push_named(self, paths: Sequence[str], *, again: bool) -> None:
        """Put the named objects on their lanes; with `again` also those that are done or already wait on a lane.

        Raises UsageError for a path that names no object. One in S3 that cannot be listed is a problem of the summary.
        """
        only: set[tuple[str, str]] = set()
        chosen: list[ObjectEvent] = []
        for path in paths:
            events, problem = _listed(path, self._named(path))
            if problem:
                self._summary.problems.append(problem)
            elif not events:
                raise UsageError(f"{path}: no object there; expected a file, or a directory or prefix with some")
            for listed in self._state.listed(events):
                event = listed.event
                if (name := (event.bucket_name, event.object_key)) in only:
                    continue
                only.add(name)
                self._filled.add(event.bucket_name)
                if again:
                    # A replay of its own is no duplicate to the ledger.
                    chosen.append(msgspec.structs.replace(event, replay=f"{AGAIN}{time.time_ns()}"))
                elif listed.is_waiting:
                    continue
                elif listed.is_settled:
                    self._summary.skipped += 1
                else:
                    chosen.append(event)
        self.only = only
        self._push(chosen)

    def push_changed(self, done: ObjectEvent) -> None:
        """Put the file of a duplicate on its lane, if its content is not the one that is `done`, or is not known.

        A change of the file is not announced while an event of it waits, which is to read the file as it is then.
        """
        if done.bucket_name in self._directories.buckets and done.records is None and done.replay is None:
            found = self._directories.find(done.bucket_name, done.object_key)
            event = self._state.files.identified(found) if found else done
            if event.identity != done.identity and self._state.is_pending(event):
                self._push([event])

    def choose_replays(self, events: Iterable[ObjectEvent]) -> None:
        """Process only these events, which wait on their lanes, each a replay of an error item."""
        self.replays = set()
        for event in events:
            self.replays.add(_replay_of(event))
            self._filled.add(event.bucket_name)

    def note_waiting(self) -> None:
        """Add to the summary how many events wait for directories that are away."""
        for bucket in sorted(self._away):
            if waiting := self._state.stream.waiting_of(bucket):
                directory = self._directories.buckets[bucket]
                self._summary.problems.append(
                    f"bucket {bucket!r}: {waiting:,} of its object events stay on their lanes: {directory} cannot be "
                    "opened, or is empty; expected a directory with files; mount it and run again; events "
                    "of files that were deleted are tried when the files have been absent for "
                    f"{plural(self._config.backend.ledger_days, 'day')} ('backend.ledger_days')"
                )

    def _note_loss(self, bucket: str, problem: str, kept: int) -> None:
        """Add to the summary that a bucket has no files, if the state has `kept` objects of it."""
        if kept:
            self._summary.notes.append(
                f"bucket {bucket!r}: {problem}, though {kept:,} of its objects are known; expected files; "
                "if it is a share, mount it; files that were deleted are forgotten when they have been absent for "
                f"{plural(self._config.backend.ledger_days, 'day')} ('backend.ledger_days')"
            )

    def _new(self, events: Iterable[ObjectEvent], keys: set[str]) -> Iterator[ObjectEvent]:
        """Yield the listed events whose objects are pending. Add the keys of all listed events to `keys`."""
        for listed in self._state.listed(events):
            keys.add(listed.event.object_key)
            if listed.is_pending:
                yield listed.event
            elif listed.has_error:
                self._summary.left_alone += 1

    def _push(self, events: Iterable[ObjectEvent]) -> None:
        self._summary.dropped += push(events, self._site)["drop"]

    def _named(self, path: str) -> Iterator[ObjectEvent]:
        """Return events of the objects that a PATH of `slips run` names. Raises UsageError."""
        if path.startswith("s3://"):
            bucket, _, key = path.removeprefix("s3://").partition("/")
            if not bucket:
                raise UsageError(f"{path}: no bucket; expected s3://bucket/key-or-prefix")
            if bucket not in (mapped := self._config.bucket_mapping) and bucket not in self._directories.buckets:
                raise UsageError(f"{path}: the config has no bucket {bucket!r}; expected one of: {', '.join(mapped)}")
            return self._exact_or_prefix(bucket, key)
        place = Path(os.path.realpath(path))
        for bucket, directory in self._directories.buckets.items():
            if place.is_relative_to(directory):
                try:
                    is_directory = stat.S_ISDIR(place.stat().st_mode)
                except OSError as error:
                    raise UsageError(
                        f"{path}: {error.strerror}; expected a file or directory below {directory}"
                    ) from None
                key = place.relative_to(directory).as_posix()
                if is_directory:
                    return self._stores.list(bucket, "" if key == "." else f"{key}/")
                return (event for event in self._stores.list(bucket, key) if event.object_key == key)
        expected = ", ".join(f"{directory} ({name})" for name, directory in self._directories.buckets.items())
        raise UsageError(
            f"{path}: belongs to no bucket; expected a path below a directory of 'backend.embedded.buckets' "
            f"({expected or 'there are none'}), or s3://bucket/key-or-prefix"
        )

    def _exact_or_prefix(self, bucket: str, key: str) -> Iterator[ObjectEvent]:
        """Yield the event of the object `key` if it exists, else those of all objects whose keys begin with `key`."""
        for number, event in enumerate(self._stores.list(bucket, key)):
            yield event
            if number == 0 and event.object_key == key:
                return  # keys come in order: the exact one is the first


def _listed(path: str, events: Iterable[ObjectEvent]) -> tuple[list[ObjectEvent], str]:
    """Return the events of a path, and why there may be more that could not be listed; empty if it was."""
    listed = list[ObjectEvent]()
    try:
        listed.extend(events)
    except SlipsError as error:
        return listed, str(error) if str(error).startswith(path) else f"{path}: {error}"
    return listed, ""


def _replay_of(event: ObjectEvent) -> bytes:
    """Return the ledger key of a replay, whatever name of its content the event has by now."""
    return entry_of(msgspec.structs.replace(event, object_etag="", object_version_id=None))
