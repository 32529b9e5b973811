"""Logs of ProFTPD itself (SystemLog, or syslog), and its log of commands (ExtendedLog) in the default format."""

from __future__ import annotations

import re

from slips.errors import foreign_record
from slips.format import Event
from slips.model import MetaData
from slips.parsing import Patterns, Quoted, clf, stamp

_SESSION = re.compile(r"(FTP|FTPS|SSH2|SFTP|SCP) session (opened|closed)")
_LOGIN = re.compile(r"(?:USER|ANON) ([^:]*?)(?: \((Login failed)\))?: (.*)", re.DOTALL)
_TO = re.compile(r"no such user found from .{0,300}? to (?:::ffff:)?([0-9a-fA-F.:]{2,45}):(\d{1,5})\Z")
_FOREIGN = re.compile(r" HTTP/\d")
_COMMAND = re.compile(r"[A-Z][A-Z0-9_]{2,30}")


def _name_event(_meta: MetaData, event: Event) -> None:
    """Name the event of a session or a login, and the user of it."""
    text = event["text"]
    if session := _SESSION.match(text):
        event |= {"event": f"session-{session[2]}", "protocol": session[1]}
    elif login := _LOGIN.match(text):
        reason = login[3]
        event["user"] = login[1]
        if login[2] or reason.startswith("no such user found"):
            event |= {"event": "login-failed", "reason": reason}
            if to := _TO.match(reason):
                event |= {"server_ip": to[1], "server_port": int(to[2])}
        elif reason.startswith("Login successful"):
            event["event"] = "login"


_TIME = r"(?P<time>\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(?:[.,]\d{1,6})?|[A-Z][a-z][a-z] [ \d]?\d \d\d:\d\d:\d\d)"
_HEAD = rf"(?:<(?P<priority>\d{{1,3}})>)?{_TIME} (?P<hostname>[^ ]+) proftpd\[(?P<pid>\d+)\]:? "
_CLIENT = r"\((?:::ffff:)?(?P<client>[^ \[]+)\[(?:::ffff:)?(?P<client_ip>[^\]]+)\]\)"

# Of both logs, the times are of the clock of the server: `timezone:` of the mapping says where it is.
PROFTPD = Patterns(
    "proftpd",
    "ProFTPD's own messages: sessions, logins, refusals, of its SystemLog or of syslog",
    "https://www.proftpd.org/docs/howto/Logging.html",
    time=stamp("time"),
    tag="proftpd.server",
    message="{text}{' from ' client_ip}",
    patterns=(
        rf"{_HEAD}(?P<server>[^ :]+) {_CLIENT}(?:: | - )(?P<text>.*)",
        rf"{_HEAD}(?P<server>[^ :]+)(?:: | - )(?P<text>.*)",
        rf"{_HEAD}(?P<text>.*)",
        rf"(?P<server>[^ :]+) {_CLIENT}(?:: | - )(?P<text>.*)",  # behind a header that was read before
        r"(?:(?P<server>[^ :]+)(?:: | - ))?(?P<text>ProFTPD \d.*)",
    ),
    integers="priority pid",
    refine=_name_event,
    entities={"addresses": "client_ip server_ip", "users": "user", "hosts": "hostname server"},
)


def _part_command(_meta: MetaData, event: Event) -> None:
    """Part a command and its argument. Raises RecordError for a line of a web server, which looks alike."""
    request = event["request"]
    if request is None:
        event |= {"command": None, "argument": None}
        return
    command, blank, argument = request.partition(" ")
    if _FOREIGN.search(request) or not _COMMAND.fullmatch(command):
        raise foreign_record(f"'request' is {request!r:.60}; expected a command of FTP or SFTP, such as 'RETR file'")
    event |= {"command": command, "argument": argument if blank else None}


PROFTPD_EXTENDED = Quoted(
    "proftpd-extended",
    "ProFTPD's log of commands (ExtendedLog) in its default format: each command, its reply and size",
    "https://www.proftpd.org/docs/modules/mod_log.html",
    time=clf("time"),
    tag="proftpd.command",
    message="{request|'no command'}{' ' status}{' by ' user}{' from ' remote_host}",
    columns='remote_host ident user [time] "request" status bytes',
    absent=("-", "UNKNOWN"),
    integers="status bytes",
    refine=_part_command,
    entities={"addresses": "remote_host", "users": "user"},
)
