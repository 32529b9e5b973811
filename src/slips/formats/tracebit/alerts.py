"""Alerts of Tracebit's canaries in clouds and of their credentials."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

TRACEBIT = Json(
    "tracebit",
    "Tracebit alerts: canary resources that somebody touched, canary credentials that somebody used",
    # Its own documentation asks for an account; this page has the schema.
    "https://docs.panther.com/data-onboarding/supported-logs/tracebit",
    require=all_of("alert_id", any_of("tracebit_portal_url", "canary", "canary_credential", "discriminator")),
    time=iso("timestamp"),
    tag="tracebit.{discriminator.subtype|discriminator.type|'alert'}",
    message=(
        "{severity|'-'} {message|event.operation|'-'}: {event.operation|'-'} on "
        "{canary.name|canary_credential.name|'-'} by {principal.id|'-'} from {event.request.ip|'-'}"
    ),
    entities={
        "addresses": "event.request.ip",
        "users": "principal.id principal.okta.alternate_id canary_credential.name",
        "hosts": "canary.name",
    },
)
