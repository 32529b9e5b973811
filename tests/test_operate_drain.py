"""`slips drain` on a stack, from here and by the Drain function."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

import pytest
from msgspec.structs import replace

from projects import CONFIG
from slips.backends.aws.operations import StackOperations
from slips.backends.aws.s3 import S3Store
from slips.cli import drain
from slips.cli.progress import Tally
from slips.config import parse
from slips.errors import SlipsError, StreamError, UsageError
from slips.model import ErrorItem, ObjectEvent, Outcome
from slips.pipeline import drain as station
from slips.pipeline.choose import named
from slips.pipeline.drain import DrainRequest, DrainResult
from slips.site.stack import StackSite
from stack_fixtures import bare, cloud, cloud_of_2018, credentials
from stacks import ON_AWS, Cloud, refusal, s3_event, template, undelivered

__all__ = ["bare", "cloud", "cloud_of_2018", "credentials"]
pytestmark = pytest.mark.once


def test_drained_items_are_on_the_streams_and_gone_from_the_table(cloud: Cloud) -> None:
    cloud.fail("r1")
    cloud.fail("r2", events=[ObjectEvent(bucket_name="my-logs", object_key="slow/b", lane="slow")])
    done = cloud.slips("drain", "--json")
    assert done.json == {
        "drained": 2,
        "lanes": {"fast": 1, "slow": 1},
        "dropped": 0,
        "kept": 0,
        "notes": [],
        "undelivered": 0,
    }
    assert cloud.errors() == []
    (fast,), (slow,) = cloud.on_lane("fast"), cloud.on_lane("slow")
    assert (fast["object_key"], fast["replay"], slow["object_key"]) == ("json/a", "r1@1", "slow/b")


def test_errors_tells_of_undelivered_messages_beside_its_list(cloud: Cloud) -> None:
    url = undelivered(cloud, "x")
    note = "slips: 1 undelivered message besides: 'slips drain' takes it up, 'slips status' counts it\n"
    assert cloud.slips("errors").err == note
    cloud.clients.sqs.send_message(QueueUrl=url, MessageBody="y")
    note = "slips: 2 undelivered messages besides: 'slips drain' takes them up, 'slips status' counts them\n"
    for args, out in [([], "no errors\n"), (["--json"], "[]\n"), (["--group"], "no errors\n")]:
        done = cloud.slips("errors", *args)
        assert (done.status, done.out, done.err) == (0, out, note)
    cloud.fail("r1")
    done = cloud.slips("errors", "--json")
    assert (len(done.json), done.err) == (1, note)
    cloud.clients.sqs.delete_queue(QueueUrl=url)
    done = cloud.slips("errors")
    assert (done.status, done.out.count("r1"), done.err) == (0, 1, "")


@pytest.mark.slow
def test_drain_empties_the_undelivered_queue_and_keeps_what_cannot_be_read(cloud: Cloud) -> None:
    url = undelivered(cloud, s3_event("json/lost"), "nonsense")
    dry = cloud.slips("drain", "--dry-run")
    assert dry.err == "slips: about 2 undelivered messages would be put back, too\n"
    assert dry.out == "nothing to drain\n"
    done = cloud.slips("drain")
    assert done.out == "1 undelivered object event put back; the stack processes it now\n"
    assert "undelivered message stays: " in done.err
    (event,) = cloud.on_lane("fast")
    assert event["object_key"] == "json/lost"
    waiting = cloud.clients.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert int(waiting["ApproximateNumberOfMessages"]) + int(waiting["ApproximateNumberOfMessagesNotVisible"]) == 1


@pytest.mark.slow
def test_a_drain_of_chosen_items_leaves_the_undelivered_queue_alone(cloud: Cloud) -> None:
    cloud.fail("r1")
    undelivered(cloud, s3_event("json/lost"))
    assert "undelivered" not in cloud.slips("drain", "r1", "--json").json
    assert cloud.slips("drain", "--since", "2h").out == "nothing to drain\n"
    assert [event["object_key"] for event in cloud.on_lane("fast")] == ["json/a"]


def test_a_lane_that_refuses_ends_drain_which_then_says_what_it_did(
    cloud: Cloud, capsys: pytest.CaptureFixture[str]
) -> None:
    cloud.fail("r1")
    cloud.fail("r2", events=[ObjectEvent(bucket_name="my-logs", object_key="slow/b", lane="slow")])
    cloud.fail("r3", failed_at="2019-01-01T00:00:00.000Z")
    cloud.clients.kinesis.delete_stream(StreamName=cloud.stack().streams["slow"])
    deployed = cloud.stack()
    site = StackSite(parse(ON_AWS), deployed)
    site.store = S3Store(cloud.clients.s3)
    stack = StackOperations(deployed)
    with pytest.raises(StreamError, match="lane slow"):
        drain.drain_here(DrainRequest(), site, stack, json_=False)
    assert cloud.errors() == ["r2", "r3"]
    assert capsys.readouterr().out == "1 item drained: 1 on lane fast; the stack processes it now\n"


def test_without_a_config_the_function_drains_what_is_chosen(cloud: Cloud) -> None:
    done = {"drained": 2, "lanes": {"fast": 2, "slow": 0}, "kept": 1, "notes": ["a note"], "undelivered": 3}
    cloud.answer({**done, "more": False})
    (cloud.project.root / "slips.yml").unlink()
    told = cloud.slips("drain", "-s", "test")
    assert told.out == (
        "2 items drained: 2 on lane fast; the stack processes them now\n"
        "3 undelivered object events put back; the stack processes them now\n"
        "1 item kept: 'slips dismiss' takes out what cannot be replayed\n"
    )
    assert told.err == "slips: a note\n"


def test_a_dry_run_by_the_function_shows_what_is_chosen_and_why_it_failed(cloud: Cloud) -> None:
    cloud.fail("r1")
    cloud.fail("r2", failed_at="2019-01-01T00:00:00.000Z", error_type="ValueError")
    cloud.answer(*[{"drained": 1, "lanes": {"fast": 1, "slow": 0}, "kept": 0, "notes": [], "more": False}] * 3)
    told = cloud.slips("drain", "--remote", "-s", "test", "--dry-run", "--type", "ValueError")
    assert told.out == f"{cloud.slips('errors', 'r2').out}1 item would be drained: 1 on lane fast\n"
    told = cloud.slips("drain", "--remote", "-s", "test", "--dry-run", "--type", "ValueError", "--json")
    assert [(item["request_id"], item["error_type"]) for item in told.json["items"]] == [("r2", "ValueError")]
    cloud.clients.dynamodb.delete_table(TableName=cloud.stack().made["ErrorTable"])
    told = cloud.slips("drain", "--remote", "-s", "test", "--dry-run")
    assert told.out == "1 item would be drained: 1 on lane fast\n"
    assert told.err.startswith("slips: the items cannot be shown: ")


def test_a_config_with_mistakes_keeps_the_function_from_nothing(cloud: Cloud) -> None:
    cloud.project.config("nonsense: [")
    cloud.answer(result(1))
    assert cloud.slips("drain", "--remote", "-s", "test").out.startswith("1 item drained")
    assert cloud.slips("drain", "-s", "test").status == 2


@pytest.mark.slow
def test_the_config_of_another_stack_does_not_drain_this_one(cloud: Cloud) -> None:
    cloud.fail("r1")
    cloud.deploy(template(), "other")
    cloud.project.config(ON_AWS.replace("stack_name: test", "stack_name: other"))
    cloud.answer({"drained": 7, "lanes": {"fast": 7}, "kept": 0, "notes": [], "undelivered": 0, "more": False})
    assert "7 items drained" in cloud.slips("drain", "-s", "test").out
    assert "1 item drained" in cloud.slips("-c", "slips.yml", "drain", "-s", "test").out


def test_remote_needs_a_stack(cloud: Cloud) -> None:
    cloud.project.config(CONFIG)
    done = cloud.slips("drain", "--remote")
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith("slips: --remote: this machine has no Drain function; expected a stack")


# ---- canary


def succeed(cloud: Cloud, item: ErrorItem) -> None:
    """Let the ledger say that the replay of an item has succeeded: here is no function that would."""
    for event in item.events:
        cloud.stack().ledger.finish(replace(event, replay=f"{item.request_id}@1"), Outcome())


def test_on_a_stack_a_canary_waits_on_the_ledger_and_the_rest_follows(cloud: Cloud) -> None:
    succeed(cloud, cloud.fail("r1"))
    cloud.fail("r2")
    cloud.fail("s1", fingerprint="beef", key="slow/b")
    done = cloud.slips("drain", "--canary", "1", "--wait", "0s")
    assert done.status == 1
    assert cloud.errors() == []
    assert [event["replay"] for event in cloud.on_lane("fast")] == ["r1@1", "s1@1", "r2@1"]
    assert done.out.splitlines() == [
        "     2  f00d  handler KeyError: s3://my-logs/json/a: record 7: Count.recv raised KeyError: 'severity'",
        "        1 sent first: 1 succeeded; 1 followed",
        "     1  beef  handler KeyError: s3://my-logs/slow/b: record 7: Count.recv raised KeyError: 'severity'",
        "        1 sent first: 1 without an outcome in time",
        "1 item followed; the stack processes it now",
        "1 group held back; 'slips error ID' shows a new error in detail",
    ]


def test_without_a_config_a_canary_goes_by_the_function_one_item_each_and_the_rest_at_once(cloud: Cloud) -> None:
    succeed(cloud, cloud.fail("r1"))
    for request_id in ("r2", "r3"):
        cloud.fail(request_id)
    cloud.answer(result(1), result(2))
    (cloud.project.root / "slips.yml").unlink()
    done = cloud.slips("drain", "-s", "test", "--canary", "1", "--json")
    assert (done.status, done.json["drained"]) == (0, 3)
    (group,) = done.json["groups"]
    assert [group[name] for name in ("sent", "succeeded", "drained", "left")] == [1, 1, 2, 0]


@pytest.mark.slow
def test_an_item_that_cannot_be_read_holds_up_no_group_and_is_named(cloud: Cloud) -> None:
    named_at_the_end = "slips: error item 'empty': its argument is empty; "
    cloud.fail_in_2018("empty")
    cloud.fail("r1")
    assert cloud.slips("error", "f0").out.startswith("Group:       f00d, 1 item")
    done = cloud.slips("drain", "f00d")
    assert (done.status, done.out[:15], named_at_the_end in done.err) == (1, "1 item drained:", True)
    for config in (True, False):
        succeed(cloud, cloud.fail("r2"))
        cloud.fail("r3")
        if not config:
            (cloud.project.root / "slips.yml").unlink()
            cloud.answer(result(1), result(1), result(2))
        done = cloud.slips("drain", "f00d", "--canary", "1", "-s", "test")
        assert "1 sent first: 1 succeeded; 1 followed\n" in done.out
        assert (done.status, named_at_the_end in done.err) == (1, True)
    done = cloud.slips("drain", "f00d", "-s", "test")
    assert (done.status, done.out[:16], named_at_the_end in done.err) == (1, "2 items drained:", True)


def test_a_canary_leaves_undelivered_messages_where_they_are(cloud: Cloud) -> None:
    undelivered(cloud, s3_event("json/lost"))
    done = cloud.slips("drain", "--canary", "2")
    assert (done.status, done.out, cloud.on_lane("fast")) == (0, "nothing to drain\n", [])


def test_a_stack_without_a_ledger_has_no_canary_and_nothing_is_sent(cloud_of_2018: Cloud) -> None:
    cloud_of_2018.fail("r1")
    done = cloud_of_2018.slips("drain", "--canary", "1")
    assert (done.status, done.out) == (2, "")
    assert "has no ledger; expected 'Ledger', which stacks of 2018 lack" in done.err
    assert cloud_of_2018.errors() == ["r1"]


# ---- by the function


class FakeDrain:
    """The Drain function: answers one by one; `asked` is what it was asked."""

    def __init__(self, *answers: dict[str, Any] | Exception) -> None:
        self._answers = list(answers)
        self.asked: list[dict[str, Any]] = []

    def invoke(self, *, FunctionName: str, Payload: str) -> Any:
        self.asked.append(json.loads(Payload))
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        body = BytesIO(json.dumps(answer).encode())
        return {"Payload": body, **({"FunctionError": "Unhandled"} if "errorMessage" in answer else {})}


def remote(cloud: Cloud, function: FakeDrain, request: DrainRequest) -> DrainResult:
    cloud.clients.patient_functions = function  # type: ignore[assignment]
    done = DrainResult()
    list(station.drain_remotely(request, StackOperations(cloud.stack()), done))
    return done


def result(drained: int, *, kept: int = 0, more: bool = False, notes: tuple[str, ...] = ()) -> dict[str, Any]:
    about = {"drained": drained, "lanes": {"fast": drained, "slow": 0}, "kept": kept, "undelivered": 0}
    return {**about, "notes": list(notes), "more": more}


@pytest.mark.slow
def test_the_function_is_called_again_while_there_is_more(cloud: Cloud) -> None:
    for request_id in ("r1", "r2"):
        cloud.fail(request_id)
    function = FakeDrain(result(3, kept=1, more=True, notes=("kept x",)), result(2, kept=1, notes=("kept x", "y")))
    chosen = DrainRequest(since="2h", prefix="my-logs/", type="KeyError", limit=7)
    report = remote(cloud, function, chosen)
    asked = {"since": "2h", "prefix": "my-logs/", "type": "KeyError", "dry_run": False}
    assert function.asked == [{**asked, "limit": 7}, {**asked, "limit": 4}]
    assert (report.drained, report.lanes["fast"], report.kept, report.notes) == (5, 5, 1, ["kept x", "y"])


def test_the_function_gets_whole_ids_and_again_only_those_that_are_left(cloud: Cloud) -> None:
    cloud.fail("2a45-1")
    cloud.fail("8b0b-1")

    class Deleting(FakeDrain):
        def invoke(self, **request: Any) -> Any:
            cloud.stack().errors.discard("2a45-1")
            return super().invoke(**request)

    function = Deleting(result(1, more=True), result(1))
    found = named(cloud.stack().errors, ["2a", "8b0b-1"])
    remote(cloud, function, DrainRequest(list(found.ids)))
    assert [each["ids"] for each in function.asked] == [["2a45-1", "8b0b-1"], ["8b0b-1"]]
    last = Deleting(result(1, more=True))
    cloud.fail("2a45-1")
    remote(cloud, last, DrainRequest(["2a45-1"]))
    assert [each["ids"] for each in last.asked] == [["2a45-1"]], "a request without ids would be for everything"


def test_the_function_of_any_version_gets_groups_and_what_failed_until_then_as_ids(cloud: Cloud) -> None:
    cloud.fail("r1")
    cloud.fail("r2", fingerprint="beef")
    cloud.fail("r3", failed_at="2019-01-01T00:00:00.000Z")
    for chosen, ids in [
        (DrainRequest(groups=["f00d"]), ["r1", "r3"]),
        (DrainRequest(groups=["f00d"], limit=1), ["r1"]),
        (DrainRequest(["r2"], groups=["f00d"], until="2018-12-31"), ["r2", "r1"]),
        (DrainRequest(until="2018-12-31", type="KeyError"), ["r1", "r2"]),
    ]:
        function = FakeDrain(result(len(ids)))
        assert remote(cloud, function, chosen).drained == len(ids)
        assert function.asked == [{"ids": ids, "dry_run": False}]
    nothing = FakeDrain()
    assert remote(cloud, nothing, DrainRequest(groups=["none"])) == DrainResult()
    assert nothing.asked == [], "a request without ids would be for everything"


def test_the_function_gets_many_ids_in_several_payloads(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    for request_id in ("r1", "r2", "r3"):
        cloud.fail(request_id)
    monkeypatch.setattr(station, "IDS", 2)
    function = FakeDrain(result(1, kept=1), result(0, kept=1))
    report = remote(cloud, function, DrainRequest(groups=["f00d"]))
    assert [each["ids"] for each in function.asked] == [["r1", "r2"], ["r3"]]
    assert (report.drained, report.kept) == (1, 2)


def test_the_function_gets_an_age_of_several_units_as_versions_before_read_it(cloud: Cloud) -> None:
    function = FakeDrain(result(1), result(1))
    remote(cloud, function, DrainRequest(since="1h30m"))
    remote(cloud, function, DrainRequest(since="2h"))
    assert [each["since"] for each in function.asked] == ["5400s", "2h"]


def test_a_dry_run_asks_the_function_once(cloud: Cloud) -> None:
    function = FakeDrain(result(3, more=True))
    report = remote(cloud, function, DrainRequest(dry_run=True))
    assert function.asked == [{"dry_run": True}]
    assert report.notes == ["the function's time was up: there are more"]


@pytest.mark.slow
def test_a_function_that_gets_no_further_or_fails_is_failed_work(cloud: Cloud) -> None:
    everything = DrainRequest()
    with pytest.raises(SlipsError, match="gets no further"):
        remote(cloud, FakeDrain(result(0, kept=3, more=True)), everything)
    with pytest.raises(SlipsError, match="failed: no bucket; expected it to drain"):
        remote(cloud, FakeDrain({"errorMessage": "no bucket"}), everything)
    with pytest.raises(SlipsError, match="denies lambda:InvokeFunction"):
        remote(cloud, FakeDrain(refusal("AccessDeniedException", "no", "Invoke")), everything)
    with pytest.raises(UsageError, match="--since: 'soon' is no time"):
        remote(cloud, FakeDrain(), DrainRequest(since="soon"))


def test_a_pipe_hears_of_a_long_drain_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    now = 0.0
    tally = Tally("items drained", lambda: now)
    for _ in range(2500):
        now += 0.01
        tally.add(1)
    assert [line.split()[1] for line in capsys.readouterr().err.splitlines()] == ["1,001", "2,001"]
