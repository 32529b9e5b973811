"""The log of Home Assistant, home-assistant.log."""

from __future__ import annotations

import re

from slips.format import Event
from slips.model import MetaData
from slips.parsing import Patterns, iso

_ADDRESS = re.compile(r"[0-9a-fA-F.:]*[.:][0-9a-fA-F.:]*")

_HEAD = (
    r"(?P<time>\d{4}-\d\d-\d\d [0-9:.]+) (?P<level>[A-Z]+) \((?P<thread>[^()]*(?:\([^()]*\))?)\) "
    r"\[(?P<logger>[^\]]+)\] "
)


def _name_address(_meta: MetaData, event: Event) -> None:
    """Add the address of a client whose name is not known."""
    if "host" in event and "address" not in event and _ADDRESS.fullmatch(event["host"]):
        event["address"] = event["host"]


# Stack traces are lines behind the one with the time.
HOME_ASSISTANT = Patterns(
    "home-assistant",
    "logs of Home Assistant (home-assistant.log), of one line or of several",
    "https://www.home-assistant.io/integrations/logger/",
    chain=({"multiline": {"start": r"\d{4}-\d\d-\d\d \d\d:"}}, "home-assistant"),
    patterns=(
        _HEAD + r"(?P<message>(?P<event>Login attempt or request with invalid authentication) from (?P<host>[^ ]+)"
        r"(?: \((?P<address>[0-9a-fA-F.:]+)\))?"
        r"(?:\. Requested URL: '(?P<url>[^']*)'\.(?: \((?P<user_agent>.*)\))?)?.*)",
        _HEAD + r"(?P<message>.*)",
    ),
    time=iso("time"),
    tag="home-assistant.{logger}",
    message="{level} {logger}: {message}",
    refine=_name_address,
    entities={"addresses": "address", "hosts": "host"},
)
