"""The deployer's policy of docs/aws.md allows what CloudFormation does for a stack.

`deployer_needs` has the policy and what is needed, held against AWS's own data (`deployer_rights`).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import slips.deploy
from deployer_configs import STACK, TEMPLATES, given, kinds, touched
from deployer_needs import WAIVERS, Waiver, completed, of_cloudformation, of_commands, policy
from deployer_rights import allows, grants, permissions, refused, resources, schema

pytestmark = pytest.mark.once


def test_the_configs_cover_every_type_that_a_template_may_have() -> None:
    sources = Path(slips.deploy.__file__).parent.rglob("*.py")
    assert {kind for source in sources for kind in re.findall(r'"(AWS::\w+::\w+)"', source.read_text())} == kinds()


WITHOUT_TAGS = {
    *("AWS::IAM::Policy", "AWS::Lambda::EventInvokeConfig", "AWS::Lambda::Permission", "AWS::SNS::Subscription"),
    *("AWS::SNS::TopicPolicy", "AWS::SQS::QueuePolicy"),
}
"""Types of which AWS tags no resource: each is a part of another one."""


@pytest.mark.parametrize("kind", sorted(kinds()))
def test_a_tag_of_the_stack_reaches_what_it_makes_and_replaces_nothing(kind: str) -> None:
    # Older schemas say it beside all else.
    tagging = schema(kind).get("tagging", schema(kind))
    assert tagging["taggable"] == (kind not in WITHOUT_TAGS)
    if tagging["taggable"]:
        assert (tagging["tagOnCreate"], tagging["tagUpdatable"]) == (True, True)
        assert tagging["tagProperty"] not in schema(kind).get("createOnlyProperties", [])


@pytest.mark.parametrize("config", TEMPLATES)
def test_the_deployer_may_do_what_cloudformation_does(config: str) -> None:
    lacking = refused(completed(given(config)), of_cloudformation(config))
    assert not lacking, f"allow it in docs/aws.md, or waive what is for a property that no template sets:\n{lacking}"


def property_names(value: Any) -> set[str]:
    """The names of all properties, at any depth."""
    if isinstance(value, dict):
        return {*value, *(name for each in value.values() for name in property_names(each))}
    return {name for each in value for name in property_names(each)} if isinstance(value, list) else set()


@pytest.mark.parametrize("waiver", WAIVERS, ids=lambda waiver: f"{waiver.kind}-{waiver.properties}")
def test_a_waiver_is_needed_and_true(waiver: Waiver) -> None:
    of_kind = [
        (config, name, resource["Properties"])
        for config, template in TEMPLATES.items()
        for name, resource in template["Resources"].items()
        if resource["Type"] == waiver.kind
    ]
    properties = set(waiver.properties.split())
    known = {name for part in ("properties", "definitions") for name in property_names(schema(waiver.kind).get(part))}
    assert properties - known <= {"Replicas"}, "AWS has no such property"
    assert [name for _, name, found in of_kind if properties & property_names(found)] == [], "a template sets it"
    granted = grants(policy())
    for action in waiver.actions.split():
        assert action in permissions(waiver.kind), "AWS asks for this no more"
        for config, name, _ in of_kind:
            for arn in resources(action, touched(TEMPLATES[config], name)):
                assert not allows(granted, action, arn), f"{action} is allowed on {arn} anyway"


def test_the_first_24_characters_of_a_long_name_are_enough() -> None:
    name = "a-stack-whose-name-does-not-fit-into-those-of-its-roles"
    found = {need for find in (of_cloudformation, of_commands) for need in find("full") if STACK in need.resource}
    # AWS cuts the names of functions and roles to 64 characters, and leaves room for the logical name.
    renamed = [
        need._replace(resource=need.resource.replace(STACK, shown))
        for need in found
        for shown in ([name[:24]] if re.search(":(function:|role/)", need.resource) else [name])
    ]
    assert renamed
    assert refused(policy(stack=f"{name[:24]}*"), renamed) == ""
