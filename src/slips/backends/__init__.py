"""The ports, filled: `machine` on this machine, `aws` on AWS.

`spans` reads rows of SQLite tables by spans of keys, for both.
"""
