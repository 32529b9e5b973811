"""The slow query log of MySQL, MariaDB and Percona Server."""

from __future__ import annotations

import re
from typing import Any

from slips import times
from slips.format import Event, Rule
from slips.model import MetaData
from slips.parsing import Patterns
from slips.parsing.conversions import decimal_or_text, integer_or_text

PROLOGUE = Rule(
    "prologue",
    "lines that the server writes when it opens a log, and a time at its end without a query",
    when=lambda event: "query" not in event,
)

_BOOLEANS = {"Yes": True, "No": False}
_TEXTS = frozenset(["schema", "innodb_trx_id", "start", "end"])
_SET = re.compile(
    r"SET ((?:(?!timestamp=)[a-z_]++=\d++,)*+timestamp=\d++(?:\.\d++)?(?:,[a-z_]++=[0-9.]++)*+);(?:\n|\Z)"
)
_SHORT_TIME = re.compile(r"(\d{6}) +(\d{1,2}:\d\d:\d\d)")


def _typed(text: str) -> Any:
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    return decimal_or_text(text) if "." in text else integer_or_text(text)


def _take_properties(meta: MetaData, event: Event) -> None:
    """Put the properties of a query into the event, in small letters, and read a time without `SET timestamp`."""
    for line in (event.pop("properties", None) or "").splitlines():
        if line.startswith("# explain: "):
            event.setdefault("explain", []).append(line.removeprefix("# explain: "))
            continue
        name = ""
        for word in line[1:].split():
            if word.endswith(":"):
                name = word[:-1].lower()
            elif name:
                event[name] = word if name in _TEXTS else _typed(word)
    if set_ := _SET.match(event.get("query") or ""):
        event["query"] = event["query"][set_.end() :]
        event |= {name: _typed(text) for name, _, text in (each.partition("=") for each in set_[1].split(","))}
        meta.timestamp = times.epoch(event["timestamp"], "timestamp")
    elif time := event.get("time"):
        short = _SHORT_TIME.fullmatch(time)
        if short:
            meta.timestamp = times.written(f"{short[1]} {short[2]:0>8}", "%y%m%d %H:%M:%S", "time")
        else:
            meta.timestamp = times.iso(time)
    if event.get("query"):
        meta.message = f"{event.get('query_time', '-')} s: {' '.join(event['query'].split())}"


_TIME = r"# Time: (?P<time>[^\n]*+)"

# The time stands above a query only if it is another than that of the query before, in some versions. `use` is there
# if the database is another.
MYSQL_SLOW = Patterns(
    "mysql-slow",
    "slow query log of MySQL, MariaDB and Percona Server",
    "https://dev.mysql.com/doc/refman/8.4/en/slow-query-log.html",
    chain=(
        {"multiline": {"start": r"# (?:Time|User@Host): |[^ ,#]++, Version: ", "together": True}},
        "mysql-slow",
    ),
    tag="mysql.slow",
    patterns=(
        rf"(?:{_TIME}\n)?# User@Host: (?P<user>[^\[\n]*+)\[(?P<login>[^\]\n]*+)\] @ ++(?P<host>[^\[ \n]*+) *+"
        r"\[(?P<ip>[^\]\n]*+)\](?: ++Id: ++(?P<thread_id>\d++))?[^\n]*+\n(?P<properties>(?:#[^\n]*+\n)*)"
        r"(?:use (?P<database>[^;\n]++);\n)?(?P<query>.*)",
        rf"{_TIME}\Z",
        r"(?P<server>[^ ,\n]++), Version: (?P<version>[^ \n]++).*",
    ),
    absent="",
    integers="thread_id",
    rules=(PROLOGUE,),
    refine=_take_properties,
    entities={"users": "user login", "addresses": "ip", "hosts": "host"},
)
