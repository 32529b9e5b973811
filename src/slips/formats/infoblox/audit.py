"""The audit log of Infoblox NIOS. Its DNS and DHCP logs are those of BIND and dhcpd."""

from __future__ import annotations

from slips.parsing import Patterns, iso

_HEAD = (
    r"(?:httpd: )?(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d++)?Z?) "
    r"\[(?P<user>[^\]]*+)\]: (?P<action>[^ ]++) "
)

INFOBLOX = Patterns(
    "infoblox",
    "audit log of Infoblox NIOS, with or without a syslog header; 'bind-query' and 'dhcpd' read its DNS and DHCP logs",
    "https://infoblox-docs.atlassian.net/wiki/x/dQRJAQ",
    chain=("s3-lines", "syslog-any", "infoblox"),
    tag="infoblox.audit.{action}",
    time=iso("time"),
    message="{user}: {action} {object_type|to|'-'} {object|ip|'-'}",
    patterns=(
        rf"{_HEAD}- - to=(?P<to>[^ ]++)(?: ip=(?P<ip>[^ ]++))?(?: auth=(?P<auth>[^ ]++))?"
        r"(?: group=(?P<group>[^ ]++))?(?: apparently_via=(?P<apparently_via>[^\n]*+))?(?P<details>.*)",
        rf"{_HEAD}(?P<object_type>[^ :]++) (?P<object>.*)",
    ),
    absent="",
    entities={"users": "user", "addresses": "ip"},
)
