"""Logs of Oracle WebLogic Server: of a server and of its domain, whose fields are in angle brackets."""

from __future__ import annotations

import re

from slips.format import Event
from slips.model import MetaData
from slips.parsing import Patterns, epoch
from slips.parsing.conversions import integer_or_text

_ATTRIBUTE = re.compile(r"\[([\w.-]{1,64}): ([^\]]*)\]")


def _tidy(meta: MetaData, event: Event) -> None:
    """Make an object of the attributes that version 12.2 added, and end the text before its bracket."""
    attributes = event.get("attributes")
    if attributes is not None:
        event["attributes"] = {
            name: integer_or_text(value) if value.isdigit() else value for name, value in _ATTRIBUTE.findall(attributes)
        }
    user = event["user"]
    if user and user.startswith("<"):
        event["user"] = user[1:-1]
    event["message"] = event["message"].rstrip().removesuffix(">").rstrip()
    meta.message = f"{event['severity']} {event['message_id']} {' '.join(event['message'].split())}"


WEBLOGIC = Patterns(
    "weblogic",
    "logs of Oracle WebLogic Server since version 9: of servers and domains, with the lines that belong together",
    "https://docs.oracle.com/en/middleware/standalone/weblogic-server/14.1.1.0/wllog/logging_services.html",
    chain=({"multiline": {"start": "####<"}}, "weblogic"),
    tag="oracle.weblogic",
    # Date and clock are written as the locale has them, with the name of a zone: the milliseconds behind them count.
    time=epoch("raw_time", unit="ms"),
    patterns=(
        r"####<(?P<date>[^>]*)> <(?P<severity>[^>]*)> <(?P<subsystem>[^>]*)> <(?P<machine>[^>]*)> "
        r"<(?P<server>[^>]*)> <(?P<thread>[^>]*)> <(?P<user>(?:<[^>]*>)?[^<>]*)> <(?P<transaction_id>[^>]*)> "
        r"<(?P<diagnostic_context_id>[^>]*)> <(?P<raw_time>\d+)> (?:<(?P<attributes>\[[^>]*)> )?"
        r"<(?P<message_id>[^>\[]*)> <(?P<message>.*)",
    ),
    integers="raw_time",
    absent="",
    refine=_tidy,
    entities={"users": "user", "hosts": "machine"},
)
