"""Logs of the Barracuda Web Application Firewall, in the formats that it exports by default.

Values stand without quotes, and some of them may have blanks: names, cookies, a follow-up action. They are found by
what stands around them: the run of numbers in the middle of an access, the quotes of the user agent and the address
behind it.
"""

from __future__ import annotations

import re

from slips.errors import RecordError
from slips.format import Event
from slips.model import MetaData
from slips.parsing import Patterns, iso

_CACHE_HIT = {"0": False, "1": True}
_ABSENT = frozenset(["", "-", '"-"'])
_ADDRESS = r"([0-9A-Fa-f.:]{2,45})"
# The user agent ends with a quote in front of the proxy's address and port.
_BEHIND_AGENT = re.compile(rf'" {{1,2}}{_ADDRESS} (\d{{1,5}}) ')
_AGENT_BEGINS = re.compile(r'(?<= )"(?!-" )')
_NUMBERS = re.compile(
    rf' (\d{{3}}) (\d{{1,19}}) (\d{{1,19}}) (\d) (\d{{1,19}}) (?:{_ADDRESS}|"-"|-) (\d{{1,5}}) (\d{{1,19}}) '
)
_VERDICTS = re.compile(r"([^ ]*+) ++([^ ]++) ([^ ]++) ([^ ]++) ([^ ]++) ")
_DETAILS_END = re.compile(r'\] ([A-Z_-]{1,40}|"-") ')


def _value(text: str) -> str | None:
    return None if text in _ABSENT else text


def _take(event: Event, names: str, values: list[str] | tuple[str, ...]) -> None:
    for name, value in zip(names.split(), values, strict=True):
        event[name] = _value(value)


def _split_agent(text: str) -> tuple[str, str, str]:
    """Return what is before the user agent, that, and what is behind it, its quotes cut off. Raises RecordError."""
    begin = _AGENT_BEGINS.search(text)
    end = _BEHIND_AGENT.search(text, begin.end()) if begin else None
    if begin is None or end is None:
        raise RecordError(f"no user agent in quotes in front of the proxy's address and port: {text[:80]!r}")
    return text[: begin.start() - 1], text[begin.end() : end.start()].strip('"'), text[end.start() + 1 :].lstrip(" ")


def _two_names(text: str, first: str, second: str) -> dict[str, str | None]:
    """Return two names that one blank divides, of which one may have blanks."""
    for absent in ('"-"', "-"):
        if text.startswith(f"{absent} "):
            return {first: None, second: _value(text[len(absent) + 1 :])}
        if text.endswith(f" {absent}"):
            return {first: _value(text[: -len(absent) - 1]), second: None}
    one, _, other = text.partition(" ")
    return {first: _value(one), second: _value(other)}


def _read_access(event: Event, text: str) -> None:
    numbers = _NUMBERS.search(text)
    before = text[: numbers.start()].rsplit(" ", 4) if numbers else []
    verdicts = _VERDICTS.match(text, numbers.end()) if numbers else None
    if numbers is None or verdicts is None or len(before) != 5:
        raise RecordError(f"no status, sizes, times and server in a row: {text[:80]!r}")
    event |= _two_names(before[0], "login", "certificate_user")
    _take(event, "method protocol host version", before[1:])
    status, sent, received, hit, taken, server, port, server_time = numbers.groups()
    event |= {
        "status": int(status),
        "bytes_sent": int(sent),
        "bytes_received": int(received),
        "cache_hit": _CACHE_HIT.get(hit, hit),
        "time_taken": int(taken),
        "server_ip": server,
        "server_port": int(port),
        "server_time": int(server_time),
    }
    _take(event, "session_id response_type profile_matched protected wf_matched", verdicts.groups())
    request, agent, rest = _split_agent(text[verdicts.end() :])
    parts = request.split(" ", 3)
    _take(event, "url query referer cookie", [*parts, *("" for _ in range(4 - len(parts)))])
    _read_client(event, agent, rest, "custom_header_1 custom_header_2 custom_header_3 unique_id")


def _read_client(event: Event, agent: str, rest: str, names: str) -> None:
    """Add the user agent and what is behind it: the proxy, the authenticated user, and the values named `names`."""
    event["user_agent"] = _value(agent)
    proxy, _, behind = rest.rstrip(" ").partition(" ")
    port, _, behind = behind.partition(" ")
    event |= {"proxy_ip": proxy, "proxy_port": int(port)}
    count = len(names.split())
    user, *values = behind.rsplit(" ", count)
    if len(values) == count - 1:  # of versions that have no identifier of a request
        values.append("")
    if len(values) != count:
        raise RecordError(f"{len(values)} values behind the user; expected {names}")
    event["authenticated_user"] = _value(user)
    _take(event, names, values)


