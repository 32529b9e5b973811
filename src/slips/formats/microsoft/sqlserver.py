"""The error log of SQL Server, which its instances write as ERRORLOG."""

from __future__ import annotations

from slips.parsing import Patterns, iso

_HEAD = r"(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d\d) (?P<source>spid\d+s?|Server|Logon|Backup) +"

SQLSERVER_ERROR = Patterns(
    "sqlserver-error",
    "error logs of Microsoft SQL Server (ERRORLOG), with the lines that belong together",
    "https://learn.microsoft.com/en-us/sql/relational-databases/system-stored-procedures/sp-readerrorlog-transact-sql",
    chain=({"multiline": {"start": r"\d{4}-\d\d-\d\d \d\d:\d\d:"}}, "sqlserver-error"),
    tag="microsoft.sqlserver.{source}",
    time=iso("time"),
    message="{message}",
    patterns=(
        rf"{_HEAD}(?P<message>Error: (?P<error>\d+), Severity: (?P<severity>\d+), State: (?P<state>\d+)\..*)",
        rf"{_HEAD}(?P<message>Login (?P<result>failed|succeeded) for user '(?P<user>[^']*)'\.[^\[]*"
        r"(?:\[CLIENT: (?P<client>[^\]]*)\])?.*)",
        rf"{_HEAD}(?P<message>.*)",
    ),
    integers="error severity state",
    entities={"users": "user", "addresses": "client"},
)
