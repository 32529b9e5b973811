"""Peak memory of `slips run` on a large object above that on a tiny one, summed over its processes."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

import corpus

MEGABYTE = 1_000_000
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


@dataclass(frozen=True)
class Cost:
    """What one `slips run` took."""

    peak: int
    """Most resident bytes of its processes together."""
    cpu: float
    """Seconds of all its processes."""
    summary: dict[str, Any]
    """What it printed."""


def project(folder: Path, objects: dict[str, bytes | Path], format_name: str, handler: str) -> None:
    """A new project with these objects, contents or files of the same file system."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "logs").mkdir(parents=True)
    for name, content in objects.items():
        (folder / "logs" / name).parent.mkdir(exist_ok=True)
        if isinstance(content, bytes):
            (folder / "logs" / name).write_bytes(content)
        else:
            (folder / "logs" / name).hardlink_to(content)
    (folder / "handler.py").write_text(handler)
    (folder / "slips.yml").write_text(
        "stack_name: memory\nhandler: {path: handler.py}\n"
        "backend: {embedded: {path: .slips, buckets: {logs: logs}}}\n"
        f"bucket_mapping: {{logs: [{{prefix: '', format: {format_name}}}]}}\n"
    )


def measure(
    folder: Path, objects: dict[str, bytes | Path], format_name: str, handler: str = HANDLER, workers: int = 2
) -> Cost:
    """`slips run` of these objects."""
    project(folder, objects, format_name, handler)
    command = [sys.executable, "-m", "slips", "-c", str(folder / "slips.yml"), "run", "--json"]
    command += ["--workers", str(workers)]
    with (folder / "printed").open("w+b") as printed:
        process = subprocess.Popen(command, stdout=printed)
        tree = psutil.Process(process.pid)
        highest = 0
        while True:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG)
            if pid:
                break
            with suppress(psutil.NoSuchProcess):
                highest = max(highest, sum(each.memory_info().rss for each in [tree, *tree.children(recursive=True)]))
            time.sleep(0.01)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode in (0, 1), f"slips run ended with {process.returncode}"
        printed.seek(0)
        return Cost(highest, usage.ru_utime + usage.ru_stime, json.load(printed))


def report(build: Path, megabytes: int) -> None:
    """Prints the growth for each way of cutting records."""
    print(f"\n{'':28}{'1 MB':>10}{f'{megabytes:,} MB':>10}{'growth':>9}")
    for name, (format_name, *parts) in _objects().items():
        peaks = []
        for size in (1, megabytes):
            file = corpus.repeated(build / f"{name.replace(' ', '-')}-{size}m.gz", size * MEGABYTE, *parts)
            peaks.append(measure(build / "memory", {file.name: file}, format_name).peak / 1e6)
        print(f"{name:28}{peaks[0]:10.1f}{peaks[1]:10.1f}{peaks[1] - peaks[0]:+9.1f}", flush=True)


def _objects() -> dict[str, tuple[str, bytes, bytes, bytes]]:
    """Format, beginning, a megabyte that may be repeated, and end of an object, by its name."""

    def text(records: Callable[[random.Random], Iterator[str]]) -> bytes:
        return b"".join(corpus.text_lines(MEGABYTE, records)(random.Random(1)))

    lines = b"".join(corpus.json_lines(MEGABYTE)(random.Random(1)))
    document = b"".join(corpus.document(MEGABYTE)(random.Random(1)))
    elements = document.removeprefix(b'{"Records":[').removesuffix(b"]}")
    header, flows = text(corpus.flows).split(b"\n", 1)
    return {
        "JSON lines": ("azure-ad-event", b"", lines, b""),
        "one document": ("cloudtrail", b'{"Records":[{"eventName":"first"}', b"," + elements, b"]}"),
        "syslog": ("syslog", b"", text(corpus.syslog_lines), b""),
        "csv": ("csv:space", header + b"\n", flows, b""),
        "multiline": ("multiline", b"", text(corpus.traces), b""),
    }
