"""The index of formats, found by importing all modules: what a run needs of it, and what lists of formats need.

`src/slips/formats/_index.py` has the module and the attribute of each format, `_catalogue.py` beside it its line.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import breadth
import slips.formats
from slips.format import Format
from slips.formats import FOLDERS

_HEAD = '''\
"""The place of each format, its module and its name there. Written by docs/build.py: 'make docs' renews it."""

PLACES: dict[str, tuple[str, str]] = {
'''


_CATALOGUE = '''\
"""The line of each format in the catalogue, as in `CatalogueLine`. Written by docs/build.py: 'make docs' renews it."""

# fmt: off
# ruff: noqa: E501

'''
NO_VENDOR = ("readers", "generic")
"""The folders of formats that are of no vendor, in the order in which they are listed."""


def write_catalogue() -> str:
    """Return the text of the module with the lines of all formats, by the index as it is now."""
    entries, titles = [], dict[str, str]()
    for name, (module, _) in slips.formats._index.PLACES.items():
        format_ = slips.formats.find(name)
        if format_ is None:
            raise ValueError(f"format {name!r} is in the index and nowhere else")
        folder = slips.formats.vendor_folder(name)
        titles[folder] = _title(module.rpartition(".")[0])
        row = (folder, format_.takes, format_.gives, format_.tag, format_.summary, format_.reference)
        entries.append(f"    {_text(name)}: ({', '.join(map(_text, row))}),\n")
    order = sorted(titles, key=lambda each: (each not in NO_VENDOR, each == "generic", titles[each].lower()))
    vendors = "".join(f"    {_text(folder)}: {_text(titles[folder])},\n" for folder in order)
    rows = "tuple[str, str, str, str, str, str]"
    broad = "".join(f"    {_text(name)}: {share},\n" for name, share in breadth.breadths().items())
    return (
        f"{_CATALOGUE}VENDORS: dict[str, str] = {{\n{vendors}}}\n\nENTRIES: dict[str, {rows}] = {{\n"
        f"{''.join(entries)}}}\n\n"
        "# The share of other vendors' records that a format accepts, of those that accept more than a few.\n"
        f"BREADTHS: dict[str, float] = {{\n{broad}}}\n"
    )


def _title(package: str) -> str:
    """Return the vendor that the docstring of a package names: `Formats of Okta.`"""
    words = (importlib.import_module(package).__doc__ or "").partition("\n")[0]
    if package == "slips.parsing.readers":
        return "Readers"
    title = words.removeprefix("Formats of ").removeprefix("the ").removesuffix(".")
    return f"{title[:1].upper()}{title[1:]}"


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


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
