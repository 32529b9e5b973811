"""Events of Arista Edge Threat Management NG Firewall (Untangle), which are JSON behind a header of syslog."""

from __future__ import annotations

from slips.format import Event
from slips.model import MetaData
from slips.parsing import Json, all_of, iso

_SHOWN = "CClientAddr CServerAddr requestLine category clientAddress".split()


def _name_kind(meta: MetaData, event: Event) -> None:
    """Make the message of the kind of the event, which is the last word of its class, and of whom it is about."""
    session = event.get("sessionEvent")
    inner = session if isinstance(session, dict) else {}
    values = [event.get(name) or inner.get(name) for name in _SHOWN]
    user = event.get("username") or event.get("login") or inner.get("username")
    words = [str(event["class"]).rpartition(".")[2], *values, *(("by", user) if user else ())]
    meta.message = " ".join(" ".join(str(word) for word in words if word).split())


_SESSION = "CClientAddr CServerAddr SClientAddr SServerAddr localAddr remoteAddr"

# The times are of the clock of the firewall: `timezone:` of the mapping says where it is.
ARISTA_NGFW = Json(
    "arista-ngfw",
    "Arista Edge Threat Management NG Firewall (Untangle) events: sessions, web filter, firewall, sign-ins, statistics",
    "https://wiki.edge.arista.com/index.php/Events",
    require=all_of("class", "timeStamp"),
    time=iso("timeStamp"),
    tag="arista.ngfw",
    refine=_name_kind,
    chain=("s3-lines", "syslog-any", "json", "arista-ngfw"),
    entities={
        "addresses": f"{_SESSION} clientAddress {' '.join(f'sessionEvent.{name}' for name in _SESSION.split())}",
        "users": "username login sessionEvent.username",
        "hosts": "hostname sessionEvent.hostname",
    },
)
