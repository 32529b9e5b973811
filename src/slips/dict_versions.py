"""Tells whether dicts were changed, without a look at their values: comparing those of a hundred modules after each
object takes as long as to parse a hundred records, half a millisecond if they are in none of the CPU's caches.

CPython 3.11 to 3.13 give a dict a new number at each change, for their own caches. No function returns that number, so
it is read from memory, where `versions_of` has seen that it tells each kind of change. Elsewhere values are compared.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

_PLACE = 3 * 8
"""Bytes of a dict before its version: references, type, size."""
_map, _value = map, attrgetter("value")


def versions_of(dicts: Sequence[dict[str, Any]]) -> Callable[[], list[int]] | None:
    """Return what returns a number for each dict, another one than before if the dict was changed. None: unknown here.

    The dicts must live as long as what is returned. That calls no builtin, which a handler may have replaced.
    """
    if sys.implementation.name != "cpython" or sys.maxsize < 1 << 32 or sys.version_info >= (3, 14):
        return None
    try:
        from ctypes import c_uint64  # takes 2 ms, which a process of a single object need not spend
    except ImportError:  # a Python that was made without libffi
        return None

    def read(some: Sequence[dict[str, Any]]) -> Callable[[], list[int]]:
        cells = [c_uint64.from_address(id(each) + _PLACE) for each in some]
        return lambda: [*_map(_value, cells)]

    return read(dicts) if _tells(read) else None


def _tells(read: Callable[[Sequence[dict[str, Any]]], Callable[[], list[int]]]) -> bool:
    """Whether what `read` returns tells each kind of change of a dict, and stays the same without one."""
    changed, same = dict[str, Any](), dict[str, Any]()
    versions = read([changed, same])
    seen = [versions()]
    for change in (
        lambda: changed.__setitem__("a", 1),
        lambda: changed.__setitem__("a", 2),
        lambda: changed.update(a=3),
        lambda: changed.setdefault("b", 4),
        lambda: changed.pop("a"),
        lambda: exec("b = 5", changed),  # noqa: S102 - a module sets its own names
        changed.clear,
    ):
        change()
        if versions() != versions():
            return False
        seen.append(versions())
    firsts, seconds = zip(*seen, strict=True)
    return len(set(firsts)) == len(seen) and len(set(seconds)) == 1
