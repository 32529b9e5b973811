"""Messages of queues that announce objects: kept hidden until these are concluded, then deleted, never lost."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from aws import account, client
from running import eventually
from slips.backends.aws.announcements import AnnouncementQueue, Received
from slips.backends.aws.s3 import S3Store
from slips.backends.machine.state import MachineState
from slips.config import Config
from slips.config.backend import BackendConfig, Embedded
from slips.config.buckets import S3Bucket
from slips.errors import StateError
from slips.model import ErrorItem, ObjectEvent
from slips.service import queue as module
from slips.service.custody import (
    AGAIN_SECONDS,
    FIRST_SECONDS,
    FURTHER_SECONDS,
    LONGEST_SECONDS,
    MOST_HELD,
    Custody,
)
from slips.service.names import Names
from slips.service.queue import KEPT_BYTES, QueueSource
from slips.service.s3_sources import sources_in_s3
from slips.service.sources import Arrival

EVENTS = Path(__file__).parent / "events"
GUARD = 300.0
URL = "https://sqs.eu-west-1.amazonaws.com/123456789012/my-logs"


def created(*keys: str, bucket: str = "real", event: str = "ObjectCreated:Put") -> str:
    """The text of S3's own event."""
    records = [
        {"eventName": event, "s3": {"bucket": {"name": bucket}, "object": {"key": key, "eTag": "1", "size": 5}}}
        for key in keys
    ]
    return json.dumps({"Records": records})


class Queue:
    """A queue that gives what a test put into it, notes what it is told, and fails as ordered."""

    def __init__(self, *bodies: str, redrive: bool | StateError = False) -> None:
        self.waiting = [
            Received(f"m{n}", f"r{n}", {"messageId": f"m{n}", "body": body}) for n, body in enumerate(bodies)
        ]
        self.calls: list[tuple[str, list[str], int]] = []
        self.failures: list[Exception] = []
        self.redrive = redrive
        self.empty = threading.Event()

    def receive(self, hidden: int) -> Sequence[Received]:
        self._fail()
        if not self.waiting:
            self.empty.wait(0.02)  # as SQS does
        received, self.waiting = self.waiting[:10], self.waiting[10:]
        return received

    def hide(self, receipts: Sequence[str], seconds: int) -> None:
        self._fail()
        self.calls.append(("hide", list(receipts), seconds))

    def delete(self, receipts: Sequence[str]) -> None:
        self._fail()
        self.calls.append(("delete", list(receipts), 0))

    def has_redrive_policy(self) -> bool:
        if isinstance(self.redrive, StateError):
            raise self.redrive
        return self.redrive

    def _fail(self) -> None:
        if self.failures:
            raise self.failures.pop(0)


# ---- custody


SYNC: tuple[str, list[str], int] = ("sync", [], 0)
"""The state is made to survive a power cut."""


class Kept:
    """A custody whose clock stands."""

    def __init__(self) -> None:
        self.queue, self.now = Queue(), 0.0
        self.custody = Custody(self.queue, lambda: self.queue.calls.append(SYNC), lambda: self.now)

    def turn(self, seconds: float = 0) -> list[tuple[str, list[str], int]]:
        """What the queue is told after so many seconds."""
        self.now += seconds
        self.queue.calls.clear()
        self.custody.turn()
        return list(self.queue.calls)


def test_a_message_is_hidden_until_it_is_concluded_and_then_deleted() -> None:
    kept = Kept()
    kept.custody.add("a", "r1")
    kept.custody.stored("a")
    assert kept.turn() == []
    assert kept.turn(FIRST_SECONDS / 3) == [("hide", ["r1"], FURTHER_SECONDS)]
    assert kept.turn(FURTHER_SECONDS / 3 - 1) == []
    assert kept.turn(1) == [("hide", ["r1"], FURTHER_SECONDS)]
    kept.custody.concluded("a")
    assert kept.turn() == [SYNC, ("delete", ["r1"], 0)]
    assert kept.turn(FURTHER_SECONDS) == []


