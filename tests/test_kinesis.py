"""Kinesis as a Stream: refusals in part, in whole and for good; and the records of a batch read back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

import aws
from fakes import object_event
from slips.backends.aws.kinesis import ATTEMPTS, LONGEST_WAIT, PUT_BYTES, PUT_RECORDS, KinesisStream, read_back
from slips.backends.aws.throttles import Backoff
from slips.envelope.lane import decode, encode
from slips.envelope.lost import Batch
from slips.errors import GoneError, StreamError
from slips.model import Lane, ObjectEvent
from slips.printable import are

ARNS: dict[Lane, str] = {
    "fast": "arn:aws:kinesis:us-east-1:1:stream/my-fast",
    "slow": "arn:aws:kinesis:us-east-1:1:stream/my-slow",
}
NONE = Backoff(lambda: 0)
"""No time to wait at all."""
THROTTLED = {"ErrorCode": "ProvisionedThroughputExceededException", "ErrorMessage": "Rate exceeded"}


def refused_as(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "why"}}, "PutRecords")


class Client:
    """`PutRecords` as the test wants it: each call takes the next fault, which says what is refused."""

    def __init__(self, *faults: Callable[[str], bool] | Exception) -> None:
        self.faults = list(faults)
        self.requests: list[list[str]] = []
        self.sizes: list[int] = []
        self.arns: set[str] = set()
        self.partitions: set[str] = set()
        self.sleeps: list[float] = []

    def put_records(self, *, StreamARN: str, Records: Sequence[Any]) -> dict[str, Any]:
        keys = [decode(record["Data"]).object_key for record in Records]
        self.requests.append(keys)
        self.sizes.append(sum(len(record["Data"]) for record in Records))
        self.arns.add(StreamARN)
        self.partitions |= {record["PartitionKey"] for record in Records}
        fault = self.faults.pop(0) if self.faults else lambda _key: False
        if isinstance(fault, Exception):
            raise fault
        return {"Records": [THROTTLED if fault(key) else {"SequenceNumber": "1", "ShardId": "s"} for key in keys]}

    def put(self, *events: ObjectEvent, lane: Lane = "fast") -> None:
        stream: Any = self
        KinesisStream(stream, ARNS, self.sleeps.append).put(lane, events)


def events(*keys: str) -> list[ObjectEvent]:
    return [object_event(key) for key in keys]


# ---- refusals


def test_only_what_was_refused_is_put_again_after_a_wait_that_grows() -> None:
    client = Client(lambda key: key in "bcd", lambda key: key in "bd")
    client.put(*events("a", "b", "c", "d"))
    assert client.requests == [["a", "b", "c", "d"], ["b", "c", "d"], ["b", "d"]]
    assert len(client.sleeps) == 2
    assert 0.1 <= client.sleeps[0] <= 0.2 <= client.sleeps[1] <= 0.4


def test_records_refused_to_the_end_are_named_in_order_after_limited_waits() -> None:
    client = Client(*[lambda key: key in "bd"] * ATTEMPTS)
    with pytest.raises(StreamError, match=r"my-fast refused 2 of 4 .* 6 times: Provisioned.*: Rate exceeded") as raised:
        client.put(*events("a", "b", "c", "d"))
    assert raised.value.rejected == events("b", "d")
    assert len(client.requests) == ATTEMPTS
    assert len(client.sleeps) == ATTEMPTS - 1
    assert max(client.sleeps) <= LONGEST_WAIT


@pytest.mark.parametrize(
    "error",
    [refused_as("InternalFailure"), EndpointConnectionError(endpoint_url="https://kinesis")],
    ids=["refused", "not there"],
)
def test_a_call_that_fails_whole_is_made_again(error: Exception) -> None:
    client = Client(error)
    client.put(*events("a", "b"))
    assert client.requests == [["a", "b"]] * 2


def test_a_call_that_keeps_failing_names_all_and_why() -> None:
    client = Client(*[refused_as("AccessDeniedException")] * ATTEMPTS)
    with pytest.raises(
        StreamError, match=r"lane fast: 2 of 2 .* not put: .*AWS denies kinesis:PutRecords: why"
    ) as raised:
        client.put(*events("a", "b"))
    assert raised.value.rejected == events("a", "b")


def test_a_call_that_fails_costs_no_other_call_its_records() -> None:
    client = Client(lambda _key: False, *[refused_as("InternalFailure")] * ATTEMPTS)
    many = events(*(f"{number:04}" for number in range(PUT_RECORDS + 3)))
    with pytest.raises(StreamError) as raised:
        client.put(*many)
    assert raised.value.rejected == many[PUT_RECORDS:]


# ---- bounds


def test_a_call_has_at_most_so_many_records() -> None:
    client = Client()
    client.put(*events(*(f"{number:04}" for number in range(2 * PUT_RECORDS + 1))))
    assert [len(keys) for keys in client.requests] == [PUT_RECORDS, PUT_RECORDS, 1]


@pytest.mark.slow
def test_a_call_has_at_most_so_many_bytes() -> None:
    client = Client()
    many = [object_event(f"{number:03}", records=[(at, at) for at in range(1, 4000, 2)]) for number in range(400)]
    client.put(*many)
    assert len(client.requests) > 1
    assert max(client.sizes) <= PUT_BYTES
    assert [key for keys in client.requests for key in keys] == [event.object_key for event in many]


def test_each_lane_has_its_stream_and_events_are_spread_over_its_shards() -> None:
    client = Client()
    client.put(*events("a", "b"), lane="slow")
    assert client.arns == {ARNS["slow"]}
    assert len(client.partitions) == 2
    stream: Any = client
    assert KinesisStream(stream, ARNS).names == {"fast": "my-fast", "slow": "my-slow"}


# ---- read back


@pytest.fixture
def stored() -> Iterator[tuple[str, list[Any]]]:
    """A stream of ten records in one shard: its ARN, and they."""
    with aws.account():
        arn = aws.make_streams()["fast"]
        for number in range(10):
            aws.client("kinesis").put_record(StreamARN=arn, Data=encode(object_event(str(number))), PartitionKey="x")
        yield arn, aws.records_of(arn)


def batch_of(arn: str, records: Sequence[Any], size: int | None = None) -> Batch:
    ends = records[0]["SequenceNumber"], records[-1]["SequenceNumber"]
    return Batch(arn, "shardId-000000000000", *ends, len(records) if size is None else size)


@pytest.mark.slow
@pytest.mark.parametrize(("first", "last"), [(0, 10), (3, 7), (9, 10)])
def test_the_records_of_a_batch_are_read_back_and_no_others(
    stored: tuple[str, list[Any]], first: int, last: int
) -> None:
    arn, records = stored
    found = read_back(aws.client("kinesis"), batch_of(arn, records[first:last]), NONE)
    assert [decode(data).object_key for data in found] == [str(number) for number in range(first, last)]


def test_a_stream_that_is_gone_is_an_error_that_names_the_records() -> None:
    with aws.account(), pytest.raises(GoneError, match=r"my-fast shard-1 1\.\.9: the records cannot be read back: Res"):
        list(read_back(aws.client("kinesis"), Batch(ARNS["fast"], "shard-1", "1", "9", 3), NONE))


class Shard:
    """`GetRecords` in pages; the last page is the end of what is there now, or of a shard that was split.

    `faults` are what the next calls answer instead. A fake iterator is the place of a page, `>9` behind a record.
    """

    def __init__(self, *pages: Sequence[int], closed: bool = False) -> None:
        self.pages, self.closed = list(pages), closed
        self.faults: list[str] = []
        self.iterators: list[str] = []
        """Where each iterator began: `AT 9`."""
        self.limits: list[int | None] = []
        self.sleeps: list[float] = []
        self.seconds = 0.0
        """How long the reader may wait in all."""

    def _call(self, operation: str) -> None:
        if self.faults:
            fault, _, message = self.faults.pop(0).partition(": ")
            raise ClientError({"Error": {"Code": fault, "Message": message or "why"}}, operation)

    def get_shard_iterator(self, *, ShardIteratorType: str, StartingSequenceNumber: str, **_: Any) -> dict[str, Any]:
        self._call("GetShardIterator")
        where = ShardIteratorType.removesuffix("_SEQUENCE_NUMBER")
        self.iterators.append(f"{where} {StartingSequenceNumber}")
        after = int(StartingSequenceNumber) if where == "AFTER" else 0
        at = sum(bool(page) and max(page) <= after for page in self.pages)
        return {"ShardIterator": f"{at} {after}"}

    def get_records(self, *, ShardIterator: str, StreamARN: str, Limit: int | None = None) -> dict[str, Any]:
        self._call("GetRecords")
        self.limits.append(Limit)
        at, after = map(int, ShardIterator.split())
        numbers = [number for number in (self.pages[at] if at < len(self.pages) else []) if number > after]
        given = numbers[:Limit]
        is_last = at + 1 >= len(self.pages) and given == numbers
        following = f"{at + 1} 0" if given == numbers else f"{at} {given[-1]}"
        return {
            "Records": [{"SequenceNumber": str(number), "Data": str(number).encode()} for number in given],
            **({} if is_last and self.closed else {"NextShardIterator": following}),
            "MillisBehindLatest": 0 if is_last else 1000,
        }

    def read(self, first: int, last: int, size: int) -> Iterator[bytes]:
        client: Any = self
        backoff = Backoff(lambda: self.seconds - sum(self.sleeps), self.sleeps.append)
        return read_back(client, Batch(ARNS["fast"], "shard-1", str(first), str(last), size), backoff)


def test_pages_without_records_on_the_way_are_no_end() -> None:
    shard = Shard([9], [], [], [10], [], [11, 12])
    assert list(shard.read(9, 11, 3)) == [b"9", b"10", b"11"]


def test_no_more_is_read_than_the_batch_had() -> None:
    shard = Shard([9, 10], [11, 12, 13], [14])
    assert list(shard.read(9, 11, 3)) == [b"9", b"10", b"11"]
    assert shard.limits == [3, 1]


def test_a_batch_of_unknown_or_huge_size_asks_for_as_many_as_aws_gives() -> None:
    shard = Shard([9, 10, 11])
    assert list(shard.read(9, 10, 0)) == [b"9", b"10"]
    with pytest.raises(GoneError):
        list(shard.read(9, 11, 12_000))
    assert shard.limits[:2] == [None, 10_000]


@pytest.mark.parametrize(
    ("pages", "left"),
    [([[10, 11, 12]], [b"10", b"11"]), ([[12, 13]], []), ([[]], []), ([[], [11]], [b"11"])],
    ids=["some gone", "all gone", "shard empty", "two gone"],
)
def test_records_that_the_stream_keeps_no_more_are_a_stream_error_behind_those_it_has(
    pages: list[list[int]], left: list[bytes]
) -> None:
    found: list[bytes] = []
    with pytest.raises(StreamError, match=rf"{len(left)} of 3 records {are(len(left))} still there"):
        found.extend(Shard(*pages).read(9, 11, 3))
    assert found == left


def test_numbers_of_records_are_compared_as_numbers() -> None:
    assert list(Shard([9, 10, 100]).read(9, 10, 2)) == [b"9", b"10"]


# ---- read back, with back-off


def test_a_throttled_shard_is_asked_again_after_waits_that_grow() -> None:
    shard = Shard([9, 10])
    shard.seconds = 60
    shard.faults = ["ProvisionedThroughputExceededException"] * 3 + ["KMSThrottlingException", "InternalFailure"]
    assert list(shard.read(9, 10, 2)) == [b"9", b"10"]
    assert shard.iterators == ["AT 9"]
    for number, wait in enumerate(shard.sleeps):
        assert 0.1 * 2**number <= wait <= 0.2 * 2**number


def test_waits_have_a_longest_and_end_with_the_time_that_is_left() -> None:
    shard = Shard([9])
    shard.seconds = 60
    shard.faults = ["ProvisionedThroughputExceededException: Rate exceeded"] * 100
    with pytest.raises(StreamError, match=r"1\.\.9: the records cannot be read back: Prov.*: Rate exceeded") as raised:
        list(shard.read(1, 9, 1))
    assert type(raised.value) is StreamError  # another call may find them
    assert max(shard.sleeps) <= 5
    assert 50 < sum(shard.sleeps) <= 60


def test_without_time_nobody_waits() -> None:
    shard = Shard([9])
    shard.faults = ["ProvisionedThroughputExceededException"]
    with pytest.raises(StreamError):
        list(shard.read(9, 9, 1))
    assert shard.sleeps == []


def test_a_lasting_error_is_not_tried_again() -> None:
    shard = Shard([9])
    shard.seconds = 60
    shard.faults = ["AccessDeniedException"]
    with pytest.raises(StreamError, match="AWS denies kinesis:GetShardIterator"):
        list(shard.read(9, 9, 1))
    assert shard.sleeps == []


def test_an_iterator_that_has_expired_is_replaced_by_one_behind_what_was_read() -> None:
    shard = Shard([9, 10], [11])
    shard.seconds = 60
    reading = shard.read(9, 11, 3)
    assert [next(reading), next(reading)] == [b"9", b"10"]
    shard.faults = ["ExpiredIteratorException"]
    assert list(reading) == [b"11"]
    assert shard.iterators == ["AT 9", "AFTER 10"]


def test_a_batch_is_read_from_a_shard_that_was_split_since() -> None:
    assert list(Shard([9, 10], closed=True).read(9, 10, 2)) == [b"9", b"10"]
    with pytest.raises(GoneError, match="2 of 3 records are still there"):
        list(Shard([9, 10], closed=True).read(9, 11, 3))


@pytest.mark.parametrize(
    "fault",
    [
        "ResourceNotFoundException: Shard shardId-000000000000 in stream my-fast under account 1 does not exist",
        "InvalidArgumentException: StartingSequenceNumber 9 used in GetShardIterator on shard shardId-000000000000 in "
        "stream my-fast under account 1 is invalid because it did not come from this stream.",
    ],
    ids=["shard expired", "stream made anew"],
)
def test_records_whose_shard_or_stream_is_no_more_are_gone_for_good(fault: str) -> None:
    shard = Shard()
    shard.faults, shard.seconds = [fault], 60
    with pytest.raises(GoneError, match="cannot be read back"):
        list(shard.read(9, 9, 1))
    assert shard.sleeps == []
