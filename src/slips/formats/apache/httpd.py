"""Access logs and error logs of the Apache HTTP Server."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, ClassVar, Self

from slips.format import Event, FormatOptions, MeaningOptions, a_key
from slips.formats.nginx.log_format import QUOTED, AccessLog, Value, pattern_of, shortened, split
from slips.model import MetaData
from slips.parsing import Patterns, clf, stamp

_FRONT = r"(?P<remote_host>[^ ]+) (?P<remote_logname>[^ ]+) (?P<remote_user>[^ ]+) \[(?P<time>[^\]]+)\] "
_REST = (
    r'"(?P<request>.*?)" (?P<status>\d{3}|-) (?P<bytes>\d{1,19}|-)'
    rf'(?: "(?P<referer>{QUOTED})"(?: "(?P<user_agent>{QUOTED})")?)?(?P<more>.+)?'
)
_DIRECTIVE = re.compile(r"%(?:(%)|[<>!0-9,]*(?:\{([^}]*)\})?([<>!]*)(\^?[A-Za-z]{1,2}|[A-Za-z]))")
_NAMES = {
    **{"a": "client_ip", "A": "local_ip", "B": "bytes", "b": "bytes", "D": "duration_us", "f": "filename"},
    **{"h": "remote_host", "H": "protocol", "k": "keepalive_requests", "l": "remote_logname", "L": "log_id"},
    **{"m": "method", "p": "server_port", "P": "pid", "q": "query", "r": "request", "R": "handler", "s": "status"},
    **{"t": "time", "T": "duration", "u": "remote_user", "U": "path", "v": "server_name", "V": "server_name"},
    **{"X": "connection_status", "I": "bytes_received", "O": "bytes_sent", "S": "bytes_transferred"},
}
"""The fields of the directives that have no argument of one's own."""
_PREFIXES = {"i": "", "o": "response_", "C": "cookie_", "e": "env_", "n": "note_", "x": ""}
"""The beginnings of fields of headers, cookies, variables and notes; a request header has its own name."""
_INTEGERS = frozenset(
    """bytes duration_us keepalive_requests server_port pid status duration duration_ms bytes_received bytes_sent
    bytes_transferred tid local_port remote_port""".split()
)


def _name(found: re.Match[str]) -> str:
    """Return the name of the field of a directive; empty for a percent sign. Raises ValueError."""
    percent, argument, _, letter = found.groups()
    if percent:
        return ""
    if argument is None and letter[:1] in _NAMES:
        return _NAMES[letter[:1]]
    if letter in _PREFIXES and argument:
        return _PREFIXES[letter] + re.sub(r"\W", "_", argument).lower()
    if letter == "T":
        return {"ms": "duration_ms", "us": "duration_us", "s": "duration"}.get(str(argument), "duration")
    if letter in ("P", "p") and argument:
        return {"tid": "tid", "hextid": "tid", "local": "local_port", "remote": "remote_port"}.get(
            argument, _NAMES[letter]
        )
    if letter == "a":
        return "peer_ip"
    if letter == "t" and argument in ("sec", "msec", "usec"):
        return f"time_{argument}"
    if letter == "t":
        return "time"
    raise ValueError(f"{found[0]!r} is not known; expected a directive of mod_log_config, such as '%>s'")


class ApacheOptions(MeaningOptions, frozen=True):
    """The options of `apache-access`."""

    log_format: Annotated[
        str,
        a_key(
            "The `LogFormat` of Apache, as its configuration has it; not set: the formats common, combined, vhost and "
            "ssl_request.",
            '%h %l %u %t "%r" %>s %b %D',
        ),
    ] = ""


@dataclass(frozen=True, kw_only=True)
class _ApacheAccess(AccessLog):
    known_formats: ClassVar[tuple[str, ...]] = ("common", "combined", "vhost_common", "vhost_combined")
    options: type[FormatOptions] | None = field(init=False, default=ApacheOptions)

    def of(self, form: str) -> Self:
        if found := re.match(r'\s*LogFormat\s+"((?:[^"\\]|\\.)*)"', form):
            form = found[1]
        form = form.replace('\\"', '"').replace("\\t", "\t").replace("%t", "[%t]")
        form = form.replace("[[%t]]", "[%t]")
        parts = split(form, _DIRECTIVE, _name)
        pattern = pattern_of(parts)
        names = [part.name for part in parts if isinstance(part, Value)]
        times = [name for name in ("time", "time_usec", "time_msec", "time_sec") if name in names]
        plain = times[:1] == ["time"] and "%t" in form
        return replace(
            self,
            patterns=(pattern,),
            shape=shortened(form),
            requests=self.requests if "request" in names and not {"method", "protocol"} & set(names) else {},
            escaped=[name for name in names if name in ("request", "referer", "user_agent", "remote_user")],
            integers=[name for name in names if name in _INTEGERS],
            time=(clf if plain else stamp)(times[0]) if times else None,
            message="{request} {status}" if {"request", "status"} <= set(names) else "",
            entities={
                kind: " ".join(known)
                for kind, fields in _ENTITIES.items()
                if (known := [name for name in fields.split() if name in names])
            },
        )


_ENTITIES = {
    "addresses": "remote_host client_ip x_forwarded_for",
    "users": "remote_user",
    "domains": "server_name host",
}

