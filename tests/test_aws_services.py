"""The smaller services of AWS behind their ports: the queue of what nobody could deliver, secrets, the main func."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

import aws
from fakes import object_event
from slips.backends.aws.clients import Clients
from slips.backends.aws.functions import LambdaInvoker
from slips.backends.aws.queue import UndeliveredQueue
from slips.backends.aws.secret_store import AGAIN_SECONDS, FIRST_SECONDS, SecretArgs, resolve_args
from slips.backends.aws.throttles import Backoff
from slips.envelope.lane import arguments, encode
from slips.errors import InvokeError, StateError, UsageError


@pytest.fixture(autouse=True)
def _in_memory() -> Iterator[None]:
    with aws.account():
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


def test_messages_that_are_released_are_received_again_at_once(url: str) -> None:
    for number in range(23):
        aws.client("sqs").send_message(QueueUrl=url, MessageBody=f"message {number}")
    receipts = [receipt for receipt, _ in queue(url).receive()]
    assert list(queue(url).receive()) == []
    assert queue(url).release(receipts)
    assert len(list(queue(url).receive())) == 23


def test_messages_that_may_not_be_released_come_later_and_end_nothing() -> None:
    assert not queue("https://sqs.us-east-1.amazonaws.com/123456789012/gone").release(["r1"])


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
    return resolve_args(args, asked, Backoff(lambda: 0))


def put_secrets() -> None:
    aws.client("ssm").put_parameter(Name="/my/key", Value="s3cret", Type="SecureString")
    aws.client("ssm").put_parameter(Name="plain", Value="told", Type="String")
    for name, text in (("text", "s3cret-text"), ("document", json.dumps({"user": "me", "n": {"deep": 1}}))):
        aws.client("secretsmanager").create_secret(Name=name, SecretString=text)
    aws.client("secretsmanager").create_secret(Name="binary", SecretBinary=b"\x00s3cret")


@pytest.mark.slow
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


@pytest.mark.slow
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
        ("{{ssm:/no/such}}", "no such parameter"),
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


@pytest.mark.parametrize("placeholder", ["{{ssm:/my/key}}", "{{secretsmanager:text}}"])
def test_a_secret_for_which_no_region_is_set_is_named(placeholder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    with pytest.raises(UsageError) as raised:
        resolve_args({"key": placeholder}, Clients(), Backoff(lambda: 0))
    assert str(raised.value).startswith(f"handler.args: {placeholder}: AWS: no region; expected one in AWS_REGION")


class Ssm:
    """Parameter Store with `values` by name; answers by `name` or by ARN, as AWS does not say which."""

    def __init__(self, **faults: str) -> None:
        self.values: dict[str, str] = {}
        self.faults = faults
        """Code with which an operation is refused."""
        self.throttles = 0
        self.requests: list[list[str]] = []
        self.answers_arns = False

    def get_parameters(self, *, Names: list[str], WithDecryption: bool) -> dict[str, Any]:
        assert WithDecryption
        assert len(Names) <= 10
        self.requests.append(Names)
        if self.throttles:
            self.throttles -= 1
            raise self._error("ThrottlingException", "GetParameters")
        if "GetParameters" in self.faults:
            raise self._error(self.faults["GetParameters"], "GetParameters")
        known = sorted(name for name in Names if name in self.values)
        return {
            "Parameters": [self._parameter(name) for name in known],
            "InvalidParameters": [name for name in Names if name not in known],
        }

    def get_parameter(self, *, Name: str, WithDecryption: bool) -> dict[str, Any]:
        self.requests.append([Name])
        if "GetParameter" in self.faults:
            raise self._error(self.faults["GetParameter"], "GetParameter")
        if Name not in self.values:
            raise self._error("ParameterNotFound", "GetParameter")
        return {"Parameter": self._parameter(Name)}

    def _parameter(self, asked: str) -> dict[str, str]:
        is_arn = asked.startswith("arn:")
        name, _, selector = (asked.partition("parameter")[2] if is_arn else asked).partition(":")
        shown = f"arn:aws:ssm:r:1:parameter/{name.strip('/')}" if self.answers_arns else name
        return {"Name": shown, "Value": self.values[asked], **({"Selector": f":{selector}"} if selector else {})}

    @staticmethod
    def _error(code: str, operation: str) -> ClientError:
        return ClientError({"Error": {"Code": code, "Message": "told"}}, operation)


class Ssms:
    """The clients, of which only that of Parameter Store is asked."""

    def __init__(self, ssm: Ssm) -> None:
        self.ssm = ssm


def ask(ssm: Ssm, *names: str) -> dict[str, Any]:
    return resolve({name: f"{{{{ssm:{name}}}}}" for name in names}, Ssms(ssm))


def test_parameters_are_asked_for_ten_at_a_time() -> None:
    ssm = Ssm()
    ssm.values = {f"/p/{number:02}": str(number) for number in range(23)}
    assert ask(ssm, *ssm.values) == ssm.values
    assert [len(names) for names in ssm.requests] == [10, 10, 3]


ARN = "arn:aws:ssm:r:1:parameter/p/a"


@pytest.mark.parametrize("answers_arns", [False, True])
def test_versions_labels_and_arns_of_one_parameter_are_not_confused(answers_arns: bool) -> None:
    ssm = Ssm()
    ssm.answers_arns = answers_arns
    names = ["/p/a", "/p/a:3", "/p/a:prod", ARN, f"{ARN}:2", "plain", "plain:1", "/p/b"]
    ssm.values = {name: f"value of {name}" for name in names}
    assert ask(ssm, *names) == ssm.values
    assert ssm.requests[0] == ["/p/a", "plain", "/p/b"]


def test_real_versions_and_labels_are_told_apart() -> None:
    ssm = aws.client("ssm")
    for value in ("first", "second"):
        ssm.put_parameter(Name="/p/a", Value=value, Type="String", Overwrite=True)
    ssm.label_parameter_version(Name="/p/a", ParameterVersion=1, Labels=["old"])
    args = {name: f"{{{{ssm:{name}}}}}" for name in ("/p/a", "/p/a:1", "/p/a:2", "/p/a:old")}
    assert list(resolve(args).values()) == ["second", "first", "second", "first"]


def test_all_parameters_that_are_not_there_are_named_at_once() -> None:
    ssm = Ssm()
    ssm.values = {"/p/a": "1"}
    with pytest.raises(UsageError, match=r"^handler.args: \{\{ssm:/p/b\}\}, \{\{ssm:/p/a:9\}\}: no such parameter"):
        ask(ssm, "/p/a", "/p/b", "/p/a:9")


def test_a_role_with_the_right_of_former_versions_reads_parameters_one_by_one() -> None:
    ssm = Ssm(GetParameters="AccessDeniedException")
    ssm.values = {"/p/a": "1", "/p/b": "2"}
    assert ask(ssm, "/p/a", "/p/b") == ssm.values
    with pytest.raises(UsageError, match=r"^handler.args: \{\{ssm:/p/c\}\}: no such"):
        ask(ssm, "/p/c")


def test_a_secret_that_this_role_may_not_read_says_so() -> None:
    ssm = Ssm(GetParameters="AccessDeniedException", GetParameter="AccessDeniedException")
    denied = r"ssm:/my/key.*: AWS denies ssm:GetParameters: told; .* give it that permission, or choose"
    with pytest.raises(UsageError, match=denied):
        ask(ssm, "/my/key")


# ---- secrets, again


class Timed:
    """`SecretArgs` of one parameter, and a clock that only its sleeps and the test move."""

    def __init__(self, max_age: float = 100.0) -> None:
        self.now, self.ssm = 0.0, Ssm()
        self.ssm.values = {"/p/a": "old"}
        self.max_age = max_age
        self.args = self.make()

    def make(self) -> SecretArgs:
        clients: Any = Ssms(self.ssm)
        args = {"a": "{{ssm:/p/a}}"}
        return SecretArgs(args, clients, max_age=self.max_age, clock=lambda: self.now, sleep=self.sleep)

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def after(self, seconds: float) -> Any:
        self.now += seconds
        return self.args()["a"]

    @property
    def asked(self) -> int:
        return len(self.ssm.requests)


def test_secrets_are_read_again_at_their_age_and_not_before() -> None:
    timed = Timed(max_age=100)
    timed.ssm.values["/p/a"] = "new"
    assert [timed.after(99), timed.asked] == ["old", 1]
    assert [timed.after(1), timed.asked] == ["new", 2]
    assert [timed.after(99), timed.asked] == ["new", 2]


def test_secrets_that_did_not_change_leave_the_very_args() -> None:
    timed = Timed(max_age=100)
    before = timed.args()
    timed.after(100)
    assert timed.args() == before
    assert timed.asked == 2


def test_without_an_age_secrets_are_read_once() -> None:
    timed = Timed(max_age=0)
    timed.ssm.values["/p/a"] = "new"
    assert [timed.after(10**7), timed.asked] == ["old", 1]


def test_secrets_that_cannot_be_read_again_stay_with_a_warning_and_are_tried_a_minute_later(
    caplog: pytest.LogCaptureFixture,
) -> None:
    timed = Timed(max_age=100)
    timed.ssm.values = {"/p/a": "new"}
    timed.ssm.faults = dict.fromkeys(("GetParameters", "GetParameter"), "AccessDeniedException")
    assert timed.after(100) == "old"
    assert "secrets cannot be read again" in caplog.text
    assert "AWS denies ssm:GetParameters" in caplog.text
    timed.ssm.faults = {}
    assert [timed.after(59), timed.after(1)] == ["old", "new"]
    assert "new" not in caplog.text.replace("the new ones", "")


def test_many_cold_starts_at_once_wait_until_they_are_not_throttled_any_more() -> None:
    timed = Timed()
    timed.ssm.throttles = 4
    assert timed.make()() == {"a": "old"}
    assert timed.now > 0


def test_throttling_without_end_is_told_in_time() -> None:
    timed = Timed(max_age=100)
    timed.ssm.throttles = 10**6
    with pytest.raises(UsageError, match=r"ssm:/p/a.*ThrottlingException"):
        timed.make()
    assert timed.now <= FIRST_SECONDS
    begun = timed.now = 200.0
    assert timed.args() == {"a": "old"}
    assert timed.now - begun <= AGAIN_SECONDS


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
    LambdaInvoker(client, "arn:main").invoke([encode(event) for event in events])
    (request,) = client.requests
    assert (request["FunctionName"], request["InvocationType"]) == ("arn:main", "Event")
    assert arguments(json.loads(request["Payload"])) == events


def test_a_main_func_that_is_throttled_is_an_invoke_error() -> None:
    error: Any = {"Error": {"Code": "TooManyRequestsException", "Message": "Rate exceeded"}}
    client: Any = Lambda(ClientError(error, "Invoke"))
    with pytest.raises(InvokeError, match=r"arn:main: 2 object events not taken: TooManyRequests.*again"):
        LambdaInvoker(client, "arn:main").invoke([encode(object_event("a")), encode(object_event("b"))])
