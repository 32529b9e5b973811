"""The log of Apache CouchDB: requests, and other messages."""

from __future__ import annotations

from slips.parsing import Patterns, iso

_HEAD = (
    r"\[(?P<level>[a-z]+)\] (?P<time>\d{4}-\d\d-\d\dT[^ ]+) (?P<node>[^ ]+) (?P<process>[^ ]+) (?P<request_id>[^ ]+) "
)

# Reports of crashes go on over several lines.
COUCHDB = Patterns(
    "couchdb",
    "logs of Apache CouchDB: requests, and other messages of one line or of several",
    "https://docs.couchdb.org/en/stable/config/logging.html",
    chain=({"multiline": {"start": r"\[[a-z]+\] \d{4}-\d\d-\d\dT"}}, "couchdb"),
    patterns=(
        _HEAD + r"(?P<message>(?P<host>[^ ]+) (?P<client>[0-9a-fA-F.:]+) (?P<user>[^ ]+) "
        r"(?P<method>[A-Z]+) (?P<path>/[^ ]*) (?P<status>\d{3}) (?P<outcome>[^ ]+) (?P<took_ms>\d+).*)",
        _HEAD + r"(?P<message>.*)",
    ),
    time=iso("time"),
    tag="couchdb.{level}",
    message="{message}",
    absent=("undefined", "--------"),
    integers="status took_ms",
    entities={"addresses": "client", "users": "user"},
)
