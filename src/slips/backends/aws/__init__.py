"""All calls to AWS of the pipeline and of the operators' commands, one file for each service.

`clients` makes the connections, `throttles` repeats throttled calls, `refusals` and `kms_keys` write the error texts
for calls that AWS refuses. `stack` finds a deployed stack, and `operations` does what operators ask of it.
"""

from slips.model import Lane

FUNCTIONS = ("EventPusher", "FastDispatcher", "SlowDispatcher", "MainFunc", "Reporter", "Drain")
"""Logical names of all functions of a stack, as in 2018."""
STREAMS: dict[Lane, str] = {"fast": "EventFastStream", "slow": "EventSlowStream"}
DISPATCHERS: dict[Lane, str] = {"fast": "FastDispatcher", "slow": "SlowDispatcher"}
