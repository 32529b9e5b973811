"""Amazon RDS and Aurora: logs of MySQL, MariaDB and PostgreSQL."""

from __future__ import annotations

from slips import times
from slips.format import Event, Rule
from slips.model import MetaData
from slips.parsing import Patterns, Regex, iso, moment
from slips.parsing.conversions import integer_or_text


def _unquote(_meta: MetaData, event: Event) -> None:
    """Take the quotes off `object`, the query; escapes in it stay. Make a number of Aurora's time."""
    event["timestamp"] = integer_or_text(event["timestamp"])
    query = event["object"]
    if query and len(query) > 1 and query[0] == query[-1] == "'":
        event["object"] = query[1:-1]


# Aurora writes microseconds since 1970, the plugin of RDS a time of the database's zone.
RDS_AURORA_AUDIT = Regex(
    "rds-aurora-audit",
    "audit logs of Aurora MySQL, and of RDS for MySQL and MariaDB",
    "https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/AuroraMySQL.Auditing.html",
    tag="aws.rds.audit",
    time=moment("timestamp"),
    message="{operation|'-'} by {username|'-'} from {host|'-'} at {database|'-'}: {object|retcode|'-'}",
    pattern=r"(?P<timestamp>[^,]++),(?P<serverhost>[^,]*+),(?P<username>[^,]*+),(?P<host>[^,]*+),"
    r"(?P<connectionid>\d*+),(?P<queryid>\d*+),(?P<operation>[^,]*+),(?P<database>[^,]*+),"
    r"(?P<object>'[^'\\]*+(?:\\.[^'\\]*+)*'|[^,']*+),(?P<retcode>[^,]*+)"
    r"(?:,(?P<connection_type>[^,]*+)(?:,(?P<further>.*+))?)?",
    absent="",
    integers="connectionid queryid retcode connection_type",
    refine=_unquote,
    entities={"addresses": "host", "users": "username", "hosts": "serverhost"},
)


def _split_client(_meta: MetaData, event: Event) -> None:
    """Put `remote_host`, `remote_port` and `user_name` in place of `client`, such as `192.0.2.7(52834):ann`."""
    host, _, user = (event.pop("client", None) or "").rpartition(":")
    address, _, port = host.removesuffix(")").rpartition("(") if host.endswith(")") else (host, "", "")
    event |= {
        "remote_host": address or None,
        "remote_port": int(port) if port.isdecimal() else None,
        "user_name": user or None,
    }


_SECONDS = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
_SESSION = (
    rf"(?P<log_time>{_SECONDS}(?:\.\d++)? [A-Z]++):(?P<client>[^@ ]*+)@(?P<database_name>[^: ]*+):"
    r"\[(?P<process_id>\d++)\]:"
)
_SEVERITY = "DEBUG[1-5]?|LOG|INFO|NOTICE|WARNING|ERROR|FATAL|PANIC|DETAIL|HINT|CONTEXT|STATEMENT|QUERY|LOCATION"

# The prefix of a line is `%t:%r:%u@%d:[%p]:`; from version 16 on it may be `%m:%r:%u@%d:[%p]:%l:%e:%s:%v:%x:%c:%q%a`,
# with or without a colon at its end, in which names of fields are those of PostgreSQL's CSV. Before the server has read
# its settings, it is `%m [%p] `.
RDS_POSTGRES = Patterns(
    "rds-postgres",
    "logs of RDS for PostgreSQL and Aurora PostgreSQL",
    "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/"
    "USER_LogAccess.Concepts.PostgreSQL.overview.parameter-groups.html",
    chain=({"multiline": {"start": _SECONDS}}, "rds-postgres"),
    tag="aws.rds.postgres",
    time=iso("log_time"),
    message="{error_severity} {message}",
    patterns=(
        rf"{_SESSION}(?P<session_line_num>\d++):(?P<sql_state_code>[0-9A-Z]{{5}}):"
        rf"(?P<session_start_time>{_SECONDS} [A-Z]++):(?P<virtual_transaction_id>[^:]*+):(?P<transaction_id>\d++):"
        rf"(?P<session_id>[0-9a-f.]++):++(?P<application_name>.*?):?(?P<error_severity>{_SEVERITY}):  (?P<message>.*)",
        rf"{_SESSION} ?(?P<error_severity>[A-Z][A-Z0-9]*+): *+(?P<message>.*)",
        rf"(?P<log_time>{_SECONDS}(?:\.\d++)? [A-Z]++) \[(?P<process_id>\d++)\]:? ?"
        r"(?P<error_severity>[A-Z][A-Z0-9]*+): *+(?P<message>.*)",
    ),
    absent="",
    integers="process_id session_line_num transaction_id",
    refine=_split_client,
    entities={"users": "user_name", "addresses": "remote_host"},
)


