"""SQS as the place of what even the reporter could not take."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from slips.backends.aws.clients import reason
from slips.backends.aws.refusals import explained
from slips.errors import StateError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

VISIBILITY_SECONDS = 300
"""How long a message that was received stays hidden: long enough to put its events back on a lane."""


class UndeliveredQueue:
    """The messages of one queue."""

    def __init__(self, client: SQSClient, url: str) -> None:
        self._client, self._url = client, url

    def receive(self) -> Iterator[tuple[str, str]]:
        """Receipt and text of each message that is there, each once; what is not deleted comes back minutes later."""
        seen: set[str] = set()
        while True:
            try:
                answer = self._client.receive_message(
                    QueueUrl=self._url, MaxNumberOfMessages=10, VisibilityTimeout=VISIBILITY_SECONDS, WaitTimeSeconds=1
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

    def delete(self, receipt: str) -> None:
        try:
            self._client.delete_message(QueueUrl=self._url, ReceiptHandle=receipt)
        except (ClientError, BotoCoreError) as error:
            raise StateError(
                explained(error, self._url, "sqs") or f"{self._url}: a message cannot be deleted: {reason(error)}"
            ) from error
