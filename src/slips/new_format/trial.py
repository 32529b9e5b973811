"""Runs a chain on the bytes of a log, in memory."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from slips.errors import SlipsError
from slips.format import Event
from slips.model import MetaData, ObjectEvent, Outcome
from slips.parsing.run import Chain, Ticker
from slips.pipeline.evidence import reason_of

OBJECT = ObjectEvent(bucket_name="logs", object_key="sample", event_time="2018-12-31T23:59:30Z")
"""The object that a sample stands for: its time dates records that have no time, or no year."""


@dataclass
class Trial:
    """The events and bad records that a chain made of a log."""

    events: list[tuple[MetaData, Event]] = field(default_factory=list)
    bad: list[tuple[int, str]] = field(default_factory=list)
    """Number and reason of each record that was quarantined."""
    outcome: Outcome = field(default_factory=Outcome)
    error: SlipsError | None = None
    """The error that ended the object."""

    @property
    def share(self) -> float:
        """The share of the records that were understood."""
        records = self.outcome.records
        return 0.0 if self.error or not records else (records - len(self.bad)) / records


def run(chain: Chain, content: bytes, source: ObjectEvent = OBJECT) -> Trial:
    """Run a chain on the content of an object, decompressed."""
    seen = Trial()
    try:
        chain.run(
            io.BufferedReader(io.BytesIO(content)),
            seen.outcome,
            source=source,
            recv=lambda meta, event: seen.events.append((meta, event)),
            reject=lambda seq, _original, error: seen.bad.append((seq, reason_of(error))),
            ticker=Ticker(),
        )
    except SlipsError as error:
        seen.error = error
    return seen


def expected(chain: Chain, content: bytes) -> Iterator[dict[str, Any]]:
    """Yield the lines of `NAME.expected.jsonl`: an event, a quarantined or a filtered record each, in order."""
    seen = run(chain, content)
    if seen.error:
        raise seen.error
    bad = dict(seen.bad)
    events: dict[int, list[dict[str, Any]]] = {}
    for meta, event in seen.events:
        known = {"tag": meta.tag, "timestamp": meta.timestamp, "seq": meta.seq, "message": meta.message}
        if meta.member is not None:
            known["member"] = meta.member
        events.setdefault(meta.seq, []).append({"meta": known, "event": event})
    for seq in range(1, seen.outcome.records + 1):
        if seq in events:
            yield from events[seq]
        elif seq in bad:
            yield {"quarantined": bad[seq], "seq": seq}
        else:  # the rule that filtered it, only a run of this record alone tells
            alone = run(chain, content, msgspec.structs.replace(OBJECT, records=[(seq, seq)]))
            yield from ({"filtered": rule, "seq": seq} for rule in alone.outcome.rules)
