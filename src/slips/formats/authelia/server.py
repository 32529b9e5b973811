"""The log of Authelia, in the notation of pairs and as JSON."""

from __future__ import annotations

import re

from slips.format import Event
from slips.model import MetaData
from slips.parsing import Json, KeyValue, all_of, any_of, iso, one_of

_LOGIN = re.compile(r"(Successful|Unsuccessful) ([^ ]{1,40}) authentication attempt(?: made)? by user '([^']*)'")


def _name_user(_meta: MetaData, event: Event) -> None:
    """Add the user, the factor and the outcome of a login."""
    if event["msg"].__class__ is str and (found := _LOGIN.match(event["msg"])):
        event |= {"outcome": found[1], "factor": found[2], "user": found[3]}


_REQUIRED = all_of("msg", "level", any_of("time", "remote_ip"))
_MESSAGE = "{level} {msg}{' from ' remote_ip}{': ' error}"

AUTHELIA = one_of(
    "authelia",
    "logs of Authelia as text or JSON: logins, requests, errors",
    "https://www.authelia.com/configuration/miscellaneous/logging/",
    Json(
        "authelia.json",
        "the format json",
        tag="authelia.{level}",
        time=iso("time"),
        message=_MESSAGE,
        require=_REQUIRED,
        refine=_name_user,
    ),
    KeyValue(
        "authelia.text",
        "the format text",
        tag="authelia.{level}",
        time=iso("time"),
        message=_MESSAGE,
        require=_REQUIRED,
        refine=_name_user,
    ),
    tag="authelia.{level}",
    entities={"addresses": "remote_ip", "users": "user"},
)