def test_a_message_that_comes_again_is_deleted_by_its_latest_receipt() -> None:
    kept = Kept()
    assert [kept.custody.add("a", "r1"), kept.custody.add("a", "r2")] == [True, False]
    kept.custody.concluded("a")
    kept.custody.concluded("a")
    assert kept.turn() == [SYNC, ("delete", ["r2"], 0)]


def test_a_deletion_that_fails_is_repeated_and_told() -> None:
    kept = Kept()
    kept.custody.add("a", "r1")
    kept.custody.concluded("a")
    kept.queue.failures = [StateError("queue: throttled")]
    assert (kept.turn(), kept.custody.problem) == ([SYNC], "queue: throttled")
    assert kept.turn(1) == []
    assert kept.turn(AGAIN_SECONDS) == [SYNC, ("delete", ["r1"], 0)]
    assert kept.custody.problem is None


def test_a_message_that_cannot_be_deleted_and_comes_again_is_remembered_once() -> None:
    kept = Kept()
    for number in range(3):
        kept.queue.failures = [StateError("denied")]
        kept.custody.add("a", f"r{number}")
        kept.custody.concluded("a")
        kept.turn(AGAIN_SECONDS)
    assert kept.turn(AGAIN_SECONDS) == [SYNC, ("delete", ["r2"], 0)]
    assert kept.turn(AGAIN_SECONDS) == []


def test_hiding_that_fails_is_repeated_before_the_message_is_back() -> None:
    kept = Kept()
    kept.custody.add("a", "r1")
    kept.queue.failures = [StateError("queue: throttled")] * 2
    assert kept.turn(FIRST_SECONDS / 3) == []
    assert [kept.turn(AGAIN_SECONDS) for _ in range(2)] == [[], [("hide", ["r1"], FURTHER_SECONDS)]]
    assert kept.now < FIRST_SECONDS


def test_messages_stay_hidden_while_others_cannot_be_deleted() -> None:
    kept = Kept()
    kept.custody.add("done", "r1")
    kept.custody.add("at work", "r2")
    kept.custody.concluded("done")
    kept.queue.failures = [StateError("queue: denied")]
    assert kept.turn(FIRST_SECONDS / 3) == [SYNC, ("hide", ["r2"], FURTHER_SECONDS)]
    assert kept.custody.problem == "queue: denied"


def test_the_end_of_a_session_gives_back_what_is_not_concluded() -> None:
    kept = Kept()
    for name in "abc":
        kept.custody.add(name, f"r-{name}")
    kept.custody.concluded("b")
    kept.custody.leave("c")
    kept.custody.give_back()
    assert kept.queue.calls == [SYNC, ("delete", ["r-b"], 0), ("hide", ["r-a"], 0)]


def test_of_very_many_messages_the_later_ones_are_deleted_when_the_state_has_their_events() -> None:
    kept = Kept()
    for number in range(MOST_HELD + 2):
        kept.custody.add(str(number), f"r{number}")
        kept.custody.stored(str(number))
    assert kept.turn() == [SYNC, ("delete", [f"r{MOST_HELD}", f"r{MOST_HELD + 1}"], 0)]


def test_a_message_whose_objects_wait_for_long_is_deleted_before_sqs_gives_up_on_it() -> None:
    kept = Kept()
    kept.custody.add("waits", "r1")
    kept.custody.add("not yet stored", "r2")
    kept.custody.stored("waits")
    kept.turn(FIRST_SECONDS / 3)
    assert kept.turn(LONGEST_SECONDS) == [SYNC, ("delete", ["r1"], 0), ("hide", ["r2"], FURTHER_SECONDS)]


# ---- the source


