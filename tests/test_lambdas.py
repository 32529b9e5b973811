"""The five functions, invoked as AWS invokes them, on AWS in memory."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from msgspec.structs import replace

import aws
from fakes import object_event
from invoked import HANDLER, KEY, Context, Stack, kinesis, payload_of, put_undelivered, sent, stack
from slips import lambdas
from slips.config import Route
from slips.envelope.lane import arguments
from slips.errors import EnvelopeError, SlipsError, UnfinishedError, UsageError
from slips.model import ErrorItem

__all__ = ["stack"]


# ---- event pusher


@pytest.mark.parametrize("name", ["sns-s3.json", "s3-direct.json", "eventbridge.json"])
def test_objects_told_of_go_on_their_lane(stack: Stack, name: str) -> None:
    assert stack.call(lambdas.event_pusher, sent(name)) == {"fast": 1, "slow": 0, "drop": 0, "ignored": 0}
    (event,) = stack.lane()
    assert (event.object_key, event.lane, event.dest_stream) == (KEY, "fast", "my-fast")
    (line,) = stack.said
    assert (line["message"], line["fast"], line["function"], line["request_id"]) == ("pushed", 1, "EventPusher", "r1")


@pytest.mark.parametrize("name", ["sqs-s3.json", "sqs-sns-s3.json", "sqs-raw.json", "sqs-eventbridge.json"])
def test_objects_told_of_by_a_queue_go_on_their_lane_and_no_message_fails(stack: Stack, name: str) -> None:
    assert stack.call(lambdas.event_pusher, sent(name)) == {"batchItemFailures": []}
    assert KEY in {event.object_key for event in stack.lane()}


def test_routing_of_the_packaged_config_says_which_lane(stack: Stack) -> None:
    stack.package([Route(prefix="azure/", dest="slow")])
    assert stack.call(lambdas.event_pusher, sent("sns-s3.json"))["slow"] == 1
    assert [event.dest_stream for event in stack.lane("slow")] == ["my-slow"]
    stack.package([Route(dest="drop")])
    assert stack.call(lambdas.event_pusher, sent("sns-s3.json"))["drop"] == 1
    assert [entry.status for entry in stack.ledger.scan()] == ["dropped"]


@pytest.mark.parametrize(
    "name",
    ["s3-test-event.json", "sns-s3-test-event.json", "removed.json", "expired.json", "eventbridge-deleted.json"],
)
def test_notifications_without_a_new_object_are_quietly_ignored(stack: Stack, name: str) -> None:
    done = stack.call(lambdas.event_pusher, sent(name))
    assert (done["fast"], done["slow"], done["ignored"]) == (0, 0, 1)
    assert (stack.lane(), stack.levels) == ([], {"INFO"})


def test_a_test_event_in_a_queue_is_quietly_ignored(stack: Stack) -> None:
    assert stack.call(lambdas.event_pusher, sent("sqs-s3-test-event.json")) == {"batchItemFailures": []}
    assert stack.levels == {"INFO"}


# ---- dispatcher


def test_a_batch_of_a_lane_starts_the_main_func_on_its_events(stack: Stack) -> None:
    assert stack.call(lambdas.dispatcher, sent("kinesis.json")) == {"batchItemFailures": []}
    (payload,) = stack.functions.payloads
    assert arguments(json.loads(payload))[0].object_key == KEY


def test_a_throttled_main_func_is_a_batch_that_comes_again(stack: Stack) -> None:
    stack.functions.takes = 0
    first = sent("kinesis.json")["Records"][0]["kinesis"]["sequenceNumber"]
    assert stack.call(lambdas.dispatcher, sent("kinesis.json")) == {"batchItemFailures": [{"itemIdentifier": first}]}
    assert "TooManyRequestsException" in stack.said[0]["message"]


def test_a_record_that_is_no_event_comes_again_with_what_is_behind_it(stack: Stack) -> None:
    good = json.dumps(object_event("a").to_dict())
    assert stack.call(lambdas.dispatcher, kinesis(good, "no JSON", good)) == {
        "batchItemFailures": [{"itemIdentifier": "2"}]
    }
    assert len(stack.functions.payloads) == 1


def test_a_bad_record_without_a_number_fails_the_whole_batch(stack: Stack) -> None:
    payload = kinesis("no JSON")
    del payload["Records"][0]["kinesis"]["sequenceNumber"]
    assert stack.call(lambdas.dispatcher, payload) == {"batchItemFailures": [{"itemIdentifier": ""}]}


def test_the_delay_of_the_lane_is_a_setting(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    lambdas._site.sleep = slept.append
    for delay in ("7", "0.5", ""):
        monkeypatch.setenv("SLIPS_DELAY", delay)
        stack.call(lambdas.dispatcher, sent("kinesis.json"))
    assert slept == [7, 0.5, 0]


def test_the_batch_size_of_the_lane_is_a_setting_that_a_stack_of_the_version_before_lacks(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = kinesis(*(json.dumps(object_event(key).to_dict()) for key in "abcde"))
    stack.call(lambdas.dispatcher, batch)
    monkeypatch.setenv("SLIPS_BATCH_SIZE", "2")
    stack.call(lambdas.dispatcher, batch)
    assert [len(json.loads(payload)) for payload in stack.functions.payloads] == [5, 2, 2, 1]


def test_a_dispatcher_whose_time_is_up_tells_aws_where_to_go_on(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLIPS_BATCH_SIZE", "1")
    batch = kinesis(*(json.dumps(object_event(key).to_dict()) for key in "ab"))
    done = stack.call(lambdas.dispatcher, batch, Context(milliseconds=1000))
    assert done == {"batchItemFailures": [{"itemIdentifier": "2"}]}
    assert "no time was left" in stack.said[0]["message"]


# ---- main func


def test_objects_go_through_their_chain_to_the_users_handler(stack: Stack) -> None:
    event = stack.put(KEY, {"n": 1}, {"n": 2})
    done = stack.call(lambdas.main_func, payload_of(event))
    assert (done["succeeded"], done["failed"], done["unfinished"]) == (1, 0, [])
    known = stack.ledger.get(event)
    assert known is not None
    assert known.outcome is not None
    assert (known.status, known.outcome.records) == ("done", 2)
    assert known.outcome.results == {"Count": {"seen": 2, "secret": 6}}
    mine, object_line = stack.said
    assert (mine["logger"], mine["message"], mine["level"], mine["request_id"]) == ("mine", "seen 2", "WARNING", "r1")
    assert (object_line["object"], object_line["records"]) == (event.url, 2)
    assert [object_line[name] for name in ("Stack", "Lane", "Objects", "Records")] == ["prod", "fast", 1, 2]
    assert "s3cret" not in json.dumps(stack.said)


def test_an_eventbridge_key_that_was_quoted_leads_to_its_object_once_beside_a_notification_of_it(stack: Stack) -> None:
    event = stack.put("azure/a b+c%.gz", {"n": 1})
    told = sent("eventbridge.json")
    told["detail"]["object"] |= {"key": "azure%2Fa+b%2Bc%25.gz", "etag": event.object_etag, "version-id": ""}
    stack.call(lambdas.event_pusher, told)
    (announced,) = stack.lane()
    assert announced.object_key == "azure%2Fa+b%2Bc%25.gz"
    assert stack.call(lambdas.main_func, payload_of(announced), Context("r1"))["succeeded"] == 1
    assert stack.call(lambdas.main_func, payload_of(event), Context("r2"))["duplicates"] == 1
    known = {entry.key: entry.status for entry in stack.ledger.scan()}
    assert known == {event.object_key: "done", announced.object_key: "superseded"}


def test_a_duplicate_is_passed_over(stack: Stack) -> None:
    event = stack.put(KEY, {"n": 1})
    stack.call(lambdas.main_func, payload_of(event))
    assert stack.call(lambdas.main_func, payload_of(event), Context("r2"))["duplicates"] == 1
    assert stack.metrics[0]["Duplicates"] == 1


def test_bad_records_and_objects_are_items_and_what_may_pass_fails_the_invocation(stack: Stack) -> None:
    odd = stack.put("azure/odd", {"n": 1}, "a text", {"n": 2})
    unmapped = stack.put("elsewhere/x", {"n": 1})
    raising = stack.put("azure/raising", {"n": "raise"})
    with pytest.raises(UnfinishedError, match="1 of 3 object events: s3://example-logs/azure/raising: record 1"):
        stack.call(lambdas.main_func, payload_of(odd, unmapped, raising))
    assert {item.request_id: (item.kind, item.error_type) for item in stack.items} == {
        "r1-1": ("records", "RecordError"),
        "r1-2": ("object", "MappingError"),
    }
    assert len({item.code_version for item in stack.items} - {""}) == 1
    assert stack.counted == {"Objects": 2, "Failed": 1, "Quarantined": 1, "ErrorItems": 2, "Records": 3, "Delivered": 2}
    assert stack.levels >= {"ERROR", "INFO"}


def test_a_process_that_an_object_has_damaged_ends_with_the_others_on_their_lane(stack: Stack) -> None:
    stack.package(
        handler="import builtins\n\nimport slips.interface\n\n\nclass H(slips.interface.Handler):\n"
        "    def recv(self, meta, event):\n        if event['n'] == 1: builtins.len = None; len('x')\n"
    )
    ended: list[int] = []
    lambdas._site.exit = ended.append
    events = payload_of(stack.put("azure/a", {"n": 1}), stack.put("azure/b", {"n": 2}))
    with pytest.raises(UnfinishedError, match=r"len was replaced"):
        stack.call(lambdas.main_func, events)
    assert (ended, len("x")) == ([86], 1)
    assert [event.object_key for event in stack.lane()] == ["azure/b"]


def test_a_payload_that_is_none_is_told(stack: Stack) -> None:
    with pytest.raises(EnvelopeError):
        stack.call(lambdas.main_func, "hello")


@pytest.mark.slow
def test_a_secret_that_is_gone_fails_its_object_and_is_asked_for_again_by_the_next_invocation(stack: Stack) -> None:
    event = stack.put(KEY, {"n": 1})
    aws.client("ssm").delete_parameter(Name="/my/key")
    with pytest.raises(UnfinishedError, match="no such parameter"):
        stack.call(lambdas.main_func, payload_of(event))
    aws.client("ssm").put_parameter(Name="/my/key", Value="back", Type="SecureString")
    assert stack.call(lambdas.main_func, payload_of(event))["succeeded"] == 1


def test_a_function_waits_for_throttled_secrets_no_longer_than_half_of_its_time(stack: Stack) -> None:
    class Throttled:
        def get_parameters(self, **_: Any) -> None:
            error: Any = {"Error": {"Code": "ThrottlingException", "Message": "Rate exceeded"}}
            raise ClientError(error, "GetParameters")

    now = 0.0

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    site: Any = lambdas._site
    site.clients.ssm, site.sleep, site.monotonic = Throttled(), sleep, lambda: now
    for milliseconds, most in ((10_000, 5), (900_000, 30)):
        now = 0.0
        with pytest.raises(UnfinishedError, match="ThrottlingException"):
            stack.call(lambdas.main_func, payload_of(stack.put()), Context(milliseconds=milliseconds))
        assert most / 3 < now <= most


def test_a_rotated_secret_reaches_a_warm_process_with_the_next_object_after_its_age(stack: Stack) -> None:
    now = 0.0
    lambdas._site.monotonic = lambda: now

    def secret_length(key: str) -> Any:
        event = stack.put(f"azure/{key}", {"n": 1})
        stack.call(lambdas.main_func, payload_of(event), Context(key))
        known = stack.ledger.get(event)
        assert known is not None
        assert known.outcome is not None
        return known.outcome.results["Count"]["secret"]

    assert secret_length("first") == len("s3cret")
    aws.client("ssm").put_parameter(Name="/my/key", Value="rotated s3cret", Type="SecureString", Overwrite=True)
    now = 3599.0
    assert secret_length("before") == len("s3cret")
    now = 3600.0
    assert secret_length("after") == len("rotated s3cret")
    assert "s3cret" not in json.dumps(stack.said)


def test_an_object_too_large_for_one_invocation_goes_on_in_the_next(stack: Stack) -> None:
    # The first record waits for the timer of the time limit, however late a busy machine lets it go off.
    own = "isinstance(each, threading.Timer) and each.function.__qualname__ == 'Deadline._ring'"
    wait = f"[each.join() for each in threading.enumerate() if event['n'] == 0 and {own}]"
    stack.package(handler="import threading\n" + HANDLER.replace("self.seen += 1", f"self.seen += 1\n        {wait}"))
    event = stack.put(KEY, *({"n": number} for number in range(5)))
    stack.call(lambdas.main_func, payload_of(event), Context("r1", milliseconds=1))
    (rest,) = stack.lane()
    assert rest.records is not None
    assert stack.metrics[0]["Delivered"] == rest.records[0][0] - 1 < 5
    stack.call(lambdas.main_func, payload_of(rest), Context("r2"))
    assert stack.items == []
    assert sum(entry.outcome.delivered for entry in stack.ledger.scan() if entry.outcome) == 5
    known = stack.ledger.get(event)
    assert known is not None
    assert known.status == "done"


# ---- reporter


def test_an_invocation_that_was_given_up_becomes_items(stack: Stack) -> None:
    notified = sent("on-failure-stream.json")
    notified["Records"][0]["Sns"]["Message"] = json.dumps(sent("on-failure-main.json"))
    assert stack.call(lambdas.reporter, notified) == {"items": 2, "settled": 0}
    assert sorted(item.request_id.partition("-")[2][-1] for item in stack.items) == ["1", "2"]
    assert {item.error_type for item in stack.items} == {"HandlerError"}
    assert {item.attempts for item in stack.items} == {3}
    assert stack.counted == {"ErrorItems": 2, "Failed": 2, "Objects": 2}
    assert stack.call(lambdas.reporter, notified) == {"items": 0, "settled": 2}


def test_the_events_of_a_batch_that_a_mapping_gave_up_are_read_back_from_the_stream(stack: Stack) -> None:
    for key in "abc":
        data = json.dumps(object_event(key).to_dict()).encode()
        aws.client("kinesis").put_record(StreamARN=stack.arns["fast"], Data=data, PartitionKey="x")
    first, second, _ = (record["SequenceNumber"] for record in aws.records_of(stack.arns["fast"]))
    notified = sent("on-failure-stream.json")
    record = json.loads(notified["Records"][0]["Sns"]["Message"])
    record["KinesisBatchInfo"] |= {
        "streamArn": stack.arns["fast"],
        "shardId": "shardId-000000000000",
        "startSequenceNumber": first,
        "endSequenceNumber": second,
    }
    notified["Records"][0]["Sns"]["Message"] = json.dumps(record)
    assert stack.call(lambdas.reporter, notified) == {"items": 2, "settled": 0}
    assert sorted(item.events[0].object_key for item in stack.items) == ["a", "b"]
    assert {item.stage for item in stack.items} == {"dispatch"}


def test_the_reason_of_the_main_funcs_last_attempt_is_the_one_that_people_see(stack: Stack) -> None:
    event = stack.put("azure/raising", {"n": "raise"})
    with pytest.raises(UnfinishedError):
        stack.call(lambdas.main_func, payload_of(event))
    record = sent("on-failure-main.json")
    record["requestPayload"] = payload_of(event)
    record["requestContext"]["requestId"] = "r1"
    record["responsePayload"]["errorType"] = "UnfinishedError"
    stack.call(lambdas.reporter, record)
    (item,) = stack.items
    assert (item.request_id, item.error_type, item.seq, item.attempts) == ("r1", "KeyError", 1, 3)
    assert 'raise KeyError("severity")' in item.traceback


def test_an_unreadable_payload_fails_the_reporter(stack: Stack) -> None:
    with pytest.raises(SlipsError):
        stack.call(lambdas.reporter, sent("on-failure-cut.json"))


# ---- drain


def put_items(stack: Stack, *ids: str, **about: Any) -> None:
    for number, request_id in enumerate(ids):
        event = replace(object_event(request_id, "slow"), bucket_name="example-logs")
        when = f"2026-01-0{number + 1}T00:00:00.000Z"
        stack.errors.put(ErrorItem(**{"request_id": request_id, "events": [event], "failed_at": when, **about}))


def test_drain_without_a_word_is_everything(stack: Stack) -> None:
    put_items(stack, "a", "b")
    put_undelivered(stack, object_event("c"))
    assert stack.call(lambdas.drain, {}) == {
        "drained": 2,
        "lanes": {"fast": 0, "slow": 2},
        "dropped": 0,
        "kept": 0,
        "undelivered": 1,
        "notes": [],
        "more": False,
    }
    assert [event.object_key for event in stack.lane("slow")] == ["a", "b"]
    assert [event.replay for event in stack.lane("slow")] == ["a@1", "b@1"]
    assert [event.object_key for event in stack.lane("fast")] == ["c"]
    assert (stack.items, stack.undelivered()) == ([], 0)


@pytest.mark.parametrize(
    ("request_", "drained"),
    [
        ({"ids": ["b", "nothing"]}, ["b"]),
        ({"ids": []}, []),
        ({"limit": 2}, ["a", "b"]),
        ({"prefix": "b"}, ["b"]),
        ({"prefix": "s3://example-logs/c"}, ["c"]),
        ({"since": "2026-01-02T00:00:00Z"}, ["b", "c"]),
        ({"since": 1767398400}, ["c"]),
        ({"type": "KeyError"}, ["a", "b", "c"]),
        ({"type": "Other"}, []),
        ({"type": "", "prefix": "", "since": ""}, ["a", "b", "c"]),
        (None, ["a", "b", "c"]),
    ],
    ids=str,
)
def test_drain_of_some_items_leaves_the_others(stack: Stack, request_: Any, drained: list[str]) -> None:
    put_items(stack, "a", "b", "c", error_type="KeyError", stage="handler")
    put_undelivered(stack, object_event("u"))
    done = stack.call(lambdas.drain, request_)
    everything = not any((request_ or {}).values()) and request_ != {"ids": []}
    assert stack.undelivered() == (0 if everything else 1)
    assert (done["drained"], sorted(event.object_key for event in stack.lane("slow"))) == (len(drained), drained)
    assert [item.request_id for item in stack.items] == [each for each in "abc" if each not in drained]
    if request_ == {"ids": ["b", "nothing"]}:
        assert done["notes"] == ["no error item 'nothing'"]


def test_a_dry_run_changes_nothing(stack: Stack) -> None:
    put_items(stack, "a")
    put_undelivered(stack, object_event("c"))
    done = stack.call(lambdas.drain, {"dry_run": True})
    assert (done["drained"], done["lanes"], done["undelivered"]) == (1, {"fast": 0, "slow": 1}, 0)
    assert (stack.lane("slow"), stack.lane("fast"), len(stack.items), stack.undelivered()) == ([], [], 1, 1)


def test_drain_ends_in_time_and_says_that_there_is_more(stack: Stack) -> None:
    put_items(stack, "a", "b")
    done = stack.call(lambdas.drain, {}, Context(milliseconds=1000))
    assert (done["drained"], done["more"]) == (1, True)
    assert stack.call(lambdas.drain, {})["drained"] == 1


def test_drain_of_the_last_item_in_the_last_moment_is_all(stack: Stack) -> None:
    put_items(stack, "a")
    done = stack.call(lambdas.drain, {"ids": ["a"]}, Context(milliseconds=1000))
    assert (done["drained"], done["more"]) == (1, False)


@pytest.mark.parametrize("request_", [{"limit": 0}, {"limit": -1}, {"since": 1e300}, {"since": -1}])
def test_numbers_that_mean_nothing_drain_nothing(stack: Stack, request_: Any) -> None:
    put_items(stack, "a")
    with pytest.raises(UsageError, match=r"^Drain: "):
        stack.call(lambdas.drain, request_)
    assert len(stack.items) == 1


def test_a_request_that_drain_does_not_know_drains_nothing(stack: Stack) -> None:
    put_items(stack, "a")
    with pytest.raises(UsageError, match=r"Drain: .*unknown field `id`.*expected keys ids, since"):
        stack.call(lambdas.drain, {"id": "a"})
    assert len(stack.items) == 1


def test_an_undelivered_message_that_cannot_be_read_stays_with_a_note(stack: Stack) -> None:
    aws.client("sqs").send_message(QueueUrl=stack.queue, MessageBody="no JSON")
    done = stack.call(lambdas.drain, {})
    assert (done["undelivered"], stack.undelivered()) == (0, 1)
    assert "undelivered message stays" in done["notes"][0]
