"""`slips up` on many small files: objects a second beside a plain loop, time from put to handler, memory as they pass.

`python bench/service.py OBJECTS` measures with so many objects.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psutil

BUILD = Path(__file__).parents[1] / "build" / "bench"
SIZE = 1_024
FOLDER = 1_000
"""Files of one folder."""
PUTS, PAUSE = 300, 0.02
"""Files whose way to the handler is measured, and the seconds between two of them."""
CONFIG = """\
stack_name: bench
backend:
  embedded: {path: state, settle: 0, buckets: {my-logs: logs}}
handler: {path: handler.py}
bucket_mapping:
  my-logs:
    - {prefix: "", format: [s3-lines, json]}
"""
HANDLER = """\
import os, time
import slips.interface


class Note(slips.interface.Handler):
    def setup(self, args):
        self.file = os.open("seen", os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def recv(self, meta, event):
        if event["timed"]:
            os.write(self.file, f"{meta.source.object_key} {time.monotonic()}\\n".encode())

    def result(self):
        os.close(self.file)
"""


def _body(timed: bool) -> bytes:
    """Return an object of SIZE bytes: four records of JSON. The handler notes the first if it is `timed`."""
    first = json.dumps({"timed": timed}).encode()
    other = b'{"timed": false, "text": "%s"}'
    left = SIZE - len(first) - 4 - 3 * (len(other) - 2)
    return b"\n".join([first, *(other % (b"x" * (left // 3 + (n < left % 3))) for n in range(3))]) + b"\n"


class Project:
    """A directory with a service, and the counts in its state."""

    def __init__(self, root: Path) -> None:
        shutil.rmtree(root, ignore_errors=True)
        self.root, self.bucket = root, root / "logs"
        self.bucket.mkdir(parents=True)
        (root / "slips.yml").write_text(CONFIG)
        (root / "handler.py").write_text(HANDLER)

    def put(self, first: int, count: int) -> None:
        """Write files in place, as no other process looks yet."""
        body = _body(timed=False)
        for number in range(first, first + count):
            path = self.bucket / f"{number // FOLDER}" / f"{number}.json"
            if number % FOLDER == 0:
                path.parent.mkdir(exist_ok=True)
            path.write_bytes(body)

    @contextmanager
    def serving(self) -> Iterator[psutil.Popen]:
        with (self.root / "log").open("w") as log:
            command = [sys.executable, "-m", "slips", "up", "--workers", "2"]
            service = psutil.Popen(command, cwd=self.root, stdout=log, stderr=log)
            try:
                yield service
            finally:
                service.terminate()
                service.wait(60)

    def done(self) -> int:
        with closing(sqlite3.connect(f"file:{self.root / 'state' / 'state.sqlite3'}?mode=ro", uri=True)) as state:
            try:
                ((count,),) = state.execute("SELECT COUNT(*) FROM ledger WHERE status = 'done'")
            except sqlite3.OperationalError:  # the service has not made its tables yet
                return 0
        return int(count)

    def wait(self, count: int) -> float:
        """Wait until so many objects are done, and return when that was."""
        while not (self.root / "state" / "state.sqlite3").exists() or self.done() < count:
            time.sleep(0.05)
        return time.monotonic()


def _plain_loop(bucket: Path) -> float:
    """Return the seconds of a loop that lists and opens all files, and calls a handler for each line."""
    received = 0

    def recv(event: dict[str, object]) -> None:
        nonlocal received
        received += 1

    begun = time.monotonic()
    for path in sorted(bucket.rglob("*.json")):
        with path.open("rb") as file:
            for line in file:
                recv(json.loads(line))
    assert received
    return time.monotonic() - begun


def _megabytes(service: psutil.Popen) -> float:
    """Return the memory of the service and its workers, in which no page counts twice."""
    return sum(each.memory_full_info().uss for each in [service, *service.children()]) / 1e6


def report(build: Path, objects: int) -> None:
    """Print all figures. So many objects are there at the start, and come twice more."""
    project = Project(build / "service")
    project.put(0, objects)
    plain = objects / _plain_loop(project.bucket)
    with project.serving() as service:
        first = project.wait(objects // 10)
        begun = project.done()
        seconds = project.wait(objects) - first
        rate = (objects - begun) / seconds
        waits = sorted(_way_to_the_handler(project))
        memory = [_megabytes(service)]
        for more in (1, 2):
            project.put(objects * more, objects)
            project.wait(objects * (1 + more) + PUTS)
            memory.append(_megabytes(service))
    p50, p99 = (waits[len(waits) * each // 100] * 1000 for each in (50, 99))
    print(f"\nservice                        {'objects/s':>10}{'plain loop':>12}{'p50 ms':>8}{'p99 ms':>8}")
    print(f"  {objects:,} objects of 1 KB{'':8}{rate:10,.0f}{plain / rate:11.1f}×{p50:8.0f}{p99:8.0f}")
    print(
        f"  memory after one, two and three times as many: {', '.join(f'{each:.0f} MB' for each in memory)}", flush=True
    )


def _way_to_the_handler(project: Project) -> list[float]:
    """Put files one by one, and return the seconds from each put to its record in the handler."""
    body, put = _body(timed=True), {}
    for number in range(PUTS):
        part = project.bucket / f".{number}.part"
        part.write_bytes(body)
        put[f"timed-{number}"] = time.monotonic()
        part.rename(project.bucket / f"timed-{number}")
        time.sleep(PAUSE)
    seen = project.root / "seen"
    while not seen.exists() or len(lines := seen.read_text().splitlines()) < PUTS:
        time.sleep(0.05)
    return [float(when) - put[key] for key, when in map(str.split, lines)]


if __name__ == "__main__":
    report(BUILD, int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
