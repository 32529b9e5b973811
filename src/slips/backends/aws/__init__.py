"""All calls to AWS of the pipeline and of the operators' commands, one file for each service.

s3               has the objects, `kinesis` the lanes, `queue` the undelivered messages; `functions` starts MainFunc
shortcut         opens further objects of a bucket without botocore: `signing` signs, `connections` sends; `ahead` reads
                 the next objects while one is processed
announcements    receives messages of queues that announce objects to this machine
dynamodb         has what both tables need: `error_table` has the error items, `ledger` the ledger, `brakes` the pauses
secret_store     reads the secrets in `handler.args`
clients          makes the connections; `throttles` repeats throttled calls
answers          reads what AWS answered to a call that failed
refusals         writes the error texts for calls that AWS refuses; `kms_keys` those for refusals of a KMS key, and
                 `s3_advice` says what to do about those of S3
stack            finds a deployed stack
operations       does what operators ask of a stack: `cloudwatch` asks for the state of lanes and alarms,
                 `lane_limits` sets limits, `stack_brakes` pauses lanes, `logs` reads logs, whose lines `log_lines`
                 recognizes, `passed` finds in them what was processed, `replays` finds what became of a drained
                 event, `known` compares a listing with both tables
dispatch_batch   computes how many records of a lane Dispatcher gets at once
"""

from slips.model import Lane

FUNCTIONS = ("EventPusher", "FastDispatcher", "SlowDispatcher", "MainFunc", "Reporter", "Drain")
"""Logical names of all functions of a stack, as in the original slips. `Dispatcher` means both dispatchers."""
AUDIT = "Audit"
"""Logical name of the function that a stack has besides if `backend.audit` is set."""
STREAMS: dict[Lane, str] = {"fast": "EventFastStream", "slow": "EventSlowStream"}
DISPATCHERS: dict[Lane, str] = {"fast": "FastDispatcher", "slow": "SlowDispatcher"}
