"""Audit logs of Databricks accounts and workspaces."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, moment

DATABRICKS = Json(
    "databricks",
    "Databricks audit logs, as delivered to S3 or from the table system.access.audit",
    "https://docs.databricks.com/aws/en/admin/account-settings/audit-logs",
    require=any_of(
        all_of("serviceName", any_of("actionName", "userIdentity", "workspaceId")),
        all_of("service_name", any_of("action_name", "user_identity", "workspace_id")),
    ),
    time=moment("timestamp", "event_time"),
    tag="databricks.{serviceName|service_name}",
    message=(
        "{serviceName|service_name}.{actionName|action_name|'-'} {response.statusCode|response.status_code|'-'} "
        "by {userIdentity.email|user_identity.email|'-'} from {sourceIPAddress|source_ip_address|'-'}"
    ),
    entities={"addresses": "sourceIPAddress source_ip_address", "users": "userIdentity.email user_identity.email"},
)
