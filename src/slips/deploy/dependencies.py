"""Installs the libraries of slips and of the user's requirements for the functions' runtime, by pip, with a cache.

In: a Config. Out: directories filled by `pip install --target`. slips' own libraries are the files that slips was
tested with, by their hashes. For an unchanged file of requirements the index is asked once. Nothing is compiled: code
that is built for this machine does not run on Lambda.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib.metadata import Distribution
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from msgspec import Struct

from slips.config import Config
from slips.errors import UsageError

LIBRARIES = ("isal", "lz4", "msgspec")
"""Libraries of slips in the functions; before Python 3.14 also `backports.zstd`. Lambda's runtimes have boto3."""
PINS = Path(__file__).with_name("requirements.txt")
"""The versions of these libraries, with the hashes of all their files. `make lock` writes this file."""
PROVIDED = ("boto3", "botocore")
_DAY = 86_400
_KEPT_DAYS = 30
"""Days for which the cache keeps directories that no deploy uses."""

# pip chooses wheels by `--platform` and `--python-version`, but judges markers such as `python_version < "3.14"` by the
# interpreter that it runs in (https://github.com/pypa/pip/issues/11664).
_PIP = """
import json, sys
from pip._internal.cli.main import main
from pip._vendor.packaging import markers
here, there = markers.default_environment, json.loads(sys.argv.pop(1))
markers.default_environment = lambda: {**here(), **there}
sys.exit(main())
"""


class Platform(Struct, frozen=True):
    """The platform of the functions: Python's version and the processor."""

    runtime: str
    architecture: str

    def __str__(self) -> str:
        return f"{self.runtime} on {self.architecture}"

    @property
    def version(self) -> str:
        """Version of Python: `3.13`."""
        return self.runtime.removeprefix("python")

    @property
    def machine(self) -> str:
        return "aarch64" if self.architecture == "arm64" else "x86_64"

    @property
    def platforms(self) -> list[str]:
        """Tags of wheels for this platform (PEP 600), newest first: pip prefers the first that fits."""
        glibc = 26 if self.version == "3.11" else 34  # Amazon Linux 2; 2023 from python3.12 on
        oldest = 17 if self.machine == "aarch64" else 5
        return [
            *(f"manylinux_2_{n}_{self.machine}" for n in range(glibc, oldest - 1, -1)),
            f"manylinux2014_{self.machine}",
        ]

    @property
    def markers(self) -> dict[str, str]:
        """Environment markers, as in PEP 508."""
        return {
            "implementation_name": "cpython",
            "implementation_version": f"{self.version}.0",
            "os_name": "posix",
            "platform_machine": self.machine,
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": "Linux",
            "platform_version": "",
            "python_full_version": f"{self.version}.0",
            "python_version": self.version,
            "sys_platform": "linux",
        }


class _Requirements(Struct, frozen=True):
    """A file of requirements, with the files that it includes."""

    name: str
    """Path of the file, as in the config."""
    path: Path
    digest: str | None
    """Hash of the content of all files; None if URLs or variables also determine the packages that pip installs."""
    hashed: bool
    """Whether pip demands a hash for each package that it installs from the file."""


@contextmanager
def installed(
    config: Config, say: Callable[[str], None], *, verbose: bool = False, pins: Path = PINS
) -> Iterator[list[Path]]:
    """Install slips' libraries and `handler.requirements`, and yield their directories, valid in this block only.

    Files of a later directory replace those of an earlier one. Calls `say` with lines of progress. Raises UsageError if
    a requirement cannot be installed.
    """
    target = Platform(config.handler.runtime, config.handler.architecture)
    own = _Own(pins, _versions(pins.read_text(), target))
    wanted = _read(config)
    cache = _cache()
    digest = wanted.digest if wanted else ""
    made_of = json.dumps([pins.read_text(), target.version, target.platforms, digest])
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
            _install(own, wanted, directory, _Pip(config.root, target, own.versions, unfinished / "log"))
            for one in _distributions(directory):
                _check(one, wanted.name if wanted else "slips' own dependencies")
                say(f"  {one.name}=={one.version}")
            if digest is not None and not any(map(_is_local, _distributions(directory))):
                directory = _keep(directory, kept)
        for one in _distributions(directory):
            if canonical(one.name) in PROVIDED:
                say(f"dependencies: {one.name} {one.version} goes in as asked for; Lambda's runtime has one already")
        yield sorted(directory.iterdir())


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


def _versions(pins: str, target: Platform) -> list[str]:
    names = {canonical(name) for name in (*LIBRARIES, *(["backports.zstd"] if target.version < "3.14" else []))}
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


# ---- files of requirements


def _read(config: Config) -> _Requirements | None:
    name = config.handler.requirements
    if name is None:
        return None
    path = config.resolve(name)
    if not path.is_file():
        raise UsageError(
            f"handler.requirements: there is no file '{name}'; expected what pip is to install; mend the path"
        )
    texts: dict[Path, str] = {}
    is_complete = _collect(path, texts)
    content = json.dumps([[os.path.relpath(one, path.parent), text] for one, text in texts.items()])
    return _Requirements(
        name=name,
        path=path,
        digest=hashlib.sha256(content.encode()).hexdigest() if is_complete else None,
        hashed=any("--hash" in text for text in texts.values()),
    )


