"""DynamoDB as ErrorTable and Ledger: limits, throttling, items of the original slips, and requests that race."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from msgspec.structs import replace

import aws
from fakes import FakeSite, object_event
from slips.backends.aws.error_table import ATTEMPTS, DynamoErrors
from slips.backends.aws.ledger import CLAIM_SECONDS, LEDGER_DAYS, DynamoLedger, entry
from slips.errors import StateError
from slips.model import ErrorItem, ObjectEvent, Outcome, Sample, fingerprint
from slips.pipeline.conclude import Conclusion, write

ITEM_BYTES = 400_000
"""Most that DynamoDB takes; names of attributes count, too."""
A = object_event("a")


@pytest.fixture
def tables() -> Iterator[None]:
    with aws.account():
        aws.make_tables()
        yield


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now = 1.5e9

    def __call__(self) -> float:
        return self.now


class OneByOne:
    """The client: each call is atomic, as DynamoDB promises and moto does not."""

    lock = threading.Lock()

    def __getattr__(self, name: str) -> Any:
        def call(**request: Any) -> Any:
            with self.lock:
                return getattr(aws.client("dynamodb"), name)(**request)

        return call


CLIENT: Any = OneByOne()


def errors() -> DynamoErrors:
    return DynamoErrors(CLIENT, "errors")


def ledger(clock: Clock | None = None) -> DynamoLedger:
    return DynamoLedger(CLIENT, "ledger", clock or Clock())


def raw(table: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = aws.client("dynamodb").scan(TableName=table)["Items"]
    return found


def size_of(values: dict[str, Any]) -> int:
    return sum(len(name) + len(str(next(iter(value.values()))).encode()) for name, value in values.items())


def item(request_id: str, **about: Any) -> ErrorItem:
    return ErrorItem(**{"request_id": request_id, "events": [A], "failed_at": "2026-01-01T00:00:00.000Z", **about})


# ---- error items

OLD = {
    "aws_region": "ap-northeast-1",
    "event_time": "2018-03-29T16:35:15.768Z",
    "event_name": "ObjectCreated:Put",
    "bucket_name": "my-logs",
    "bucket_arn": "arn:aws:s3:::my-logs",
    "object_key": "azure/a+b%2B.json.gz",
    "object_size": 2048,
    "object_etag": "9b2c",
    "dest_stream": "prod-EventSlowStream-1ABC",
}


def put_old(request_id: str, *events: dict[str, Any]) -> None:
    aws.client("dynamodb").put_item(
        TableName="errors",
        Item={"request_id": {"S": request_id}, "argument": {"S": msgspec.json.encode(list(events)).decode()}},
    )


@pytest.mark.usefixtures("tables")
def test_an_item_of_2018_is_read_with_the_time_of_its_object() -> None:
    put_old("old", OLD, {**OLD, "object_key": "second"})
    errors().put(item("new"))
    errors().put(item("newer", failed_at="2026-02-01T00:00:00.000Z"))
    old, *_ = scanned = list(errors().scan())
    assert [each.request_id for each in scanned] == ["old", "new", "newer"]
    assert errors().get("old") == old
    assert (old.failed_at, old.revision, old.error_type) == ("2018-03-29T16:35:15.768Z", 0, "unknown")
    assert old.fingerprint == fingerprint(old.stage, old.error_type, old.message), "all of 2018 are one group"
    assert [event.object_key for event in old.events] == ["azure/a+b%2B.json.gz", "second"]
    assert {name: old.events[0].to_dict()[name] for name in OLD} == OLD


@pytest.mark.usefixtures("tables")
def test_an_item_of_2018_is_deleted_only_as_long_as_nobody_has_written_it_again() -> None:
    put_old("old", OLD)
    put_old("gone", OLD)
    (first, second) = errors().scan()
    errors().put(replace(first, message="overwritten since"))
    assert not errors().delete(first.request_id, 0)
    stored = errors().get(first.request_id)
    assert stored is not None
    assert (stored.message, stored.revision) == ("overwritten since", 1)
    assert errors().delete(second.request_id, 0)
    assert not errors().delete(second.request_id, 0)


@pytest.mark.slow
@pytest.mark.usefixtures("tables")
def test_an_item_that_no_version_has_written_is_named() -> None:
    aws.client("dynamodb").put_item(TableName="errors", Item={"request_id": {"S": "alien"}, "other": {"S": "x"}})
    with pytest.raises(StateError, match=r"error item 'alien': .*expected 'item', or the 'argument' of 2018"):
        errors().get("alien")


@pytest.mark.usefixtures("tables")
def test_fields_that_people_search_in_the_console_are_own_attributes() -> None:
    errors().put(item("r1", stage="handler", error_type="KeyError", fingerprint="f00d"))
    (values,) = raw("errors")
    assert {name: value["S"] for name, value in values.items() if name not in ("item", "revision")} == {
        "request_id": "r1",
        "failed_at": "2026-01-01T00:00:00.000Z",
        "kind": "object",
        "stage": "handler",
        "error_type": "KeyError",
        "fingerprint": "f00d",
        "bucket": "my-logs",
        "object_key": "a",
    }


@pytest.mark.slow
@pytest.mark.usefixtures("tables")
def test_puts_at_the_same_time_have_revisions_of_their_own() -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: errors().put(item("r1")), range(40)))
    stored = errors().get("r1")
    assert stored is not None
    assert stored.revision == 40
    assert not errors().delete("r1", 39)


@pytest.mark.usefixtures("tables")
def test_one_of_two_that_delete_the_same_revision_has_deleted_it() -> None:
    errors().put(item("r1"))
    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(lambda _: errors().delete("r1", 1), range(4))) == [False, False, False, True]


@pytest.mark.usefixtures("tables")
def test_an_item_that_a_later_run_made_obsolete_goes_whatever_its_revision() -> None:
    errors().put(item("r1"))
    errors().put(item("r1"))
    errors().discard("r1")
    errors().discard("r1")
    assert errors().get("r1") is None
    assert list(errors().scan()) == []


@pytest.mark.usefixtures("tables")
def test_the_largest_item_that_a_quarantine_makes_fits() -> None:
    records: Any = [(at, at) for at in range(10**15, 10**15 + 2000, 2)]
    key = "k" * 1024
    event = object_event(key, records=records)
    samples = [Sample.of(1, "r" * 2000, b"\xff" * 4000, 4000)] * 2
    errors().put(
        item("r", events=[event], records=records, samples=samples, message="m" * 4000, traceback="t" * 16_000)
    )
    (values,) = raw("errors")
    assert size_of(values) < ITEM_BYTES / 2


# ---- throttling, by a client of our own


def throttled() -> ClientError:
    error: Any = {"Error": {"Code": "ProvisionedThroughputExceededException", "Message": "slow down"}}
    return ClientError(error, "BatchGetItem")


class Client:
    """A table of three items; `BatchGetItem` leaves `left` of the keys for later, so many `times`."""

    def __init__(self, left: int, times: int) -> None:
        self.left, self.times = left, times
        self.asked: list[list[str]] = []
        self.sleeps: list[float] = []

    def scan(self, **_: Any) -> dict[str, Any]:
        return {"Items": [{"request_id": {"S": each}, "failed_at": {"S": each}} for each in ("3", "1", "2")]}

    def batch_get_item(self, *, RequestItems: Any) -> dict[str, Any]:
        (request,) = RequestItems.values()
        assert request["ConsistentRead"]
        keys = [key["request_id"]["S"] for key in request["Keys"]]
        self.asked.append(keys)
        left = self.left if self.times > 0 else 0
        self.times -= 1
        given, kept = keys[left:], keys[:left]
        answer: dict[str, Any] = {"Responses": {"errors": [stored(each) for each in given]}}
        if kept:
            answer["UnprocessedKeys"] = {"errors": {**request, "Keys": [{"request_id": {"S": each}} for each in kept]}}
        return answer

    def scanned(self) -> list[str]:
        client: Any = self
        return [each.request_id for each in DynamoErrors(client, "errors", self.sleeps.append).scan()]


def stored(request_id: str) -> dict[str, Any]:
    text = msgspec.json.encode(item(request_id)).decode()
    return {"request_id": {"S": request_id}, "item": {"S": text}, "revision": {"N": "1"}}


def test_keys_that_dynamodb_leaves_unprocessed_are_requested_again_after_a_wait() -> None:
    client = Client(left=2, times=2)
    assert client.scanned() == ["1", "2", "3"]
    assert client.asked == [["1", "2", "3"], ["1", "2"], ["1", "2"]]
    assert 0 < client.sleeps[0] < client.sleeps[1] < 1


def test_keys_that_dynamodb_never_processes_are_a_state_error() -> None:
    client = Client(left=1, times=1000)
    with pytest.raises(StateError, match="table errors: throttled"):
        client.scanned()
    assert len(client.asked) == ATTEMPTS + 1
    assert sum(client.sleeps) < 30


def test_a_long_answer_in_many_pieces_is_no_throttling() -> None:
    class Large(Client):
        def batch_get_item(self, *, RequestItems: Any) -> dict[str, Any]:
            (request,) = RequestItems.values()
            self.left = len(request["Keys"]) - 1
            return super().batch_get_item(RequestItems=RequestItems)

        def scan(self, **_: Any) -> dict[str, Any]:
            return {"Items": [{"request_id": {"S": f"{n:02}"}, "failed_at": {"S": ""}} for n in range(30)]}

    assert Large(left=0, times=1000).scanned() == [f"{n:02}" for n in range(30)]


class Down:
    """A DynamoDB of which every call fails."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __getattr__(self, _name: str) -> Any:
        def fail(**_: Any) -> None:
            raise self._error

        return fail


