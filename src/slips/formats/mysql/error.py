"""The error log and the general query log of MySQL, MariaDB and Percona Server."""

from __future__ import annotations

import re

from slips import times
from slips.format import Event, Parse, PerObject, Rule
from slips.model import MetaData
from slips.parsing import Patterns

_SPACED = re.compile(r"(?:(\d{4})-(\d\d)-(\d\d)|(\d\d)(\d\d)(\d\d)) ++(\d{1,2}:\d\d:\d\d)")


def _read_time(meta: MetaData, event: Event) -> None:
    """Read the time, of which MariaDB pads the hour with a blank, and old versions write two digits of the year."""
    time = event["time"]
    if spaced := _SPACED.fullmatch(time):
        year, month, day = spaced.group(1, 2, 3) if spaced[1] else (f"20{spaced[4]}", spaced[5], spaced[6])
        time = f"{year}-{month}-{day} {spaced[7]:0>8}"
    meta.timestamp = times.iso(time)


PROLOGUE = Rule(
    "prologue",
    "lines that the server writes when it opens a log",
    when=lambda event: "server" in event,
)
_LENGTH = 1_024
"""Characters of a message in which a user is looked for."""
_DENIED = re.compile(r"Access denied for user '([^']*)'@'([^']*)'")
_CONNECT = re.compile(r"([^@ ]*+)@([^ ]*+) (?:on|as)")


@PerObject
def _read_general() -> Parse:
    """Read the time, also that of lines before, and who connects from where."""
    last: float | None = None

    def read(meta: MetaData, event: Event) -> Event:
        nonlocal last
        if event.get("time"):
            last = None  # of the lines below one whose time cannot be read, the second is not known
            _read_time(meta, event)
            last = meta.timestamp
        elif last is not None and not meta.header:
            meta.timestamp = last
        if event.get("command") == "Connect" and (found := _CONNECT.match(event.get("argument") or "")):
            event["user"], event["host"] = found.groups()
        return event

    return read


def _read_error(meta: MetaData, event: Event) -> None:
    """Read the time, and who was not let in."""
    _read_time(meta, event)
    if found := _DENIED.search(event["message"][:_LENGTH]):
        event["user"], event["host"] = found.groups()


_TIME = r"(?P<time>\d{4}-\d\d-\d\dT[^ \t]++|(?:\d{4}-\d\d-\d\d|\d{6}) ++\d{1,2}:\d\d:\d\d)"

MYSQL_ERROR = Patterns(
    "mysql-error",
    "error log of MySQL, MariaDB and Percona Server",
    "https://dev.mysql.com/doc/refman/8.4/en/error-log-format.html",
    chain=({"multiline": {"start": r"\d{4}-\d\d-\d\d[T ]|\d{6} "}}, "mysql-error"),
    tag="mysql.error",
    message="{level ' '}{message}",
    patterns=(
        rf"{_TIME} (?P<thread>\d++) \[(?P<level>[A-Za-z]++)\] \[(?P<code>[A-Z]++-\d++)\] \[(?P<subsystem>[^\]]*+)\] "
        r"(?P<message>.*)",
        rf"{_TIME} (?P<thread>\d++) \[(?P<level>[A-Za-z]++)\] (?P<message>.*)",
        rf"{_TIME} \[(?P<level>[A-Za-z]++)\] (?P<message>.*)",
        r"(?P<time>\d{6} ++\d{1,2}:\d\d:\d\d)[ \t]++(?P<message>.*)",
        rf"{_TIME} (?:(?P<os_thread>[0-9a-f]{{6,16}}) ++)?(?P<message>(?:InnoDB:|mysqld|mariadbd).*)",
    ),
    integers="thread",
    refine=_read_error,
    entities={"addresses": "host", "users": "user", "hosts": "host"},
)

_SERVER = r"(?:/[^ ,\n]++|[A-Z]:[\\/][^,\n]++|(?:mysqld|mariadbd)[^ ,\n]*+)"
_GENERAL = (
    rf"\d{{4}}(?:-\d\d-\d\dT|\d\d ++\d{{1,2}}:\d\d:\d\d)|{_SERVER}, Version: |[ \t]++\d++ (?:Qu(?:ery|it)|"
    r"C(?:onnect|lose stmt|hange user|reate DB\t)|Init DB|P(?:r(?:epare|ocesslist\t)|ing\t)|E(?:xecute|rror\t)|"
    r"S(?:tatistics|et option\t|hutdown\t|leep\t)|F(?:ield List|etch\t)|B(?:inlog Dump(?: GTID)?|ulk_execute)\t|"
    r"D(?:aemon|e(?:bug|layed insert)|rop DB)\t|Kill\t|Long Data\t|Re(?:fresh|gister Slave|set (?:connection|stmt))\t|"
    r"T(?:able Dump|ime)\t)"
)
"""The beginning of a record. Of most commands it takes the tab behind them: without a time, the line of a statement may
begin with such a word."""

# MySQL 5.6 and before, and MariaDB, leave the time out if it is that of the line before.
MYSQL_GENERAL = Patterns(
    "mysql-general",
    "general query log of MySQL, MariaDB and Percona Server; a line without a time has that of the line before it",
    "https://dev.mysql.com/doc/refman/8.4/en/query-log.html",
    chain=({"multiline": {"start": _GENERAL}}, "mysql-general"),
    tag="mysql.general",
    message="{command} {argument|'-'}",
    patterns=(
        rf"(?:{_TIME})?[ \t]++(?P<thread_id>\d++) (?P<command>[A-Z][a-z]++(?:[ _][A-Za-z]++)?)"
        r"(?:[ \t]++(?P<argument>.*))?",
        rf"(?P<server>{_SERVER}), Version: (?P<version>[^ \n]++).*",
    ),
    absent="",
    integers="thread_id",
    rules=(PROLOGUE,),
    refine=_read_general,
    entities={"addresses": "host", "users": "user", "hosts": "host"},
)
