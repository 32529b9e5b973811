"""Logs of MongoDB servers: JSON since version 4.4, text before."""

from __future__ import annotations

from slips.parsing import Json, Patterns, all_of, any_of, iso, one_of, stamp

MONGODB = one_of(
    "mongodb",
    "MongoDB server logs, as JSON (since 4.4) and as text",
    "https://www.mongodb.com/docs/manual/reference/log-messages/",
    Json(
        "mongodb.json",
        "structured logs",
        require=any_of(all_of("t", any_of("msg", "c", "s")), all_of("atype", "ts")),
        time=iso("t.$date", "ts.$date"),
        tag="mongodb.{c|atype|'log'}",
        message="{msg|atype|'-'}",
    ),
    Patterns(
        "mongodb.text",
        "text before 4.4",
        time=stamp("time"),
        tag="mongodb.{component|'log'}",
        message="{message}",
        patterns=(
            r"(?P<time>\d{4}-\d\d-\d\dT[^ ]+) (?P<severity>[DIWEF]\d?) +(?P<component>[A-Z_-]+) +"
            r"(?:\[(?P<context>[^\]]*)\] )?(?P<message>.*)",
            r"(?P<time>\d{4}-\d\d-\d\dT[^ ]+) \[(?P<context>[^\]]*)\] (?P<message>.*)",
            r"(?P<weekday>[A-Z][a-z][a-z]) (?P<time>[A-Z][a-z][a-z] +\d{1,2} [0-9:.]+) "
            r"\[(?P<context>[^\]]*)\] (?P<message>.*)",
            r"\*{5} (?P<message>SERVER RESTARTED) \*{5}(?P<more>.+)?",
        ),
    ),
    tag="mongodb.{component}",
    entities={"addresses": "attr.remote attr.client remote.ip", "users": "attr.principalName attr.user"},
)
