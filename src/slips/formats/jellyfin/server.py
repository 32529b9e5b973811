"""The log of the media server Jellyfin."""

from __future__ import annotations

from slips.parsing import Patterns, iso

_HEAD = (
    r"\[(?:(?P<time>\d{4}-[^\]]+)|(?P<clock>\d\d:[^\]]+))\] \[(?P<level>[A-Z]{3})\] \[(?P<thread>\d+)\] "
    r"(?P<logger>[^: ]+): "
)

# Stack traces are lines behind the one with the time, which is a clock alone on the console.
JELLYFIN = Patterns(
    "jellyfin",
    "logs of the media server Jellyfin, of one line or of several",
    "https://jellyfin.org/docs/general/post-install/networking/advanced/fail2ban/",
    chain=({"multiline": {"start": r"\[(?:\d{4}-\d\d-\d\d \d\d:|\d\d:\d\d:\d\d\])"}}, "jellyfin"),
    patterns=(
        _HEAD + r'(?P<message>(?P<event>Authentication request) for "(?P<user>[^"]*)" has been denied '
        r'\(IP: "(?P<address>[0-9a-fA-F.:]+)"\).*)',
        _HEAD + r"(?P<message>(?P<event>Authentication request) for (?P<user>[^ \"]+) has been denied "
        r"\(IP: (?P<address>[0-9a-fA-F.:]+)\).*)",  # before 10.8
        _HEAD + r'(?P<message>(?P<event>Authentication request) for "(?P<user>[^"]*)" has (?P<outcome>succeeded).*)',
        _HEAD + r"(?P<message>.*)",
    ),
    time=iso("time"),
    tag="jellyfin.{logger}",
    message="{level} {logger}: {message}",
    integers="thread",
    entities={"addresses": "address", "users": "user"},
)
