"""The project that the run deploys, its 50 objects, and the fate that each record must have.

It has four mistakes. The handler and the project's own format do not allow for some records: a new deploy mends them.
An object was cut off: it is put again, whole. Some lines are unreadable: their error items are dismissed.
"""

from __future__ import annotations

import gzip
import json
import platform
import re
from dataclasses import dataclass, field
from pathlib import Path

STACK = "on-localstack"
LOGS, CODE, DELIVERED = "my-logs", "my-code", "my-delivered"
"""Buckets: for the logs, for the package, and for the handler's results."""
TOPIC, TOKEN = "my-topic", "/on-localstack/token"
PREFIXES = ["app/", "doors/", "slow/", "trail/"]
RECORDS = 20
"""Records of each object."""
ODD = 7
"""Number of the (first) odd record in an object that has one."""

_CONFIG = """\
stack_name: STACK
tags: {team: security}
base:
  sam: {code_bucket: CODE}
backend:
  sns_topics:
    - {name: Logs, arn: "TOPIC"}
  lane:
    fast: {batch_size: 5, parallelization: 2}
    slow: {batch_size: 2, batch_window: 2}
handler:
  path: src/handler.py
  args: {bucket: DELIVERED, token: "{{ssm:TOKEN}}"}
  runtime: python3.13
  architecture: ARCHITECTURE
  timeout: 60
  policies:
    - {actions: s3:PutObject, resources: "arn:aws:s3:::DELIVERED/*"}
routing:
  - {prefix: slow/, dest: slow}
bucket_mapping:
  LOGS:
    - {prefix: app/, format: [s3-lines, json]}
    - {prefix: slow/, format: [s3-lines, json]}
    - {prefix: trail/, format: cloudtrail}
    - {prefix: doors/, format: [s3-lines, formats/doors.py:doors]}
"""

_HANDLER = '''\
"""Writes the numbers of the records of each run to a bucket."""

import json
import uuid

import boto3

import slips.interface


class Deliver(slips.interface.Handler):
    def setup(self, args):
        self.args, self.key, self.seen = args, None, []

    def recv(self, meta, event):
        if event.get("kind") == "login":
            event["user"]  # a bug: not every login has one
        self.key = meta.source.object_key
        self.seen.append(meta.seq)

    def result(self):
        body = {"key": self.key, "seen": self.seen, "secret": self.args["token"] == "s3cret"}
        boto3.client("s3").put_object(Bucket=self.args["bucket"], Key=str(uuid.uuid4()), Body=json.dumps(body))
'''
_BUG, _MENDED = 'event["user"]  # a bug: not every login has one', 'event.get("user")'

_FORMAT = '''\
"""The log of doors: `door;badge`, a record a line."""

from slips.format import Rule, parser

DRILL = Rule("drill", "doors opened by the fire drill")


@parser("doors", summary="doors", reference="https://example.com/doors", takes="text", rules=(DRILL,))
def doors(meta, text):
    door, badge = text.split(";")
    return DRILL if badge == "drill" else {"door": door, "badge": badge}
'''
_NARROW, _WIDE = 'door, badge = text.split(";")', 'door, badge, *_ = text.split(";")'


@dataclass(frozen=True)
class Object:
    """An object to put, and how it must end."""

    key: str
    body: bytes
    stage: str = ""
    """Stage of the error item that it leads to; empty for none."""
    quarantined: tuple[int, ...] = ()
    """Records that the first version of the project cannot parse."""
    lost: tuple[int, ...] = ()
    """Records that no version can parse."""
    filtered: tuple[int, ...] = ()
    whole: bytes = field(default=b"", repr=False)
    """Content that replaces `body` later, if that is cut off."""

    @property
    def ends(self) -> bool:
        """Whether the first run over the object ends well, with or without a quarantine."""
        return self.stage in ("", "parse")

    @property
    def delivered(self) -> set[int]:
        """Records that the handler must have been given in the end."""
        return set(range(1, RECORDS + 1)) - {*self.filtered, *self.lost}


