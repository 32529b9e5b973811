"""Imports go one way, so that a newcomer can read the package from the bottom up."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

pytestmark = pytest.mark.once

PACKAGE = Path(__file__).parents[1] / "src" / "slips"
LAYERS = [
    {"errors", "exceptions", "model", "printable", "streams"},
    {"health", "methods", "ports", "times", "usercode", "codec", "format", "position", "rights"},
    {"formats"},
    {"chain"},
    {"config", "routing", "interface", "envelope"},
    {"pipeline", "backends"},
    {"service", "lambdas", "telemetry", "deploy", "testing", "project"},
    {"cli", "__main__"},
]
HEAVY = {"typer", "rich", "yaml", "boto3", "botocore", "backports", "compression", "lz4", "bz2", "lzma"}
"""Imported only where they are needed: a function on AWS must not pay for them at its start."""


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def layer_of(module: str) -> int | None:
    return next((number for number, names in enumerate(LAYERS) if module in names), None)


def part_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(tree: ast.AST) -> list[tuple[str, bool]]:
    """Imported modules, and whether each is imported when the module is."""
    inner = {
        id(node)
        for outer in ast.walk(tree)
        if isinstance(outer, ast.FunctionDef)
        or (isinstance(outer, ast.If) and getattr(outer.test, "id", "") == "TYPE_CHECKING")
        for node in ast.walk(outer)
    }
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(alias.name, id(node) not in inner) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.append((node.module, id(node) not in inner))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("path", modules(), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_a_module_imports_only_what_lies_below_it(path: Path) -> None:
    own = part_of(path)
    if own == "__init__":
        return
    mine = layer_of(own)
    assert mine is not None, f"{own} is in no layer: add it to LAYERS"
    for name, _ in imports(ast.parse(path.read_text())):
        if not name.startswith("slips."):
            continue
        other = name.split(".")[1]
        theirs = layer_of(other)
        assert theirs is not None, f"{other} is in no layer: add it to LAYERS"
        assert other == own or theirs <= mine, f"{own} imports {other}, which lies above it"
        assert {own, other} != {"pipeline", "backends"}, "stations know ports, not backends"


@pytest.mark.parametrize("path", modules(), ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_heavy_libraries_are_imported_where_they_are_used(path: Path) -> None:
    if part_of(path) in ("cli", "deploy", "project") or "aws" in path.parts or path == PACKAGE / "config" / "check.py":
        return
    at_once = {name.split(".")[0] for name, eager in imports(ast.parse(path.read_text())) if eager}
    assert not at_once & HEAVY
