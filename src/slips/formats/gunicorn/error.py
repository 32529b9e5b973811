"""Error log of Gunicorn: its master and workers, and exceptions of applications."""

from __future__ import annotations

from slips.parsing import Patterns, stamp

# Its access log is the combined format, which `access-log` reads.
GUNICORN = Patterns(
    "gunicorn",
    "Gunicorn error log: master and workers, exceptions of applications with their stack traces",
    "https://docs.gunicorn.org/en/stable/settings.html#logging",
    chain=({"multiline": {"start": r"\[\d{4}-\d\d-\d\d "}}, "gunicorn"),
    time=stamp("time"),
    tag="gunicorn.error",
    message="{level} {message}",
    patterns=(
        r"\[(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?: [+-]\d{4})?)\] \[(?P<pid>\d+)\] \[(?P<level>[A-Z]+)\] "
        r"(?P<message>.*)",
    ),
    integers="pid",
)
