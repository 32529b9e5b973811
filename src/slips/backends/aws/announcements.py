"""SQS: a queue that announces new objects to this machine, whose messages stay until their objects are concluded."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError
from msgspec import Struct

from slips.backends.aws.answers import reason
from slips.backends.aws.clients import Clients
from slips.backends.aws.queue import BATCH
from slips.backends.aws.refusals import explained
from slips.config.buckets import S3Bucket
from slips.errors import StateError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

WAIT_SECONDS = 10
"""Seconds that SQS waits for a message before it answers that there is none. 20 would cost least; but what arrives
after a session has ended, and before its last wait is over, is hidden from the next session for a while."""
_REGION = re.compile(r"(?:^|\.)([a-z]{2}(?:-[a-z]+)+-\d)\.")
_LEGACY = re.compile(r"(.*\.)?queue\.amazonaws\.com(\.cn)?")


class Received(Struct, frozen=True):
    """A message that this machine has received, and that SQS hides from others for a while."""

    id: str
    receipt: str
    record: dict[str, Any]
    """The message as Lambda would deliver it."""


class AnnouncementQueue:
    """A queue, by its URL."""

    def __init__(self, client: SQSClient, url: str) -> None:
        self._client, self.url = client, url

    @classmethod
    def of(cls, bucket: S3Bucket, region: str | None = None) -> AnnouncementQueue:
        """Make the queue of a bucket. Its URL names the server, which is AWS, or another one. Raises UsageError."""
        assert bucket.sqs is not None  # noqa: S101 - chosen by the caller
        place = urlsplit(bucket.sqs)
        host = place.hostname or ""
        # botocore sends requests to the endpoint of its region, whatever the URL of the queue says.
        endpoint = None if _LEGACY.fullmatch(host) else f"{place.scheme}://{place.netloc}"
        found = _REGION.search(host)
        clients = Clients((found[1] if found else None) or bucket.region or region, endpoint, profile=bucket.profile)
        return cls(clients.sqs, bucket.sqs)

    def receive(self, hidden: int) -> list[Received]:
        """Wait for messages, and hide them for so many seconds. Raises StateError."""
        try:
            answer = self._client.receive_message(
                QueueUrl=self.url,
                MaxNumberOfMessages=BATCH,
                VisibilityTimeout=hidden,
                WaitTimeSeconds=WAIT_SECONDS,
            )
        except (ClientError, BotoCoreError) as error:
            raise self._error("cannot be read", error) from error
        return [
            Received(each["MessageId"], each["ReceiptHandle"], {"messageId": each["MessageId"], "body": each["Body"]})
            for each in answer.get("Messages", [])
        ]

    def hide(self, receipts: Sequence[str], seconds: int) -> None:
        """Hide received messages for so many seconds from now on; 0: give them back.

        SQS refuses messages that are back already, and any 12 hours after it was received: these come again. Raises
        StateError.
        """
        for some in _batches(receipts):
            entries: list[Any] = [
                {"Id": str(number), "ReceiptHandle": receipt, "VisibilityTimeout": seconds}
                for number, receipt in enumerate(some)
            ]
            try:
                self._client.change_message_visibility_batch(QueueUrl=self.url, Entries=entries)
            except (ClientError, BotoCoreError) as error:
                raise self._error("messages cannot be hidden for longer", error) from error

    def delete(self, receipts: Sequence[str]) -> None:
        """Delete received messages. Raises StateError; then some may be deleted."""
        for some in _batches(receipts):
            entries: list[Any] = [{"Id": str(number), "ReceiptHandle": receipt} for number, receipt in enumerate(some)]
            try:
                self._client.delete_message_batch(QueueUrl=self.url, Entries=entries)
            except (ClientError, BotoCoreError) as error:
                raise self._error("messages cannot be deleted", error) from error

    def has_redrive_policy(self) -> bool:
        """Whether the queue has a redrive policy, which moves messages that cannot be processed. Raises StateError."""
        try:
            answer = self._client.get_queue_attributes(QueueUrl=self.url, AttributeNames=["RedrivePolicy"])
        except (ClientError, BotoCoreError) as error:
            raise self._error("its attributes cannot be read", error) from error
        return bool(answer.get("Attributes", {}).get("RedrivePolicy"))

    def _error(self, what: str, error: ClientError | BotoCoreError) -> StateError:
        return StateError(explained(error, self.url, "sqs") or f"{self.url}: {what}: {reason(error)}")


def _batches(receipts: Sequence[str]) -> Iterator[Sequence[str]]:
    return (receipts[at : at + BATCH] for at in range(0, len(receipts), BATCH))
