"""Amazon RDS and Aurora: audit logs of MySQL and MariaDB, logs of PostgreSQL."""

from __future__ import annotations

from slips.format import Event
from slips.model import MetaData
from slips.parsing import Regex, iso, moment


def _unquote(_meta: MetaData, event: Event) -> None:
    """Take the quotes off `object`, the query; escapes in it stay."""
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
    message="{operation|'-'} by {username|'-'} from {host|'-'} at {database|'-'}: {object|retcode|''}",
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
    host, _, user = (event.pop("client") or "").rpartition(":")
    address, _, port = host.removesuffix(")").rpartition("(") if host.endswith(")") else (host, "", "")
    event |= {
        "remote_host": address or None,
        "remote_port": int(port) if port.isdecimal() else None,
        "user_name": user or None,
    }


# The prefix of a line is `%t:%r:%u@%d:[%p]:`; before the server has read its settings, `%m [%p] `.
RDS_POSTGRES = Regex(
    "rds-postgres",
    "logs of RDS for PostgreSQL and Aurora PostgreSQL",
    "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_LogAccess.Concepts.PostgreSQL.html",
    chain=({"multiline": {"start": r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"}}, "rds-postgres"),
    tag="aws.rds.postgres",
    time=iso("log_time"),
    message="{error_severity} {message}",
    pattern=r"(?P<log_time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d++)? [A-Z]++)"
    r"(?::(?P<client>[^@ ]*+)@(?P<database_name>[^: ]*+):| )\[(?P<process_id>\d++)\]:? ?"
    r"(?P<error_severity>[A-Z0-9]++): *+(?P<message>.*)",
    absent="",
    integers="process_id",
    refine=_split_client,
    entities={"users": "user_name", "addresses": "remote_host"},
)
