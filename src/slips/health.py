"""Finds the damage that a handler did to its process: records the state before a run, compares and mends after it.

A handler may keep its own data in the process. Damage that would hurt the next object (replaced builtins, lowered
limits, a working directory that is gone) means that another process must run that object.
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
from collections.abc import Callable, Iterator, Mapping
from operator import itemgetter
from types import ModuleType
from typing import Any

from slips.dict_versions import version_of
from slips.exceptions import causes

_OWN = "slips"
_WATCHED = (builtins, os, time, io, json, re, struct, copy, datetime)
_LIMITS = ("RLIMIT_AS", "RLIMIT_DATA", "RLIMIT_STACK", "RLIMIT_NOFILE", "RLIMIT_FSIZE", "RLIMIT_CPU", "RLIMIT_NPROC")
_PASSING = "_X_AMZN_"
"""Prefix of variables that Lambda itself sets and removes."""
_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
_NO_THREAD = ("can't start new thread",)

_environ, _modules = os.environ, sys.modules
_variables: Mapping[bytes, bytes] = getattr(os.environb, "_data", os.environb)
"""The dict within `os.environb`, whose iteration in Python takes 15 µs."""
_list, _map, _values = list, map, dict.values
_getcwd, _chdir, _fstat = os.getcwd, os.chdir, os.fstat
_getrlimit, _recursion, _set_recursion = resource.getrlimit, sys.getrecursionlimit, sys.setrecursionlimit
_timer = signal.getitimer
_errno_of = OSError.__dict__["errno"].__get__


class Health:
    """The state of this process when the object was made, which is after the import of the user's code."""

    def __init__(self) -> None:
        self._watched = [_Watched(module) for module in _watched()]
        self._present = itemgetter(*(watched.name for watched in self._watched))
        self._modules = self._present(_modules)
        self._contents = [watched.module.__dict__ for watched in self._watched]
        self._before = self._values()
        self._version: Callable[[], int] | None = None
        """Returns a number that tells whether modules were changed, or replaced; from the second comparison on."""
        self._seen = 0
        """This number when the modules were compared last."""
        self._is_warm = False
        self._recursion = _recursion()
        self._limits = [(name, number, _getrlimit(number)[0]) for name in _LIMITS if (number := _number(name))]
        self._environ = {name.encode("utf-8", "surrogateescape") for name in _environ if not name.startswith(_PASSING)}
        self._open = [descriptor for descriptor in (0, 1, 2) if _is_open(descriptor)]
        self._has_timer = _timer(signal.ITIMER_REAL)[0] > 0
        self._directory = _directory()

    def mend(self) -> str:
        """Restore functions and the working directory. Return the damage in a few words; empty for none.

        No line here may call a builtin before the functions are restored: the handler may have replaced it.
        """
        version = self._version and self._version()
        try:
            is_same = (version and version == self._seen) or (
                self._present(_modules) == self._modules and self._values() == self._before
            )
        except:  # noqa: E722 - a module has left, or a value of the user's cannot be compared
            is_same = False
        if is_same:
            if version:
                self._seen = version
            elif self._is_warm:
                self._version = version_of([_modules, *self._contents])
            self._is_warm = True
            return self._lowered()
        replaced = self._restore()
        self._before = self._values()
        return replaced or self._lowered()

    def _values(self) -> list[list[Any]]:
        """Return all that the modules contain. Comparing it takes half as long as comparing functions by name."""
        return [*_map(_list, _map(_values, self._contents))]

    def _restore(self) -> str:
        """Restore modules and functions. Return the last that was replaced, in words; empty if none was."""
        replaced = ""
        for watched in self._watched:
            name, module, functions = watched.name, watched.module, watched.functions
            if _modules.get(name) is not module:
                replaced = f"{name!r} left sys.modules"
                _modules[name] = module
            now = module.__dict__
            for attribute, value in functions.items():
                if now.get(attribute) is not value:
                    replaced = f"{name}.{attribute} was replaced"
                    now.update(functions)
                    break
        return replaced

    def _lowered(self) -> str:
        """Return the damage to limits, environment, descriptors, directory or timer in a few words; empty for none."""
        if _recursion() < self._recursion:
            lowered = f"the recursion limit was set to {_recursion()}"
            _set_recursion(self._recursion)
            return lowered
        for name, number, before in self._limits:
            now = _getrlimit(number)[0]
            if now not in (before, resource.RLIM_INFINITY) and (before == resource.RLIM_INFINITY or now < before):
                return f"{name} was set to {now}"
        if lost := self._environ.difference(_variables):
            return f"the environment lost {lost.pop().decode('utf-8', 'replace')}"
        for descriptor in self._open:
            if not _is_open(descriptor):
                return f"descriptor {descriptor} was closed"
        if self._directory is not None and _directory() != self._directory and not _changed_to(self._directory):
            return "its working directory is gone"
        if not self._has_timer and _timer(signal.ITIMER_REAL)[0] > 0:
            return "a timer was left running"
        return ""


class _Watched:
    """A module and its functions."""

    def __init__(self, module: ModuleType) -> None:
        self.name, self.module = module.__name__, module
        self.functions = {name: value for name, value in vars(module).items() if callable(value)}


def is_exhausted(error: BaseException) -> bool:
    """Whether an exception, or a cause of it, shows that the process has no memory, descriptors or threads left."""
    return any(
        issubclass(type(each), MemoryError)
        or (issubclass(type(each), OSError) and _is_one_of(_errno_of(each), _EXHAUSTED))
        or (type(each) is RuntimeError and len(each.args) == 1 and _is_one_of(each.args[0], _NO_THREAD))
        for each in causes(error)
    )


def _is_one_of(value: Any, constants: tuple[int | str, ...]) -> bool:
    """Whether `value` is one of some numbers or texts. Calls no method of `value`, which may be a user's object."""
    return (type(value) is int or type(value) is str) and value in constants


def _watched() -> Iterator[ModuleType]:
    yield from _WATCHED
    for name, module in list(_modules.items()):
        if name == _OWN or name.startswith(f"{_OWN}."):
            yield module


def _number(name: str) -> int | None:
    number: int | None = getattr(resource, name, None)  # systems differ in the limits that they have
    return number


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
        return None  # the directory was removed


def _changed_to(directory: str) -> bool:
    """Change the working directory back to `directory`. Return False if that fails."""
    try:
        _chdir(directory)
    except OSError:
        return False
    return True