@pytest.mark.parametrize(
    "error", [throttled(), EndpointConnectionError(endpoint_url="https://dynamodb")], ids=["a", "b"]
)
@pytest.mark.parametrize("call", ["put", "get", "delete", "discard", "scan"])
def test_every_failure_of_a_call_is_a_state_error_that_names_the_table(call: str, error: Exception) -> None:
    client: Any = Down(error)
    table = DynamoErrors(client, "errors", lambda _seconds: None)
    arguments: dict[str, Any] = {"put": [item("r1")], "get": ["r1"], "delete": ["r1", 1], "discard": ["r1"]}
    with pytest.raises(StateError, match="DynamoDB table errors: "):
        list(getattr(table, call)(*arguments.get(call, [])) or [])


def test_a_denial_names_the_permission_and_a_functions_log_no_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    client: Any = Down(ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "Scan"))
    table = DynamoErrors(client, "errors", lambda _seconds: None)
    expected = "DynamoDB table errors: AWS denies dynamodb:Scan: no; expected a user or role that may do it; "
    with pytest.raises(StateError) as raised:
        list(table.scan())
    assert str(raised.value) == (
        f"{expected}give it that permission ('What the deployer may do' in docs/aws.md lists all), or choose another "
        "with AWS_PROFILE"
    )
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "main")
    with pytest.raises(StateError) as raised:
        list(table.scan())
    assert str(raised.value) == f"{expected}give it that permission"


