"""Syslog messages of the Cybereason Defense Platform, in CEF."""

from __future__ import annotations

from slips.format import Event
from slips.model import MetaData
from slips.parsing import Cef, stamp


def _name_user(_meta: MetaData, event: Event) -> None:
    """Add who did it as `username`, which actions of users have in a custom field, behind a slash."""
    if event.get("cs1Label") == "username" and event.get("cs1").__class__ is str:
        event["username"] = event["cs1"].removeprefix("/")


# Times are written as `Nov 29 2026, 08:00:00 UTC`, or in milliseconds. The name of another zone may be that of several,
# as IST: such a record needs `timezone:` of the mapping.
CYBEREASON = Cef(
    "cybereason",
    "Cybereason syslog messages in CEF, with or without a syslog header: MalOps, malware, actions of users",
    "https://nest.cybereason.com/",
    vendors="Cybereason",
    time=stamp("rt", "deviceCustomDate2", "deviceCustomDate1", "start", "datetime"),
    tag="cybereason.defense.{deviceEventClassId|'event'}",
    message="{name}{' by ' suser}{': ' cs4|cs1}{' on ' dvchost|shost|dvc}{', ' cs5}",
    integers="cn1 cn2 cn3 dpt spt",
    refine=_name_user,
    entities={
        "addresses": "src dst dvc",
        "users": "username suser duser",
        "hosts": "dvchost shost dhost",
        "hashes": "fileHash",
    },
)
