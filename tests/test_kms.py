"""Rules for what KMS refuses: a text names the key's trouble and what mends it, never a missing object."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from fakes import object_event
from slips.backends.aws.kinesis import KinesisStream, read_back
from slips.backends.aws.refusals import explained
from slips.backends.aws.s3 import S3Store
from slips.backends.aws.secret_store import resolve_args
from slips.backends.aws.throttles import Backoff
from slips.envelope.lost import Batch
from slips.errors import StorageError, StreamError, UsageError

KEY = "arn:aws:kms:us-east-1:210987654321:key/0f1e2d3c-1234-5678-9abc-def012345678"
ROLE = "arn:aws:sts::123456789012:assumed-role/app-MainFuncRole-1/app-MainFunc"
DENIED = f"User: {ROLE} is not authorized to perform: kms:Decrypt on resource: {KEY} because no identity-based policy "
DENIED += "allows the kms:Decrypt action"
CIPHERTEXT = (
    "The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not "
    "allowed to access."
)


class Refusing:
    """A client whose every operation AWS refuses."""

    def __init__(self, code: str, message: str) -> None:
        self._error: Any = {"Error": {"Code": code, "Message": message}}

    def __getattr__(self, operation: str) -> Any:
        def refuse(**_: Any) -> None:
            raise ClientError(self._error, "".join(word.title() for word in operation.split("_")))

        return refuse


@pytest.fixture
def in_function(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "app-MainFunc")


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_LAMBDA_FUNCTION_NAME", raising=False)


def opened(code: str, message: str) -> StorageError:
    client: Any = Refusing(code, message)
    with pytest.raises(StorageError) as raised, S3Store(client).open(object_event("a.gz")):
        pass
    return raised.value


@pytest.mark.usefixtures("in_function")
def test_an_object_whose_key_is_denied_names_kms_key_arns_and_is_not_taken_for_missing() -> None:
    error = opened("AccessDenied", DENIED)
    assert str(error).startswith(f"s3://my-logs/a.gz: AWS denies kms:Decrypt with {KEY}: User: {ROLE}")
    assert "name the key in backend.kms_key_arns" in str(error)
    assert "for another account, allow it by itself" in str(error)
    assert "object is gone" not in str(error)
    assert not error.missing


@pytest.mark.usefixtures("here")
def test_a_user_who_tests_an_object_needs_the_right_to_its_key() -> None:
    text = str(opened("AccessDenied", DENIED))
    assert "expected a user or role that may use this key" in text
    assert "give it that permission; the stack's functions get theirs from backend.kms_key_arns" in text


def test_an_object_that_may_be_missing_says_so_as_before() -> None:
    error = opened("AccessDenied", "Access Denied")
    assert "the object is gone, or this role may not read it" in str(error)
    assert error.missing


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("KMS.DisabledException", "is disabled"),
        ("KMSDisabledException", "is disabled"),
        ("KmsDisabled", "is disabled"),
        ("KMS.KMSInvalidStateException", "cancel its deletion"),
        ("KMSInvalidStateException", "cancel its deletion"),
        ("KMSInvalidState", "cancel its deletion"),
        ("KMS.NotFoundException", "is not there"),
        ("KMSNotFoundException", "is not there"),
        ("KMSAccessDeniedException", "AWS denies kms:Decrypt"),
        ("KmsAccessDenied", "AWS denies kms:Decrypt"),
    ],
)
def test_each_services_code_for_a_key_is_understood(code: str, told: str) -> None:
    error = opened(code, f"{KEY} is so")
    assert told in str(error)
    assert KEY in str(error)
    assert not error.missing


@pytest.mark.parametrize("code", ["KMSThrottlingException", "KMS.ThrottlingException", "SlowDown", "NoSuchKey"])
def test_passing_errors_and_those_about_no_key_are_not_ascribed_to_kms(code: str) -> None:
    assert "S3 answers" in str(opened(code, "Rate exceeded"))


# ---- other services


@pytest.mark.usefixtures("in_function")
@pytest.mark.parametrize(
    ("service", "code", "message", "told"),
    [
        ("ssm", "AccessDeniedException", CIPHERTEXT, "AWS denies kms:Decrypt with its key"),
        ("ssm", "InvalidKeyId", KEY, f"{KEY} is not there"),
        (
            "secretsmanager",
            "AccessDeniedException",
            "Access to KMS is not allowed",
            "AWS denies kms:Decrypt with its k",
        ),
        ("secretsmanager", "DecryptionFailure", "Secrets Manager can't decrypt the secret", "its key cannot be used"),
    ],
)
def test_a_secret_whose_key_is_refused_names_the_secret_and_the_key(
    service: str, code: str, message: str, told: str
) -> None:
    class Clients:
        ssm = secretsmanager = Refusing(code, message)

    clients: Any = Clients()
    with pytest.raises(UsageError) as raised:
        resolve_args({"a": f"{{{{{service}:app}}}}"}, clients, Backoff(lambda: 0))
    text = str(raised.value)
    assert text.startswith(f"handler.args: {{{{{service}:app}}}}: {told}")
    assert ("backend.kms_key_arns" in text) is ("denies" in told)


@pytest.mark.usefixtures("in_function")
def test_a_stream_whose_key_is_denied_names_the_right_that_is_missing() -> None:
    client: Any = Refusing("KMSAccessDeniedException", f"User {ROLE} is not authorized for stream my-fast")
    arns: Any = {"fast": "arn:aws:kinesis:us-east-1:1:stream/my-fast"}
    with pytest.raises(StreamError, match=r"AWS denies kms:GenerateDataKey with its key.*; 'slips deploy', which"):
        KinesisStream(client, arns, lambda _: None).put("fast", [object_event("a")])
    with pytest.raises(StreamError, match="cannot be read back: Kinesis: AWS denies kms:Decrypt with its key"):
        list(read_back(client, Batch(arns["fast"], "shard-1", "1", "2", 2), Backoff(lambda: 0)))


def test_a_refusal_that_is_about_no_key_is_explained_as_before() -> None:
    error: Any = {"Error": {"Code": "AccessDeniedException", "Message": "no"}}
    text = explained(ClientError(error, "PutRecords"), "lane", "kinesis")
    assert text is not None
    assert text.startswith("lane: AWS denies kinesis:PutRecords: no; expected")