def _read_firewall(event: Event, text: str) -> None:
    follow_up, _, details = text.partition(" [")
    end = _DETAILS_END.search(details)
    if end is None:
        raise RecordError(f"no details of the attack in brackets, and a method behind them: {text[:80]!r}")
    event |= {
        "follow_up_action": _value(follow_up),
        "attack_details": _value(details[: end.start()]),
        "method": _value(end[1]),
    }
    request, agent, rest = _split_agent(details[end.end() :])
    parts = request.rsplit(" ", 2)
    if len(parts) != 3:
        raise RecordError(f"no URL, protocol and session in front of the user agent: {request[:80]!r}")
    _take(event, "url protocol session_id", parts)
    _read_client(event, agent, rest, "referer unique_id")


def _read_audit(event: Event, text: str) -> None:
    names, quote, values = text.rstrip(" ").partition(' "')
    old, between, rest = values.partition('" "')
    new, bracket, more = rest.rpartition('" [')
    if not (quote and between and bracket and more.endswith("]")):
        raise RecordError(f"no old value, new value and additional data at the end: {text[-80:]!r}")
    _take(event, "object_name variable", names.rpartition(" ")[::2])
    event |= {"old_value": old or None, "new_value": new or None, "additional_data": more[:-1] or None}


_READ = {"TR": _read_access, "WF": _read_firewall, "AUDIT": _read_audit}


def _read_rest(meta: MetaData, event: Event) -> None:
    """Take the rest of a line apart, and make the message of what the line says. Raises RecordError."""
    kind, rest = event["log_type"], event.pop("rest", None)
    if rest is not None:
        _READ[kind](event, rest)
    words = [event.get(name) for name in _MESSAGES[kind].split()]
    meta.message = " ".join(str(word) for word in words if word is not None)


_MESSAGES = {
    "TR": "client_ip method host url status",
    "WF": "client_ip attack action method url",
    "NF": "client_ip application_ip application_port action acl",
    "AUDIT": "admin client_ip transaction_type command object_name",
    "SYS": "module severity text",
}
_HEAD = (
    r"(?:<(?P<priority>\d{1,3})>)?(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,9})?(?: [+-]\d{4})?) ++"
    r"(?P<unit_name>[^ ]++) "
)
_CLIENT = r"(?P<client_ip>[^ ]++) (?P<client_port>\d++)"
_APPLICATION = r"(?P<application_ip>[^ ]++) (?P<application_port>\d++)"

# Lines begin with their own time and zone: no header of syslog is taken off before.
BARRACUDA_WAF = Patterns(
    "barracuda-waf",
    "Barracuda Web Application Firewall: accesses, attacks, network firewall, audit, system logs in their defaults",
    "https://campus.barracuda.com/product/webapplicationfirewall/doc/92767349/exporting-log-formats/",
    time=iso("time"),
    tag="barracuda.waf.{log_type}",
    patterns=(
        rf"{_HEAD}(?P<log_type>TR) {_APPLICATION} {_CLIENT} (?P<rest>.*)",
        rf"{_HEAD}(?P<log_type>WF) (?P<severity>[^ ]++) (?P<attack>[^ ]++) {_CLIENT} {_APPLICATION} "
        r"(?P<rule>[^ ]++) (?P<rule_type>[^ ]++) (?P<action>[^ ]++) (?P<rest>.*)",
        rf"{_HEAD}(?P<log_type>NF) (?P<severity>[^ ]++) (?P<protocol>[^ ]++) {_CLIENT} {_APPLICATION} "
        r"(?P<action>[^ ]++) (?P<acl>[^ ]++)(?: (?P<details>.*))?",
        rf"{_HEAD}(?P<log_type>AUDIT) (?P<admin>[^ ]++) (?P<client_type>[^ ]++) {_CLIENT} "
        r"(?P<transaction_type>[^ ]++) (?P<transaction_id>\d++) (?P<command>[^ ]*+) (?P<change_type>[^ ]*+) "
        r"(?P<object_type>[^ ]*+) (?P<rest>.*)",
        rf"{_HEAD}(?P<log_type>SYS) (?P<module>[^ ]++) (?P<severity>[^ ]++) (?P<event_id>\d++) (?P<text>.*)",
    ),
    absent=("", "-", '"-"'),
    integers="priority client_port application_port transaction_id event_id",
    refine=_read_rest,
    entities={
        "addresses": "client_ip application_ip server_ip proxy_ip",
        "users": "login certificate_user authenticated_user admin",
        "hosts": "unit_name",
        "domains": "host",
    },
)
