"""Events of authentik, an identity provider: as its API gives them, and as its containers log them."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

# The containers log each event when it is made, with `timestamp` in place of `created`, and the requests that they
# serve. Answers of the API have several events in `results`: for a record of each, the chain is
# `[json-records:results, authentik]`.
AUTHENTIK = Json(
    "authentik",
    "authentik events: logins, authorized applications, changes of objects, policies, tasks; logs of its containers",
    "https://docs.goauthentik.io/sys-mgmt/events/event-actions",
    require=any_of(
        all_of("pk", "action", "app", any_of("created", "timestamp")),
        all_of("event", "level", "logger", "timestamp", any_of("schema_name", "domain_url", "request_id")),
    ),
    time=iso("created", "timestamp"),
    tag="authentik.{action|'log'}",
    message=(
        "{action|method|level}: "
        "{context.authorized_application.name|context.model.name|context.stage.name|context.flow.name|event|app} "
        "by {user.username|user|context.username|'-'} from {client_ip|remote|'-'}"
    ),
    entities={
        "addresses": "client_ip remote",
        "users": "user.username user.email user context.username user.on_behalf_of.username",
        "hosts": "host",
    },
)
