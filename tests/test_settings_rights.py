"""Rights that a setting of a function needs, tracing or a VPC, are there as long as the function has the setting.

CloudFormation changes a role before the functions that refer to it, and Lambda refuses any change of a function whose
role lacks a right that a setting needs.
"""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Iterator
from typing import Any

import pytest

from cloud import Cloud
from slips import config
from slips.deploy import template
from slips.deploy.permissions import ROLES

pytest_plugins = ["cloud.plugin"]

CONFIG = """\
stack_name: turned
backend: {s3_direct: true, dashboard: false, audit: daily}
handler:
  path: handler.py
  environment: {VERSION: "NUMBER"}
  SETTING
bucket_mapping: {my-logs: [{prefix: "", format: json}]}
"""
TRACING = "tracing: true"
NETWORK = "subnet_ids: [SUBNET]\n  security_group_ids: [GROUP]"
DONE = {"create_stack": "CREATE_COMPLETE", "update_stack": "UPDATE_COMPLETE", "delete_stack": "DELETE_COMPLETE"}


class Stack:
    """A stack of slips' template, whose functions are never invoked."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud, self.id, self._version = cloud, "turned", 0
        ec2, package = cloud.client("ec2"), io.BytesIO()
        self.subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
        self.group = ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]
        with zipfile.ZipFile(package, "w") as archive:
            archive.writestr("empty.py", "")
        self.package = package.getvalue()
        cloud.client("s3").create_bucket(Bucket="code")

    def built(self, setting: str) -> template.Template:
        """With new code and a new variable each time: CloudFormation updates code before settings."""
        self._version += 1
        self.cloud.client("s3").put_object(Bucket="code", Key=f"{self._version}.zip", Body=self.package)
        text = CONFIG.replace("NUMBER", str(self._version)).replace("SETTING", setting)
        text = text.replace("SUBNET", self.subnet).replace("GROUP", self.group)
        return template.build(config.parse(text), template.Code("code", f"{self._version}.zip"))

    def apply(self, operation: str, body: template.Template | None = None) -> None:
        """Make, change or delete the stack, and see that it went through."""
        cloudformation = self.cloud.client("cloudformation")
        given = {"TemplateBody": template.to_json(body), "Capabilities": ["CAPABILITY_IAM"]} if body else {}
        self.id = getattr(cloudformation, operation)(StackName=self.id, **given).get("StackId", self.id)
        while True:
            (stack,) = cloudformation.describe_stacks(StackName=self.id)["Stacks"]
            if not stack["StackStatus"].endswith("IN_PROGRESS"):
                assert stack["StackStatus"] == DONE[operation], "\n".join(map(str, self.events()))
                return
            time.sleep(0.02)

    def events(self) -> Iterator[tuple[str, str, str]]:
        """Logical name, status and reason, the oldest first."""
        pages = self.cloud.client("cloudformation").get_paginator("describe_stack_events").paginate(StackName=self.id)
        for one in reversed([event for page in pages for event in page["StackEvents"]]):
            yield one["LogicalResourceId"], one["ResourceStatus"], one.get("ResourceStatusReason", "")

    def actions(self, role: str) -> set[str]:
        """What the inline policies of a role allow."""
        iam, resources = self.cloud.client("iam"), self.cloud.client("cloudformation")
        found = resources.describe_stack_resource(StackName=self.id, LogicalResourceId=role)
        name = found["StackResourceDetail"]["PhysicalResourceId"]
        policies = iam.list_role_policies(RoleName=name)["PolicyNames"]
        documents = [iam.get_role_policy(RoleName=name, PolicyName=each)["PolicyDocument"] for each in policies]
        return {action for each in documents for one in each["Statement"] for action in one["Action"]}

    def interfaces(self) -> list[str]:
        """The network interfaces of functions."""
        found = self.cloud.client("ec2").describe_network_interfaces()["NetworkInterfaces"]
        return [one["NetworkInterfaceId"] for one in found]


@pytest.fixture
def stack(cloud: Cloud) -> Stack:
    return Stack(cloud)


def test_tracing_comes_and_goes_together_with_other_changes(stack: Stack) -> None:
    right = "xray:PutTraceSegments"
    stack.apply("create_stack", stack.built(TRACING))
    assert all(right in stack.actions(role) for role in ROLES)
    stack.apply("update_stack", stack.built(""))
    assert not any(right in stack.actions(role) for role in ROLES)
    stack.apply("update_stack", stack.built(TRACING))
    assert all(right in stack.actions(role) for role in ROLES)


def test_a_vpc_comes_and_goes_together_with_other_changes(stack: Stack) -> None:
    right = "ec2:DeleteNetworkInterface"
    stack.apply("create_stack", stack.built(NETWORK))
    assert stack.interfaces()
    stack.apply("update_stack", stack.built(""))
    assert (stack.interfaces(), right in stack.actions("MainFuncRole")) == ([], False)
    stack.apply("update_stack", stack.built(NETWORK))
    assert stack.interfaces()
    # The function uses its role's rights as it is deleted.
    stack.apply("delete_stack")
    assert stack.interfaces() == []


def test_a_stack_whose_roles_have_the_rights_themselves_is_changed_to_policies_of_their_own(stack: Stack) -> None:
    both = f"{TRACING}\n  {NETWORK}"
    stack.apply("create_stack", _as_before(stack.built(both)))
    before = stack.actions("MainFuncRole")
    stack.apply("update_stack", stack.built(both))
    assert stack.actions("MainFuncRole") == before
    order = [(name, status) for name, status, _ in stack.events()]
    role = order.index(("MainFuncRole", "UPDATE_COMPLETE"))
    policies = [order.index((f"MainFuncRole{name}", "CREATE_COMPLETE")) for name in ("Tracing", "Network")]
    assert role < min(policies)
    assert max(policies) < order.index(("MainFunc", "UPDATE_IN_PROGRESS"))
    stack.apply("delete_stack")


def _as_before(made: template.Template) -> template.Template:
    """The template of the version before, which had all rights in the roles."""
    body: template.Template = json.loads(template.to_json(made))
    resources: dict[str, Any] = body["Resources"]
    for name in [name for name, one in resources.items() if one["Type"] == "AWS::IAM::Policy"]:
        policy = resources.pop(name)["Properties"]
        for role in policy["Roles"]:
            (slips,) = resources[role["Ref"]]["Properties"]["Policies"]
            slips["PolicyDocument"]["Statement"] += policy["PolicyDocument"]["Statement"]
        for one in resources.values():
            if name in one.get("DependsOn", []):
                one["DependsOn"].remove(name)
    return body
