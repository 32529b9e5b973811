"""Reads one record of an object as its bytes are, in a process of its own with little memory and time.

`python -m slips.console.raw` is the other end: a RecordQuestion on standard input, a RecordAnswer on standard output.
"""

from __future__ import annotations

import sys
from itertools import islice
from pathlib import Path

import msgspec
from msgspec import Struct

from slips.codec import CodecLimits, decode
from slips.config.load import load_partly
from slips.config.needs import MAPPING
from slips.console import child
from slips.console.desk import Desk
from slips.errors import RecordError, SlipsError, UsageError
from slips.format import Record
from slips.model import ErrorItem, ObjectEvent, Sample
from slips.parsing.chain import compile_chain
from slips.pipeline.quarantine import Quarantine
from slips.pipeline.replay import with_key_of_today
from slips.place import Place
from slips.routing import mapping_for

SECONDS = 30


class RecordQuestion(Struct):
    """A record to read, and where its object is."""

    config_file: str
    event: ObjectEvent
    seq: int
    stack: str | None = None
    region: str | None = None
    endpoint_url: str | None = None


class RecordAnswer(Struct):
    """The beginning of the record, or why it cannot be shown."""

    sample: Sample | None = None
    problem: str = ""
    note: str = ""


def read_record(desk: Desk, item: ErrorItem) -> RecordAnswer:
    """Read the record at which the handler raised. Problems are in the answer."""
    if desk.config_file is None:
        return RecordAnswer(problem="no config of this stack is here; expected one; start the console with -c FILE")
    assert item.seq is not None  # noqa: S101 - the page asks for no other
    place = desk.place
    question = RecordQuestion(
        str(desk.config_file), item.events[0], item.seq, place.stack, place.region, place.endpoint_url
    )
    command, stdin = [sys.executable, "-m", "slips.console.raw"], msgspec.json.encode(question)
    output = child.run(command, seconds=SECONDS, stdin=stdin, stop=desk.closing, errors_apart=True)
    if output.timed_out:
        return RecordAnswer(problem=f"record {item.seq:,} was not reached within {SECONDS} s")
    if output.status:
        return RecordAnswer(problem=f"the process that reads it ended with status {output.status}: {output.last_error}")
    return msgspec.json.decode(output.text, type=RecordAnswer)


def answer(question: RecordQuestion) -> RecordAnswer:
    """Read the record in this process. Raises SlipsError."""
    place = Place(question.stack, question.region, question.endpoint_url)
    config, _ = load_partly(Path(question.config_file), MAPPING)
    store = place.handler_site(config).store
    event = with_key_of_today(question.event, store)
    mapping = mapping_for(config.bucket_mapping, event.bucket_name, event.object_key)
    if mapping is None:
        raise UsageError(f"{event.url}: no prefix or pattern of 'bucket_mapping' fits it any more")
    chain = compile_chain(mapping.format, config.root, config.limits.record, timezone=mapping.timezone)
    if " > " in chain.reader:
        return RecordAnswer(problem="the record is in an archive; 'slips parse' shows what is in it")
    quarantine = Quarantine()
    with store.open(event) as stored:
        limits = CodecLimits(config.limits.object_bytes, config.limits.expansion_ratio)
        records = chain.originals(decode(stored.body, limits, event.url).stream)
        record = next(islice(records, question.seq - 1, None), None)
        is_same = not event.identity or stored.is_named(event.identity)
    note = "" if is_same else "The object was overwritten since it failed: this is of its present content."
    if record is None:
        return RecordAnswer(problem=f"{event.url}: has no record {question.seq:,} any more", note=note)
    shown: Record = record
    quarantine.add(question.seq, lambda: shown, RecordError(""))
    return RecordAnswer(quarantine.parts[0].samples[0], note=note)


def main() -> int:
    """Answer the question on standard input."""
    child.limit_resources(SECONDS)
    question = msgspec.json.decode(sys.stdin.buffer.read(), type=RecordQuestion)
    try:
        found = answer(question)
    except SlipsError as error:
        found = RecordAnswer(problem=str(error))
    sys.stdout.buffer.write(msgspec.json.encode(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