class Scene:
    """A source of a queue, and what it announces."""

    def __init__(self, queue: Queue, **buckets: S3Bucket) -> None:
        self.queue, self._woken = queue, threading.Event()
        names = Names({name.replace("_", "-"): bucket for name, bucket in buckets.items()})
        self.source = QueueSource(URL, names, lambda: queue, lambda: None, jitter=lambda pause: pause / 100)
        self.source.open(self._woken.set)

    def arrivals(self, count: int = 1) -> list[Arrival]:
        found: list[Arrival] = []

        def enough() -> bool:
            found.extend(self.source.take())
            return len(found) >= count

        self.until(enough)
        return found

    def until(self, ready: Callable[[], Any]) -> None:
        for _ in range(int(GUARD * 100)):
            if ready():
                return
            self._woken.wait(0.01)
            self._woken.clear()
        raise AssertionError("nothing happens")


@pytest.fixture
def scene() -> Iterator[Callable[..., Scene]]:
    made: list[Scene] = []

    def make(*bodies: str, redrive: bool | StateError = False, **buckets: S3Bucket) -> Scene:
        made.append(Scene(Queue(*bodies, redrive=redrive), **(buckets or {"my_logs": S3Bucket(s3="real")})))
        return made[-1]

    yield make
    for each in made:
        each.source.close()


def keys(arrival: Arrival) -> list[tuple[str, str]]:
    return [(event.bucket_name, event.object_key) for event in arrival.events]


Make = Callable[..., Scene]


def test_an_object_arrives_under_the_name_of_the_config(scene: Make) -> None:
    (arrival,) = scene(created("a", "b+c%2B")).arrivals()
    assert keys(arrival) == [("my-logs", "a"), ("my-logs", "b c+")]


def test_objects_outside_of_the_prefixes_are_ignored_and_each_name_of_a_bucket_has_its_own(scene: Make) -> None:
    buckets = {"one": S3Bucket(s3="real", prefix=["a/"]), "two": S3Bucket(s3="real", prefix=["b/", "a/x"])}
    (arrival,) = scene(created("a/1", "b/1", "c/1", "a/x"), **buckets).arrivals()
    assert keys(arrival) == [("one", "a/1"), ("two", "b/1"), ("one", "a/x"), ("two", "a/x")]


@pytest.mark.parametrize("name", ["s3-direct.json", "sns-s3.json", "eventbridge.json"])
def test_every_wrapping_of_aws_is_read(scene: Make, name: str) -> None:
    text = (EVENTS / name).read_text()
    body = text
    if name == "sns-s3.json":  # as SNS delivers to a queue, and raw
        message = json.loads(text)["Records"][0]["Sns"]
        body = json.dumps({"Type": "Notification", "Message": message["Message"]})
    bucket = _bucket_in(text)
    (arrival,) = scene(body, my_logs=S3Bucket(s3=bucket)).arrivals()
    assert arrival.note == ""
    assert {event.bucket_name for event in arrival.events} == {"my-logs"}


def _bucket_in(text: str) -> str:
    from slips.envelope.arrivals import messages

    return messages(json.loads(text))[0].events[0].bucket_name


@pytest.mark.parametrize("body", [created("a", event="ObjectRemoved:Delete"), '{"Event": "s3:TestEvent"}'])
def test_a_message_that_announces_no_new_object_is_concluded_at_once(scene: Make, body: str) -> None:
    (arrival,) = scene(body).arrivals()
    assert (arrival.events, arrival.note) == ([], "")
    assert arrival.concluded is not None


def test_a_message_is_deleted_when_the_session_has_concluded_it(scene: Make) -> None:
    made = scene(created("a"))
    (arrival,) = made.arrivals()
    assert made.queue.calls == []
    assert arrival.concluded is not None
    arrival.concluded()
    made.until(lambda: ("delete", ["r0"], 0) in made.queue.calls)


def test_closing_gives_back_what_was_not_concluded(scene: Make) -> None:
    made = scene(created("a"))
    made.arrivals()
    made.source.close()
    assert made.queue.calls == [("hide", ["r0"], 0)]


