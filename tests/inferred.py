"""Logs to infer the formats of, and the chains that are proposed for them."""

from __future__ import annotations

from slips.formats import entries, sample_files
from slips.inference.rank import Inferred
from slips.model import ObjectEvent
from slips.testing import run

SOURCE = ObjectEvent(bucket_name="logs", object_key="unknown", event_time="2026-11-29T08:00:00Z")


SEEN = [name for name, each in entries().items() if each.vendor not in ("generic", "readers")]
"""Formats of vendors, by name."""


def sample(name: str) -> bytes:
    return next(path for path in sample_files(name) if ".expected." not in path.name).read_bytes()


def understood(name: str) -> bytes:
    """The sample of a format without the lines that it refuses: a log as the product writes it."""
    content = b"\n" + sample(name).strip(b"\n") + b"\n"
    for each in run(None, name, sample(name)).quarantine:
        content = content.replace(b"\n" + each.raw.strip("\r\n").encode() + b"\n", b"\n", 1)
    return content[1:]


def chains(found: Inferred) -> list[str]:
    return [each.chain for each in found.fitting]


COMBINED = b'203.0.113.7 - ann [29/Nov/2026:08:00:00 +0000] "GET /a HTTP/1.1" 200 2326 "-" "curl/8.5"\n'
