"""Throttled calls made again: with back-off and jitter, for as long as there is time, and no longer."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Collection
from typing import TypeVar

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NoConnectionError

from slips.backends.aws.clients import code

T = TypeVar("T")

FIRST_WAIT, LONGEST_WAIT = 0.2, 5.0
"""Seconds before a call is made again, doubled each time. A shard that gave 10 MiB is blocked for 5 s."""

PASSING = {
    *("ProvisionedThroughputExceededException", "LimitExceededException"),
    *("KMSThrottlingException", "KMS.ThrottlingException", "KmsThrottled"),
    *("Throttling", "ThrottlingException", "ThrottledException", "TooManyRequestsException", "RequestLimitExceeded"),
    *("InternalFailure", "InternalFailureException", "InternalServerError", "InternalServiceError"),
    *("ServiceUnavailable", "ServiceUnavailableException", "RequestTimeout", "RequestTimeoutException"),
}
"""Codes of what passes by itself: too many calls, and faults of AWS's own."""


def seconds_from_now(seconds: float, clock: Callable[[], float] = time.monotonic) -> Callable[[], float]:
    """Tells how much is left of `seconds` that begin now."""
    end = clock() + seconds
    return lambda: end - clock()


class Patience:
    """How long calls are made again; `left` tells the seconds that may still be waited."""

    def __init__(self, left: Callable[[], float], sleep: Callable[[float], None] = time.sleep) -> None:
        self._left, self._sleep = left, sleep

    def call(self, make: Callable[[], T], also: Collection[str] = ()) -> T:
        """Returns what `make` returns in the end. Codes in `also` pass, too.

        Raises the ClientError or BotoCoreError of the last try: at once if it does not pass, else when the next wait
        would be longer than the time that is left.
        """
        longest = FIRST_WAIT
        while True:
            try:
                return make()
            except (ClientError, BotoCoreError) as error:
                # Spread: functions that were refused together must not come back together.
                wait = longest * random.uniform(0.5, 1)  # noqa: S311
                if not _passes(error, also) or wait > self._left():
                    raise
            self._sleep(wait)
            longest = min(LONGEST_WAIT, 2 * longest)


def _passes(error: ClientError | BotoCoreError, also: Collection[str]) -> bool:
    if isinstance(error, ClientError):
        return code(error) in PASSING or code(error) in also
    return isinstance(error, NoConnectionError | HTTPClientError)
