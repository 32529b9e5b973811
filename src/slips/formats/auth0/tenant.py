"""Logs of Auth0 tenants: sign-ins, API calls, changes of settings."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

AUTH0 = Json(
    "auth0",
    "Auth0 tenant logs, of the API or a log stream",
    "https://auth0.com/docs/deploy-monitor/logs/log-event-type-codes",
    require=all_of("type", any_of("log_id", "date", "client_id", "tenant_name", "description")),
    also_in="data",  # of a log stream
    time=iso("date"),
    tag="auth0.{type}",
    message="{type} {user_name|user_id|client_name|client_id|'-'} from {ip|details.request.ip|'-'}",
    entities={
        "addresses": "ip details.request.ip",
        "users": "user_name user_id details.request.auth.user.email",
        "hosts": "hostname",
    },
)
