"""Events of authentik, an identity provider: as its API gives them, and as its containers log them."""

from __future__ import annotations

from slips.errors import foreign_record
from slips.format import Event
from slips.model import MetaData
from slips.parsing import Json, all_of, any_of, moment

_OWN = ("pk", "schema_name", "domain_url", "request_id")


def _check_logger(_meta: MetaData, event: Event) -> None:
    """Refuse what another program logs in the same notation. Raises RecordError."""
    logger = event.get("logger")
    if all(event.get(name) is None for name in _OWN) and not str(logger).startswith("authentik."):
        raise foreign_record(f"'logger' is {logger!r:.60}; expected one of authentik, such as 'authentik.router'")


# The containers log each event when it is made, with `timestamp` in place of `created`, and the requests that they
# serve. Answers of the API have several events in `results`: for a record of each, the chain is
# `[json-records:results, authentik]`.
AUTHENTIK = Json(
    "authentik",
    "authentik events: logins, authorized applications, changes of objects, policies, tasks; logs of its containers",
    "https://docs.goauthentik.io/sys-mgmt/events/event-actions",
    require=any_of(
        all_of("pk", "action", "app", any_of("created", "timestamp")),
        all_of("event", "level", "logger", "timestamp"),
    ),
    time=moment("created", "timestamp"),  # before the configuration is read, the containers write seconds since 1970
    tag="authentik.{action|'log'}",
    message=(
        "{action|method|level}: "
        "{context.authorized_application.name|context.model.name|context.stage.name|context.flow.name|event|app} "
        "by {user.username|user|context.username|'-'} from {client_ip|remote|'-'}"
    ),
    refine=_check_logger,
    entities={
        "addresses": "client_ip remote",
        "users": "user.username user.email user context.username user.on_behalf_of.username identifier",
        "hosts": "host",
    },
)
