"""The places of the values that commands need of a config, which may have mistakes elsewhere."""

from __future__ import annotations

from slips.config.problems import Where

Needs = tuple[Where, ...]

STACK_NAME: Needs = (("stack_name",),)
"""To find the stack on AWS."""
OPERATING: Needs = (("backend", "embedded"), ("backend", "lane"), ("backend", "ledger_days"))
"""To look at the state of this machine, or to know that the config is of a stack."""
DRAINING: Needs = (*STACK_NAME, *OPERATING, ("routing",), ("bucket_mapping",))
"""To put events back on their lanes: a reader that was changed since replays the whole object."""
MAPPING: Needs = (("bucket_mapping",),)
"""To name the mapping of an object."""
