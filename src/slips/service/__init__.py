"""One machine, for a session of `slips run`: a supervisor that owns the state file, and workers that run the handlers.

`supervisor` decides about lanes, attempts and the state; `pending` finds the objects to run. `pool` starts, watches and
ends processes, `worker` is the program in each, and both exchange `messages`. `summary` has the counts of a session,
which `interrupts` end between two steps.
`replays` runs what a canary has sent, and nothing else.
"""
