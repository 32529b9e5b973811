"""Speed and memory of the whole path, as ratios to what runs beside it: `make bench`.

Each corpus is processed by turns, CPU seconds are taken, the least of each counts. Speed is measured against
  floor   isal's gzip, iteration over lines, `orjson.loads`; no meta, no handler, no error handling
  naive   what people write first: gzip, `json.loads` (or a regular expression), `strptime`, one call an event
"""

from __future__ import annotations

import argparse
import gc
import gzip
import json
import re
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, cast

import orjson
from isal import igzip

import chain
import corpus
import costs
import functions
import hostile
import memory
from slips.backends.machine.directory import DirectoryStore
from slips.config import Config, HandlerSpec, parse
from slips.interface import Handler
from slips.model import MetaData
from slips.pipeline.ended import Success
from slips.pipeline.process import Processor

BUILD = Path(__file__).parents[1] / "build" / "bench"
MEGABYTE = 1_000_000


class Count(Handler):
    """A handler that reads one field and the time, and does nothing with them."""

    def setup(self, args: dict[str, Any]) -> None:
        self.events, self.seconds, self.fields = 0, 0.0, 0

    def recv(self, meta: MetaData, event: dict[str, Any]) -> None:
        self.events += 1
        self.seconds += meta.timestamp
        self.fields += "id" in event

    def result(self) -> int:
        return self.events


@dataclass(frozen=True)
class BenchSite:
    """A HandlerSite of one directory."""

    config: Config
    store: DirectoryStore
    handlers: Sequence[type[Handler]] = (Count,)

    @property
    def loader(self) -> BenchSite:
        return self

    def handlers_of(self, _spec: HandlerSpec) -> Sequence[type[Handler]]:
        return self.handlers

    def args_of(self, _spec: HandlerSpec) -> dict[str, Any]:
        return {}


def slips(files: list[Path], format_name: str) -> int:
    """The whole path, with the pipeline's own main func."""
    config: Config = parse(
        f"stack_name: bench\nhandler: {{path: {__file__}}}\n"
        f"backend: {{embedded: {{path: {BUILD}/state, buckets: {{bench: {BUILD}}}}}}}\n"
        f"bucket_mapping: {{bench: [{{prefix: '', format: {format_name}}}]}}\n",
        str(BUILD / "slips.yml"),
    )
    store = DirectoryStore({"bench": BUILD})
    processor = Processor(BenchSite(config, store))
    events = 0
    for file in files:
        event = next(each for each in store.list("bench", file.name))
        outcome = processor.process(event)
        assert isinstance(outcome, Success), outcome
        assert outcome.outcome.quarantined == 0, outcome.quarantine
        events += outcome.outcome.events
    return events


def gunzip(file: Path) -> BinaryIO:
    """The fastest reader there is."""
    return cast("BinaryIO", igzip.open(file, "rb"))  # type: ignore[no-untyped-call]


def floor_json(files: list[Path]) -> int:
    count = 0
    for file in files:
        with gunzip(file) as lines:
            for line in lines:
                value = orjson.loads(line)
                count += len(value["Records"]) if "Records" in value else 1
    return count


def floor_text(files: list[Path]) -> int:
    count = 0
    for file in files:
        with gunzip(file) as lines:
            for line in lines:
                line.split(b" ", 5)
                count += 1
    return count


def naive_json(files: list[Path]) -> int:
    handler = Count()
    handler.setup({})
    for file in files:
        with gzip.open(file, "rb") as lines:
            for line in lines:
                value = json.loads(line)
                for event in value.get("Records", [value]):
                    text = (event.get("eventTime") or event["createdDateTime"])[:19]
                    at = datetime.strptime(text + "+0000", "%Y-%m-%dT%H:%M:%S%z").timestamp()
                    handler.recv(MetaData("tag", at, None), event)  # type: ignore[arg-type]
    return handler.events


