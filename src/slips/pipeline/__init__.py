"""The stations of the pipeline, each one function over ports; none knows which backend is behind them.

    envelope ─► push ─► lane fast │ slow ─► dispatch ─► process ─► Handler.setup / recv / result
                  ▲                                      │  │
                drain ◄── ErrorTable ◄── report ◄────────┘  └─► Ledger

push     object events to their lane, or dropped by a routing rule, counted
process  one object through its chain to the handlers: a Success, or the Failure that ended it; never raises
report   a Failure, or a Success with quarantined records, to the error items that people see
drain    error items back on their lane, each deleted only after all of it was accepted
"""
