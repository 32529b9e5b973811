"""The backend of one machine: the state in one SQLite file, and directories as buckets.

`state` is that file with all its tables: `lanes`, `errors`, `ledger`, `files`. `announced` compares objects in S3 with
it, and `absent` forgets those that are deleted there. `sqlite` has the connection, `schema`
the tables, `patience` waits for a locked file, and `private` keeps files readable for their owner only. `stores`
chooses where a bucket is: in S3, or in a directory. `directory` lists and opens the objects of directories, beneath the
descriptors of `tree`; `content` identifies content by a hash, and `known` finds the state of listed objects.
`lane_limits` has the limits and pauses of the lanes, which `brakes` keeps, `heartbeat` the row of `slips up`, and
`operations` the commands of operators.
"""
