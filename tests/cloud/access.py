"""Identity and resource policies: what a call needs, and whether a policy document grants it.

Resources are ARNs as AWS's Service Authorization Reference gives them; `*` for actions that have none.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

ACCOUNT = "123456789012"
REGION = "us-east-1"
PARTITION = "aws"

Document = Mapping[str, Any] | str
Need = tuple[str, str]
"""An action and the ARN it touches."""


def arn(service: str, resource: str, *, region: str = REGION, account: str = ACCOUNT) -> str:
    return f"arn:{PARTITION}:{service}:{region}:{account}:{resource}"


def allows(document: Document, action: str, resource: str) -> bool:
    """Whether an identity policy allows `action` on `resource`; a Deny in it wins. Conditions are taken as met."""
    return _verdict(document, lambda statement: _covers(statement, action, resource)) == "Allow"


def denies(document: Document, action: str, resource: str) -> bool:
    return _verdict(document, lambda statement: _covers(statement, action, resource)) == "Deny"


def admits(document: Document, service: str, action: str, resource: str, source: str) -> bool:
    """Whether a resource policy lets an AWS service (`sns.amazonaws.com`) act for `source`, an ARN."""
    facts = {"aws:sourcearn": source, "aws:sourceaccount": ACCOUNT, "aws:securetransport": "true"}

    def applies(statement: Mapping[str, Any]) -> bool:
        principal = statement.get("Principal", {})
        named = ["*"] if principal == "*" else _list(principal.get("Service")) + _list(principal.get("AWS"))
        return (
            any(name in {service, "*"} for name in named)
            and _covers(statement, action, resource)
            and _conditions_hold(statement.get("Condition", {}), facts)
        )

    return _verdict(document, applies) == "Allow"


def _verdict(document: Document, applies: Callable[[Mapping[str, Any]], bool]) -> str:
    parsed = _parsed(document) if isinstance(document, str) else document
    effects = {statement["Effect"] for statement in _list(parsed["Statement"]) if applies(statement)}
    return "Deny" if "Deny" in effects else "Allow" if "Allow" in effects else "Neither"


@cache
def _parsed(document: str) -> Mapping[str, Any]:
    parsed: Mapping[str, Any] = json.loads(document)
    return parsed


def _covers(statement: Mapping[str, Any], action: str, resource: str) -> bool:
    if "NotAction" in statement:
        if _any_like(_list(statement["NotAction"]), action, flags=re.IGNORECASE):
            return False
    elif not _any_like(_list(statement["Action"]), action, flags=re.IGNORECASE):
        return False
    if "NotResource" in statement:
        return not _any_like(_list(statement["NotResource"]), resource)
    return _any_like(_list(statement.get("Resource", "*")), resource)


def _conditions_hold(conditions: Mapping[str, Mapping[str, Any]], facts: Mapping[str, str]) -> bool:
    """Knows the operators that resource policies for services use. Raises ValueError for any other."""
    for operator, tests in conditions.items():
        for key, wanted in tests.items():
            fact = facts.get(key.lower(), "")
            if operator in {"ArnEquals", "ArnLike", "StringLike"}:
                held = _any_like(_list(wanted), fact)
            elif operator in {"StringEquals", "Bool"}:
                held = fact in [str(one) for one in _list(wanted)]
            else:
                raise ValueError(f"condition operator {operator!r}: not known; expected Arn…, String… or Bool")
            if not held:
                return False
    return True


def _any_like(patterns: Iterable[str], text: str, *, flags: int = 0) -> bool:
    return any(_regex(pattern, flags | re.DOTALL).fullmatch(text) for pattern in patterns)


@cache  # each call of a role is held against all patterns of its policies
def _regex(pattern: str, flags: int) -> re.Pattern[str]:
    """In a policy `${*}` is a star, `${?}` a question mark, and `${$}` a dollar."""
    parts = re.findall(r"\$\{[*?$]\}|.", pattern, re.DOTALL)
    wild = {"*": ".*", "?": "."}
    return re.compile("".join(wild.get(part) or re.escape(part[2] if len(part) > 1 else part) for part in parts), flags)


def _list(value: Any) -> list[Any]:
    return [] if value is None else list(value) if isinstance(value, (list, tuple)) else [value]


def needs(service: str, operation: str, params: Mapping[str, Any]) -> list[Need]:
    """The permissions one API call needs, all of them. `service` is the signing name (`s3`, `monitoring`)."""
    find = _NEEDS.get(service)
    found = find(operation, params) if find else [(f"{service}:{operation}", "*")]
    return found + [need for action, resource in found for need in _of_key(action, resource)]


_OF_KEYS = {
    "kinesis:PutRecords": ("kms:GenerateDataKey",),
    "kinesis:GetRecords": ("kms:Decrypt",),
    "sns:Publish": ("kms:GenerateDataKey", "kms:Decrypt"),
    "sqs:SendMessage": ("kms:GenerateDataKey", "kms:Decrypt"),
    "sqs:ReceiveMessage": ("kms:Decrypt",),
    **{
        f"dynamodb:{operation}": ("kms:Decrypt",)
        for operation in ("GetItem", "PutItem", "UpdateItem", "DeleteItem", "Scan", "Query", "BatchGetItem")
    },
}
"""The permission on a customer's key that an action on an encrypted resource needs, too."""


