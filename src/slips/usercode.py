"""Imports the user's Python files by path, and computes the version of a file for error items.

An import changes what the whole process shares: environment, `sys.path`, `sys.modules`, standard output. So only one
thread imports at a time. Each file becomes one module.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from types import ModuleType

_lock = threading.RLock()
_directories: list[str] = []
"""Directories of imported files. A file can import its neighbours in the same directory."""


def import_file(path: Path) -> ModuleType:
    """Import the file `path` as a module, once per process. The file can import the files beside it.

    Raises FileNotFoundError, ImportError for a name without .py, and any exception that the file itself raises.
    """
    with _lock:
        path = path.resolve()
        name = path.stem if path.stem.isidentifier() else "handler"
        imported = sys.modules.get(name)
        if imported is not None and getattr(imported, "__file__", None) == str(path):
            return imported
        if imported is not None or name in sys.stdlib_module_names:
            # The user's `json.py` must not replace the standard library's, imported or not.
            name = f"{name}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
            if name in sys.modules:
                return sys.modules[name]
        if not path.is_file():
            raise FileNotFoundError(path)
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None:
            raise ImportError(f"{path} is not a Python file; expected a name that ends in .py")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        try:
            with _beside(path, module):
                spec.loader.exec_module(module)
        except BaseException:
            sys.modules.pop(name, None)
            raise
        return module


@contextmanager
def _beside(path: Path, module: ModuleType) -> Iterator[None]:
    """Make the files beside `path` importable in this block, even if a file beside another imported file has that name.

    Outside the block the file imported first keeps the name, also for imports in functions of `path` that run later.
    """
    directory = str(path.parent)
    other_directories = {one for one in _directories if one != directory}
    if directory not in _directories:
        _directories.append(directory)
    if directory not in sys.path:
        # At the end: files beside a handler must not shadow installed packages.
        sys.path.append(directory)
    names = {entry.stem for entry in path.parent.iterdir()} if other_directories else set[str]()
    hidden = {name: other for name, other in sys.modules.items() if _is_of(name, other, names, other_directories)}
    for name in hidden:
        del sys.modules[name]
    if path.stem in hidden:
        sys.modules[path.stem] = module  # for files beside `path` that import it
    removed = [one for one in sys.path if one in other_directories]
    sys.path[:] = [one for one in sys.path if one not in other_directories]
    try:
        yield
    finally:
        at = sys.path.index(directory) if directory in sys.path else len(sys.path)
        sys.path[at:at] = removed
        if hidden:
            tops = {name.partition(".")[0] for name in hidden}
            for name in [name for name in sys.modules if name.partition(".")[0] in tops]:
                del sys.modules[name]
            sys.modules.update(hidden)


def _is_of(name: str, module: ModuleType, names: set[str], directories: set[str]) -> bool:
    """Whether the top package of the module `name` is one of `names`, and its files lie in one of `directories`."""
    if not names or name.partition(".")[0] not in names:
        return False
    file = getattr(module, "__file__", None)
    # A module without a file is a directory without `__init__.py`.
    places = [file] if isinstance(file, str) else list(getattr(module, "__path__", ()))
    return any(Path(place).is_relative_to(one) for place in places for one in directories)


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
