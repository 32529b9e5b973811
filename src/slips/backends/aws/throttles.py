"""Repeats throttled calls to AWS, with back-off and jitter, until a time limit."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Collection
from typing import TypeVar

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NoConnectionError

from slips.backends.aws.answers import code

T = TypeVar("T")

FIRST_WAIT, LONGEST_WAIT = 0.2, 5.0
"""Seconds before a call is repeated, doubled each time. A shard of Kinesis is blocked for 5 s after it sent 10 MiB.
https://docs.aws.amazon.com/kinesis/latest/APIReference/API_GetRecords.html"""

PASSING = {
    *("ProvisionedThroughputExceededException", "LimitExceededException"),
    *("KMSThrottlingException", "KMS.ThrottlingException", "KmsThrottled"),
    *("Throttling", "ThrottlingException", "ThrottledException", "TooManyRequestsException", "RequestLimitExceeded"),
    *("InternalFailure", "InternalFailureException", "InternalServerError", "InternalServiceError"),
    *("SlowDown", "InternalError", "500", "502", "503", "504"),
    *("ServiceUnavailable", "ServiceUnavailableException", "RequestTimeout", "RequestTimeoutException"),
}
"""Codes of errors that pass by themselves: too many calls, and faults of AWS."""


def seconds_from_now(seconds: float, clock: Callable[[], float] = time.monotonic) -> Callable[[], float]:
    """Return a function that returns how many of `seconds`, which begin now, are left."""
    end = clock() + seconds
    return lambda: end - clock()


class Backoff:
    """Repeats calls that AWS throttles, until the time is up. `left` returns the seconds that remain for waiting."""

    def __init__(self, left: Callable[[], float], sleep: Callable[[float], None] = time.sleep) -> None:
        self._left, self._sleep = left, sleep

    def call(self, make: Callable[[], T], also: Collection[str] = ()) -> T:
        """Call `make` until it succeeds, and return its result. Retry errors with codes in PASSING and `also`.

        Raises any other ClientError or BotoCoreError at once, and a passing one if the next wait would be longer than
        the time that is left.
        """
        longest = FIRST_WAIT
        while True:
            try:
                return make()
            except (ClientError, BotoCoreError) as error:
                # Random: functions that were throttled together must not call again together.
                wait = longest * random.uniform(0.5, 1)  # noqa: S311
                if not passes(error, also) or wait > self._left():
                    raise
            self._sleep(wait)
            longest = min(LONGEST_WAIT, 2 * longest)


def passes(error: ClientError | BotoCoreError, also: Collection[str] = ()) -> bool:
    """Whether an error passes by itself: the same call may succeed later."""
    if isinstance(error, ClientError):
        return code(error) in PASSING or code(error) in also
    return isinstance(error, NoConnectionError | HTTPClientError)
