"""Imports go one way, so that a newcomer can read the package from the bottom up; maps are whole; names are unique."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
from msgspec import Struct

pytestmark = [pytest.mark.once, pytest.mark.xdist_group("layers")]  # one process reads all modules, once

PACKAGE = Path(__file__).parents[1] / "src" / "slips"
LAYERS = [
    {"dict_versions", "errors", "exceptions", "model", "print_streams", "printable"},
    {"health", "methods", "not_logs", "ports", "times", "usercode", "written_times", "zones"}
    | {"chunks", "codec", "entities", "format", "paths", "pattern", "position", "step"},
    {"parsing", "formats"},
    {"brakes", "config", "routing", "interface", "envelope", "inference", "object_states", "operations"}
    | {"known", "event_file", "kept_audit", "tally"},
    {"backends"},
    {"loading"},
    {"site"},
    {"place"},
    {"pipeline"},
    {"service", "lambdas", "telemetry", "deploy", "testing", "project", "new_format", "examples"},
    {"console"},
    {"cli", "__main__"},
]
HEAVY = {
    "click",
    "rich",
    "yaml",
    "boto3",
    "botocore",
    "backports",
    "compression",
    "lz4",
    "bz2",
    "lzma",
    "difflib",
    "prometheus_client",
    "cramjam",
    "jinja2",
    "starlette",
    "uvicorn",
}
"""Imported only where they are needed: a function on AWS must not pay for them at its start."""
HEAVY_MODULES = ("slips.backends.aws", "slips.config.check", "slips.config.nodes", "slips.config.values")
"""Beside the parts that only people use: what such a library is there for."""

SAME_NAMES: dict[str, str] = {}
"""Names of classes that several modules define, each with the reason why they are the same thing."""


class Import(Struct, frozen=True):
    """A name in an import statement."""

    module: str
    name: str | None
    """Of `from module import name`."""
    at_once: bool


def modules(package: Path = PACKAGE) -> dict[str, Path]:
    """The files of a package by dotted name: `slips.cli` for `cli/__init__.py`, `slips.cli.run` for `cli/run.py`."""
    paths = (path.relative_to(package.parent) for path in sorted(package.rglob("*.py")))
    return {".".join(path.with_suffix("").parts).removesuffix(".__init__"): package.parent / path for path in paths}


def part_of(module: str) -> str:
    """`cli` of `slips.cli.run`; empty for `slips` itself."""
    return ".".join(module.split(".")[1:2])


def layer_of(part: str) -> int:
    found = next((number for number, parts in enumerate(LAYERS) if part in parts), None)
    assert found is not None, f"{part} is in no layer: add it to LAYERS"
    return found


@cache
def statements(path: Path) -> list[tuple[ast.AST, bool]]:
    """All statements of a module, and whether they run when it is imported: not in functions, nor for types alone."""
    return list(_statements(ast.parse(path.read_text()), at_once=True))


def _statements(node: ast.AST, *, at_once: bool) -> Iterator[tuple[ast.AST, bool]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt | ast.excepthandler | ast.match_case):
            yield child, at_once
            match child:
                case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.If(test=ast.Name("TYPE_CHECKING")):
                    yield from _statements(child, at_once=False)
                case _:
                    yield from _statements(child, at_once=at_once)


def imports(path: Path) -> Iterator[Import]:
    for node, at_once in statements(path):
        match node:
            case ast.Import():
                yield from (Import(alias.name, None, at_once) for alias in node.names)
            case ast.ImportFrom():
                assert node.module, "imports in slips are absolute"
                yield from (Import(node.module, alias.name, at_once) for alias in node.names)


def graph(package: Path = PACKAGE) -> dict[str, set[str]]:
    """The imports of each module from its own package, those in functions and for type checkers among them."""
    known = modules(package)
    return {
        module: {
            whole if (whole := f"{one.module}.{one.name}") in known else one.module
            for one in imports(path)
            if one.module in known
        }
        for module, path in known.items()
    }


def circle(graph: dict[str, set[str]]) -> list[str]:
    """Modules of which each imports the next, and the last is the first; empty if there is no such circle."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        found: list[str] = error.args[1]
        return found[::-1]
    return []


