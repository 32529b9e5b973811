"""The catalogue: one module per vendor, found by looking, so that adding a file is adding a format."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from slips.format import Format


@cache
def catalogue() -> dict[str, Format]:
    """Every format that slips ships, by name, in alphabetical order."""
    found: dict[str, Format] = {}
    for info in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{info.name}")
        for value in vars(module).values():
            if isinstance(value, Format):
                known = found.setdefault(value.name, value)
                if known is not value:
                    raise ValueError(f"format {value.name!r} is declared twice, again in {module.__name__}")
    return dict(sorted(found.items()))
