"""Every error that slips raises, as one tree. Messages read `where: what; what was expected; what to do`.

SlipsError
├── UsageError            wrong input: arguments, files, names          exit status 2
│   └── ConfigError       every mistake in the configuration            exit status 2
├── StateError            the state directory cannot be used            exit status 1
│   ├── LostStateError    the state was removed or replaced while it was in use
│   └── UnreadableItemError  some error items cannot be read; all others were
├── StreamError           a lane refused events (`rejected`), or cannot be read
│   └── GoneError         a lane no longer has these events
├── EnvelopeError         an AWS event holds nothing that slips can decode
├── InvokeError           MainFunc could not be started
├── UnfinishedError       some objects of an invocation failed: AWS invokes it again
├── RecordError           one record is bad, the next may be good       → quarantine
│   ├── RecordTooLong     longer than `limits.record_bytes`
│   └── RecordTooLarge    more than `limits.record_values`, or deeper than `limits.record_depth`
└── ObjectError           one object cannot be finished                 → error item
    ├── MappingError      no prefix or pattern of `bucket_mapping` fits the object's key
    ├── FormatError       a chain cannot be made, or most records do not fit it
    ├── StorageError      the object cannot be read from its bucket     may pass: retried
    ├── DecompressionError  the object's bytes are damaged, or a bomb
    ├── ReaderError       the object cannot be cut into records
    ├── HandlerError      the user's code raised, or returned what slips cannot use   may pass: retried
    ├── WorkerError       the worker died or hung, or has no such handler   may pass: retried
    ├── NoProgressError   the time limit came before the object's first record
    ├── OverwrittenError  the records to replay are no longer there
    └── AccountingError   records ≠ delivered + filtered + quarantined: a bug of slips
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Self

JOINED = 4_000
"""Most characters of problems that are joined."""


class SlipsError(Exception):
    """The root of all errors that slips raises on purpose: catch this class to catch every one."""

    exit_status: ClassVar[int] = 1


class UsageError(SlipsError):
    """An input of the user (an argument, a file, a name) cannot be used."""

    exit_status = 2


class ConfigError(UsageError):
    """The configuration has mistakes; `problems` lists all of them, one line each, in file order."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(self.problems))


class StateError(SlipsError):
    """The state (a directory; on AWS also a table or queue) cannot be read or written. No object was marked done."""


class LostStateError(StateError):
    """The state file was removed, or replaced by another one, while it was in use: waiting does not bring it back."""


class UnreadableItemError(StateError):
    """Some items of an error table cannot be read. Raised when all others have been."""

    SHOWN = 10
    """Problems that are told in full."""

    @classmethod
    def of(cls, problems: Sequence[str]) -> Self:
        """Return the error that tells these problems, a line each."""
        more = f"\nand {len(problems) - cls.SHOWN:,} more" if len(problems) > cls.SHOWN else ""
        return cls("\n".join(problems[: cls.SHOWN]) + more)


class StreamError(SlipsError):
    """A lane refused some events: `rejected` lists these in order; the lane accepted all others."""

    def __init__(self, message: str, rejected: Sequence[Any]) -> None:
        super().__init__(message)
        self.rejected = list(rejected)


class GoneError(StreamError):
    """A lane has deleted events that it kept for as long as it may: reading again does not help."""


class InvokeError(SlipsError):
    """MainFunc could not be started. The events stay on their lane."""


class UnfinishedError(SlipsError):
    """Some objects of an invocation are not finished, and another attempt may help. All others are concluded."""


class EnvelopeError(SlipsError):
    """The payload of a Lambda function, or a part of it, cannot be decoded."""


class RecordError(SlipsError):
    """One record cannot be parsed. Parsers raise this error: the run quarantines the record and continues."""

    is_foreign: bool = False
    """Whether the record begins as none of its format does: another parser may know it."""


def foreign_record(text: str) -> RecordError:
    """Return the error of a record that is foreign to its format."""
    error = RecordError(text)
    error.is_foreign = True
    return error


class RecordTooLong(RecordError):
    """One record is longer than `limits.record_bytes`."""


class RecordTooLarge(RecordError):
    """One record expands to more than `limits.record_values` or `limits.record_depth` allow."""


class ObjectError(SlipsError):
    """One object cannot be finished. `stage` names the step that failed; `retryable`: another attempt may help."""

    stage: ClassVar[str] = "process"
    retryable: ClassVar[bool] = False
    seq: int = 0
    """Number of the record at which the error occurred, or the last before it; 0: before the first record."""


class MappingError(ObjectError):
    """`bucket_mapping` has no entry for this object."""

    stage = "mapping"


class FormatError(ObjectError):
    """A chain cannot be made, or most records of an object do not fit it."""

    stage = "format"


GONE = "put it back and replay it with 'slips drain', or take its error item off with 'slips dismiss'"
"""Advice about an object that does not exist any more."""


class StorageError(ObjectError):
    """The object cannot be read from its bucket."""

    stage = "storage"
    retryable = True

    def __init__(self, message: str, *, missing: bool = False, passing: bool = False, away: bool = False) -> None:
        super().__init__(message)
        self.missing = missing
        """Whether the object does not exist. A guess for S3, which answers 'denied' without the right to list."""
        self.passing = passing
        """Whether a listing failed for a reason that passes by itself, such as too many requests."""
        self.away = away
        """Whether a listing failed for a reason that no object of the bucket escapes: no server, no credentials."""


class DecompressionError(ObjectError):
    """The object's bytes are damaged, cut off, or expand beyond the limits."""

    stage = "decompression"


class ReaderError(ObjectError):
    """The object cannot be cut into records."""

    stage = "reader"


class HandlerError(ObjectError):
    """The user's handler raised an exception, which is the `__cause__`, or returned what slips cannot use."""

    stage = "handler"
    retryable = True

    def __init__(self, message: str, event: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.handler_event = event
        """The log event that `recv` was called with, as `recv` left it; None if `setup` or `result` raised."""


class WorkerError(ObjectError):
    """The worker process died or exceeded its time, or the handler of the mapping cannot be loaded in it."""

    stage = "worker"
    retryable = True


class NoProgressError(ObjectError):
    """One run is too short to reach the first record to process: another run would fail, too."""

    stage = "process"

    @classmethod
    def at(cls, seq: int) -> Self:
        """Return the error of a run whose time was up at record `seq`, before those to be processed."""
        return cls(
            f"no progress: the time limit came at record {seq}, before those to be processed; expected more time; "
            "raise 'handler.timeout' or 'handler.memory_size'"
        )


class OverwrittenError(ObjectError):
    """The object changed since its records were quarantined: its record numbers are no longer valid."""

    stage = "replay"


class AccountingError(ObjectError):
    """The independent counters of a run do not add up."""

    stage = "accounting"


def joined(problems: Sequence[str]) -> str:
    """Join problems to the text of an exception. AWS sends it with the payload, and both must fit into 256 KB."""
    text = "; ".join(problems)
    return text if len(text) <= JOINED else f"{text[:JOINED]}…"
