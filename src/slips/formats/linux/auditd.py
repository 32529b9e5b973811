"""The log of the Linux audit daemon, as /var/log/audit/audit.log has it."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Any

from slips.errors import RecordError
from slips.format import Event
from slips.model import MetaData
from slips.parsing import Regex, epoch
from slips.parsing.conversions import integer_or_text
from slips.parsing.typed import booleans_by_text

_PATTERN = (
    r"(?:node=(?P<node>[^ ]++) )?(?:audit: )?type=(?P<type>[^ \n]++) "
    r"(?:msg=)?audit\((?P<time>\d++\.\d++):(?P<serial>\d++)\):(?P<body>.*)"
)
_SAME = r"(?:node=([^ ]++) )?(?:audit: )?type=[^ \n]++ (?:msg=)?audit\(([^)]++)\)"
_LINE = re.compile(_PATTERN)
_NEXT = re.compile(r"\n| (?=(?:node=[^ ]{1,255} )?type=[A-Z0-9_\[\]]{1,64} msg=audit\()")
"""Between the records of an event; agents of Wazuh and others write them on one line, with a blank between."""
_OWN = frozenset(["type", "time", "serial", "node", "records"])
"""Names of an event's own fields, which pairs of a program may have, too."""
_PAIR = re.compile(r"""(?<![\w.\[\]-])((?:old |new )?[A-Za-z_][\w.\[\]-]*+)=(?:"([^"]*)"|'([^']*)'|([^ ]*))""")
_DENIAL = re.compile(r"avc: +(denied|granted) +\{ ([^}]*) \} for")
_ENRICHED = "\x1d"
"""Stands before the names that auditd adds to numbers, as `UID="root"`."""

_INTEGERS = frozenset(
    """pid ppid auid uid gid euid suid fsuid egid sgid fsgid ses old-auid new-auid old-ses new-ses ouid ogid oauid oses
    opid items item inode ino argc exit id lport rport spid ksize sig src_prefixlen dst_prefixlen""".split()
)
_BOOLEANS = {"success": booleans_by_text(("yes/no",)), "permissive": booleans_by_text(("1/0",))}
_ENCODED = frozenset(
    "proctitle comm exe name cwd cmd acct path dir key file data vm ocomm opath watch device grp old-disk".split()
)
_WRITTEN = {True: "yes", False: "no"}
_HEX = re.compile(r"(?:[0-9A-F]{2})+")
_ARGUMENT = re.compile(r"a\d+(?:\[\d+\])?")
_ABSENT = frozenset(["", "?", "(null)", "(none)"])


def _value(type_: str, name: str, bare: str) -> Any:
    """Return the value of a pair without quotes: programs choose these texts, and auditd writes odd ones in hex."""
    if bare in _ABSENT:
        return None
    if name in _INTEGERS:
        return integer_or_text(bare)
    if name in _BOOLEANS:
        return _BOOLEANS[name].get(bare, bare)
    if (name in _ENCODED or (type_ == "EXECVE" and _ARGUMENT.fullmatch(name))) and _HEX.fullmatch(bare):
        text = bytes.fromhex(bare).decode("utf-8", "surrogateescape")
        return text.rstrip("\0").replace("\0", " ")
    return bare


def _add(fields: Event, name: str, value: Any) -> None:
    if name not in fields:
        fields[name] = value
    elif isinstance(fields[name], list):
        fields[name].append(value)
    else:
        fields[name] = [fields[name], value]


def _take_pairs(fields: Event, text: str) -> None:
    """Add the pairs of a text, and what is between them as `text`; behind `op`, that is a part of it."""
    words, end, last = list[str](), 0, ""
    for pair in _PAIR.finditer(text):
        between, end = text[end : pair.start()].strip(" ,"), pair.end()
        if between and last == "op":
            if isinstance(fields["op"], list):
                fields["op"][-1] = f"{fields['op'][-1] or ''} {between}".strip()
            else:
                fields["op"] = f"{fields['op'] or ''} {between}".strip()
        elif between:
            words.append(between)
        name, double, single, bare = pair.groups()
        last = name = name.replace(" ", "-")
        if name in _OWN:
            name = f"of_{name}"
        quoted = double if double is not None else single
        _add(fields, name, quoted if quoted is not None else _value(fields["type"], name, bare))
    if between := text[end:].strip(" ,"):
        words.append(between)
    if words:
        known = fields.get("text")
        fields["text"] = " ".join([known, *words] if isinstance(known, str) else words)


def _take_address(fields: Event) -> None:
    """Add what `saddr` says, under the names of `ausearch`."""
    try:
        raw = bytes.fromhex(fields["saddr"])
    except (TypeError, ValueError):
        return
    family = int.from_bytes(raw[:2], "little")
    if family == 1 and (path := raw[2:].strip(b"\0")):
        fields |= {"saddr_fam": "local", "path": path.partition(b"\0")[0].decode("utf-8", "surrogateescape")}
    elif (family == 2 and len(raw) >= 8) or (family == 10 and len(raw) >= 24):
        address = raw[4:8] if family == 2 else raw[8:24]
        fields |= {"saddr_fam": "inet" if family == 2 else "inet6", "laddr": str(ip_address(address))}
        fields["lport"] = int.from_bytes(raw[2:4], "big")


def _take_body(fields: Event, body: str) -> Event:
    """Add the pairs of the body of a record, and those in its `msg`, to its fields."""
    body, _, names = body.partition(_ENRICHED)
    before, found, message = body.rstrip().partition(" msg='")
    _take_pairs(fields, before)
    if found:
        message = message.removesuffix("'")
        start = message.find(" (hostname=")  # of old versions: "(hostname=?, addr=?, terminal=pts/0 res=failed)"
        if start >= 0 and message.endswith(")"):
            message = f"{message[:start]} {message[start + 2 : -1].replace(', ', ' ')}"
        _take_pairs(fields, message)
    known = fields.get("text")
    if isinstance(known, str) and (denial := _DENIAL.match(known)):
        fields["seresult"], fields["seperms"] = denial[1], denial[2].split()
    if isinstance(fields.get("saddr"), str):
        _take_address(fields)
    _take_pairs(fields, names)
    return fields


def _take_apart(meta: MetaData, event: Event) -> None:
    """Add the pairs of the first record, and the further ones of the same event as `records`. Raises RecordError."""
    first, *others = _NEXT.split(event.pop("body"))
    if event["node"] is None:
        del event["node"]
    _take_body(event, first)
    records = []
    for line in others:
        head = _LINE.match(line)
        if head is None:
            raise RecordError(f"line begins with {line[:60]!r}; expected 'type=… msg=audit(…): '")
        records.append(_take_body({"type": head["type"]}, head["body"]))
    if records:
        event["records"] = records
    words = [event.get(name) for name in ("op", "acct", "exe", "success", "res", "text")]
    words = [_WRITTEN[word] if isinstance(word, bool) else word for word in words]
    meta.message = " ".join([event["type"], *(word for word in words if isinstance(word, str))])


AUDITD = Regex(
    "auditd",
    "Linux audit daemon: the records of an event, joined if they are behind one another",
    "https://github.com/linux-audit/audit-documentation/wiki/SPEC-Audit-Event-Enrichment",
    chain=({"multiline": {"same": _SAME}}, "auditd"),
    tag="linux.auditd.{type}",
    time=epoch("time"),
    pattern=_PATTERN,
    integers="serial",
    refine=_take_apart,
    entities={
        "users": "acct AUID UID records.AUID records.UID",
        "addresses": "addr laddr records.laddr",
        "hosts": "node hostname",
    },
)