def test_modules_import_only_what_lies_below_them() -> None:
    layers = {name: layer_of(part_of(name)) for name in modules() if part_of(name)}
    pairs = [(name, other) for name, found in graph().items() for other in found if {name, other} <= layers.keys()]
    upwards = [f"{name} imports {other}" for name, other in sorted(pairs) if layers[name] < layers[other]]
    assert not upwards


def test_stations_know_ports_not_backends() -> None:
    stations = {name: found for name, found in graph().items() if part_of(name) == "pipeline"}
    assert not [name for name, found in stations.items() if "backends" in map(part_of, found)]


def test_no_modules_import_each_other() -> None:
    found = circle(graph())
    assert not found, f"a circle of imports: {' imports '.join(found)}"


def test_a_circle_of_imports_in_functions_and_for_types_is_found(tmp_path: Path) -> None:
    package = tmp_path / "own"
    (package / "deep").mkdir(parents=True)
    (package / "__init__.py").write_text("import own.a")
    (package / "a.py").write_text("if TYPE_CHECKING:\n    from own.deep import b")
    (package / "deep" / "__init__.py").write_text("from own.deep.b import B")
    (package / "deep" / "b.py").write_text("def f():\n    from own.c import C")
    (package / "c.py").write_text("import sys, own.d")
    (package / "d.py").write_text("")
    assert circle(graph(package)) == []
    (package / "d.py").write_text("class D:\n    import own.a")
    statements.cache_clear()
    found = circle(graph(package))
    assert (found[0], set(found)) == (found[-1], {"own.a", "own.deep.b", "own.c", "own.d"})


def test_heavy_libraries_are_imported_where_they_are_used() -> None:
    lightweight = {
        name: path
        for name, path in modules().items()
        if part_of(name) not in ("cli", "console", "deploy", "project") and not name.startswith(HEAVY_MODULES)
    }
    at_once = {
        (name, one.module.split(".")[0]) for name, path in lightweight.items() for one in imports(path) if one.at_once
    }
    assert not [pair for pair in sorted(at_once) if pair[1] in HEAVY]


def missing_in_map(package: Path) -> list[str]:
    """The modules that the docstring of a package leaves out; none if the docstring lists no module at all.

    A module is listed at the beginning of a line, as `name` in backticks, or as `name.py`.
    """
    inside = {path.stem for path in package.glob("*.py")} | {path.parent.name for path in package.glob("*/__init__.py")}
    words = ast.get_docstring(ast.parse((package / "__init__.py").read_text())) or ""
    listed = set(re.findall(r"^ *(\w+)  |`(\w+)`|\b(\w+)\.py\b", words, re.MULTILINE)) - {("", "", "")}
    found = inside & {name for names in listed for name in names}
    return sorted(inside - found - {"__init__"}) if found else []


def test_a_package_that_lists_its_modules_lists_all_of_them() -> None:
    packages = [path.parent for path in modules().values() if path.name == "__init__.py"]
    assert {package.name: missing for package in packages if (missing := missing_in_map(package))} == {}


def test_a_module_that_is_missing_in_the_map_of_its_package_is_found(tmp_path: Path) -> None:
    for name in ("a", "b", "c", "d"):
        (tmp_path / f"{name}.py").touch()
    (tmp_path / "__init__.py").write_text('"""Does it.\n\n    a   reads, by `b`   c.py   writes\n"""')
    assert missing_in_map(tmp_path) == ["d"]
    (tmp_path / "__init__.py").write_text('"""Does it, with a and b."""')
    assert missing_in_map(tmp_path) == []


def test_no_two_classes_have_one_name() -> None:
    homes: dict[str, list[str]] = {}
    for module, path in modules().items():
        for node, _ in statements(path):
            if isinstance(node, ast.ClassDef):
                homes.setdefault(node.name, []).append(module)
    shared = {name: found for name, found in homes.items() if len(found) > 1}
    assert {name: found for name, found in shared.items() if name not in SAME_NAMES} == {}
    assert SAME_NAMES.keys() <= shared.keys(), "named as shared, and is not"
