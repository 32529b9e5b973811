"""Paths that are measured, each in a process of its own: `python bench/paths.py NAME FORMAT FILE…` prints the cost.

It runs twice, and the second time counts: imports, compiling and fresh memory are not in it. The floors run without
garbage collection, which takes half of the time of a whole large document; slips and the naive scripts run with it.

  floor_a   decompress only
  floor_b   decompress, iterate over lines, `orjson.loads` each (of text: split each); no meta, no handler
  naive     what people write first: `json.loads`, a regular expression or `csv`, `strptime`, one call an event
  slips     the whole path through the pipeline's own main func; also typed, and with a prefilter
  duckdb    "count by one field" in DuckDB on one thread, a yardstick from elsewhere
"""

from __future__ import annotations

import csv
import gc
import gzip
import json
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from os.path import commonprefix
from pathlib import Path
from typing import Any, BinaryIO, cast

import msgspec
import orjson
from isal import igzip

import corpus
from slips.backends.machine.directory import DirectoryStore
from slips.config import Config, HandlerSpec, parse
from slips.interface import Handler
from slips.model import MetaData
from slips.pipeline.ended import Success
from slips.pipeline.process import Processor


class Count(Handler):
    """A handler that reads one field and the time, and does nothing with them."""

    def setup(self, args: dict[str, Any]) -> None:
        self.events, self.seconds, self.fields = 0, 0.0, 0

    def recv(self, meta: MetaData, event: Any) -> None:
        self.events += 1
        self.seconds += meta.timestamp
        self.fields += "id" in event

    def result(self) -> int:
        return self.events


class SignIn(msgspec.Struct):
    """The fields of a sign-in that a handler wants."""

    createdDateTime: str
    userPrincipalName: str
    ipAddress: str
    status: dict[str, Any]


class ApiCall(msgspec.Struct):
    """The fields of a CloudTrail record that a handler wants."""

    eventTime: str
    eventName: str
    eventSource: str
    sourceIPAddress: str


class Typed(Count):
    """A handler that gets structs."""

    def recv(self, meta: MetaData, event: Any) -> None:
        self.events += 1
        self.seconds += meta.timestamp
        self.fields += event is None


class TypedSignIns(Typed):
    event_type = SignIn


class TypedCalls(Typed):
    event_type = ApiCall


@dataclass(frozen=True)
class BenchSite:
    """A HandlerSite of one directory."""

    config: Config
    store: DirectoryStore
    handlers: Sequence[type[Handler]]

    @property
    def loader(self) -> BenchSite:
        return self

    def handlers_of(self, _spec: HandlerSpec) -> Sequence[type[Handler]]:
        return self.handlers

    def args_of(self, _spec: HandlerSpec) -> dict[str, Any]:
        return {}


@cache
def _main_func(folder: Path, format_name: str, handler: type[Handler], policy: str) -> tuple[DirectoryStore, Processor]:
    """The pipeline's own, made once as in a process of slips. `policy`: further keys of the mapping."""
    config: Config = parse(
        f"stack_name: bench\nhandler: {{path: {__file__}}}\n"
        f"backend: {{embedded: {{path: {folder}/state, buckets: {{bench: {folder}}}}}}}\n"
        f"bucket_mapping: {{bench: [{{prefix: '', format: {format_name}{policy}}}]}}\n",
        str(folder / "slips.yml"),
    )
    store = DirectoryStore({"bench": folder})
    return store, Processor(BenchSite(config, store, (handler,)))


def slips(files: list[Path], format_name: str, handler: type[Handler] = Count, policy: str = "") -> int:
    """The whole path."""
    store, processor = _main_func(files[0].parent, format_name, handler, policy)
    wanted, events = {file.name for file in files}, 0
    prefix = commonprefix([*wanted])  # noqa: RUF071 - of keys, no paths
    for event in store.list("bench", prefix):  # once, as `run` does; many other files lie there
        if event.object_key not in wanted:
            continue
        outcome = processor.process(event)
        assert isinstance(outcome, Success), outcome
        assert outcome.outcome.quarantined == 0, outcome.quarantine
        events += outcome.outcome.events
    return events


