"""The stations of the pipeline, each a function of a site: no station depends on a backend.

    envelope ─► push ─► lane fast │ slow ─► dispatch ─► process ─► Handler.setup / recv / result
                  ▲                                      │  │
                drain ◄── ErrorTable ◄── report ◄────────┘  └─► Ledger

push        object events to their lane, or dropped by a routing rule, counted
dispatch    object events of a lane to the main func, in their order, until one is not taken
key         which object an event names whose key may be quoted
process     one object through its chain to the handlers: a Success, or the Failure that ended it; never raises
handlers    the user's handlers in one run: made, set up, given each event, asked for their results
quarantine  the bad records of one run
ended       how a run ended: Success, Failure, Superseded
invocation  a batch of object events, each claimed, processed and concluded
conclude    what became of one object event, from how its run ended, written to error table, lane and ledger
items       a Failure, or a Success with quarantined records, as the error items that people see
report      an invocation that AWS gave up, to the error table
drain       chosen error items, then undelivered messages, one by one: by the CLI, and by the stack's own function
replay      one error item back on its lanes, deleted only after they accepted all of it
undelivered the messages that no function could process, back on their lanes
choose      which error items are meant
"""
