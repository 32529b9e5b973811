"""A listing that is kept in a file comes back as it was, whatever its keys are."""

from __future__ import annotations

from pathlib import Path

import pytest

from slips.errors import StateError
from slips.event_file import EventFile
from slips.model import ObjectEvent

EVENTS = [
    ObjectEvent(
        aws_region="eu-west-1",
        event_time="2026-01-01T00:00:00.000Z",
        event_name="ObjectCreated:Put",
        bucket_name="my-logs",
        bucket_arn="arn:aws:s3:::my-logs",
        object_key=key,
        object_size=number,
        object_etag="e1",
    )
    for number, key in enumerate(["a", "line\nend\r", "ü/日本\x00\u2028", '"quoted"\\'])
]


def test_events_come_back_in_order_and_as_they_were_and_again_after_more_are_added() -> None:
    with EventFile() as kept:
        kept.extend(EVENTS[:2])
        assert list(kept) == EVENTS[:2]
        kept.extend(EVENTS[2:])
        assert list(kept) == list(kept) == EVENTS
        assert (kept.count, kept.size) == (4, 6)


def test_a_directory_without_space_is_an_error_that_says_so() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    kept = EventFile()
    kept._file = Path("/dev/full").open("wb", buffering=0)  # noqa: SIM115
    with pytest.raises(StateError, match="a listing cannot be kept: No space left on device; expected free space"):
        kept.extend(EVENTS)
