"""Keys of KMS that encrypt what the config names: streams, tables, topics and queues, and the mapped buckets.

Comes in: a config and an account. Goes out: the customer's keys, which roles must be allowed to use; what cannot work
with AWS's own key; and notes of what could not be looked at. No key or policy is changed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError
from msgspec import Struct

from slips.backends.aws.clients import code
from slips.backends.aws.refusals import DENIED, MISSING, calls, message
from slips.config import Config
from slips.deploy.account import Account
from slips.deploy.permissions import Keys
from slips.deploy.policies import permits

_NOT_THERE = {"NotFoundException", "InvalidArnException"}
"""KMS's own words for it; the latter for an ARN of another region."""
_USED_BY_SENDERS = ("kms:GenerateDataKey", "kms:Decrypt")


class Key(Struct, frozen=True):
    """A key, as far as AWS describes it."""

    arn: str
    """Empty if only an alias of it is known."""
    is_aws: bool = False
    """Whether AWS manages it: all roles of the account may use it through its service, and no other service may."""


class SeenKeys(Struct, frozen=True):
    """What was seen of the keys."""

    keys: dict[str, str] = {}
    """ARN of what is encrypted to the ARN of the customer's key."""
    unknown: list[str] = []
    """ARNs of what may be encrypted so, and could not be looked at."""
    problems: list[str] = []
    notes: list[str] = []

    def or_as_before(self, former: Keys) -> Keys:
        """The keys; of what could not be looked at, those that an earlier deploy saw."""
        return {**self.keys, **{arn: key for arn, key in former.items() if arn in self.unknown}}


class _Encrypted(Struct, frozen=True):
    """Something that the config gives, and that may be encrypted."""

    key: str
    """Of the config."""
    arn: str
    has_roles: bool = False
    """Whether roles of the stack use it themselves, and so its key."""
    senders: tuple[str, ...] = ()
    """Services of AWS that send to it as themselves."""

    def __str__(self) -> str:
        return f"{self.key} '{self.arn}'"


def _encrypted(config: Config) -> Iterator[_Encrypted]:
    backend = config.backend
    given = {
        "backend.kinesis_stream_fast_arn": backend.kinesis_stream_fast_arn,
        "backend.kinesis_stream_slow_arn": backend.kinesis_stream_slow_arn,
        "backend.dynamodb_arn": backend.dynamodb_arn,
        # Lambda sends failures on as the function's role, not as itself.
        "backend.dlq_sns_arn": backend.dlq_sns_arn,
    }
    yield from (_Encrypted(key, arn, True) for key, arn in given.items() if arn)
    for queue in backend.sqs_queues:
        yield _Encrypted(f"backend.sqs_queues {queue.name}", queue.arn, True, ("s3", "sns", "events"))
    for topic in backend.sns_topics:
        yield _Encrypted(f"backend.sns_topics {topic.name}", topic.arn, senders=("s3", "events"))
    if backend.alarm_sns_arn:
        yield _Encrypted("backend.alarm_sns_arn", backend.alarm_sns_arn, senders=("cloudwatch",))


def read(config: Config, account: Account) -> SeenKeys:
    """Looks at all that the config gives in this account and region; what is elsewhere or missing is left out."""
    file, found = Path(config.file).name or "slips.yml", SeenKeys()
    for one in _encrypted(config):
        if one.arn.split(":")[3:5] != [account.region, account.id]:
            continue
        try:
            with calls(str(one), passing=DENIED | MISSING):
                named = _named(account, one.arn)
        except ClientError as error:
            if code(error) in DENIED and one.has_roles:
                found.unknown.append(one.arn)
                found.notes.append(_unknown(one, f"{one.arn.split(':')[2]}:{error.operation_name}"))
            continue
        if not named:
            continue
        key = resolve(account, named)
        if key.is_aws:
            if one.senders:
                found.problems.append(f"{file}: {one} {_refused(one, named)}")
            continue
        if key.arn and one.has_roles:
            found.keys[one.arn] = key.arn
        elif one.has_roles:
            found.unknown.append(one.arn)
            found.notes.append(_unknown(one, "kms:DescribeKey"))
        if one.senders:
            found.notes.extend(_barred(config, account, one, key, named))
    for arn in config.backend.kms_key_arns:
        _look_for(arn, account, file, found)
    return found


def _look_for(arn: str, account: Account, file: str, found: SeenKeys) -> None:
    """Find a key of the config that is not there. Of one elsewhere, AWS tells strangers nothing."""
    if arn.split(":")[3:5] != [account.region, account.id]:
        return
    where = f"backend.kms_key_arns '{arn}'"
    try:
        with calls(where, passing=_NOT_THERE | DENIED):
            account.kms.describe_key(KeyId=arn)
    except ClientError as error:
        if code(error) in DENIED:
            found.notes.append(f"{where} was not looked at: AWS denies kms:DescribeKey; see whether it is there")
        else:
            found.problems.append(f"{file}: {where} is not there; expected a key that exists; mend the ARN")


def _named(account: Account, arn: str) -> str:
    """The key that something is encrypted with, by ARN, id or alias; "" if it needs none. Passes ClientError."""
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
    """The key that is `named` by ARN, id or alias. If AWS does not tell, what the name itself does."""
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


def _unknown(one: _Encrypted, action: str) -> str:
    return (
        f"whether {one} is encrypted with a key of yours is unknown: AWS denies {action}; expected it to be allowed to "
        "whoever deploys, so that the roles may use such a key; allow it, else they may use what an earlier deploy saw"
    )


def _sender(one: _Encrypted) -> str:
    return "CloudWatch" if one.senders == ("cloudwatch",) else "S3"


def _refused(one: _Encrypted, named: str) -> str:
    return (
        f"is encrypted with AWS's own key, {named}, with which {_sender(one)} cannot send to it; expected a key of "
        f"yours whose policy lets {one.senders[0]}.amazonaws.com use it, or none; change its encryption"
    )


def _barred(config: Config, account: Account, one: _Encrypted, key: Key, named: str) -> Iterator[str]:
    """A note if the policy of the customer's key lets no service use it that must send to what it encrypts."""
    services = [f"{sender}.amazonaws.com" for sender in one.senders]
    policy: dict[str, Any] | None = None
    try:
        with calls(named, passing=_NOT_THERE | DENIED):
            if key.arn:
                policy = json.loads(account.kms.get_key_policy(KeyId=key.arn, PolicyName="default")["Policy"])
    except ClientError:
        policy = None  # it is told below
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
    """Warnings of mapped buckets whose default encryption needs a key that `backend.kms_key_arns` does not name."""
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
    """ARN of the key with which a bucket encrypts by default; empty if it needs no permission."""
    none = {
        "ServerSideEncryptionConfigurationNotFoundError",
        *MISSING,
    }  # `wiring` says that of a bucket that is not there
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
        # Without a key it is AWS's own for S3, with which whoever may read may decrypt.
        if default.get("SSEAlgorithm", "").startswith("aws:kms") and key:
            # Of an alias that AWS does not resolve the warning names the alias, and people know its key.
            used = resolve(account, key)
            return "" if used.is_aws else used.arn or key
    return ""
