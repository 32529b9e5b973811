"""Every call of AWS in slips is one that the installed botocore knows, with its parameters, the nested ones too.

botocore carries a description of each service as of its own day, and refuses parameters that came later.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import botocore.session
import pytest
from botocore import xform_name
from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape
from msgspec import Struct

import slips
from slips.backends.aws.clients import Clients
from slips.deploy.account import Account

pytestmark = [pytest.mark.smoke, pytest.mark.once]

SERVICES = (
    "cloudformation cloudwatch dynamodb ec2 iam kinesis kms lambda logs s3 secretsmanager sns sqs ssm sts".split()
)
SOURCES = sorted(Path(slips.__file__).parent.rglob("*.py"))


class Call(Struct, frozen=True):
    """A call in the source of slips whose parameters are spelt as AWS spells them."""

    where: str
    operation: str
    parameters: dict[str, ast.expr | None]


def operations() -> dict[str, list[OperationModel]]:
    """The operations of the services, by the names of their methods. Two services may share one."""
    session, found = botocore.session.get_session(), dict[str, list[OperationModel]]()
    for service in SERVICES:
        model = session.get_service_model(service)
        for name in model.operation_names:
            found.setdefault(xform_name(name), []).append(model.operation_model(name))
    return found


def calls() -> Iterator[Call]:
    """The calls with named parameters, with those of `**request` if the same function fills `request`."""
    for path in SOURCES:
        tree = ast.parse(path.read_text())
        for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)):
            for node in ast.walk(function):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                    parameters = dict(_parameters(node, function))
                    if parameters and all(name[0].isupper() for name in parameters):
                        yield Call(f"{path.name}:{node.lineno}", _operation(node.func, function), parameters)


def _parameters(call: ast.Call, function: ast.FunctionDef) -> Iterator[tuple[str, ast.expr | None]]:
    for keyword in call.keywords:
        if keyword.arg:
            yield keyword.arg, keyword.value
        elif isinstance(keyword.value, ast.Name):
            for node in ast.walk(function):
                match node:
                    case (
                        ast.Assign(targets=[ast.Name(id=name)], value=ast.Dict() as value)
                        | ast.AnnAssign(target=ast.Name(id=name), value=ast.Dict() as value)
                    ) if name == keyword.value.id:
                        yield from _items(value)
                    case ast.Assign(
                        targets=[ast.Subscript(value=ast.Name(id=name), slice=ast.Constant(value=str(key)))]
                    ):
                        if name == keyword.value.id:
                            yield key, node.value


def _items(value: ast.Dict) -> Iterator[tuple[str, ast.expr]]:
    for key, one in zip(value.keys, value.values, strict=True):
        if isinstance(key, ast.Constant) and isinstance(key.value, str):
            yield key.value, one


def _operation(called: ast.Attribute, function: ast.FunctionDef) -> str:
    """The name of the method; of `get_paginator("x").paginate` and `pages.paginate` the `x` of this function."""
    if called.attr != "paginate":
        return called.attr
    names = [
        node.args[0].value
        for node in [*ast.walk(called), *ast.walk(function)]
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get_paginator"
        if isinstance(node.args[0], ast.Constant)
    ]
    return str(names[0]) if names else ""


def unknown(shape: Shape | None, value: ast.expr | None, path: str) -> Iterator[str]:
    """The parameters in a literal that a shape does not have."""
    match shape, value:
        case ListShape(member=member), ast.List(elts=elements):
            for one in elements:
                yield from unknown(member, one, path)
        case MapShape(value=inner), ast.Dict(values=values):
            for one in values:
                yield from unknown(inner, one, path)
        case StructureShape(members=members), ast.Dict():
            for key, one in _items(value):
                if key in members:
                    yield from unknown(members[key], one, f"{path}.{key}")
                else:
                    yield f"{path}.{key}"


def test_every_parameter_of_a_call_is_known_to_botocore() -> None:
    known, judged, wrong = operations(), 0, []
    for call in calls():
        models = known.get(call.operation)
        if models is None:
            continue  # of another library, or a function of slips that takes AWS's names
        judged += 1
        lacking = []
        for model in models:
            members = model.input_shape.members if model.input_shape else {}
            absent = [name for name in call.parameters if name not in members]
            nested = (unknown(members.get(name), value, name) for name, value in call.parameters.items())
            lacking.append([*absent, *(one for names in nested for one in names)])
        if all(lacking):
            wrong.append(f"{call.where}: {call.operation}: {lacking}")
    assert judged > 60
    assert wrong == []


def test_every_paginator_is_known_to_botocore() -> None:
    known, asked = operations(), set()
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(func=ast.Attribute(attr="get_paginator"), args=[ast.Constant(value=str(name))]):
                    asked.add(name)
    assert len(asked) > 5
    session = botocore.session.get_session()
    for name in asked:
        (model,) = known[name]
        paginators = session.get_paginator_model(model.service_model.service_name)
        assert paginators.get_paginator(model.name)


def test_every_client_can_be_made() -> None:
    clients = Clients("eu-west-1", "http://127.0.0.1:9")
    made = [
        "s3",
        "kinesis",
        "dynamodb",
        "functions",
        "patient_functions",
        "cloudformation",
        "cloudwatch",
        "logs",
        "sqs",
    ]
    for name in [*made, "ssm", "secretsmanager"]:
        assert getattr(clients, name).meta.region_name in ("eu-west-1", "us-east-1")
    boto3 = pytest.importorskip("boto3")
    account = Account(boto3.Session(region_name="eu-west-1"), region="eu-west-1", id="123456789012")
    for name in ("cloudformation", "s3", "sns", "sqs", "kinesis", "dynamodb", "kms", "iam", "ec2", "functions"):
        assert getattr(account, name).meta.region_name in ("eu-west-1", "aws-global")


def test_every_exception_that_slips_names_is_of_botocore() -> None:
    import botocore.exceptions

    named = {
        alias.name
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and node.module == "botocore.exceptions"
        for alias in node.names
    }
    assert {"ClientError", "BotoCoreError"} <= named
    assert not [name for name in named if not hasattr(botocore.exceptions, name)]
