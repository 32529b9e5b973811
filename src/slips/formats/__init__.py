"""The catalogue of formats: those of this package, a folder a vendor, and the readers of `slips.parsing.readers`.

It imports every module of both, so that a new file adds its formats by itself.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from slips.format import Format
from slips.parsing import readers

FOLDERS = {__name__: Path(__file__).parent, readers.__name__: Path(readers.__file__).parent}
"""Packages with formats, and their folders. The samples of a format lie beside its module."""


@cache
def catalogue() -> dict[str, Format]:
    """Return every format that slips ships, by name, in alphabetical order.

    Raises ValueError if two modules declare a format of one name.
    """
    formats: dict[str, Format] = {}
    for module in _modules():
        for value in vars(importlib.import_module(module)).values():
            if isinstance(value, Format):
                first = formats.setdefault(value.name, value)
                if first is not value:
                    raise ValueError(f"format {value.name!r} is declared twice, again in {module}")
    return dict(sorted(formats.items()))


def sample_files(name: str) -> list[Path]:
    """Return the sample of a format and what is expected of it, where it has them, from a checkout of the project."""
    own = (
        path for folder in FOLDERS.values() for path in folder.rglob(f"{name}.*") if path.suffix not in (".py", ".pyc")
    )
    return sorted(own, key=lambda path: ".expected." in path.name)


def _modules() -> Iterator[str]:
    for package, folder in FOLDERS.items():
        yield from (info.name for info in pkgutil.walk_packages([str(folder)], f"{package}."))
