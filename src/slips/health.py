"""Checks what a handler has done to its process: notes what slips relies on before a run, looks and mends after it.

A handler may keep what it likes in its process. What would hurt the next object (builtins that were replaced, limits,
a directory that is gone) means that another process has to take it.
"""

from __future__ import annotations

import builtins
import copy
import datetime
import errno
import io
import json
import os
import re
import resource
import signal
import struct
import sys
import time
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from slips.exceptions import causes

_OWN = "slips"
_WATCHED = (builtins, os, time, io, json, re, struct, copy, datetime)
_LIMITS = ("RLIMIT_AS", "RLIMIT_DATA", "RLIMIT_STACK", "RLIMIT_NOFILE", "RLIMIT_FSIZE", "RLIMIT_CPU", "RLIMIT_NPROC")
_PASSING = "_X_AMZN_"
"""Variables that Lambda itself sets and takes away."""
_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
_NO_THREAD = ("can't start new thread",)

_environ, _getcwd, _chdir, _fstat, _modules = os.environ, os.getcwd, os.chdir, os.fstat, sys.modules
_getrlimit, _recursion, _set_recursion = resource.getrlimit, sys.getrecursionlimit, sys.setrecursionlimit
_timer = signal.getitimer
_number_of = OSError.__dict__["errno"].__get__


class Health:
    """The state of this process as it was when this was made, with the user's code imported."""

    def __init__(self) -> None:
        self._functions = [(module.__name__, module, _functions(module)) for module in _watched()]
        self._recursion = _recursion()
        self._limits = [(name, number, _getrlimit(number)[0]) for name in _LIMITS if (number := _number(name))]
        self._environ = [name for name in _environ if not name.startswith(_PASSING)]
        self._open = [number for number in (0, 1, 2) if _is_open(number)]
        self._has_timer = _timer(signal.ITIMER_REAL)[0] > 0
        self._directory = _directory()

    def mend(self) -> str:
        """Names the damage in a few words; empty for none. Puts functions and the working directory back.

        Until they are, nothing here may call a builtin.
        """
        replaced = ""
        for name, module, functions in self._functions:
            if _modules.get(name) is not module:
                replaced = f"{name!r} left sys.modules"
                _modules[name] = module
            now = module.__dict__
            if functions.items() <= now.items():
                continue
            for attribute, value in functions.items():
                if now.get(attribute) is not value:
                    replaced = f"{name}.{attribute} was replaced"
                    now.update(functions)
                    break
        return replaced or self._lowered()

    def _lowered(self) -> str:
        """Names a limit, variable or descriptor that is less than it was."""
        if _recursion() < self._recursion:
            lowered = f"the recursion limit was set to {_recursion()}"
            _set_recursion(self._recursion)
            return lowered
        for name, number, before in self._limits:
            now = _getrlimit(number)[0]
            if now not in (before, resource.RLIM_INFINITY) and (before == resource.RLIM_INFINITY or now < before):
                return f"{name} was set to {now}"
        for name in self._environ:
            if name not in _environ:
                return f"the environment lost {name}"
        for number in self._open:
            if not _is_open(number):
                return f"descriptor {number} was closed"
        if self._directory is not None and _directory() != self._directory and not _changed_to(self._directory):
            return "its working directory is gone"
        if not self._has_timer and _timer(signal.ITIMER_REAL)[0] > 0:
            return "a timer was left running"
        return ""


def is_exhausted(error: BaseException) -> bool:
    """Whether an exception comes of a process that has no memory, descriptors or threads left."""
    return any(
        issubclass(type(each), MemoryError)
        or (issubclass(type(each), OSError) and _is_one_of(_number_of(each), _EXHAUSTED))
        or (type(each) is RuntimeError and len(each.args) == 1 and _is_one_of(each.args[0], _NO_THREAD))
        for each in causes(error)
    )


def _is_one_of(value: Any, known: tuple[int | str, ...]) -> bool:
    """Whether a user's object, which is never asked, is one of some numbers or texts."""
    return (type(value) is int or type(value) is str) and value in known


def _watched() -> Iterator[ModuleType]:
    yield from _WATCHED
    for name, module in list(_modules.items()):
        if name == _OWN or name.startswith(f"{_OWN}."):
            yield module


def _functions(module: ModuleType) -> dict[str, Any]:
    return {name: value for name, value in vars(module).items() if callable(value)}


def _number(name: str) -> int | None:
    found: int | None = getattr(resource, name, None)  # not each system has each
    return found


def _is_open(descriptor: int) -> bool:
    try:
        _fstat(descriptor)
    except OSError:
        return False
    return True


def _directory() -> str | None:
    try:
        return _getcwd()
    except OSError:
        return None  # it was removed


def _changed_to(directory: str) -> bool:
    """Whether this process works in `directory` again."""
    try:
        _chdir(directory)
    except OSError:
        return False
    return True
