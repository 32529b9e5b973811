"""The stations of the pipeline, each a function of a site: no station depends on a backend.

    envelope ─► push ─► lane fast │ slow ─► dispatch ─► invocation(process) ─► conclude ─► error table, ledger, lane
    what AWS gave up on, of push, dispatch or invocation ─► report ─► error table, ledger
    error table ─► drain ─► lane fast │ slow

push         puts object events on their lanes, or drops them by a routing rule, and counts them
dispatch     starts the main func on the object events of a lane, in their order, until one is refused
hold         keeps events from starting while a lane pauses: in the error table, many in an item; `release` puts them
             back, and `outcomes` counts how runs end, by which a lane pauses
invocation   claims, processes and concludes each object event of a batch
process      runs one object through its chain to the handlers: a Success or a Failure; never raises
quoted_key   finds the object of an event whose key may be quoted
handlers     makes the user's handlers, calls `setup`, `recv` for each log event, and `result`
batches      collects the events of a handler that takes them in lists, and calls its `recv_batch`
quarantine   collects the bad records of one run
ended        the end of a run: Success, Failure, Superseded
conclude     decides the consequences of a run, and writes them to error table, lane and ledger
items        makes error items of a Failure, or of quarantined records
evidence     bounds the log event, reason and traceback in an error item; `result` bounds a handler's result
report       concludes the events of an invocation that AWS gave up on
drain        replays chosen error items, then redelivers undelivered messages: for the CLI, and the stack's function
canary       drains some items of each group first, and the rest of a group when these have succeeded
replay       puts one error item back on its lanes, and deletes it when they have accepted all of it
undelivered  puts back messages that no function could process
dismiss      deletes error items and unreadable messages for good
choose       chooses error items by id, group, time, prefix and type; `sample` picks real objects to test a handler on
selection    chooses the listings of an audit or a backfill, by paths and mappings
audit        compares a listing with what the backend has of each object; `audit_words` has the words for its counts,
             `audit_report` the page to hand on, and `audit_note` keeps the latest one;
             `long_audit` audits a stack in several invocations
backfill     puts existing objects on lanes
tap          reads a few of the objects that were just processed once more, to show their events
overview     looks at a backend again and again: what is cheap each time, the rest at a pace that costs little
groups       finds the latest item of a group, and counts a group's items by mapping
"""
