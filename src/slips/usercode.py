"""The user's Python files: importing them by path, and naming the version of them that ran.

What importing touches is the process's: environment, `sys.path`, `sys.modules`, standard output. One thread at a time
imports, and each file becomes one module.
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
"""Where imported files lie: what is beside them can be imported from them."""


def import_file(path: Path) -> ModuleType:
    """The module in `path`, imported once per process; files beside it can be imported from it.

    Raises FileNotFoundError, and whatever the file itself raises.
    """
    with _lock:
        path = path.resolve()
        name = path.stem if path.stem.isidentifier() else "handler"
        known = sys.modules.get(name)
        if known is not None and getattr(known, "__file__", None) == str(path):
            return known
        if known is not None or name in sys.stdlib_module_names:
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
    """Makes files beside `path` importable, also where a file of that name lies beside another imported file.

    The other's stays what everybody else gets: here, too, for an import within a function that runs later.
    """
    directory = str(path.parent)
    others = {one for one in _directories if one != directory}
    if directory not in _directories:
        _directories.append(directory)
    if directory not in sys.path:
        # At the end: what lies beside a handler must not shadow installed packages.
        sys.path.append(directory)
    names = {entry.stem for entry in path.parent.iterdir()} if others else set[str]()
    hidden = {name: known for name, known in sys.modules.items() if _is_of(name, known, names, others)}
    for name in hidden:
        del sys.modules[name]
    if path.stem in hidden:
        sys.modules[path.stem] = module  # for what lies beside it and imports it
    away = [one for one in sys.path if one in others]
    sys.path[:] = [one for one in sys.path if one not in others]
    try:
        yield
    finally:
        at = sys.path.index(directory) if directory in sys.path else len(sys.path)
        sys.path[at:at] = away
        if hidden:
            tops = {name.partition(".")[0] for name in hidden}
            for name in [name for name in sys.modules if name.partition(".")[0] in tops]:
                del sys.modules[name]
            sys.modules.update(hidden)


def _is_of(name: str, module: ModuleType, names: set[str], directories: set[str]) -> bool:
    """Whether a module has one of `names`, or is within one that has, and lies in one of `directories`."""
    if not names or name.partition(".")[0] not in names:
        return False
    file = getattr(module, "__file__", None)
    # Without a file: a directory without `__init__.py`.
    places = [file] if isinstance(file, str) else list(getattr(module, "__path__", ()))
    return any(Path(place).is_relative_to(one) for place in places for one in directories)


@contextmanager
def importing(variables: Mapping[str, str]) -> Iterator[None]:
    """While the user's code is imported: these environment variables, and what it prints goes to standard error."""
    with environment(variables), redirect_stdout(sys.stderr):
        yield


@contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """The user's code finds these environment variables; afterwards all are as before. No other thread imports then."""
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
    """Twelve hex digits that change with the content of `path`; empty if it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    except OSError:
        return ""
