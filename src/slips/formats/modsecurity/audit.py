"""The audit log of ModSecurity 3, as JSON: a transaction each."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, stamp

MODSECURITY = Json(
    "modsecurity",
    "ModSecurity audit log, in the JSON of version 3",
    "https://github.com/owasp-modsecurity/ModSecurity/wiki/Reference-Manual-(v3.x)#user-content-SecAuditLogFormat",
    require=all_of("transaction", any_of("transaction.request", "transaction.client_ip", "transaction.messages")),
    time=stamp("transaction.time_stamp"),
    tag="modsecurity.transaction",
    message=(
        "{transaction.response.http_code|'-'} {transaction.request.method|'-'} {transaction.request.uri|'-'} "
        "from {transaction.client_ip|'-'}"
    ),
    entities={
        "addresses": "transaction.client_ip transaction.host_ip",
        "domains": "transaction.request.headers.Host transaction.request.headers.host",
    },
)
