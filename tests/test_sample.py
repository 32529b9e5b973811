"""Sample: real objects of each mapping, picked."""

from __future__ import annotations

from collections.abc import Iterator

from fakes import STREAMS, Objects, object_event
from slips.config import parse
from slips.errors import StorageError
from slips.model import ObjectEvent
from slips.pipeline.sample import sample

CONFIG = """\
stack_name: test
handler: {path: handler.py}
routing:
  - {prefix: a/slow/, dest: slow}
  - {prefix: a/drop/, dest: drop}
bucket_mapping:
  my-logs:
    - {prefix: a/, format: json}
    - {prefix: a/b/, format: json}
    - {prefix: denied/, format: json}
    - {prefix: none/, format: json}
"""


def listed(key: str, minute: int, size: int = 1) -> ObjectEvent:
    return object_event(key, None, event_time=f"2026-01-01T00:{minute:02}:00Z", object_size=size)


class Listing(Objects):
    """A bucket with these objects, one of whose prefixes may not be listed."""

    def list(self, bucket: str, prefix: str = "") -> Iterator[ObjectEvent]:
        if prefix == "denied/":
            raise StorageError("s3://my-logs/denied/: AWS denies s3:ListBucket")
        objects = (
            *(listed("a/1", 1), listed("a/3", 3), listed("a/2", 2), listed("a/empty", 9, size=0)),
            *(listed("a/b/1", 8), listed("a/drop/1", 7), listed("a/slow/1", 4)),
        )
        return (event for event in objects if event.object_key.startswith(prefix))


def test_the_newest_objects_are_picked_that_the_mapping_itself_processes() -> None:
    first, second, _, none = sample(parse(CONFIG), Listing(), 2, STREAMS)
    assert (first.url, [each.object_key for each in first.events]) == ("s3://my-logs/a/", ["a/slow/1", "a/3"])
    assert [(each.lane, each.dest_stream) for each in first.events] == [
        ("slow", STREAMS["slow"]),
        ("fast", STREAMS["fast"]),
    ]
    assert [each.object_key for each in second.events] == ["a/b/1"]
    assert (none.events, none.problem) == ([], None)


def test_a_prefix_that_cannot_be_listed_is_told_and_holds_up_no_other() -> None:
    found = {each.url: each for each in sample(parse(CONFIG), Listing(), 1, {})}
    denied = found.pop("s3://my-logs/denied/")
    assert (denied.events, str(denied.problem)) == ([], "s3://my-logs/denied/: AWS denies s3:ListBucket")
    assert [len(each.events) for each in found.values()] == [1, 1, 0]
    assert found["s3://my-logs/a/b/"].events[0].dest_stream == ""
