"""Chooses the listings of an audit or a backfill: the mapped prefixes of the config, or those of them that were named.

In: paths and mappings as a user wrote them. Out: buckets with prefixes, none of which is below another, in key order.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from slips.config import Config
from slips.config import Mapping as BucketMapping
from slips.errors import StorageError, UsageError
from slips.known import PAGE
from slips.model import ObjectEvent
from slips.site.protocols import ListingSite

Place = tuple[str, str]
"""A bucket, and the beginning of keys."""
Unlisted = Callable[[Place, StorageError | None], None]
"""Called with a place of which not all could be listed, and the error; None: `unlisted` of the site says why."""


class Selection(Struct, frozen=True):
    """The objects to look at: those below `places`, of `mappings` alone if there are any."""

    places: list[Place]
    mappings: list[tuple[str, str]] | None = None
    """Bucket, and prefix or pattern as written. None: all."""
    named: frozenset[Place] = frozenset()
    """The places that a user named. If such a prefix is the key of an object, that object alone is meant."""

    def listed(
        self,
        site: ListingSite,
        progress: Callable[[int], None] = lambda _: None,
        unlisted: Unlisted | None = None,
    ) -> Iterator[ObjectEvent]:
        """Yield the objects below the places, bucket by bucket, in key order.

        Calls `progress` with each number of objects that were listed. If a place cannot be listed, calls `unlisted`,
        and goes on with the next place; without it raises StorageError.
        """
        for place in self.places:
            before = len(site.unlisted)
            try:
                yield from self._below(place, site, progress)
            except StorageError as error:
                if unlisted is None:
                    raise
                unlisted(place, error)
            if unlisted is not None and len(site.unlisted) > before:
                unlisted(place, None)

    def _below(self, place: Place, site: ListingSite, progress: Callable[[int], None]) -> Iterator[ObjectEvent]:
        for number, event in enumerate(site.listed(*place), 1):
            if number % PAGE == 0:
                progress(PAGE)
            yield event
            if number == 1 and place in self.named and event.object_key == place[1]:
                return  # keys come in order: the exact one is the first

    @property
    def only(self) -> list[str]:
        """The paths and mappings that restrict this selection, for people."""
        paths = [f"s3://{bucket}/{prefix}" for bucket, prefix in sorted(self.named)]
        return paths + [f"s3://{bucket}/{written}" for bucket, written in self.mappings or ()]

    def has(self, bucket: str, mapping: BucketMapping | None) -> bool:
        """Whether objects of this mapping, or those without one, are looked at."""
        return self.mappings is None or (mapping is not None and (bucket, mapping.written) in self.mappings)


def mapped_places(site: ListingSite, mappings: Sequence[tuple[str, str]] | None = None) -> list[Place]:
    """Return the listings that have every object of the mappings; of a directory all files, as `slips run` reads them.

    S3 lists by the beginning of keys alone: below the beginning of a pattern there may be others.
    """
    found: dict[Place, None] = {}
    for bucket, of_bucket in site.config.bucket_mapping.items():
        for mapping in of_bucket:
            if mappings is None or (bucket, mapping.written) in mappings:
                whole = mappings is None and bucket in site.directories
                found |= dict.fromkeys(_within(site, bucket, "" if whole else mapping.beginning))
    return _outermost(found)


def selection_of(site: ListingSite, paths: Sequence[str], names: Sequence[str]) -> Selection:
    """Return the selection that a user names. Raises UsageError for a path or a mapping that there is not."""
    mappings = _named_mappings(site.config, names) if names else None
    places = mapped_places(site, mappings)
    if not paths:
        return Selection(places, mappings)
    chosen: dict[Place, None] = {}
    named = {path: place_named(site, path) for path in paths}
    for path, (bucket, prefix) in named.items():
        of_path = {
            (bucket, max(prefix, each, key=len))
            for other, each in places
            if other == bucket and (prefix.startswith(each) or each.startswith(prefix))
        }
        if not of_path:
            raise UsageError(
                f"{path}: no prefix or pattern of 'bucket_mapping' has keys there; expected a path of some; "
                "'slips check' shows the mappings"
            )
        chosen |= dict.fromkeys(of_path)
    return Selection(_outermost(chosen), mappings, frozenset(named.values()))


def named_selection(site: ListingSite, paths: Sequence[str]) -> Selection:
    """Return all that is below paths, whether or not mappings have it. Raises UsageError as `place_named` does."""
    named = {path: place_named(site, path) for path in paths}
    found: list[Place] = []
    for path, place in named.items():
        within = _within(site, *place)
        if not within:
            keys = ", ".join(site.beginnings(place[0]))
            raise UsageError(f"{path}: none of its keys are of the bucket {place[0]!r}; expected keys below {keys}")
        found += within
    return Selection(_outermost(found), named=frozenset(named.values()))


def _within(site: ListingSite, bucket: str, beginning: str) -> list[Place]:
    """Return the listings of the keys that begin so and are of the bucket.

    Of such a beginning and one of the bucket, one begins with the other, or no key has both.
    """
    return [
        (bucket, max(beginning, each, key=len))
        for each in site.beginnings(bucket)
        if beginning.startswith(each) or each.startswith(beginning)
    ]


def place_named(site: ListingSite, path: str) -> Place:
    """Return the bucket and the prefix that a path names: `s3://bucket/prefix`, or a path below a bucket's directory.

    A directory is the prefix that ends with a slash. Raises UsageError.
    """
    if path.startswith("s3://"):
        bucket, _, prefix = path.removeprefix("s3://").partition("/")
        if bucket not in site.config.bucket_mapping:
            raise UsageError(
                f"{path}: bucket {bucket!r} has no mapping; expected one of: {', '.join(site.config.bucket_mapping)}"
            )
        return bucket, prefix
    place = Path(os.path.realpath(path))
    for bucket, directory in site.directories.items():
        if place.is_relative_to(directory):
            try:
                is_directory = stat.S_ISDIR(place.stat().st_mode)
            except OSError as error:
                raise UsageError(f"{path}: {error.strerror}; expected a file or directory below {directory}") from None
            key = place.relative_to(directory).as_posix()
            return bucket, "" if key == "." else f"{key}/" if is_directory else key
    expected = ", ".join(f"{directory} ({name})" for name, directory in site.directories.items())
    raise UsageError(
        f"{path}: belongs to no bucket; expected s3://bucket/prefix"
        + (f", or a path below one of these directories: {expected}" if expected else "")
    )


def _named_mappings(config: Config, names: Sequence[str]) -> list[tuple[str, str]]:
    """Return the mappings that names fit: a prefix or pattern as the config has it, also behind its bucket."""
    every = [(bucket, each.written) for bucket, mappings in config.bucket_mapping.items() for each in mappings]
    found: list[tuple[str, str]] = []
    for name in names:
        own = [each for each in every if name.removeprefix("s3://") in (each[1], "/".join(each))]
        if not own:
            raise UsageError(
                f"--mapping: {name!r} is no prefix or pattern of 'bucket_mapping'; expected one of: "
                + ", ".join("/".join(each) for each in every)
            )
        found += [each for each in own if each not in found]
    return found


def _outermost(places: Iterable[Place] | Mapping[Place, None]) -> list[Place]:
    """Return the places without those that are below another, in the order of the listing of each bucket."""
    buckets = list(dict.fromkeys(bucket for bucket, _ in places))
    found: list[Place] = []
    for bucket, prefix in sorted(set(places), key=lambda each: (buckets.index(each[0]), each[1].encode())):
        if not (found and found[-1][0] == bucket and prefix.startswith(found[-1][1])):
            found.append((bucket, prefix))
    return found
