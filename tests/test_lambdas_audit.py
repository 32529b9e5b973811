"""The daily audit of a stack, invoked as AWS invokes it, on AWS in memory; and what operators see of it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from msgspec.structs import replace

import aws
from invoked import KEY, Context, Stack, payload_of, stack
from slips import lambdas
from slips.config import Mapping
from slips.errors import UnfinishedError
from slips.kept_audit import LAST
from slips.model import ObjectEvent
from slips.pipeline import long_audit
from slips.pipeline.audit import DAY
from slips.pipeline.audit_note import NOTED
from slips.pipeline.long_audit import CHECKPOINT
from slips.site.function import ON_A_LANE_SECONDS

__all__ = ["stack"]


@pytest.fixture
def later(stack: Stack) -> None:
    """The time is that at which what is unknown is no more on its way."""
    lambdas._site.clock = lambda: time.time() + ON_A_LANE_SECONDS + 60


@pytest.mark.usefixtures("later")
def test_an_audit_says_in_its_metrics_what_is_missing_and_notes_it_for_operators(stack: Stack) -> None:
    event = stack.put(KEY, {"n": 1}, {"n": 2})
    stack.call(lambdas.main_func, payload_of(event))
    assert stack.call(lambdas.audit, {}) == {
        **{"objects": 1, "done": 1, "failed": 0, "waiting": 0},
        **{"missing": 0, "changed": 0, "ignored": 0},
    }
    assert (stack.metrics[-1]["MissingObjects"], stack.metrics[-1]["FailedObjects"]) == (0, 0)
    stack.put(f"{KEY}-2", {"n": 1})
    done = stack.call(lambdas.audit, {})
    assert (done["done"], done["missing"]) == (1, 1)
    assert stack.metrics[-1]["MissingObjects"] == 1
    note = json.loads(stack.ledger.note(LAST) or "")
    assert (note["total"]["missing"], note["name"], note["total"]["records"]["delivered"]) == (1, "prod", 2)
    assert [each["url"] for each in note["objects"]["missing"]] == [f"s3://example-logs/{KEY}-2"]
    assert [entry.status for entry in stack.ledger.scan()] == ["done"], "the note is no entry"


def test_an_unknown_object_that_may_still_be_on_its_way_waits_for_the_audit_of_the_next_day(stack: Stack) -> None:
    stack.put(KEY, {"n": 1})
    assert stack.call(lambdas.audit, {})["waiting"] == 1
    assert json.loads(stack.ledger.note(LAST) or "")["total"]["reasons"] == {"unseen": 1}


@pytest.mark.usefixtures("later")
def test_an_audit_of_a_bucket_that_cannot_be_listed_is_noted_and_fails(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack.put(KEY, {"n": 1})
    mappings = {"none": [Mapping("", ["s3-lines"])], **lambdas._site.config.bucket_mapping}
    monkeypatch.setattr(lambdas._site, "config", replace(lambdas._site.config, bucket_mapping=mappings))
    with pytest.raises(UnfinishedError, match=r"the audit: not everything could be read: s3://none/: .*NoSuchBucket"):
        stack.call(lambdas.audit, {})
    assert stack.metrics[-1]["MissingObjects"] == 1
    note = json.loads(stack.ledger.note(LAST) or "")
    assert (note["total"]["missing"], len(note["problems"])) == (1, 1)


@pytest.mark.usefixtures("later")
def test_an_error_item_that_cannot_be_read_is_a_problem_of_the_audit_and_all_others_count(stack: Stack) -> None:
    stack.put(KEY, {"n": 1})
    aws.client("dynamodb").put_item(TableName="errors", Item={"request_id": {"S": "bad"}})
    with pytest.raises(UnfinishedError, match="the audit: not everything could be read: error item 'bad'"):
        stack.call(lambdas.audit, {})
    assert json.loads(stack.ledger.note(LAST) or "")["total"]["missing"] == 1


@pytest.mark.usefixtures("later")
def test_the_note_of_many_missing_objects_is_small(stack: Stack) -> None:
    for number in range(NOTED + 2):
        stack.put(f"{KEY}-{number:02}", {"n": 1})
    assert stack.call(lambdas.audit, {})["missing"] == NOTED + 2
    note = json.loads(stack.ledger.note(LAST) or "")
    assert (len(note["objects"]["missing"]), "hours" in note["total"]) == (NOTED, False)


# ---- audits that one invocation cannot end


@pytest.fixture
def parts(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    """An invocation audits two objects."""
    monkeypatch.setattr(long_audit, "PART", 2)
    monkeypatch.setattr(long_audit, "LEAST", 1)


def audited(stack: Stack) -> tuple[dict[str, int], int]:
    """The counts of an audit, without zeros, and the number of invocations that it took."""
    found, number = stack.call(lambdas.audit, {}), 1
    while not found:
        found, number = stack.call(lambdas.audit, {"continue": True}), number + 1
    return {state: count for state, count in found.items() if count}, number


@pytest.mark.usefixtures("later", "parts")
def test_an_audit_goes_on_where_the_invocation_before_has_ended(stack: Stack) -> None:
    for bucket in ("before", "other-logs"):
        aws.client("s3").create_bucket(Bucket=bucket)
    done = [stack.put(f"{KEY}-{number}", {"n": 1}, {"n": 2}) for number in range(4)]
    stack.call(lambdas.main_func, payload_of(*done[:3]))
    elsewhere = {"before": [Mapping("azure/", ["s3-lines", "json"])], "other-logs": [Mapping("", ["s3-lines"])]}
    config = lambdas._site.config
    lambdas._site.config = replace(config, bucket_mapping={**elsewhere, **config.bucket_mapping})
    aws.client("s3").put_object(Bucket="other-logs", Key="a", Body=b"x")
    assert audited(stack) == ({"objects": 5, "done": 3, "missing": 2}, 3)
    assert stack.metrics[-1]["MissingObjects"] == 2
    note = json.loads(stack.ledger.note(LAST) or "")
    assert (note["total"]["records"]["delivered"], note["total"]["missing"]) == (6, 2)
    assert note["total"]["missing_bytes"] == 1 + note["mappings"][2]["missing_bytes"] > 1
    assert [(part["bucket"], part["objects"], part["missing"]) for part in note["mappings"]] == [
        ("before", 0, 0),
        ("other-logs", 1, 1),
        ("example-logs", 4, 1),
    ]
    assert [each["url"] for each in note["objects"]["missing"]] == ["s3://other-logs/a", f"s3://example-logs/{KEY}-3"]
    assert note["start"] < json.loads(stack.ledger.note(LAST) or "")["at"]
    assert stack.call(lambdas.audit, {"continue": True}) == {}, "it has ended"
    assert stack.said == []
    assert audited(stack) == ({"objects": 5, "done": 3, "missing": 2}, 3), "the next day"


@pytest.mark.usefixtures("later", "parts")
def test_a_problem_that_every_part_meets_is_one(stack: Stack) -> None:
    for number in range(5):
        stack.put(f"{KEY}-{number}", {"n": 1})
    aws.client("dynamodb").put_item(TableName="errors", Item={"request_id": {"S": "bad"}})
    with pytest.raises(UnfinishedError, match="error item 'bad'"):
        audited(stack)
    assert len(json.loads(stack.ledger.note(LAST) or "")["problems"]) == 1


@pytest.mark.usefixtures("later", "parts")
def test_all_parts_of_an_audit_start_with_the_first_entry_of_the_whole_ledger(stack: Stack) -> None:
    events = [stack.put(f"{KEY}-{number}", {"n": 1}) for number in range(5)]
    stack.call(lambdas.main_func, payload_of(events[4]))
    assert audited(stack) == ({"objects": 5, "done": 1, "missing": 4}, 3)
    assert json.loads(stack.ledger.note(LAST) or "")["start_by"] == "first entry"


@pytest.mark.usefixtures("later", "parts")
def test_an_invocation_leaves_an_audit_to_the_one_that_is_at_work_and_takes_over_from_one_that_died(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        stack.put(f"{KEY}-{number}", {"n": 1})
    now = time.time() + ON_A_LANE_SECONDS + 60
    monkeypatch.setattr(lambdas._site, "clock", lambda: now)

    def die(*_: object, **__: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(long_audit, "audit", die)
        with pytest.raises(MemoryError):
            stack.call(lambdas.audit, {})
    assert stack.call(lambdas.audit, {}) == {}, "Lambda tries again, or EventBridge has invoked it twice"
    assert stack.call(lambdas.audit, {"continue": True}) == {}
    now += 901
    assert stack.call(lambdas.audit, {"continue": True}) == {}
    assert stack.call(lambdas.audit, {"continue": True})["missing"] == 3


@pytest.mark.usefixtures("later", "parts")
def test_parts_are_shorter_once_the_time_was_up_and_an_audit_that_gets_no_further_fails(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(long_audit, "PAGE", 1)
    stack.put(KEY, {"n": 1})
    assert stack.call(lambdas.audit, {}, Context(milliseconds=1_000)) == {}
    assert stack.said[-1]["message"] == "the time was up; 1 object at once from now on"
    checkpoint = json.loads(stack.ledger.note(CHECKPOINT) or "")
    assert (checkpoint["part"], checkpoint["invocations"]) == (1, 1)
    with pytest.raises(UnfinishedError, match="the audit got no further: one invocation cannot audit 1 object; "):
        stack.call(lambdas.audit, {"continue": True}, Context(milliseconds=1_000))
    assert (stack.ledger.note(CHECKPOINT), stack.ledger.note(LAST)) == ("", None)
    assert audited(stack)[0]["missing"] == 1, "the next day"


@pytest.fixture
def reads(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Gets the number of spans of keys of each read of the whole ledger."""
    found, entries = list[int](), lambdas._site.ledger.stored_entries

    def stored_entries(spans: Sequence[Any] = ()) -> Any:
        found.append(len(spans))
        return entries(spans)

    monkeypatch.setattr(lambdas._site.ledger, "stored_entries", stored_entries)
    return found


