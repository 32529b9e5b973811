"""Messages of FortiEDR, once enSilo, as it sends them to a syslog server."""

from __future__ import annotations

from slips import times
from slips.errors import RecordError
from slips.format import Event
from slips.model import MetaData
from slips.parsing import KeyValue, all_of, any_of

_TIMES = ("Last Seen", "Date", "Date and Time", "First Seen")


def _read_time(meta: MetaData, event: Event) -> None:
    """Read the time, which is UTC, and whose month is a name, or a number in the documentation. Raises RecordError."""
    name = next((each for each in _TIMES if event.get(each)), None)
    if name is None:
        return
    try:
        meta.timestamp = times.written(event[name], "%d-%b-%Y, %H:%M:%S", name)
    except RecordError:
        meta.timestamp = times.written(event[name], "%d-%m-%Y, %H:%M:%S", name)


FORTIEDR = KeyValue(
    "fortiedr",
    "FortiEDR (enSilo) security events, system events and audit trail, with or without a syslog header",
    "https://docs.fortinet.com/document/fortiedr/7.0.0/syslog-message-reference",
    chain=("s3-lines", "syslog-any", "fortiedr"),
    separator=";",
    assign=":",
    quotes="",
    escapes="none",
    require=all_of(
        "Organization", any_of("Event ID", "Raw Data ID", "Component", "Component Type", "Sub-system", "Message Type")
    ),
    tag="fortinet.edr.{Classification|Sub-system|Component|Component Type|'event'}",
    message="{Action|Sub-system|Component|Component Type|'event'}{': ' Process Name|Description}{' on ' Device Name}"
    "{' by ' User Name}{' to ' Destination}",
    absent="N/A",
    integers=["Organization ID", "Event ID", "Raw Data ID", "Count"],
    boolean_words="yes/no",
    booleans="Certificate",
    refine=_read_time,
    entities={
        "addresses": '"Source IP" Destination',
        "users": '"User Name" Users',
        "hosts": '"Device Name"',
        "hashes": '"Process Hash"',
    },
)
