"""Lambda as an Invoker: starts MainFunc with a JSON list of object events. AWS retries failed invocations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from slips.backends.aws.answers import reason
from slips.backends.aws.refusals import explained
from slips.errors import InvokeError
from slips.printable import plural

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient


class LambdaInvoker:
    """An Invoker that starts one function asynchronously."""

    def __init__(self, client: LambdaClient, function: str) -> None:
        self._client, self._function = client, function

    def invoke(self, events: Sequence[bytes]) -> None:
        """Invoke the function with encoded object events. Return when AWS has accepted them. Raises InvokeError."""
        try:
            self._client.invoke(
                FunctionName=self._function,
                InvocationType="Event",
                Payload=b"[" + b",".join(events) + b"]",
            )
        except (ClientError, BotoCoreError) as error:
            why = explained(error, "AWS Lambda", "lambda") or f"{reason(error)}; expected AWS to take them"
            raise InvokeError(
                f"{self._function}: {plural(len(events), 'object event')} not taken: {why}; delivered again later"
            ) from error
