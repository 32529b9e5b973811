"""The smaller services of AWS behind their ports: the queue of what nobody could deliver, secrets, the main func."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

import aws
from fakes import object_event
from slips.backends.aws.functions import LambdaInvoker
from slips.backends.aws.queue import UndeliveredQueue
from slips.backends.aws.secret_store import resolve_args
from slips.envelope import arguments
from slips.errors import InvokeError, StateError, UsageError


@pytest.fixture(autouse=True)
def _in_memory() -> Iterator[None]:
    with mock_aws():
        yield


# ---- the queue


@pytest.fixture
def url() -> str:
    made: str = aws.client("sqs").create_queue(QueueName="undelivered")["QueueUrl"]
    return made


def queue(url: str) -> UndeliveredQueue:
    return UndeliveredQueue(aws.client("sqs"), url)


def test_each_message_is_received_once_through_all_pages_and_goes_when_it_is_deleted(url: str) -> None:
    texts = {f"message {number}" for number in range(23)}
    for text in texts:
        aws.client("sqs").send_message(QueueUrl=url, MessageBody=text)
    received = list(queue(url).receive())
    assert {text for _, text in received} == texts
    assert len(received) == 23
    for receipt, text in received:
        if text != "message 7":
            queue(url).delete(receipt)
    left = aws.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert (left["ApproximateNumberOfMessages"], left["ApproximateNumberOfMessagesNotVisible"]) == ("0", "1")


class Sqs:
    """`ReceiveMessage` in pages; the last one comes again and again, as if its messages were not hidden."""

    def __init__(self, *pages: list[str]) -> None:
        self._pages = list(pages)

    def receive_message(self, **_: Any) -> dict[str, Any]:
        page = self._pages.pop(0) if len(self._pages) > 1 else self._pages[0]
        return {"Messages": [{"MessageId": each, "ReceiptHandle": f"r{each}", "Body": each} for each in page]}


def test_a_message_that_comes_again_ends_nothing_and_is_given_once() -> None:
    client: Any = Sqs(["1", "2"], ["2", "3"], ["1", "2"])
    assert [text for _, text in UndeliveredQueue(client, "url").receive()] == ["1", "2", "3"]


def test_an_empty_queue_gives_nothing(url: str) -> None:
    assert list(queue(url).receive()) == []


def test_a_queue_that_cannot_be_used_is_a_state_error_that_names_it() -> None:
    gone = "https://sqs.us-east-1.amazonaws.com/123456789012/gone"
    with pytest.raises(StateError, match=r"123456789012/gone: cannot be read: .*NonExistentQueue"):
        list(queue(gone).receive())
    with pytest.raises(StateError, match=r"123456789012/gone: a message cannot be deleted: "):
        queue(gone).delete("receipt")


# ---- secrets


class Counted:
    """The clients of secrets, and how often each was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __getattr__(self, service: str) -> Any:
        self.asked.append(service)
        return aws.client(service)


def resolve(args: dict[str, Any], clients: Any = None) -> dict[str, Any]:
    asked: Any = clients or Counted()
    return resolve_args(args, asked)


def put_secrets() -> None:
    aws.client("ssm").put_parameter(Name="/my/key", Value="s3cret", Type="SecureString")
    aws.client("ssm").put_parameter(Name="plain", Value="told", Type="String")
    for name, text in (("text", "s3cret-text"), ("document", json.dumps({"user": "me", "n": {"deep": 1}}))):
        aws.client("secretsmanager").create_secret(Name=name, SecretString=text)
    aws.client("secretsmanager").create_secret(Name="binary", SecretBinary=b"\x00s3cret")


def test_placeholders_are_replaced_wherever_they_are_and_nothing_else_is() -> None:
    put_secrets()
    args = {
        "key": "{{ssm:/my/key}}",
        "list": ["{{ ssm:plain }}", {"deep": "{{secretsmanager:text}}"}, 5, None],
        "user": "{{secretsmanager:document:user}}",
        "n": "{{secretsmanager:document:n}}",
        "no secret": "see {{ssm:/my/key}} there",
    }
    before = json.dumps(args)
    assert resolve(args) == {
        "key": "s3cret",
        "list": ["told", {"deep": "s3cret-text"}, 5, None],
        "user": "me",
        "n": {"deep": 1},
        "no secret": "see {{ssm:/my/key}} there",
    }
    assert json.dumps(args) == before


