"""Audit logs of the DHCP server of Windows."""

from __future__ import annotations

from slips.format import Event, Rule
from slips.model import MetaData
from slips.parsing import Patterns, written

PREFACE = Rule(
    "preface",
    "lines that the server writes when it opens a log: the events' numbers and the names of the columns",
    when=lambda event: "preface" in event,
)

_BEGIN = (
    r"(?P<date>\d\d/\d\d/\d\d),(?P<time>\d\d:\d\d:\d\d),(?P<description>[^,]*+),"
    r"(?P<ip_address>[^,]*+),(?P<host_name>[^,]*+),"
)
_LATER = """user_name transaction_id qresult probation_time correlation_id dhcid vendor_class_hex vendor_class_ascii
    user_class_hex user_class_ascii relay_agent_information dns_reg_error""".split()
_INTEGERS = ("transaction_id", "qresult", "dns_reg_error")


def _take_later(_meta: MetaData, event: Event) -> None:
    """Add the columns that Windows Server 2003 lacks, and any behind them."""
    fields = (event.pop("later", None) or "").split(",")
    names = [*_LATER, *(f"column_{number}" for number in range(8 + len(_LATER), 8 + len(fields)))]
    for name, text in zip(names, fields, strict=False):
        if text := text.strip():
            event[name] = int(text) if name in _INTEGERS and text.isascii() and text.isdigit() else text


# Times are of the server's zone: `timezone` of the mapping names it.
MS_DHCP = Patterns(
    "ms-dhcp",
    "audit logs of the Windows DHCP server, IPv4 and IPv6",
    "https://learn.microsoft.com/en-us/previous-versions/windows/it-pro/windows-server-2008-r2-and-2008/dd183591(v=ws.10)",
    tag="microsoft.dhcp",
    time=written("%m/%d/%y %H:%M:%S", ("date", "time")),
    message="{description|'event'}{' ' ip_address}{' ' host_name}",
    patterns=(
        rf"(?P<id>11\d{{3}}),{_BEGIN}(?P<error_code>\d*+),(?P<duid_length>\d*+),(?P<duid>[^,]*+),(?P<user_name>[^,]*+),"
        r"(?P<dhcid>[^,]*+)(?:,(?P<subnet_prefix>[^,]*+))?,*+\Z",
        rf"(?P<id>\d{{1,5}}),{_BEGIN}(?P<mac_address>[^,]*+)(?:,(?P<later>.*))?\Z",
        r"(?P<preface>[ \t]++Microsoft |Event ID|\d\d\+?\t|QResult:|ID,Date,)",
    ),
    absent="",
    integers="id error_code duid_length",
    rules=(PREFACE,),
    refine=_take_later,
    entities={"addresses": "ip_address", "hosts": "host_name", "users": "user_name"},
)
