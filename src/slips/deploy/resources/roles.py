"""The roles of the functions, with the rights that `slips.deploy.permissions` lists. Pure."""

from __future__ import annotations

from typing import Any

from slips.config import Config
from slips.deploy import permissions
from slips.deploy.resources.forms import Resources, get_att, policy_document, ref, resource, sub
from slips.deploy.resources.functions import SPECS, drops, log_group, names
from slips.deploy.resources.places import error_table_arn, error_topic, given_role, stream_arns


def build(config: Config, keys: permissions.Keys) -> Resources:
    """Build the roles that the config does not give, each with the policies that its functions' settings need."""
    shared: permissions.Arns = {
        **permissions.arns_of_config(config, keys),
        "the streams": stream_arns(config),
        "the main func": [get_att("MainFunc")],
        "the error table": [error_table_arn(config)],
        "the ledger": [get_att("Ledger")],
        "the ledger, if routing drops": [get_att("Ledger")] if drops(config) else [],
        "the error topic": [error_topic(config)],
        "the mapped buckets": [sub(f"arn:${{AWS::Partition}}:s3:::{bucket}") for bucket in config.bucket_mapping],
        "the undelivered queue": [get_att("Undelivered")],
        "the undelivered queue, if queues are sources": [get_att("Undelivered")] if config.backend.sqs_queues else [],
    }
    made: Resources = {}
    for role in permissions.ROLES:
        own = [name for name in names(config) if SPECS[name].role == role]
        if not own or given_role(config, role) is not None:
            continue
        groups = "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group"
        logs = [sub(f"{groups}:${{{log_group(name)}}}:*") for name in own]
        arns: permissions.Arns = {**shared, "its logs": logs}
        policies = [{"PolicyName": "slips", "PolicyDocument": policy_document(*permissions.statements(role, arns))}]
        more: dict[str, Any] = {}
        if role == "MainFuncRole":
            policies += permissions.inline_policy(config)
            if managed := permissions.managed_policies(config):
                more["ManagedPolicyArns"] = managed
        if config.permissions_boundary is not None:
            more["PermissionsBoundary"] = permissions.as_written(config.permissions_boundary)
        made[role] = resource(
            "AWS::IAM::Role",
            AssumeRolePolicyDocument=policy_document(
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "lambda.amazonaws.com"},
                    "Action": "sts:AssumeRole",
                }
            ),
            Policies=policies,
            **more,
        )
        for setting, statement in permissions.settings(role, arns).items():
            made[f"{role}{setting}"] = resource(
                "AWS::IAM::Policy",
                PolicyName=setting.lower(),
                PolicyDocument=policy_document(statement),
                Roles=[ref(role)],
            )
    return made
