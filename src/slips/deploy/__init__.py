"""The stack on AWS: makes, updates, checks and deletes it.

`deploy` and `destroy` implement the commands of these names over a `deployment`, the stack in CloudFormation, whose
answers `changes` has as data. `look` reads the facts about the account, by `checks`, `keys` and `network`; `template`
builds the stack from `resources` and `permissions`; `package` builds the code of the functions, and `uploads` puts it
into the code bucket. `wiring` lets buckets notify the stack. `handover` writes all of that for other tools.
"""
