"""The modules of slips that go into the package: those that the functions import, and no other.

They are found by following imports from the functions' entry points, those inside functions, too, so that a new module
goes into the package when a function comes to need it. Formats are found by name at run time: all of them go in.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import slips

ENTRY_POINTS = "slips.lambdas"
"""The template names functions of this module."""
FORMATS = "formats"
"""The folder of slips with all formats."""
UNTAKEN = ("slips.backends.machine", "slips.config.check")
"""Modules that are imported only on this machine, though by modules of the functions: the backend that stands for AWS,
and the checks of a config, which is checked before it is packaged. Neither they nor modules below them go in."""

_ROOT = Path(slips.__file__).parent


@cache
def deployed() -> dict[str, Path]:
    """Files of the modules, by their paths in the package."""
    found = dict[str, Path]()
    waiting = {ENTRY_POINTS, *map(_name_of, (_ROOT / FORMATS).rglob("*.py"))}
    while waiting:
        module = waiting.pop()
        path = _file_of(module)
        if path is None or _is_below(module, UNTAKEN):
            continue
        place = path.relative_to(_ROOT.parent).as_posix()
        if place not in found:
            found[place] = path
            waiting |= {*_imported(ast.parse(path.read_bytes()).body), *_packages_above(module)}
    return dict(sorted(found.items()))


def _imported(body: Iterable[ast.AST]) -> Iterator[str]:
    """All that statements import when they run, those within them, too. `from a import b` may mean the module `a.b`."""
    for statement in body:
        match statement:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=str(module), names=names):
                yield module
                yield from (f"{module}.{alias.name}" for alias in names)
            case ast.If(test=ast.Name(id="TYPE_CHECKING"), orelse=otherwise):
                yield from _imported(otherwise)
            case _:
                for part in ("body", "orelse", "handlers", "finalbody", "cases"):
                    yield from _imported(getattr(statement, part, ()))


def _packages_above(module: str) -> Iterator[str]:
    """The packages that Python imports before a module."""
    while "." in module:
        module = module.rpartition(".")[0]
        yield module


def _is_below(module: str, roots: Iterable[str]) -> bool:
    return any(module == root or module.startswith(f"{root}.") for root in roots)


def _name_of(path: Path) -> str:
    parts = path.relative_to(_ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _file_of(module: str) -> Path | None:
    """The file of a module of slips; None if it is none."""
    path = _ROOT.parent.joinpath(*module.split("."))
    found = (one for one in (path / "__init__.py", path.with_suffix(".py")) if one.is_file())
    return next(found, None) if module.partition(".")[0] == "slips" else None
