"""Opens and lists the files below one directory, by descriptors: never a file outside, whatever is swapped meanwhile.

Each segment of a path is opened relative to the one before, without following links. If a link leads to a path within
the directory, that path is opened in the same way. Paths may be longer than the system accepts in one call.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from msgspec import Struct

from slips.model import readable

KEY_BYTES = 4096
"""Most bytes of a key: no program opens a longer path in one call. Keys of S3 have at most 1,024."""
_DETOURS = 40
"""Most times that links on the path to a file are resolved; another program may change them meanwhile."""
_SHOWN = 200
"""Characters shown of a long path in a problem, at each of its ends."""
_LISTED = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
# Passing through a directory does not need the right to list it.
_PASSED = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW
# Without O_NONBLOCK, opening a pipe would wait for a writer.
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
_T = TypeVar("_T")


class Tree:
    """The files below `root`. Links in the path of `root` itself are followed once, here."""

    def __init__(self, root: Path) -> None:
        self.root = Path(os.path.realpath(root))

    def open(self, key: str) -> int:
        """Open a regular file for reading, and return its descriptor.

        Raises ValueError for a key that cannot be a path, and OSError, with EXDEV for a key that leads out of the root.
        """
        return self._reach(key, _open_file)

    def status(self, key: str) -> os.stat_result:
        """Return the status of the file or directory that a key leads to. Raises the errors of `open`."""
        return self._reach(key, _status)

    def entry(self, key: str) -> os.stat_result | None:
        """Return the status of an entry, without following links, as `walk` does; None if there is none."""
        *above, name = key.split("/")
        if not all(map(_is_name, (*above, name))):
            return None
        try:
            at = self.directory(above, _PASSED)
            try:
                return os.stat(name, dir_fd=at, follow_symlinks=False)
            finally:
                os.close(at)
        except OSError:
            return None

    def walk(self, prefix: str, tell: Callable[[str], None]) -> Iterator[tuple[str, os.stat_result]]:
        """Yield key and status of each entry below the root that is no directory, in key order. Follow no link.

        Calls `tell` with each problem and continues. Holds one descriptor, and the names in the directories that are
        being visited.
        """
        above = prefix.split("/")[:-1]
        if not all(map(_is_name, above)):
            return
        walk = _Walk(self, prefix, tell)
        try:
            yield from walk.below(above)
        finally:
            walk.close()

    def directory(self, names: Sequence[str], flags: int = _LISTED) -> int:
        """Open the directory with the path `names` below the root, and return its descriptor. Raises OSError."""
        at = os.open(self.root, flags)
        for name in names:
            try:
                below = os.open(name, flags, dir_fd=at)
            finally:
                os.close(at)
            at = below
        return at

    def shown(self, key: str) -> str:
        """Return the path of a key for people, without the middle of a very long path."""
        path = readable(str(self.root / key))
        return path if len(path) <= 2 * _SHOWN else f"{path[:_SHOWN]}…{path[-_SHOWN:]}"

    def _reach(self, key: str, act: Callable[[int, str], _T]) -> _T:
        """Call `act` with the descriptor of the directory of a key's file, and the file's name in that directory."""
        names = key.split("/")
        if not all(map(_is_name, names)):
            raise ValueError("the key has a segment that can be no file's name")
        for _ in range(_DETOURS):
            try:
                at = self.directory(names[:-1], _PASSED)
                try:
                    return act(at, names[-1])
                finally:
                    os.close(at)
            except OSError as error:
                if error.errno not in (errno.ELOOP, errno.ENOTDIR):
                    raise
                # The path contains a link, or a file in place of a directory.
                resolved = self._resolved(names)
                if resolved == names:
                    raise
                names = resolved
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))

    def _resolved(self, names: Sequence[str]) -> list[str]:
        """Return the path `names` with its links resolved. Links may change at any time, so the path is only a hint."""
        path = self.root.joinpath(*names)
        path.stat()  # raises OSError for links that lead to no file, to themselves, or over too many others
        try:
            resolved = Path(os.path.realpath(path))
        except RecursionError:  # too many links, made since the line above
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP)) from None
        if resolved == self.root or not resolved.is_relative_to(self.root):
            raise OSError(errno.EXDEV, f"the key leads out of {self.root}")
        return list(resolved.relative_to(self.root).parts)


class _Directory(Struct):
    """A directory between the root and the current entry of a walk."""

    name: str
    identity: tuple[int, int]
    entries: list[str]
    """Names still to visit, the next one last; names of directories end with a slash."""


class _Walk:
    """One walk: the directories being visited, and the descriptor of the innermost."""

    def __init__(self, tree: Tree, prefix: str, tell: Callable[[str], None]) -> None:
        self._tree, self._prefix, self._tell = tree, prefix, tell
        self._at = -1
        self._above: list[str] = []
        """Names of the directories between the root and the first visited one."""
        self._visited: list[_Directory] = []

    def close(self) -> None:
        if self._at >= 0:
            os.close(self._at)

    def below(self, above: list[str]) -> Iterator[tuple[str, os.stat_result]]:
        """Yield key and status of the entries below the directory with the path `above`."""
        self._above = above
        try:
            self._enter(self._tree.directory(above), "")
        except OSError as error:
            if not above or error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
                self._tell(f"{self._shown('')}: {_cause(error)}; expected a directory that can be listed")
            return
        while self._visited:
            entries = self._visited[-1].entries
            if not entries:
                self._leave()
                continue
            name = entries.pop()
            key = self._key(name)
            if not (key.startswith(self._prefix) or (name.endswith("/") and self._prefix.startswith(key))):
                continue
            if len(os.fsencode(key)) > KEY_BYTES:
                self._tell(
                    f"{self._shown(name)}: its key would have more than {KEY_BYTES:,} bytes; expected a shorter one "
                    "(in S3 at most 1,024); files at this path are left out; move them up"
                )
            elif name.endswith("/"):
                try:
                    self._enter(os.open(name[:-1], _LISTED, dir_fd=self._at), name[:-1])
                except FileNotFoundError:
                    continue  # deleted since the directory was listed
                except OSError as error:
                    self._tell(f"{self._shown(name)}: {_cause(error)}; expected a directory that can be listed")
            else:
                try:
                    status = os.stat(name, dir_fd=self._at, follow_symlinks=False)
                except FileNotFoundError:
                    continue
                except OSError as error:
                    self._tell(f"{self._shown(name)}: {_cause(error)}; expected a file that can be read")
                    continue
                yield key, status

    def _enter(self, directory: int, name: str) -> None:
        """List a directory and make it the current one. Close its descriptor if it cannot be listed. Raises OSError."""
        try:
            with os.scandir(directory) as listed:
                entries = [f"{entry.name}/" if _is_directory(entry) else entry.name for entry in listed]
            identity = _identity(directory)
        except OSError:
            os.close(directory)
            raise
        entries.sort(reverse=True)
        self._visited.append(_Directory(name, identity, entries))
        self._stay(directory)

    def _leave(self) -> None:
        """Return to the nearest directory above that has entries left to visit."""
        levels = 0
        while self._visited and not self._visited[-1].entries:
            self._visited.pop()
            levels += 1
        if not self._visited:
            return
        try:
            self._stay(self._reopened(levels))
        except OSError as error:
            self._tell(f"{self._shown('')}: {_cause(error)}; expected it to stay while it is listed; run again")
            self._visited[-1].entries.clear()

    def _reopened(self, levels: int) -> int:
        """Open the directory `levels` above the current one; if directories were moved meanwhile, from the root."""
        try:
            parent = os.open("/".join([".."] * levels), _LISTED, dir_fd=self._at)
        except OSError:  # a directory that may be listed, but not passed; or a path with too many levels
            return self._tree.directory(self._names())
        if _identity(parent) == self._visited[-1].identity:
            return parent
        os.close(parent)
        return self._tree.directory(self._names())

    def _stay(self, directory: int) -> None:
        self.close()
        self._at = directory

    def _names(self) -> list[str]:
        return [*self._above, *(each.name for each in self._visited[1:])]

    def _key(self, name: str) -> str:
        return "/".join([*self._names(), name])

    def _shown(self, name: str) -> str:
        return self._tree.shown(self._key(name).rstrip("/"))


def _is_name(segment: str) -> bool:
    try:
        os.fsencode(segment)
    except UnicodeEncodeError:  # a lone surrogate that stands for no byte
        return False
    return segment not in ("", ".", "..") and "\0" not in segment


def _is_directory(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:  # the walk reports the reason when it visits the entry
        return False


def _identity(directory: int) -> tuple[int, int]:
    status = os.fstat(directory)
    return status.st_dev, status.st_ino


def _status(at: int, name: str) -> os.stat_result:
    status = os.stat(name, dir_fd=at, follow_symlinks=False)
    if stat.S_ISLNK(status.st_mode):
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    return status


def _open_file(at: int, name: str) -> int:
    # The status comes first: opening a device may already act on it.
    _refuse_irregular(_status(at, name))
    file = os.open(name, _READ, dir_fd=at)
    try:
        _refuse_irregular(os.fstat(file))
    except OSError:
        os.close(file)
        raise
    return file


def _refuse_irregular(status: os.stat_result) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise OSError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "not a regular file")


def _cause(error: OSError) -> str:
    return error.strerror or str(error)
