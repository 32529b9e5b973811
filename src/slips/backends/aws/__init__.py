"""AWS at run time. All calls to AWS that the pipeline and the operators make are here, one file for each service.

`clients` has the connections, `refusals` what AWS refuses as texts; `stack` finds a deployed stack, and `operations` is
what operators see and do on it.
"""

from slips.model import Lane

FUNCTIONS = ("EventPusher", "FastDispatcher", "SlowDispatcher", "MainFunc", "Reporter", "Drain")
"""Logical names of all functions of a stack, as in 2018."""
STREAMS: dict[Lane, str] = {"fast": "EventFastStream", "slow": "EventSlowStream"}
DISPATCHERS: dict[Lane, str] = {"fast": "FastDispatcher", "slow": "SlowDispatcher"}
