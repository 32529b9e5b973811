"""Audit log of LaunchDarkly."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, epoch

LAUNCHDARKLY = Json(
    "launchdarkly",
    "LaunchDarkly audit log: changes of flags, segments, environments, projects and members",
    "https://launchdarkly.com/docs/api/audit-log/get-audit-log-entry",
    require=all_of("_id", "date", "kind", any_of("accesses", "titleVerb", "shortDescription", "member")),
    time=epoch("date", unit="ms"),
    tag="launchdarkly.{kind}",
    message="{kind}{' ' name}{': ' titleVerb|shortDescription}{' by ' member.email|member._id}",
    entities={"users": "member.email"},
)
