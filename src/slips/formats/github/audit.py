"""The audit log of GitHub organizations and enterprises."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, moment

GITHUB_AUDIT = Json(
    "github-audit",
    "GitHub audit log, of the API or streamed to S3",
    "https://docs.github.com/en/organizations/keeping-your-organization-secure/managing-security-settings-for-your-organization/audit-log-events-for-your-organization",
    require=all_of(
        "action", any_of("_document_id", "actor", "actor_id", "user", "org", "business", "repo", "@timestamp")
    ),
    time=moment("@timestamp", "at_sign_timestamp", "created_at"),
    tag="github.audit.{action}",
    message="{action} by {actor|user|'-'} in {repo|org|business|'-'}",
    entities={"addresses": "actor_ip", "users": "actor user external_identity_username external_identity_nameid"},
)
