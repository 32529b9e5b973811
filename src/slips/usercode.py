"""Imports the user's Python files by path, and computes the version of a file for error items.

An import changes what the whole process shares: environment, `sys.path`, `sys.modules`, standard output. So only one
thread imports at a time. Each file becomes one module, and can import the files beside it. If files in two folders have
one name, an import means the one in the active folder: that of the file being imported, else that of `activate`.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from functools import cache
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

_lock = threading.RLock()
_traceback_of = BaseException.__dict__["__traceback__"].__get__  # of an error's class may be code of the user


class _Folder:
    """A directory of imported files."""

    def __init__(self, *, is_appended: bool) -> None:
        self.is_appended = is_appended
        """Whether `sys.path` has the directory for the sake of these files alone."""
        self.aside: dict[str, ModuleType] = {}
        """Modules of this directory that left `sys.modules` while another folder is active."""


_folders: dict[str, _Folder] = {}
"""All folders by their real path, in the order of their first import."""
_failed: set[str] = set()
"""Files in which an import has failed, and those that it has missed: imported when they are mended, or made."""
_active = ""
"""The path of the active folder; empty before the first import."""


def import_file(path: Path) -> ModuleType:
    """Import the file `path` as a module, once per process. The file can import the files beside it.

    Raises FileNotFoundError, ImportError for a name without .py, and any exception that the file itself raises.
    """
    with _lock:
        path = path.resolve()
        folder = str(path.parent)
        name = path.stem if path.stem.isidentifier() else "handler"
        hashed = f"{name}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
        aside = _folders[folder].aside if folder in _folders else {}
        for imported in (sys.modules.get(name), sys.modules.get(hashed), aside.get(name)):
            if imported is not None and getattr(imported, "__file__", None) == str(path):
                return imported
        if name in sys.modules or name in sys.stdlib_module_names:
            # The user's `json.py` must not replace the standard library's, imported or not.
            name = hashed
        if not path.is_file():
            raise FileNotFoundError(path)
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None:
            raise ImportError(f"{path} is not a Python file; expected a name that ends in .py")
        module = importlib.util.module_from_spec(spec)
        with _alone(folder):
            names = {name}
            if path.stem.isidentifier() and path.stem not in sys.modules.keys() | sys.stdlib_module_names:
                names.add(path.stem)  # for files beside `path` that import it
            sys.modules.update(dict.fromkeys(names, module))
            try:
                spec.loader.exec_module(module)
            except BaseException as error:
                _failed.update(_files_of(error, folder))
                for each in names:
                    sys.modules.pop(each, None)
                raise
        return module


def imported_files() -> list[str]:
    """Return the paths of the user's files in this process: those of imported modules below a folder of `import_file`.

    Those that could not be imported are among them. Installed packages are not the user's.
    """
    with _lock:
        return _users(
            [*sys.modules.values(), *(module for folder in _folders.values() for module in folder.aside.values())]
        )


def files_being_imported() -> list[str]:
    """Return the same for another thread than that which imports a file now, without waiting for its end."""
    return _users(list(sys.modules.values()))


def _users(modules: Sequence[ModuleType]) -> list[str]:
    folders = dict(_folders)
    found = {file for file in list(_failed) if _is_below(folders, file)}
    for module in modules:
        if not issubclass(type(module), ModuleType):
            continue
        file = ModuleType.__getattribute__(module, "__dict__").get("__file__")
        if isinstance(file, str) and "site-packages" not in file and _is_below(folders, file):
            found.add(file)
    return sorted(found)


def _is_below(folders: Mapping[str, _Folder], file: str) -> bool:
    return any(file.startswith(f"{folder}{os.sep}") for folder, about in folders.items() if about.is_appended) or (
        os.path.dirname(file) in folders  # noqa: PTH120 - thousands of modules
    )


def _files_of(error: BaseException, folder: str) -> Iterator[str]:
    """Yield the files that the failure of an import goes through, and that of a module which it has not found."""
    yield from (frame.f_code.co_filename for frame, _ in traceback.walk_tb(_traceback_of(error)))
    kind: Any = type(error)  # not `isinstance`, which runs code of the error's class
    about: Any = error
    if issubclass(kind, SyntaxError) and about.filename:
        yield str(about.filename)
    if issubclass(kind, ModuleNotFoundError) and about.name:
        yield str(Path(folder, *str(about.name).split("."))) + ".py"


def place_of(error: BaseException, path: Path) -> str:
    """Return file and line at which importing `path` failed: the innermost line of the file or of one beside it."""
    own, kind = path.resolve(), type(error)  # not `isinstance`, which runs code of the error's class
    lines = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(_traceback_of(error))]
    if issubclass(kind, SyntaxError):
        syntax: Any = error
        lines += [(syntax.filename, syntax.lineno)] if syntax.filename else []
    for name, line in reversed(lines):
        file = Path(name)
        if file.is_relative_to(own.parent) and "site-packages" not in file.parts:
            return f"{path.parent / file.relative_to(own.parent)}:{line}"
    return str(path)


def activate(path: Path) -> None:
    """Let imports in functions of the imported file `path` find the files beside it first, until the next call."""
    with _lock:
        folder = _folder_of(path)
        if folder != _active:
            _enter(folder)


@contextmanager
def _alone(folder: str) -> Iterator[None]:
    """Make `folder` the active one in this block, and hide files and modules of all others that it has not itself."""
    before = _active
    if folder not in _folders:
        _folders[folder] = _Folder(is_appended=folder not in map(_real, sys.path))
        if len(_folders) > 1 and _ActiveFirst not in sys.meta_path:
            at = sys.meta_path.index(PathFinder) if PathFinder in sys.meta_path else len(sys.meta_path)
            sys.meta_path.insert(at, _ActiveFirst)
    if _folders[folder].is_appended and folder not in sys.path:
        # At the end: files beside a handler must not shadow installed packages.
        sys.path.append(folder)
    _enter(folder, is_alone=True)
    others = {one for one, about in _folders.items() if about.is_appended and one != folder}
    removed = [one for one in sys.path if one in others]
    sys.path[:] = [one for one in sys.path if one not in others]
    try:
        with _shared_searches():
            yield
    finally:
        at = sys.path.index(folder) if folder in sys.path else len(sys.path)
        sys.path[at:at] = removed
        _enter(before or folder)


@contextmanager
def _shared_searches() -> Iterator[None]:
    """Keep in this block what the whole process finds modules by: a file that is imported may add to it alone."""
    names = ("path", "meta_path", "path_hooks")
    before = [list(getattr(sys, name)) for name in names]
    try:
        yield
    finally:
        for name, places in zip(names, before, strict=True):
            now = getattr(sys, name)  # may be another list
            now += [one for one in places if one not in now]


def _enter(folder: str, *, is_alone: bool = False) -> None:
    """Make `folder` the active one: take the modules of other folders out of `sys.modules`, and put its own back.

    Modules of other folders whose names it has not itself are put back, too, unless it `is_alone`.
    """
    global _active  # noqa: PLW0603 - as `sys.modules`, of the whole process
    _active = folder
    if len(_folders) == 1:
        return
    names = _names_in(folder)
    owners: dict[str, str] = {}
    for name in {each.partition(".")[0] for each in sys.modules}:
        owner = _owner(sys.modules.get(name))
        # A folder that was in `sys.path` before may hold installed packages: only a name of both is taken out.
        if owner in _folders and owner != folder and (_folders[owner].is_appended or name in names):
            owners[name] = owner
    for name in [each for each in sys.modules if each.partition(".")[0] in owners]:
        _folders[owners[name.partition(".")[0]]].aside[name] = sys.modules.pop(name)
    _put_back(_folders[folder], set())
    if not is_alone:
        for other in _folders.values():
            _put_back(other, names)


def _names_in(folder: str) -> set[str]:
    """Return the names that modules in a folder may have; none if the folder is gone."""
    with suppress(OSError):
        return {entry.partition(".")[0] for entry in os.listdir(folder)}  # noqa: PTH208 - a Path for each takes longer
    return set()


def _put_back(folder: _Folder, names: set[str]) -> None:
    """Put the modules of a folder back into `sys.modules`, unless their top-level names are taken, or in `names`."""
    taken = names | sys.modules.keys()
    free = [name for name in folder.aside if name.partition(".")[0] not in taken]
    sys.modules.update({name: folder.aside.pop(name) for name in free})


def _owner(module: ModuleType | None) -> str:
    """Return the real path of the directory that holds a top-level module or package; empty if none does."""
    if not issubclass(type(module), ModuleType):
        return ""
    about = ModuleType.__getattribute__(module, "__dict__")  # not by `getattr`, which would load a lazy module
    file = about.get("__file__")
    if isinstance(file, str):
        directory, base = os.path.split(file)
        return _real(os.path.dirname(directory) if base.startswith("__init__.") else directory)  # noqa: PTH120
    places = list(about.get("__path__", ()))  # of a directory without `__init__.py`
    return _real(os.path.dirname(places[0])) if places else ""  # noqa: PTH120


@cache
def _real(path: str) -> str:
    return os.path.realpath(path)


@cache
def _folder_of(path: Path) -> str:
    """Return the real path of a file's directory: each object asks, and looking it up takes 0.1 ms."""
    return str(path.resolve().parent)


class _ActiveFirst:
    """A finder of top-level modules: a file of the active folder comes before those of other folders.

    Installed modules come first, as in `sys.path`, of which a folder that was there before keeps its place.
    """

    @classmethod
    def find_spec(
        cls, name: str, path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if path is not None or not _folders[_active].is_appended:
            return None
        own = PathFinder.find_spec(name, [_active])
        if own is None:
            return None
        installed = PathFinder.find_spec(name, [one for one in sys.path if _real(one) not in _folders])
        return own if installed is None or installed.origin is None else installed


@contextmanager
def importing(variables: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables, and send standard output to standard error, while the user's code is imported."""
    with environment(variables), redirect_stdout(sys.stderr):
        yield


@contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables in this block, and restore all afterwards. No other thread imports meanwhile."""
    with _lock:
        before = dict(os.environ)
        os.environ.update(variables)
        try:
            yield
        finally:
            # One by one: other threads must never see an environment that is empty.
            for name in os.environ.keys() - before.keys():
                del os.environ[name]
            for name, value in before.items():
                if os.environ.get(name) != value:
                    os.environ[name] = value


def code_version(path: Path) -> str:
    """Return twelve hex digits that change with the content of `path`; empty if the file cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    except OSError:
        return ""
