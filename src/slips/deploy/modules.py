"""Finds the modules of slips for the package: those that the functions import, and no other.

The search follows imports from the functions' entry points, also imports inside functions. So a new module is packed as
soon as a function needs it. All formats are packed, since a run finds them by name.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import slips

ENTRY_POINTS = "slips.lambdas"
"""The module with the entry points that the template names."""
FORMATS = ("formats", "parsing/readers", "parsing/declare")
"""The folders of slips with all formats, and with the families that these name."""
UNTAKEN = ("slips.config.check",)
"""Modules that are imported only on this machine, though by modules of the functions: the checks of a config, which is
checked before it is packaged. Neither they nor modules below them go in."""

_ROOT = Path(slips.__file__).parent


@cache
def deployed() -> dict[str, Path]:
    """Return the files of the modules, by their paths in the package."""
    files = dict[str, Path]()
    waiting = {ENTRY_POINTS, *(_name_of(path) for folder in FORMATS for path in (_ROOT / folder).rglob("*.py"))}
    while waiting:
        module = waiting.pop()
        path = _file_of(module)
        if path is None or _is_below(module, UNTAKEN):
            continue
        place = path.relative_to(_ROOT.parent).as_posix()
        if place not in files:
            files[place] = path
            waiting |= {*_imported(ast.parse(path.read_bytes()).body), *_packages_above(module)}
    return dict(sorted(files.items()))


def _imported(body: Iterable[ast.AST]) -> Iterator[str]:
    """Yield the modules that statements, and statements within them, import. `from a import b` may mean `a.b`."""
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
    """Yield the packages that Python imports before a module."""
    while "." in module:
        module = module.rpartition(".")[0]
        yield module


def _is_below(module: str, roots: Iterable[str]) -> bool:
    return any(module == root or module.startswith(f"{root}.") for root in roots)


def _name_of(path: Path) -> str:
    parts = path.relative_to(_ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _file_of(module: str) -> Path | None:
    """Return the file of a module of slips; None for any other name."""
    path = _ROOT.parent.joinpath(*module.split("."))
    files = (one for one in (path / "__init__.py", path.with_suffix(".py")) if one.is_file())
    return next(files, None) if module.partition(".")[0] == "slips" else None
