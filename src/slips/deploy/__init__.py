"""The stack on AWS: makes, updates, checks and deletes it.

deploy           implements `slips deploy`, over the modules below
destroy          implements `slips destroy`
handover         writes the directory of `slips package`, for other tools; `recipes` writes the files of these tools
account          the account and region, with its clients
deployment       the stack in CloudFormation; `changes` turns CloudFormation's answers into data
look             reads facts about the account: `checks` checks what the config names, `kms_keys` finds KMS keys,
                 `network` checks the way from the subnets to the services
queues           checks source queues, `boundary` checks `permissions_boundary`, `shards` checks changes of shards
given            holds the facts about resources that the config gives by ARN
template         builds the stack: `resources` has its parts, `permissions` the rights of its roles, `streams` the
                 capacity and retention of its streams, `age` how long events may wait on these
policies         judges policies of resources and of IAM
package          builds the code of the functions: `modules` finds those of slips, `user_files` and `selection` the
                 user's files, `handler_check` imports the handler, `member` is one file, `dependencies` installs
                 libraries: `requirement_files` reads what is required, `installer` runs uv with pip's settings, which
                 `pip_settings` translates; `compiled` compiles modules for cold starts
uploads          puts the package into the code bucket
wiring           lets buckets notify the stack, by the changes that `notifications` plans
limit_changes    sets back settings that `slips limit` changed
error_tables     finds error tables that outlived their stacks
"""
