"""Queries, answers and leases of dnsmasq, as routers and Pi-hole log them."""

from __future__ import annotations

from slips.parsing import Patterns

# With `log-queries=extra` a serial number and the client stand in front, with `log-dhcp` the id of the transaction.
_EXTRA = r"(?:(?P<serial>\d+) (?P<requestor>[0-9a-fA-F.:]+/\d+) )?"

_OTHERS = (
    r"started, (?:version|cache)",
    r"exiting on receipt of",
    r"using (?:local|only|standard)",
    r"reading [/<]",
    r"read /",
    r"compile time options",
    r"DNS service limited",
    r"DNSSEC validation",
    r"DHCP, ",
    r"DHCPv\d",
    r"cache size",
    r"time \d+",
    r"queries (?:forwarded|for authoritative)",
    r"pool memory",
    r"server [^ ]+: queries sent",
    r"nameserver [^ ]+ refused",
    r"ignoring (?:nameserver|query)",
    r"no (?:servers found|address range available)",
    r"possible DNS-rebind attack",
    r"Maximum number of concurrent",
    r"reducing DNS packet size",
    r"asynchronous logging",
    r"bad (?:address|name|DHCP)",
    r"Insecure (?:DS|delegation)",
)
"""Patterns of what other messages begin with."""

DNSMASQ = Patterns(
    "dnsmasq",
    "dnsmasq and Pi-hole: queries and answers of DNS, leases of DHCP, with or without a syslog header",
    "https://thekelleys.org.uk/dnsmasq/docs/dnsmasq-man.html",
    chain=("s3-lines", "syslog-any", "dnsmasq"),
    whole="message",
    patterns=(
        _EXTRA + r"(?P<action>query)\[(?P<type>[^\]]*)\] (?P<name>[^ ]+) from (?P<client>[^ ]+)",
        _EXTRA + r"(?P<action>auth|dnssec-query|dnssec-retry)\[(?P<type>[^\]]*)\] (?P<name>[^ ]+) to (?P<server>[^ ]+)",
        _EXTRA + r"(?P<action>forwarded) (?P<name>[^ ]+) to (?P<server>[^ ]+)",
        _EXTRA + r"(?P<action>re(?:ply|gex (?:denied|blacklisted))|c(?:ached(?:-stale)?|onfig)|/[^ ]+|gravity blocked|"
        r"exactly (?:denied|blacklisted)|special domain|validation|DHCP) (?P<name>[^ ]+) is (?P<answer>.*)",
        r"(?:(?P<xid>\d+) )?(?P<action>DHCP[A-Z]+)\((?P<interface>[^)]*)\) (?P<address>\d+\.\d+\.\d+\.\d+) "
        r"(?P<mac>[0-9a-fA-F:]+)(?: (?P<host>[^ ]+))?",
        r"(?:(?P<xid>\d+) )?(?P<action>DHCP[A-Z]+)\((?P<interface>[^)]*)\) (?P<mac>[^ ]+)",
        r"(?P<action>using) nameserver (?P<server>[^ ]+)",
        *_OTHERS,
    ),
    tag="dnsmasq.{action|'message'}",
    message="{message}",
    integers="serial",
    entities={"addresses": "client address answer server", "hosts": "host", "domains": "name"},
)
