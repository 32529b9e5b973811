"""Changes of modules are noticed without a look at their values, and none is missed."""

from __future__ import annotations

import builtins
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import count
from typing import Any

import pytest

import slips.dict_versions
import slips.health
from slips.dict_versions import version_of
from slips.health import Health

has_versions = pytest.mark.skipif(
    sys.implementation.name != "cpython" or sys.version_info >= (3, 14), reason="this Python gives dicts no versions"
)


@pytest.fixture
def warm() -> Health:
    """The health of this process, which was compared several times."""
    health = Health()
    for _ in range(4):
        assert health.mend() == ""
    return health


@has_versions
def test_the_version_rises_with_each_change_of_any_dict_and_stays_the_same_without_one() -> None:
    kept: dict[str, Any] = {"a": 1}
    changed = dict(kept)
    version, version_of_kept = version_of([kept, changed]), version_of([kept])
    assert version is not None
    assert version_of_kept is not None
    changes: list[Callable[[], object]] = [
        lambda: changed.update(a=2),
        lambda: changed.update(b=3),
        lambda: changed.pop("a"),
        lambda: exec("c = 1", changed),
        lambda: exec("def f():\n  global c\n  c = 2\nf()", changed),
        changed.clear,
    ]
    for change in changes:
        before, of_kept = version(), version_of_kept()
        change()
        assert version() > before
        assert version_of_kept() == of_kept
        kept.get("a"), list(changed), len(changed)
        assert version() == version()


def test_a_place_that_tells_nothing_or_too_little_is_not_used() -> None:
    assert not slips.dict_versions._tells(lambda _: lambda: 3)
    numbers = iter(range(1000))
    assert not slips.dict_versions._tells(lambda _: lambda: next(numbers))  # another one at each look
    assert not slips.dict_versions._tells(lambda some: lambda: sum(map(len, some)))
    assert not slips.dict_versions._tells(lambda some: lambda: len(str(some)))


def test_without_ctypes_there_are_no_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ctypes", None)
    assert version_of([{}]) is None


@has_versions
def test_values_are_compared_only_if_a_module_was_changed(warm: Health, monkeypatch: pytest.MonkeyPatch) -> None:
    counts, values = count(), warm._values

    def counted() -> list[list[Any]]:
        next(counts)
        return values()

    monkeypatch.setattr(warm, "_values", counted)
    warm.mend()
    monkeypatch.setattr(json, "a_name_of_its_own", 1, raising=False)
    for _ in range(4):
        assert warm.mend() == ""
    assert next(counts) == 3  # the change, what is to be compared with from now on, and that it stays


@pytest.fixture
def replaced() -> Iterator[None]:
    """Puts back what a test replaces, whatever becomes of it."""
    before = {module: dict(vars(module)) for module in (builtins, io, os, slips.health)}
    yield
    for module, names in before.items():
        vars(module).update(names)


@pytest.mark.parametrize("versions", [True, False])
@pytest.mark.parametrize(
    ("module", "name", "how"),
    [
        (builtins, "len", "an attribute"),
        (builtins, "zip", "the dict"),
        (os, "open", "an attribute"),
        (io, "BytesIO", "the dict"),
        (slips.health, "version_of", "an attribute"),
    ],
)
def test_a_function_that_was_replaced_is_put_back_each_time(
    replaced: None, monkeypatch: pytest.MonkeyPatch, module: Any, name: str, how: str, versions: bool
) -> None:
    if not versions:
        monkeypatch.setattr(slips.health, "version_of", lambda _: None)
    health = Health()
    for _ in range(4):
        health.mend()
    original = getattr(module, name)
    for _ in range(3):
        if how == "the dict":
            vars(module)[name] = 1
        else:
            setattr(module, name, lambda *_: 1)
        damage = health.mend()
        assert damage == f"{module.__name__}.{name} was replaced"
        assert getattr(module, name) is original
        assert health.mend() == ""


def test_a_module_that_left_is_put_back_and_another_one_may_come(warm: Health, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "a_module_of_the_handler", json)
    assert warm.mend() == ""
    for _ in range(3):
        monkeypatch.delitem(sys.modules, "json")
        assert warm.mend() == "'json' left sys.modules"
        assert sys.modules["json"] is json
        assert warm.mend() == ""


def test_a_process_of_one_object_does_not_import_ctypes() -> None:
    code = "import sys, slips.health\nslips.health.Health().mend()\nsys.exit('ctypes' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