@pytest.mark.parametrize("call", ["claim", "attempted", "release", "finish", "fail", "drop", "get", "scan"])
def test_every_failure_of_the_ledger_is_a_state_error(call: str) -> None:
    client: Any = Down(throttled())
    table = DynamoLedger(client, "ledger", Clock())
    arguments: dict[str, Any] = {
        "claim": [A, "r1"],
        "attempted": [A, item("r1")],
        "release": [A, "r1"],
        "finish": [A, Outcome()],
        "fail": [A, Outcome(), "r1"],
        "drop": [A],
        "get": [A],
    }
    with pytest.raises(StateError, match="DynamoDB table ledger: Prov"):
        list(getattr(table, call)(*arguments.get(call, [])) or [])


# ---- the ledger


@pytest.mark.usefixtures("tables")
def test_one_of_two_requests_that_race_for_an_event_gets_it() -> None:
    start = threading.Barrier(2)

    def claim(request_id: str) -> str:
        start.wait()
        return ledger().claim(A, request_id)

    for number in range(10):
        with ThreadPoolExecutor(2) as pool:
            assert sorted(pool.map(claim, (f"a{number}", f"b{number}"))) == ["claimed", "new"]
        ledger().fail(A, Outcome(), "done with")


@pytest.mark.usefixtures("tables")
def test_a_claim_ends_when_no_invocation_can_hold_it_any_more() -> None:
    clock = Clock()
    table = ledger(clock)
    table.claim(A, "r1")
    clock.now += CLAIM_SECONDS
    assert table.claim(A, "r2") == "claimed"
    clock.now += 1
    assert table.claim(A, "r2") == "new"
    assert table.claim(A, "r1") == "claimed"