def gunzip(file: Path) -> BinaryIO:
    """The fastest reader there is."""
    return cast("BinaryIO", igzip.open(file, "rb"))  # type: ignore[no-untyped-call]


def floor_a(files: list[Path], _format: str) -> int:
    for file in files:
        with gunzip(file) as content:
            while content.read(1 << 17):
                pass
    return 0


def floor_b(files: list[Path], _format: str) -> int:
    count = 0
    for file in files:
        with gunzip(file) as lines:
            for line in lines:
                value = orjson.loads(line)
                count += len(value["Records"]) if "Records" in value else 1
    return count


def floor_b_text(files: list[Path], _format: str) -> int:
    count = 0
    for file in files:
        with gunzip(file) as lines:
            for line in lines:
                line.split(b" ")
                count += 1
    return count


def _naively(records: Iterator[tuple[float, dict[str, Any]]]) -> int:
    handler = Count()
    handler.setup({})
    for at, event in records:
        handler.recv(MetaData("tag", at, None), event)  # type: ignore[arg-type]
    return handler.events


def naive_json(files: list[Path], _format: str) -> int:
    def records() -> Iterator[tuple[float, dict[str, Any]]]:
        for file in files:
            with gzip.open(file, "rb") as lines:
                for line in lines:
                    value = json.loads(line)
                    for event in value.get("Records", [value]):
                        text = (event.get("eventTime") or event["createdDateTime"])[:19]
                        yield datetime.strptime(text + "+0000", "%Y-%m-%dT%H:%M:%S%z").timestamp(), event

    return _naively(records())


def _text_lines(files: list[Path]) -> Iterator[str]:
    for file in files:
        with gzip.open(file, "rt") as lines:
            yield from lines


SYSLOG = re.compile(r"^(\S{3} +\d{1,2} \d{2}:\d{2}:\d{2}) (\S+) (\S+?)\[(\d+)\]:\s*(.*)$")
SYSLOG_FIELDS = ("datetime", "hostname", "proc_name", "proc_id", "message")


def naive_syslog(files: list[Path], _format: str) -> int:
    def records() -> Iterator[tuple[float, dict[str, Any]]]:
        for line in _text_lines(files):
            match = SYSLOG.match(line)
            assert match
            at = datetime.strptime("2026 " + match[1] + " +0000", "%Y %b %d %H:%M:%S %z").timestamp()
            yield at, dict(zip(SYSLOG_FIELDS, match.groups(), strict=True))

    return _naively(records())


def naive_flows(files: list[Path], _format: str) -> int:
    """With `csv`, as the documentation of AWS reads them."""
    numbers = ("srcport", "dstport", "protocol", "packets", "bytes", "start", "end")

    def records() -> Iterator[tuple[float, dict[str, Any]]]:
        for row in csv.DictReader(_text_lines(files), delimiter=" "):
            event: dict[str, Any] = {name: None if value == "-" else value for name, value in row.items()}
            for name in numbers:
                if event[name] is not None:
                    event[name] = int(event[name])
            yield float(event["start"]), event

    return _naively(records())


