"""Makes error items of a run's failure or quarantined records, which operators read, group and replay."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from slips.model import ErrorItem, HandlerCode, fingerprint, format_time
from slips.pipeline.ended import Failure, Success

_FRAME = re.compile(r'^  File ".*", line \d+, in .*\n    (\S.*)$', re.MULTILINE)
"""A frame of a traceback, with its source line."""


def report_failure(
    failure: Failure,
    request_id: str,
    attempts: int,
    now: float,
    code: HandlerCode = HandlerCode(),  # noqa: B008 - frozen
) -> ErrorItem:
    """Make the item of an object, or of its replayed records, that a run could not finish. `now` is epoch seconds."""
    return ErrorItem(
        request_id=request_id,
        kind="object" if failure.event.records is None else "records",
        records=failure.event.records or [],
        events=[failure.event],
        stage=failure.stage,
        error_type=failure.error_type,
        message=failure.message,
        traceback=failure.traceback,
        failed_at=format_time(now),
        attempts=attempts,
        fingerprint=fingerprint(
            failure.stage, failure.error_type, failure.message, failure.event, _line_that_raised(failure)
        ),
        seq=failure.seq,
        event=failure.handler_event,
        event_truncated=failure.handler_event_truncated,
        handler=code.handler,
        code_version=code.version,
    )


def _line_that_raised(failure: Failure) -> str:
    """Return the source line of a handler that raised, without its number, which each change of the file moves."""
    lines = _FRAME.findall(failure.traceback) if failure.stage == "handler" else []
    return lines[-1] if lines else ""


def report_quarantine(
    success: Success,
    request_id: str,
    attempts: int,
    now: float,
    code: HandlerCode = HandlerCode(),  # noqa: B008 - frozen
) -> Iterator[ErrorItem]:
    """Yield the items of a finished object's bad records: none without bad records, several if there are very many.

    The event of each item replays just the item's records, of just this content.
    """
    for number, part in enumerate(success.quarantine, 1):
        ranges = part.ranges
        event = msgspec.structs.replace(success.event, records=ranges, reader=success.reader, replay=None)
        yield ErrorItem(
            request_id=part_id(request_id, number),
            kind="records",
            events=[event],
            stage="parse",
            error_type=part.error_type,
            message=f"record {ranges[0][0]}: {part.message}",
            traceback=part.traceback,
            failed_at=format_time(now),
            attempts=attempts,
            fingerprint=fingerprint("parse", part.error_type, part.message, event),
            records=ranges,
            samples=part.samples,
            handler=code.handler,
            code_version=code.version,
        )


def part_id(request_id: str, number: int) -> str:
    """Return the id of item `number` (1-based) of a run's bad records."""
    return request_id if number == 1 else f"{request_id}-{number}"


def run_ids(request_id: str, events: int) -> list[str]:
    """Return the id of each event's run in an invocation, which is also the id of the error item of that run."""
    return [request_id] if events == 1 else [f"{request_id}-{number}" for number in range(1, events + 1)]
