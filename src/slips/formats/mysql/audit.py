"""Audit logs of Percona Server and MySQL Enterprise, as JSON."""

from __future__ import annotations

from slips.parsing import Json, any_of, iso

# `rds-aurora-audit` reads the lines of the plugin 'server_audit' of MariaDB.
MYSQL_AUDIT = Json(
    "mysql-audit",
    "audit log of Percona Server and MySQL Enterprise as JSON; 'rds-aurora-audit' reads that of MariaDB",
    "https://docs.percona.com/percona-server/8.0/audit-log-plugin.html",
    tag="mysql.audit.{name|event|'event'}",
    time=iso("timestamp"),
    message="{name|event|'event'} {command_class|general_data.sql_command|class|'-'} by {user|login.user|'-'}: "
    "{sqltext|general_data.query|'-'}",
    also_in="audit_record",
    require=any_of("name", "class", "event"),
    integers="connection_id status",
    entities={
        "users": "user login.user account.user os_user",
        "addresses": "ip login.ip",
        "hosts": "host account.host",
    },
)
