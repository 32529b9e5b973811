"""Peak memory of `slips run` on a large object above that on a tiny one, summed over its processes."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

import psutil

import corpus

HANDLER = """\
import slips.interface


class Count(slips.interface.Handler):
    def setup(self, args):
        self.events = 0

    def recv(self, meta, event):
        self.events += 1

    def result(self):
        return self.events
"""


def peak(folder: Path, source: Path, format_name: str) -> int:
    """Peak resident bytes of the process tree of one `slips run` of `source`."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "logs").mkdir(parents=True)
    (folder / "logs" / source.name).hardlink_to(source)
    (folder / "handler.py").write_text(HANDLER)
    (folder / "slips.yml").write_text(
        "stack_name: memory\nhandler: {path: handler.py}\n"
        "backend: {embedded: {path: .slips, buckets: {logs: logs}}}\n"
        f"bucket_mapping: {{logs: [{{prefix: '', format: {format_name}}}]}}\n"
    )
    command = [sys.executable, "-m", "slips", "-c", str(folder / "slips.yml"), "run", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    tree = psutil.Process(process.pid)
    highest = 0
    while process.poll() is None:
        total = 0
        try:
            for each in [tree, *tree.children(recursive=True)]:
                total += each.memory_info().rss
        except psutil.NoSuchProcess:
            continue
        highest = max(highest, total)
        time.sleep(0.01)
    assert process.returncode == 0, f"slips run ended with {process.returncode}"
    return highest


def report(build: Path, megabytes: int) -> None:
    """Prints the growth for both ways of being large."""
    print(f"\n{'':28}{'tiny MB':>12}{f'{megabytes} MB':>10}{'growth':>9}")
    for name, make, format_name in (
        ("JSON lines", corpus.json_lines, "azure-ad-event"),
        ("CloudTrail, one document", corpus.document, "cloudtrail"),
    ):
        tiny = corpus.write(build / f"{format_name}-tiny.gz", make(10_000))
        large = corpus.write(build / f"{format_name}-{megabytes}m.gz", make(megabytes * 1_000_000))
        below, above = (peak(build / "memory", each, format_name) / 1e6 for each in (tiny, large))
        print(f"{name:28}{below:12.1f}{above:10.1f}{above - below:+9.1f}", flush=True)
