"""Times that name no zone, in the zone that a mapping names: `timezone`."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs import errors
from packages import CONFIG as CONFIG_OF_PACKAGES
from packages import Project, cached, project, stand_ins, wheels
from slips import times
from slips.errors import FormatError, RecordError, UsageError
from slips.parsing.chain import compile_chain
from slips.testing import run
from slips.zones import Zone, zone_of

__all__ = ["cached", "project", "stand_ins", "wheels"]

BERLIN, GUARD = Zone("Europe/Berlin"), 60


def utc(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


# ---- Each notation

NOON = utc("2026-06-11T10:00:00")
"""Noon in Berlin, whose clock is two hours ahead in summer."""


@pytest.mark.parametrize(
    "text",
    [
        *("2026-06-11T12:00:00", "2026-06-11 12:00:00", "2026/06/11 12:00:00", "20260611T120000"),
        *("11/Jun/2026:12:00:00", "Jun 11 12:00:00", "Jun 11 12:00:00.000", "Jun 11 2026 12:00:00"),
        *("Thu Jun 11 12:00:00 2026", "11 Jun 2026 12:00:00", "Thu, 11 Jun 2026 12:00"),
    ],
)
def test_a_time_without_a_zone_is_of_the_zone_in_every_notation(text: str) -> None:
    with times.in_zone(BERLIN):
        assert times.any_notation(text, NOON) == NOON
    assert times.any_notation(text, NOON) == NOON + 7_200, "UTC again behind the block"


@pytest.mark.parametrize(
    "text",
    [
        *("2026-06-11T10:00:00Z", "2026-06-11T19:00:00+09:00", "2026-06-11 10:00:00 UTC", "1781172000"),
        *("11/Jun/2026:06:00:00 -0400", "Jun 11 2026 06:00:00 EDT", "Thu, 11 Jun 2026 10:00:00 GMT", 1781172000),
    ],
)
def test_a_time_that_names_its_zone_or_counts_seconds_is_what_it_says(text: str | int) -> None:
    with times.in_zone(BERLIN):
        assert times.any_notation(text, NOON) == NOON


def test_a_time_by_a_format_of_strptime_is_of_the_zone_unless_it_has_one() -> None:
    with times.in_zone(BERLIN):
        assert times.written("11.06.2026 12:00", "%d.%m.%Y %H:%M") == NOON
        assert times.written("11.06.2026 10:00 +0000", "%d.%m.%Y %H:%M %z") == NOON
        assert times.written("11.06.2026 10:00 UTC", "%d.%m.%Y %H:%M %Z") == NOON
        assert times.without_year("Jun", 11, "12:00:00", NOON) == NOON


def test_a_date_alone_is_midnight_in_the_zone() -> None:
    with times.in_zone(BERLIN):
        assert times.iso("2026-06-11") == utc("2026-06-10T22:00:00")


# ---- Names of zones


@pytest.mark.parametrize(
    ("zone", "text", "seconds"),
    [
        ("Asia/Kolkata", "2026-06-11 15:30:00 IST", "2026-06-11T10:00:00"),
        ("Asia/Kolkata", "2026-06-11 15:30:00.250 IST", "2026-06-11T10:00:00.250"),
        ("Asia/Jerusalem", "2026-01-11 12:00:00 IST", "2026-01-11T10:00:00"),
        ("Europe/Dublin", "2026-06-11 11:00:00 IST", "2026-06-11T10:00:00"),
        ("Asia/Shanghai", "2026-06-11 18:00:00 CST", "2026-06-11T10:00:00"),
        ("Asia/Kolkata", "2026-06-11 05:00:00 CST", "2026-06-11T11:00:00"),  # not of this zone: America's
        ("Asia/Kolkata", "2016-12-31 23:59:60 IST", "2016-12-31T18:30:00"),
        ("Europe/Berlin", "2026-10-25 02:30:00 CEST", "2026-10-25T00:30:00"),
        ("Europe/Berlin", "2026-10-25 02:30:00 CET", "2026-10-25T01:30:00"),
        ("Asia/Kolkata", "Jun 11 2026 15:30:00 IST", "2026-06-11T10:00:00"),
        ("Asia/Shanghai", "Thu Jun 11 18:00:00 CST 2026", "2026-06-11T10:00:00"),
    ],
)
def test_a_name_of_several_zones_is_the_mappings_if_its_clock_is_called_so(zone: str, text: str, seconds: str) -> None:
    with times.in_zone(Zone(zone)):
        assert times.any_notation(text, NOON) == utc(seconds)


@pytest.mark.parametrize("zone", [None, "Europe/Berlin", "Europe/Dublin"])
def test_a_name_of_several_zones_that_the_mapping_does_not_tell_is_refused_with_what_to_do(zone: str | None) -> None:
    with (
        times.in_zone(zone_of(zone)),
        pytest.raises(RecordError, match=r"'IST' is the name of several zones .*'timezone'"),
    ):
        times.iso("2026-01-11 15:30:00 IST")  # in winter, the clock of Dublin shows GMT


@pytest.mark.parametrize(
    ("text", "hours"), [("PKT", 5), ("BST", 1), ("KST", 9), ("HKT", 8), ("SAST", 2), ("AKDT", -8), ("HST", -10)]
)
def test_a_name_of_one_zone_of_the_iana_database_is_that_zone(text: str, hours: int) -> None:
    assert times.iso(f"2026-06-11 10:00:00 {text}") == utc("2026-06-11T10:00:00") - 3_600 * hours
    assert times.stamp(f"Jun 11 2026 10:00:00 {text}", NOON) == utc("2026-06-11T10:00:00") - 3_600 * hours
    assert times.any_notation(f"Thu Jun 11 10:00:00 {text} 2026", NOON) == utc("2026-06-11T10:00:00") - 3_600 * hours


# ---- When a clock is changed


@pytest.mark.parametrize(
    ("shown", "seconds"),
    [
        ("2026-03-29T01:59:59", "2026-03-29T00:59:59"),
        ("2026-03-29T02:30:00", "2026-03-29T01:30:00"),  # left out: the clock shows 03:30 then
        ("2026-03-29T03:00:00", "2026-03-29T01:00:00"),
        ("2026-10-25T01:59:59", "2026-10-24T23:59:59"),
        ("2026-10-25T02:30:00", "2026-10-25T00:30:00"),  # shown twice: the first counts
        ("2026-10-25T03:00:00", "2026-10-25T02:00:00"),
        ("2026-01-01T00:00:00", "2025-12-31T23:00:00"),
    ],
)
def test_an_hour_that_a_clock_shows_twice_is_the_first_and_one_that_it_leaves_out_is_later(
    shown: str, seconds: str
) -> None:
    with times.in_zone(Zone("Europe/Berlin")):
        assert times.iso(shown) == utc(seconds)
        assert times.iso(shown) == utc(seconds), "known by now"


ZONES = st.sampled_from(
    ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Monrovia"]
)


@given(ZONES, st.lists(st.datetimes(datetime(1800, 1, 2), datetime(9998, 12, 31)), min_size=1, max_size=5))
def test_a_clock_is_read_as_the_standard_library_reads_it(name: str, clocks: list[datetime]) -> None:
    zone = Zone(name)
    for clock in clocks:
        expected = clock.replace(tzinfo=ZoneInfo(name)).timestamp()
        with times.in_zone(zone):
            assert times.iso(clock.isoformat()) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00", "9999-12-31T23:59:59", "Jan  1 00:00:00"])
@pytest.mark.parametrize("name", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_the_first_and_the_last_day_of_all_are_read_or_refused(name: str, text: str) -> None:
    for reference in (-62_135_596_800.0, 253_402_300_799.0):
        with times.in_zone(Zone(name)):
            try:
                seconds = times.any_notation(text, reference)
            except RecordError:
                continue
            datetime.fromtimestamp(seconds, UTC)


def test_a_clock_that_was_put_forward_within_a_quarter_of_an_hour_is_read_on_either_side() -> None:
    """Liberia went from 44 minutes and 30 seconds behind UTC to UTC."""
    midnight = datetime(1972, 1, 7, tzinfo=UTC).timestamp()
    before, behind = midnight + 40 * 60, midnight + 44 * 60 + 40
    for clocks in ((before, behind), (behind, before)):
        zone = Zone("Africa/Monrovia")
        assert [zone.utc(clock) - clock for clock in clocks] == [2670 if clock == before else 0 for clock in clocks]


def test_the_year_that_a_time_lacks_is_that_by_the_clock_of_the_zone() -> None:
    with times.in_zone(Zone("Asia/Tokyo")):
        new_year = utc("2026-01-01T00:00:00")
        assert times.stamp("Jan  1 09:30:00", utc("2026-01-01T00:40:00")) == new_year + 1_800
        assert times.stamp("Dec 31 23:30:00", utc("2026-01-01T00:40:00")) == utc("2025-12-31T14:30:00")
        assert times.stamp("Jan  2 09:00:00", utc("2025-12-31T23:00:00")) == utc("2025-01-02T00:00:00")


# ---- A mapping


LOG = b"<13>Jun 11 12:00:00 gate sshd[7]: opened\n"


def test_a_mapping_reads_its_objects_in_its_zone_and_others_in_utc() -> None:
    for timezone, seconds in (("Europe/Berlin", NOON), (None, NOON + 7_200), ("UTC", NOON + 7_200)):
        seen = run(None, "syslog", LOG, event_time="2026-06-12T00:00:00Z", timezone=timezone)
        assert seen.metas[0].timestamp == seconds


def test_a_parser_that_is_a_function_of_the_user_reads_in_the_zone_too(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(
        "from slips import times\ndef own(meta, event):\n    meta.timestamp = times.iso(event['t'])\n    return event\n"
    )
    chain = ["s3-lines", "json", f"{tmp_path}/own.py:own"]
    log = b'{"t": "2026-06-11T12:00:00"}'
    assert run(None, chain, log, timezone="Europe/Berlin").metas[0].timestamp == NOON


def test_an_unknown_zone_is_told_with_the_name_that_is_meant() -> None:
    with pytest.raises(ValueError, match="'Europe/Berlln' is not known; did you mean 'Europe/Berlin'"):
        zone_of("Europe/Berlln")
    with pytest.raises(FormatError, match=r"timezone 'CET\+1' is not known"):
        compile_chain(["syslog"], Path(), timezone="CET+1")
    for name in ("/etc/passwd", "../UTC", "", "a\0b", "\udc80"):
        with pytest.raises(ValueError, match="expected a name of the IANA database"):
            Zone(name)


CONFIG = """\
stack_name: logs
handler: {path: handler.py}
backend: {s3_direct: true}
bucket_mapping:
  my-logs:
    - prefix: a/
      format: syslog
      timezone: Europe/Berlin
    - prefix: b/
      format: syslog
      timezone: europe/berlln
