"""`requirements/bounds.py`: the lower bounds are those that are tested, and the tests need no other library."""

from __future__ import annotations

import ast
import runpy
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.once

TESTS = Path(__file__).parent
DISTRIBUTED = {"backports-zstd": "backports", "prometheus-client": "prometheus_client", "pyyaml": "yaml"}
"""Names of modules that differ from those of their distributions."""


@pytest.fixture(scope="module")
def bounds() -> dict[str, Any]:
    return runpy.run_path(str(TESTS.parent / "requirements" / "bounds.py"))


def test_a_bound_that_was_lifted_or_lowered_is_named(bounds: dict[str, Any]) -> None:
    declared = bounds["bounds"]()
    assert {"boto3", "botocore", "msgspec", "uv"} <= declared.keys()
    assert bounds["lifted"](declared) == []
    assert bounds["lifted"]({name: f"{bound}.0" for name, bound in declared.items()}) == []
    other = {**declared, "msgspec": "0.22.0"}
    del other["uv"]
    assert bounds["lifted"](other) == [
        f"msgspec>={declared['msgspec']}: 0.22.0 was installed",
        f"uv>={declared['uv']}: None was installed",
    ]


def test_files_of_the_smoke_part_import_nothing_but_its_tools_and_what_slips_needs(bounds: dict[str, Any]) -> None:
    needed = {DISTRIBUTED.get(name, name) for name in bounds["bounds"]()}
    allowed = {*needed, *bounds["TOOLS"], *sys.stdlib_module_names, "slips", "backports", "_pytest"}
    seen: set[Path] = set()
    waiting = [TESTS / "conftest.py", *(one for one in TESTS.glob("test_*.py") if _is_smoke(one))]
    assert len(waiting) > 5
    while waiting:
        path = waiting.pop()
        seen.add(path)
        for name in _imported(path):
            own = TESTS / f"{name}.py"
            assert own.exists() or name in allowed, f"{path.name} imports {name}"
            if own.exists() and own not in seen:
                waiting.append(own)


def _is_smoke(path: Path) -> bool:
    return any(
        ast.unparse(node) == "pytest.mark.smoke"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
    )


def _imported(path: Path) -> Iterator[str]:
    """The modules that a file imports when it is imported itself, by their first names."""
    for node in ast.parse(path.read_text()).body:
        match node:
            case ast.Import(names=names):
                yield from (alias.name.partition(".")[0] for alias in names)
            case ast.ImportFrom(module=str(module)):
                yield module.partition(".")[0]
