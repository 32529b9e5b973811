"""Routing: an object to its lane, an object to its mapping."""

from __future__ import annotations

from itertools import cycle

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slips.config import Mapping, Route
from slips.model import Lane, ObjectEvent
from slips.pattern import Pattern, below
from slips.routing import lane_again, lane_for, lanes_of, mapping_for, unmapped_below

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


def test_the_most_literal_characters_win_then_a_prefix_then_the_first() -> None:
    prefix, many = Mapping("a/b", ["json"]), Mapping(pattern="a/b/*/d", format=["json"])
    first, second = (Mapping(pattern=each, format=["json"]) for each in ("a*/b", "*a/b"))
    escaped = Mapping(pattern=r"\*/b*", format=["json"])

    def chosen(key: str, *mappings: Mapping) -> Mapping | None:
        return mapping_for({"b": mappings}, "b", key)

    assert chosen("a/b/c/d", prefix, many) is chosen("a/b/c/d", many, prefix) is many
    assert chosen("a/b", first, prefix, second) is prefix
    assert chosen("a/b", first, second) is first
    assert chosen("a/b", second, first) is second
    assert chosen("*/b", Mapping("*/", ["json"]), escaped) is escaped


TEXTS = st.text(st.sampled_from("ab/*"), min_size=1, max_size=4)


@given(st.lists(st.tuples(st.booleans(), TEXTS), max_size=5), st.text(st.sampled_from("ab/*"), max_size=5))
def test_the_chosen_mapping_fits_and_no_other_that_fits_is_better(given: list[tuple[bool, str]], key: str) -> None:
    mappings = [Mapping(text, ["json"]) if plain else Mapping(pattern=text, format=["json"]) for plain, text in given]
    ranked = [
        (-len(text.replace("*", "") if not plain else text), not plain, number)
        for number, (plain, text) in enumerate(given)
        if (key.startswith(text) if plain else Pattern(text).fits(key))
    ]
    expected = mappings[min(ranked)[2]] if ranked else None
    assert mapping_for({"b": mappings}, "b", key) is expected


@given(st.lists(st.tuples(st.booleans(), TEXTS), max_size=4), st.text(st.sampled_from("ab/*"), max_size=5))
def test_routing_takes_the_first_rule_that_fits(given: list[tuple[bool, str]], key: str) -> None:
    dests = cycle(("slow", "drop"))
    routes = [
        Route(prefix=text, dest=dest) if plain else Route(pattern=text, dest=dest)  # type: ignore[arg-type]
        for (plain, text), dest in zip(given, dests, strict=False)
    ]
    fitting = (
        route.dest
        for route, (plain, text) in zip(routes, given, strict=True)
        if (key.startswith(text) if plain else Pattern(text).fits(key))
    )
    assert lane_for(routes, event("b", key)) == next(fitting, "fast")


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
    assert lanes_of(rules, "b", below("a/")) == [("slow", ""), ("drop", "a/debug/")]
    assert lanes_of(rules, "b", below("a/debug/x")) == [("drop", "")]
    assert lanes_of(rules, "b", below("")) == [("fast", ""), ("drop", "a/debug/"), ("slow", "a/"), ("drop", "a/late/")]
    assert lanes_of(rules, "other", below("z")) == [("drop", "")]
    assert lanes_of([], "b", below("")) == [("fast", "")]


def test_lanes_of_a_pattern_are_those_of_every_rule_that_fits_some_of_its_keys() -> None:
    rules = [
        Route(pattern="**/debug/**", dest="drop"),
        Route(prefix="b/", dest="slow"),
        Route(pattern="a/*/c/**", dest="slow"),
    ]
    assert lanes_of(rules, "b", Pattern("a/x/c/*.gz")) == [("slow", "")]
    assert lanes_of(rules, "b", Pattern("a/*/c/**")) == [("slow", ""), ("drop", "**/debug/**")]
    assert lanes_of(rules, "b", Pattern("*/c/x")) == [("fast", ""), ("drop", "**/debug/**"), ("slow", "b/")]


def test_below_a_pattern_some_objects_have_no_mapping_unless_others_or_routing_take_them() -> None:
    trail, all_logs = Mapping(pattern="AWSLogs/*/CloudTrail/**", format=["json"]), Mapping("AWSLogs/", ["json"])
    drop = Route(bucket="b", prefix="AWSLogs/", dest="drop")
    keep = Route(bucket="b", pattern="AWSLogs/*/CloudTrail/**", dest="slow")
    assert unmapped_below([], "b", [trail]) == ["AWSLogs/"]
    assert unmapped_below([keep, drop], "b", [trail]) == []
    assert unmapped_below([Route(prefix="AWSLogs/", dest="slow"), drop], "b", [trail]) == ["AWSLogs/"]
    assert unmapped_below([msgspec.structs.replace(drop, bucket="c")], "b", [trail]) == ["AWSLogs/"]
    assert unmapped_below([], "b", [trail, all_logs]) == []
    assert unmapped_below([], "b", [Mapping("AWSLogs/x/", ["json"])]) == []
    assert unmapped_below([], "b", [Mapping(pattern="**/x", format=["json"]), trail]) == ["", "AWSLogs/"]


def test_nothing_lies_below_a_pattern_that_is_the_key_of_one_object() -> None:
    assert unmapped_below([], "b", [Mapping(pattern="app.jsonl.gz", format=["json"])]) == []
    assert unmapped_below([], "b", [Mapping(pattern=r"a\*.log", format=["json"])]) == []
    assert unmapped_below([], "b", [Mapping(pattern="app*.gz", format=["json"])]) == ["app"]
