"""Routing: an object to its lane, an object to its mapping."""

from __future__ import annotations

import pytest

from slips.config import Mapping, Route
from slips.model import Lane, ObjectEvent
from slips.routing import lane_again, lane_for, lanes_below, mapping_for

RULES = [
    Route(bucket="logs", prefix="debug/", dest="drop"),
    Route(bucket="logs", dest="slow"),
    Route(prefix="urgent/", dest="fast"),
    Route(dest="drop"),
]


def event(bucket: str, key: str, lane: Lane | None = None, dest_stream: str = "") -> ObjectEvent:
    return ObjectEvent(bucket_name=bucket, object_key=key, lane=lane, dest_stream=dest_stream)


@pytest.mark.parametrize(
    ("bucket", "key", "lane"),
    [
        ("logs", "debug/a", "drop"),
        ("logs", "urgent/a", "slow"),
        ("other", "urgent/a", "fast"),
        ("other", "debug/a", "drop"),
    ],
)
def test_the_first_rule_that_matches_wins(bucket: str, key: str, lane: str) -> None:
    assert lane_for(RULES, event(bucket, key)) == lane


def test_an_object_that_no_rule_matches_takes_the_fast_lane() -> None:
    assert lane_for([Route(bucket="logs", dest="drop")], event("other", "a")) == "fast"
    assert lane_for([], event("other", "a")) == "fast"


def test_an_empty_prefix_matches_every_key() -> None:
    assert lane_for([Route(prefix="", dest="slow")], event("logs", "a")) == "slow"


def test_a_prefix_is_compared_with_the_whole_key_not_with_folders() -> None:
    assert lane_for([Route(prefix="log", dest="slow")], event("b", "logs/a")) == "slow"
    assert lane_for([Route(prefix="logs/", dest="slow")], event("b", "x/logs/a")) == "fast"


def test_the_longest_prefix_wins_whatever_the_order() -> None:
    short, long, everything = (Mapping(prefix, ["json"]) for prefix in ("logs/", "logs/azure/", ""))
    for mappings in ([short, long, everything], [everything, long, short]):
        assert mapping_for({"b": mappings}, "b", "logs/azure/1.gz") is long
        assert mapping_for({"b": mappings}, "b", "logs/1.gz") is short
        assert mapping_for({"b": mappings}, "b", "1.gz") is everything


def test_an_object_without_a_mapping_has_none() -> None:
    mappings = {"b": [Mapping("logs/", ["json"])]}
    assert mapping_for(mappings, "b", "other/1.gz") is None
    assert mapping_for(mappings, "c", "logs/1.gz") is None


def test_an_item_goes_back_to_its_own_lane_first() -> None:
    assert lane_again(RULES, event("logs", "a", lane="fast", dest_stream="x-EventSlowStream-1")) == "fast"


@pytest.mark.parametrize(
    ("stream", "lane"),
    [
        ("slam-xxxx-EventFastStream-WVPZDN4SDQW0", "fast"),
        ("slam-xxxx-EventSlowStream-WVPZDN4SDQW0", "slow"),
        ("EventFast-EventSlow-EventFastStream-WVPZDN4SDQW0", "fast"),
        ("EventSlow-EventFast-EventSlowStream-WVPZDN4SDQW0", "slow"),
    ],
)
def test_an_item_of_2018_goes_to_the_lane_in_its_streams_name(stream: str, lane: str) -> None:
    slow_and_fast = [Route(bucket="fast", dest="slow"), Route(dest="fast")]
    bucket = "fast" if lane == "fast" else "slow"  # where routing says the opposite
    assert lane_again(slow_and_fast, event(bucket, "a", dest_stream=stream)) == lane


def test_an_item_of_an_unknown_stream_goes_where_routing_says() -> None:
    assert lane_again(RULES, event("logs", "a", dest_stream="somebody-elses")) == "slow"


def test_an_item_that_routing_would_drop_today_is_replayed_on_the_fast_lane() -> None:
    assert lane_again(RULES, event("logs", "debug/a")) == "fast"


def test_lanes_below_a_prefix_are_those_of_every_rule_that_can_match() -> None:
    rules = [
        Route(prefix="a/debug/", dest="drop"),
        Route(bucket="other", dest="drop"),
        Route(prefix="a/", bucket="b", dest="slow"),
        Route(prefix="a/late/", dest="drop"),
    ]
    assert lanes_below(rules, "b", "a/") == [("slow", ""), ("drop", "a/debug/")]
    assert lanes_below(rules, "b", "a/debug/x") == [("drop", "")]
    assert lanes_below(rules, "b", "") == [("fast", ""), ("drop", "a/debug/"), ("slow", "a/"), ("drop", "a/late/")]
    assert lanes_below(rules, "other", "z") == [("drop", "")]
    assert lanes_below([], "b", "") == [("fast", "")]
