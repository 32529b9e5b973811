"""The catalogue of formats. It imports every module of this package, so that a new file adds its formats by itself."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from slips.format import Format


@cache
def catalogue() -> dict[str, Format]:
    """Return every format that slips ships, by name, in alphabetical order.

    Raises ValueError if two modules declare a format of one name.
    """
    formats: dict[str, Format] = {}
    for info in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{info.name}")
        for value in vars(module).values():
            if isinstance(value, Format):
                first = formats.setdefault(value.name, value)
                if first is not value:
                    raise ValueError(f"format {value.name!r} is declared twice, again in {module.__name__}")
    return dict(sorted(formats.items()))
