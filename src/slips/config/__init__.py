"""slips.yml: `schema` declares its keys, `load` reads it, `check` finds its mistakes, `reference` documents it.

What is imported here is what the functions on AWS import at their start: no YAML, no checks.
"""

from slips.config.load import PACKAGED, load, parse, read_packaged
from slips.config.schema import (
    BackendConfig,
    Base,
    Config,
    Embedded,
    HandlerConfig,
    LaneConfig,
    Lanes,
    Limits,
    Mapping,
    RoleArns,
    Route,
    Sam,
    SnsTopic,
    SqsQueue,
)

__all__ = [
    "PACKAGED",
    "BackendConfig",
    "Base",
    "Config",
    "Embedded",
    "HandlerConfig",
    "LaneConfig",
    "Lanes",
    "Limits",
    "Mapping",
    "RoleArns",
    "Route",
    "Sam",
    "SnsTopic",
    "SqsQueue",
    "load",
    "parse",
    "read_packaged",
]
