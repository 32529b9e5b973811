"""Log times to epoch seconds: every shape that logs have, and nothing but RecordError for the rest."""

from __future__ import annotations

import math
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slips import times, written_times
from slips.errors import RecordError

MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
NOON = 1528718400.0  # 2018-06-11T12:00:00Z


@pytest.fixture(autouse=True, scope="module")
def a_machine_in_tokyo() -> Iterator[None]:
    """The zone of the machine never counts: 2018's slips was nine hours off because it did."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = "Asia/Tokyo"
    time.tzset()
    yield
    if before is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = before
    time.tzset()


def epoch(*parts: int) -> float:
    return datetime(*parts, tzinfo=UTC).timestamp()  # type: ignore[arg-type,misc]


# ---- iso


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2018-06-11T12:00:00Z", NOON),
        ("2018-06-11T12:00:00", NOON),
        ("2018-06-11 12:00:00", NOON),
        ("2018-06-11t12:00:00z", NOON),
        ("2018-06-11T12:00Z", NOON),
        ("2018-06-11", NOON - 43200),
        ("2018-06-11Z", NOON - 43200),
        ("2018-06-11+01:00", NOON - 43200 - 3600),
        ("2018-06-11 +0100", NOON - 43200 - 3600),
        ("2018-06-11 -05:00", NOON - 43200 + 5 * 3600),
        ("20180611T120000Z", NOON),
        ("20180611120000.000", NOON),
        ("6/11/2018 12:00:00 PM", NOON),
        ("06/11/2018 02:00:00 PM +02:00", NOON),
        ("6/11/2018 12:00:00 AM", NOON - 12 * 3600),
        ("2018-06-11 12:00:00 PM", NOON),
        ("2018-06-11 12:00:00 AM", NOON - 12 * 3600),
        ("2018-06-11T1:00:00.5PM", NOON + 3600.5),
        ("20180611120000Z", NOON),
        ("2018-06-11T9:00:00-0300", NOON),
        ("2018-06-11 8:00:00.25", NOON - 4 * 3600 + 0.25),
        ("2018-06-11T12:00:00+00:00", NOON),
        ("2018-06-11T12:00:00-00:00", NOON),
        ("2018-06-11T21:00:00+09:00", NOON),
        ("2018-06-11T21:00:00+0900", NOON),
        ("2018-06-11T21:00:00+09", NOON),
        ("2018-06-11T05:30:00-06:30", NOON),
        ("2018-06-11 21:00:00 +0900", NOON),
        ("2018-06-11 07:00:00.25 -05:00", NOON + 0.25),
        ("2018-06-11 12:00:00 UTC", NOON),
        ("2018-06-11 12:00:00.5 GMT", NOON + 0.5),
        ("2018-06-11 12:00:00.5 Z", NOON + 0.5),
        ("2018-06-11 12:00:00 (UTC)", NOON),
        ("2018-06-11 14:00:00.5 CEST", NOON + 0.5),
        ("2018-06-11 08:00:00 EDT", NOON),
        ("2018-06-11 21:00:00.123456789 +0900 JST", NOON + 0.123456),
        ("2018-06-11T12:00:00,5Z", NOON + 0.5),
        ("1969-12-31T23:59:59.5Z", -0.5),
        ("2016-02-29T00:00:00Z", 1456704000.0),
        # leap seconds: the second behind each
        ("2016-12-31T23:59:60Z", 1483228800.0),
        ("2017-01-01T08:59:60.5+09:00", 1483228800.5),
        ("2016-12-31 23:59:60", 1483228800.0),
    ],
)
def test_a_time_without_a_zone_is_utc_and_any_offset_counts(text: str, seconds: float) -> None:
    assert times.iso(text) == seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2018-06-11T12:00:00Z", NOON),
        ("6/11/2018 12:00:00 PM", NOON),
        ("06/11/2018 12:00:00", NOON),
        ("6/11/2018 2:00:00 +02:00", NOON - 12 * 3600),
        ("06/11/2018 12:00:00.25Z", NOON + 0.25),
    ],
)
def test_the_month_is_first_where_a_format_says_so(text: str, seconds: float) -> None:
    assert times.month_first(text) == seconds


@pytest.mark.parametrize("text", ["13/06/2018 12:00:00", "06/11/2018", "06/11/2018 12:00:00 x", "06/11/18 12:00:00"])
def test_no_other_time_has_the_month_first(text: str) -> None:
    with pytest.raises(RecordError, match=f"'at' is '{text}'"):
        times.month_first(text, "at")


@pytest.mark.parametrize("text", ["06/11/2018 12:00:00", 5, None])
def test_a_time_with_the_month_first_is_no_iso(text: object) -> None:
    with pytest.raises(RecordError, match="expected a time such as"):
        times.iso(text)


@pytest.mark.parametrize("digits", ["1", "12", "123", "1234", "12345", "123456", "1234567", "12345678", "123456789"])
@pytest.mark.parametrize("zone", ["Z", "", "+00:00"])
def test_digits_beyond_microseconds_are_cut_off(digits: str, zone: str) -> None:
    assert times.iso(f"2018-06-11T12:00:00.{digits}{zone}") == NOON + float(f"0.{digits[:6]}")


@pytest.mark.parametrize("clock", ["12:00:00Z", "12:00:00", "120000.5Z", "12:00:00.25Z", "120000Z", "12:00:00+01:00"])
def test_times_that_begin_alike_are_not_mixed_up(clock: str) -> None:
    expected = {"12:00:00Z": 0, "12:00:00": 0, "120000.5Z": 0.5, "12:00:00.25Z": 0.25, "120000Z": 0}
    for _ in range(2):
        assert times.iso(f"2018-06-11T{clock}") == NOON + expected.get(clock, -3600)


@pytest.mark.parametrize(
    "value",
    [
        None,
        "2018-06-11 13:00:00 PM",
        "",
        "yesterday",
        "11/Jun/2018:12:00:00 +0000",
        "2018-02-29T00:00:00Z",
        "2018-06-11T24:00:01Z",
        "2018-06-11T12:00:00.abcZ",
        "2018-06-11T12:00:00 Europe/Rome",
        "0001-01-01T00:00:00+14:00",
        "1770123112345",  # milliseconds of 2026, not the year 1770
        "1770123112345Z",
        "1770123112.345",
        "1528718400",
        "20180611x120000",
        "9999-12-31T23:59:59-14:00",
        1528718400,
        1528718400.5,
        True,
        ["2018-06-11T12:00:00Z"],
        {"time": "2018-06-11T12:00:00Z"},
    ],
)
def test_a_value_that_is_no_time_is_refused_with_its_field(value: object) -> None:
    with pytest.raises(RecordError, match=r"^'seen' is .*; expected a time such as '2018-06-11T04:27:47Z'$"):
        times.iso(value, "seen")


def test_a_refused_value_is_shown_in_part() -> None:
    with pytest.raises(RecordError) as caught:
        times.iso("2018-06-11" + "x" * 1_000_000)
    assert len(str(caught.value)) < 200


zones = st.one_of(
    st.sampled_from(["", "Z"]),
    st.integers(-14 * 60, 14 * 60).map(
        lambda minutes: f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
    ),
)


def offset_of(zone: str) -> timezone:
    if zone in ("", "Z"):
        return UTC
    hours, minutes = zone[1:].split(":")
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    return timezone(-offset if zone[0] == "-" else offset)


@given(
    st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29)),
    st.sampled_from("T "),
    st.integers(0, 9),
    zones,
)
def test_every_time_is_exact_to_the_microsecond_the_second_time_too(
    when: datetime, between: str, digits: int, zone: str
) -> None:
    fraction = f"{when.microsecond:06}789"[:digits]
    text = f"{when:%H:%M:%S}{'.' if fraction else ''}{fraction}{zone}"
    text = f"{when.year:04}-{when.month:02}-{when.day:02}{between}{text}"
    micros = int(f"{fraction[:6]:0<6}")
    exact = when.replace(microsecond=micros, tzinfo=offset_of(zone)) - datetime(1970, 1, 1, tzinfo=UTC)
    expected = exact // timedelta(microseconds=1) / 1_000_000
    assert times.iso(text) == expected
    assert times.iso(text) == expected


@given(st.one_of(st.text(), st.from_regex(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?( ?[+-]\d\d:?\d\d|Z)?")))
def test_any_text_is_a_time_that_python_can_show_or_a_record_error(text: str) -> None:
    try:
        seconds = times.iso(text)
    except RecordError:
        return
    assert datetime.fromtimestamp(seconds, UTC)


# ---- number


@pytest.mark.parametrize(
    ("value", "per_second", "seconds"),
    [
        (1528718400, 1, NOON),
        ("1528718400", 1, NOON),
        (1528718400.25, 1, NOON + 0.25),
        ("1528718400.25", 1, NOON + 0.25),
        (1528718400250, 1_000, NOON + 0.25),
        ("1528718400250", 1_000, NOON + 0.25),
        (1528718400250000, 1_000_000, NOON + 0.25),
        (0, 1, 0.0),
        (-1, 1, -1.0),
    ],
)
def test_a_number_counts_from_1970_in_its_unit(value: object, per_second: int, seconds: float) -> None:
    assert times.number(value, per_second) == seconds


@pytest.mark.parametrize(
    "value", [None, "", "soon", True, False, [], {}, math.nan, math.inf, "nan", 1e300, 10**400, 253402300800, -(10**12)]
)
def test_a_value_that_is_no_number_or_no_year_is_refused(value: object) -> None:
    with pytest.raises(RecordError, match=r"^'timestamp' is .*; expected seconds since 1970$"):
        times.number(value, name="timestamp")


def test_milliseconds_taken_for_seconds_are_refused() -> None:
    with pytest.raises(RecordError, match="'time' is 1528718400250; expected seconds since 1970"):
        times.number(1528718400250)
    with pytest.raises(RecordError, match="'time' is 'x'; expected milliseconds since 1970"):
        times.number("x", 1_000)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (1528718400, NOON),
        ("1528718400.25", NOON + 0.25),
        (1528718400250, NOON + 0.25),
        ("1528718400250", NOON + 0.25),
        (1528718400250000, NOON + 0.25),
        ("1528718400250000000", NOON + 0.25),
        (99_999_999_999, epoch(5138, 11, 16, 9, 46, 39)),
        (100_000_000_000, epoch(1973, 3, 3, 9, 46, 40)),
        (0, 0.0),
        (-1.5, -1.5),
    ],
)
def test_the_size_of_a_number_tells_its_unit(value: object, seconds: float) -> None:
    assert times.epoch(value) == seconds
    assert times.moment(value) == seconds


@pytest.mark.parametrize("value", [None, "", "soon", True, [], {}, math.nan, math.inf, "nan", 1e300, 10**400, 10**20])
def test_a_value_whose_size_tells_no_unit_is_refused(value: object) -> None:
    with pytest.raises(RecordError, match=r"^'seen' is .*; expected a number since 1970$"):
        times.epoch(value, "seen")


@pytest.mark.parametrize("text", ["2018-06-11T12:00:00Z", "2018-06-11 12:00", "20180611T120000", "1528718400000"])
def test_a_moment_is_a_number_or_an_iso_time(text: str) -> None:
    assert times.moment(text) == NOON


@pytest.mark.parametrize("form", ["2018-06-11T12:00:00.{} UTC", "20180611120000.{}Z", "2018-06-11T11:59:60.{}Z"])
def test_a_time_in_an_odd_notation_has_at_most_a_thousand_characters(form: str) -> None:
    assert times.iso(form.format("0" * 900)) == NOON
    with pytest.raises(RecordError, match=r"^'time' is '20"):
        times.iso(form.format("0" * 1_000))


def test_a_moment_of_eight_digits_is_a_date() -> None:
    assert times.moment("20180611") == NOON - 43200


@pytest.mark.parametrize("value", ["soon", "26/06/2018", "²", "", True, [], {}, "nan", 10**20])
def test_a_moment_in_no_notation_is_refused_with_its_field(value: object) -> None:
    with pytest.raises(RecordError, match=r"^'seen' is "):
        times.moment(value, "seen")


@given(st.one_of(st.integers(), st.floats(), st.text(), st.none(), st.booleans()), st.sampled_from([1, 1_000, 10**6]))
def test_any_value_is_a_time_that_python_can_show_or_a_record_error_as_well(value: object, per_second: int) -> None:
    try:
        seconds = times.number(value, per_second)
    except RecordError:
        return
    assert datetime.fromtimestamp(seconds, UTC)


@pytest.mark.parametrize(
    "text",
    ["11/Jun/2018:12:00:00 +0000", "11/Jun/2018:05:00:00 -0700", "11/Jun/2018:12:00:00", "11/Jun/2018:12:00:00.000 Z"],
)
def test_the_time_of_access_logs_is_read_with_its_zone(text: str) -> None:
    assert times.clf(text) == NOON
    assert times.any_notation(text, NOON) == NOON


@pytest.mark.parametrize(
    "value",
    [
        *("11/Jum/2018:12:00:00 +0000", "31/Jun/2018:12:00:00 +0000", "11/Jun/2018 12:00:00", "1/Jun/2018:12:00:00"),
        *(
            "11/Jun/2018:25:00:00 +0000",
            "11/Jun/2018:",
            "11/06/2018:12:00:00",
            "",
            None,
            5,
            (),
            "31/Dec/9999:23:59:59 -0100",
        ),
    ],
)
def test_another_text_is_no_time_of_access_logs(value: object) -> None:
    with pytest.raises(RecordError, match=r"^'seen' is .*; expected a time such as '10/Oct/2000:13:55:36 -0700'$"):
        times.clf(value, "seen")


def test_a_date_with_slashes_behind_its_year_is_one_in_any_notation() -> None:
    assert times.any_notation("2018/06/11 12:00:00", NOON) == NOON
    for wrong in ("2018/06/31 12:00:00", "2018/06-11 12:00:00", "11/06/2018 12:00:00"):
        with pytest.raises(RecordError):
            times.any_notation(wrong, NOON, "seen")


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("11.06.2018 12:00", "%d.%m.%Y %H:%M"),
        ("06/11/2018 08:00:00 AM -0400", "%m/%d/%Y %I:%M:%S %p %z"),
        ("Mon, 11 Jun 2018 12:00:00.000", "%a, %d %b %Y %H:%M:%S.%f"),
    ],
)
def test_a_time_of_another_notation_is_read_by_its_format(text: str, form: str) -> None:
    assert times.written(text, form) == NOON


@pytest.mark.parametrize("value", ["31.06.2018", "11.06.2018 ", "", None, 5, "01.01.0000"])
def test_a_time_that_is_written_otherwise_is_refused_with_its_format(value: object) -> None:
    with pytest.raises(RecordError, match=r"^'seen' is .*; expected a time written as '%d.%m.%Y'$"):
        times.written(value, "%d.%m.%Y", "seen")


FORMS = (
    "%a, %d %b %Y %H:%M:%S:%f",
    "%d %b %Y %H:%M:%S.%f %Z",
    "%m/%d/%y %H:%M:%S",
    "%y%m%d %H:%M:%S",
    "%d%H.%Y",
    "%Y-%j",
    "%b %m %Y",
    "at 100%%: %H%M",
)
EDGES = (
    *(
        "2 Jul 2026 22:23:00.1 UTC",
        "02 Jul 2026 22:23:00.123456 GMT",
        "30 Feb 2026 22:23:00.1 UTC",
        "2 jul 2026  1:2:3.4 utc",
    ),
    *(
        "02/29/24 23:59:59",
        "02/29/23 23:59:59",
        "2/9/24 1:2:3",
        "12/31/68 00:00:00",
        "12/31/69 00:00:00",
        "12/31/69 00:00:60",
        "٠٢/٠٩/٢٤ 01:02:03",
    ),
    *(
        "Thu, 2 Jul 2026 22:23:00:123",
        "Xyz, 2 Jul 2026 22:23:00:123",
        "Thu, 2 Jul 0000 22:23:00:123",
        "11212.2026",
        "112.2026",
    ),
    *("2026-060", "Jul 07 2026", "at 100%: 2359", "at 100%: 2459", "260702 22:23:61", "", " "),
)


def outcome_of(read: Callable[[str, str], datetime], text: str, form: str) -> object:
    """The time that is read, as one of UTC; the class of what is raised for none."""
    try:
        when = read(text, form)
    except ValueError as error:
        return type(error)
    return when.replace(tzinfo=UTC)


@given(st.datetimes(min_value=datetime(1000, 1, 1)), st.sampled_from(FORMS))
def test_a_written_time_is_read_as_strptime_reads_it(when: datetime, form: str) -> None:
    text = when.replace(tzinfo=UTC).strftime(form)
    assert outcome_of(written_times.strptime, text, form) == outcome_of(datetime.strptime, text, form)


@pytest.mark.parametrize("form", FORMS)
def test_an_odd_written_time_is_read_as_strptime_reads_it(form: str) -> None:
    for text in EDGES:
        assert outcome_of(written_times.strptime, text, form) == outcome_of(datetime.strptime, text, form), text


# ---- times without a year


@pytest.mark.parametrize(
    ("stamp", "reference", "expected"),
    [
        # before New Year: today's lines, last year's, and those of a clock that is ahead
        ("Dec 31 23:59:59", (2018, 12, 31, 23, 59, 59), (2018, 12, 31, 23, 59, 59)),
        ("Jan  1 00:00:00", (2018, 12, 31, 23, 59, 59), (2019, 1, 1)),
        ("Jan  1 23:59:59", (2018, 12, 31, 23, 59, 59), (2019, 1, 1, 23, 59, 59)),
        ("Jan  2 00:00:00", (2018, 12, 31, 23, 59, 59), (2018, 1, 2)),
        # behind it
        ("Dec 31 23:59:59", (2019, 1, 1), (2018, 12, 31, 23, 59, 59)),
        ("Jan  1 00:00:00", (2019, 1, 1), (2019, 1, 1)),
        ("Jan  2 00:00:00", (2019, 1, 1), (2019, 1, 2)),
        ("Jan  3 00:00:00", (2019, 1, 1), (2018, 1, 3)),
        # leap days: this year's, the last one there was, and over the gap of 1900
        ("Feb 29 12:00:00", (2016, 3, 1), (2016, 2, 29, 12)),
        ("Feb 29 12:00:00", (2016, 2, 28, 12), (2016, 2, 29, 12)),
        ("Feb 29 12:00:00", (2016, 2, 28, 11), (2012, 2, 29, 12)),
        ("Feb 29 12:00:00", (2019, 6, 1), (2016, 2, 29, 12)),
        ("Feb 29 12:00:00", (1904, 2, 1), (1896, 2, 29, 12)),
        # shapes
        ("Nov 1 06:00:24", (2018, 12, 31), (2018, 11, 1, 6, 0, 24)),
        ("Nov 01 06:00:24", (2018, 12, 31), (2018, 11, 1, 6, 0, 24)),
        ("Nov 21 06:00:24.5", (2018, 12, 31), (2018, 11, 21, 6, 0, 24, 500_000)),
        ("Nov 21 06:00:24.1234567", (2018, 12, 31), (2018, 11, 21, 6, 0, 24, 123_456)),
        # with a year, even one behind the object's
        ("Oct 10 2026 12:34:56", (2018, 12, 31), (2026, 10, 10, 12, 34, 56)),
        ("Oct 10 2026:12:34:56 UTC", (2018, 12, 31), (2026, 10, 10, 12, 34, 56)),  # of FireEye ETP
        ("Oct  1 2016 12:34:56.5", (2018, 12, 31), (2016, 10, 1, 12, 34, 56, 500_000)),
        ("Nov 21 06:00:24 2016", (2018, 12, 31), (2016, 11, 21, 6, 0, 24)),
        ("Feb 29 2016 06:00:24", (2018, 12, 31), (2016, 2, 29, 6, 0, 24)),
        # with a zone
        ("Nov 21 06:00:24 UTC", (2018, 12, 31), (2018, 11, 21, 6, 0, 24)),
        ("Nov 21 2018 06:00:24.5 EST", (2018, 12, 31), (2018, 11, 21, 11, 0, 24, 500_000)),
        ("Nov 21 2018, 06:00:24 EST", (2018, 12, 31), (2018, 11, 21, 11, 0, 24)),
        ("Nov 21 2018 06:00:24 +0930", (2018, 12, 31), (2018, 11, 20, 20, 30, 24)),
        ("Nov 21 2018 06:00:24 GMT-01:30", (2018, 12, 31), (2018, 11, 21, 7, 30, 24)),
        ("Nov 21 06:00:24 PST 2016", (2018, 12, 31), (2016, 11, 21, 14, 0, 24)),
        ("Nov 21 06:00:24 +0200 2016", (2018, 12, 31), (2016, 11, 21, 4, 0, 24)),
        ("Nov 21 06:00:24 2016 -04:00", (2018, 12, 31), (2016, 11, 21, 10, 0, 24)),
        ("Nov 21 06:00:24,5", (2018, 12, 31), (2018, 11, 21, 6, 0, 24, 500_000)),
        # leap seconds
        ("Dec 31 23:59:60", (2018, 1, 1, 0, 0, 0), (2018, 1, 1)),
        ("Dec 31 2016 23:59:60", (2018, 1, 1), (2017, 1, 1)),
    ],
)
def test_the_year_is_the_one_that_puts_a_line_before_its_object(
    stamp: str, reference: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    assert times.stamp(stamp, epoch(*reference)) == epoch(*expected)


def test_stamps_of_objects_by_turns_heed_the_time_of_each() -> None:
    for year in (2018, 2012, 2018, 2030):
        assert times.stamp("Nov 21 06:00:24", epoch(year, 12, 1)) == epoch(year, 11, 21, 6, 0, 24)


@pytest.mark.parametrize(
    "stamp",
    [
        "",
        "Nov",
        "Nov 21",
        "nov 21 06:00:24",
        "Nov 31 06:00:24",
        "Nov 21 24:00:24",
        "Nov 21 06:00",
        "Nov 21 06:00:24.x",
        "Nov x 06:00:24",
        "Nov 21 2018 06:00:24 2018 x",
        "Feb 29 2018 06:00:24",
        "Nov 21 0000 06:00:24",
        "Nov 21 06:00:61",
        "Dec 31 9999 23:59:60",
        "Jan 01 0001 00:00:00 +0100",
        "Nov 21 06:00:24 +9900",
        "Nov 21 06:00:24 -01:60",
        "Nov 21 06:00:24 IST",
        "Nov 21 06:00:24 EST ",
        "Nov 21 2018  06:00:24",
        "Nov +1 06:00:24",
        "Nov 2١ 06:00:24",
        "2018-11-21T06:00:24",
    ],
)
def test_a_text_that_is_no_stamp_is_refused(stamp: str) -> None:
    with pytest.raises(RecordError, match=r"; expected one such as 'Nov 21 06:00:24'$"):
        times.stamp(stamp, NOON)


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        ("Feb 29 2026 08:00:00", ""),
        ("Sun Nov 31 08:00:00 2026", ""),
        ("31 Nov 2026 08:00:00 GMT", ""),
        (
            "Nov 29 2026, 08:00:00 IST",
            "; 'IST' is the name of several zones or of none: name yours as the mapping's 'timezone'",
        ),
    ],
)
def test_a_time_of_any_notation_that_is_none_is_shown_as_its_field_has_it(value: str, hint: str) -> None:
    with pytest.raises(RecordError) as raised:
        times.any_notation(value, NOON, "rt")
    assert str(raised.value) == f"'rt' is {value!r}; expected a time such as 'Nov 21 06:00:24'{hint}"


@pytest.mark.parametrize("reference", [epoch(1, 1, 1), epoch(9999, 12, 31, 23), -1e20, math.inf, math.nan])
def test_an_object_of_no_possible_year_refuses_its_stamps(reference: float) -> None:
    with pytest.raises(RecordError, match="'Feb 29 06:00:24'"):
        times.stamp("Feb 29 06:00:24", reference)


@given(
    st.datetimes(datetime(1980, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),
    st.integers(-86_400, 363 * 86_400),
)
def test_a_stamp_of_the_year_before_its_object_keeps_its_year(reference: datetime, age: int) -> None:
    when = (reference - timedelta(seconds=age)).replace(microsecond=0)
    stamp = f"{MONTHS[when.month - 1]} {when.day:2} {when:%H:%M:%S}"
    for _ in range(2):
        assert times.stamp(stamp, reference.timestamp()) == when.timestamp()


@pytest.mark.parametrize(
    "text",
    [
        "11.06.2018 12:00:00",
        "11.6.2018 12:00",
        "11.06.2018, 12:00:00",
        "11.06.2018 14:00:00 +0200",
        "11.06.2018 12:00 UTC",
    ],
)
def test_a_date_with_dots_has_its_day_first(text: str) -> None:
    assert times.any_notation(text, NOON) == NOON
    assert times.any_notation("11.06.2018", NOON) == NOON - 12 * 3600


@pytest.mark.parametrize("text", ["31.06.2018 12:00:00", "11.06.2018 noon", "06.13.2018 12:00", "11.06.", "1.2.3.4"])
def test_a_date_with_dots_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(RecordError, match=f"'seen' is '{text}'; expected a time such as"):
        times.any_notation(text, NOON, "seen")


@pytest.mark.parametrize("text", ["11/06/2018 12:00:00", "29/11/2018", "13/01/18 08:00", "29/11/2018 08:00:00 AM"])
def test_a_date_whose_month_may_be_the_first_or_the_second_is_refused_with_the_option_for_it(text: str) -> None:
    with pytest.raises(RecordError, match=r"day may be the first or the second; .* by the option 'time_format'"):
        times.any_notation(text, NOON, "seen")


def test_a_date_with_a_half_of_the_day_has_its_month_first() -> None:
    assert times.any_notation("06/11/2018 12:00:00 PM", NOON) == NOON


def test_a_time_in_any_notation_is_read_by_its_shape() -> None:
    reference = epoch(2018, 12, 31)
    for value in ("Jun 11 12:00:00", "2018-06-11T12:00:00Z", "1528718400000", 1528718400, "Jun 11 2018 12:00:00 UTC"):
        assert times.any_notation(value, reference) == NOON
        assert times.any_notation(value, reference) == NOON, "read again"
    for none in ("Jun 31 12:00:00", "soon", "", None, (), True):
        with pytest.raises(RecordError, match="expected"):
            times.any_notation(none, reference, "seen")


@pytest.mark.parametrize(
    "text",
    [
        "Mon Jun 11 12:00:00 2018",
        "Monday Jun 11 2018 12:00:00",
        "Mon, 11 Jun 2018 14:00:00 +0200",
        "Monday, 11-Jun-2018 12:00:00 GMT",
        "11 Jun 2018 12:00 GMT",
        "11 Jun 2018, 08:00:00 EDT",
        "11 Jun 12:00:00.000",
        "Mon 2018-06-11 12:00:00 UTC",
        "Mon 11/Jun/2018:12:00:00 +0000",
    ],
)
def test_a_time_may_have_the_day_of_the_week_or_the_order_of_mail(text: str) -> None:
    assert times.any_notation(text, NOON + 1e7) == NOON


@pytest.mark.parametrize(
    "text", ["Mon", "Mon ", "Mon " * 9_999, "31 Jun 2018 12:00", "11 Jun 2018 12:61", "11 Foo 2018 12:00 GMT"]
)
def test_a_day_that_is_none_is_refused_in_the_order_of_mail(text: str) -> None:
    with pytest.raises(RecordError, match="expected"):
        times.any_notation(text, NOON, "seen")


def test_a_stamp_that_is_read_again_heeds_the_reference() -> None:
    for year in (2018, 2012, 2018):
        assert times.any_notation("Nov 21 06:00:24", epoch(year, 12, 1)) == epoch(year, 11, 21, 6, 0, 24)


# ---- memory


def test_the_table_of_days_holds_texts_like_days_alone_whatever_a_log_has() -> None:
    """Two texts for a day of one digit, with and without a zero, and what looks like a day are all that a log adds."""
    for number in range(10_000):
        when = datetime.fromtimestamp(86_400 * number, UTC)
        no_days = (f"{number:6} 06:00:24", f"{when:%b} {number:02} 06:00:24", f"{when:%b} {number % 100:2} 06:00:24")
        for stamp in (f"{when:%b %d} 06:00:24", f"{when:%b} {when.day:2} 06:00:24", *no_days):
            with suppress(RecordError):
                times.stamp(stamp, NOON)
    _, _, days = times._days_of
    assert sum(seconds < times._NEVER for seconds in days.values()) == 366 + 12 * 9
    assert len(days) <= 12 * 50


@given(st.text("JanFebDc 0123456789:.+-", max_size=24), st.sampled_from([NOON, epoch(2016, 3, 1), 0.0]))
def test_any_text_is_a_stamp_before_its_object_or_a_record_error(text: str, reference: float) -> None:
    with suppress(RecordError):
        seconds = times.stamp(text, reference)
        assert seconds <= reference + 86_400 or re.search(r"\d{4}", text)