def test_a_message_that_is_delivered_twice_is_announced_once(scene: Make) -> None:
    made = scene(created("a"))
    made.arrivals()
    made.queue.waiting = [
        Received("m0", "r9", {"messageId": "m0", "body": created("a")}),
        Received("m1", "r1", {"messageId": "m1", "body": created("b")}),
    ]
    assert [keys(arrival) for arrival in made.arrivals()] == [[("my-logs", "b")]]
    made.source.close()
    assert made.queue.calls == [("hide", ["r9", "r1"], 0)]


# ---- messages that cannot be read


def test_an_unreadable_message_stays_for_the_redrive_policy_of_its_queue(scene: Make) -> None:
    made = scene("no JSON", redrive=True)
    (arrival,) = made.arrivals()
    assert (arrival.events, arrival.taken, arrival.concluded) == ([], None, None)
    assert arrival.note.startswith(f"{URL}: message m0 cannot be read: Records[0].body: JSON is malformed")
    assert arrival.note.endswith("it stays, and the queue's redrive policy moves it away")
    made.source.close()
    assert made.queue.calls == []


@pytest.mark.parametrize("redrive", [False, StateError("queue: AccessDenied")])
def test_an_unreadable_message_of_a_queue_without_one_becomes_an_error_item(
    scene: Make, tmp_path: Path, redrive: bool | StateError
) -> None:
    (arrival,) = scene("no JSON", redrive=redrive).arrivals()
    item = put(arrival, tmp_path)
    assert (item.stage, item.error_type, item.events, item.event) == (
        "arrival",
        "EnvelopeError",
        [],
        {"message": "no JSON"},
    )
    assert arrival.note.endswith(f"it is in the error table, as {item.request_id}, and deleted from the queue")
    assert arrival.concluded is not None


def put(arrival: Arrival, directory: Path) -> ErrorItem:
    """The error item that an arrival makes, the same if it comes twice."""
    assert arrival.taken is not None
    state = MachineState.open(directory)
    arrival.taken(state)
    arrival.taken(state)
    (item,) = state.errors.scan()
    state.close()
    return item


def test_what_can_be_read_of_a_message_arrives_beside_its_error_item(scene: Make, tmp_path: Path) -> None:
    records = json.loads(created("a"))["Records"]
    (arrival,) = scene(json.dumps({"Records": [{"odd": 1}, *records]})).arrivals()
    assert keys(arrival) == [("my-logs", "a")]
    assert "Records[0]: not known (keys: odd)" in put(arrival, tmp_path).message


def test_a_message_of_another_bucket_is_not_taken_from_the_queue_in_silence(scene: Make, tmp_path: Path) -> None:
    (arrival,) = scene(created("a", bucket="other")).arrivals()
    assert arrival.events == []
    assert "it is of bucket 'other'; expected one of those that 'sqs' of the config has this queue for: 'real'" in (
        put(arrival, tmp_path).message
    )


def test_a_huge_unreadable_message_is_cut_in_its_error_item(scene: Make, tmp_path: Path) -> None:
    (arrival,) = scene("x" * (KEPT_BYTES + 1)).arrivals()
    item = put(arrival, tmp_path)
    assert (item.event, item.event_truncated) == ({"message": "x" * KEPT_BYTES}, True)


# ---- failures


def test_a_queue_that_fails_is_told_and_asked_again(scene: Make) -> None:
    made = scene()
    made.queue.failures = [StateError("queue: AccessDenied")] * 10_000
    made.until(lambda: made.source.problem == "queue: AccessDenied")
    made.queue.waiting = [Received("m0", "r0", {"messageId": "m0", "body": created("a")})]
    made.queue.failures.clear()
    assert keys(made.arrivals()[0]) == [("my-logs", "a")]
    made.until(lambda: made.source.problem is None)


