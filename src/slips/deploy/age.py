"""How long an object event may wait on a lane, by the retention of the lane's stream. Pure.

What expires in a stream goes nowhere. What a mapping gives up before that is told to Reporter by its place in the
stream: Reporter reads it back, and makes error items of it.
https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
"""

from __future__ import annotations

from slips.model import Lane

ASSUMED_HOURS = 24
"""Retention of a stream that nobody has read: AWS's default, and its least."""
SHORT_HOURS = 48
"""A shorter retention leaves people a day at most to mend a lane before its events become error items."""
READ_BACK_HOURS = 12
"""For so long what was given up is still in the stream: Lambda keeps Reporter's event for 6 h, and for another 6 h
`slips drain` can take up what even Reporter could not."""
_LONGEST = 604_800
"""Seconds, the most that Lambda takes: a week."""
_LATE = {"fast": 3600, "slow": 24 * 3600}
"""Seconds on a lane that alarm. The slow lane may lag by design."""


def most(retention_hours: int) -> int:
    """Seconds after which a mapping gives up what could not be dispatched: its `MaximumRecordAgeInSeconds`."""
    return min(_LONGEST, (retention_hours - READ_BACK_HOURS) * 3600)


def late(lane: Lane, retention_hours: int) -> int:
    """Seconds on a lane that alarm: at most half of `most`, so that there is time to mend what holds the lane up."""
    return min(_LATE[lane], most(retention_hours) // 2)
