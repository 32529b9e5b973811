"""Lines of Heroku's log drains: of the router, of dynos, of the platform."""

from __future__ import annotations

import re

from slips.format import Event
from slips.model import MetaData
from slips.parsing import Syslog

_PAIR = re.compile(r'(?<![a-z_])([a-z_]++)=(?:"([^"]*)"|([^ ]*))')
_NUMBERS = frozenset(("status", "bytes"))


def _read_router(meta: MetaData, event: Event) -> None:
    """Add the pairs of a line of the router."""
    if event["proc_name"] == "heroku" and event["proc_id"] == "router":
        for key, quoted, bare in _PAIR.findall(event["message"]):
            value = quoted or bare
            event[key] = int(value) if key in _NUMBERS and value.isascii() and value.isdigit() else value


HEROKU = Syslog(
    "heroku",
    "Heroku log drains: router, dynos, platform",
    "https://devcenter.heroku.com/articles/log-drains",
    rfc=5424,
    structured=False,  # Logplex writes none, not even '-'
    tag="heroku.{proc_id|proc_name|'log'}",
    refine=_read_router,
    entities={"addresses": "fwd", "domains": "host"},
)
