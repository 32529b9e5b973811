"""Alerts that OSSEC and Wazuh send to a syslog server (ossec-csyslogd), in their own words."""

from __future__ import annotations

import re

from slips.errors import RecordError
from slips.format import Event
from slips.model import MetaData
from slips.parsing import Patterns, stamp

_PLACE = re.compile(r"(?:\((?P<agent>[^)]*)\) )?(?P<host>[^ >]+?)->(?P<file>.+)")
_FIELD = re.compile(
    r" +(classification|srcip|dstip|src_?city|dst_?city|user|(?:Previous|Current) (?:MD5|SHA1|SHA256)|Size changed|"
    r"(?:User|Group) ownership|Permissions changed): ?([^;]*);"
)


def _name_parts(meta: MetaData, event: Event) -> None:
    """Name the agent and the file of the location, and the fields in front of the entry that raised the alert.

    Raises RecordError for an alert without a location.
    """
    event["description"], located, rest = event.pop("rest").partition("; Location: ")
    event["location"], ended, rest = rest.partition(";")
    if not located or not ended:
        raise RecordError("no location; expected 'Rule: <number> - <description>; Location: <place>;'")
    if place := _PLACE.fullmatch(event["location"]):
        agent, host, event["file"] = place.groups()
        event["agent"] = agent or host
        if agent and host != "any":
            event["agent_ip"] = host
    start = 0
    while found := _FIELD.match(rest, start):
        event[found[1].lower().replace(" ", "_")] = found[2].strip(" ',")
        start = found.end()
    event["full_log"] = rest[start:].strip()
    place_name = event.get("agent") or event["location"]
    whence = f" from {event['srcip']}" if event.get("srcip") else ""
    meta.message = f"level {event['level']}: {event['description']} on {place_name}{whence}"


# The time is that of the header, by the clock of the server: of the second one, behind a relay's. As CEF, they are read
# by 'cef'; as JSON by 'ossec-syslog-json'; as pairs for Splunk by 'key-value'.
OSSEC_SYSLOG = Patterns(
    "ossec-syslog",
    "OSSEC and Wazuh: alerts sent to a syslog server by ossec-csyslogd, in its default format",
    "https://www.ossec.net/docs/docs/manual/output/syslog-output.html",
    chain=("s3-lines", "syslog-any", "ossec-syslog"),
    time=stamp("time"),
    tag="ossec.hids.alert",
    message="{rest}",
    patterns=(
        r"(?:(?P<time>[A-Z][a-z][a-z] [ 0-3]?\d \d\d:\d\d:\d\d) (?P<server>[^ ]+) )?(?:ossec: )?"
        r"Alert Level: (?P<level>\d{1,2}); Rule: (?P<rule>\d{1,7}) - (?P<rest>.*)",
    ),
    integers="level rule",
    refine=_name_parts,
    entities={
        "addresses": "srcip dstip agent_ip",
        "users": "user",
        "hosts": "agent",
        "hashes": "previous_md5 current_md5 previous_sha1 current_sha1 previous_sha256 current_sha256",
    },
)