def test_a_fault_of_the_thread_that_keeps_messages_is_told_and_the_thread_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "TURN_SECONDS", 0.01)
    monkeypatch.setattr(module, "AGAIN_SECONDS", 0.01)
    faults = [ValueError("no such thing")]
    told = threading.Event()

    def sync() -> None:
        if faults and told.wait(GUARD):
            raise faults.pop()

    queue = Queue(created("a"))
    source = QueueSource(URL, Names({"my-logs": S3Bucket(s3="real")}), lambda: queue, sync)
    source.open(lambda: None)
    eventually(lambda: [each.concluded() for each in source.take() if each.concluded], "nothing arrives")
    problems = set[str | None]()

    def is_deleted() -> bool:
        problems.add(source.problem)
        told.set()
        return ("delete", ["r0"], 0) in queue.calls

    eventually(is_deleted, "the message is not deleted")
    source.close()
    assert any("a fault of slips, ValueError: no such thing" in (each or "") for each in problems)


def test_a_fault_of_the_thread_that_receives_is_told_and_the_thread_goes_on(scene: Make) -> None:
    made = scene()
    made.queue.failures = [ValueError("no such thing")] * 10_000
    made.until(lambda: "a fault of slips, ValueError: no such thing" in (made.source.problem or ""))
    made.queue.waiting = [Received("m0", "r0", {"messageId": "m0", "body": created("a")})]
    made.queue.failures.clear()
    assert keys(made.arrivals()[0]) == [("my-logs", "a")]


def test_queues_of_one_name_are_told_apart() -> None:
    urls = [f"https://sqs.{region}.amazonaws.com/1234/logs" for region in ("eu-west-1", "eu-west-2")]
    urls.append("https://sqs.eu-west-1.amazonaws.com/1234/other")
    buckets: dict[str, str | S3Bucket] = {
        f"b{number}": S3Bucket(s3="real", sqs=url, poll=0) for number, url in enumerate(urls)
    }
    config = Config(stack_name="test", bucket_mapping={}, backend=BackendConfig(embedded=Embedded(buckets=buckets)))
    names = [each.name for each in sources_in_s3(config) if isinstance(each, QueueSource)]
    assert names == [f"queue {urls[0]}", f"queue {urls[1]}", "queue other"]


def test_a_queue_that_cannot_be_made_is_told() -> None:
    def fails() -> Queue:
        raise StateError("AWS: no region")

    source = QueueSource(URL, Names({}), fails, lambda: None, jitter=lambda pause: pause / 100)
    source.open(lambda: None)
    for _ in range(int(GUARD * 100)):
        if source.problem == "AWS: no region":
            break
        threading.Event().wait(0.01)
    assert source.problem == "AWS: no region"
    source.close()


# ---- the queue itself, on moto


@pytest.fixture
def sqs(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Any, AnnouncementQueue]]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with account():
        made = client("sqs")
        url = made.create_queue(QueueName="q")["QueueUrl"]
        yield made, AnnouncementQueue(made, url)


def visible(sqs: Any, url: str) -> tuple[int, int]:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return int(answer[names[0]]), int(answer[names[1]])


def test_messages_are_hidden_given_back_and_deleted(sqs: tuple[Any, AnnouncementQueue]) -> None:
    made, queue = sqs
    for number in range(12):
        made.send_message(QueueUrl=queue.url, MessageBody=created(str(number)))
    received = [*queue.receive(100), *queue.receive(100)]
    assert sorted(json.loads(each.record["body"])["Records"][0]["s3"]["object"]["key"] for each in received) == sorted(
        map(str, range(12))
    )
    assert visible(made, queue.url) == (0, 12)
    receipts = [each.receipt for each in received]
    queue.delete(receipts[:11])
    queue.hide(receipts[11:], 0)
    queue.hide([], 0)
    assert visible(made, queue.url) == (1, 0)


