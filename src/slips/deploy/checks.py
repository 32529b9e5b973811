"""Checks before a deploy makes anything: the config, the resources that it names, and the bucket for the code.

`read_given` reads the facts of `given` about these resources from AWS.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from slips.backends.aws.answers import code
from slips.backends.aws.refusals import DENIED, MISSING, calls
from slips.config import Config
from slips.config.arns import GivenArn, fill_in, given_arns, placeholder_arns
from slips.config.places import places_of_arns
from slips.config.rules import RESERVED
from slips.deploy import age, boundary, queues, template
from slips.deploy.account import Account
from slips.deploy.given import NOTHING, Given, streams_of
from slips.deploy.kms_keys import NO_KEYS, SeenKeys
from slips.deploy.resources.forms import policies_beside
from slips.errors import ConfigError

POLICY_CHARACTERS = 10_240
"""Most characters of all inline policies of a role, without blanks.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""
MANAGED_POLICIES = 25
"""Most managed policies of a role; 10 unless the quota of the account was raised."""
DIRECT_BUCKETS = 45
"""Most buckets with a permission in a function's policy, which has 20,480 bytes at most; a permission has about 430."""
VARIABLES_BYTES = 3_300
"""Most bytes of variables: Lambda allows 4 KB, and the stack's own have about 700 bytes."""


def check_config(config: Config, *, uploads: bool = True) -> None:
    """Raise ConfigError with all mistakes that keep a valid config from being deployed: see `mistakes`."""
    if problems := mistakes(config, uploads=uploads):
        raise ConfigError(problems)


def mistakes(config: Config, *, uploads: bool = True) -> list[str]:
    """Return all mistakes that keep a valid config from being deployed. Calls no service.

    `uploads`: whether the deploy uploads the code to the bucket of the config.
    """
    file, backend, problems = config.file_name, config.backend, []
    places = places_of_arns(config)
    problems += [
        f"{places.get(arn, file)}: '{arn}' is a placeholder; expected the ARN of something real; write yours"
        for arn in placeholder_arns(config)
    ]
    if uploads and not config.base.sam.code_bucket:
        problems.append(f"{file}: no base.sam.code_bucket; expected a bucket of yours for the code; make one, name it")
    if not (backend.sns_topics or backend.sqs_queues or backend.eventbridge or backend.s3_direct):
        problems.append(
            f"{file}: nothing tells the stack of new objects; expected backend.sns_topics, sqs_queues, eventbridge "
            "or s3_direct; name the topic that your buckets notify, or write 's3_direct: true'"
        )
    problems += [
        f"{file}: bucket_mapping '{bucket}': S3 takes no such name; expected 3 to 63 of a-z, 0-9, '.' and '-', with a "
        "letter or digit at both ends; mend it"
        for bucket in config.bucket_mapping
        if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", bucket)
    ]
    problems += (f"{file}: {problem}" for problem in _beyond_limits(config))
    return problems


def _beyond_limits(config: Config) -> Iterator[str]:
    """Yield settings beyond limits of AWS, which AWS would refuse only while the stack is made."""
    yield from _long_policies(config, NOTHING)
    if config.backend.s3_direct and len(config.bucket_mapping) > DIRECT_BUCKETS:
        yield (
            f"backend.s3_direct: {len(config.bucket_mapping)} buckets; expected {DIRECT_BUCKETS} at most, as more do "
            "not fit into the function's policy; use a topic, or 'backend.eventbridge: true'"
        )
    variables = config.handler.environment
    if reserved := sorted(RESERVED & variables.keys()):
        yield f"handler.environment: {', '.join(reserved)} is Lambda's own; expected other names; rename it"
    if (size := sum(len(f"{name}{value}".encode()) for name, value in variables.items())) > VARIABLES_BYTES:
        yield (
            f"handler.environment: {size:,} bytes; expected {VARIABLES_BYTES:,} at most, as Lambda takes 4 KB with the "
            "stack's own; put more into handler.args, which travels in the package"
        )


def _long_policies(config: Config, given: Given) -> Iterator[str]:
    made = template.build(config, template.Code("code", "key"), given=given)["Resources"]
    for name, resource in made.items():
        if resource["Type"] == "AWS::IAM::Role":
            inline = [*resource["Properties"]["Policies"], *policies_beside(made, name).values()]
            size = sum(len(_as_text(policy["PolicyDocument"])) for policy in inline)
            if size > POLICY_CHARACTERS:
                own = len(resource["Properties"]["Policies"]) > 1
                yield (
                    f"{name} would have policies of about {size:,} characters; expected {POLICY_CHARACTERS:,} at most, "
                    "as AWS takes; map fewer, shorter prefixes, "
                    + ("put rights of 'handler.policies' into a managed policy and name its ARN there, " if own else "")
                    + "or give a role of yours ('role_arn')"
                )
            if (count := len(resource["Properties"].get("ManagedPolicyArns", ()))) > MANAGED_POLICIES:
                yield (
                    f"handler.policies: {count} managed policies; expected {MANAGED_POLICIES} at most, as roles take; "
                    "put some into one"
                )