@pytest.mark.slow
@pytest.mark.usefixtures("tables")
def test_each_entry_says_when_it_may_be_forgotten() -> None:
    clock = Clock()
    ledger(clock).claim(A, "r1")
    (values,) = raw("ledger")
    assert values["expires_at"] == {"N": str(int(clock.now) + LEDGER_DAYS * 86_400)}
    clock.now += 1000
    ledger(clock).finish(A, Outcome())
    assert int(raw("ledger")[0]["expires_at"]["N"]) == int(clock.now) + LEDGER_DAYS * 86_400


def test_each_event_has_a_key_of_its_own_of_a_fixed_length() -> None:
    records: list[tuple[int, int | None]] = [(at, at) for at in range(1, 2000, 2)]
    different = [
        A,
        object_event("b"),
        replace(A, bucket_name="b"),
        replace(A, object_etag="e2"),
        replace(A, object_version_id="v1"),
        replace(A, records=[(1, None)]),
        replace(A, records=records),
        replace(A, replay="r@1"),
        object_event("k" * 1024, records=records),
    ]
    keys = {entry(event) for event in different}
    assert (len(keys), {len(key) for key in keys}) == (len(different), {64})


def test_a_version_is_told_by_its_id_alone_and_the_way_of_an_event_is_no_part_of_it() -> None:
    version = replace(A, object_version_id="v1")
    same = replace(version, object_etag="", object_sequencer="01", lane="slow", dest_stream="x", event_time="later")
    assert entry(version) == entry(replace(same, reader="s3-lines", object_size=9))


def test_without_versions_the_same_bytes_put_again_are_the_same_object() -> None:
    assert entry(replace(A, object_sequencer="01")) == entry(replace(A, object_sequencer="02"))


@pytest.mark.usefixtures("tables")
def test_the_longest_event_is_claimed_attempted_and_done() -> None:
    event = object_event("k" * 1024, records=[(at, at) for at in range(10**15, 10**15 + 2000, 2)], replay="r@1")
    table = ledger()
    assert table.claim(event, "r1") == "new"
    about: dict[str, Any] = {"events": [event], "records": event.records, "traceback": "t" * 16_000}
    table.attempted(event, item("r1", **about))
    (values,) = raw("ledger")
    assert size_of(values) < ITEM_BYTES / 2
    table.finish(event, Outcome(rules={"noise": 3}))
    known = table.get(event)
    assert known is not None
    assert (known.records, known.key) == (event.records, "k" * 1024)


@pytest.mark.usefixtures("tables")
def test_counts_of_the_most_frequent_rules_are_kept_and_those_of_all_others_added_up() -> None:
    table = ledger()
    table.finish(
        A, Outcome(filtered=2_000 + 19_999, rules={f"rule {number}": 1 for number in range(20_000)} | {"x": 2_000})
    )
    known = table.get(A)
    assert known is not None
    assert known.outcome is not None
    assert len(known.outcome.rules) == 101
    assert known.outcome.rules["x"] == 2_000
    assert sum(known.outcome.rules.values()) == 22_000


@pytest.mark.usefixtures("tables")
def test_results_of_handlers_are_kept_unless_too_long() -> None:
    table = ledger()
    small, large = {"H": ["x" * 1000]}, {"H": ["\u2028" * 300_000], "Other": 1}
    table.finish(A, Outcome(results=small))
    table.finish(object_event("b"), Outcome(records=3, delivered=3, results=large))
    table.fail(object_event("c"), Outcome(results=large), "r1")
    first, second, third = (table.get(object_event(key)) for key in "abc")
    assert first is not None
    assert first.outcome is not None
    assert first.outcome.results == small
    for each in (second, third):
        assert each is not None
        assert each.outcome is not None
        assert list(each.outcome.results) == ["H", "Other"]
        assert each.outcome.results["H"] == "(900,020 bytes: too long for the ledger)"
    assert second is not None
    assert second.outcome is not None
    assert second.outcome.records == 3
    assert max(map(size_of, raw("ledger"))) < ITEM_BYTES
    assert large["H"] == ["\u2028" * 300_000]