def test_a_redrive_policy_is_known_and_a_queue_that_is_gone_is_an_error(sqs: tuple[Any, AnnouncementQueue]) -> None:
    made, queue = sqs
    assert not queue.has_redrive_policy()
    arn = made.get_queue_attributes(QueueUrl=queue.url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 3})
    made.set_queue_attributes(QueueUrl=queue.url, Attributes={"RedrivePolicy": policy})
    assert queue.has_redrive_policy()
    gone = AnnouncementQueue(made, f"{queue.url}-gone")
    for call in (lambda: gone.receive(1), lambda: gone.delete(["r"]), lambda: gone.hide(["r"], 1)):
        with pytest.raises(StateError, match="q-gone: "):
            call()


@pytest.mark.parametrize(
    ("url", "endpoint", "region"),
    [
        (URL, "https://sqs.eu-west-1.amazonaws.com", "eu-west-1"),
        ("https://eu-west-1.queue.amazonaws.com/1/q", "https://sqs.eu-west-1.amazonaws.com", "eu-west-1"),
        ("https://vpce-1.sqs.us-gov-west-1.vpce.amazonaws.com/1/q", None, "us-gov-west-1"),
        ("http://127.0.0.1:9324/000000000000/q", "http://127.0.0.1:9324", "us-west-2"),
    ],
)
def test_the_url_of_a_queue_names_its_server_and_region(url: str, endpoint: str | None, region: str) -> None:
    queue = AnnouncementQueue.of(S3Bucket(s3="real", sqs=url), "us-west-2")
    meta = queue._client.meta
    assert (meta.endpoint_url, meta.region_name) == (
        endpoint or "https://vpce-1.sqs.us-gov-west-1.vpce.amazonaws.com",
        region,
    )


def test_an_event_of_an_unknown_bucket_has_no_name() -> None:
    names = Names({"my-logs": S3Bucket(s3="real")})
    assert names.of(ObjectEvent(bucket_name="my-logs", object_key="a")) is None


ACTIONS = {
    "ReceiveMessage": "sqs:ReceiveMessage",
    "DeleteMessageBatch": "sqs:DeleteMessage",
    "ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
    "GetQueueAttributes": "sqs:GetQueueAttributes",
    "ListObjectsV2": "s3:ListBucket",
    "GetObject": "s3:GetObject",
    "GetObject of a version": "s3:GetObjectVersion",
}
"""The right that each call needs."""


def test_the_page_lists_the_rights_that_a_source_uses_and_no_other(sqs: tuple[Any, AnnouncementQueue]) -> None:
    made, queue = sqs
    s3, used = client("s3"), set[str]()

    def note(model: Any, params: Any, **_: Any) -> None:
        has_version = "versionId" in params["query_string"] if model.name == "GetObject" else False
        used.add(ACTIONS[f"{model.name} of a version" if has_version else model.name])

    s3.create_bucket(Bucket="real")
    s3.put_bucket_versioning(Bucket="real", VersioningConfiguration={"Status": "Enabled"})
    version = s3.put_object(Bucket="real", Key="a/b", Body=b"1")["VersionId"]
    made.send_message(QueueUrl=queue.url, MessageBody=created("a"))
    for each in (made, s3):
        each.meta.events.register("before-call", note)
    try:
        receipts = [each.receipt for each in queue.receive(1)]
        queue.hide(receipts, 1)
        queue.delete(receipts)
        queue.has_redrive_policy()
        store = S3Store(s3)
        store.page("real")
        store.folders("real")
        for version_id in (None, version):
            with store.open(ObjectEvent(bucket_name="real", object_key="a/b", object_version_id=version_id)) as stored:
                stored.body.read()
    finally:
        for each in (made, s3):
            each.meta.events.unregister("before-call", note)
    page = (Path(__file__).parents[1] / "docs" / "service.md").read_text()
    policy = json.loads(page.partition("```json\n")[2].partition("```")[0])
    listed = [one["Action"] for one in policy["Statement"]]
    assert {action for each in listed for action in ([each] if isinstance(each, str) else each)} == used
