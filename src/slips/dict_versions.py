"""Tells whether dicts were changed, without a look at their values: comparing those of a hundred modules after each
object takes as long as to parse a hundred records, half a millisecond if they are in none of the CPU's caches.

CPython 3.11 to 3.13 give a dict a new number at each change, for their own caches. No function returns that number, so
it is read from memory, where `version_of` has seen that it tells each kind of change. Elsewhere values are compared.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

_PLACE = 3 * 8
"""Bytes of a dict before its version: references, type, size."""
_map, _sum, _value = map, sum, attrgetter("value")


def version_of(dicts: Sequence[dict[str, Any]]) -> Callable[[], int] | None:
    """Return what returns a number, a higher one than before if one of the dicts was changed. None: unknown here.

    The dicts must live as long as what is returned. That calls no builtin, which a handler may have replaced.
    """
    if sys.implementation.name != "cpython" or sys.maxsize < 1 << 32 or sys.version_info >= (3, 14):
        return None
    try:
        from ctypes import c_uint64  # takes 2 ms, which a process of a single object need not spend
    except ImportError:  # a Python that was made without libffi
        return None

    def read(some: Sequence[dict[str, Any]]) -> Callable[[], int]:
        cells = [c_uint64.from_address(id(each) + _PLACE) for each in some]
        # Each number is the highest so far when it is given, so the sum rises. A list of them would be looked at in the
        # memory of the last time, too, which is in none of the caches either.
        return lambda: _sum(_map(_value, cells))

    return read(dicts) if _tells(read) else None


def _tells(read: Callable[[Sequence[dict[str, Any]]], Callable[[], int]]) -> bool:
    """Whether what `read` returns rises with each kind of change of a dict, and stays the same without one."""
    changed, same = dict[str, Any](), dict[str, Any]()
    of_both, of_same = read([changed, same]), read([same])
    seen, before = of_both(), of_same()
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
        now = of_both()
        if now <= seen or now != of_both():
            return False
        seen = now
    return of_same() == before
