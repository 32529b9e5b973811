"""Logs of Internet Information Services."""

from __future__ import annotations

import re
from typing import Any

from slips import times
from slips.errors import RecordError
from slips.format import Event
from slips.model import MetaData
from slips.parsing import Columns, Csv, iso
from slips.parsing.meaning import Time

_SHORT = """date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) sc-status
    sc-substatus sc-win32-status time-taken"""
_REFERER = """date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) cs(Referer)
    sc-status sc-substatus sc-win32-status time-taken"""
_ALL = """date time s-sitename s-computername s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs-version
    cs(User-Agent) cs(Cookie) cs(Referer) cs-host sc-status sc-substatus sc-win32-status sc-bytes cs-bytes time-taken"""
_HTTPERR = """date time c-ip c-port s-ip s-port cs-version cs-method cs-uri sc-status s-siteid s-reason s-queuename"""

# Lines before `#Fields:`, as of a log that was cut, are of the fields of a default: IIS 7, IIS 8.5 and later, all
# fields, each also with the client's address of a proxy behind them. Their number tells which; of the two defaults of
# 15 fields, the one that ends with a number. No field is empty, so that several blanks are as one. Logs without the
# field `date` have it in `#Date:`. Those of 13 fields are of the log of HTTP.sys.
IIS = Columns(
    "iis",
    "Microsoft IIS access logs in W3C format, with any fields, and those of HTTP.sys (HTTPERR)",
    "https://learn.microsoft.com/en-us/windows/win32/http/w3c-logging",
    tag="microsoft.iis",
    time=iso(("date", "time")),
    message="{sc-status|'request'}{' ' cs-method}{' ' cs-host|s-ip}{cs-uri-stem|cs-uri|''}{' from ' c-ip}",
    directive="#Fields:",
    dated="#Date:",
    separator="",
    columns=_REFERER,
    others=(
        _SHORT,
        f"{_SHORT} X-Forwarded-For",
        f"{_REFERER} X-Forwarded-For",
        _ALL,
        f"{_ALL} X-Forwarded-For",
        _HTTPERR,
    ),
    absent="-",
    integers="s-port c-port sc-status sc-substatus sc-win32-status sc-bytes cs-bytes time-taken",
    entities={
        "addresses": "c-ip s-ip X-Forwarded-For OriginalIP",
        "users": "cs-username",
        "hosts": "s-computername cs-host",
    },
)

_DATE = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4}|\d\d) (\d{1,2}:\d\d:\d\d)", re.ASCII)


def _local_time(value: Any, name: str = "time") -> float:
    """Convert `03/20/26 7:55:20`, the month first, to epoch seconds. Raises RecordError."""
    found = _DATE.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise RecordError(f"{name!r} is {value!r:.60}; expected a time such as '03/20/2026 7:55:20'")
    month, day, year, clock = found.groups()
    century = "20" if len(year) == 2 else ""
    return times.iso(f"{century}{year}-{month:0>2}-{day:0>2} {clock:0>8}", name)


def _drop_end(_meta: MetaData, event: Event) -> None:
    """Remove the field that the comma at the end of a line makes."""
    if not event.get("column_16"):
        event.pop("column_16", None)


# The clock is that of the server, as the date is: `timezone:` of the mapping says where it stands.
IIS_NATIVE = Csv(
    "iis-native",
    "Microsoft IIS access logs in the format of IIS itself: fields of a fixed order behind commas, in local time",
    "https://learn.microsoft.com/en-us/windows/win32/http/iis-logging",
    tag="microsoft.iis",
    time=Time((("date", "time"),), _local_time),
    message="{sc-status|'-'} {cs-method|'-'} {s-ip|'-'}{cs-uri-stem|''} from {c-ip|'-'}",
    columns="c-ip cs-username date time s-sitename s-computername s-ip time-taken cs-bytes sc-bytes sc-status "
    "sc-win32-status cs-method cs-uri-stem cs-uri-query",
    padded=True,
    absent=("-", ""),
    integers="time-taken cs-bytes sc-bytes sc-status sc-win32-status",
    refine=_drop_end,
    entities={"addresses": "c-ip s-ip", "users": "cs-username", "hosts": "s-computername"},
)
