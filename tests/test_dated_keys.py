"""Keys with dates in them: where in a listing those of the last days are."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from slips.service.dated_keys import Span, spans

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp()
DAY = 86_400
LAST = "\U0010ffff"
FOLDERS = {
    "AWSLogs/": ["AWSLogs/111/", "AWSLogs/222/"],
    "AWSLogs/111/CloudTrail/": ["AWSLogs/111/CloudTrail/eu-west-1/", "AWSLogs/111/CloudTrail/us-%Y/"],
    "AWSLogs/222/CloudTrail/": [],
}


def found(*recent: str, window: int = 2 * DAY) -> list[Span]:
    asked: list[str] = []

    def folders(prefix: str) -> Sequence[str]:
        asked.append(prefix)
        return FOLDERS.get(prefix, [])

    result = list(spans(recent, NOON, window, folders))
    assert len(set(asked)) == len(asked), "a folder is listed once"
    return result


@pytest.mark.parametrize(
    ("keys", "prefix", "after", "until"),
    [
        ("%Y/%m/%d/", "", "2026/02/27", "2026/03/02"),
        ("logs/%Y-%m-%d", "logs/", "logs/2026-02-27", "logs/2026-03-02"),
        ("x/year=%Y/month=%m/day=%d/app", "x/year=", "x/year=2026/month=02/day=27", "x/year=2026/month=03/day=02"),
        ("%Y%m%d%H", "", "2026022712", "2026030212"),
        ("%Y/", "", "2026", "2026"),
        ("%Y/%m/*/x/", "", "2026/02", "2026/03"),
        ("%y%j", "", "26058", "26061"),
    ],
)
def test_dates_in_the_order_of_keys_are_one_part_of_the_listing(keys: str, prefix: str, after: str, until: str) -> None:
    assert found(keys) == [Span(prefix, after, until + LAST)]


def test_dates_in_another_order_have_a_prefix_each() -> None:
    assert found("logs/%d-%m-%Y/") == [
        Span(f"logs/{date}/") for date in ("27-02-2026", "28-02-2026", "01-03-2026", "02-03-2026")
    ]


def test_a_month_without_its_year_is_listed_once() -> None:
    assert found("%m/x") == [Span("02/x"), Span("03/x")]


def test_hours_in_another_order_have_a_prefix_each() -> None:
    assert [span.prefix for span in found("%H/%d/", window=7_200)][:4] == ["10/01/", "11/01/", "12/01/", "13/01/"]


def test_a_star_stands_for_each_folder_whatever_its_name() -> None:
    assert [span.prefix for span in found("AWSLogs/*/CloudTrail/*/%Y/%m/%d/")] == [
        "AWSLogs/111/CloudTrail/eu-west-1/",
        "AWSLogs/111/CloudTrail/us-%Y/",
    ]
    (_, span) = found("AWSLogs/*/CloudTrail/*/%Y/")
    assert span.after == "AWSLogs/111/CloudTrail/us-%Y/2026"


def test_a_part_that_two_patterns_name_is_listed_once() -> None:
    assert len(found("%Y/%m/%d/", "%Y/%m/%d/a", "%Y/%m/%d/*/b")) == 1
