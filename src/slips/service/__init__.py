"""One machine: a supervisor that owns the state file, and workers that run the handlers.

`supervisor` knows lanes, attempts and the state; `pool` knows processes; `worker` is what runs in one, and `messages`
what the two say to each other. `lanes` says how fast a lane is emptied, `summary` how a run is told to people.
"""
