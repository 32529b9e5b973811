"""Records a second of each format in the catalogue, the slowest first: `python bench/formats.py [NAME…]`.

A log is made of the good records of the format's own sample: copies, in turn, whose numbers differ, so that nothing
that is remembered of a record helps. `× median` is CPU time per record against the median of the formats of its family,
in the same run. A format that takes more than `TIMES` as long is shown with its reason: its records are that much
longer than others of its family, or are several events, or what `REASONS` says. Status 1 if a format has none.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import re
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from hostile_lines import run
from slips.format import Format
from slips.formats import catalogue, sample_files
from slips.model import Outcome
from slips.parsing import Declaration
from slips.parsing.chain import compile_chain
from slips.parsing.run import Chain
from slips.step import written

TIMES = 3
"""Most CPU time per record, as a multiple of the median of a family."""
RECORDS = 1_000
_FLOWS = "each record is some flows, cut from texts of 13 columns"
REASONS = {
    **{"azure-nsg-flow": _FLOWS, "azure-vnet-flow": _FLOWS},
    "akamai-siem": "lists of rules are decoded from base64 and the encoding of URLs",
    "auditd": "the records of an event are joined, and each pair in them is read",
    "azure-resource": "times with seven digits behind the second, in one of five fields",
    "bind-query": "messages of many kinds, behind several fronts: dozens of patterns",
    "cisco-ios": "a header of syslog, times of many notations, and messages that are taken apart by their mnemonics",
    "cloudflare": "datasets of many shapes: some fifty fields are looked for",
    "defender-alert": "fields of six schemas are looked for",
    "f5-telemetry": "some forty fields are looked at for texts to convert",
    "gigamon": "times with names of days and months, and some twenty texts to convert",
    "mattermost": "times with a blank before the zone, and fields of three shapes",
    "modsecurity": "times with names of months, in one of two fields of an object",
    "postgresql-json": "the statement in a message gets fields of its own",
    "snowflake": "times with a blank before the zone, and eleven fields of texts to convert",
    "sophos-utm": "a header of syslog, then pairs in quotes",
    "sudo": "a header of syslog, then pairs with blanks in them",
    "tetragon": "the message is made of an object of one of ten kinds",
    "unifi": "a header of syslog, then the lines of one of several programs",
    "vsphere": "lines of many daemons, behind several fronts: dozens of patterns",
    "zscaler": "some ninety fields are looked at for texts to convert",
}
"""Why a format is slow whose records are not long."""

_LAST_DIGIT = re.compile(rb"\d(?![\da-zA-Z])")


@dataclass(frozen=True)
class Log:
    """The good records of a sample, and how they make an object."""

    chain: Chain
    records: list[bytes]
    before: bytes = b""
    between: bytes = b"\n"
    after: bytes = b"\n"

    def object_of(self, records: Sequence[bytes]) -> bytes:
        return self.before + self.between.join(records) + self.after

    def is_good(self, record: bytes) -> bool:
        """Whether all that a record gives is delivered."""
        outcome = run(self.chain, self.object_of([record]))
        return outcome.delivered == 1 and not outcome.quarantined


@dataclass(frozen=True)
class Speed:
    """How long a format takes for a record, beside its family."""

    name: str
    family: str
    seconds: float
    bytes: float
    events: float


def family_of(format_: Format) -> str:
    """Return what a format is declared with, and what cuts its records if that is not lines; functions are a family."""
    family = type(format_).__name__.lstrip("_") if isinstance(format_, Declaration) else "function"
    steps = {written(step).partition(":")[0].strip("{") for step in format_.chain[:-1]}
    cut = next(
        (f" ({name})" for name in ("xml", "xml-events", "json-records", "multiline", "csv") if name in steps), ""
    )
    return f"{family}{cut}"


def log_of(format_: Format) -> Log:
    """Return the good records of a format's sample. Raises ValueError if there are none."""
    chain, content = compile_chain([format_.name], Path()), sample_files(format_.name)[0].read_bytes()
    reader, _, path = written(format_.chain[0]).partition(":")
    if reader == "json-records":
        log = Log(chain, records_in(chain, content), b'{"%s": [' % path.encode(), b",\n", b"]}")
    elif reader == "xml-events":
        element = re.escape(path or "Event").encode()
        found = re.findall(rb"<%s\b(?:[^<>]*/>|.*?</%s>)" % (element, element), content, re.DOTALL)
        log = Log(chain, found, b"<Events>", b"\n", b"</Events>")
    else:
        records = content.splitlines() if reader.startswith("{csv") else records_in(chain, content)
        titles = [record for record in records if record.startswith(b"#")] or records[:1]
        log = Log(chain, records)
        if not log.is_good(titles[0]):  # lines that name the columns of the others
            log = Log(chain, records, b"\n".join([*titles, b""]))
            if run(chain, log.before).filtered != len(titles):
                log = Log(chain, records)
    good = [record for record in log.records if log.is_good(record)]
    if not good:
        raise ValueError(f"{format_.name}: no good record in its sample")
    return Log(chain, good, log.before, log.between, log.after)


