"""Logs of QNAP NAS that QuLog Center sends by syslog: system events, and accesses of users to files and services."""

from __future__ import annotations

from slips.parsing import Patterns

_WHO = r"Users: (?P<user>[^,]*+), Source IP: (?P<source_ip>[^,]*+), Computer name: (?P<computer>[^,]*+), "

# QuLog Center writes `---` where it has no value. The process is before the text, if no header of syslog was read.
QNAP_NAS = Patterns(
    "qnap-nas",
    "QNAP NAS: event and access logs of QuLog Center, with or without a syslog header",
    "https://docs.qnap.com/operating-system/qts/5.0.x/en-us/configuring-log-sender-settings-66DE0C94.html",
    chain=("s3-lines", "syslog-any", "qnap-nas"),
    tag="qnap.nas.{log}",
    message="{action|application}: {resource|content|'-'} by {user|'-'} from {source_ip|'-'}",
    patterns=(
        rf"(?:qulogd\[(?P<pid>\d++)\]: )?(?P<log>conn) log: {_WHO}Connection type: (?P<connection_type>[^,]*+), "
        r"Accessed resources: (?P<resource>.*), Action: (?P<action>[^,]*+)(?P<more>.+)?",
        rf"(?:qulogd\[(?P<pid>\d++)\]: )?(?P<log>event) log: {_WHO}Application: (?P<application>[^,]*+), "
        r"Category: (?P<category>[^,]*+), Content: (?P<content>.*)",
    ),
    absent="---",
    integers="pid",
    entities={"addresses": "source_ip", "users": "user", "hosts": "computer"},
)
