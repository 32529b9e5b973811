"""The user's Python files: importing them by path, and naming the version of them that ran."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType


def import_file(path: Path) -> ModuleType:
    """The module in `path`, imported once per process; files beside it can be imported from it.

    Raises FileNotFoundError, and whatever the file itself raises.
    """
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
    if str(path.parent) not in sys.path:
        # At the end: what lies beside a handler must not shadow installed packages.
        sys.path.append(str(path.parent))
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a Python file; expected a name that ends in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


@contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """The user's code finds these environment variables, as it does where it runs; afterwards they are as before."""
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def code_version(path: Path) -> str:
    """Twelve hex digits that change with the content of `path`; empty if it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    except OSError:
        return ""
