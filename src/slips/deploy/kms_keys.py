"""Finds the KMS keys that encrypt streams, tables, topics and queues of the config, and the mapped buckets.

In: a config and an account. Out: the customer's KMS keys, which roles must be allowed to use; resources that cannot
work with AWS's own KMS key; and notes about resources that could not be read. No KMS key or policy is changed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError
from msgspec import Struct

from slips.backends.aws.answers import code, message
from slips.backends.aws.refusals import DENIED, MISSING, calls
from slips.config import Config
from slips.config.arns import GivenArn, given_arns
from slips.config.places import places_of_arns
from slips.deploy.account import Account
from slips.deploy.permissions import Keys
from slips.deploy.policies import permits

_NOT_THERE = {"NotFoundException", "InvalidArnException"}
"""Codes of KMS for a missing KMS key; the latter for an ARN of another region."""
_USED_BY_SENDERS = ("kms:GenerateDataKey", "kms:Decrypt")


class Key(Struct, frozen=True):
    """A KMS key."""

    arn: str
    """ARN of the KMS key; empty if only an alias is known."""
    is_aws: bool = False
    """Whether AWS manages the KMS key: all roles of the account may use it through its service, no other."""


class SeenKeys(Struct, frozen=True):
    """The KMS keys that were found, and the resources whose KMS keys are unknown."""

    keys: dict[str, str] = {}
    """The ARN of the customer's KMS key, by the ARN of the resource that it encrypts."""
    unknown: list[str] = []
    """ARNs of resources that may be encrypted with a customer's KMS key, and could not be read."""
    problems: list[str] = []
    notes: list[str] = []

    def or_as_before(self, former: Keys) -> Keys:
        """Return the KMS keys; for resources that could not be read, those that an earlier deploy found."""
        return {**self.keys, **{arn: key for arn, key in former.items() if arn in self.unknown}}


NO_KEYS = SeenKeys()
"""No KMS keys of the customer's: nothing that the config names is encrypted with one."""


def read(config: Config, account: Account) -> SeenKeys:
    """Find the KMS keys of resources that the config gives in this account and region. Missing ones are left out."""
    places, file, seen = places_of_arns(config), config.file_name, SeenKeys()
    for one in given_arns(config):
        if not (one.has_roles or one.senders) or one.arn.split(":")[3:5] != [account.region, account.id]:
            continue
        try:
            with calls(str(one), passing=DENIED | MISSING):
                named = _named(account, one.arn)
        except ClientError as error:
            if code(error) in DENIED and one.has_roles:
                seen.unknown.append(one.arn)
                seen.notes.append(_unknown(one, f"{one.arn.split(':')[2]}:{error.operation_name}"))
            continue
        if not named:
            continue
        key = resolve(account, named)
        if key.is_aws:
            if one.senders:
                seen.problems.append(f"{places.get(one.arn, file)}: {one} {_refused(one, named)}")
            continue
        if key.arn and one.has_roles:
            seen.keys[one.arn] = key.arn
        elif one.has_roles:
            seen.unknown.append(one.arn)
            seen.notes.append(_unknown(one, "kms:DescribeKey"))
        if one.senders:
            seen.notes.extend(_barred(config, account, one, key, named))
    for one in given_arns(config):
        if one.arn.split(":")[2] == "kms":
            _look_for(one, account, places.get(one.arn, file), seen)
    return seen


def _look_for(one: GivenArn, account: Account, place: str, seen: SeenKeys) -> None:
    """Add a problem to `seen` if a KMS key of the config does not exist. Those of other accounts cannot be checked."""
    if one.arn.split(":")[3:5] != [account.region, account.id]:
        return
    try:
        with calls(str(one), passing=_NOT_THERE | DENIED):
            account.kms.describe_key(KeyId=one.arn)
    except ClientError as error:
        if code(error) in DENIED:
            seen.notes.append(f"{one} was not looked at: AWS denies kms:DescribeKey; see whether it is there")
        else:
            seen.problems.append(f"{place}: {one} is not there; expected a key that exists; mend the ARN")


def _named(account: Account, arn: str) -> str:
    """Return the KMS key that encrypts a resource, as ARN, id or alias; "" if it has none. Passes ClientError."""
    service, name = arn.split(":")[2], arn.split(":", 5)[5]
    attributes: Any
    match service:
        case "kinesis":
            stream: Any = account.kinesis.describe_stream_summary(StreamName=name.removeprefix("stream/"))
            summary = stream["StreamDescriptionSummary"]
            return str(summary.get("KeyId") or "") if summary.get("EncryptionType") == "KMS" else ""
        case "dynamodb":
            table: Any = account.dynamodb.describe_table(TableName=name.removeprefix("table/"))["Table"]
            return str(table.get("SSEDescription", {}).get("KMSMasterKeyArn") or "")
        case "sns":
            attributes = account.sns.get_topic_attributes(TopicArn=arn)["Attributes"]
        case _:
            url = account.sqs.get_queue_url(QueueName=name)["QueueUrl"]
            attributes = account.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["KmsMasterKeyId"])
            attributes = attributes.get("Attributes", {})
    return str(attributes.get("KmsMasterKeyId") or "")


