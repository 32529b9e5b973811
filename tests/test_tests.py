"""Rules of the tests themselves: what a test file stands on is no other test file, and no fixture hides another."""

from __future__ import annotations

import ast
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parent

pytestmark = pytest.mark.once


@cache
def files() -> dict[str, ast.Module]:
    """Each file by its name: read by the worker that runs these tests, not by all that collect them."""
    return {path.stem: ast.parse(path.read_text(encoding="utf-8")) for path in TESTS.glob("*.py")}


def plugins() -> set[str]:
    """Modules that test files load as plugins: their fixtures are known to all tests of a run."""
    found: set[str] = set()
    for tree in files().values():
        for node in tree.body:
            match node:
                case ast.Assign(targets=[ast.Name("pytest_plugins")], value=value):
                    found.update(ast.literal_eval(value))
    return found


def fixtures(path: Path) -> list[str]:
    functions = [node for node in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(node, ast.FunctionDef)]
    return [each.name for each in functions if any("fixture" in ast.unparse(one) for one in each.decorator_list)]


def test_no_test_file_imports_another() -> None:
    imports = [
        f"{name} imports {node.module}"
        for name, tree in files().items()
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("test_")
    ]
    assert not imports, "move what both need to a module of its own"


def test_no_fixture_of_a_plugin_hides_one_of_another() -> None:
    paths = [TESTS / "conftest.py", *(TESTS / f"{name.replace('.', '/')}.py" for name in plugins())]
    counts = Counter(name for path in paths for name in fixtures(path))
    assert counts["cloud"] == 1
    assert [name for name, count in counts.items() if count > 1] == []
