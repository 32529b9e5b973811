"""Refusals of KMS, whichever service asked it: told from what that service refuses itself.

S3 answers `AccessDenied` for a key as for an object, others have codes of their own (the error shapes in botocore), and
Parameter Store and Secrets Manager only words.
https://aws.amazon.com/premiumsupport/knowledge-center/cross-account-access-denied-error-s3/
"""

from __future__ import annotations

import os
import re
from typing import Literal

from botocore.exceptions import ClientError

from slips.backends.aws.clients import code

Trouble = Literal["denied", "disabled", "unusable", "missing"]

_CODES: tuple[tuple[str, Trouble], ...] = (
    # S3: `KMS.DisabledException`, SQS: `KmsDisabled`, Kinesis, Lambda: `KMSDisabledException`.
    (r"(?i)kms.*(AccessDenied|OptInRequired)", "denied"),
    (r"(?i)kms.*Disabled", "disabled"),
    (r"(?i)kms.*Invalid(State|KeyUsage)|DecryptionFailure", "unusable"),
    (r"(?i)kms.*NotFound|InvalidKeyId", "missing"),
)
_SPEAKS_OF_A_KEY = re.compile(r"kms:[A-Z]\w+|\bKMS\b|AWSKMS|customer master key")
_KEY = re.compile(r"arn:[\w-]+:kms:[\w-]*:\d*:(?:key|alias)/[\w/-]+")
_WRITING = ("Put", "Send", "Publish", "Create", "Upload")
"""How operations begin that need a new data key, not one to decrypt with."""
_NAMED = ("GetObject", "GetParameter", "GetSecretValue")
"""How operations begin whose keys `backend.kms_key_arns` names; `deploy` itself reads the keys of all else."""


def trouble_of(error: ClientError) -> Trouble | None:
    """What is wrong with a key; None if KMS has not refused anything, or only for a moment."""
    its = code(error)
    for pattern, trouble in _CODES:
        if re.match(pattern, its):
            return trouble
    is_denied = its == "403" or "AccessDenied" in its
    return "denied" if is_denied and _SPEAKS_OF_A_KEY.search(_message(error)) else None


def explained_key(error: ClientError, where: str) -> str | None:
    """The text for a key that KMS refuses, with what to do; None for all else."""
    trouble, said = trouble_of(error), _message(error)
    found = _KEY.search(said)
    key = found[0] if found else "its key"
    match trouble:
        case "denied":
            named = re.search(r"kms:[A-Z]\w+", said)
            is_writing = error.operation_name.startswith(_WRITING)
            action = named[0] if named else "kms:GenerateDataKey" if is_writing else "kms:Decrypt"
            advice = _advice(error.operation_name)
            return (
                f"{where}: AWS denies {action} with {key}: {said}; expected {_who()} that may use this key of KMS; "
                f"{advice}; the key's own policy must let IAM policies of its account allow that, "
                "or, for another account, allow it by itself"
            )
        case "disabled":
            return f"{where}: {key} is disabled: {said}; expected an enabled key of KMS; enable it"
        case "unusable":
            return (
                f"{where}: {key} cannot be used: {said}; expected a key of KMS that has its material, and is not about "
                "to be deleted; cancel its deletion"
            )
        case "missing":
            return (
                f"{where}: {key} is not there: {said}; expected a key of KMS in this region; without it nothing reads "
                "what it encrypted"
            )
    return None


def _who() -> str:
    return "a role" if _is_function() else "a user or role"


def _advice(operation: str) -> str:
    named = operation.startswith(_NAMED)
    if _is_function():
        deploy = "'slips deploy', which lets the functions use the keys of what the config gives"
        return "name the key in backend.kms_key_arns, and 'slips deploy'" if named else deploy
    whose = "; the stack's functions get theirs from backend.kms_key_arns" if named else ""
    return f"give it that permission{whose}"


def _is_function() -> bool:
    return "AWS_LAMBDA_FUNCTION_NAME" in os.environ


def _message(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Message", "") or error).rstrip(".")
