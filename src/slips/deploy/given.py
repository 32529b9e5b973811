"""Facts about resources that the config gives by ARN, for the template, and assumptions in place of missing facts.

Pure: `checks.read_given` reads the facts from AWS, and describes what it could not read.
"""

from __future__ import annotations

from msgspec import Struct

from slips.config import Config
from slips.config.arns import given_arns
from slips.deploy import age
from slips.model import LANES, Lane


class Given(Struct, frozen=True):
    """Facts about the given resources. For a resource without facts the template assumes AWS's defaults."""

    retention_hours: dict[str, int] = {}
    """Hours for which a stream keeps its events, by the stream's ARN."""
    keys: dict[str, str] = {}
    """The ARN of the customer's KMS key that encrypts a stream, table, topic or queue, by the ARN of that."""

    def retention(self, stream: str) -> int:
        """Return the hours for which a stream keeps its events."""
        return self.retention_hours.get(stream, age.ASSUMED_HOURS)


NOTHING = Given()
"""No facts: the template assumes defaults for all given resources."""


def streams_of(config: Config) -> dict[Lane, str]:
    """Return the ARN of each lane's stream that the config gives."""
    backend = config.backend
    given = {"fast": backend.kinesis_stream_fast_arn, "slow": backend.kinesis_stream_slow_arn}
    return {lane: arn for lane in LANES if (arn := given[lane]) is not None}


def assumed(config: Config) -> list[str]:
    """Return the template's assumptions about given resources that were not read, as texts for people."""
    hours, most = age.ASSUMED_HOURS, age.most(age.ASSUMED_HOURS) // 3600
    used = [one.arn for one in given_arns(config) if one.has_roles]
    return [
        *(
            f"lane {lane}: {arn} is assumed to keep events for {hours} h: they are given up after {most} h"
            for lane, arn in streams_of(config).items()
        ),
        *(
            f"{arn} is assumed not to be encrypted with a key of yours: no role may use one for it"
            for arn in dict.fromkeys(used)
        ),
    ]
