"""The text log of the Keycloak server, whose events of users and administrators are pairs in its lines."""

from __future__ import annotations

from slips.format import Event
from slips.formats.keycloak.events import PAIR, message_of
from slips.model import MetaData
from slips.parsing import Patterns, iso


def _take_pairs(meta: MetaData, event: Event) -> None:
    """Add the pairs of an event to the line that has it."""
    if event["category"] != "org.keycloak.events":
        meta.tag, meta.message = "keycloak.log", event["text"].partition("\n")[0].rstrip()
        return
    for name, quoted, bare in PAIR.findall(event["text"]):
        if name not in event:
            event[name] = None if (value := quoted or bare) in ("", "null") else value
    meta.tag = f"keycloak.{event.get('type') or event.get('operationType') or 'event'}"
    meta.message = message_of(event)


# Lines of old versions on a console have a clock without a day: these are of their object's time.
KEYCLOAK_LOG = Patterns(
    "keycloak-log",
    "log of the Keycloak server as text, with its events of users and administrators",
    "https://www.keycloak.org/server/logging",
    chain=({"multiline": {"start": r"(?:\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d,\d{3} "}}, "keycloak-log"),
    time=iso("time"),
    tag="keycloak.{category}",
    patterns=(
        r"(?:(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3})|(?P<clock>\d\d:\d\d:\d\d,\d{3})) (?P<level>[A-Z]++) ++"
        r"\[(?P<category>[^\]]++)\] \((?P<thread>[^)]*+)\) (?P<text>.*)",
    ),
    refine=_take_pairs,
    entities={"addresses": "ipAddress", "users": "username userId"},
)
