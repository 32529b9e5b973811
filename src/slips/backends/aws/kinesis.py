"""Kinesis as a Stream: puts object events on two lanes, and reads back a batch that a mapping gave up on."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from botocore.exceptions import BotoCoreError, ClientError

from slips.backends.aws.answers import code, reason
from slips.backends.aws.refusals import explained
from slips.backends.aws.throttles import Backoff
from slips.envelope.lane import encode
from slips.envelope.lost import Batch
from slips.errors import GoneError, StreamError
from slips.model import Lane, ObjectEvent
from slips.printable import are, plural

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

PUT_RECORDS, PUT_BYTES = 500, 4 * 2**20
"""Most records and bytes of one `PutRecords`. AWS allows 500 records and, since 2025, 10 MiB."""
GET_RECORDS = 10_000
"""Most records of one `GetRecords`."""
EXPIRED_ITERATOR = "ExpiredIteratorException"
"""Code of an iterator older than five minutes."""
ATTEMPTS = 6
FIRST_WAIT, LONGEST_WAIT = 0.1, 3.0
"""Seconds before refused records are put again, doubled each time: a throttled shard accepts records after 1 s."""


class KinesisStream:
    """A Stream of two Kinesis streams; `arns` has the ARN of the stream of each lane."""

    def __init__(
        self, client: KinesisClient, arns: Mapping[Lane, str], sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._client, self._arns, self._sleep = client, arns, sleep

    @property
    def names(self) -> dict[Lane, str]:
        """The physical name of each lane's stream, which is `dest_stream` of the lane's events."""
        return {lane: arn.rpartition("/")[2] for lane, arn in self._arns.items()}

    def put(self, lane: Lane, events: Sequence[ObjectEvent]) -> None:
        """Put all events, refused ones again, up to ATTEMPTS times. Raises StreamError with those still refused."""
        waiting = [(event, encode(event)) for event in events]
        refusal, where = "", f"Kinesis stream {self.names[lane]}"
        advice: str | None = None
        for attempt in range(ATTEMPTS):
            if attempt:
                # Random: functions that were refused together must not call again together.
                self._sleep(min(LONGEST_WAIT, FIRST_WAIT * 2**attempt) * random.uniform(0.5, 1))  # noqa: S311
            refused: list[tuple[ObjectEvent, bytes]] = []
            for group in _groups(waiting):
                try:
                    answer = self._client.put_records(
                        StreamARN=self._arns[lane],
                        # Any shard, by a random key: objects have no order.
                        Records=[{"Data": data, "PartitionKey": uuid4().hex} for _, data in group],
                    )
                except (ClientError, BotoCoreError) as error:
                    refused, refusal, advice = refused + group, reason(error), explained(error, where, "kinesis")
                    continue
                for one, result in zip(group, answer["Records"], strict=True):
                    if "ErrorCode" in result:
                        refused.append(one)
                        advice, refusal = None, f"{result['ErrorCode']}: {result.get('ErrorMessage', '')}"
            waiting = refused
            if not waiting:
                return
        of = f"{len(waiting)} of {plural(len(events), 'object event')}"
        why = f"{where} refused {of} {ATTEMPTS} times: {refusal}; expected it to accept them; look at its throughput"
        raise StreamError(
            f"lane {lane}: {f'{of} {are(len(waiting))} not put: {advice}' if advice else why}",
            [event for event, _ in waiting],
        )


def _groups(waiting: Sequence[tuple[ObjectEvent, bytes]]) -> Iterator[list[tuple[ObjectEvent, bytes]]]:
    group: list[tuple[ObjectEvent, bytes]] = []
    size = 0
    for one in waiting:
        if group and (len(group) == PUT_RECORDS or size + len(one[1]) > PUT_BYTES):
            yield group
            group, size = [], 0
        group.append(one)
        size += len(one[1])
    if group:
        yield group


def read_back(client: KinesisClient, batch: Batch, backoff: Backoff) -> Iterator[bytes]:
    """Yield the data of the records of a batch, in order, and read no further records of the shard.

    Raises GoneError, behind the records that are left, if the stream has deleted the others. Raises StreamError if
    `backoff` runs out of time.
    """
    where = f"{batch.stream_arn} {batch.shard_id} {batch.first}..{batch.last}"
    start: Any = {"ShardIteratorType": "AT_SEQUENCE_NUMBER", "StartingSequenceNumber": batch.first}
    iterator: str | None = None
    count, is_done = 0, False

    def next_page() -> Any:
        nonlocal iterator
        shard: Any = {"StreamARN": batch.stream_arn}
        if iterator is None:
            iterator = client.get_shard_iterator(**shard, ShardId=batch.shard_id, **start)["ShardIterator"]
        # An answer of `GetRecords` has up to 10 MiB, and then blocks all readers of the shard, Dispatcher too, for
        # 5 s.
        limit: Any = {"Limit": min(GET_RECORDS, batch.size - count)} if batch.size > count else {}
        try:
            return client.get_records(**shard, ShardIterator=iterator, **limit)
        except ClientError as error:
            if code(error) == EXPIRED_ITERATOR:
                iterator = None
            raise

    while not is_done:
        try:
            page = backoff.call(next_page, {EXPIRED_ITERATOR})
        except (ClientError, BotoCoreError) as error:
            why = explained(error, "Kinesis", "kinesis") or reason(error)
            kind = GoneError if isinstance(error, ClientError) and _is_gone(error) else StreamError
            raise kind(f"{where}: the records cannot be read back: {why}", []) from error
        for record in page["Records"]:
            number = record["SequenceNumber"]
            if int(number) > int(batch.last):
                is_done = True
                break
            count += 1
            start = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": number}
            yield record["Data"]
        iterator = page.get("NextShardIterator")
        # A shard without a next iterator was split or merged, and ends here.
        at_end = iterator is None or not (page["Records"] or page.get("MillisBehindLatest"))
        is_done = is_done or at_end or count >= batch.size > 0
    if count < batch.size:
        raise GoneError(
            f"{where}: {count} of {plural(batch.size, 'record')} {are(count)} still there; expected all; the stream "
            "keeps them for its retention period only",
            [],
        )


def _is_gone(error: ClientError) -> bool:
    """Whether the records are lost: their stream or shard is deleted, or another stream has the stream's name."""
    return code(error) == "ResourceNotFoundException" or "did not come from this stream" in reason(error)
