"""`slips audit` and `slips push` on a stack: what is on a lane that cannot be listed, and what is put there."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from projects import Done
from slips.backends.aws.cloudwatch import ALLOWANCE, lags
from slips.backends.aws.stack import DeployedStack
from slips.model import ObjectEvent, Outcome, format_time
from stack_fixtures import bare, cloud, credentials
from stacks import Cloud

__all__ = ["bare", "cloud", "credentials"]
pytestmark = pytest.mark.once


def event(cloud: Cloud, key: str, **about: Any) -> ObjectEvent:
    """The event of an object in the bucket, as S3 announced it."""
    found = cloud.s3.head_object(Bucket="my-logs", Key=key)
    etag, version = found["ETag"].strip('"'), found.get("VersionId")
    now = format_time(time.time())
    return ObjectEvent(
        bucket_name="my-logs", object_key=key, object_etag=etag, object_version_id=version, event_time=now, **about
    )


def audit(cloud: Cloud, *args: str) -> Done:
    return cloud.slips("audit", "--json", *args)


@pytest.mark.slow
def test_the_bucket_of_a_stack_is_compared_with_its_tables_and_what_is_missing_goes_on_its_lane_once(
    cloud: Cloud,
) -> None:
    for key in ("json/a", "json/b", "slow/c", "dropped/d", "other/e"):
        cloud.put(key, {"n": 1})
    cloud.stack().ledger.finish(event(cloud, "json/a"), Outcome(records=1, delivered=1, etag=""))
    cloud.fail("r1", "json/b")
    done = audit(cloud)
    assert done.status == 1
    total = done.json["total"]
    assert [total[name] for name in ("objects", "done", "failed", "missing", "ignored")] == [4, 1, 1, 1, 1]
    repaired = audit(cloud, "--repair", "-y").json["repaired"]
    assert repaired == {"fast": 0, "slow": 1, "drop": 0}
    assert [each["object_key"] for each in cloud.on_lane("slow")] == ["slow/c"]
    again = audit(cloud, "--repair", "-y").json
    assert (again["total"]["waiting"], sum(again["repaired"].values())) == (1, 0)


def test_a_version_is_known_by_the_etag_that_its_run_has_read(cloud: Cloud) -> None:
    cloud.s3.put_bucket_versioning(Bucket="my-logs", VersioningConfiguration={"Status": "Enabled"})
    for content in ({"n": 1}, {"n": 2}):
        cloud.put("json/a", content)
        known = event(cloud, "json/a")
        cloud.stack().ledger.finish(known, Outcome(records=1, delivered=1, etag=known.object_etag))
    assert audit(cloud).json["total"]["done"] == 1
    cloud.put("json/a", {"n": 3})
    assert audit(cloud).json["total"]["changed"] == 1


@pytest.mark.slow
def test_existing_objects_are_pushed_to_the_slow_lane_of_a_stack_and_priced(cloud: Cloud) -> None:
    for number in range(3):
        cloud.put(f"json/{number}", {"n": 1})
    cloud.stack().ledger.finish(event(cloud, "json/0"), Outcome())
    priced = cloud.slips("push", "s3://my-logs/json/", "--dry-run")
    assert "3 objects of 27 bytes would be put on lane slow\nthey cost about $0.00 on AWS" in priced.out
    assert cloud.on_lane("slow") == []
    done = cloud.slips("push", "s3://my-logs/json/", "--only-missing", "--json").json
    assert (done["objects"], done["passed"], done["lanes"]) == (2, {"known": 1}, {"fast": 0, "slow": 2})
    assert [each["object_key"] for each in cloud.on_lane("slow")] == ["json/1", "json/2"]
    assert cloud.slips("push", "s3://my-logs/json/", "--only-missing", "--json").json["passed"] == {"known": 3}
    assert audit(cloud).json["total"]["waiting"] == 2


# ---- lanes that cannot be listed


class CloudWatch:
    """Answers each metric with these values."""

    def __init__(self, **values: list[float]) -> None:
        self._values = values

    def get_metric_data(self, **request: Any) -> Any:
        names = [each["Id"] for each in request["MetricDataQueries"]]
        return {"MetricDataResults": [{"Id": name, "Values": self._values.get(name, [])} for name in names]}


def stack_with(cloud: Cloud, **values: list[float]) -> DeployedStack:
    cloud.clients.cloudwatch = CloudWatch(**values)  # type: ignore[assignment]
    return DeployedStack.find(cloud.clients, "test", clock=lambda: 1_000_000.0)


def test_an_object_may_be_on_a_lane_for_as_long_as_others_have_waited_there_and_for_the_main_func(
    cloud: Cloud,
) -> None:
    found = lags(stack_with(cloud, fast_age=[1_000.0, 60_000.0], queued=[5_000.0], fast_new=[3.0]))
    assert found == {"fast": 65 + ALLOWANCE, "slow": 5 + ALLOWANCE}
    assert lags(stack_with(cloud, fast_new=[3.0])) == {"fast": ALLOWANCE, "slow": 0.0}
    assert lags(stack_with(cloud)) == {"fast": 0.0, "slow": 0.0}


def test_a_lane_whose_mapping_is_disabled_may_have_all_that_came_since(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = stack_with(cloud)
    since = datetime.fromtimestamp(1_000_000.0 - 7_200, UTC)
    monkeypatch.setattr(stack, "mapping", lambda lane: {"State": "Disabled", "LastModified": since})
    assert lags(stack) == dict.fromkeys(("fast", "slow"), 7_200 + ALLOWANCE)


@pytest.mark.slow
def test_an_object_that_has_just_come_to_a_busy_lane_waits_and_to_an_idle_one_is_missing(cloud: Cloud) -> None:
    cloud.put("json/a", {"n": 1})
    assert audit(cloud).json["total"]["missing"] == 1
    stack = cloud.stack()
    cloud.clients.cloudwatch.put_metric_data(
        Namespace="AWS/Kinesis",
        MetricData=[
            {
                "MetricName": "IncomingRecords",
                "Dimensions": [{"Name": "StreamName", "Value": stack.streams["fast"]}],
                "Value": 5,
                "Timestamp": datetime.now(UTC) - timedelta(minutes=2),
            }
        ],
    )
    found = audit(cloud)
    assert (found.status, found.json["total"]["reasons"]) == (0, {"unseen": 1})
