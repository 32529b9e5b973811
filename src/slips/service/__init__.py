"""One machine: a supervisor that owns the state file, and workers that run the handlers.

`supervisor` knows lanes, attempts and the state; `pool` knows processes; `worker` is what runs in one, and `messages`
what the two say to each other. `summary` says what a run came to.
"""
