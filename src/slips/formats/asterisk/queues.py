"""Log of Asterisk's queues: calls that enter, wait, are answered and end, and agents that come and go."""

from __future__ import annotations

from slips.parsing import Columns, epoch

_DATA = "data1 data2 data3 data4 data5"

ASTERISK_QUEUE = Columns(
    "asterisk-queue",
    "Asterisk queue_log: calls in queues, and the agents who answer them",
    "https://docs.asterisk.org/Operation/Logging/Queue-Logs/",
    time=epoch("time", unit="s"),
    tag="asterisk.queue.{event}",
    message="{event}{' in ' queue}{' by ' agent}",
    columns=f"time call_id queue agent event {_DATA}",
    optional=_DATA,
    separator="|",
    absent=("", "NONE"),
    integers="time",
    entities={"users": "agent"},
)
