"""The ledger and the error table of one machine as objects become many: what commands take, and how that grows."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

HANDLER = """\
import slips.interface


class Fails(slips.interface.Handler):
    def recv(self, meta, event):
        if event["bad"]:
            raise ValueError(event["n"])
"""
MENDED = HANDLER.replace('event["bad"]', "False")
CONFIG = """\
stack_name: ledger
handler: {path: handler.py}
backend: {embedded: {path: .slips, buckets: {logs: logs}}}
bucket_mapping: {logs: [{prefix: '', format: json}]}
"""
COMMANDS = {
    "run, all new": ["run"],
    "errors": ["errors", "--json"],
    "errors --group": ["errors", "--group"],
    "status": ["status", "--json"],
    "run, nothing new": ["run"],
    "drain": ["drain"],
    "run, drained": ["run"],
}


_LONGER, _NOISE = 0.1, 0.05
"""Share and CPU seconds by which a command must take longer with more objects: less is the noise of its start."""


def report(build: Path, numbers: Sequence[int]) -> None:
    """Prints the CPU seconds of each command for each number of objects, a tenth of which fail at first."""
    sizes = sorted(set(numbers))
    print(f"\n{'objects':28}" + "".join(f"{size:>10,}" for size in sizes) + f"{'µs each':>10}{'growth':>9}")
    measured = [_measure(build / "ledger", size) for size in sizes]
    for name in COMMANDS:
        seconds = [one[name] for one in measured]
        each, growth = microseconds_each(sizes, seconds), growth_of(sizes, seconds)
        shown = f"{'-' if each is None else f'{each:.0f}':>10}{'-' if growth is None else f'{growth:.2f}':>9}"
        print(f"{name:28}" + "".join(f"{one:10.2f}" for one in seconds) + shown, flush=True)


def microseconds_each(sizes: Sequence[int], seconds: Sequence[float]) -> float | None:
    """Return what each object takes, in microseconds; None if the most objects take no longer than the fewest."""
    longer = seconds[-1] - seconds[0]
    if longer <= max(_NOISE, _LONGER * seconds[0]):
        return None
    return longer / (sizes[-1] - sizes[0]) * 1e6


def growth_of(sizes: Sequence[int], seconds: Sequence[float]) -> float | None:
    """Return what an object takes among the most, by what it takes among those of the size before: 1 is linear.

    None if there are fewer than three sizes, or if one of both takes no longer than the fewest objects do.
    """
    most, before = microseconds_each(sizes, seconds), microseconds_each(sizes[:-1], seconds[:-1]) if sizes[2:] else None
    return None if most is None or before is None else most / before


def _measure(folder: Path, objects: int) -> dict[str, float]:
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "logs").mkdir(parents=True)
    (folder / "slips.yml").write_text(CONFIG)
    (folder / "handler.py").write_text(HANDLER)
    for number in range(objects):
        place = folder / "logs" / f"{number // 1000:03}"
        place.mkdir(exist_ok=True)
        (place / f"{number}.json").write_text(f'{{"n": {number}, "bad": {"true" if number % 10 == 0 else "false"}}}\n')
    seconds = {}
    for name, command in COMMANDS.items():
        if name == "drain":
            (folder / "handler.py").write_text(MENDED)
        seconds[name] = _cpu(folder, command)
    shutil.rmtree(folder)
    return seconds


def _cpu(folder: Path, command: list[str]) -> float:
    """CPU seconds of a command and its workers."""
    before = os.times()
    done = subprocess.run(
        [sys.executable, "-m", "slips", *command], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode in (0, 1), done.stderr
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system
