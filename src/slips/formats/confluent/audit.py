"""Audit logs of Confluent Cloud and Confluent Platform: CloudEvents, as a connector writes them to S3."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, iso

CONFLUENT_AUDIT = Json(
    "confluent-audit",
    "Confluent Cloud and Platform audit logs: authentication, authorization, operations on Kafka and the organization",
    "https://docs.confluent.io/cloud/current/monitoring/audit-logging/audit-log-schema.html",
    require=all_of("type", "data.methodName", any_of("data.serviceName", "data.resourceName", "source")),
    time=iso("time"),
    tag="confluent.audit.{data.methodName}",
    message="{data.methodName}{' ' data.result.status|data.status}{' ' data.resourceName|subject}"
    "{' by ' data.authenticationInfo.principalResourceId|data.authenticationInfo.principal.confluentUser.resourceId"
    "|data.authenticationInfo.principal.confluentServiceAccount.resourceId|data.authenticationInfo.principal}"
    "{' from ' data.request.client_address|data.requestMetadata.client_address}",
    entities={
        "addresses": "data.requestMetadata.clientAddress.ip data.requestMetadata.client_address "
        "data.request.client_address",
        "users": "data.authenticationInfo.principal data.authenticationInfo.principalResourceId "
        "data.authenticationInfo.principal.confluentUser.resourceId "
        "data.authenticationInfo.principal.confluentServiceAccount.resourceId data.authenticationInfo.identity",
    },
)