def _as_text(value: Any) -> str:
    """Return a text about as long as IAM counts a policy: without blanks, with CloudFormation's functions resolved."""
    if isinstance(value, dict) and "Fn::Sub" in value:
        return f'"{re.sub("[$]{[^}]*}", "x" * 13, value["Fn::Sub"])}"'
    if isinstance(value, dict) and len(value) == 1 and next(iter(value)) in ("Fn::GetAtt", "Ref"):
        return "x" * 110
    if isinstance(value, dict):
        return "{" + ",".join(f'"{key}":{_as_text(each)}' for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_as_text, value)) + "]"
    return json.dumps(value)


def check_account(config: Config, account: Account, keys: SeenKeys = NO_KEYS) -> list[str]:
    """Check the resources that the config names, and return notes about those that could not be checked.

    Raises ConfigError with all resources that are missing, are elsewhere than the stack, or cannot be used with their
    key.
    """
    file, problems, notes = config.file_name, list[str](), list[str]()
    places, foreign = places_of_arns(config), False
    for one in given_arns(config):
        problem, remarks = _misplaced(one, account), list[str]()
        if problem:
            foreign = foreign or one.home == "account"
        else:
            problem, remarks = _look_at(one, config, account)
        problems += [f"{places.get(one.arn, file)}: {one} {problem}"] if problem else []
        notes += (f"{one} {remark}" for remark in remarks)
    if config.permissions_boundary and not foreign:
        bounds = _check_boundary(config.permissions_boundary, config, account, keys)
        problems += (f"{file}: {problem}" for problem in bounds.problems)
        notes += bounds.notes
    if config.base.sam.code_bucket:
        problems += _check_bucket(config.base.sam.code_bucket, account, file)
    problems += [
        f"{file}: bucket_mapping '{bucket}' is not there; expected a bucket; make it, or mend the name"
        for bucket in config.bucket_mapping
        if account.bucket_region(bucket)[1] in MISSING
    ]
    problems += keys.problems
    problems += (f"{file}: {problem}" for problem in _long_policies(config, Given(keys=keys.keys)))
    notes += keys.notes
    if problems:
        raise ConfigError(problems)
    return notes


def read_given(config: Config, account: Account) -> tuple[Given, list[str]]:
    """Read the facts about given resources for the template, and return them with notes for people.

    All given resources must exist.
    """
    hours, notes = dict[str, int](), list[str]()
    for lane, arn in streams_of(config).items():
        key, name = f"backend.kinesis_stream_{lane}_arn '{arn}'", arn.rpartition("/")[2]
        try:
            with calls(key, passing=DENIED):
                answer = account.kinesis.describe_stream_summary(StreamName=name)
        except ClientError as error:
            if code(error) not in DENIED:
                raise
            notes.append(f"{key} is assumed to keep events for {age.ASSUMED_HOURS} h")
            continue
        hours[arn] = kept = answer["StreamDescriptionSummary"]["RetentionPeriodHours"]
        if kept < age.SHORT_HOURS:
            notes.append(
                f"{key} keeps events for {kept} h: those that cannot be dispatched become error items after "
                f"{age.most(kept) // 3600} h; expected longer if a lane cannot be mended in that time; 'aws kinesis "
                f"increase-stream-retention-period --stream-name {name} --retention-period-hours 168', and deploy again"
            )
    return Given(hours), notes


def _misplaced(one: GivenArn, account: Account) -> str:
    """Return the problem of a resource that the stack cannot use where it is; "" if it can."""
    _, partition, _, region, owner, _ = _of_stack(one.arn, account).split(":", 5)
    is_near = partition == account.partition and region in ("", account.region)
    is_own = partition == account.partition and owner == account.id
    match one.home:
        case "stack" if not (is_near and is_own):
            return (
                f"is not of account {account.id} in {account.region}, where the stack is; expected one that is; "
                + _elsewhere(region, account)
            )
        case "region" if not is_near:
            return (
                f"is of {region}; expected one of {account.region}, where the stack is; {_elsewhere(region, account)}"
            )
        case "account" if not is_own and (partition, owner) != (account.partition, "aws"):
            return (
                f"is not of account {account.id}, where the stack is; expected a policy of that account, or of AWS; "
                "deploy with credentials of its account, or name another"
            )
        case "anywhere" if partition != account.partition:
            return f"is of partition {partition}; expected one of {account.partition}, that of the stack; name another"
    return ""


