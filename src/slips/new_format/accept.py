"""Writes what a format of the user makes of its sample by now: `slips formats NAME --accept`."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from slips.errors import FormatError, SlipsError, UsageError
from slips.new_format.write import EXPECTED, lines_in, records_of, write_expected
from slips.parsing.chain import compile_chain, find_format


class Accepted(NamedTuple):
    """The file with what comes of a sample, and what changed in it."""

    file: Path
    records: int
    quarantined: int
    changed: int
    """Lines that are others than before."""


def accept(name: str, root: Path) -> Accepted:
    """Write what comes of the sample of `name`, `path/file.py:name` relative to `root`. Raises UsageError."""
    path, _, _ = name.rpartition(":")
    if not path.endswith(".py"):
        raise UsageError(f"--accept: {name!r} is no format of yours; expected path/file.py:name; name one")
    try:
        declared = find_format(name, root).name
        chain = compile_chain([name], root)
    except FormatError as error:
        raise UsageError(str(error)) from error
    folder = (root / path).parent
    sample = _sample(declared, folder, name)
    kept = folder / f"{declared}{EXPECTED}"
    before = {*lines_in(kept)}
    try:
        lines = write_expected(kept, chain, sample.read_bytes())
    except SlipsError as error:
        raise UsageError(f"{sample}: {error}") from error
    after = {*lines_in(kept)}
    changed = max(len(before - after), len(after - before))
    return Accepted(kept, records_of(lines), sum("quarantined" in line for line in lines), changed)


def _sample(declared: str, folder: Path, name: str) -> Path:
    """Return the file beside a declaration that has its name, with another extension."""
    found = [
        each
        for each in sorted(folder.iterdir())
        if each.name.startswith(f"{declared}.")
        and not each.name.endswith(EXPECTED)
        and each.suffix not in (".py", ".pyc")
    ]
    if len(found) != 1:
        told = f"{len(found)} samples" if found else "no sample"
        raise UsageError(f"{name}: {told} named '{declared}.*' in {folder}; expected one; put there a log to try it on")
    return found[0]
