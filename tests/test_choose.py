"""How error items are chosen: by id or fingerprint, in full or by how it begins, and by time."""

from __future__ import annotations

from typing import Any

import pytest

from fakes import Errors, config_of, object_event
from slips.config import Mapping
from slips.errors import UsageError
from slips.model import ErrorItem
from slips.operations import grouped
from slips.pipeline.choose import Choice, Named, duration, moment, named
from slips.pipeline.groups import by_mapping, latest

HOUR = 3600.0


def item(request_id: str, fingerprint: str = "c9bcc18709", *keys: str, **about: Any) -> ErrorItem:
    events = [object_event(key) for key in keys or ("json/a",)]
    known = {"stage": "handler", "error_type": "KeyError", "failed_at": f"2026-01-01T00:00:00.{request_id[-1]:>03}Z"}
    return ErrorItem(request_id=request_id, fingerprint=fingerprint, events=events, **{**known, **about})


def ids(choice: Choice, errors: Errors, now: float | None = None) -> list[str]:
    return [each.request_id for each in choice.of_table(errors, now)]


# ---- names


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["2a45-1"], Named(("2a45-1",), ())),
        (["2a45"], Named(("2a45-1",), ())),
        (["c9bcc18709"], Named((), ("c9bcc18709",))),
        (["c9bc"], Named((), ("c9bcc18709",))),
        (["c9bc", "c9bcc18709", "2a45", "2a45-1"], Named(("2a45-1",), ("c9bcc18709",))),
        (["8b"], Named(("8b0b",), ())),
        (["8b", "2a45-1", "2a46"], Named(("8b0b", "2a45-1", "2a46-2"), ())),
        ([], Named((), ())),
    ],
    ids=str,
)
def test_a_text_names_an_item_by_its_id_or_a_group_by_its_fingerprint_in_full_or_by_how_it_begins(
    texts: list[str], expected: Named
) -> None:
    errors = Errors(item("2a45-1"), item("2a46-2"), item("8b0b", "beef000000"), item("8b0b-2", "beef000000"))
    assert named(errors, texts) == expected


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("2a4", "2 error items begin with '2a4': 2a45-1, 2a46-2; expected more of the id"),
        ("c9", "2 groups begin with 'c9': group c9bcc18709, group c9ff000000; expected more of the fingerprint"),
        ("be", "1 error item and 1 group begin with 'be': be12-5, group beef000000; expected more of the id or"),
        ("x", "7 error items begin with 'x': x1, x2, x3, ...; expected more of the id"),
        ("", "no error item ''; 'slips errors' lists those that exist"),
        ("none", "no error item 'none'; 'slips errors' lists those that exist"),
    ],
)
def test_a_beginning_that_several_items_or_groups_have_is_refused_with_what_it_could_be(text: str, told: str) -> None:
    many = [item(f"x{number}") for number in range(1, 8)]
    errors = Errors(item("2a45-1"), item("2a46-2", "c9ff000000"), item("be12-5", "beef000000"), *many)
    with pytest.raises(UsageError) as refused:
        named(errors, ["2a45-1", text])
    assert str(refused.value).startswith(told)


def test_an_id_or_a_fingerprint_in_full_beats_what_only_begins_so() -> None:
    errors = Errors(item("beef", "c9"), item("beef-item", "c9bcc18709"), item("c9-item", "beef000000"))
    assert named(errors, ["beef"]) == Named(("beef",), ())
    assert named(errors, ["c9"]) == Named((), ("c9",))


# ---- groups


def test_a_group_is_every_item_with_its_fingerprint_and_meets_the_conditions_too() -> None:
    errors = Errors(item("r1"), item("r2", "beef"), item("r3", "c9bcc18709", "slow/b"), item("r4", "f00d"))
    assert ids(Choice(groups=("c9bcc18709",)), errors) == ["r1", "r3"]
    assert ids(Choice(groups=("c9bcc18709", "beef")), errors) == ["r1", "r2", "r3"]
    assert ids(Choice(groups=("c9bcc18709",), prefix="slow/"), errors) == ["r3"]
    assert ids(Choice(ids=("r4", "r3"), groups=("c9bcc18709",)), errors) == ["r4", "r3", "r1"]
    assert ids(Choice(ids=()), errors) == []


