"""Distinguishes refusals of a KMS key from refusals of the service that uses it, and writes their error texts.

S3 answers `AccessDenied` for a KMS key as for an object. Parameter Store and Secrets Manager mention the KMS key in the
message only. The other services have codes of their own (see the error shapes in botocore).
https://aws.amazon.com/premiumsupport/knowledge-center/cross-account-access-denied-error-s3/
"""

from __future__ import annotations

import os
import re
from typing import Literal

from botocore.exceptions import ClientError

from slips.backends.aws.answers import code, message

Trouble = Literal["denied", "disabled", "unusable", "missing"]

_CODES: tuple[tuple[str, Trouble], ...] = (
    # S3: `KMS.DisabledException`, SQS: `KmsDisabled`, Kinesis, Lambda: `KMSDisabledException`.
    (r"(?i)kms.*(AccessDenied|OptInRequired)", "denied"),
    (r"(?i)kms.*Disabled", "disabled"),
    (r"(?i)kms.*Invalid(State|KeyUsage)|DecryptionFailure", "unusable"),
    (r"(?i)kms.*NotFound|InvalidKeyId", "missing"),
)
_MENTIONS_A_KEY = re.compile(r"kms:[A-Z]\w+|\bKMS\b|AWSKMS|customer master key")
_KEY = re.compile(r"arn:[\w-]+:kms:[\w-]*:\d*:(?:key|alias)/[\w/-]+")
_WRITING = ("Put", "Send", "Publish", "Create", "Upload")
"""Prefixes of operations that encrypt, and so need `kms:GenerateDataKey` instead of `kms:Decrypt`."""
_NAMED = ("GetObject", "GetParameter", "GetSecretValue")
"""Prefixes of operations whose KMS keys the config must name in `backend.kms_key_arns`. `deploy` finds all others."""


def trouble_of(error: ClientError) -> Trouble | None:
    """Return the problem of a KMS key; None if the error is no refusal of KMS, or passes by itself."""
    error_code = code(error)
    for pattern, trouble in _CODES:
        if re.match(pattern, error_code):
            return trouble
    is_denied = error_code == "403" or "AccessDenied" in error_code
    return "denied" if is_denied and _MENTIONS_A_KEY.search(message(error)) else None


def explained_key(error: ClientError, where: str) -> str | None:
    """Return the error text for a KMS key that may not or cannot be used, with advice; None for any other error."""
    trouble, reason = trouble_of(error), message(error)
    arn = _KEY.search(reason)
    key = arn[0] if arn else "its key"
    match trouble:
        case "denied":
            named = re.search(r"kms:[A-Z]\w+", reason)
            is_writing = error.operation_name.startswith(_WRITING)
            action = named[0] if named else "kms:GenerateDataKey" if is_writing else "kms:Decrypt"
            advice = _advice(error.operation_name)
            return (
                f"{where}: AWS denies {action} with {key}: {reason}; expected {_principal()} that may use this key of "
                f"KMS; {advice}; the key's own policy must let IAM policies of its account allow that, "
                "or, for another account, allow it by itself"
            )
        case "disabled":
            return f"{where}: {key} is disabled: {reason}; expected an enabled key of KMS; enable it"
        case "unusable":
            return (
                f"{where}: {key} cannot be used: {reason}; expected a key of KMS that has its material, and is not "
                "about to be deleted; cancel its deletion"
            )
        case "missing":
            return (
                f"{where}: {key} is not there: {reason}; expected a key of KMS in this region; without the key its "
                "data cannot be read"
            )
    return None


def _principal() -> str:
    return "a role" if is_function() else "a user or role"


def _advice(operation: str) -> str:
    named = operation.startswith(_NAMED)
    if is_function():
        deploy = "'slips deploy', which lets the functions use the keys of what the config gives"
        return "name the key in backend.kms_key_arns, and 'slips deploy'" if named else deploy
    whose = "; the stack's functions get theirs from backend.kms_key_arns" if named else ""
    return f"give it that permission{whose}"


def is_function() -> bool:
    """Whether this process is a function of the stack, whose role the user changes by a deploy."""
    return "AWS_LAMBDA_FUNCTION_NAME" in os.environ
