"""Reads files of requirements, as far as slips has to know before uv installs from them.

In: the path in `handler.requirements`. Out: the lines of that file and of the files that it includes, with their
places, and what follows from them. uv judges whether the lines are right.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from slips.config import Config
from slips.errors import UsageError

_ARCHIVE = re.compile(r"([^/]+?)-\d[^/]*\.(?:tar\.gz|tgz|tar\.bz2|tar\.xz|zip)$")
_CREDENTIALS = re.compile(r"(?<=://)(?:[^\s/'`]+|[^\s/@:'`]*:(?!\d+/)[^\s'`]+)@")
"""Name and password in a URL, to the last `@`: a password that is not quoted may have an `@`, and even a slash."""
_QUERY = re.compile(r"(?<=://)([^\s?#'`]*)\?[^\s#'`)]+")


class Line(Struct, frozen=True):
    """A line that names a requirement, with its continuations."""

    where: str
    """`requirements.txt:3`."""
    text: str

    @property
    def name(self) -> str:
        """Canonical name of the required distribution; empty for a path or URL without a name."""
        found = re.match(r"[A-Za-z0-9][\w.-]*(?![\w.-]|\s*[+:/])", self.text)
        return canonical(found[0]) if found else ""


class Requirements(Struct, frozen=True):
    """A file of requirements, with the files that it includes."""

    name: str
    """Path of the file, as in the config."""
    path: Path
    root: Path
    """The directory to which paths in the lines are relative."""
    texts: dict[Path, str]
    is_complete: bool
    """Whether the content of the files alone determines what is installed: no URLs of files, no variables."""

    @property
    def digest(self) -> str | None:
        """Hash of the content of all files; None if the content alone does not determine what is installed."""
        content = json.dumps([[os.path.relpath(one, self.path.parent), text] for one, text in self.texts.items()])
        return hashlib.sha256(content.encode()).hexdigest() if self.is_complete else None

    @property
    def hashed(self) -> bool:
        """Whether a hash is demanded for each package, as one of them has one."""
        return any("--hash" in text for text in self.texts.values())

    @property
    def has_indexes(self) -> bool:
        """Whether a file names further indexes."""
        return any(re.search(r"^\s*--extra-index-url\b", text, re.MULTILINE) for text in self.texts.values())

    def where(self, name: str) -> str | None:
        """Return the place of the first line that names a distribution; None if no line does."""
        return next((line.where for line in self.lines() if line.name == canonical(name)), None)

    def lines(self) -> Iterator[Line]:
        """Yield the lines of all files that are no options."""
        for path, text in self.texts.items():
            for number, line in _logical_lines(text):
                if not line.startswith("-"):
                    yield Line(f"{os.path.relpath(path, self.root)}:{number}", line)

    def built(self) -> list[str]:
        """Return the names of what is built here as it comes from no index: directories, repositories and archives.

        Raises UsageError for one whose name is unknown: uv can be allowed to build by names alone.
        """
        return [name for line in self.lines() if (name := _name_of_source(line, self.root)) is not None]


def read(config: Config) -> Requirements | None:
    """Read `handler.requirements`. Raises UsageError if there is no such file."""
    name = config.handler.requirements
    if name is None:
        return None
    path = config.resolve(name)
    if not path.is_file():
        raise UsageError(
            f"handler.requirements: there is no file '{name}'; expected the requirements to install; mend the path"
        )
    texts: dict[Path, str] = {}
    is_complete = _collect(path, texts)
    return Requirements(name, path, config.root, texts, is_complete)


def canonical(name: str) -> str:
    """Return the name of a distribution in the form that can be compared (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def without_credentials(text: str) -> str:
    """Return a text without the names and passwords in its URLs, and without their queries, which may be signatures."""
    return _QUERY.sub(r"\1?***", _CREDENTIALS.sub("***@", text))


def _collect(path: Path, texts: dict[Path, str]) -> bool:
    """Add a file, and all files that it includes, to `texts`. Return False if it also depends on URLs or variables."""
    try:
        text = path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError:
        return False  # a URL; or a missing file, for which uv reports an error
    texts[path] = text
    is_complete = not re.search(r"\$\{[A-Z0-9_]+\}", text)
    for _, line in _logical_lines(text):
        option = re.match(r"(?:-r|-c|--requirement|--constraint)\s*=?\s*(\S.*)$", line)
        if option is None:
            continue
        included = path.parent / "".join(shlex.split(option[1]))
        if included not in texts:
            is_complete = _collect(included, texts) and is_complete
    return is_complete


def _logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield each line that is not empty, with its number: without comments, joined with its continuations."""
    begun, number = "", 0
    for here, line in enumerate(text.splitlines(), start=1):
        number = number if begun else here
        begun += line.removesuffix("\\")
        if line.endswith("\\"):
            continue
        joined = re.sub(r"(^|\s)#.*$", "", begun).strip()
        begun = ""
        if joined:
            yield number, joined
    if begun.strip():
        yield number, begun.strip()


def _name_of_source(line: Line, root: Path) -> str | None:
    """Return the name of what a line asks to build; None if it asks for a wheel or what an index has."""
    found = re.match(r"(?:([A-Za-z0-9][\w.-]*)\s*(?:\[[^]]*\]\s*)?@\s*)?(\S+)", line.text)
    if found is None:
        return None
    name, source = found.groups()
    place, _, fragment = source.partition("#")
    place = re.sub(r"\[[^]]*\]$", "", place.partition("?")[0])
    if place.endswith(".whl") or (name is None and not re.match(r"\.|/|~|[a-z+]+:|[^<>=!;]+/", place)):
        return None
    egg = re.search(r"(?:^|&)egg=([\w.-]+)", fragment)
    archive = _ARCHIVE.search(place)
    name = name or (egg and egg[1]) or (archive and archive[1]) or _name_of_project(root / place)
    if name is None and not re.match(r"[a-z+]+:", place) and not (root / place).exists():
        return None  # uv reports that there is nothing
    if name is None:
        source = without_credentials(source)
        raise UsageError(
            f"{line.where}: '{source}' has no name; expected one for what is built here; write 'NAME @ {source}', or, "
            "for a directory, 'name' in [project] of its pyproject.toml"
        )
    return name


def _name_of_project(directory: Path) -> str | None:
    """Return the name in a directory's pyproject.toml; None if there is none."""
    try:
        project = tomllib.loads((directory / "pyproject.toml").read_text(encoding="utf-8")).get("project", {})
    except (OSError, ValueError):
        return None  # uv reports what is wrong with the directory
    name = project.get("name") if isinstance(project, dict) else None
    return name if isinstance(name, str) else None
