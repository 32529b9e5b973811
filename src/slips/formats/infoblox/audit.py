"""The audit log of Infoblox NIOS. Its DNS and DHCP logs are those of BIND and dhcpd."""

from __future__ import annotations

import re

from slips.format import Event
from slips.model import MetaData
from slips.parsing import KeyValue, Patterns, iso, one_of

_ESCAPE = re.compile(r"\\([0-3][0-7]{2})")
"""An octal escape, as in `Serial\\040Console`."""


def _decode(_meta: MetaData, event: Event) -> None:
    """Decode the escapes of blanks and the like in the fields of a login, which have one character each."""
    for name, value in event.items():
        if value.__class__ is str and "\\" in value:
            event[name] = _ESCAPE.sub(lambda found: chr(int(found[1], 8)), value)


def _decode_user(meta: MetaData, event: Event) -> None:
    user = event["user"]
    event["user"] = _ESCAPE.sub(lambda found: chr(int(found[1], 8)), user)
    if meta.message:
        meta.message = meta.message.replace(user, event["user"], 1)


_MEMBER = r" *+(?:(?P<member>[^ ]++) ++)?httpd(?:\[\d*\])?: "
_HOST = r" *+(?P<hostname>[^ ]++) ++(?P<member>[^ ]++) ++httpd(?:\[\d*\])?: "
_HEAD = (
    r" *+(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d++)?Z?) ++"
    r"\[(?P<user>[^\]]*+)\]: ++(?P<action>[^ ]++) ++"
)
_CHANGE = rf"{_HEAD}(?P<object_type>[^ :]++)(?: ++(?P<object>.*))?"
_REFERENCE = "https://docs.infoblox.com/space/nios86/423493735/Using+a+Syslog+Server"


def _login(name: str, before: str) -> KeyValue:
    return KeyValue(
        name,
        "logins and logouts",
        _REFERENCE,
        head=rf"{before}{_HEAD}- ++- ++",
        quotes="",
        escapes="none",
        time=iso("time"),
        tag="infoblox.audit.{action}",
        message="{user}: {action} {to|'-'} {ip|'-'}",
        refine=_decode,
    )


# Behind the header of syslog may stand the member of the grid, then the program. If two blanks are behind the time, the
# host is before the member.
INFOBLOX = one_of(
    "infoblox",
    "audit log of Infoblox NIOS, with or without a syslog header; 'bind-query' and 'dhcpd' read its DNS and DHCP logs",
    _REFERENCE,
    _login("infoblox.login", ""),
    _login("infoblox.login-of-member", _MEMBER),
    _login("infoblox.login-of-host", _HOST),
    Patterns(
        "infoblox.change",
        "changes of objects and calls",
        tag="infoblox.audit.{action}",
        time=iso("time"),
        message="{user}: {action} {object_type} {object|'-'}",
        patterns=(_CHANGE, rf"{_MEMBER}{_CHANGE}", rf"{_HOST}{_CHANGE}"),
        absent="",
        refine=_decode_user,
    ),
    chain=("s3-lines", "syslog-any", "infoblox"),
    tag="infoblox.audit.{action}",
    entities={"users": "user", "addresses": "ip"},
)
