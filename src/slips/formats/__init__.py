"""The catalogue of formats: those of this package, a folder a vendor, and the readers of `slips.parsing.readers`.

An index, which `make docs` writes, has the place of each: a run imports the modules of its own formats, and no other.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from slips.format import Format
from slips.formats import _index

FOLDERS = {
    __name__: Path(__file__).parent,
    "slips.parsing.readers": Path(__file__).parents[1] / "parsing" / "readers",
}
"""Packages with formats, and their folders. The samples of a format lie beside its module."""


class CatalogueLine(NamedTuple):
    """The line of a format in the catalogue."""

    name: str
    vendor: str
    """The name of the vendor's folder."""
    takes: str
    gives: str
    tag: str
    summary: str
    reference: str

    @property
    def words(self) -> str:
        """Everything by which the format is found, in small letters: also other names of its product, and its kind."""
        from slips.formats.other_names import other_names  # no run needs it

        texts = (self.name, self.tag, self.summary, self.vendor, vendors()[self.vendor])
        return "\n".join((*texts, other_names().get(self.name, ""))).lower()


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


@cache
def entries() -> dict[str, CatalogueLine]:
    """Return the lines of the catalogue by name, in alphabetical order, and import no format."""
    from slips.formats import _catalogue  # no run needs it

    return {name: CatalogueLine(name, *rest) for name, rest in _catalogue.ENTRIES.items()}


def search(words: Sequence[str]) -> list[CatalogueLine]:
    """Return the formats that have all of the words, in any case; short ones have to begin a word.

    If there is none, blanks and hyphens do not count: `office 365` and `g suite` are found as `office365` and `gsuite`.
    """
    lines = list(entries().values())
    wanted = [each.lower() for text in words for each in text.split()]
    starts = [re.compile(rf"\b{re.escape(word)}") for word in wanted if len(word) <= _SHORT]
    longer = [word for word in wanted if len(word) > _SHORT]
    found = [
        line
        for line in lines
        if all(word in line.words for word in longer) and all(start.search(line.words) for start in starts)
    ]
    joined = _joined("".join(wanted))
    return found or [line for line in lines if len(joined) > _SHORT and joined in _joined(line.words)]


_SHORT = 3
"""Letters of a word that is in too many others to be looked for within these, such as `edr`."""


def _joined(text: str) -> str:
    return text.replace(" ", "").replace("-", "")


def vendors() -> dict[str, str]:
    """Return the names of vendors by their folders: those of no vendor first, else in alphabetical order."""
    from slips.formats import _catalogue

    return _catalogue.VENDORS


def breadths() -> dict[str, float]:
    """Return the share of other vendors' records that a format accepts, by name; formats of next to none are absent."""
    from slips.formats import _catalogue

    return _catalogue.BREADTHS


def vendor_folder(name: str) -> str:
    """Return the name of the vendor's folder of a format, by the index."""
    return _index.PLACES[name][0].split(".")[2]


def sample_files(name: str) -> list[Path]:
    """Return the sample of a format and what is expected of it, where it has them. They lie beside its module."""
    if name not in _index.PLACES:
        return []
    module = _index.PLACES[name][0]
    package = next(each for each in FOLDERS if module.startswith(f"{each}."))
    folder = FOLDERS[package].joinpath(*module.removeprefix(f"{package}.").split(".")[:-1])
    own = (path for path in folder.glob(f"{name}.*") if path.suffix not in (".py", ".pyc"))
    return sorted(own, key=lambda path: ".expected." in path.name)
