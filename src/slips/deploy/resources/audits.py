"""The rules that invoke the audit every day, and let it go on, if the config asks for it. Pure."""

from __future__ import annotations

from slips.backends.aws import AUDIT
from slips.config import Config
from slips.deploy.resources.forms import Resources, get_att, permission, resource


def build(config: Config) -> Resources:
    """Build the schedules. They begin with the deploy.

    The second one goes on with an audit that one invocation cannot end, or that has died. The function does not invoke
    itself: Lambda ends such a loop after 16 invocations.
    https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html
    """
    if not config.backend.audit:
        return {}
    return {
        **_rule("AuditSchedule", "The audit of every day.", "rate(1 day)"),
        **_rule("AuditContinuation", "Goes on with an audit.", "rate(5 minutes)", Input='{"continue":true}'),
    }


def _rule(name: str, about: str, when: str, **target: str) -> Resources:
    return {
        f"{name}Permission": permission(AUDIT, "events", SourceArn=get_att(name)),
        name: resource(
            "AWS::Events::Rule",
            Description=about,
            ScheduleExpression=when,
            Targets=[{"Id": AUDIT, "Arn": get_att(AUDIT), **target}],
        ),
    }
