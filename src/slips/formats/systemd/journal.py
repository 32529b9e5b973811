"""The journal of systemd, as `journalctl -o json` writes it, and systemd-journal-upload."""

from __future__ import annotations

from slips.format import Event
from slips.model import MetaData
from slips.parsing import Json, any_of, epoch

_INTEGERS = frozenset(
    """__REALTIME_TIMESTAMP __MONOTONIC_TIMESTAMP __SEQNUM _SOURCE_REALTIME_TIMESTAMP _SOURCE_MONOTONIC_TIMESTAMP
    _SOURCE_BOOTTIME_TIMESTAMP PRIORITY ERRNO CODE_LINE TID SYSLOG_FACILITY SYSLOG_PID _PID _UID _GID _AUDIT_SESSION
    _AUDIT_LOGINUID _SYSTEMD_OWNER_UID EXIT_STATUS COREDUMP_PID COREDUMP_UID COREDUMP_GID COREDUMP_SIGNAL OBJECT_PID
    OBJECT_UID OBJECT_GID N_RESTARTS JOB_ID""".split()
)
"""The fields of systemd's own whose values are numbers. Values of others are texts: any program may write any field."""


def _decode(meta: MetaData, event: Event) -> None:
    """Replace the bytes of values that are no UTF-8, which the journal writes as an array of numbers, by their text."""
    for name, value in event.items():
        if value.__class__ is list and name not in _INTEGERS and all(map(_is_byte, value)) and value:
            event[name] = text = bytes(value).decode("utf-8", "surrogateescape")
            if name == "MESSAGE":
                meta.message = text


def _is_byte(value: object) -> bool:
    return value.__class__ is int and value in range(256)


JOURNALD = Json(
    "journald",
    "entries of systemd's journal as JSON (journalctl -o json)",
    "https://systemd.io/JOURNAL_EXPORT_FORMATS/",
    tag="systemd.journal",
    time=epoch("_SOURCE_REALTIME_TIMESTAMP", "__REALTIME_TIMESTAMP", unit="us"),
    message="{MESSAGE}",
    carries="MESSAGE",
    require=any_of("__REALTIME_TIMESTAMP", "__CURSOR"),
    integers=sorted(_INTEGERS),
    refine=_decode,
    entities={"hosts": "_HOSTNAME"},
)
