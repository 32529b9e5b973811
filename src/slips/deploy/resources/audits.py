"""The rule that invokes the audit every day, if the config asks for it. Pure."""

from __future__ import annotations

from slips.backends.aws import AUDIT
from slips.config import Config
from slips.deploy.resources.forms import Resources, get_att, permission, resource


def build(config: Config) -> Resources:
    """Build the schedule. It begins with the deploy; an invocation that fails is tried again by Lambda."""
    if not config.backend.audit:
        return {}
    return {
        "AuditSchedulePermission": permission(AUDIT, "events", SourceArn=get_att("AuditSchedule")),
        "AuditSchedule": resource(
            "AWS::Events::Rule",
            Description="The audit of every day.",
            ScheduleExpression="rate(1 day)",
            Targets=[{"Id": AUDIT, "Arn": get_att(AUDIT)}],
        ),
    }
