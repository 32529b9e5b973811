"""Logs of Internet Information Services."""

from __future__ import annotations

from slips.parsing import Columns, iso

_SHORT = """date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) sc-status
    sc-substatus sc-win32-status time-taken"""
_REFERER = """date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) cs(Referer)
    sc-status sc-substatus sc-win32-status time-taken"""
_ALL = """date time s-sitename s-computername s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs-version
    cs(User-Agent) cs(Cookie) cs(Referer) cs-host sc-status sc-substatus sc-win32-status sc-bytes cs-bytes time-taken"""

# Lines before `#Fields:`, as of a log that was cut, are of the fields of a default: IIS 7, IIS 8.5 and later, all
# fields, each also with the client's address of a proxy behind them. Their number tells which; of the two defaults of
# 15 fields, the one that ends with a number. No field is empty, so that several blanks are as one. Logs without the
# field `date` have it in `#Date:`. The log of HTTP.sys, HTTPERR, always begins with its fields.
IIS = Columns(
    "iis",
    "Microsoft IIS access logs in W3C format, with any fields, and those of HTTP.sys (HTTPERR)",
    "https://learn.microsoft.com/en-us/windows/win32/http/w3c-logging",
    tag="microsoft.iis",
    time=iso(("date", "time")),
    message="{sc-status|'-'} {cs-method|'-'} {cs-host|s-ip|'-'}{cs-uri-stem|cs-uri|''} from {c-ip|'-'}",
    directive="#Fields:",
    dated="#Date:",
    separator="",
    columns=_REFERER,
    others=(_SHORT, f"{_SHORT} X-Forwarded-For", f"{_REFERER} X-Forwarded-For", _ALL, f"{_ALL} X-Forwarded-For"),
    absent="-",
    integers="s-port c-port sc-status sc-substatus sc-win32-status sc-bytes cs-bytes time-taken",
    entities={"addresses": "c-ip s-ip X-Forwarded-For", "users": "cs-username", "hosts": "s-computername cs-host"},
)
