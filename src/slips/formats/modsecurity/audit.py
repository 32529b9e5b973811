"""The audit log of ModSecurity, as JSON: a transaction each, in the shape of version 3 or of version 2."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, stamp

MODSECURITY = Json(
    "modsecurity",
    "ModSecurity audit log as JSON, of version 3 and of version 2",
    "https://github.com/owasp-modsecurity/ModSecurity/wiki/Reference-Manual-(v3.x)#secauditlogformat",
    require=all_of(
        "transaction",
        any_of(
            *("transaction.request", "transaction.client_ip", "transaction.messages"),
            *("transaction.transaction_id", "audit_data"),  # of version 2
        ),
    ),
    time=stamp("transaction.time_stamp", "transaction.time"),
    tag="modsecurity.transaction",
    message=(
        "{transaction.response.http_code|response.status|'request'}{' ' transaction.request.method}"
        "{' ' transaction.request.uri|request.request_line}"
        "{' from ' transaction.client_ip|transaction.remote_address}"
    ),
    integers=" ".join(
        f"transaction.messages.details.{name}" for name in ("severity", "maturity", "accuracy", "lineNumber")
    ),
    entities={
        "addresses": "transaction.client_ip transaction.host_ip transaction.remote_address transaction.local_address",
        "domains": """transaction.request.headers.Host transaction.request.headers.host request.headers.Host
            request.headers.host""",
    },
)
