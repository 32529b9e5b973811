"""Listings of buckets in S3: what they announce, what they cost, where they go on, what they do when S3 fails."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from listed import DAY, NOON, Bucket, Lists, slow_down
from slips.backends.aws.s3 import Page
from slips.backends.machine.absent import Absent
from slips.backends.machine.state import MachineState
from slips.config.buckets import S3Bucket
from slips.errors import StorageError
from slips.model import ObjectEvent, Outcome
from slips.service.listing import Checkpoint
from slips.service.sources import Arrival


@pytest.fixture
def state(tmp_path: Path) -> Iterator[MachineState]:
    state = MachineState.open(tmp_path / "state")
    yield state
    state.close()


def test_a_listing_announces_what_is_new_or_changed_and_nothing_twice(state: MachineState) -> None:
    lists = Lists(state, Bucket(*"abcdefg"))
    assert lists.take(lists.listing().all()) == [*"abcdefg"]
    assert lists.take(lists.listing().all()) == [], "all wait"
    lists.conclude()
    assert lists.take(lists.listing().all()) == [], "all are done"
    lists.store.etags |= {"b": "2", "aa": "1"}
    assert lists.take(lists.listing().all()) == ["aa", "b"]


def test_an_object_is_named_as_the_config_names_its_bucket(state: MachineState) -> None:
    (arrival, *_) = Lists(state, Bucket("a")).listing().all()
    assert isinstance(arrival, Arrival)
    assert [event.bucket_name for event in arrival.events] == ["my-logs"]


def test_a_key_that_arrives_before_the_page_at_hand_is_found_by_the_next_listing(state: MachineState) -> None:
    lists = Lists(state, Bucket(*"bcdefgh"))

    def late(call: int) -> None:
        if call == 2:
            lists.store.etags |= {"bb": "1"}

    lists.store.meanwhile = late
    assert "bb" not in lists.take(lists.listing().all())
    assert lists.take(lists.listing().all()) == ["bb"]


def test_an_interrupted_listing_goes_on_behind_what_is_on_its_lane(state: MachineState) -> None:
    lists = Lists(state, Bucket(*(f"b/{n}" for n in range(8)), "c/0"))
    assert lists.take(lists.listing(prefix="b/").next(), most=2) == ["b/0", "b/1", "b/2", "b/3", "b/4", "b/5"]
    lists.store.calls.clear()
    assert lists.take(lists.listing(prefix="b/").next()) == ["b/6", "b/7"]
    assert lists.store.calls == ["page b/ b/5"]


def test_the_checkpoint_of_a_former_version_that_was_of_several_prefixes_is_not_used(state: MachineState) -> None:
    lists = Lists(state, Bucket("a/1", "b/1", "b/2"))
    state.set_checkpoint("listing my-logs", '{"begun": 1.0, "after": "b/1", "prefixes": ["a/", "b/"]}')
    assert lists.take(lists.listing().next()) == ["a/1", "b/1", "b/2"]


def test_what_came_in_front_of_an_interrupted_listing_is_found_by_the_next_one(state: MachineState) -> None:
    lists = Lists(state, Bucket(*"bcdefg"))
    lists.take(lists.listing().next(), most=1)
    lists.store.etags |= {"a": "1"}
    assert lists.take(lists.listing().next()) == ["e", "f", "g"]
    assert lists.take(lists.listing().next()) == ["a"]


def test_run_lists_all_whatever_was_interrupted(state: MachineState) -> None:
    lists = Lists(state, Bucket(*"bcdefg"))
    lists.take(lists.listing().next(), most=1)
    lists.store.etags |= {"a": "1"}
    assert lists.take(lists.listing().all()) == ["a", "e", "f", "g"]


def test_a_checkpoint_that_cannot_be_read_means_a_listing_of_all(state: MachineState) -> None:
    state.set_checkpoint("listing my-logs", '{"complete": "yesterday"}')
    lists = Lists(state, Bucket("a"))
    assert lists.take(lists.listing().next()) == ["a"]


def test_pages_without_order_are_announced_and_checkpoints_do_not_skip_them(state: MachineState) -> None:
    lists = Lists(state, Bucket(*"abcdefg"))
    lists.store.order = lambda keys: sorted(keys, reverse=True)
    state.ledger.finish(ObjectEvent(bucket_name="my-logs", object_key="x", object_etag="1"), Outcome())
    assert lists.take(lists.listing().next(), most=2) == [*"gfedcb"]
    assert lists.take(lists.listing().next()) == ["a"]
    assert state.select("SELECT * FROM absent") == [], "what is absent cannot be known"


def test_objects_that_are_deleted_are_forgotten_page_by_page(state: MachineState) -> None:
    lists = Lists(state, Bucket(*"abcdefg"))
    state.absent = Absent(state, lambda: lists.now)
    lists.take(lists.listing().all())
    lists.conclude()
    for key in "adg":
        del lists.store.etags[key]
    lists.take(lists.listing().all())
    lists.now += 11 * DAY
    lists.take(lists.listing().all())
    assert [entry.key for entry in state.ledger.scan()] == [*"bcef"]


def test_a_page_that_is_empty_and_not_the_last_makes_nothing_absent(state: MachineState) -> None:
    lists = Lists(state, Bucket())
    state.ledger.finish(ObjectEvent(bucket_name="my-logs", object_key="x", object_etag="1"), Outcome())
    pages = [Page([], "1"), Page([ObjectEvent(bucket_name="my-logs", object_key="y", object_etag="1")], "2")]
    pages.append(Page([ObjectEvent(bucket_name="my-logs", object_key="z", object_etag="1")], ""))
    lists.store.page = lambda *_, **__: pages.pop(0)  # type: ignore[method-assign]
    assert lists.take(lists.listing().all()) == ["y", "z"]
    assert state.select("SELECT key FROM absent") == [("x",)], "once, when its place was listed"


@pytest.mark.parametrize(
    ("since", "keys"), [("2026-02-28", ["b", "c"]), ("2026-02-28T12:00Z", ["c"]), (None, ["a", "b", "c"])]
)
def test_objects_that_changed_before_a_date_are_left_alone(
    state: MachineState, since: str | None, keys: list[str]
) -> None:
    lists = Lists(state, Bucket(*"abc"))
    lists.store.times = {
        "a": "2026-02-27T23:59:59.999Z",
        "b": "2026-02-28T00:00:00.000Z",
        "c": "2026-02-28T12:00:00.000Z",
    }
    assert lists.take(lists.listing(S3Bucket(s3="real", since=since)).all()) == keys


# ---- recent keys


DATED = S3Bucket(s3="real", recent=["%Y/%m/%d/"], window=2 * DAY, full=DAY)


def dated(*days: int) -> list[str]:
    """Four keys of each day of February, or of March if the day is above 28."""
    return [f"2026/{'02' if day <= 28 else '03'}/{(day - 1) % 28 + 1:02}/{n}" for day in days for n in range(4)]


def test_between_listings_of_all_keys_only_those_of_the_last_days_are_listed(state: MachineState) -> None:
    lists = Lists(state, Bucket(*dated(*range(1, 30)), size=10))
    assert len(lists.take(lists.listing(DATED).next())) == 29 * 4
    assert len(lists.store.calls) == 12
    lists.store.calls.clear()
    lists.store.etags |= {"2026/02/01/late": "1", "2026/02/27/late": "1", "2026/03/01/new": "1"}
    assert lists.take(lists.listing(DATED).next()) == ["2026/02/27/late", "2026/03/01/new"]
    assert lists.store.calls == ["page  2026/02/27", "page  2026/02/27|10"]
    lists.now += DAY
    assert lists.take(lists.listing(DATED).next()) == ["2026/02/01/late"]


def test_keys_behind_the_window_are_not_paged_through(state: MachineState) -> None:
    lists = Lists(state, Bucket(*dated(28, 29), *(f"zzz/{n}" for n in range(100)), size=10))
    lists.take(lists.listing(DATED).next())
    lists.store.calls.clear()
    lists.take(lists.listing(DATED).next())
    assert len(lists.store.calls) <= 2


def test_a_clock_that_was_set_back_means_a_listing_of_all(state: MachineState) -> None:
    lists = Lists(state, Bucket(*dated(1, 29)))
    lists.take(lists.listing(DATED).next())
    lists.now -= 300 * DAY
    lists.store.etags |= {"2026/02/01/late": "1"}
    assert lists.take(lists.listing(DATED).next()) == ["2026/02/01/late"]


def test_recent_keys_outside_of_the_prefixes_are_left_out(state: MachineState) -> None:
    bucket = S3Bucket(s3="real", prefix=["a/x/"], recent=["*/x/%Y/"])
    lists = Lists(state, Bucket("a/x/2026/1", "b/x/2026/1"))
    lists.take(lists.listing(bucket, "a/x/").next())
    lists.store.etags |= {"a/x/2026/2": "1"}
    assert lists.take(lists.listing(bucket, "a/x/").next()) == ["a/x/2026/2"]


@pytest.mark.parametrize(("recent", "broken"), [("%Y/%m/%d/", "page  2026"), ("*/%m/%d/", "folders")])
def test_a_part_that_always_fails_leaves_the_listing_of_all_keys_its_turn(
    state: MachineState, recent: str, broken: str
) -> None:
    lists = Lists(state, Bucket(*dated(1, 29)))
    bucket = S3Bucket(s3="real", recent=[recent], window=2 * DAY, full=DAY)
    lists.take(lists.listing(bucket).next())
    lists.store.etags |= {"2026/02/01/late": "1", "2026/03/01/new": "1"}
    lists.store.broken = {broken: slow_down()}
    steps = lists.listing(bucket).next()
    assert lists.take(steps, most=5) == []
    assert len(lists.errors) == 5
    lists.now += DAY
    assert lists.take(steps) == []
    assert lists.take(lists.listing(bucket).next()) == ["2026/02/01/late", "2026/03/01/new"]


def test_folders_that_cannot_be_listed_are_asked_for_again_and_the_others_are_not(state: MachineState) -> None:
    bucket = S3Bucket(s3="real", recent=["*/x/*/%Y/"])
    lists = Lists(state, Bucket("a/x/1/2026/1", "b/x/1/2026/1"))
    lists.take(lists.listing(bucket).next())
    lists.store.calls.clear()
    lists.store.etags |= {"b/x/1/2026/2": "1"}
    lists.store.broken = {"folders b/x/": slow_down()}
    steps = lists.listing(bucket).next()
    assert lists.take(steps, most=2) == []
    lists.store.broken = {}
    assert lists.take(steps) == ["b/x/1/2026/2"]
    assert lists.store.calls[:5] == ["folders ", "folders a/x/", *["folders b/x/"] * 3]


@pytest.mark.parametrize(
    ("prefix", "recent", "calls"),
    [
        ("a/x/", "*/x/%Y/", ["page a/x/ a/x/2026"]),
        ("a/x/", "%Y/*/", []),
        ("AWSLogs/12", "AWSLogs/*/%Y/", ["folders AWSLogs/12", "page AWSLogs/123/ AWSLogs/123/2026"]),
        ("2026/", "%Y/%m/%d/", ["page 2026/ 2026/02/27"]),
        ("2026/03/01/b", "%Y/%m/%d/", ["page 2026/03/01/b 2026/02/27"]),
    ],
)
def test_recent_keys_are_asked_for_with_the_prefix_alone(
    state: MachineState, prefix: str, recent: str, calls: list[str]
) -> None:
    bucket = S3Bucket(s3="real", prefix=[prefix], recent=[recent])
    store = Bucket("a/x/2026/1", "AWSLogs/123/2026/1", "AWSLogs/123/2026/2", "AWSLogs/345/2026/1", "2026/03/01/b1")
    lists = Lists(state, store)
    found = lists.take(lists.listing(bucket, prefix).next())
    lists.store.calls.clear()
    lists.take(lists.listing(bucket, prefix).next())
    assert (found, lists.store.calls) == ([key for key in sorted(store.etags) if key.startswith(prefix)], calls)


# ---- failures


def test_a_page_that_fails_is_asked_for_again_and_no_key_is_left_out(state: MachineState) -> None:
    lists = Lists(state, Bucket(*"abcd"))
    lists.store.failures = [slow_down() for _ in range(3)]
    assert lists.take(lists.listing().all()) == [*"abcd"]
    assert len(lists.errors) == 3


@pytest.mark.parametrize("error", [slow_down(), StorageError("AccessDenied")])
def test_a_further_page_that_always_fails_is_asked_for_by_its_key_and_nothing_is_lost_when_it_heals(
    state: MachineState, error: StorageError
) -> None:
    lists = Lists(state, Bucket(*"abcdefg"))
    lists.store.broken = {"page  |3": error, "page  c": error}
    steps = lists.listing().all()
    assert lists.take(steps, most=6) == [*"abc"]
    assert lists.store.calls == ["page", "page  |3", *["page  c"] * (5 if error.passing is False else 4)]
    lists.store.broken = {}
    assert lists.take(steps) == [*"defg"]
    assert len(lists.errors) == 5


class Forgetful(Bucket):
    """Refuses the token of the third page, as a server that does not know it any more."""

    def page(self, bucket: str, prefix: str = "", *, after: str = "", then: str = "") -> Page:
        if then.endswith("|4"):
            self.calls.append("refused")
            raise StorageError("InvalidArgument: the continuation token is incorrect")
        return super().page(bucket, prefix, after=after, then=then)


def test_a_listing_whose_token_is_refused_goes_on_behind_its_last_key(state: MachineState) -> None:
    lists = Lists(state, Forgetful(*"abcdefg", size=2))
    assert lists.take(lists.listing().all()) == [*"abcdefg"]
    assert lists.store.calls == ["page", "page  |2", "refused", "page  d", "page  d|2"]
    assert lists.errors == []


def test_a_listing_without_order_whose_token_is_refused_leaves_no_key_out(state: MachineState) -> None:
    lists = Lists(state, Forgetful(*"abcdefg", size=2))
    lists.store.order = lambda keys: sorted(keys, reverse=True)
    assert lists.take(lists.listing().all(), most=5) == [*"gfed"]
    assert lists.errors == ["InvalidArgument: the continuation token is incorrect"] * 3


def test_the_checkpoint_of_a_complete_listing_says_when_it_began(state: MachineState) -> None:
    lists = Lists(state, Bucket("a/1"))
    lists.take(lists.listing().all())
    lists.take(lists.listing(prefix="a/").all())
    assert state.checkpoint("listing my-logs") == f'{{"complete":{NOON:.1f}}}'
    assert state.checkpoint("listing my-logs/a/") == f'{{"complete":{NOON:.1f}}}'
    assert Checkpoint().after == ""
