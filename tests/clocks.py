"""Clocks of the machine that stand still or leap, for whatever in slips reads one that a test has not given to it."""

from __future__ import annotations

import inspect
import sys
import time
from collections.abc import Callable, Iterator
from itertools import count
from types import FunctionType
from typing import Any

import pytest

from slips.site.worker import WorkerSite


def set_clocks(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Let the clocks of the machine go on by so many seconds at each look, 0: stand still."""
    clocks = {each: _leaping(each(), seconds) for each in (time.time, time.monotonic)}
    for function in _functions():
        for name in ("__defaults__", "__kwdefaults__"):
            before = getattr(function, name)
            if before and (after := _replaced(before, clocks)) != before:
                monkeypatch.setattr(function, name, after)
    monkeypatch.setattr(WorkerSite, "clock", staticmethod(clocks[time.time]))
    for clock, leaping in clocks.items():
        monkeypatch.setattr(time, clock.__name__, leaping)


def _leaping(begun: float, seconds: float) -> Callable[[], float]:
    looks = count(1)
    return lambda: begun + seconds * next(looks)


def _functions() -> Iterator[FunctionType]:
    """Yield the functions and methods of all modules of slips that are imported."""
    for module in [each for name, each in sys.modules.items() if name.partition(".")[0] == "slips"]:
        for found in list(vars(module).values()):
            members = list(vars(found).values()) if inspect.isclass(found) else [found]
            yield from (each for each in members if isinstance(each, FunctionType))


def _replaced(defaults: Any, clocks: dict[Callable[[], float], Callable[[], float]]) -> Any:
    if isinstance(defaults, dict):
        return {name: _replaced((each,), clocks)[0] for name, each in defaults.items()}
    return tuple(clocks.get(each, each) if callable(each) else each for each in defaults)
