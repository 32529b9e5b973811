"""The daily audit of a stack, invoked as AWS invokes it, on AWS in memory; and what operators see of it."""

from __future__ import annotations

import json
import time

import pytest
from msgspec.structs import replace

import aws
from invoked import KEY, Context, Stack, payload_of, stack
from slips import lambdas
from slips.config import Mapping
from slips.errors import UnfinishedError
from slips.kept_audit import LAST
from slips.pipeline.audit_note import NOTED
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
    with pytest.raises(UnfinishedError, match=r"the audit: not everything could be listed: s3://none/: .*NoSuchBucket"):
        stack.call(lambdas.audit, {})
    assert stack.metrics[-1]["MissingObjects"] == 1
    note = json.loads(stack.ledger.note(LAST) or "")
    assert (note["total"]["missing"], len(note["problems"])) == (1, 1)


@pytest.mark.usefixtures("later")
def test_the_note_of_many_missing_objects_is_small(stack: Stack) -> None:
    for number in range(NOTED + 2):
        stack.put(f"{KEY}-{number:02}", {"n": 1})
    assert stack.call(lambdas.audit, {})["missing"] == NOTED + 2
    note = json.loads(stack.ledger.note(LAST) or "")
    assert (len(note["objects"]["missing"]), "hours" in note["total"]) == (NOTED, False)


def test_an_audit_whose_time_is_up_fails_and_says_what_to_do(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("slips.pipeline.selection.PAGE", 1)
    stack.put(KEY, {"n": 1})
    with pytest.raises(UnfinishedError, match="its time was up; expected it to read listing and ledger in 15 minutes"):
        stack.call(lambdas.audit, {}, Context(milliseconds=1_000))
    assert stack.ledger.note(LAST) is None


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