def _collect(path: Path, texts: dict[Path, str]) -> bool:
    """Add a file, and all files that it includes, to `texts`. Return False if it also depends on URLs or variables."""
    try:
        text = path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError:
        return False  # a URL; or a missing file, for which pip reports an error
    texts[path] = text
    is_complete = not re.search(r"\$\{[A-Z0-9_]+\}", text)
    for line in text.replace("\\\n", "").splitlines():
        option = re.match(r"\s*(?:-r|-c|--requirement|--constraint)\s*=?\s*(\S.*?)\s*(?:\s#.*)?$", line)
        if option is None:
            continue
        included = path.parent / "".join(shlex.split(option[1]))
        if included not in texts:
            is_complete = _collect(included, texts) and is_complete
    return is_complete


# ---- pip


def _install(own: _Own, wanted: _Requirements | None, directory: Path, pip: _Pip) -> None:
    """Install the user's libraries into a first folder of `directory`, and those of slips, which replace them, into a
    second.

    Two runs of pip, since pip refuses requirements without a hash if one of them has a hash.
    """
    if wanted is not None:
        constraints = [] if wanted.hashed else _constraints(own, directory)
        pip.install(["-r", str(wanted.path), *constraints], directory / "1", wanted.name)
        present = {canonical(one.name): one.version for one in _distributions(directory)}
        for pin in own.versions:
            name, _, version = pin.partition("==")
            installed_version = present.get(canonical(name))
            if installed_version not in (None, version):
                raise UsageError(
                    f"{wanted.name}: has {name} {installed_version}; expected {version}, which slips uses; take that "
                    "version"
                )
    pip.install(["-r", str(own.pins)], directory / "2", "slips' own dependencies")


def _constraints(own: _Own, directory: Path) -> list[str]:
    """Return options of pip that resolve the user's requirements of slips' libraries to slips' versions, or fail."""
    path = directory.with_name("constraints.txt")
    path.write_text("".join(f"{pin}\n" for pin in own.versions))
    return ["-c", str(path)]


class _Pip:
    """Runs `pip install` for a target, in the directory to which paths in a file of requirements are relative."""

    def __init__(self, root: Path, target: Platform, pins: list[str], log: Path) -> None:
        self._root, self._target, self._pins, self._log = root, target, pins, log

    def install(self, requirements: Sequence[str], directory: Path, where: str) -> None:
        """Install `requirements` into `directory`. Raises UsageError that begins with `where`, with pip's reason."""
        target = self._target
        command = [sys.executable, "-P", "-c", _PIP, json.dumps(target.markers), "install", *requirements]
        command += ["--target", str(directory), "--only-binary=:all:", "--no-compile", "--implementation=cp"]
        command += [f"--python-version={target.version}", *(f"--platform={one}" for one in target.platforms)]
        command += [
            "--no-input",
            "--no-color",
            "--progress-bar=off",
            "--disable-pip-version-check",
            f"--log={self._log}",
        ]
        command += ["--no-warn-conflicts", "--root-user-action=ignore"]
        done = subprocess.run(  # noqa: S603 - our own interpreter
            command,
            check=False,
            cwd=self._root,
            env={**os.environ, "PIP_REQUIRE_VIRTUALENV": "0", "PIP_USER": "0", "PYTHONUTF8": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        )
        if done.returncode:
            raise UsageError(f"{where}: {self._reason(done.stdout.splitlines())}")

    def _reason(self, lines: Sequence[str]) -> str:
        """Return the rest of the error text, from the output of pip: reason, expectation and advice."""
        refused = re.search(r"\(from versions: (.*)\)\n.*No matching distribution found for (\S+)", "\n".join(lines))
        if refused and self._lacks_wheel(refused[2]):
            return (
                f"'{refused[2]}' has no wheel for {self._target}; expected one, since nothing is compiled here; take "
                "another version of it, 'handler.runtime' or 'handler.architecture', or build a wheel and name its file"
            )
        broken = re.search(r"Retrying \(.* broken by '(.*)':", "\n".join(lines))
        if broken and refused and refused[1] == "none":
            return f"the index cannot be reached ({broken[1]}); expected it where pip looks; try again when it is"
        first = next((n for n, line in enumerate(lines) if line.startswith("ERROR: ")), len(lines) - 1)
        # Without the hundred other hashes that pip lists for a wrong one.
        shown = [
            line.removeprefix("ERROR:").strip() for line in lines[first:] if not re.match(r"\s*Expected\s+or ", line)
        ]
        reason = " ".join(filter(None, shown))
        return (
            f"pip: {reason or 'said nothing'}; expected what can be installed for {self._target} beside what slips "
            f"needs ({', '.join(self._pins)}); mend the requirements"
        )

    def _lacks_wheel(self, requirement: str) -> bool:
        """Whether the index has a requirement only as source, or for other machines."""
        parsed = re.match(r"([\w.-]+)(?:\[.*?\])?(?:==([^,;=]+))?", requirement)
        begin = canonical("-".join(filter(None, parsed.groups()))) if parsed else requirement
        text = self._log.read_text(encoding="utf-8", errors="replace")
        files = re.findall(r"Skipping link: (?:No sources permitted|none of the wheel's tags).*?: \S*/([^/\s#]+)", text)
        return any(canonical(file).startswith(begin) for file in files)


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


def _check(one: Distribution, where: str) -> None:
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


def canonical(name: str) -> str:
    """Return the name of a distribution in the form that can be compared (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()
