"""slips.yml, declared once in `schema`, from which all else follows.

schema      the keys, typed and described, with what `notes` says of texts, numbers and ARNs
load        a file, a text or a deployed package to a Config; on AWS, only this and the declaration are imported
check       a text to a Config and all its problems: `nodes` composes YAML, `values` reads it beside the declaration,
            `rules` and `policies` compare keys with each other, `problems` collects what they report
reference   docs/config.md and the JSON Schema
secrets     placeholders in `handler.args`
declared    the declaration, read for the others; `arns` tells which ARNs cannot be real
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