def done_in_parts(*, replay: str | None = None) -> list[ObjectEvent]:
    """An object of three parts of 5, 4 and 2 records."""
    first = object_event("a", replay=replay)
    second, third = replace(first, records=[(6, None)]), replace(first, records=[(10, None)])
    for event, records, status in ((first, 5, "part"), (second, 4, "part"), (third, 2, "done")):
        ledger().claim(event, f"r{records}")
        counts = Outcome(records=records, delivered=records)
        write(
            Conclusion(event, event, status, f"r{records}", counts),  # type: ignore[arg-type]
            FakeSite(errors=errors(), ledger=ledger()),
        )
    return [first, second, third]


@pytest.mark.usefixtures("tables")
def test_the_parts_of_an_object_keep_their_own_counts() -> None:
    parts = done_in_parts()
    known = [ledger().get(event) for event in parts]
    assert [each.status for each in known if each] == ["done", "part", "done"]
    assert [each.outcome.records for each in known if each and each.outcome] == [5, 4, 2]
    assert sum(each.outcome.records for each in ledger().scan() if each.outcome) == 11


@pytest.mark.usefixtures("tables")
def test_items_of_the_object_and_of_its_replay_go_when_the_last_part_is_done() -> None:
    table = ledger()
    for event, error_id in ((A, "first"), (replace(A, replay="first@1"), "second")):
        errors().put(item(error_id))
        table.fail(event, Outcome(), error_id)
    done_in_parts(replay="first@1")
    assert list(errors().scan()) == []


@pytest.mark.usefixtures("tables")
def test_a_role_that_may_only_write_the_ledger_needs_no_error_table() -> None:
    table = DynamoLedger(aws.client("dynamodb"), "ledger", Clock())
    table.fail(A, Outcome(), "r1")
    table.drop(A)
    for earlier in table.finish(A, Outcome()):
        table.discarded(earlier)
    assert table.claim(A, "r2") == "done"


def test_the_key_of_an_entry_is_that_of_entries_stored_before() -> None:
    event = ObjectEvent(
        bucket_name="my-logs", object_key="a/é.log", object_etag="e1", records=[(2, None)], replay="r1@1"
    )
    assert entry(event) == "abdfe71422acea4a56561c39ba10bc7fefdf02adfd317426ba6fde4d1115a3ca"


# ---- what audits read

PAGE_OF_LONG = 19
"""Entries of 60 KB that are more than a page."""


def finish_long(key: str, at: float) -> None:
    """Stores an entry of 60 KB."""
    clock = Clock()
    clock.now = at
    tuple(ledger(clock).finish(object_event(key), Outcome(records=1, delivered=1, results={"Big": "x" * 60_000})))


@pytest.mark.usefixtures("tables")
def test_a_table_of_many_pages_is_read_whole_and_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("slips.backends.aws.ledger.SEGMENTS", 1)  # which is more than a page, too
    keys = [f"k{number:02}" for number in range(PAGE_OF_LONG)]
    for number, key in enumerate(keys):
        finish_long(key, 1e9 + number)
    read = sorted(DynamoLedger(aws.client("dynamodb"), "ledger").stored_entries(), key=lambda each: each.key)
    assert [each.key for each in read] == keys
    assert {each.counts and each.counts.delivered for each in read} == {1}


@pytest.mark.usefixtures("tables")
def test_of_spans_of_keys_the_entries_are_read_and_the_oldest_one_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("slips.backends.aws.ledger.SEGMENTS", 1)
    for number in range(PAGE_OF_LONG):
        finish_long(f"k{number:02}", 1e9 + number)
    bucket, last = object_event("k").bucket_name, f"k{PAGE_OF_LONG - 1:02}"
    read = DynamoLedger(aws.client("dynamodb"), "ledger").stored_entries([(bucket, last, last), ("none", "a", "z")])
    found = {each.key: each.updated_at for each in read}
    assert last in found
    assert min(found.values()) == 1e9
    assert len(found) < PAGE_OF_LONG, "those of later pages that are neither"


@pytest.mark.usefixtures("tables")
def test_a_failure_on_a_later_page_is_a_state_error() -> None:
    for number in range(PAGE_OF_LONG):
        finish_long(f"k{number:02}", 1e9)

    class Failing:
        def scan(self, **request: Any) -> Any:
            if "Segment" in request:
                raise throttled()
            return aws.client("dynamodb").scan(**request)

    broken: Any = Failing()
    with pytest.raises(StateError, match="DynamoDB table ledger"):
        list(DynamoLedger(broken, "ledger").stored_entries())