def write(root: Path, topic_arn: str) -> None:
    """Writes the first version of the project."""
    meant = {
        "STACK": STACK,
        "CODE": CODE,
        "TOPIC": topic_arn,
        "DELIVERED": DELIVERED,
        "TOKEN": TOKEN,
        "ARCHITECTURE": "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64",
        "LOGS": LOGS,
    }
    config = re.sub(r"\b[A-Z]{4,}\b", lambda word: meant[word[0]], _CONFIG)
    files = {"slips.yml": config, "src/handler.py": _HANDLER, "formats/doors.py": _FORMAT}
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def mend(root: Path) -> None:
    """Writes the second version, whose handler and format allow for the odd records."""
    for name, old, new in (("src/handler.py", _BUG, _MENDED), ("formats/doors.py", _NARROW, _WIDE)):
        path = root / name
        text = path.read_text(encoding="utf-8")
        if text.count(old) != 1:
            raise ValueError(f"{name}: {old!r} is not there once")
        path.write_text(text.replace(old, new), encoding="utf-8")


def objects() -> list[Object]:
    """All 50 objects."""
    return [*_app(), *_slow(), *_trail(), *_doors()]


def _app() -> list[Object]:
    """JSON lines; half are compressed, three have keys that events encode, one is cut off."""
    found = []
    names = {3: "a b+c=é", 4: "100%/25%20", 5: "日本 ログ"}
    for number in range(24):
        events = [{"kind": "login", "user": f"user-{n}", "n": n} for n in range(1, RECORDS + 1)]
        odd = number in (8, 15, 16)
        if odd:
            del events[ODD - 1]["user"]
        body = _lines(events)
        key = f"app/2026/03/02/{names.get(number, str(number))}.jsonl"
        if number % 2:
            key, body = f"{key}.gz", gzip.compress(body, mtime=0)
        if number == 21:
            found.append(Object(key, body[: len(body) // 2], stage="decompression", whole=body))
        else:
            found.append(Object(key, body, stage="handler" if odd else ""))
    return found


def _slow() -> list[Object]:
    """JSON lines for the slow lane; two have an unreadable line."""
    found = []
    for number in range(10):
        body = _lines([{"n": n} for n in range(1, RECORDS + 1)])
        bad = (ODD,) if number in (2, 6) else ()
        if bad:
            body = body.replace(b'{"n": %d}' % ODD, b'{"n": ')
        stage = "parse" if bad else ""
        found.append(Object(f"slow/{number}.jsonl", body, stage=stage, quarantined=bad, lost=bad))
    return found


def _trail() -> list[Object]:
    """CloudTrail files."""
    found = []
    for number in range(8):
        records = [
            {
                "eventVersion": "1.09",
                "eventTime": f"2026-03-02T08:00:{n:02}Z",
                "eventSource": "s3.amazonaws.com",
                "eventName": "GetObject",
                "eventType": "AwsApiCall",
                "awsRegion": "us-east-1",
                "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::123456789012:user/akiko"},
            }
            for n in range(1, RECORDS + 1)
        ]
        body = gzip.compress(json.dumps({"Records": records}).encode(), mtime=0)
        found.append(Object(f"trail/{number}.json.gz", body))
    return found


def _doors() -> list[Object]:
    """Files of the project's own format, each with a filtered line; three have lines that its first version refuses."""
    found = []
    for number in range(8):
        lines = [f"door-{n};{'drill' if n == RECORDS else f'badge-{n}'}" for n in range(1, RECORDS + 1)]
        newer = (ODD, ODD + 1) if number in (1, 4, 5) else ()
        for n in newer:
            lines[n - 1] += ";by key"
        body = "\n".join(lines).encode() + b"\n"
        stage = "parse" if newer else ""
        found.append(Object(f"doors/{number}.log", body, stage=stage, quarantined=newer, filtered=(RECORDS,)))
    return found


def _lines(events: list[dict[str, object]]) -> bytes:
    return b"".join(json.dumps(event).encode() + b"\n" for event in events)
