"""File accesses that Samba's module full_audit sends to syslog."""

from __future__ import annotations

import re

from slips.errors import foreign_record
from slips.format import Event
from slips.model import MetaData
from slips.parsing import Patterns

_ADDRESS = re.compile(r"[0-9.]{7,15}|[0-9a-fA-F]*:[0-9a-fA-F:.]+")


def _name_parts(_meta: MetaData, event: Event) -> None:
    """Name the parts between bars. Those in front of the operation are of `full_audit:prefix`: `%u|%I`, if not set."""
    parts = event["text"].split("|")
    at = next((place for place, part in enumerate(parts) if place > 1 and _is_result(part)), None)
    if at is None:
        raise foreign_record(f"no result in {event['text'][:60]!r}; expected '|ok' or '|fail (…)' behind an operation")
    event["operation"] = parts[at - 1]
    result, _, reason = parts[at].partition(" (")
    event["result"] = result
    if reason:
        event["reason"] = reason.removesuffix(")")
    event["arguments"] = parts[at + 1 :]
    prefix = parts[: at - 1]
    event["user"] = prefix[0]
    others = [part for part in prefix[1:] if not _ADDRESS.fullmatch(part)]
    for part in prefix[1:]:
        if _ADDRESS.fullmatch(part):
            event.setdefault("client", part)
    if others:
        event["share"] = others[-1]
    if len(others) > 1:
        event["machine"] = others[0]


def _is_result(text: str) -> bool:
    return text == "ok" or text.startswith("fail (") or text == "fail"


SAMBA_AUDIT = Patterns(
    "samba-audit",
    "Samba's module full_audit: who opened, renamed or deleted which file, with or without a syslog header",
    "https://www.samba.org/samba/docs/current/man-html/vfs_full_audit.8.html",
    chain=("s3-lines", "syslog-any", "samba-audit"),
    tag="samba.audit",
    message="{text}",
    patterns=(r"(?:smbd_audit: )?(?P<text>[^|]*\|[^|]*\|.*)",),
    refine=_name_parts,
    entities={"addresses": "client", "users": "user", "hosts": "machine"},
)
