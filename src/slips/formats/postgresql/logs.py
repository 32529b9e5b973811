"""Logs of the PostgreSQL server: as text with any prefix, as CSV, as JSON."""

from __future__ import annotations

import re

from slips.errors import foreign_record
from slips.format import Event
from slips.model import MetaData
from slips.parsing import Json, Patterns, all_of, stamp
from slips.parsing.typed import decimal

_REFERENCE = "https://www.postgresql.org/docs/current/runtime-config-logging.html"

_TIME = r"(?:< ?)?(?P<log_time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d++)? (?:[A-Z]++|[+-]\d\d(?::\d\d)?))"
_PID = r"\[(?P<process_id>\d++)(?:-(?P<session_line_num>\d++))?\]:?"
_SEVERITY = (
    r"(?P<error_severity>DEBUG[1-5]?|LOG|INFO|NOTICE|WARNING|ERROR|FATAL|PANIC|DETAIL|HINT|QUERY|CONTEXT|LOCATION|"
    r"STATEMENT|BACKTRACE):  ?"
)
_STATEMENT = re.compile(
    r"(?:duration: (?P<duration>[0-9]+(?:\.[0-9]+)?) ms *)?"
    r"(?:(?P<step>statement|parse|bind|execute(?: fetch from)?)(?: (?P<statement_name>\S+))?: (?P<sql>.*))?",
    re.DOTALL,
)


def _take_statement(_meta: MetaData, event: Event) -> None:
    """Add `duration` in milliseconds, `step`, `statement_name` and `sql` of a message that has them."""
    message = event.get("message")
    if isinstance(message, str) and message.startswith(("duration: ", "statement: ", "execute ", "parse ", "bind ")):
        found = _STATEMENT.match(message)
        assert found is not None  # noqa: S101 - it matches the empty text, too
        parts: Event = {name: text for name, text in found.groupdict().items() if text is not None}
        if "duration" in parts:
            parts["duration"] = decimal(parts["duration"])
        event.update(parts)


_SESSION = re.compile(r"[0-9a-f]{1,16}\.[0-9a-f]{1,16}")
_DATABASE = r"(?: database=(?P<database_name>[^ ]{1,255}))?"
_PEER = r"host=(?P<remote_host>[^ ]{1,255})(?: port=(?P<remote_port>\d{1,5}))?"
_CONNECTIONS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"connection received: {_PEER}",
        rf"(?:replication )?connection authorized: user=(?P<user_name>[^ ]{{1,255}}){_DATABASE}",
        rf"disconnection: session time: [0-9:.]{{1,20}} user=(?P<user_name>[^ ]{{1,255}}){_DATABASE} {_PEER}",
        r"[A-Za-z0-9-]{1,20} authentication failed for user \"(?P<user_name>[^\"]{1,255})\"",
        r"(?:no pg_hba\.conf entry|pg_hba\.conf rejects connection) for (?:replication connection from )?host "
        r"\"(?P<remote_host>[^\"]{1,255})\", user \"(?P<user_name>[^\"]{1,255})\""
        r"(?:, database \"(?P<database_name>[^\"]{1,255})\")?",
    )
)
"""Messages on connections, which name who connects where the prefix does not."""
_STARTS = ("connection ", "replication connection ", "disconnection: ", "no pg_hba.conf ", "pg_hba.conf rejects ")


def _take_text(meta: MetaData, event: Event) -> None:
    """Read a message, and add who connects from where if it says so and the prefix does not."""
    _take_statement(meta, event)
    message = event["message"]
    if message.startswith(_STARTS) or " authentication failed for user " in message[:60]:
        found = next(filter(None, (pattern.match(message) for pattern in _CONNECTIONS)), None)
        for name, text in found.groupdict().items() if found else ():
            if text is not None and event.get(name) is None:
                event[name] = int(text) if name == "remote_port" else text


