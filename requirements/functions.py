"""Writes the pins of what slips imports on AWS into the package, from those of all that it needs."""

import re
from pathlib import Path

from slips.deploy.dependencies import LIBRARIES, PARQUET, PINS, ZONES
from slips.deploy.requirement_files import canonical

RUN = Path(__file__).with_name("run.txt")


def pins(run: str) -> str:
    """The entries of a file of requirements that are about these libraries, as they stand there."""
    names = {canonical(name) for name in (*LIBRARIES, *PARQUET, ZONES, "backports.zstd")}
    entries = re.findall(r"^\S.*(?:\n[ \t]+\S.*)*\n", run, re.MULTILINE)
    return "".join(entry for entry in entries if canonical(entry.partition("==")[0]) in names)


if __name__ == "__main__":
    PINS.write_text(pins(RUN.read_text()))