def test_a_secret_is_named_by_its_arn_as_well() -> None:
    put_secrets()
    arn = aws.client("secretsmanager").describe_secret(SecretId="document")["ARN"]
    assert resolve({"a": f"{{{{secretsmanager:{arn}:user}}}}"}) == {"a": "me"}


def test_each_secret_is_asked_for_once_however_often_it_is_used() -> None:
    put_secrets()
    clients = Counted()
    resolve({"a": "{{ssm:/my/key}}", "b": ["{{ssm:/my/key}}"] * 3, "c": "{{ ssm:/my/key }}"}, clients)
    assert clients.asked == ["ssm"]


def test_without_placeholders_nothing_is_asked() -> None:
    clients = Counted()
    assert resolve({"a": 1, "b": {"c": "d"}}, clients) == {"a": 1, "b": {"c": "d"}}
    assert clients.asked == []


@pytest.mark.parametrize(
    ("placeholder", "told"),
    [
        ("{{ssm:/no/such}}", "ParameterNotFound"),
        ("{{secretsmanager:none}}", "ResourceNotFoundException"),
        ("{{secretsmanager:document:password}}", "has no key 'password'"),
        ("{{secretsmanager:text:user}}", "has no key 'user'; expected a JSON object"),
        ("{{secretsmanager:binary}}", "is binary"),
    ],
)
def test_a_secret_that_cannot_be_had_is_named_and_none_is_shown(placeholder: str, told: str) -> None:
    put_secrets()
    with pytest.raises(UsageError) as raised:
        resolve({"good": "{{ssm:/my/key}}", "bad": placeholder})
    text = str(raised.value)
    assert text.startswith(f"handler.args: {':'.join(placeholder.rstrip('}').split(':')[:2])}}}}}: ")
    assert told in text
    shown: BaseException | None = raised.value
    while shown is not None:
        assert "s3cret" not in f"{shown} {shown.__dict__}"
        shown = shown.__context__


def test_a_secret_that_this_role_may_not_read_says_so() -> None:
    class Denied:
        def get_parameter(self, **_: Any) -> None:
            error: Any = {"Error": {"Code": "AccessDeniedException", "Message": "not authorized"}}
            raise ClientError(error, "GetParameter")

    class Clients:
        ssm = Denied()

    with pytest.raises(
        UsageError, match=r"ssm:/my/key.*: AWS denies ssm:GetParameter: not authorized; .* give it that"
    ):
        resolve({"a": "{{ssm:/my/key}}"}, Clients())


def test_a_queue_that_may_not_be_read_names_the_permission() -> None:
    class Denied:
        def receive_message(self, **_: Any) -> None:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "ReceiveMessage")

    client: Any = Denied()
    with pytest.raises(
        StateError, match=r"http://queue: AWS denies sqs:ReceiveMessage: no; .* give it that permission"
    ):
        list(UndeliveredQueue(client, "http://queue").receive())


# ---- the main func


class Lambda:
    """`Invoke`, accepted or not."""

    def __init__(self, error: Exception | None = None) -> None:
        self._error = error
        self.requests: list[dict[str, Any]] = []

    def invoke(self, **request: Any) -> None:
        self.requests.append(request)
        if self._error is not None:
            raise self._error


def test_the_main_func_is_started_asynchronously_on_a_list_that_it_understands() -> None:
    client: Any = Lambda()
    events = [object_event("a b+c=é\u2028"), object_event("b", records=[(5, None)], reader="s3-lines", replay="r@1")]
    LambdaInvoker(client, "arn:main").invoke(events)
    (request,) = client.requests
    assert (request["FunctionName"], request["InvocationType"]) == ("arn:main", "Event")
    assert arguments(json.loads(request["Payload"])) == events


def test_a_main_func_that_is_throttled_is_an_invoke_error() -> None:
    error: Any = {"Error": {"Code": "TooManyRequestsException", "Message": "Rate exceeded"}}
    client: Any = Lambda(ClientError(error, "Invoke"))
    with pytest.raises(InvokeError, match=r"arn:main: 2 object events were not taken: TooManyRequests.*again"):
        LambdaInvoker(client, "arn:main").invoke([object_event("a"), object_event("b")])