def _take_row(meta: MetaData, event: Event) -> None:
    """Leave out the columns of a row that are empty; add `remote_host` and `remote_port` of `connection_from`.

    Raises RecordError for a row of another log, whose sixth column names no session.
    """
    session = event.get("session_id") or ""
    if session and _SESSION.fullmatch(session) is None:
        raise foreign_record(f"'session_id' is {session!r:.60}; expected one such as '692aab02.386'")
    for name in [name for name, value in event.items() if value == ""]:
        del event[name]
    host, _, port = str(event.get("connection_from", "")).rpartition(":")
    if host and port.isdecimal() and port.isascii():
        event["remote_host"], event["remote_port"] = host, int(port)
    _take_statement(meta, event)


# Lines behind the first of a message begin with a tab. `log_line_prefix` is what its owner wants: the first patterns
# read those of PostgreSQL itself, of Debian, and what pgBadger asks for; the last keeps any other as `prefix`.
POSTGRESQL = Patterns(
    "postgresql",
    "PostgreSQL server logs as text, with any 'log_line_prefix', with or without a syslog header",
    _REFERENCE,
    chain=("multiline", "postgresql"),
    tag="postgresql.log",
    time=stamp("log_time"),
    message="{error_severity} {message}",
    patterns=(
        rf"{_TIME} {_PID} (?:(?P<user_name>[^@ ]*+)@(?P<database_name>[^ ]*+) )?{_SEVERITY}(?P<message>.*)",
        rf"{_TIME} {_PID} (?:\[(?P<line>\d++)-\d++\] )?user=(?P<user_name>[^, ]*+),db=(?P<database_name>[^, ]*+)"
        rf"(?:,app=(?P<application_name>[^,]*+))?(?:,client=(?P<remote_host>[^, ]*+))? {_SEVERITY}(?P<message>.*)",
        rf"{_TIME} {_PID} (?:\[(?P<line>\d++)-\d++\] )?db=(?P<database_name>[^, ]*+),user=(?P<user_name>[^, ]*+)"
        rf"(?:,app=(?P<application_name>[^,]*+))?(?:,client=(?P<remote_host>[^, ]*+))? {_SEVERITY}(?P<message>.*)",
        rf"{_TIME}(?P<prefix>.*?){_SEVERITY}(?P<message>.*)",
        rf"(?P<log_time>\d{{10}}\.\d{{3}})(?P<prefix>.*?){_SEVERITY}(?P<message>.*)",
        rf"(?P<prefix>.*?){_SEVERITY}(?P<message>.*)",
    ),
    absent=("[unknown]", ""),
    integers="process_id session_line_num line",
    refine=_take_text,
    entities={"users": "user_name", "addresses": "remote_host"},
)

_COLUMNS = """log_time user_name database_name process_id connection_from session_id session_line_num command_tag
    session_start_time virtual_transaction_id transaction_id error_severity sql_state_code message detail hint
    internal_query internal_query_pos context query query_pos location application_name
    backend_type leader_pid query_id"""

# A statement in quotes may have lines that look like records: only a reader that knows the quotes cuts rightly.
POSTGRESQL_CSV = Json(
    "postgresql-csv",
    "PostgreSQL server logs as CSV ('csvlog'), of any version",
    f"{_REFERENCE}#RUNTIME-CONFIG-LOGGING-CSVLOG",
    chain=({"csv": {"columns": _COLUMNS.split()}}, "postgresql-csv"),
    tag="postgresql.log",
    time=stamp("log_time"),
    message="{error_severity} {message|'-'}",
    require=all_of("log_time", "error_severity"),
    absent="",
    integers="process_id session_line_num transaction_id internal_query_pos query_pos leader_pid query_id",
    refine=_take_row,
    entities={"users": "user_name", "addresses": "remote_host"},
)

POSTGRESQL_JSON = Json(
    "postgresql-json",
    "PostgreSQL server logs as JSON ('jsonlog')",
    f"{_REFERENCE}#RUNTIME-CONFIG-LOGGING-JSONLOG",
    tag="postgresql.log",
    time=stamp("timestamp"),
    message="{error_severity} {message|'-'}",
    require=all_of("timestamp", "error_severity"),
    refine=_take_statement,
    entities={"users": "user", "addresses": "remote_host"},
)
