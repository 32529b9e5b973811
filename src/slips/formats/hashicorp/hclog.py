"""Logs of HashiCorp's servers: Consul, Nomad, Vault, Boundary, as texts and as JSON."""

from __future__ import annotations

from slips.parsing import Json, Regex, all_of, iso, one_of, stamp

_REFERENCE = "https://github.com/hashicorp/go-hclog"

# The time of texts is ISO 8601; before the library hclog, that of Go's own, with slashes.
HCLOG = one_of(
    "hclog",
    "server logs of HashiCorp Consul, Nomad, Vault and Boundary, as texts or as JSON",
    _REFERENCE,
    Json(
        "hclog-json",
        "server logs of HashiCorp as JSON",
        _REFERENCE,
        require=all_of("@level", "@message", "@timestamp"),
        tag="hashicorp.{@level}",
        time=iso("@timestamp"),
        message="{@module|'-'} {@message}",
    ),
    Regex(
        "hclog-text",
        "server logs of HashiCorp as texts",
        _REFERENCE,
        tag="hashicorp.{level}",
        time=stamp("time"),
        message="{message}",
        pattern=r"\s*+(?P<time>\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?) +"
        r"\[(?P<level>[A-Z]+)\] +(?:(?P<module>[A-Za-z0-9_.-]+): )?(?P<message>.*)",
    ),
    tag="hashicorp.{level}",
)
