"""Messages of WALLIX Bastion for a SIEM: its audit, sign-ins, and sessions of SSH, RDP and other protocols."""

from __future__ import annotations

from slips.parsing import KeyValue, all_of, any_of

WALLIX_BASTION = KeyValue(
    "wallix-bastion",
    "WALLIX Bastion: audit of administration, sign-ins, sessions of SSH, RDP, VNC and others, behind a syslog header",
    "https://doc.wallix.com/en/bastion/",
    chain=("s3-lines", "syslog-any", "wallix-bastion"),
    # Without a priority and a version in front, what RFC 5424 has before the message is left of its header.
    head=r"(?:(?P<program>[^ \[]+) (?P<pid>\d+|-) - - )?\[(?P<kind>[A-Za-z][A-Za-z0-9_ -]{1,30})\] ",
    require=all_of("kind", any_of("action", "type", "session_id", "psid", "user", "result")),
    tag="wallix.bastion.{type|action|kind}",
    message="{type|action|'message'}{' ' object|device|target_host}{' by ' user}{' from ' client_ip|src_ip}"
    "{': ' text|data|infos|diagnostic|reason}",
    absent=("", "null"),
    integers="src_port dst_port",
    entities={"addresses": "client_ip src_ip target_ip", "users": "user account", "hosts": "device target_host"},
)
