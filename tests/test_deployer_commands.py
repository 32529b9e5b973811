"""The deployer's policy of docs/aws.md allows what the commands call, which is read from their source."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest
from botocore import xform_name
from botocore.session import Session

import slips.deploy
from cloud.access import needs
from deployer_configs import TEMPLATES, given
from deployer_needs import COMMANDS, OF_FUNCTIONS, OF_THE_HANDLER, completed, of_commands
from deployer_rights import refused

pytestmark = pytest.mark.once

OTHERWISE_NAMED = {
    "create_change_set": {
        *("cloudformation:CreateChangeSet", "cloudformation:TagResource", "cloudformation:UntagResource")
    },
    "get_object": {"s3:GetObject", "s3:GetObjectVersion"},
    "get_caller_identity": set[str](),  # nobody can be denied it
    "upload_fileobj": {"s3:PutObject", "s3:AbortMultipartUpload"},
}
"""Actions of methods, where they do not follow from the name."""
OF_HTTP = {"connections.py", "signing.py", "shortcut.py"}
"""Modules that send requests of S3 without the SDK's methods; `socket.create_connection` is no call of EventBridge."""


@pytest.mark.parametrize("config", TEMPLATES)
def test_the_deployer_may_do_what_the_commands_do(config: str) -> None:
    lacking = refused(completed(given(config)), of_commands(config))
    assert not lacking, f"allow it in docs/aws.md:\n{lacking}"


@cache
def methods() -> dict[str, set[str]]:
    """Methods of AWS's clients, and the actions that they may be."""
    found: dict[str, set[str]] = {}
    session = Session()
    for service in ("cloudformation cloudwatch dynamodb ec2 events iam kinesis kms lambda logs s3 secretsmanager sns "
                    "sqs ssm").split():  # fmt: skip
        signing = "monitoring" if service == "cloudwatch" else service
        for operation in session.get_service_model(service).operation_names:
            actions = {action for action, _ in needs(signing, operation, {"CopySource": ""})}
            found.setdefault(xform_name(operation), set()).update(actions)
    return found | OTHERWISE_NAMED


@pytest.mark.slow
def test_the_commands_are_known_to_call_what_their_source_calls() -> None:
    package = Path(slips.deploy.__file__).parents[1]
    called: set[str] = set()
    for source in [*package.glob("deploy/**/*.py"), *package.glob("backends/aws/**/*.py")]:
        if source.name in OF_HTTP:
            continue
        for node in ast.walk(ast.parse(source.read_text())):
            # A paginator is asked for by the method's name.
            name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "value", None)
            called.update({name} & methods().keys() if isinstance(name, str) else ())
    known = {action for actions, _ in COMMANDS for action in actions.split()} | OF_THE_HANDLER | OF_FUNCTIONS
    actions = {name: methods()[name] for name in called}
    assert {name: found for name, found in actions.items() if found and not found & known} == {}, "not in COMMANDS"
    assert known - set().union(*actions.values()) == set(), "nothing calls it"
