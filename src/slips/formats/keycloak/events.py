"""Events of Keycloak as JSON: of its listeners, of users and of administrators; and in the server's own log."""

from __future__ import annotations

import re

from slips.format import Event
from slips.model import MetaData
from slips.parsing import Json, all_of, any_of, moment

PAIR = re.compile(r'(?:^|, )([A-Za-z_]\w*)=(?:"([^"]*)"|([^,"]*))')
"""A pair of an event in the server's log, whose quotes older versions leave out."""


def message_of(event: Event) -> str:
    """Return the message of an event whose pairs are its fields."""
    return (
        f"{event.get('type') or event.get('operationType') or '-'} "
        f"{event.get('resourcePath') or event.get('clientId') or '-'} by "
        f"{event.get('username') or event.get('userId') or '-'} from {event.get('ipAddress') or '-'} "
        f"{event.get('error') or '-'}"
    )


def _take_pairs(meta: MetaData, event: Event) -> None:
    """Add the pairs of an event that is the message of a line of the server's log."""
    if "loggerName" not in event:
        return
    text = event.get("message")
    if event["loggerName"] != "org.keycloak.events" or text.__class__ is not str:
        meta.tag, meta.message = "keycloak.log", text if text.__class__ is str else None
        return
    for name, quoted, bare in PAIR.findall(text):
        if name not in event:
            event[name] = None if (value := quoted or bare) in ("", "null") else value
    meta.tag = f"keycloak.{event.get('type') or event.get('operationType') or 'event'}"
    meta.message = message_of(event)


KEYCLOAK = Json(
    "keycloak",
    "Keycloak user events and admin events, of listeners or in the server's log as JSON",
    "https://www.keycloak.org/docs/latest/server_admin/#configuring-auditing-to-track-events",
    require=any_of(
        all_of("realmId", any_of("type", "operationType", "resourcePath")),
        all_of("loggerName", "loggerClassName", "message"),
    ),
    time=moment("time", "timestamp"),
    tag="keycloak.{type|operationType|'event'}",
    message=(
        "{type|operationType|'event'}{' ' resourcePath|clientId}"
        "{' by ' details.username|userId|authDetails.userId}{' from ' ipAddress|authDetails.ipAddress}"
        "{' ' error}"
    ),
    booleans="details.remember_me",
    refine=_take_pairs,
    entities={
        "addresses": "ipAddress authDetails.ipAddress",
        "users": "details.username username userId authDetails.username authDetails.userId",
        "hosts": "hostName",
    },
)