@pytest.mark.usefixtures("later")
def test_a_part_ends_when_its_listing_has_taken_half_of_the_time(
    stack: Stack, reads: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long listing costs no attempt: what was listed is audited, and the next part goes on behind it."""
    monkeypatch.setattr(long_audit, "PAGE", 1)
    for number in range(5):
        stack.put(f"{KEY}-{number}", {"n": 1})
    context, listed = Context(milliseconds=100_000), lambdas._site.listed

    def slowly(*where: str) -> Iterator[ObjectEvent]:
        for event in listed(*where):
            context.milliseconds -= 20_000
            yield event

    with monkeypatch.context() as patch:
        patch.setattr(lambdas._site, "listed", slowly)
        assert stack.call(lambdas.audit, {}, context) == {}
    checkpoint = json.loads(stack.ledger.note(CHECKPOINT) or "")
    assert (checkpoint["after"], checkpoint["part"]) == (f"{KEY}-2", long_audit.PART)
    assert stack.call(lambdas.audit, {"continue": True})["missing"] == 5
    assert reads == [1, 1]


@pytest.mark.usefixtures("later")
def test_an_audit_of_many_prefixes_reads_the_ledger_once(
    stack: Stack, reads: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    mappings = [Mapping(f"azure/{number:02}/", ["s3-lines", "json"]) for number in range(60)]
    config = replace(lambdas._site.config, bucket_mapping={"example-logs": mappings})
    monkeypatch.setattr(lambdas._site, "config", config)
    for mapping in mappings:
        aws.client("s3").put_object(Bucket="example-logs", Key=f"{mapping.prefix}a", Body=b"{}")
    assert stack.call(lambdas.audit, {})["missing"] == 60
    assert reads == [1]


@pytest.mark.usefixtures("later", "parts")
def test_an_audit_that_is_not_whole_after_so_many_invocations_or_a_day_fails(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(9):
        stack.put(f"{KEY}-{number}", {"n": 1})
    monkeypatch.setattr(long_audit, "PARTS", 2)
    now = time.time()
    monkeypatch.setattr(lambdas._site, "clock", lambda: now)
    assert stack.call(lambdas.audit, {}) == {}
    now += DAY
    with pytest.raises(UnfinishedError, match=r"the audit of \S+ has not ended: the next one was due; it goes on; "):
        stack.call(lambdas.audit, {})
    assert stack.call(lambdas.audit, {"continue": True}) == {}
    with pytest.raises(UnfinishedError, match="the audit was not whole after 2 invocations; "):
        stack.call(lambdas.audit, {"continue": True})
    assert stack.call(lambdas.audit, {"continue": True}) == {}, "it is given up"


@pytest.mark.usefixtures("later", "parts")
def test_an_audit_begins_anew_with_a_config_that_was_deployed_meanwhile(stack: Stack) -> None:
    for number in range(3):
        stack.put(f"{KEY}-{number}", {"n": 1})
    assert stack.call(lambdas.audit, {}) == {}
    config = lambdas._site.config
    lambdas._site.config = replace(config, bucket_mapping={"example-logs": [Mapping("azure/2018", ["s3-lines"])]})
    assert stack.call(lambdas.audit, {"continue": True}) == {}
    assert stack.call(lambdas.audit, {"continue": True})["objects"] == 3
    note = json.loads(stack.ledger.note(LAST) or "")
    assert [(part["prefix"], part["objects"]) for part in note["mappings"]] == [("azure/2018", 3)]


@pytest.mark.usefixtures("later")
def test_a_pushed_object_of_a_bucket_with_versions_waits_until_it_is_run_and_then_is_done(stack: Stack) -> None:
    aws.client("s3").put_bucket_versioning(Bucket="example-logs", VersioningConfiguration={"Status": "Enabled"})
    event = stack.put(KEY, {"n": 1})
    stack.ledger.note_waiting([event])
    assert stack.call(lambdas.audit, {})["waiting"] == 1
    stack.call(lambdas.main_func, payload_of(event))
    assert stack.call(lambdas.audit, {})["done"] == 1
    stack.ledger.note_waiting([event])
    stack.call(lambdas.main_func, payload_of(event), Context("r2"))
    found = stack.call(lambdas.audit, {})
    assert (found["done"], json.loads(stack.ledger.note(LAST) or "")["total"]["records"]["delivered"]) == (1, 1)
