"""Access logs of Proxmox VE's web interface and API; its tasks, from their index and the messages of its daemons."""

from __future__ import annotations

from slips.format import Event
from slips.model import MetaData
from slips.parsing import Patterns, Quoted, written

# Addresses of IPv4 are written as ::ffff:192.0.2.7. The month of a time is a number.
PROXMOX_ACCESS = Quoted(
    "proxmox-access",
    "access logs of Proxmox VE's pveproxy and of Proxmox Backup Server and Mail Gateway: web interface and API",
    "https://pve.proxmox.com/pve-docs/pveproxy.8.html",
    columns='client ident user [time] "request" status bytes',
    optional="bytes",
    requests={"request": "method target protocol"},
    time=written("%d/%m/%Y:%H:%M:%S %z", "time"),
    tag="proxmox.access",
    message="{client} {request|'-'} {status}",
    absent="-",
    integers="status bytes",
    entities={"addresses": "client", "users": "user"},
)

_UPID = (
    r"(?P<upid>UPID:(?P<node>[^: ]+):(?P<pid>[0-9A-Fa-f]{8}):(?P<pstart>[0-9A-Fa-f]{8,9}):(?P<start>[0-9A-Fa-f]{8}):"
    r"(?P<type>[^: ]+):(?P<id>[^: ]*):(?P<user>[^: ]+):)"
)


def _read_numbers(meta: MetaData, event: Event) -> None:
    """Add the times and the process of a task, which are hexadecimal in its UPID; an ended task has its end's time."""
    for name, source in (("start_time", "start"), ("end_time", "end"), ("process", "pid")):
        if (value := event.get(source)) is not None:
            event[name] = int(value, 16)
    if "end_time" in event:
        meta.timestamp = float(event["end_time"])
    elif "start_time" in event and "event" not in event:
        meta.timestamp = float(event["start_time"])


PROXMOX = Patterns(
    "proxmox",
    "Proxmox VE tasks: their index, and what pvedaemon and pveproxy tell of tasks and logins, with or without a "
    "syslog header",
    "https://pve.proxmox.com/wiki/Fail2ban",
    chain=("s3-lines", "syslog-any", "proxmox"),
    tag="proxmox.{event|'task'}",
    message="{event ' '}{type|'login'}{' ' id}{' by ' user}{' from ' rhost}{': ' status|reason}",
    patterns=(
        rf"{_UPID}(?: (?P<end>[0-9A-Fa-f]{{8}})(?: (?P<status>.*))?)?(?P<more>.+)?",
        rf"<(?P<by>[^>]*)> (?P<event>starting|end) task {_UPID}(?: (?P<status>.*)|(?P<more>.+))?",
        r"<(?P<by>[^>]*)> (?P<event>successful auth) for user '(?P<user>[^']*)'(?P<more>.+)?",
        r"(?P<event>authentication failure); rhost=(?P<rhost>[^ ]*) user=(?P<user>.*?) msg=(?P<reason>.*)",
    ),
    refine=_read_numbers,
    entities={"users": "user", "hosts": "node", "addresses": "rhost"},
)
