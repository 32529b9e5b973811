"""Tries formats on a log that nobody knows, in a process of its own with little memory and time.

In: the beginning of a log, compressed or not. Out: the chains that fit, the events of the best one, its bad records,
and the config and the test to copy. `python -m slips.console.trying NAME WHOLE` is the other end: content on standard
input, JSON on standard output.
"""

from __future__ import annotations

import io
import math
import re
import sys
import threading
import time
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct, field

from slips.codec import CodecLimits, decode
from slips.console import child
from slips.errors import ObjectError, SlipsError
from slips.format import Event
from slips.formats import entries
from slips.inference.candidate import Candidate
from slips.inference.containers import read_head
from slips.inference.rank import infer
from slips.model import MetaData, ObjectEvent, Outcome, Sample, format_time, nearest_time
from slips.parsing.chain import compile_chain
from slips.parsing.run import Ticker
from slips.pipeline.evidence import keep
from slips.pipeline.quarantine import Quarantine
from slips.printable import one_line

MOST_BYTES = 4 * 2**20
"""Bytes of the beginning of a log that a page sends."""
CHAINS, EVENTS, BAD = 5, 10, 10
"""Chains, events, and bad records that the page shows."""
TEXT_LENGTH = 4_000
"""Characters of a message, a tag, or a reason that the page shows."""
SECONDS = 30
"""Seconds that the process may take."""


class TriedChain(Struct):
    """A chain that was tried on the first records."""

    config: str
    """The value of `format` in a config."""
    steps: list[Any]
    """The same as a list, for Python."""
    summary: str
    parsed: float
    """The share of the records of which an event came."""
    records: int
    times: float
    """The share of events with a plausible time of their own."""
    likeness: float
    """How like its events are to those of the format, 0 to 1."""
    also: list[str] = []
    reason: str = ""
    """Of the first bad record."""


class TriedEvent(Struct):
    """An event, with what a handler gets beside it."""

    tag: str
    timestamp: float
    seq: int
    message: str | None
    event: dict[str, Any]


class Tried(Struct, kw_only=True):
    """The result for a log."""

    name: str
    whole: bool
    """Whether all of the log was looked at."""
    chains: list[TriedChain] = field(default_factory=list)
    nearest: list[TriedChain] = field(default_factory=list)
    reason: str = ""
    """Why no chain was tried."""
    events: list[TriedEvent] = field(default_factory=list)
    """The first events of the best chain."""
    bad: list[Sample] = field(default_factory=list)
    records: int = 0
    delivered: int = 0
    filtered: int = 0
    quarantined: int = 0
    events_in_all: int = 0
    rules: dict[str, int] = field(default_factory=dict)
    ended_by: str = ""
    """The error that ended the object."""

    @property
    def config(self) -> str:
        """The lines of the config that read such logs."""
        return f"bucket_mapping:\n  my-logs:\n    - prefix: {self._stem}/\n      format: {self.chains[0].config}\n"

    @property
    def test(self) -> str:
        """A test of the user's handler with this log."""
        steps = self.chains[0].steps
        chain = steps[0] if len(steps) == 1 else steps
        return (
            "from pathlib import Path\n\nimport slips.testing\n\nfrom handler import MyHandler\n\n\n"
            f"def test_{self._stem.replace('-', '_')}_is_parsed():\n"
            f"    seen = slips.testing.run(MyHandler, {chain!r}, Path({f'tests/{self._file}'!r}))\n"
            f"    assert {self._counts}\n"
            + "".join(f"    assert seen.metas[0].tag == {each.tag!r}\n" for each in self.events[:1])
        )

    @property
    def _counts(self) -> str:
        if self.whole:
            return f"(seen.records, seen.quarantined) == ({self.records}, {self.quarantined})"
        return f"seen.records >= {self.records}"

    @property
    def _file(self) -> str:
        return re.sub(r"[^\w.-]+", "-", self.name, flags=re.ASCII)[-80:].strip("-.") or "log"

    @property
    def _stem(self) -> str:
        return re.sub(r"[^a-z0-9]+", "-", self._file.partition(".")[0].lower()).strip("-") or "logs"


