"""src/slips/formats/_index.py: the module and the attribute of each format, found by importing all modules."""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from slips.format import Format
from slips.formats import FOLDERS

_HEAD = '''\
"""The place of each format, its module and its name there. Written by docs/build.py: 'make docs' renews it."""

PLACES: dict[str, tuple[str, str]] = {
'''


def write(folders: dict[str, Path] = FOLDERS) -> str:
    """Return the text of the module. Raises ValueError if two places declare a format of one name."""
    places: dict[str, tuple[str, str]] = {}
    for package, folder in folders.items():
        for info in pkgutil.walk_packages([str(folder)], f"{package}."):
            module = importlib.import_module(info.name)
            for attribute in _defined(module):
                value = getattr(module, attribute, None)
                if not isinstance(value, Format):
                    continue
                if value.name in places:
                    first, other = ".".join(places[value.name]), f"{info.name}.{attribute}"
                    raise ValueError(f"format {value.name!r} is declared twice, in {first} and in {other}")
                places[value.name] = (info.name, attribute)
    rows = (f'    "{name}": ("{module}", "{attribute}"),\n' for name, (module, attribute) in sorted(places.items()))
    return f"{_HEAD}{''.join(rows)}}}\n"


def _defined(module: ModuleType) -> Iterator[str]:
    """Yield the names that a module gives to values of its own, not those that it imports."""
    for statement in ast.parse(inspect.getsource(module)).body:
        match statement:
            case ast.FunctionDef(name=name):
                yield name
            case ast.Assign(targets=targets):
                yield from (target.id for target in targets if isinstance(target, ast.Name))
            case ast.AnnAssign(target=ast.Name(id=name)):
                yield name
