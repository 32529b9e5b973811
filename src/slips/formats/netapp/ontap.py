"""Audit log of NetApp ONTAP, and of Amazon FSx for it: what administrators and programs do."""

from __future__ import annotations

from slips import times
from slips.errors import RecordError
from slips.format import Event
from slips.model import MetaData
from slips.parsing import Patterns, stamp

_TIME_WORDS = len("Sun Nov 29 2026 08:00:00 +00:00".split())


def _name_parts(meta: MetaData, event: Event) -> None:
    """Name the parts of an entry, which have two colons between: `cluster:ssh :: peer:port :: vserver:user:role :: …`.

    Raises RecordError for one of fewer parts, or with another time.
    """
    words = event.pop("front").split()
    if words and words[-1][0] in "+-":
        event["time"] = " ".join(words[-_TIME_WORDS:])
        meta.timestamp = times.any_notation(event["time"], meta.timestamp)
        words = words[:-_TIME_WORDS]
    if words:  # the header of syslog may have the time
        event["origin"] = " ".join(words)
    parts = event.pop("entry").split(" :: ")
    if len(parts) < 5:
        raise RecordError(f"entry has {len(parts)} parts; expected application, peer, user, command and result")
    event["cluster"], _, event["application"] = parts[0].rpartition(":")
    peer, _, port = parts[1].rpartition(":")
    event["source"] = peer
    event["source_port"] = int(port) if port.isascii() and port.isdigit() and len(port) < 6 else port
    vserver, _, user = parts[2].partition(":")
    event["vserver"] = vserver
    event["user"], _, role = user.partition(":")
    if role:
        event["role"] = role
    event["command"] = " :: ".join(parts[3:-1])
    result, _, detail = parts[-1].partition(": ")
    event["result"] = result
    if detail:
        event["detail"] = detail
    meta.message = f"{event['command']}: {parts[-1]} by {event['user'] or '-'} from {peer or '-'}"


ONTAP_AUDIT = Patterns(
    "ontap-audit",
    "NetApp ONTAP audit log, of syslog or mlog/audit.log: commands of its CLI, calls of its APIs, logins",
    "https://docs.netapp.com/us-en/ontap/system-admin/ontap-implements-audit-logging-concept.html",
    chain=("s3-lines", "syslog-any", "ontap-audit"),
    tag="netapp.ontap.audit",
    message="{entry}",
    patterns=(
        r"(?P<front>[^\[\n]*)\[(?P<facility>kern_audit|audit):(?P<level>[a-z]+):(?P<pid>\d+)\] "
        r"(?P<session>[0-9a-fA-F:]+) :: (?P<entry>[^\n]+)",
    ),
    integers="pid",
    refine=_name_parts,
    entities={"addresses": "source", "users": "user"},
)

# The header of syslog is read here: of the RFC 5424's, the message's identifier is the name of the event.
ONTAP_EMS = Patterns(
    "ontap-ems",
    "NetApp ONTAP EMS: messages of the event management system, sent to syslog",
    "https://docs.netapp.com/us-en/ontap-restapi/ontap/support_ems_destinations_endpoint_overview.html",
    tag="netapp.ontap.ems.{event}",
    time=stamp("time"),
    message="{event}: {text}",
    patterns=(
        r"(?:<(?P<priority>\d{1,3})>)?"
        r"(?:(?P<time>[A-Z][a-z][a-z] +\d{1,2} \d\d:\d\d:\d\d) (?:(?P<hostname>[^ \[]+) )?)?"
        r"\[(?P<node>[^ :\]]+): ?(?:(?P<process>[^ :\]]+): ?)?(?P<event>[a-zA-Z0-9_]+(?:\.[a-zA-Z0-9_]+)+):"
        r"(?P<severity>[a-z]+)\]: (?P<text>.*)",
        r"(?:<(?P<priority>\d{1,3})>)?1 (?P<time>\d{4}-[^ ]+) (?P<node>[^ ]+) (?P<process>[^ ]+) [^ ]+ "
        r"(?P<event>[a-zA-Z0-9_]+(?:\.[a-zA-Z0-9_]+)+) - (?P<text>.*)",
    ),
    integers="priority",
    entities={"hosts": "node hostname"},
)