def try_log(name: str, content: bytes, *, whole: bool, stop: threading.Event | None = None) -> Tried:
    """Try a log in a process of its own. Raises SlipsError if that does not end well in time."""
    command = [sys.executable, "-m", "slips.console.trying", one_line(name), str(int(whole))]
    most = 8 * child.OUTPUT_BYTES
    output = child.run(command, seconds=SECONDS, stdin=content, stop=stop, errors_apart=True, most=most)
    if output.timed_out:
        raise SlipsError(f"{name}: not read within {SECONDS} s; expected a shorter log; try its beginning alone")
    if output.status:
        raise SlipsError(f"{name}: cannot be tried: status {output.status} of the process: {output.last_error}")
    if output.cut:
        raise SlipsError(f"{name}: its events are too long to be shown; expected shorter ones; 'slips parse' shows all")
    return msgspec.json.decode(output.text, type=Tried)


def tried(name: str, content: bytes, *, whole: bool) -> Tried:
    """Find the chains that fit, and run the best one on all of `content`. Raises nothing because of the log."""
    source = ObjectEvent(bucket_name="", object_key=name, event_time=format_time(time.time()))
    made = Tried(name=name, whole=whole)
    try:
        head, is_all, damage = read_head(decode(io.BytesIO(content), CodecLimits(), name).stream)
    except ObjectError as error:
        made.reason = str(error)
        return made
    made.whole = whole = whole and is_all
    if not head.strip():
        made.reason = "it is empty"
        return made
    found = infer(head, source, whole=whole, damage=damage)
    made.reason = found.reason
    made.chains, made.nearest = list(map(_chain, found.fitting[:CHAINS])), list(map(_chain, found.nearest[:CHAINS]))
    if found.fitting:
        # The last line of a beginning is cut: it is no bad record.
        end = head.rfind(b"\n") + 1
        _run(found.fitting[0], head if whole or not end else head[:end], source, made)
    return made


def _chain(each: Candidate) -> TriedChain:
    trial = each.trial
    shares = (trial.parsed, trial.records, trial.times, each.likeness)
    return TriedChain(each.chain, each.steps, entries()[each.format].summary, *shares, each.also, _short(trial.reason))


def _short(text: str) -> str:
    return text if len(text) <= TEXT_LENGTH else f"{text[:TEXT_LENGTH]}…"


def _run(best: Candidate, content: bytes, source: ObjectEvent, made: Tried) -> None:
    """Run a chain as `slips parse` does, and keep the first events and bad records."""
    outcome, quarantine = Outcome(), Quarantine()

    def recv(meta: MetaData, event: Event) -> None:
        if len(made.events) < EVENTS:
            shown = keep(event)[0]
            timestamp = nearest_time(meta.timestamp) if math.isfinite(meta.timestamp) else 0.0
            message = None if meta.message is None else _short(meta.message)
            made.events.append(TriedEvent(_short(meta.tag), timestamp, meta.seq, message, shown))

    try:
        chain = compile_chain(best.steps, Path.cwd())
        stream = decode(io.BytesIO(content), CodecLimits(), made.name).stream
        chain.run(stream, outcome, source=source, recv=recv, reject=quarantine.add, ticker=Ticker())
    except SlipsError as error:
        made.ended_by = str(error)
    for name in ("records", "delivered", "filtered", "quarantined", "rules"):
        setattr(made, name, getattr(outcome, name))
    made.events_in_all = outcome.events
    made.bad = [sample for part in quarantine.parts[:1] for sample in part.samples[:BAD]]


def main() -> int:
    """Try the log on standard input."""
    child.limit_resources(SECONDS)
    _, name, whole = sys.argv
    result = tried(name, sys.stdin.buffer.read(), whole=whole == "1")
    sys.stdout.buffer.write(msgspec.json.encode(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
