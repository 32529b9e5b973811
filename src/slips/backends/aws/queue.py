"""SQS: the queue of events that even Reporter could not record, and queues that announce new objects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from slips.backends.aws.answers import reason
from slips.backends.aws.refusals import explained
from slips.envelope.arrivals import evidence
from slips.errors import StateError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

RECEIVES = 5
"""Receives after which slips gives up on a message of a queue without a redrive policy: the least that AWS recommends.
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html"""
LONGEST = 2**20
"""Most bytes of a message."""
BATCH = 10
"""Most messages of a call.
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_ChangeMessageVisibilityBatch.html"""
VISIBILITY_SECONDS = 300
"""Seconds for which a received message stays hidden: long enough to put its events back on a lane."""


class UndeliveredQueue:
    """The queue of events that even Reporter could not record; `drain` puts them back on a lane."""

    def __init__(self, client: SQSClient, url: str) -> None:
        self._client, self._url = client, url

    def receive(self) -> Iterator[tuple[str, str]]:
        """Yield receipt and text of each message, each once. A message that is not deleted reappears minutes later.

        Raises StateError.
        """
        seen: set[str] = set()
        while True:
            try:
                answer = self._client.receive_message(
                    QueueUrl=self._url,
                    MaxNumberOfMessages=BATCH,
                    VisibilityTimeout=VISIBILITY_SECONDS,
                    WaitTimeSeconds=1,
                )
            except (ClientError, BotoCoreError) as error:
                raise StateError(
                    explained(error, self._url, "sqs") or f"{self._url}: cannot be read: {reason(error)}"
                ) from error
            fresh = [each for each in answer.get("Messages", []) if each["MessageId"] not in seen]
            if not fresh:
                return
            for each in fresh:
                seen.add(each["MessageId"])
                yield each["ReceiptHandle"], each["Body"]

    def take_over(self, record: Any, source: str, receives: int | None) -> bool:
        """Move a record of SQS from the queue with the ARN `source` to this queue. Return False if the record stays.

        A record stays if it has few `receives` (None: a further receive is useless), or if its queue has a redrive
        policy, which moves it by the owner's rule. Raises StateError; then the record stays, too.
        """
        if receives is not None and receives < RECEIVES:
            return False
        if _has_redrive_policy(self._client, source):
            return False
        self._keep(evidence(record, LONGEST))
        return True

    def _keep(self, text: str) -> None:
        try:
            self._client.send_message(QueueUrl=self._url, MessageBody=text)
        except (ClientError, BotoCoreError) as error:
            raise StateError(
                explained(error, self._url, "sqs") or f"{self._url}: refuses a message: {reason(error)}"
            ) from error

    def delete(self, receipt: str) -> None:
        try:
            self._client.delete_message(QueueUrl=self._url, ReceiptHandle=receipt)
        except (ClientError, BotoCoreError) as error:
            raise StateError(
                explained(error, self._url, "sqs") or f"{self._url}: a message cannot be deleted: {reason(error)}"
            ) from error

    def release(self, receipts: Sequence[str]) -> bool:
        """Make received messages visible again at once. Return False if some reappear only minutes later.

        Never raises: the user or role may lack `sqs:ChangeMessageVisibility`, which the version before did not need.
        """
        for at in range(0, len(receipts), BATCH):
            entries: list[Any] = [
                {"Id": str(number), "ReceiptHandle": receipt, "VisibilityTimeout": 0}
                for number, receipt in enumerate(receipts[at : at + BATCH])
            ]
            try:
                answer = self._client.change_message_visibility_batch(QueueUrl=self._url, Entries=entries)
            except (ClientError, BotoCoreError):
                return False
            if answer.get("Failed"):
                return False
        return True


def count_messages(client: SQSClient, url: str) -> int:
    """Return the approximate number of messages in a queue, with those that a consumer hides. Passes ClientError."""
    names: list[Any] = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    return sum(map(int, client.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"].values()))


def _has_redrive_policy(client: SQSClient, arn: str) -> bool:
    """Whether a queue has a redrive policy, which moves messages that no consumer can process. Raises StateError."""
    if arn.count(":") != 5:
        raise StateError(f"'{arn}': is no ARN of a queue; expected one such as arn:aws:sqs:REGION:ACCOUNT:NAME")
    account, name = arn.split(":")[4:]
    try:
        # SQS finds a queue by the path of its URL; asking for the URL would need a permission of its own.
        answer = client.get_queue_attributes(
            QueueUrl=f"{client.meta.endpoint_url}/{account}/{name}", AttributeNames=["RedrivePolicy"]
        )
    except (ClientError, BotoCoreError) as error:
        raise StateError(
            explained(error, arn, "sqs") or f"{arn}: its attributes cannot be read: {reason(error)}"
        ) from error
    return bool(answer.get("Attributes", {}).get("RedrivePolicy"))
