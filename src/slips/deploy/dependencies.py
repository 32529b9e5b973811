"""Installs the libraries of slips and of the user's requirements for the functions' runtime, with a cache.

In: a Config. Out: directories filled by the Installer. slips' own libraries are the files that slips was tested with,
by their hashes. For an unchanged file of requirements the index is asked once.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib.metadata import Distribution
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from msgspec import Struct

from slips.config import Config
from slips.deploy import requirement_files
from slips.deploy.installer import OWN, Installer, Platform
from slips.deploy.pip_settings import ALIKE
from slips.deploy.requirement_files import Requirements, canonical
from slips.errors import UsageError
from slips.parsing.chain import names_in

LIBRARIES = ("cramjam", "isal", "lz4", "msgspec")
"""Libraries of slips in the functions; before Python 3.14 also `backports.zstd`. Lambda's runtimes have boto3."""
ZONES = "tzdata"
"""The library of zones, in the functions of a config that names one: no runtime promises to have them."""
PARQUET = ("arro3-core", "arro3-io", "typing-extensions")
"""The libraries of the extra `parquet`, in the functions of a config that reads Parquet: 34 MB unzipped."""
PINS = Path(__file__).with_name("requirements.txt")
"""The versions of these libraries, with the hashes of all their files. `make lock` writes this file."""
OLDEST = {"boto3": "1.36.0", "botocore": "1.36.0"}
"""The oldest versions of what Lambda's runtimes have that the functions work with, as in pyproject.toml."""
PROVIDED = tuple(OLDEST)
_DAY = 86_400
_KEPT_DAYS = 30
"""Days for which the cache keeps directories that no deploy uses."""


@contextmanager
def installed(
    config: Config, say: Callable[[str], None], *, verbose: bool = False, pins: Path = PINS
) -> Iterator[list[Path]]:
    """Install slips' libraries and `handler.requirements`, and yield their directories, valid in this block only.

    Files of a later directory replace those of an earlier one. Calls `say` with lines of progress. Raises UsageError if
    a requirement cannot be installed.
    """
    target = Platform(config.handler.runtime, config.handler.architecture)
    names_zone = any(each.timezone for mappings in config.bucket_mapping.values() for each in mappings)
    more = [*([ZONES] if names_zone else []), *(PARQUET if _reads_parquet(config) else ())]
    own = _Own(pins, _versions(pins.read_text(), target, (*LIBRARIES, *more)))
    wanted = requirement_files.read(config)
    cache = _cache()
    digest = wanted.digest if wanted else ""
    made_of = json.dumps([pins.read_text(), own.versions, target.version, target.tags, digest])
    kept = cache / hashlib.sha256(made_of.encode()).hexdigest()[:32]
    with ExitStack() as stack:
        if digest is not None and kept.is_dir():
            os.utime(kept)  # marks the directory as used, so that it is not deleted soon
            where = f", from {kept}; remove that directory to ask the index again" if verbose else ""
            say(f"dependencies: as before{where}")
            directory = kept
        else:
            _forget_unused(cache)
            unfinished = Path(
                stack.enter_context(TemporaryDirectory(prefix="unfinished-", dir=cache, ignore_cleanup_errors=True))
            )
            directory = unfinished / "installed"
            say(f"dependencies: installing {f'{wanted.name} and ' if wanted else ''}slips' own for {target}")
            _install(own, wanted, directory, Installer(config.root, target, own.versions, say))
            for one in _distributions(directory):
                _check(one, wanted.name if wanted else OWN, target)
            for name in dict.fromkeys(f"{one.name}=={one.version}" for one in _distributions(directory)):
                say(f"  {name}")
            if digest is not None and not any(map(_is_local, _distributions(directory))):
                directory = _keep(directory, kept)
        for one in _distributions(directory):
            if wanted and canonical(one.name) in PROVIDED:
                _check_age(one, _distributions(directory), wanted)
                say(f"dependencies: {one.name} {one.version} goes in as asked for; Lambda's runtime has one already")
        yield sorted(directory.iterdir())


def _reads_parquet(config: Config) -> bool:
    mappings = (mapping for each in config.bucket_mapping.values() for mapping in each)
    return any("parquet" in names_in(mapping.format, config.root) for mapping in mappings)


def _keep(directory: Path, kept: Path) -> Path:
    """Move `directory` to `kept` in one step. If another deploy did so meanwhile, use that one's directory."""
    try:
        return directory.rename(kept)
    except OSError:
        if kept.is_dir():
            return kept
        raise


class _Own(Struct, frozen=True):
    """The libraries that slips itself needs."""

    pins: Path
    """A file of requirements with hashes."""
    versions: list[str]
    """The pins for the target: `msgspec==0.22.0`."""


def _versions(pins: str, target: Platform, libraries: Sequence[str] = LIBRARIES) -> list[str]:
    names = {canonical(name) for name in (*libraries, *(["backports.zstd"] if target.version < "3.14" else []))}
    pinned = re.findall(r"^([\w.-]+)==([^\s;]+)", pins, re.MULTILINE)
    return [f"{name}=={number}" for name, number in pinned if canonical(name) in names]


def _cache() -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "slips" / "packages"
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"{cache}: {(error.strerror or str(error)).lower()}; expected a directory to keep dependencies in; set "
            "XDG_CACHE_HOME to one that can be written"
        ) from None
    return cache


def _forget_unused(cache: Path) -> None:
    """Delete directories of deploys that were killed, and those that no deploy has used for long."""
    for directory in cache.iterdir():
        days = 1 if directory.name.startswith("unfinished-") else _KEPT_DAYS
        if directory.stat().st_mtime < time.time() - days * _DAY:
            shutil.rmtree(directory, ignore_errors=True)


