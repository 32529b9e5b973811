"""Two worker processes against one, on the same objects: how many times faster `slips run` ends."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import corpus
import memory

MEGABYTE = 1_000_000
COPIES = 100
"""Names under which each file is there, so that the start of the processes counts little."""


def report(build: Path, megabytes: int, repeats: int) -> None:
    """Prints the ratio of the least wall seconds on CloudTrail documents. A busy machine has no second core."""
    files = [
        corpus.write(build / f"trail-1m-{number}.gz", corpus.document(MEGABYTE), number) for number in range(megabytes)
    ]
    objects: dict[str, bytes | Path] = {f"{copy}/{file.name}": file for copy in range(COPIES) for file in files}
    one = two = float("inf")
    for _ in range(repeats):
        one = min(one, _seconds(build / "workers", objects, 1))
        two = min(two, _seconds(build / "workers", objects, 2))
    print(f"\ntwo workers against one    {one / two:.2f} times ({len(objects)} documents of 1 MB)")


def _seconds(folder: Path, objects: dict[str, bytes | Path], workers: int) -> float:
    memory.project(folder, objects, "cloudtrail", memory.HANDLER)
    command = [sys.executable, "-m", "slips", "run", "--workers", str(workers)]
    begun = time.monotonic()
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - begun