APACHE_ACCESS = _ApacheAccess(
    "apache-access",
    "Apache access logs: common, combined, with a virtual host, of mod_ssl, or a LogFormat of one's own",
    "https://httpd.apache.org/docs/2.4/mod/mod_log_config.html",
    shape='192.0.2.7 - - [time] "request" 200 612 …',
    patterns=(
        _FRONT + _REST,
        rf"(?P<server_name>[^ :]+)(?::(?P<server_port>\d+))? {_FRONT}{_REST}",
        r"\[(?P<time>[^\]]+)\] (?P<remote_host>[^ ]+) (?P<ssl_protocol>[^ ]+) (?P<ssl_cipher>[^ ]+) "
        r'"(?P<request>.*?)" (?P<bytes>\d{1,19}|-)(?P<more>.+)?',
    ),
    requests={"request": "method target protocol"},
    escaped="request referer user_agent",
    absent="-",
    integers="status bytes server_port",
    tag="apache.access",
    time=clf("time"),
    message="{remote_host|'-'} {request|'-'} {status|'-'}",
    entities={"addresses": "remote_host", "users": "remote_user", "domains": "server_name"},
)
_ERROR = (
    r"(?:\[pid (?P<pid>\d+)(?::tid (?P<tid>\d+))?\] )?"
    r"(?:\[client (?P<client>\[[^\] ]+\]:\d+|[^\[\] ][^\] ]*)\] )?"
    r"(?P<message>(?:(?P<code>AH\d{5}): )?.*)"
)
_CAUSE = re.compile(
    r"(?:(?P<source>[\w.-]{1,80}\.c(?:pp)?)\((?P<line>\d{1,9})\): )?"
    r"(?:\((?P<status>-?\d{1,9})\)(?P<error>[^\[\]]{1,200}?): (?=\[client |AH\d{5}: ))?"
    r"(?:\[client (?P<client>\[[^\] ]{1,60}\]:\d{1,5}|[^\[\] ][^\] ]{0,254})\] )?(?:(?P<code>AH\d{5}): )?"
)
"""The parts before the client in Apache 2.4: with LogLevel debug the place in its source, an error of the system."""


_SECURITY = re.compile(r' \[([a-z_]{2,20}) "([^"]*+(?:"(?!\])[^"]*+)*+)("\]|\Z)')
"""A tag of a message of ModSecurity, behind the text: `[id "942100"]`. One without an end has all of the rest."""


def _take_tags(event: Event) -> None:
    """Add the tags of a message of ModSecurity as `modsecurity`, texts as they are written; of tags `tag`, a list."""
    found: dict[str, Any] = {}
    for name, text, end in _SECURITY.findall(event["message"]):
        if not end:
            break
        if name == "tag":
            found.setdefault("tags", []).append(text)
        else:
            found.setdefault(name, int(text) if name == "line" and text.isascii() and text.isdecimal() else text)
    if found:
        event["modsecurity"] = found


_USER = re.compile(
    r"(?:AH\d{5}: )?(?:Digest: )?user (?:`([^:'\n]{0,255})' in realm |([^:\n]{0,255})"
    r"(?:: (?:authentication|authorization) failure for \"|: password mismatch: | not found(?:: /|\Z)))"
)
"""The user whom a module of authentication refuses; a name in HTTP has no colon."""


def _take_cause(_meta: MetaData, event: Event) -> None:
    """Add the place in the source, an error of the system, and the client behind them; the user who is refused; and
    tags of ModSecurity.
    """
    if "ModSecurity: " in event["message"][:120]:
        _take_tags(event)
    elif user := _USER.match(event["message"]):
        event["user"] = user[1] or user[2]
    if "client" in event or not event["message"].startswith(("(", "mod_", "ssl_", "core.c", "util")):
        return
    found = _CAUSE.match(event["message"])
    assert found is not None  # noqa: S101 - it matches any text
    fields = {name: text for name, text in found.groupdict().items() if text is not None}
    event |= fields | {name: int(fields[name]) for name in ("line", "status") if name in fields}


APACHE_ERROR = Patterns(
    "apache-error",
    "Apache error logs of 2.2 and 2.4: module and level, process, client, message, tags of ModSecurity",
    "https://httpd.apache.org/docs/2.4/mod/core.html#errorlogformat",
    patterns=(
        rf"\[(?P<time>[^\]]+)\] \[(?P<module>[^\]: ]*):(?P<level>[a-z]+\d?)\] {_ERROR}",
        rf"\[(?P<time>[^\]]+)\] \[(?P<level>[a-z]+\d?)\] {_ERROR}",
        # with `ErrorLog syslog`, behind a header that was read before, which has the time
        rf"\[(?P<module>[a-z0-9_]*):(?P<level>[a-z]+\d?)\] (?=\[pid \d){_ERROR}",
        rf"\[(?P<level>emerg|alert|crit|error|warn|notice|info|debug)\] (?=\[client ){_ERROR}",
    ),
    integers="pid tid",
    refine=_take_cause,
    tag="apache.error",
    time=stamp("time"),
    message="{message}",
    entities={"addresses": "client", "users": "user", "domains": "modsecurity.hostname"},
)
