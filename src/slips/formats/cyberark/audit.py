"""Audit of the services of CyberArk Identity Security Platform: Identity, Privilege Cloud, Secure Cloud Access."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, epoch

# `source` is the address of a user of Identity, and the name of a component for Privilege Cloud.
CYBERARK_AUDIT = Json(
    "cyberark-audit",
    "CyberArk Identity Security Platform: audit events of all services, of its API and integrations of SIEM",
    "https://docs.cyberark.com/audit/latest/en/content/audit/isp_audit-schema.htm",
    require=all_of("auditCode", "timestamp", any_of("applicationCode", "uuid")),
    time=epoch("timestamp", unit="ms"),
    tag="cyberark.audit.{applicationCode|auditCode}",
    message="{auditCode} {action|actionType|'-'}{' ' target|accountName}{' by ' username}{' from ' source}",
    entities={
        "addresses": "source",
        "users": "username targetAccount customData.user_name",
    },
)
