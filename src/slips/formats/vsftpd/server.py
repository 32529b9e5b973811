"""Log of vsftpd in its own style: connections, sign-ins, transfers; 'xferlog' reads its other style."""

from __future__ import annotations

from slips.parsing import Patterns, stamp

_FRONT = (
    r"(?:(?P<time>[A-Z][a-z][a-z] [A-Z][a-z][a-z] +\d{1,2} \d\d:\d\d:\d\d \d{4}) \[pid (?P<pid>\d+)\] )?"
    r"(?:\[(?P<user>[^\]]*)\] )?"
)
"""With `syslog_enable`, the header of syslog has the time and the process."""
_CLIENT = r'Client "(?:::ffff:)?(?P<client>[^"]*)"'

VSFTPD = Patterns(
    "vsftpd",
    "vsftpd in its own style: connections, sign-ins, uploads and downloads, FTP commands",
    "https://security.appspot.com/vsftpd/vsftpd_conf.html",
    time=stamp("time"),
    tag="vsftpd.{action|'log'}",
    message="{status|'-'} {action|'-'} {user|'-'} {client|'-'} {path|text|'-'}",
    patterns=(
        rf"{_FRONT}(?P<status>OK|FAIL) (?P<action>[A-Z]+): {_CLIENT}"
        r'(?:, (?:anon password "(?P<anon_password>.*)|"(?P<path>.*))")?(?:, (?P<bytes>\d+) bytes)?'
        r"(?:, (?P<rate>[0-9.]+)Kbyte/sec)?(?P<more>.+)?",
        rf"{_FRONT}(?P<action>CONNECT|DEBUG): {_CLIENT}(?:, (?P<text>.*)|(?P<more>.+))?",
        rf'{_FRONT}FTP (?P<action>command|response): {_CLIENT}, "(?P<text>.*)"(?P<more>.+)?',
    ),
    integers="pid bytes",
    floats="rate",
    entities={"addresses": "client", "users": "user"},
)
