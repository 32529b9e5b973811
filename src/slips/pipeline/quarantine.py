"""The bad records of one run, kept in flat memory until error items are made of them.

The loop decides that a record is bad, if a parser raises. `process` decides the consequence for the object: error items
of its bad records, or a failure if most of its records are bad.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable

import msgspec
from msgspec import Struct

from slips.exceptions import name_of
from slips.format import Bad, Record
from slips.model import Range, Sample, bounded
from slips.pipeline.evidence import MESSAGE_BYTES, reason_of, traceback_of

RANGES = 1_000
"""Most ranges of record numbers in one error item: 1,000 fit well into a DynamoDB item of 400 KB."""
SAMPLES_BYTES = 32_000
"""Most bytes of all samples of an item, as JSON."""
SAMPLE_BYTES = 4_000
"""Most bytes of a record that a sample shows."""
REASON_BYTES = 2_000
"""Most bytes of the reason in a sample."""


class Quarantined(Struct):
    """The bad records of one error item: at most RANGES ranges of them, with samples."""

    numbers: bytes
    """First and last record number of each range, eight bytes each: lists of millions would not be flat memory."""
    samples: list[Sample]
    error_type: str
    message: str
    traceback: str

    @property
    def ranges(self) -> list[Range]:
        """Ranges of record numbers, in order."""
        numbers = array("Q", self.numbers)
        return list(zip(numbers[::2], numbers[1::2], strict=True))


class Quarantine:
    """Collects the bad records of one run. Neighbours are joined to ranges; samples are few and short."""

    def __init__(self) -> None:
        self._numbers = array("Q")
        self._first_errors: list[tuple[str, str, str]] = []
        self._samples: list[list[Sample]] = []
        self._room = 0
        """Bytes of samples for which the current part has room."""

    def add(self, seq: int, original: Callable[[], Record], error: Exception) -> None:
        """Add a bad record, which `original` returns. Its number must be greater than that of each record before."""
        numbers = self._numbers
        if numbers and numbers[-1] == seq - 1:
            numbers[-1] = seq
        else:
            if len(numbers) % (2 * RANGES) == 0:
                message = bounded(reason_of(error), MESSAGE_BYTES)
                self._first_errors.append((name_of(type(error)), message, traceback_of(error)))
                # From the second part on, one sample each: a million bad records must not fill the memory.
                self._room = 1 if self._samples else SAMPLES_BYTES
                self._samples.append([])
            numbers.append(seq)
            numbers.append(seq)
        if self._room > 0:
            sample = _sample(seq, original(), error)
            self._room -= len(msgspec.json.encode(sample))
            if self._room >= 0 or not self._samples[-1]:
                self._samples[-1].append(sample)

    @property
    def parts(self) -> list[Quarantined]:
        """The records in parts of RANGES ranges, each for an error item."""
        step = 2 * RANGES
        return [
            Quarantined(self._numbers[at : at + step].tobytes(), self._samples[index], *self._first_errors[index])
            for index, at in enumerate(range(0, len(self._numbers), step))
        ]


def _sample(seq: int, record: Record, error: Exception) -> Sample:
    """Return the beginning of a record, and why it is bad. An event of a reader of the user's is encoded."""
    reason = bounded(reason_of(error), REASON_BYTES)
    if not isinstance(record, Bad):
        raw = _raw(record)
        return Sample.of(seq, reason, raw[:SAMPLE_BYTES], len(raw))
    raw, member = record.head[:SAMPLE_BYTES], record.member
    return Sample.of(seq, reason, raw, record.size, rendered=record.is_rendered, member=member)


def _raw(record: Record) -> bytes:
    if isinstance(record, bytes):
        return record.removesuffix(b"\n").removesuffix(b"\r")
    try:
        return msgspec.json.encode(record)
    except (TypeError, ValueError, OverflowError, RecursionError):
        return repr(record).encode("utf-8", "surrogateescape")
