"""The log of Vaultwarden, the server of other hands for Bitwarden's clients."""

from __future__ import annotations

from slips.format import Event
from slips.model import MetaData
from slips.parsing import Patterns, iso

_HEAD = r"\[(?P<time>\d{4}-\d\d-\d\d [0-9:.+-]+)\]\[(?P<logger>[^\]]+)\]\[(?P<level>[A-Za-z]+)\] "


def _end_sentences(_meta: MetaData, event: Event) -> None:
    """Take the full stops off an address and the name of a user, which end sentences."""
    for name in event.keys() & {"address", "user"}:
        event[name] = event[name].removesuffix(".")


VAULTWARDEN = Patterns(
    "vaultwarden",
    "logs of Vaultwarden: requests, logins that failed",
    "https://github.com/dani-garcia/vaultwarden/wiki/Fail2Ban-Setup",
    patterns=(
        _HEAD + r"(?P<message>(?P<event>Username or password is incorrect)\. Try again\. IP: (?P<address>[^ ]+) "
        r"Username: (?P<user>[^ ]+).*)",
        _HEAD + r"(?P<message>(?P<event>Invalid TOTP code)! Server time: [^ ]+ [^ ]+ [^ ]+ "
        r"IP: (?P<address>[0-9a-fA-F.:]+).*)",
        _HEAD + r"(?P<message>(?P<event>Token is invalid)! IP: (?P<address>[0-9a-fA-F.:]+).*)",
        _HEAD + r"(?P<message>(?P<event>Invalid admin token)\. IP: (?P<address>[0-9a-fA-F.:]+).*)",
        _HEAD + r"(?P<message>.*)",
    ),
    time=iso("time"),
    tag="vaultwarden.{logger}",
    message="{level} {logger}: {message}",
    refine=_end_sentences,
    entities={"addresses": "address", "users": "user"},
)
