"""One machine, for a session of `slips run` or `slips up`: a supervisor that owns the state, and workers.

supervisor      gives objects to workers, one step after another
up              is `slips up`: a session that goes on until it is stopped
used_files      shows when files of the user change
turns           decides which object starts next, and when
brakes          keeps objects on their lanes: of handlers that fail, and beyond a budget
promises        decides which worker fetches which objects of S3 ahead
conclusions     writes how the runs of objects end
pending         finds the objects of `slips run`
replays         runs only what a canary has sent
sources         announce objects while a session runs
watch           the source of a directory
intake          puts on the lanes what sources announce
s3_sources      makes the sources of buckets in S3
listings        list the prefixes of a bucket in S3, each on its own
listing         lists one of them; `dated_keys` says where in it the keys of the last days are
queue           receives messages of SQS; `custody` keeps them hidden, then deletes them
webhook         takes notifications of Ceph and MinIO by HTTP; `secret_places` reads the secret that they must have
names           finds the names in the config of objects that queues and notifications name
daily_audit     audits the buckets every day, beside the supervisor
retries         repeats the calls of a source that fail
session         what these parts share
summary         the counts of a session
interrupts      let signals end a session between two steps
wake            ends a wait

pool            decides when workers start and end
worker_process  a worker as seen from the supervisor
worker          the program in that process, which runs handlers
messages        what both say to each other
permits         decide who has an object that was given ahead: the worker or the supervisor

observer        is shown the steps of a session
counters        count the steps of a service
metrics         names the counts, for Prometheus
probes          say whether a service lives and is ready
endpoint        answers HTTP requests for metrics and probes
notify          tells systemd
pulse           writes the row by which commands see a service
exposure        puts these observers together
"""
