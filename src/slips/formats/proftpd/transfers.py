"""Transfers of FTP servers as wu-ftpd introduced them: one file each."""

from __future__ import annotations

from slips.errors import RecordError
from slips.format import Event
from slips.model import MetaData
from slips.parsing import Patterns, stamp

_BEHIND = (
    "transfer_type special_action_flag direction access_mode username service_name authentication_method "
    "authenticated_user_id completion_status"
).split()


def _cut_from_the_end(meta: MetaData, event: Event) -> None:
    """Part the fields behind the name of the file, which may have blanks."""
    parts = event.pop("rest").rsplit(" ", len(_BEHIND))
    if len(parts) <= len(_BEHIND) or parts[-1] not in ("c", "i") or parts[3] not in ("o", "i", "d"):
        raise RecordError(
            f"{len(parts)} fields from the file's name on; expected {len(_BEHIND) + 1}, the last of them 'c' or 'i'"
        )
    event["filename"] = parts[0]
    event |= {name: None if text == "*" else text for name, text in zip(_BEHIND, parts[1:], strict=True)}
    meta.message = (
        f"{event['direction']} {parts[0]} {event['username']} {event['remote_host']} {event['file_size']} bytes"
    )


XFERLOG = Patterns(
    "xferlog",
    "transfer logs of ProFTPD, vsftpd, Pure-FTPd and wu-ftpd: a file that was sent, received or deleted each",
    "https://www.proftpd.org/docs/directives/linked/config_ref_TransferLog.html",
    time=stamp("current_time"),
    tag="proftpd.xferlog",
    patterns=(
        r"(?P<current_time>[A-Z][a-z][a-z] [A-Z][a-z][a-z] +\d{1,2} \d\d:\d\d:\d\d \d{4}) (?P<transfer_time>\d+) "
        r"(?:::ffff:)?(?P<remote_host>[^ ]+) (?P<file_size>\d+) (?P<rest>/.*)",
    ),
    integers="transfer_time file_size",
    refine=_cut_from_the_end,
    entities={"addresses": "remote_host", "users": "username authenticated_user_id"},
)
