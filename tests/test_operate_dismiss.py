"""`slips dismiss` on a stack: error items, and undelivered messages that cannot be read."""

from __future__ import annotations

import pytest

from slips.envelope.lost import unwrap
from slips.model import Outcome
from stack_fixtures import bare, cloud, credentials
from stacks import OLD, Cloud, s3_event, undelivered

__all__ = ["bare", "cloud", "credentials"]
pytestmark = pytest.mark.once


@pytest.mark.slow
def test_on_a_stack_dismissed_items_leave_the_table_and_no_other(cloud: Cloud) -> None:
    cloud.fail("r1")
    cloud.fail("r2", key="slow/b")
    cloud.fail_in_2018("old", OLD)
    listed = cloud.slips("errors", "--json", "--prefix", "slow/").json
    (cloud.project.root / "slips.yml").unlink()
    done = cloud.slips("dismiss", "-s", "test", "--prefix", "slow/", "--json", "-y")
    assert (done.status, done.json) == (0, listed)
    assert [each["request_id"] for each in listed] == ["r2", "old"]
    assert cloud.errors() == ["r1"]


@pytest.mark.parametrize(
    ("chosen", "left"), [(["--all"], ["waits"]), (["waits"], ["failed"]), (["--type", "LanePaused"], ["failed"])]
)
def test_objects_that_only_wait_are_dismissed_if_they_are_named(
    cloud: Cloud, chosen: list[str], left: list[str]
) -> None:
    cloud.fail("failed")
    cloud.fail("waits", stage="paused", error_type="LanePaused")
    done = cloud.slips("dismiss", *chosen, "-y")
    assert done.out.endswith("1 item dismissed\n")
    assert ("waits: its objects only wait, and stay; " in done.err) == (left == ["waits"])
    assert cloud.errors() == left


def test_an_item_that_cannot_be_read_keeps_no_other_from_being_dismissed(cloud: Cloud) -> None:
    cloud.fail("r1")
    cloud.fail_in_2018("empty")
    done = cloud.slips("dismiss", "--all", "-y")
    assert (done.status, done.out.splitlines()[-1]) == (1, "1 item dismissed")
    assert "error item 'empty': " in done.err


def test_undelivered_messages_that_cannot_be_read_are_dismissed_and_no_others(cloud: Cloud) -> None:
    url = undelivered(cloud, s3_event("json/lost"), "nonsense\x1b")
    done = cloud.slips("dismiss", "--undelivered", "--json", "-y")
    (message,) = done.json
    assert (message["kind"], message["body"]) == ("undelivered", "nonsense\x1b")
    assert f"slips: undelivered message: {message['message']}\n" == done.err
    waiting = cloud.clients.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert int(waiting["ApproximateNumberOfMessages"]) + int(waiting["ApproximateNumberOfMessagesNotVisible"]) == 1


def test_a_message_of_which_something_is_still_to_be_done_is_not_dismissed(cloud: Cloud) -> None:
    half = s3_event("json/lost")
    half["Records"].append({"nonsense": 1})
    undelivered(cloud, half)
    assert cloud.slips("dismiss", "--undelivered", "-y").out == "nothing to dismiss\n"
    (event,) = unwrap(half).events
    cloud.stack().ledger.finish(event, Outcome())
    assert cloud.slips("dismiss", "--undelivered", "-y").out.endswith("1 undelivered message dismissed\n")


@pytest.mark.slow
def test_a_message_that_drain_could_not_read_is_dismissed_right_after(cloud: Cloud) -> None:
    undelivered(cloud, "nonsense")
    drained = cloud.slips("drain").err
    assert "undelivered message stays" in drained
    assert drained.endswith("slips: 'slips dismiss --undelivered' takes out the messages that cannot be read\n")
    assert cloud.slips("dismiss", "--undelivered").status == 2  # nobody to ask
    done = cloud.slips("dismiss", "--undelivered", "-y")
    assert (done.status, done.out.splitlines()[-1]) == (0, "1 undelivered message dismissed")


@pytest.mark.slow
def test_messages_that_somebody_looks_at_are_said_to_be_hidden(cloud: Cloud) -> None:
    url = undelivered(cloud, "nonsense")
    cloud.clients.sqs.receive_message(QueueUrl=url)
    done = cloud.slips("dismiss", "--undelivered", "-y")
    assert (done.status, done.out) == (0, "nothing to dismiss\n")
    assert "what another command looks at is hidden for 5 minutes" in done.err