def _check_boundary(arn: str, config: Config, account: Account, keys: SeenKeys) -> boundary.Findings:
    made = template.build(config, template.Code("code", "key"), given=Given(keys=keys.keys))
    where = f"permissions_boundary '{arn}'"
    return boundary.look(_of_stack(arn, account), where, made, account, config.stack_name)


def _of_stack(arn: str, account: Account) -> str:
    """Fill account, partition and region of the stack into an ARN, as CloudFormation does."""
    values = {"AWS::AccountId": account.id, "AWS::Partition": account.partition, "AWS::Region": account.region}
    return fill_in(arn, values)


def _elsewhere(region: str, account: Account) -> str:
    if region and region != account.region:
        return f"deploy with --region {region}, or name one of {account.region}"
    return "deploy with credentials of its account, or name one of yours"


def _look_at(one: GivenArn, config: Config, account: Account) -> tuple[str, list[str]]:
    """Check a given resource. Return the problem that keeps the stack from using it, or "", and notes for people."""
    try:
        with calls(str(one), passing=DENIED | MISSING):
            return _look(_of_stack(one.arn, account), config, account)
    except ClientError as error:
        # AWS hides whether a layer of another account exists, unless the caller may use it.
        if code(error) in DENIED:
            return "", [f"was not looked at: AWS denies {error.operation_name}"]
        if one.arn.split(":")[2] == "lambda":
            return "is not there; expected a version that exists; mend the ARN", []
        return "is not there; expected one that exists; make it, or mend the ARN", []


def _look(arn: str, config: Config, account: Account) -> tuple[str, list[str]]:
    """Check a resource, as `_look_at` does. Raises ClientError if it does not exist. `kms_keys` looks at KMS keys."""
    service, name = arn.split(":")[2], arn.split(":", 5)[5]
    match service:
        case "iam" if name.startswith("role/"):
            # An account has one role of a name, whatever its path.
            there = account.iam.get_role(RoleName=name.rpartition("/")[2])["Role"]["Arn"]
            return ("" if there == arn else f"is not there, but '{there}' is; expected one that exists; mend it"), []
        case "sns":
            account.sns.get_topic_attributes(TopicArn=arn)
        case "sqs":
            url = account.sqs.get_queue_url(QueueName=name)["QueueUrl"]
            attributes: Any = account.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
            problem = queues.problem(url, attributes)
            return problem, [] if problem else list(queues.notes(url, attributes))
        case "kinesis":
            account.kinesis.describe_stream_summary(StreamName=name.removeprefix("stream/"))
        case "dynamodb":
            table = account.dynamodb.describe_table(TableName=name.removeprefix("table/"))["Table"]
            keys = [(key["AttributeName"], key["KeyType"]) for key in table["KeySchema"]]
            if keys != [("request_id", "HASH")]:
                names = ", ".join(name for name, _ in keys)
                return f"has the key {names}; expected 'request_id' alone; name a table of error items", []
        case "lambda":
            return "", list(_doubts_of_layer(account.functions.get_layer_version_by_arn(Arn=arn), config))
    return "", []


def _doubts_of_layer(layer: Any, config: Config) -> Iterator[str]:
    """Yield notes about a layer that says to be for other functions than the stack's."""
    handler = config.handler
    wanted = {"CompatibleRuntimes": handler.runtime, "CompatibleArchitectures": handler.architecture}
    for key, value in wanted.items():
        compatible: list[str] = layer.get(key, [])
        if compatible and value not in compatible:
            known = ", ".join(compatible)
            yield f"is for {known}; expected one for {value}, which the functions have; see whether it works"


def _check_bucket(bucket: str, account: Account, file: str) -> Iterator[str]:
    region, refusal = account.bucket_region(bucket)
    where = f"{file}: base.sam.code_bucket '{bucket}'"
    if refusal in MISSING:
        yield f"{where} is not there; expected a bucket in {account.region}; make it, or mend the name"
    elif region and region != account.region:
        yield (
            f"{where} is in {region}; expected one in {account.region}, where Lambda reads the code; "
            f"name another, or deploy with --region {region}"
        )
    elif refusal:
        yield (
            f"{where}: AWS denies s3:ListBucket; expected a bucket of account {account.id} that you may list, read "
            "and write; is the name another's? Else add that permission"
        )
