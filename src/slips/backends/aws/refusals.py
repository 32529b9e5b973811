"""Turns errors of AWS calls, refused or not delivered, into errors of slips whose texts end with advice."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)
from botocore.exceptions import ConnectionError as NoConnectionError
from botocore.parsers import ResponseParserError

from slips.backends.aws.answers import code, message, without_page
from slips.backends.aws.kms_keys import explained_key, is_function
from slips.errors import SlipsError, UsageError

EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}
UNKNOWN = {
    *("InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId", "AuthFailure", "InvalidToken"),
    *("SignatureDoesNotMatch", "InvalidSignatureException", "IncompleteSignature", "IncompleteSignatureException"),
    *("MissingAuthenticationToken", "MissingAuthenticationTokenException", "RequestTimeTooSkewed"),
}
DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError", "403"}
MISSING = {
    *("404", "NoSuchBucket", "NoSuchKey", "NotFound", "ResourceNotFoundException", "NoSuchEntity"),
    *("AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"),
}
"""Codes grouped by meaning, since each service has its own codes."""

ACTIONS = {
    "Invoke": "lambda:InvokeFunction",
    "GetLayerVersionByArn": "lambda:GetLayerVersion",
    "HeadBucket": "s3:ListBucket",
    "HeadObject": "s3:GetObject",
    "ListObjectsV2": "s3:ListBucket",
    "CreateMultipartUpload": "s3:PutObject",
    "UploadPart": "s3:PutObject",
    "GetBucketNotificationConfiguration": "s3:GetBucketNotification",
    "PutBucketNotificationConfiguration": "s3:PutBucketNotification",
    "GetBucketEncryption": "s3:GetEncryptionConfiguration",
}
"""The permission that an operation needs, if its name differs from that of the operation."""

_ALL = "'What the deployer may do' in docs/aws.md lists all"
_OF_THE_HANDLER = {"secretsmanager", "ssm"}


@contextmanager
def calls(where: str, *, passing: set[str] | None = None) -> Iterator[None]:
    """Raise SlipsError for errors of AWS calls in this block. Errors with a code in `passing` stay ClientError."""
    try:
        yield
    except ClientError as error:
        if passing and code(error) in passing:
            raise
        raise _refusal(error, where) from error
    except (BotoCoreError, ResponseParserError) as error:
        raise _trouble(error, where) from error


def explained(error: ClientError | BotoCoreError, where: str, service: str) -> str | None:
    """Return the text of an error that users can mend: credentials, a right of `service`, a KMS key, the network.

    None for any other error.
    """
    mendable = _mendable(error, where, service) if isinstance(error, ClientError) else _trouble(error, where)
    return None if mendable is None else str(mendable)


def _refusal(error: ClientError, where: str) -> SlipsError:
    """Make the error for a call that AWS refused."""
    return _mendable(error, where) or SlipsError(
        f"{where}: AWS refuses {error.operation_name}: {code(error)}: {message(error)}"
    )


def _mendable(error: ClientError, where: str, service: str = "") -> SlipsError | None:
    """Make the error for a call that AWS refused for credentials, rights or a KMS key; None for other reasons."""
    error_code = code(error)
    if about_key := explained_key(error, where):
        return SlipsError(about_key)
    if error_code in EXPIRED:
        return UsageError(f"{where}: the AWS credentials have expired; expected valid ones; {_renew()}")
    if error_code in UNKNOWN:
        return UsageError(
            f"{where}: AWS does not know these credentials ({message(error)}); expected those of an active user or "
            "role, and a right clock; look at AWS_PROFILE and AWS_ACCESS_KEY_ID"
        )
    if error_code in DENIED:
        operation = f"{service}:{error.operation_name}" if service else error.operation_name
        action = ACTIONS.get(error.operation_name, operation)
        if named := re.search(r"not authorized to perform: ([\w-]+:\w+)", message(error)):
            action = named[1]
        in_function = is_function()
        # docs/aws.md lists the rights for commands, not the rights for the secrets in `handler.args`.
        all_of = "" if in_function or service in _OF_THE_HANDLER else f" ({_ALL})"
        other = "" if in_function else ", or choose another with AWS_PROFILE"
        return SlipsError(
            f"{where}: AWS denies {action}: {message(error)}; expected a user or role that may do it; "
            f"give it that permission{all_of}{other}"
        )
    return None


def _trouble(error: BotoCoreError | ResponseParserError, where: str) -> SlipsError:
    """Make the error for a call without an answer of AWS: no credentials, no region, no connection."""
    match error:
        case SSOError() | TokenRetrievalError():
            return UsageError(f"{where}: the SSO session has ended ({error}); expected a valid one; {_renew()}")
        case ProfileNotFound():
            return UsageError(f"{where}: {error}; expected a profile of ~/.aws/config; mend AWS_PROFILE")
        case NoCredentialsError() | PartialCredentialsError() | CredentialRetrievalError():
            return UsageError(
                f"{where}: no AWS credentials ({error}); expected AWS_PROFILE, AWS_ACCESS_KEY_ID and "
                "AWS_SECRET_ACCESS_KEY, or a role; set them, or log in ('aws sso login')"
            )
        case NoRegionError():
            return UsageError(
                f"{where}: no region; expected one in the profile or in AWS_REGION; set it, or give --region"
            )
        case NoConnectionError() | HTTPClientError():
            return SlipsError(
                f"{where}: cannot be reached: {error}; expected an answer; look at the network, the region and "
                "--endpoint-url"
            )
        case ResponseParserError():
            return SlipsError(
                f"{where}: no answer of AWS: {without_page(str(error))}; expected one; try again, then look at "
                "--endpoint-url and at the proxies on the way"
            )
    return SlipsError(f"{where}: {error}; expected AWS settings that can be used; look at your profile")


def _renew() -> str:
    profile = os.environ.get("AWS_PROFILE")
    return f"'aws sso login{f' --profile {profile}' if profile else ''}' renews those of SSO"
