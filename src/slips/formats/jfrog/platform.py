"""Logs of the JFrog Platform: requests of its services, accesses of Artifactory, and the audit trail."""

from __future__ import annotations

import re

from slips.errors import RecordError
from slips.format import Event
from slips.model import MetaData
from slips.parsing import Columns, Patterns, iso
from slips.parsing.json_text import load_json

# Ten columns are requests that a remote repository makes, whose name has the place of the client's address.
JFROG_REQUEST = Columns(
    "jfrog-request",
    "JFrog requests: of clients to Artifactory, Access and other services, and of remote repositories to others",
    "https://jfrog.com/help/r/jfrog-platform-administration-documentation/request-log",
    time=iso("timestamp"),
    tag="jfrog.request",
    message="{method|'-'} {url|'-'} {status|'-'}{' by ' username}{' from ' remote_address}{' of ' repository}",
    columns="""timestamp trace_id remote_address username method url status request_length response_length duration
        user_agent""",
    others=("timestamp trace_id repository username method url status request_length response_length duration",),
    separator="|",
    absent=("", "-1"),
    integers="status request_length response_length duration",
    entities={"addresses": "remote_address", "users": "username"},
)

_WHO = re.compile(r"for ([^ ]{0,255})/([0-9a-fA-F.:]{2,45}?)\.?(?: \[([^\]]*)\])?\.?\Z")


def _name_user(meta: MetaData, event: Event) -> None:
    """Name the user, the address and the kind of sign-in at the end of an access, and what stands in front of them."""
    text = event["text"]
    at = text.rfind("for ")
    if at >= 0 and (who := _WHO.match(text, at)):
        event |= {"username": who[1], "client_ip": who[2]} | ({"type": who[3]} if who[3] else {})
        if target := text[:at].strip():
            event["target"] = target
    meta.message = f"{event['response']} {event['action']} {text}".rstrip()


JFROG_ACCESS = Patterns(
    "jfrog-access",
    "JFrog Artifactory accesses (artifactory-access.log): logins, downloads, deployments, changes, accepted or denied",
    "https://jfrog.com/help/r/jfrog-platform-administration-documentation/access-log",
    time=iso("timestamp"),
    tag="jfrog.access",
    patterns=(
        r"(?P<timestamp>\d{4}-\d\d-\d\d[T ][^ \[]+) \[(?P<trace_id>[^\]]*)\] "
        r"\[(?P<response>ACCEPTED|DENIED) (?P<action>[^\]]*)\] *(?P<text>.*)",
    ),
    absent="",
    refine=_name_user,
    entities={"addresses": "client_ip", "users": "username"},
)


def _part_change(_meta: MetaData, event: Event) -> None:
    """Make an object of what has changed, which is JSON at the end of the line."""
    text = event["data_changed"]
    if isinstance(text, str) and text.startswith("{"):
        try:
            event["data_changed"] = load_json(text.encode("utf-8", "surrogateescape"))
        except RecordError:  # cut off: it stays a text
            return


JFROG_AUDIT = Patterns(
    "jfrog-audit",
    "JFrog audit trail (access-security-audit.log): users, groups, permissions and tokens created, changed, deleted",
    "https://jfrog.com/help/r/jfrog-platform-administration-documentation/audit-trail-log",
    time=iso("date"),
    tag="jfrog.audit",
    message="{event_type} {event} {entity_name|'-'}{' by ' user|logged_principal}{' from ' user_ip}",
    patterns=(
        r"(?P<date>\d{4}-\d\d-\d\dT[^|]+)\|(?P<trace_id>[^|]*)\|(?P<user_ip>[^|]*)\|(?P<user>[^|]*)\|"
        r"(?P<logged_principal>[^|]*)\|(?P<entity_name>[^|]*)\|(?P<event_type>[A-Z]{1,10})\|(?P<event>[A-Z_]{1,20})\|"
        r"(?P<data_changed>.*)",
    ),
    absent=("", "UNKNOWN"),
    refine=_part_change,
    entities={"addresses": "user_ip", "users": "user logged_principal"},
)
