"""One machine, for a session of `slips run`: a supervisor that owns the state file, and workers that run the handlers.

`supervisor` decides about lanes, attempts and the state; `pending` finds the objects to run, `replays` runs only what a
canary has sent. `pool` decides when workers start and end, `worker_process` is one of them as seen from here, `worker`
is the program in it, and both exchange `messages`. `sources` announce objects. `summary` has the counts of a session,
`observer` shows its steps, and `interrupts` let signals end it between two steps.

Observers of a service: `counters` count its steps, `metrics` names the counts, `probes` say whether it lives and is
ready, `endpoint` answers HTTP requests for these, and `notify` tells systemd.
"""