"""


@pytest.mark.parametrize("name", ["localtime", "posixrules", "posix/Europe/Berlin", "right/Europe/Berlin"])
def test_a_name_that_some_systems_have_beside_the_database_is_none(name: str) -> None:
    with pytest.raises(ValueError, match=f"timezone '{name}' is not known; .*expected a name of the IANA database"):
        Zone(name)


def test_check_tells_an_unknown_zone_with_its_line() -> None:
    assert errors(CONFIG) == [
        "11: bucket_mapping.my-logs[1].timezone: 'europe/berlln' is not known; did you mean 'Europe/Berlin'? "
        "expected a name of the IANA database, such as 'Europe/Berlin' or 'UTC'"
    ]


def test_parse_takes_a_zone(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(LOG)

    def parsed(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "slips", "parse", "syslog", str(log), "--time", "2026-06-12T00:00:00Z"]
        return subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=GUARD, check=False)

    assert json.loads(parsed("--timezone", "Europe/Berlin").stdout)["meta"]["timestamp"] == NOON
    wrong = parsed("--timezone", "Berlin")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "--timezone: timezone 'Berlin' is not known" in wrong.stderr


# ---- The database


@pytest.mark.smoke
def test_zones_are_known_where_the_system_has_none() -> None:
    pytest.importorskip("tzdata")
    code = (
        "import zoneinfo; zoneinfo.reset_tzpath([]); from slips.zones import Zone; print(Zone('Asia/Tokyo').utc(0.0))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=GUARD, check=False)
    assert (done.stdout, done.stderr) == ("-32400.0\n", "")


@pytest.mark.once
@pytest.mark.slow
def test_the_functions_of_a_config_that_names_a_zone_have_the_database(project: Project) -> None:
    assert not any(name.startswith("tzdata/") for name in project.names())
    project.write("slips.yml", CONFIG_OF_PACKAGES.replace("{prefix", "{timezone: Asia/Tokyo, prefix"))
    assert "tzdata/__init__.py" in project.names()


def test_an_unknown_zone_of_a_test_is_no_bug() -> None:
    with pytest.raises((FormatError, UsageError), match="is not known"):
        run(None, "syslog", LOG, timezone="Nowhere")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("syslog", "datetime; without a zone it is UTC, or of the mapping's 'timezone'"),
        ("vpc-flow", "start, else end"),
    ],
)
def test_the_catalogue_says_whether_times_of_a_format_may_lack_a_zone(name: str, shown: str) -> None:
    command = [sys.executable, "-m", "slips", "formats", name]
    done = subprocess.run(command, capture_output=True, text=True, timeout=GUARD, check=True)
    assert f"  time       {shown}\n" in done.stdout


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("UTC+9", "expected 'Etc/GMT-9', the name of UTC+9 in the IANA database, or a city"),
        ("gmt-05:00", "expected 'Etc/GMT+5', the name of UTC-5 in the IANA database, or a city"),
        ("+14", "expected 'Etc/GMT-14', the name of UTC+14"),
        ("UTC+5:30", "expected a city of that offset, such as 'Asia/Tokyo' for UTC+9"),
        ("UTC-13", "expected a city of that offset"),
    ],
)
def test_an_offset_is_told_with_the_name_of_its_zone(name: str, told: str) -> None:
    with pytest.raises(ValueError, match=f"timezone '{re.escape(name)}' is not known; {re.escape(told)}"):
        Zone(name)
    if meant := re.search("'(Etc/[^']+)'", told):
        assert Zone(meant[1]).utc(0.0) == -3600 * int(re.sub("(?i)utc|gmt|:00", "", name))
