"""The catalogue of formats: those of this package, a folder a vendor, and the readers of `slips.parsing.readers`.

An index, which `make docs` writes, has the place of each: a run imports the modules of its own formats, and no other.
"""

from __future__ import annotations

import importlib
from functools import cache
from pathlib import Path

from slips.format import Format
from slips.formats import _index

FOLDERS = {
    __name__: Path(__file__).parent,
    "slips.parsing.readers": Path(__file__).parents[1] / "parsing" / "readers",
}
"""Packages with formats, and their folders. The samples of a format lie beside its module."""


def names() -> list[str]:
    """Return the names of all formats that slips ships, in alphabetical order, and import none of them."""
    return list(_index.PLACES)


def find(name: str) -> Format | None:
    """Return the format `name`, and import the module that declares it; None if slips ships no such format."""
    if name not in _index.PLACES:
        return None
    module, attribute = _index.PLACES[name]
    found: Format = getattr(importlib.import_module(module), attribute)
    return found


@cache
def catalogue() -> dict[str, Format]:
    """Return every format that slips ships, by name, in alphabetical order. Imports all of them: for lists alone."""
    return {name: format_ for name in names() if (format_ := find(name))}


def sample_files(name: str) -> list[Path]:
    """Return the sample of a format and what is expected of it, where it has them, from a checkout of the project."""
    own = (
        path for folder in FOLDERS.values() for path in folder.rglob(f"{name}.*") if path.suffix not in (".py", ".pyc")
    )
    return sorted(own, key=lambda path: ".expected." in path.name)