def test_an_id_without_an_item_is_told_and_chooses_nothing() -> None:
    absent: list[str] = []
    choice = Choice(ids=("r1", "gone", "r1"))
    assert [each.request_id for each in choice.of_table(Errors(item("r1")), absent=absent.append)] == ["r1"]
    assert absent == ["gone"]


def test_groups_are_counted_by_the_mapping_that_their_objects_have_today() -> None:
    config = config_of()
    config.bucket_mapping["my-logs"][:] = [Mapping("json/", ["json"]), Mapping(pattern="json/*/**", format=["json"])]
    both = item("r3", "c9", "json/a", "json/deep/b", "json/deep/c")
    items = [item("r1", "c9"), item("r2", "beef", "slow/b"), both]
    groups = grouped(items, by_mapping(config))
    assert {each.fingerprint: each.mappings for each in groups} == {
        "c9": {"my-logs/json/": 2, "my-logs/json/*/**": 1},
        "beef": {"my-logs: no mapping": 1},
    }
    assert [each.mappings for each in grouped(items, by_mapping(None))] == [{"my-logs": 2}, {"my-logs": 1}]


def test_the_latest_item_stands_for_its_group_and_an_item_for_itself() -> None:
    errors = Errors(item("r1"), item("r2"), item("r3", "beef"))
    one, group = latest(errors, "c9bc")
    assert group is not None
    assert (one.request_id, group.count, group.first, group.last) == (
        "r2",
        2,
        "2026-01-01T00:00:00.001Z",
        "2026-01-01T00:00:00.002Z",
    )
    alone, no_group = latest(errors, "r1")
    assert (alone.request_id, no_group) == ("r1", None)


# ---- times


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("1h30m", 1.5 * HOUR), ("2d12h", 60 * HOUR), ("1w1d1h1m1s", 694_861), ("1.5h", 1.5 * HOUR)],
)
def test_an_age_has_one_unit_or_several_from_the_longest_to_the_shortest(text: str, seconds: float) -> None:
    assert duration(text, "--wait") == seconds
    assert moment(text, 1_000_000.0, "--since") == 1_000_000.0 - seconds


@pytest.mark.parametrize("text", ["", "5", "h", "30m1h", "1h 30m", "1h30", "-1h", "1h1h", "١h"])
def test_an_age_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"--wait: .* is no duration; expected one such as 90s, 10m or 1h30m"):
        duration(text, "--wait")
    with pytest.raises(UsageError, match=r"--until: .* is no time; expected one such as"):
        moment(text, 0.0, "--until")


def test_until_chooses_what_failed_no_later_and_what_knows_no_time() -> None:
    errors = Errors(
        item("r0", failed_at=""),
        item("r1", failed_at="1970-01-01T01:00:00.000Z"),
        item("r2", failed_at="1970-01-01T02:00:00.000Z"),
        item("r3", failed_at="1970-01-03T00:00:00.000Z"),
    )
    assert ids(Choice(until="1970-01-01T02:00:00Z"), errors) == ["r0", "r1", "r2"]
    assert ids(Choice(until="30m", since="1h30m"), errors, 2.5 * HOUR) == ["r0", "r1", "r2"]
    assert ids(Choice(until="1970-01-02"), errors) == ["r0", "r1", "r2"]
    assert ids(Choice(since="1970-01-02"), errors) == ["r0", "r3"]


def test_a_since_that_is_later_than_until_is_refused() -> None:
    with pytest.raises(UsageError, match=r"--since: '1h' is later than --until '2d12h'; expected an earlier time"):
        Choice(since="1h", until="2d12h").of(())