def _of_key(action: str, resource: str) -> list[Need]:
    key = _customers_key(resource) if action in _OF_KEYS and resource != "*" else None
    return [(each, key) for each in _OF_KEYS[action]] if key else []


def _customers_key(resource: str) -> str | None:
    """The ARN of the customer's key that encrypts what has an ARN; keys that AWS manages are nobody's concern."""
    from moto.dynamodb.models import dynamodb_backends
    from moto.kinesis.models import kinesis_backends
    from moto.kms.models import kms_backends
    from moto.sns.models import sns_backends
    from moto.sqs.models import sqs_backends

    service, name = resource.split(":")[2], re.split("[:/]", resource)[-1]
    key: Any = None
    match service:
        case "kinesis" if stream := kinesis_backends[ACCOUNT][REGION].streams.get(name):
            key = stream.key_id
        case "dynamodb" if table := dynamodb_backends[ACCOUNT][REGION].tables.get(name):
            key = (table.sse_specification or {}).get("KMSMasterKeyId")
        case "sns" if topic := sns_backends[ACCOUNT][REGION].topics.get(resource):
            key = topic.kms_master_key_id
        case "sqs" if queue := sqs_backends[ACCOUNT][REGION].queues.get(name):
            key = getattr(queue, "kms_master_key_id", None)
    if not key or "alias/aws/" in key:
        return None
    found = kms_backends[ACCOUNT][REGION].keys[key_arn(key).rpartition("/")[2]]
    return None if any("alias/aws/" in alias for alias in found.aliases) else key_arn(key)


def _kinesis(operation: str, params: Mapping[str, Any]) -> list[Need]:
    name = params.get("StreamName")
    if "ShardIterator" in params:  # moto's iterators are base64 of stream:shard:sequence number
        name = base64.b64decode(params["ShardIterator"]).decode().split(":")[0]
    stream = params.get("StreamARN") or (arn("kinesis", f"stream/{name}") if name else "*")
    return [(f"kinesis:{operation}", stream)]


def _dynamodb(operation: str, params: Mapping[str, Any]) -> list[Need]:
    if "TransactItems" in params:
        return [
            (f"dynamodb:{verb.removesuffix('Item')}Item", _table(item["TableName"]))
            for entry in params["TransactItems"]
            for verb, item in entry.items()
        ]
    tables = list(params.get("RequestItems", {})) or _list(params.get("TableName"))
    index = f"/index/{params['IndexName']}" if params.get("IndexName") else ""
    return [(f"dynamodb:{operation}", _table(table) + index) for table in tables] or [(f"dynamodb:{operation}", "*")]


def _table(name: str) -> str:
    return name if name.startswith("arn:") else arn("dynamodb", f"table/{name}")


def _sns(operation: str, params: Mapping[str, Any]) -> list[Need]:
    topic = params.get("TopicArn") or params.get("TargetArn") or params.get("ResourceArn")
    if "SubscriptionArn" in params:
        topic = params["SubscriptionArn"].rpartition(":")[0]
    return [(f"sns:{operation.removesuffix('Batch')}", topic or "*")]


def _sqs(operation: str, params: Mapping[str, Any]) -> list[Need]:
    name = params.get("QueueName") or params.get("QueueUrl", "").rpartition("/")[2]
    return [(f"sqs:{operation.removesuffix('Batch')}", arn("sqs", name) if name else "*")]


def _lambda(operation: str, params: Mapping[str, Any]) -> list[Need]:
    names = {"Invoke": "InvokeFunction", "GetLayerVersionByArn": "GetLayerVersion"}
    action = f"lambda:{names.get(operation, operation)}"
    if "UUID" in params:
        return [(action, arn("lambda", f"event-source-mapping:{params['UUID']}"))]
    name = params.get("FunctionName") or params.get("Resource")
    return [(action, function_arn(name) if name else "*")]