def records_in(chain: Chain, content: bytes) -> list[bytes]:
    """Return the records of a sample, those of JSON as lines."""
    records = chain.records(io.BufferedReader(io.BytesIO(content)))
    return [
        record.rstrip(b"\r\n") if isinstance(record, bytes) else json.dumps(record, separators=(",", ":")).encode()
        for record in records
        if isinstance(record, bytes | dict)
    ]


def varied(log: Log, number: int) -> Iterator[bytes]:
    """Yield `number` good records: those of a sample in turn, each with other digits where any digit may stand."""
    chosen = random.Random(1)
    places = [
        [
            found.start()
            for found in _LAST_DIGIT.finditer(record)
            if all(log.is_good(replaced(record, [found.start()], digit)) for digit in (b"0", b"9"))
        ]
        for record in log.records
    ]
    for turn in range(number):
        record = log.records[turn % len(log.records)]
        other = replaced(record, places[turn % len(log.records)], b"%d" % chosen.randrange(10**9))
        yield other if log.is_good(other) else record


def replaced(record: bytes, places: Sequence[int], digits: bytes) -> bytes:
    """Return a record with digits at some places, again from the first if they are not enough."""
    changed = bytearray(record)
    for turn, place in enumerate(places):
        changed[place] = digits[turn % len(digits)]
    return bytes(changed)


def speed_of(format_: Format, repeats: int) -> Speed:
    """Return the least CPU time for a record of some runs."""
    log = log_of(format_)
    content, times, outcome = log.object_of(list(varied(log, RECORDS))), [], Outcome()
    for _ in range(repeats):
        begun = time.process_time()
        outcome = run(log.chain, content)
        times.append(time.process_time() - begun)
    # Some readers join lines to one record.
    assert outcome.delivered > RECORDS / 2 and not outcome.quarantined, f"{format_.name}: {outcome}"  # noqa: PT018
    records, events = outcome.delivered, outcome.events
    return Speed(format_.name, family_of(format_), min(times) / records, len(content) / records, events / records)


def reason_of(speed: Speed, family: Sequence[Speed]) -> str:
    """Return why a format is slow; empty for no reason."""
    if speed.name in REASONS:
        return REASONS[speed.name]
    if speed.seconds / speed.events <= TIMES * median(each.seconds for each in family):
        return f"records of {speed.events:.1f} events"
    usual = median(each.seconds / each.bytes for each in family)
    return f"records of {speed.bytes:,.0f} bytes" if speed.seconds / speed.bytes <= TIMES * usual else ""


def report(names: Sequence[str] = (), repeats: int = 5) -> bool:
    """Print a line for each format, the slowest first, then one for each family. Return whether all have a reason."""
    formats = [format_ for format_ in catalogue().values() if format_.takes != "object"]
    speeds = [speed_of(format_, repeats) for format_ in formats if not names or format_.name in names]
    families: dict[str, list[Speed]] = {}
    for speed in speeds:
        families.setdefault(speed.family, []).append(speed)
    medians = {family: median(each.seconds for each in members) for family, members in families.items()}
    kept = True
    print("| format | family | records/s | bytes each | × median | reason |\n|---|---|--:|--:|--:|---|")
    for speed in sorted(speeds, key=lambda each: each.seconds, reverse=True):
        times, reason = speed.seconds / medians[speed.family], ""
        if times > TIMES:
            reason = reason_of(speed, families[speed.family]) or "NONE"
            kept &= reason != "NONE"
        rate = f"{1 / speed.seconds:,.0f}"
        print(f"| {speed.name} | {speed.family} | {rate} | {speed.bytes:,.0f} | {times:.1f} | {reason} |")
    print("\n| family | formats | median of records/s |\n|---|--:|--:|")
    for family, members in sorted(families.items(), key=lambda item: medians[item[0]], reverse=True):
        print(f"| {family} | {len(members)} | {1 / medians[family]:,.0f} |")
    return kept


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("names", nargs="*", help="formats; all by default")
    arguments.add_argument("--repeats", type=int, default=5, help="how often each log is read")
    options = arguments.parse_args()
    sys.exit(not report(options.names, options.repeats))


if __name__ == "__main__":
    main()
