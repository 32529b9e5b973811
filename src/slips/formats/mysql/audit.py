"""Audit logs of Percona Server and MySQL Enterprise, as JSON and as XML."""

from __future__ import annotations

import re

from slips.format import Event
from slips.model import MetaData
from slips.parsing import Json, all_of, any_of, iso, stamp

_ACCOUNT = re.compile(r"([^\[\]]*)\[([^\[\]]*)\] @ [^\[\]]*\[[^\[\]]*\]")
"""An account as the server writes it: `root[ann] @ host [192.0.2.7]`, whose privileges and who signed in."""


def _name_user(_meta: MetaData, event: Event) -> None:
    """Add whoever signed in as `user_name`: the account may have its host behind it, in one text."""
    inner = event.get("audit_record")
    account = event.get("user") or event.get("USER") or event.get("@USER")
    if account is None and isinstance(inner, dict):
        account = inner.get("user")
    if isinstance(account, str):
        found = _ACCOUNT.fullmatch(account)
        name = (found[2] or found[1]).strip() if found else account
        if name:
            event["user_name"] = name


# `rds-aurora-audit` reads the lines of the plugin 'server_audit' of MariaDB. The other plugins write an array, whose
# elements are lines with a comma behind each, or go on over several; it ends when the log is closed, and rotated files
# may begin and end anywhere. That of Percona Server before version 8.4 writes a line for each event.
MYSQL_AUDIT = Json(
    "mysql-audit",
    "audit log of Percona Server and MySQL Enterprise as JSON; 'rds-aurora-audit' reads that of MariaDB",
    "https://docs.percona.com/percona-server/8.0/audit-log-filter-json.html",
    chain=({"multiline": {"start": r"[ \t]*+[\[{]"}}, "json-elements", "mysql-audit"),
    tag="mysql.audit.{name|event|class}",
    time=iso("timestamp"),
    message=(
        "{name|event|class} {command_class|general_data.sql_command|query_data.sql_command|class|'event'}"
        "{' by ' user|login.user|account.user}"
        "{': ' sqltext|general_data.query|query_data.query|table_access_data.query|connection_data.db}"
    ),
    also_in="audit_record",
    require=any_of("name", "class", "event"),
    integers="connection_id status",
    refine=_name_user,
    entities={
        "users": "user_name login.user account.user os_user",
        "addresses": "ip login.ip",
        "hosts": "host account.host",
    },
)
# Records of the new style have elements. Those of the old style have attributes alone, of which `xml-events` makes
# fields with `@` in front.
MYSQL_AUDIT_XML = Json(
    "mysql-audit-xml",
    "audit log of MySQL Enterprise and Percona Server as XML, of the new and of the old style",
    "https://dev.mysql.com/doc/refman/8.4/en/audit-log-file-formats.html",
    chain=("xml-events:AUDIT_RECORD", "mysql-audit-xml"),
    tag="mysql.audit.{NAME|@NAME}",
    time=stamp("TIMESTAMP", "@TIMESTAMP"),
    message="{NAME|@NAME}{' ' COMMAND_CLASS|@COMMAND_CLASS}{' by ' USER|@USER}{': ' SQLTEXT|@SQLTEXT}",
    require=any_of(all_of("NAME", "TIMESTAMP"), all_of("@NAME", "@TIMESTAMP")),
    integers="CONNECTION_ID STATUS STATUS_CODE SERVER_ID @CONNECTION_ID @STATUS @STATUS_CODE @SERVER_ID",
    refine=_name_user,
    entities={
        "users": "user_name OS_LOGIN PRIV_USER PROXY_USER @OS_LOGIN @PRIV_USER @PROXY_USER",
        "addresses": "IP @IP",
        "hosts": "HOST @HOST",
    },
)