def _install(own: _Own, wanted: Requirements | None, directory: Path, installer: Installer) -> None:
    """Install the user's libraries into a first folder of `directory`, and those of slips, which replace them, into a
    second.

    Two runs, as the files of slips are known by their hashes, and the user's need not be.
    """
    if wanted is not None:
        # In a file with hashes, each requirement has one: slips' versions are compared below.
        more = ["--require-hashes"] if wanted.hashed else _constraints(own, directory)
        if wanted.has_indexes and not os.environ.get("UV_INDEX_STRATEGY"):
            more += ["--index-strategy", ALIKE]
        installer.install(["-r", str(wanted.path), *more], directory / "1", wanted.name, built=wanted.built())
        present = {canonical(one.name): one.version for one in _distributions(directory)}
        for pin in own.versions:
            name, _, version = pin.partition("==")
            installed_version = present.get(canonical(name))
            if installed_version not in (None, version):
                raise UsageError(
                    f"{wanted.where(name) or wanted.name}: has {name} {installed_version}; expected {version}, which "
                    "slips uses; take that version"
                )
    # The hashes say which file. `--require-hashes` would refuse constraints of a [tool.uv] of the user's, too.
    options = ["--verify-hashes", "--no-deps", "--index-strategy", ALIKE]
    pins = directory.with_name("own.txt")
    pins.write_text("".join(_entries(own)))
    installer.install(["-r", str(pins), *options], directory / "2", OWN)


def _entries(own: _Own) -> Iterator[str]:
    """Yield the pins of the libraries that are wanted, with their hashes."""
    names = {canonical(pin.partition("==")[0]) for pin in own.versions}
    for entry in re.finditer(r"^([\w.-]+)==.*(?:\n[ \t]+.*)*\n?", own.pins.read_text(), re.MULTILINE):
        if canonical(entry[1]) in names:
            yield entry[0]


def _constraints(own: _Own, directory: Path) -> list[str]:
    """Return options of uv that resolve the user's requirements of slips' libraries to slips' versions, or fail."""
    path = directory.with_name("constraints.txt")
    path.write_text("".join(f"{pin}\n" for pin in own.versions))
    return ["-c", str(path)]


# ---- installed distributions


def _distributions(directory: Path) -> list[Distribution]:
    distributions = importlib.metadata.distributions(
        path=[str(one) for one in directory.iterdir()] if directory.exists() else []
    )
    return sorted(distributions, key=lambda one: one.name)


def _direct_url(one: Distribution) -> dict[str, Any]:
    """Return the origin of a distribution that does not come from an index (PEP 610); else empty."""
    return dict(json.loads(one.read_text("direct_url.json") or "{}"))


def _is_local(one: Distribution) -> bool:
    """Whether a distribution comes from files of this machine, which may change."""
    return str(_direct_url(one).get("url", "")).startswith("file:")


def _check(one: Distribution, where: str, target: Platform) -> None:
    """Raise UsageError if a distribution would not work in a package."""
    if _direct_url(one).get("dir_info", {}).get("editable"):
        raise UsageError(
            f"{where}: '{one.name}' is editable; expected files to copy into the package; write its path without '-e'"
        )
    tags = re.findall(r"^Tag: (\S+)", one.read_text("WHEEL") or "", re.MULTILINE)
    if tags and not any(tag.endswith("-any") or "manylinux" in tag for tag in tags):
        raise UsageError(
            f"{where}: '{one.name}' was built for this machine ({tags[0]}); expected pure Python or a "
            "wheel for Lambda; build a manylinux wheel of it and name its file"
        )
    if unfit := target.unfit(tags):
        raise UsageError(
            f"{where}: '{one.name}' {one.version} is built for another system ({unfit}); expected what runs with glibc "
            f"2.{target.glibc} on {target.machine}, which {target} has; take an older version of it, or another "
            "'handler.runtime'"
        )


def _check_age(one: Distribution, others: list[Distribution], wanted: Requirements) -> None:
    """Raise UsageError if a library that Lambda's runtime has would be replaced by one too old for the functions."""
    oldest = OLDEST[canonical(one.name)]
    if _numbers(one.version) >= _numbers(oldest):
        return
    needing = [other for other in others if canonical(one.name) in map(_required_name, other.requires or ())]
    asked = wanted.where(one.name)
    brought = f", which '{needing[0].name}' requires," if needing and asked is None else ""
    removing = "" if brought else ", or remove it, as Lambda's runtime has one"
    raise UsageError(
        f"{asked or _line_that_brings(one, others, wanted)}: {one.name} {one.version}{brought} is too old for the "
        f"functions; expected {oldest} or newer; require '{one.name}>={oldest}'{removing}"
    )


def _line_that_brings(one: Distribution, others: list[Distribution], wanted: Requirements) -> str:
    """Return the place of the line because of which a distribution is there; the file's name if that is not clear."""
    reached, waiting = {canonical(one.name)}, [canonical(one.name)]
    for name in waiting:  # grows meanwhile
        if where := wanted.where(name):
            return where
        found = {canonical(other.name) for other in others if name in map(_required_name, other.requires or ())}
        waiting += sorted(found - reached)
        reached |= found
    return wanted.name


def _required_name(requirement: str) -> str:
    """Return the canonical name in a `Requires-Dist`."""
    return canonical(re.split(r"[^\w.-]", requirement, maxsplit=1)[0])


def _numbers(version: str) -> tuple[int, ...]:
    """Return the numbers of a release, for comparisons: (1, 36, 0)."""
    return tuple(map(int, re.findall(r"\d+", version)[:3]))