def function_arn(name: str) -> str:
    """The ARN of a function told by name, partial ARN or ARN."""
    return name if name.startswith("arn:") else arn("lambda", f"function:{name.rpartition(':')[2]}")


def _logs(operation: str, params: Mapping[str, Any]) -> list[Need]:
    group = params.get("logGroupName") or params.get("logGroupNamePrefix")
    if not group:
        return [(f"logs:{operation}", "*")]
    stream = params.get("logStreamName", "")
    return [(f"logs:{operation}", arn("logs", f"log-group:{group}:log-stream:{stream}"))]


_S3_ACTIONS = {
    "HeadObject": "GetObject",
    "CreateMultipartUpload": "PutObject",
    "UploadPart": "PutObject",
    "CompleteMultipartUpload": "PutObject",
    "DeleteObjects": "DeleteObject",
    "HeadBucket": "ListBucket",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "ListObjectVersions": "ListBucketVersions",
    "ListBuckets": "ListAllMyBuckets",
    "GetBucketNotificationConfiguration": "GetBucketNotification",
    "PutBucketNotificationConfiguration": "PutBucketNotification",
    "GetBucketEncryption": "GetEncryptionConfiguration",
}


def _s3(operation: str, params: Mapping[str, Any]) -> list[Need]:
    action = _S3_ACTIONS.get(operation, operation)
    if params.get("VersionId") and action in {"GetObject", "DeleteObject"}:
        action += "Version"
    bucket = f"arn:{PARTITION}:s3:::{params['Bucket']}" if params.get("Bucket") else "*"
    found = [(f"s3:{action}", f"{bucket}/{params['Key']}" if params.get("Key") else bucket)]
    if operation == "CopyObject":
        source = params["CopySource"]
        found = [("s3:PutObject", found[0][1]), ("s3:GetObject", f"arn:{PARTITION}:s3:::{source.lstrip('/')}")]
    return found


def _ssm(operation: str, params: Mapping[str, Any]) -> list[Need]:
    names = _list(params.get("Name")) + _list(params.get("Names")) + _list(params.get("Path"))
    found = [name if name.startswith("arn:") else arn("ssm", f"parameter/{name.lstrip('/')}") for name in names]
    return [(f"ssm:{operation}", name) for name in found or ["*"]]


def _secretsmanager(operation: str, params: Mapping[str, Any]) -> list[Need]:
    from moto.secretsmanager.models import secretsmanager_backends

    name = params.get("SecretId")
    if name and not name.startswith("arn:"):  # the real ARN has six random characters behind the name
        held = secretsmanager_backends[ACCOUNT][REGION].secrets.get(name)
        name = held.arn if held else arn("secretsmanager", f"secret:{name}")
    return [(f"secretsmanager:{operation}", name or "*")]


def _kms(operation: str, params: Mapping[str, Any]) -> list[Need]:
    return [(f"kms:{operation}", key_arn(params["KeyId"]) if params.get("KeyId") else "*")]


def key_arn(key: str) -> str:
    """The ARN of a KMS key told by id, alias or ARN."""
    from moto.kms.models import kms_backends

    return arn("kms", f"key/{kms_backends[ACCOUNT][REGION].any_id_to_key_id(key)}")


def _iam(operation: str, params: Mapping[str, Any]) -> list[Need]:
    role = params.get("RoleName")
    return [(f"iam:{operation}", f"arn:{PARTITION}:iam::{ACCOUNT}:role/{role}" if role else "*")]


def _cloudformation(operation: str, params: Mapping[str, Any]) -> list[Need]:
    name = params.get("StackName", "")
    stack = name if name.startswith("arn:") else arn("cloudformation", f"stack/{name}/*") if name else "*"
    return [(f"cloudformation:{operation}", stack)]


def _sts(operation: str, params: Mapping[str, Any]) -> list[Need]:
    return [] if operation == "GetCallerIdentity" else [(f"sts:{operation}", params.get("RoleArn", "*"))]


_NEEDS: dict[str, Callable[[str, Mapping[str, Any]], list[Need]]] = {
    "kinesis": _kinesis,
    "dynamodb": _dynamodb,
    "sns": _sns,
    "sqs": _sqs,
    "lambda": _lambda,
    "logs": _logs,
    "s3": _s3,
    "ssm": _ssm,
    "secretsmanager": _secretsmanager,
    "kms": _kms,
    "iam": _iam,
    "cloudformation": _cloudformation,
    "sts": _sts,
    "monitoring": lambda operation, _: [(f"cloudwatch:{operation}", "*")],
}
