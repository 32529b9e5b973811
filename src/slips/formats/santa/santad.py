"""Events of Santa, which allows and blocks programs on macOS."""

from __future__ import annotations

from slips.parsing import KeyValue, iso

SANTA = KeyValue(
    "santa",
    "Santa for macOS: executions, file and disk events of santad",
    "https://northpole.dev/features/telemetry/",
    head=r"\[(?P<time>[^\]]+)\] (?P<level>[A-Z]) (?P<program>santad): ",
    separator="|",
    quotes="",
    tag="santa.{action}",
    time=iso("time"),
    message="{action}{' ' decision}{' ' path}{' by ' user}",
    absent="(null)",
    integers="pid pidversion ppid uid gid event_uid graphical_session_id",
    entities={"users": "user event_user", "hashes": "sha256 cert_sha256"},
)
