"""slips.yml, declared once, from which all else follows.

schema      declares the keys, with types and descriptions: `backend` those below `backend`, `buckets` those of this
            machine's buckets in S3, `handler` those of handlers, `mapping` those that choose objects by bucket and
            key; `notes` has texts, numbers and ARNs
load        loads a file, a text or a deployed package as a Config; on AWS, only this and the declaration are imported
needs       names the values that commands need of a config with mistakes elsewhere
check       checks a text: `nodes` composes YAML, `values` reads it beside the declaration, `scalars` finds what
            YAML changes, `rules`, `bucket_rules`, `handler_rules`, `key_rules` and `policies` compare keys with each
            other, `server_urls` checks URLs, `problems` collects the mistakes
reference   writes docs/config.md and the JSON Schema
secrets     finds and resolves placeholders in `handler.args`
declared    reads the declaration for the other modules; `arns` finds ARNs that cannot be real
places      finds the lines of ARNs in the file of a checked config
"""

from slips.config.backend import LaneConfig
from slips.config.handler import HandlerConfig, HandlerSpec, MappingHandler
from slips.config.load import PACKAGED, load, parse, read_packaged
from slips.config.mapping import Mapping, Route
from slips.config.schema import Config

__all__ = [
    "PACKAGED",
    "Config",
    "HandlerConfig",
    "HandlerSpec",
    "LaneConfig",
    "Mapping",
    "MappingHandler",
    "Route",
    "load",
    "parse",
    "read_packaged",
]
