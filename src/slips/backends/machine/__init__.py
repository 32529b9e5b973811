"""One machine: the state in one SQLite file, and directories that stand for buckets.

`sqlite` is the state (lanes, error table, ledger), `schema` its tables, `patience` waiting for a locked file, `private`
who may read what is written. `directory` lists and opens the objects, beneath the descriptors of `tree`; `content` and
`files` know an object's content by a hash of its bytes. `limits` says how fast each lane is
emptied.
"""
