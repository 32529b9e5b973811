"""Logs of AsyncOS: Cisco Secure Email Gateway (Email Security Appliance, IronPort), as files or sent to syslog."""

from __future__ import annotations

import re

from slips.format import Event
from slips.model import MetaData
from slips.parsing import Cef, Patterns, all_of, one_of, stamp

_LEVEL = r"(?P<level>Critical|Warning|Info|Debug|Trace)"
_FILE = r"(?P<time>(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z][a-z] [ \d]\d \d\d:\d\d:\d\d \d{4})"
_SYSLOG = (
    r"(?:<(?P<priority>\d{1,3})>)?(?P<time>[A-Z][a-z][a-z] [ \d]\d \d\d:\d\d:\d\d) (?:(?P<hostname>[^ :]+) )?"
    r"(?P<log>[A-Za-z0-9_.-]+): "
)
_ANY_FILE = r"(?P<time>(?:[MTWFS][a-z]{2} )?[A-Z][a-z][a-z] [ \d]\d \d\d:\d\d:\d\d \d{4})"
_IDS = re.compile(r"\b(MID|ICID|DCID|RCID|RID) (?:= )?(\d{1,18})\b")
_PARTS = re.compile(
    r"From: <(?P<from>[^<>]*)>|To: <(?P<to>[^<>]*)>|Message-ID '<?(?P<message_id>[^'>]*)>?'"
    r"|ready (?P<bytes>\d{1,18}) bytes|\baddress (?P<address>[0-9A-Fa-f.:]+)|reverse dns host (?P<host>[^ ]+)"
    r"|(?<![^ ])(?:req|logout):(?P<client>[^ ]+) user:(?P<user>[^ ]+)|\b(?:User|[Tt]he user) (?P<who>[^ ]+) "
    r"|\bfrom (?P<peer>[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:]{2,40})(?= |$)"
    r"|\b(?:SHA256: ?|sha256 =|SHA256\[)(?P<sha256>[0-9a-f]{64})|policy (?P<policy>[^ ]+) in the"
)
_NAMES = {"who": "user", "peer": "client"}
_NOTHING = frozenset(("", "-", "unknown"))
_LENGTH = 4_096
"""Characters of a message in which its parts are looked for."""


def _name_parts(meta: MetaData, event: Event) -> None:
    """Name the numbers of messages, connections and recipients, and what a line says of them; the first of each."""
    meta.message = event["text"].strip()
    text = event["text"][:_LENGTH]
    if text.startswith("Status: "):
        words = text.split()[1:]
        event["status"] = {
            name: int(value) if value.isascii() and value.isdecimal() else value
            for name, value in zip(words[::2], words[1::2], strict=False)
        }
        return
    for name, number in _IDS.findall(text):
        event.setdefault(name.lower(), int(number))
    quote = text[-1:]
    if quote in ("'", '"'):  # a subject ends its line, and may have quotes in it
        before, named, subject = text[:-1].partition(f"Subject {quote}")
        if named:
            text = before
            if subject not in _NOTHING:
                event["subject"] = subject
    for found in _PARTS.finditer(text):
        for name, value in found.groupdict().items():
            if value is not None and value not in _NOTHING:
                event.setdefault(_NAMES.get(name, name), int(value) if name == "bytes" else value)


# Times are of the appliance's clock; a file names its offset only at its beginning.
CISCO_ESA = one_of(
    "cisco-esa",
    "Cisco Secure Email Gateway (ESA, IronPort): mail, AMP, antispam, GUI and other text logs, consolidated events",
    "https://www.cisco.com/c/en/us/td/docs/security/ces/user_guide/esa_user_guide_14-0/b_ESA_Admin_Guide_ces_14-0/b_ESA_Admin_Guide_12_1_chapter_0100111.html",
    Patterns(
        "cisco-esa.text",
        "text logs",
        time=stamp("time"),
        tag="cisco.esa.{log|'text'}",
        patterns=(
            rf"{_FILE} {_LEVEL}: (?P<text>.*)",
            rf"{_SYSLOG}{_LEVEL}: (?P<text>.*)",
            # at the beginning of a log that is sent to syslog
            rf"{_ANY_FILE} (?P<hostname>[^ :]+) (?P<log>[A-Za-z0-9_.-]+): {_LEVEL}: (?P<text>.*)",
        ),
        integers="priority",
        refine=_name_parts,
    ),
    Cef(
        "cisco-esa.consolidated",
        "consolidated events",
        require=all_of("ESAMID"),
        time=stamp("endTime", "startTime"),
        tag="cisco.esa.consolidated",
        message="{act|'-'} {suser|'-'} => {duser|'-'}: {msg|'-'}",
        integers="ESAMID ESAICID ESAMsgSize",
    ),
    tag="cisco.esa.{log|'text'|'consolidated'}",
    entities={
        "addresses": "address client dvc sourceAddress",
        "users": "user from to suser duser",
        "hosts": "hostname host sourceHostName",
        "hashes": "sha256",
    },
)
