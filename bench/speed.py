"""Speed as ratios: each path in a process of its own, by turns, the least CPU seconds of each counted."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import corpus
from slips.service.worker_process import GLIBC

MEGABYTE = 1_000_000
PATHS = Path(__file__).with_name("paths.py")


@dataclass(frozen=True)
class Row:
    """One kind of log, and what is measured on it."""

    name: str
    format: str
    files: list[Path]
    paths: tuple[str, ...]
    """Names in `paths.PATHS`."""
    floor: list[Path] | None = None
    """Files of the same content on which the floors are faster."""


def rows(build: Path, megabytes: int) -> list[Row]:
    """Make the corpora, of so many megabytes each, and return the rows of the table."""
    at, size = f"{megabytes}m", megabytes * MEGABYTE
    lines = [corpus.write(build / f"sign-ins-{at}.gz", corpus.json_lines(size))]
    small = [
        corpus.write(build / f"trail-1m-{number}.gz", corpus.document(MEGABYTE), number) for number in range(megabytes)
    ]
    large = corpus.write(build / f"trail-{at}.gz", corpus.document(size))

    def text(name: str, records: Callable[[random.Random], Iterator[str]]) -> list[Path]:
        return [corpus.write(build / f"{name}-{at}.gz", corpus.text_lines(size, records))]

    syslog = text("syslog", corpus.syslog_lines)
    flows = text("vpc-flow", corpus.flows)
    requests = text("alb", corpus.requests)
    json_paths = ("floor_a", "floor_b", "slips", "typed", "naive_json", "duckdb")
    return [
        Row("JSON lines", "azure-ad-event", lines, (*json_paths, "contains")),
        Row("CloudTrail, 1 MB documents", "cloudtrail", small, json_paths),
        Row(
            "CloudTrail, one document", "cloudtrail", [large], json_paths, floor=small
        ),  # whole, it takes twice as long
        Row("syslog", "syslog", syslog, ("floor_a", "floor_b_text", "slips", "naive_syslog", "duckdb")),
        Row("VPC flow logs", "vpc-flow", flows, ("floor_a", "floor_b_text", "slips", "naive_flows", "duckdb")),
        Row("ALB access logs", "alb", requests, ("floor_a", "floor_b_text", "slips", "naive_alb", "duckdb")),
    ]


def least(row: Row, repeats: int) -> dict[str, float]:
    """Return the least CPU seconds of each path of a row; no number for a path that cannot run here."""
    seconds: dict[str, float] = {}
    events: dict[str, int] = {}
    for _ in range(repeats):
        for path in row.paths:
            if path == "duckdb" and find_spec("duckdb") is None:
                continue
            files = row.floor if row.floor and path.startswith("floor") else row.files
            command = [sys.executable, str(PATHS), path, row.format, *map(str, files)]
            # In the environment of a worker, if it is what a worker does.
            environment = {**(GLIBC if path in ("slips", "typed", "contains") else {}), **os.environ}
            done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
            if done.returncode:
                sys.exit(f"bench: {row.name}: {path} failed\n{done.stderr}")
            cost = json.loads(done.stdout)
            seconds[path] = min(cost["cpu"], seconds.get(path, cost["cpu"]))
            events[path] = cost["events"]
    naive = next(count for path, count in events.items() if path.startswith("naive"))
    assert events["slips"] == naive, f"{row.name}: not the same events: {events}"
    return seconds


def report(build: Path, megabytes: int, repeats: int, only: tuple[str, ...] = ()) -> str:
    """Measure and return the table, as Markdown."""
    lines = [
        "| | MB/s | share of floor B | the same, typed | × naive | × DuckDB's count | × with a prefilter |",
        "|---|---|---|---|---|---|---|",
    ]
    print("\n".join(lines), flush=True)
    for row in rows(build, megabytes):
        if only and row.name not in only:
            continue
        cost = least(row, repeats)
        mine = cost["slips"]
        floor = cost.get("floor_b", cost.get("floor_b_text", 0.0))
        naive = next(seconds for path, seconds in cost.items() if path.startswith("naive"))
        cells = [
            f"{megabytes / mine:.0f}",
            f"{floor / mine:.2f}",
            f"{floor / cost['typed']:.2f}" if "typed" in cost else "",
            f"{naive / mine:.2f}",
            f"{cost['duckdb'] / mine:.2f}" if "duckdb" in cost else "",
            f"{mine / cost['contains']:.2f}" if "contains" in cost else "",
        ]
        lines.append(f"| {row.name} | {' | '.join(cells)} |")
        print(lines[-1], flush=True)
    return "\n".join(lines)
