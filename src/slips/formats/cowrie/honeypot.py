"""Events of the honeypot Cowrie."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

COWRIE = Json(
    "cowrie",
    "Cowrie SSH and Telnet honeypot events",
    "https://docs.cowrie.org/en/stable/OUTPUT.html",
    require=all_of("eventid", any_of("session", "src_ip", "sensor")),
    time=iso("timestamp"),
    tag="{eventid}",
    message="{message|eventid} from {src_ip|'-'}",
    entities={"addresses": "src_ip dst_ip", "users": "username", "hosts": "sensor", "hashes": "shasum hassh"},
)
