"""Every error that slips raises, as one tree. Messages read `where: what; what was expected; what to do`.

SlipsError
├── UsageError            wrong input: arguments, files, names          exit status 2
│   └── ConfigError       every mistake in the configuration            exit status 2
├── StateError            the state directory cannot be used            exit status 1
├── StreamError           a lane refused events (`rejected`), or cannot be read
│   └── GoneError         what a lane no longer has
├── EnvelopeError         an AWS event holds nothing that slips knows
├── InvokeError           the main func could not be started
├── UnfinishedError       some objects of an invocation failed: AWS invokes it again
├── RecordError           this record is bad, the next may be good      → quarantine
│   ├── RecordTooLong     longer than `limits.record_bytes`
│   └── RecordTooLarge    more than `limits.record_values`, or deeper than `limits.record_depth`
└── ObjectError           this object cannot be finished                → error item
    ├── MappingError      no prefix of `bucket_mapping` fits its key
    ├── FormatError       its chain cannot be made, or fits none of it
    ├── StorageError      it cannot be read from its bucket             may pass: retried
    ├── DecompressionError  its bytes are damaged, or a bomb
    ├── ReaderError       it cannot be cut into records
    ├── HandlerError      the user's code raised                        may pass: retried
    ├── WorkerError       the process that ran it died or hung          may pass: retried
    ├── NoProgressError   the time limit came before its first record did
    ├── OverwrittenError  the records to replay are no longer there
    └── AccountingError   records ≠ delivered + filtered + quarantined: a bug of slips
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar


class SlipsError(Exception):
    """The root: catch it to catch everything that slips raises on purpose."""

    exit_status: ClassVar[int] = 1


class UsageError(SlipsError):
    """What the user gave cannot be used."""

    exit_status = 2


class ConfigError(UsageError):
    """The configuration has mistakes; `problems` lists all of them, one line each, in file order."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(self.problems))


class StateError(SlipsError):
    """The state directory cannot be read or written. Nothing was marked done."""


class StreamError(SlipsError):
    """A lane did not accept some events: `rejected` are those, in order; all others were accepted."""

    def __init__(self, message: str, rejected: Sequence[Any]) -> None:
        super().__init__(message)
        self.rejected = list(rejected)


class GoneError(StreamError):
    """Events were on a lane for longer than it keeps them: reading again does not help."""


class InvokeError(SlipsError):
    """The main func could not be started: the events stay on their lane."""


class UnfinishedError(SlipsError):
    """Some objects of an invocation are not finished, and another attempt may help. All others are concluded."""


class EnvelopeError(SlipsError):
    """What a function was invoked with, or part of it, cannot be read."""


class RecordError(SlipsError):
    """One record cannot be understood. Parsers raise it; the record is quarantined, the object goes on."""


class RecordTooLong(RecordError):
    """One record is longer than `limits.record_bytes`."""


class RecordTooLarge(RecordError):
    """One record expands to more than `limits.record_values` or `limits.record_depth` allow."""


class ObjectError(SlipsError):
    """One object cannot be finished. `stage` is where; `retryable` says whether trying again can help."""

    stage: ClassVar[str] = "process"
    retryable: ClassVar[bool] = False
    seq: int = 0
    """Number of the record at which it happened, or behind which nothing could be read; 0: before the first."""


class MappingError(ObjectError):
    """`bucket_mapping` has nothing for this object."""

    stage = "mapping"


class FormatError(ObjectError):
    """A chain cannot be made, or most records of an object do not fit it."""

    stage = "format"


class StorageError(ObjectError):
    """The object cannot be read from its bucket."""

    stage = "storage"
    retryable = True

    def __init__(self, message: str, *, missing: bool = False) -> None:
        super().__init__(message)
        self.missing = missing
        """Whether nothing is there, as far as can be told: S3 refuses who may not list a bucket what is not there."""


class DecompressionError(ObjectError):
    """The object's bytes are damaged, cut off, or expand beyond the limits."""

    stage = "decompression"


class ReaderError(ObjectError):
    """The object cannot be cut into records."""

    stage = "reader"


class HandlerError(ObjectError):
    """The user's handler raised; `__cause__` is what it raised."""

    stage = "handler"
    retryable = True

    def __init__(self, message: str, event: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.event = event
        """The event that `recv` had when it raised, with its changes; None outside of `recv`."""


class WorkerError(ObjectError):
    """The worker process died or exceeded its time."""

    stage = "worker"
    retryable = True


class NoProgressError(ObjectError):
    """One invocation is too short to get to the records that are to be processed: another would not get further."""

    stage = "process"


class OverwrittenError(ObjectError):
    """The object changed since its records were quarantined: the numbers mean nothing now."""

    stage = "replay"


class AccountingError(ObjectError):
    """The independent counters of a run do not add up."""

    stage = "accounting"
