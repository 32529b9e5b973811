"""Logs of the resolver Unbound: queries, replies, and other messages."""

from __future__ import annotations

from slips.parsing import Patterns, stamp

_TIME = r"(?:\[(?P<time>\d{9,11})\] |(?P<stamp>[A-Z][a-z][a-z] +\d{1,2} [0-9:]{8}) )?"
_HEAD = _TIME + r"(?:[A-Za-z0-9_.-]+)?\[(?P<pid>\d+):(?P<thread>[0-9a-f]+)\] "  # the name is `log-identity`
_LEVEL = r"(?P<level>info|notice|warning|error|debug|query|reply|fatal error): "
_IP = r"(?P<client_ip>[0-9a-fA-F.:]+(?:%[^ @]+)?)"
_NAME = r"(?P<query_name>[^ ]+) (?P<query_type>[A-Z0-9-]+) (?P<query_class>(?:IN|CH|HS|ANY|NONE|CLASS\d+)\b)"
_ANSWER = r"(?: (?P<rcode>[A-Z0-9]+) (?P<duration>[0-9.]+) (?P<cached>[01]) (?P<size>\d+)"
_ANSWER += r"(?: on (?P<protocol>[a-z]+) (?P<server_ip>[^ ]+) (?P<server_port>\d+))?)?"  # of `log-destaddr`
# What a local zone or a policy zone did with a query.
_ACTED = (
    r"(?:rpz: applied \[(?P<rpz_log>[^\]]*)\] )?(?P<zone>[^ ]+) (?P<action>[a-z][a-z_-]+) "
    rf"{_IP}@(?P<client_port>\d+) {_NAME}"
)
_FAILED = rf"(?P<rcode>SERVFAIL) <{_NAME}>: (?P<text>.*)"

UNBOUND = Patterns(
    "unbound",
    "Unbound: queries, replies, what local and policy zones did, and other messages, with or without a syslog header",
    "https://unbound.docs.nlnetlabs.nl/en/latest/manpages/unbound.conf.html",
    chain=("s3-lines", "syslog-any", "unbound"),
    time=stamp("time", "stamp"),
    tag="unbound.{level|'info'}",
    message="{message}",
    whole="message",
    patterns=(
        rf"{_HEAD}{_LEVEL}{_IP} {_NAME}{_ANSWER}",
        rf"{_LEVEL}{_IP} {_NAME}{_ANSWER}",
        rf"{_HEAD}{_LEVEL}{_ACTED}",
        rf"{_LEVEL}{_ACTED}",
        rf"{_HEAD}{_LEVEL}{_FAILED}",
        rf"{_LEVEL}{_FAILED}",
        rf"{_HEAD}(?P<level>[a-z]+(?: error)?): (?P<text>.*)",
        rf"{_LEVEL}(?P<text>.*)",
    ),
    integers="time pid size client_port server_port",
    floats="duration",
    booleans="cached",
    boolean_words="1/0",
    entities={"addresses": "client_ip server_ip", "domains": "query_name"},
)
