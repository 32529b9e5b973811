"""Logs of OpenStack's services: Nova, Neutron, Keystone, Cinder, Glance and others, as `oslo.log` writes them."""

from __future__ import annotations

import re

from slips.format import Event
from slips.model import MetaData
from slips.parsing import Patterns, stamp

_HEAD = (
    r"(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}) (?P<pid>\d+) (?P<level>[A-Z]{4,8}) "
    r"(?P<logger>[A-Za-z_][^ \[\]]*) "
)
_INSTANCE = r"\[instance: (?P<instance>[^\]]+)\] ?"
_REQUEST = re.compile(r"None|req-[^ ]+")
_IDENTITY = {
    5: ("user", "project", "domain", "user_domain", "project_domain"),
    6: ("user", "project", "domain", "system_scope", "user_domain", "project_domain"),
}
"""Names of the ids of who sent a request, by their number."""
_WEB = re.compile(
    r'(?P<client>[0-9a-fA-F.:]+)(?:,[^ ]+)? "(?P<request>(?P<method>[A-Z]+) (?P<path>[^ "]+)[^"]*)" '
    r"status: (?P<status>\d{3}) +len: (?P<bytes>\d+) time: (?P<seconds>[0-9.]+)"
)


def _name_parts(_meta: MetaData, event: Event) -> None:
    """Name the ids of the request and of who sent it, in brackets, and the parts of a request to the API of Nova.

    In place of an id that is none stands `None` or `-`. Newer versions have the global id of the request first.
    """
    context = event.pop("context", "-")
    requests: list[str] = []
    others = context.split()
    while others and len(requests) < 2 and _REQUEST.fullmatch(others[0]):
        requests.append(others.pop(0))
    if requests and (len(others) in _IDENTITY or not others):
        event["request_id"] = requests[-1]
        event |= {"global_request_id": requests[0]} if len(requests) > 1 else {}
        event |= dict(zip(_IDENTITY.get(len(others), ()), others, strict=True))
        event |= {name: None for name in (*_IDENTITY[6], "global_request_id") if event.get(name) in ("-", "None")}
    elif context != "-":
        event["context"] = context
    if web := _WEB.match(event["message"]):
        event |= web.groupdict()
        event |= {"status": int(web["status"]), "bytes": int(web["bytes"]), "seconds": float(web["seconds"])}


OPENSTACK = Patterns(
    "openstack",
    "logs of OpenStack's services, as oslo.log writes them: Nova, Neutron, Keystone, Cinder, Glance and others",
    "https://docs.openstack.org/oslo.log/latest/configuration/index.html",
    chain=({"multiline": {"start": r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"}}, "openstack"),
    tag="openstack.{level}",
    time=stamp("time"),
    message="{logger}: {message}",
    patterns=(
        rf"{_HEAD}{_INSTANCE}(?P<message>.*)",  # a line of a stack trace, which has no context
        rf"{_HEAD}\[(?P<context>[^\]]*)\] {_INSTANCE}(?P<message>.*)",
        rf"{_HEAD}\[(?P<context>[^\]]*)\] (?P<message>.*)",
        rf"{_HEAD}(?P<message>.*)",
    ),
    integers="pid",
    refine=_name_parts,
    entities={"addresses": "client", "users": "user"},
)
