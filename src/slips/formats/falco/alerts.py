"""Alerts of Falco."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

FALCO = Json(
    "falco",
    "Falco alerts as JSON",
    "https://falco.org/docs/concepts/outputs/formatting/",
    require=all_of("rule", any_of("priority", "output", "output_fields")),
    time=iso("time"),
    tag="falco.{priority|'alert'}",
    message="{output|rule}",
    entities={
        "addresses": "output_fields.fd.sip output_fields.fd.cip output_fields.fd.rip",
        "users": "output_fields.user.name",
        "hosts": "hostname",
    },
)
