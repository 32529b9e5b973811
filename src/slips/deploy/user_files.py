"""Finds the user's files for the package: those around each handler, and around the user's own formats.

In: a Config. Out: files by their paths below the config file. Left out are other configs and their schema for editors,
logs and state of this machine, byte-code and virtual environments; also dotfiles and names that look like secrets,
unless the config includes them.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from slips.config import Config, HandlerSpec
from slips.config.reference import SCHEMA
from slips.deploy.member import Member, reading
from slips.deploy.selection import FileFilter
from slips.errors import UsageError
from slips.step import Step, name_of, renamed

HANDED_OVER = "slips-package.json"
"""File that marks a directory written by `slips package`, from which no file is packed."""


class UserFiles:
    """The files of one project."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._root = Path(os.path.normpath(config.root.absolute()))
        self._real_root = os.path.realpath(self._root)
        embedded = config.backend.embedded
        machine = [config.state_directory, *(map(config.resolve, embedded.directories.values()) if embedded else [])]
        self._left_out = {os.path.realpath(path) for path in (*machine, Path(config.file))}
        self._handlers = {file: self._below(file, where) for file, where in _handlers(config)}
        directories = dict.fromkeys((self._root / path).parent for path in self._handlers.values())
        about = config.handler
        self._filters = {one: FileFilter(one, about.include, about.exclude) for one in directories}

    def handler(self, name: str) -> str:
        """Return the `path` of a handler that a mapping uses, relative to the root; it may name a class."""
        spec = HandlerSpec.of(name, {})
        file = self._handlers[spec.path]
        return file if spec.class_name is None else f"{file}:{spec.class_name}"

    def format(self, step: Step) -> Step:
        """Return a step of a chain; the path of a user's own format is relative to the root."""
        path, _, attribute = name_of(step).rpartition(":")
        return renamed(step, f"{self._below(path, 'bucket_mapping')}:{attribute}") if path.endswith(".py") else step

    def files(self) -> dict[str, Member]:
        """Return all files, by their paths relative to the root. Raises UsageError."""
        files: dict[str, Member] = {}
        for directory, taken in self._filters.items():
            files.update(self._inside(directory, taken))
        for mappings in self._config.bucket_mapping.values():
            for name in dict.fromkeys(name for mapping in mappings for name in mapping.format_names):
                path, _, _ = name_of(self.format(name)).rpartition(":")
                if path.endswith(".py"):
                    directory = (self._root / path).parent
                    files.update(self._inside(directory, self._filter_of(directory), only_python=True))
        return files

    def left_out(self) -> list[str]:
        """Return the files that `files` has left out because they look like secrets, relative to the root.

        Only a file that no handler's folder takes is left out: the folder of one may lie in that of another.
        """
        left_out = set[Path]().union(*(each.left_out for each in self._filters.values()))
        taken = set[Path]().union(*(each.included for each in self._filters.values()))
        return sorted(path.relative_to(self._root).as_posix() for path in left_out - taken)

    def _filter_of(self, directory: Path) -> FileFilter:
        """Return the filter of the innermost handler's folder that has `directory`; of the first if none has it."""
        around = [one for one in self._filters if directory.is_relative_to(one)]
        return self._filters[max(around, key=lambda one: len(one.parts), default=next(iter(self._filters)))]

    def _below(self, given: str, where: str) -> str:
        """Return a path of the config relative to the root, with `/`. Raises UsageError if it is not below the root."""
        path = Path(os.path.normpath(self._root / given))
        if not path.is_relative_to(self._root):
            raise UsageError(
                f"{where}: '{given}'; expected a path below {self._root}, which is packaged; move it there"
            )
        self._check_target(path, f"{where}: '{given}'")
        return path.relative_to(self._root).as_posix()

    def _inside(self, directory: Path, taken: FileFilter, only_python: bool = False) -> Iterator[tuple[str, Member]]:
        """Yield all files below a directory; for the root, its files and the packages directly in it."""
        if directory != self._root:
            yield from self._walk(directory, taken, {os.path.realpath(directory)})
            return
        for path in self._entries(directory, taken):
            if path.is_dir():
                if not only_python and (path / "__init__.py").is_file():
                    yield from self._walk(path, taken, {os.path.realpath(path)})
            elif not only_python or path.suffix == ".py":
                yield path.name, Member(path)

    def _walk(self, directory: Path, taken: FileFilter, above: set[str]) -> Iterator[tuple[str, Member]]:
        for path in self._entries(directory, taken):
            if path.is_dir():
                real = os.path.realpath(path)
                if real in above:
                    raise UsageError(f"{path}: a link to a directory that it lies in; expected an end; remove it")
                yield from self._walk(path, taken, above | {real})
            else:
                yield path.relative_to(self._root).as_posix(), Member(path)

    def _entries(self, directory: Path, taken: FileFilter) -> Iterator[Path]:
        """Yield the files and directories in a directory that may be packed, as far as `taken` takes them."""
        with reading(directory):
            paths = sorted(directory.iterdir())
        for path in paths:
            if self._is_left_out(path, taken):
                continue
            if path.is_symlink():
                self._check_target(path, str(path))
            if path.is_dir() or path.is_file():  # no sockets, no pipes
                _check_name(path)
                yield path

    def _is_left_out(self, path: Path, taken: FileFilter) -> bool:
        if path.name in ("__pycache__", "node_modules", SCHEMA) or path.suffix == ".pyc":
            return True
        if os.path.realpath(path) in self._left_out:
            return True
        if (path / "pyvenv.cfg").is_file() or (path / HANDED_OVER).is_file():
            return True
        if not taken.takes(path, hidden=path.name.startswith(".")):
            return True
        return path.suffix in (".yml", ".yaml") and path.is_file() and _is_config(path)

    def _check_target(self, path: Path, where: str) -> None:
        """Raise UsageError unless `path`, perhaps a link, leads to a file that may be packed."""
        target = Path(os.path.realpath(path))
        if not target.exists():
            raise UsageError(
                f"{where}: there is no {target}; expected a file of the project; mend the path or the link"
            )
        if not target.is_relative_to(self._real_root):
            raise UsageError(
                f"{where}: leads to {target}, out of the project; expected a target below {self._root}; copy it there"
            )
        if any(part.startswith(".") for part in target.relative_to(self._real_root).parts):
            raise UsageError(
                f"{where}: leads to {target}; what has a '.' in front of its name never goes into a package; rename it"
            )


def _handlers(config: Config) -> Iterator[tuple[str, str]]:
    """Yield the file of each handler that a mapping uses, and the key that names it."""
    for bucket, mappings in config.bucket_mapping.items():
        for index, mapping in enumerate(mappings):
            own = f"bucket_mapping.{bucket}[{index}].handler"
            yield config.handler_of(mapping).path, "handler.path" if mapping.handler is None else own


def _is_config(path: Path) -> bool:
    """Whether a YAML file is a config of slips, perhaps of another stack, which must not be packed."""
    with reading(path):
        return re.search(rb"(?m)^[\"']?stack_name[\"']?\s*:", path.read_bytes()) is not None


def _check_name(path: Path) -> None:
    try:
        path.name.encode()
    except UnicodeEncodeError:
        raise UsageError(
            f"{os.fsencode(path)!r}: its name is not UTF-8; expected a name that is alike everywhere; rename it"
        ) from None
    if not unicodedata.is_normalized("NFC", path.name):
        raise UsageError(
            f"{path}: its name has an accent of its own (not NFC); expected a name that is alike everywhere; rename it"
        )