PROLOGUE = Rule(
    "prologue",
    "lines that the server writes when it opens a log",
    when=lambda event: "server" in event,
)


def _read_short_time(meta: MetaData, event: Event) -> None:
    """Read the time of a plugin's line, which has two digits for the year."""
    if "short_time" in event:
        meta.timestamp = times.written(event["short_time"], "%y%m%d %H:%M:%S", "short_time")


# Slow, general and error logs are told by their lines. A statement may have several; so may a message.
RDS_MYSQL = Patterns(
    "rds-mysql",
    "slow query, general and error logs of RDS for MySQL and Aurora MySQL",
    "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_LogAccess.MySQL.LogFileSize.html",
    chain=(
        {"multiline": {"start": r"\d{4}(?:-\d\d-\d\d[T ]\d\d:|\d\d [ \d]\d:\d\d:)|# Time: |/[^ ,]++, Version: "}},
        "rds-mysql",
    ),
    tag="aws.rds.mysql",
    time=iso("time"),
    message="{level|command|query_time ' '}{message|argument|query|'-'}",
    patterns=(
        r"(?P<time>\d{4}-\d\d-\d\dT\S++)\s++(?P<thread_id>\d++) (?P<command>[A-Z][A-Za-z ]*+)\t(?P<argument>.*)",
        r"(?P<time>\d{4}-\d\d-\d\dT\S++)\s++(?P<thread_id>\d++) (?P<command>[A-Z][A-Za-z ]*+)\Z",
        r"(?P<time>\d{4}-\d\d-\d\dT\S++) (?P<thread_id>\d++) \[(?P<level>\w++)\] "
        r"(?:\[(?P<error_code>MY-\d++)\] \[(?P<subsystem>\w++)\] )?(?P<message>.*)",
        r"# Time: (?P<time>\S++)\s++# User@Host: (?P<user>[^\[]*+)\[(?P<login>[^\]]*+)\] @ ++(?P<host>[^\[ ]*+) *+"
        r"\[(?P<ip>[^\]]*+)\]\s++Id:\s++(?P<thread_id>\d++)\s++# Query_time: (?P<query_time>[0-9.]++)\s++"
        r"Lock_time: (?P<lock_time>[0-9.]++)\s++Rows_sent: (?P<rows_sent>\d++)\s++Rows_examined: "
        r"(?P<rows_examined>\d++)(?P<extra>[^\n]*+)\s*+(?:use (?P<database>[^;]++);\s*+)?"
        r"(?:SET timestamp=(?P<timestamp>\d++);\s*+)?(?P<query>.*)",
        # Of a thread: lines of many programs have such a time.
        r"(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (?P<message>(?:0x)?\d[0-9a-f]*+(?::\[| \[| I).*)",
        r"(?P<short_time>\d{6} [ \d]\d:\d\d:\d\d) (?P<message>.*)",
        r"(?P<server>/[^,\n]++), Version: (?P<version>[^ \n]++).*",
    ),
    integers="thread_id rows_sent rows_examined timestamp",
    floats="query_time lock_time",
    absent="",
    rules=(PROLOGUE,),
    refine=_read_short_time,
    entities={"users": "user login", "addresses": "ip"},
)