SYSLOG = re.compile(r"^(\S{3} +\d{1,2} \d{2}:\d{2}:\d{2}) (\S+) (\S+?)\[(\d+)\]:\s*(.*)$")


SYSLOG_FIELDS = ("datetime", "hostname", "proc_name", "proc_id", "message")


def naive_syslog(files: list[Path]) -> int:
    handler = Count()
    handler.setup({})
    for file in files:
        with gzip.open(file, "rt") as lines:
            for line in lines:
                match = SYSLOG.match(line)
                assert match
                at = datetime.strptime("2026 " + match[1] + " +0000", "%Y %b %d %H:%M:%S %z").timestamp()
                event = dict(zip(SYSLOG_FIELDS, match.groups(), strict=True))
                handler.recv(MetaData("tag", at, None), event)  # type: ignore[arg-type]
    return handler.events


def least_cpu(paths: dict[str, Callable[[], int]], repeats: int) -> tuple[dict[str, float], int]:
    """The least CPU seconds of each, taken by turns; all must have counted the same events."""
    least = dict.fromkeys(paths, float("inf"))
    counts = set()
    for _ in range(repeats):
        for name, path in paths.items():
            gc.collect()
            begun = time.process_time()
            counts.add(path())
            least[name] = min(least[name], time.process_time() - begun)
    assert len(counts) == 1, f"not the same events: {counts}"
    return least, counts.pop()


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--repeats", type=int, default=7)
    arguments.add_argument("--megabytes", type=int, default=50, help="size of each corpus")
    arguments.add_argument("--memory-megabytes", type=int, default=500, help="size of the large objects")
    arguments.add_argument("--no-memory", action="store_true", help="speed only")
    arguments.add_argument("--no-chain", action="store_true", help="without the functions on a stand-in of AWS")
    arguments.add_argument("--no-hostile", action="store_true", help="without bombs and slow inputs")
    options = arguments.parse_args()
    size = options.megabytes * MEGABYTE
    at = f"{options.megabytes}m"
    lines = [corpus.write(BUILD / f"signins-{at}.gz", corpus.json_lines(size))]
    small = [
        corpus.write(BUILD / f"trail-1m-{number}.gz", corpus.document(MEGABYTE), number)
        for number in range(options.megabytes)
    ]
    large = [corpus.write(BUILD / f"trail-{at}.gz", corpus.document(size))]
    messages = [corpus.write(BUILD / f"syslog-{at}.gz", corpus.syslog(size))]
    table: list[tuple[str, list[Path], str, Callable[[list[Path]], int], Callable[[list[Path]], int]]] = [
        ("JSON lines", lines, "azure-ad-event", floor_json, naive_json),
        ("CloudTrail, 1 MB documents", small, "cloudtrail", floor_json, naive_json),
        ("CloudTrail, one document", large, "cloudtrail", floor_json, naive_json),
        ("syslog", messages, "syslog", floor_text, naive_syslog),
    ]
    print(f"{'':28}{'events/s':>12}{'MB/s':>8}{'of floor':>10}{'× naive':>9}")
    for name, files, format_name, floor, naive in table:
        least, events = least_cpu(
            {
                "floor": partial(floor, files),
                "slips": partial(slips, files, format_name),
                "naive": partial(naive, files),
            },
            options.repeats,
        )
        seconds = least["slips"]
        print(
            f"{name:28}{events / seconds:12,.0f}{size / MEGABYTE / seconds:8.0f}"
            f"{least['floor'] / seconds:10.2f}{least['naive'] / seconds:9.2f}",
            flush=True,
        )
    functions.report(BUILD, options.repeats)
    costs.report()
    if not options.no_memory:
        memory.report(BUILD, options.memory_megabytes)
    if not options.no_chain:
        chain.report(BUILD, 200)
    if not options.no_hostile and not hostile.report(BUILD / "hostile"):
        sys.exit("bench: an input breaks a bound")


if __name__ == "__main__":
    main()
