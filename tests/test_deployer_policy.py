"""The deployer's policy of docs/aws.md allows no more than is needed, and IAM takes it as it is."""

from __future__ import annotations

import json
import re
from fnmatch import fnmatchcase
from typing import Any

import pytest

from deployer_configs import REGION, STACK, TEMPLATES
from deployer_needs import of_cloudformation, of_commands, policy
from deployer_rights import ANYWHERE, actions_like, forms, grants, listed
from templates import CONFIGS

pytestmark = pytest.mark.once

MANAGED_POLICY = 6_144
"""Characters that a managed policy may have, blanks not counted.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""


# ---- no more than that


def test_the_policy_allows_nothing_that_is_not_needed() -> None:
    needed: dict[str, set[str]] = {}
    for need in (each for config in TEMPLATES for find in (of_cloudformation, of_commands) for each in find(config)):
        needed.setdefault(need.action.lower(), set()).add(need.resource)
    spare = []
    for statement in policy()["Statement"]:
        places = listed(statement["Resource"])
        effects = [
            (pattern, action, place)
            for pattern in statement["Action"]
            for action in actions_like(pattern)
            for place in places
            if takes(action, place)
        ]
        spare += [
            f"{statement['Sid']}: {action} on {place}"
            for _, action, place in effects
            if not any(fnmatchcase(arn, place) for arn in needed.get(action, ()))
        ]
        effective = {name for pattern, _, place in effects for name in (pattern, place)}
        spare += [f"{statement['Sid']}: {name}" for name in {*statement["Action"], *places} - effective]
    assert spare == []


def takes(action: str, place: str) -> bool:
    """Whether a pattern is of ARNs that an action takes: to allow it on others has no effect."""
    return place == "*" or any(re.fullmatch(form, place.replace("*", "x")) for form in forms(action))


def test_only_actions_that_take_no_resource_are_allowed_everywhere() -> None:
    everywhere = {
        action
        for statement in policy()["Statement"]
        if statement["Resource"] == "*" and "Condition" not in statement
        for pattern in statement["Action"]
        for action in actions_like(pattern)
    }
    assert {action for action in everywhere if forms(action)} == {action.lower() for action in ANYWHERE}


def test_actions_are_spelt_as_aws_spells_them() -> None:
    # IAM takes them in any case, but neither people who search nor every tool that compares do.
    needed = {need.action for config in TEMPLATES for find in (of_cloudformation, of_commands) for need in find(config)}
    patterns = [pattern for statement in policy()["Statement"] for pattern in statement["Action"]]
    assert [action for action in sorted(needed) if not any(fnmatchcase(action, one) for one in patterns)] == []


def test_roles_can_be_passed_to_those_who_may_assume_them_alone() -> None:
    (statement,) = [one for one in policy()["Statement"] if "iam:PassRole" in one["Action"]]
    assert statement["Action"] == ["iam:PassRole"]
    passed_to = statement["Condition"]["StringEquals"]["iam:PassedToService"]
    trusts = [
        one["Principal"]
        for template in TEMPLATES.values()
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::IAM::Role"
        for one in resource["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    ]
    assert trusts
    assert all(trust == {"Service": passed_to} for trust in trusts)


def test_mappings_of_others_functions_cannot_be_changed() -> None:
    (statement,) = [one for one in policy()["Statement"] if "lambda:CreateEventSourceMapping" in one["Action"]]
    (condition,) = statement["Condition"]["ArnLike"].items()
    assert condition == ("lambda:FunctionArn", f"arn:aws:lambda:*:*:function:{STACK}-*")
    others = grants({"Statement": [one for one in policy()["Statement"] if one != statement]})
    assert not [action for action in statement["Action"] if action.lower() in others]


# ---- as IAM takes it


def test_the_policy_fits_into_a_managed_policy() -> None:
    longest = policy(stack="s" * 24 + "*", code="c" * 63, bucket="b" * 63)
    assert len(json.dumps(longest, separators=(",", ":"))) <= MANAGED_POLICY


@pytest.mark.slow
@pytest.mark.xdist_group("cfn_lint")  # one process reads the schemas, once
def test_cfn_lint_finds_nothing_in_the_policy() -> None:
    managed = {"Type": "AWS::IAM::ManagedPolicy", "Properties": {"PolicyDocument": policy()}}
    # "I": also notes of statements that have no resource of an action's kind.
    assert lint({"Resources": {"Deployer": managed}}, include_checks=["I"]) == []


@pytest.mark.slow
@pytest.mark.xdist_group("cfn_lint")  # one process reads the schemas, once
@pytest.mark.parametrize("config", [name for name in TEMPLATES if name not in CONFIGS])
def test_cfn_lint_finds_nothing_in_templates_of_every_key(config: str) -> None:
    assert lint(TEMPLATES[config]) == []


def lint(template: dict[str, Any], **more: Any) -> list[str]:
    import cfnlint.api  # type: ignore[import-untyped]
    from cfnlint.config import ManualArgs  # type: ignore[import-untyped]

    found = cfnlint.api.lint(json.dumps(template), config=ManualArgs(regions=[REGION], **more))
    return [f"{one.rule.id} {one.message} {one.path}" for one in found]
