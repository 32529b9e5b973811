"""What docs/costs.md promises of a month on AWS, and what it is counted from."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "bench"))

import costs
from costs import OBJECTS_A_DAY, SETTINGS, Wire, counted, lane_batch, month, notification, running
from slips import lambdas
from slips.pipeline.backfill import dollars

pytestmark = pytest.mark.once


def test_the_documented_settings_keep_a_month_below_150_dollars_and_one_of_nothing_below_25() -> None:
    documented = next(one for one in SETTINGS if one.name == "documented settings")
    assert month(documented, OBJECTS_A_DAY).total < 150
    assert month(documented, 0).total < 25


def test_an_object_takes_one_read_two_writes_and_one_line_in_each_function() -> None:
    wire = Wire()
    with running(SETTINGS[1].config, wire):
        pushed = counted(wire, lambdas.event_pusher, [notification(1, False)])
        given = counted(wire, lambdas.dispatcher, [lane_batch(wire.records)])
        done = counted(wire, lambdas.main_func, [json.loads(wire.payloads[0])])
    assert pushed.calls == {"kinesis": 1, "lambda": 0, "dynamodb": 0, "s3": 0}
    assert given.calls == {"kinesis": 0, "lambda": 1, "dynamodb": 0, "s3": 0}
    assert done.calls == {"kinesis": 0, "lambda": 0, "dynamodb": 2, "s3": 1}
    assert (wire.write_units, wire.read_units) == (2, 0)
    assert [each.log_lines for each in (pushed, given, done)] == [1, 1, 1]


def test_a_topic_costs_what_s3_publishes_and_nothing_of_it_is_free() -> None:
    by_topic, direct = (month(setting, OBJECTS_A_DAY).dollars for setting in SETTINGS[:2])
    published = by_topic.pop("SNS: published by S3")
    assert published == OBJECTS_A_DAY * costs.DAYS * 0.5e-6
    assert direct.pop("SNS: published by S3") == 0
    assert by_topic == direct


def test_the_price_of_a_backfill_is_that_of_so_many_objects_on_a_stack_as_init_writes_it() -> None:
    busy, idle = (month(SETTINGS[1], number).total for number in (OBJECTS_A_DAY, 0))
    objects = round(OBJECTS_A_DAY * costs.DAYS)
    assert dollars(objects, objects * costs.OBJECT_BYTES) == pytest.approx(busy - idle, rel=0.05)
    core_seconds = costs.CPU["Object"] / 1000 / costs.OBJECT_BYTES * 1e9
    by_the_byte = core_seconds * costs.CORE_MEGABYTES / 1024 * costs.PRICES["lambda_gb_second"]
    assert dollars(0, 10**9) == pytest.approx(by_the_byte, rel=0.05)