def resolve(account: Account, named: str) -> Key:
    """Return the KMS key that is `named` by ARN, id or alias; if AWS denies to describe it, by the name alone."""
    name = named.rpartition(":")[2]
    if name.startswith("alias/aws/"):
        return Key("", is_aws=True)
    try:
        with calls(named, passing=_NOT_THERE | DENIED):
            about = account.kms.describe_key(KeyId=named)["KeyMetadata"]
    except ClientError:
        if name.startswith("alias/"):
            return Key("")
        is_id = "/" not in name
        return Key(f"arn:{account.partition}:kms:{account.region}:{account.id}:key/{name}" if is_id else named)
    return Key(about["Arn"], about.get("KeyManager") == "AWS")


def _unknown(one: GivenArn, action: str) -> str:
    return (
        f"whether {one} is encrypted with a key of yours is unknown: AWS denies {action}; expected it to be allowed to "
        "whoever deploys, so that the roles may use such a key; allow it, else they may use what an earlier deploy saw"
    )


def _sender(one: GivenArn) -> str:
    return "CloudWatch" if one.senders == ("cloudwatch",) else "S3"


def _refused(one: GivenArn, named: str) -> str:
    return (
        f"is encrypted with AWS's own key, {named}, with which {_sender(one)} cannot send to it; expected a key of "
        f"yours whose policy lets {one.senders[0]}.amazonaws.com use it, or none; change its encryption"
    )


def _barred(config: Config, account: Account, one: GivenArn, key: Key, named: str) -> Iterator[str]:
    """Yield a note if the policy of the customer's KMS key lets none of the resource's senders use it."""
    services = [f"{sender}.amazonaws.com" for sender in one.senders]
    policy: dict[str, Any] | None = None
    try:
        with calls(named, passing=_NOT_THERE | DENIED):
            if key.arn:
                policy = json.loads(account.kms.get_key_policy(KeyId=key.arn, PolicyName="default")["Policy"])
    except ClientError:
        policy = None  # noted below
    if policy is None:
        yield (
            f"{one} is encrypted with {named}, whose policy was not looked at: AWS denies "
            f"kms:{'GetKeyPolicy' if key.arn else 'DescribeKey'}; expected it to let {services[0]} do "
            f"{' and '.join(_USED_BY_SENDERS)}; see whether it does"
        )
        return
    buckets = [f"arn:{account.partition}:s3:::{bucket}" for bucket in config.bucket_mapping]
    for service in services:
        sources: list[Any] = buckets if service == "s3.amazonaws.com" else [None]
        for source in sources:
            if all(permits(policy, action, source, account.id, service) for action in _USED_BY_SENDERS):
                return
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": services[0]},
        "Action": list(_USED_BY_SENDERS),
        "Resource": "*",
    }
    yield (
        f"{one} is encrypted with {key.arn}, whose policy does not let {' or '.join(services)} use it, so that "
        f"{_sender(one)} cannot send to it; expected this statement in that policy: {json.dumps(statement)}"
    )


def unnamed(config: Config, account: Account) -> list[str]:
    """Return warnings about mapped buckets whose default encryption has a KMS key missing in `backend.kms_key_arns`."""
    notes = []
    for bucket in sorted(config.bucket_mapping):
        try:
            key = _default_key(account, bucket)
        except ClientError as error:
            notes.append(
                f"bucket {bucket}: its encryption cannot be read ({message(error)}); expected "
                "s3:GetEncryptionConfiguration; if it has a key of KMS, name that in backend.kms_key_arns"
            )
            continue
        if key and key not in config.backend.kms_key_arns:
            notes.append(
                f"bucket {bucket} is encrypted with {key}, which backend.kms_key_arns does not name; expected it "
                "there, so that the main func may decrypt; add it"
            )
    return notes


def _default_key(account: Account, bucket: str) -> str:
    """Return the ARN of a bucket's default KMS key; empty if reading needs no permission for a KMS key."""
    none = {
        "ServerSideEncryptionConfigurationNotFoundError",
        *MISSING,
    }  # `wiring` reports a missing bucket
    try:
        with calls(f"s3://{bucket}", passing=none | DENIED):
            found = account.s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]
    except ClientError as error:
        if code(error) in DENIED:
            raise
        return ""
    for one in found["Rules"]:
        default = one.get("ApplyServerSideEncryptionByDefault", {})
        key = default.get("KMSMasterKeyID", "")
        # Without a key S3 uses AWS's own, which decrypts for every reader of the object.
        if default.get("SSEAlgorithm", "").startswith("aws:kms") and key:
            # If AWS does not resolve an alias, the warning names the alias.
            used = resolve(account, key)
            return "" if used.is_aws else used.arn or key
    return ""
