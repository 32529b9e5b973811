"""Forms of CloudFormation that several resources share: references, resources, permissions, policies. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Any

Resources = dict[str, dict[str, Any]]
"""Resources by their logical names."""


def ref(name: str) -> dict[str, str]:
    """Refer to a resource or a pseudo parameter."""
    return {"Ref": name}


def get_att(name: str, attribute: str = "Arn") -> dict[str, list[str]]:
    """Refer to an attribute of a resource."""
    return {"Fn::GetAtt": [name, attribute]}


def sub(text: str) -> dict[str, str]:
    """Return a text in which CloudFormation replaces each `${Name}`."""
    return {"Fn::Sub": text}


def resource(kind: str, *, after: Sequence[str] = (), **properties: Any) -> dict[str, Any]:
    """Build a resource of the template. `after` names resources to make first, to which its properties do not refer."""
    order = {"DependsOn": list(after)} if after else {}
    return {"Type": kind, **order, "Properties": properties}


def permission(function: str, service: str, **source: Any) -> dict[str, Any]:
    """Build the permission of a service to invoke a function on behalf of one source."""
    return resource(
        "AWS::Lambda::Permission",
        FunctionName=ref(function),
        Action="lambda:InvokeFunction",
        Principal=f"{service}.amazonaws.com",
        **source,
    )


def policy_document(*statements: dict[str, Any]) -> dict[str, Any]:
    """Build a policy, in the form of IAM and other services."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


def alphanumeric(name: str) -> str:
    """Return a bucket's name in letters and digits, for logical names; `a-b` and `a.b` stay different."""
    plain = re.sub("[^A-Za-z0-9]", "", name)
    return plain if plain == name else plain + hashlib.sha256(name.encode()).hexdigest()[:6]


def policies_beside(resources: Resources, role: str) -> Resources:
    """Return the properties of a role's inline policies that are resources of their own, by logical name."""
    policies = {name: one["Properties"] for name, one in resources.items() if one["Type"] == "AWS::IAM::Policy"}
    return {name: policy for name, policy in policies.items() if policy["Roles"] == [ref(role)]}