ALB = re.compile(
    r"([^ ]*) ([^ ]*) ([^ ]*) ([^ ]*):([0-9]*) ([^ ]*)[:-]([0-9]*) ([-.0-9]*) ([-.0-9]*) ([-.0-9]*) (|[-0-9]*) "
    r"(-|[-0-9]*) ([-0-9]*) ([-0-9]*) \"([^ ]*) (.*) (- |[^ ]*)\" \"([^\"]*)\" ([A-Z0-9-_]+) ([A-Za-z0-9.-]*) ([^ ]*) "
    r"\"([^\"]*)\" \"([^\"]*)\" \"([^\"]*)\" ([-.0-9]*) ([^ ]*) \"([^\"]*)\" \"([^\"]*)\" \"([^ ]*)\" "
    r"\"([^\s]+?)\" \"([^\s]+)\" \"([^ ]*)\" \"([^ ]*)\""
)
"""The regular expression of AWS's own documentation (Athena, "Querying Application Load Balancer logs")."""
ALB_FIELDS = """
type time elb client_ip client_port target_ip target_port request_processing_time target_processing_time
response_processing_time elb_status_code target_status_code received_bytes sent_bytes request_verb request_url
request_proto user_agent ssl_cipher ssl_protocol target_group_arn trace_id domain_name chosen_cert_arn
matched_rule_priority request_creation_time actions_executed redirect_url lambda_error_reason target_port_list
target_status_code_list classification classification_reason
""".split()
ALB_INTEGERS = ("client_port", "target_port", "elb_status_code", "target_status_code", "received_bytes", "sent_bytes")
ALB_FLOATS = ("request_processing_time", "target_processing_time", "response_processing_time")


def naive_alb(files: list[Path], _format: str) -> int:
    def records() -> Iterator[tuple[float, dict[str, Any]]]:
        for line in _text_lines(files):
            match = ALB.match(line)
            assert match
            event: dict[str, Any] = dict(zip(ALB_FIELDS, match.groups(), strict=True))
            for name in ALB_INTEGERS:
                event[name] = int(event[name])
            for name in ALB_FLOATS:
                event[name] = float(event[name])
            yield datetime.strptime(event["time"], "%Y-%m-%dT%H:%M:%S.%f%z").timestamp(), event

    return _naively(records())


COUNTS = {
    "cloudtrail": "SELECT r.eventName, count(*) FROM (SELECT unnest(Records) AS r FROM "
    "read_json(?, maximum_object_size=1000000000)) GROUP BY 1",
    "vpc-flow": "SELECT action, count(*) FROM read_csv(?, delim=' ', header=true) GROUP BY 1",
    "azure-ad-event": "SELECT ipAddress, count(*) FROM read_json(?, format='newline_delimited') GROUP BY 1",
}
_WORDS = (
    "SELECT split_part(line, ' ', 5), count(*) FROM "
    "read_csv(?, delim='\x01', quote='', escape='', header=false, columns={'line': 'VARCHAR'}) GROUP BY 1"
)


def duckdb(files: list[Path], format_name: str) -> int:
    """Counts the records by one field."""
    import duckdb as database  # from the dependency group `bench`

    connection = database.connect(config={"threads": 1})
    rows = connection.execute(COUNTS.get(format_name, _WORDS), [[str(file) for file in files]]).fetchall()
    return sum(count for _, count in rows)


def contains(files: list[Path], format_name: str) -> int:
    """Slips with a prefilter that keeps one record in a hundred."""
    return slips(files, format_name, policy=f", contains: [{corpus.COMPROMISED}]")


def typed(files: list[Path], format_name: str) -> int:
    return slips(files, format_name, TypedCalls if format_name == "cloudtrail" else TypedSignIns)


PATHS: dict[str, Callable[[list[Path], str], int]] = {
    path.__name__: path
    for path in (
        *(floor_a, floor_b, floor_b_text, naive_json, naive_syslog, naive_flows, naive_alb),
        *(slips, typed, contains, duckdb),
    )
}


def main(name: str, format_name: str, *files: str) -> None:
    path, paths = PATHS[name], [Path(file) for file in files]
    if name.startswith("floor"):
        gc.disable()
    path(paths, format_name)
    gc.collect()
    begun = time.process_time()
    events = path(paths, format_name)
    print(json.dumps({"cpu": time.process_time() - begun, "events": events}))


if __name__ == "__main__":
    main(*sys.argv[1:])
