"""Logs of Icinga 2: main, debug and startup log."""

from __future__ import annotations

from slips.parsing import Regex, iso

ICINGA = Regex(
    "icinga",
    "Icinga 2 main and debug logs, with the lines that belong together",
    "https://icinga.com/docs/icinga-2/latest/doc/14-features/#logging",
    chain=({"multiline": {"start": r"\[\d{4}-\d\d-\d\d \d\d:"}}, "icinga"),
    tag="icinga.{facility}",
    time=iso("time"),
    message="{level} {message}",
    pattern=r"\[(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4})\] (?P<level>[a-z]+)/(?P<facility>[^: ]+): "
    r"(?P<message>.*)",
)
