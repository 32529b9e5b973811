"""Limits of the time that an object event may wait on a lane, by the retention of the lane's stream. Pure.

A stream deletes expired records without notice. So an event source mapping must give up on records before they expire:
then AWS sends their place in the stream to Reporter, which reads the records back and makes error items of them.
https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
"""

from __future__ import annotations

from slips.model import Lane

ASSUMED_HOURS = 24
"""Retention assumed for a stream whose settings were not read: AWS's default, and its minimum."""
SHORT_HOURS = 48
"""Least hours of retention without a warning: fewer leave a day at most to mend a lane, before events become error
items."""
READ_BACK_HOURS = 12
"""Hours for which records that the mapping gave up on stay in the stream: Lambda keeps Reporter's event for 6 h, and
`slips drain` has another 6 h to redeliver events that even Reporter could not process."""
_LONGEST = 604_800
"""Most seconds that Lambda accepts: a week."""
_LATE = {"fast": 3600, "slow": 24 * 3600}
"""Seconds of waiting on a lane that cause an alarm. The slow lane may lag by design."""


def most(retention_hours: int) -> int:
    """Return the seconds after which a mapping abandons undispatched records: its `MaximumRecordAgeInSeconds`."""
    return min(_LONGEST, (retention_hours - READ_BACK_HOURS) * 3600)


def late(lane: Lane, retention_hours: int) -> int:
    """Return the seconds of waiting that cause an alarm: at most half of `most`, which leaves time to mend the lane."""
    return min(_LATE[lane], most(retention_hours) // 2)
