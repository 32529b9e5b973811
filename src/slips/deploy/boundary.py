"""Checks that the policy of `permissions_boundary` allows the actions of the stack's roles.

In: the stack's template and the policy, which `read` requests from AWS. Out: actions that are certainly refused, and
actions whose permission is unknown. If the boundary refuses an action of a role, objects may be lost: even to report
that a function failed, Lambda uses the rights of the function's role.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError
from msgspec import Struct

from slips.backends.aws.answers import code
from slips.backends.aws.refusals import DENIED, MISSING, calls
from slips.deploy.account import Account
from slips.deploy.permissions import ROLES
from slips.deploy.policies import verdict
from slips.deploy.resources.forms import policies_beside

_NAMED = 24
"""Characters of a stack's name at the beginning of all names that AWS makes. AWS cuts some names to 64 characters."""
_PARTS = {
    "AWS::DynamoDB::Table": "dynamodb:REGION:ACCOUNT:table/NAME",
    "AWS::Kinesis::Stream": "kinesis:REGION:ACCOUNT:stream/NAME",
    "AWS::Lambda::Function": "lambda:REGION:ACCOUNT:function:NAME",
    "AWS::SNS::Topic": "sns:REGION:ACCOUNT:NAME",
    "AWS::SQS::Queue": "sqs:REGION:ACCOUNT:NAME",
}
"""The ARN of a resource that roles use, by its type."""


class Findings(Struct, frozen=True):
    """The findings about the boundary: refused actions as problems, unknown ones as notes."""

    problems: list[str]
    notes: list[str]


def look(arn: str, where: str, made: Mapping[str, Any], account: Account, stack: str) -> Findings:
    """Read the boundary `arn`, which the text `where` names, and hold it against the roles of the template `made`."""
    try:
        with calls(where, passing=DENIED | MISSING):
            policy = read(arn, account)
    except ClientError as error:
        if code(error) in DENIED:
            note = f"{where} was not looked at: AWS denies iam:{error.operation_name}; expected it to allow "
            return Findings([], [f"{note}what the roles do; see whether it does"])
        return Findings([f"{where} is not there; expected a policy that exists; make it, or mend the ARN"], [])
    return judge(where, policy, made, account, stack)


def read(arn: str, account: Account) -> dict[str, Any]:
    """Return the document of a managed policy, in its default version. Passes ClientError."""
    version = account.iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    document: dict[str, Any] = account.iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"][
        "Document"
    ]
    return document


def judge(where: str, policy: dict[str, Any], made: Mapping[str, Any], account: Account, stack: str) -> Findings:
    """Hold a policy against what each role needs for the stack; rights of `handler.policies` are the handler's own."""
    problems, unknown = list[str](), list[str]()
    for role, needs in _needs(made, account, stack):
        verdicts = {need: verdict(policy, *need) for need in needs}
        refused, untold = (
            _listing(policy, [need for need, found in verdicts.items() if found == kind])
            for kind in ("refused", "unknown")
        )
        if refused:
            problems.append(
                f"{where} does not allow {refused} for {role}; expected all that the role does, or objects and reports "
                "of failures are lost; add it to the boundary"
            )
        if untold:
            unknown.append(f"{untold} for {role}")
    if not unknown:
        return Findings(problems, [])
    note = f"{where}: whether it allows {'; '.join(unknown)} is unknown, as it does so under conditions, or on a part"
    return Findings(problems, [f"{note}; expected all of it to be allowed; see whether it is"])


def _listing(policy: dict[str, Any], needs: list[tuple[str, str]]) -> str:
    """List actions; with its resource if the policy allows the action on other resources."""
    listed = dict[str, None]()
    for action, resource in needs:
        elsewhere = verdict(policy, action, "*") != "refused"
        listed[f"{action} on {resource}" if elsewhere and resource != "*" else action] = None
    return ", ".join(listed)


def _needs(made: Mapping[str, Any], account: Account, stack: str) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Yield each role that the stack makes, with its actions and patterns of ARNs."""
    resources = made["Resources"]
    for role in ROLES:
        if role in resources:
            own = next(one for one in resources[role]["Properties"]["Policies"] if one["PolicyName"] == "slips")
            yield (
                role,
                [
                    (action, _pattern(resource, resources, account, stack))
                    for policy in (own, *policies_beside(resources, role).values())
                    for statement in policy["PolicyDocument"]["Statement"]
                    for resource in statement["Resource"]
                    for action in statement["Action"]
                ],
            )


def _pattern(resource: Any, resources: Mapping[str, Any], account: Account, stack: str) -> str:
    """Return the pattern of the ARNs that CloudFormation may make of a policy's resource."""
    match resource:
        case {"Fn::Sub": str(text)}:
            values = {"AWS::Partition": account.partition, "AWS::Region": account.region, "AWS::AccountId": account.id}
            return re.sub(r"\$\{(!?)([^}]*)\}", lambda found: _filled(found, values, stack), text)
        case {"Ref": name} | {"Fn::GetAtt": [name, "Arn"]}:
            parts = _PARTS[resources[name]["Type"]].replace("REGION", account.region).replace("ACCOUNT", account.id)
            return f"arn:{account.partition}:{parts.replace('NAME', _name(name, stack))}"
    return str(resource)


def _filled(found: re.Match[str], known: Mapping[str, str], stack: str) -> str:
    if found[1]:
        return f"${{{found[2]}}}"
    return known.get(found[2]) or _name(found[2], stack)


def _name(logical: str, stack: str) -> str:
    """Return the pattern of the name that AWS makes for a resource of the stack, which ends in random characters."""
    return f"{stack[:_NAMED]}*" if len(stack) > _NAMED else f"{stack}-{logical}-*"
