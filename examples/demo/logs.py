"""The demo's logs: a morning of a small company, always the same. Written from the vendors' documentation."""

from __future__ import annotations

import gzip
import json
import random
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MORNING = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
OBJECTS = 8
RECORDS = 3 * 2_000 + 2 * 1_500 + 4_000 + 800 + 600
"""In all of them, once they are whole."""
BAD_RECORDS = {"syslog/2026-03-02.log.gz": [[7, 7], [1200, 1201]]}
CORRUPT = "cloudtrail/2026-03-02T0900Z.json.gz"
SURPRISING = "g_suite/2026-03-02.jsonl"
"""Has a login that the handler's first version does not expect."""


def deliver(bucket: Path) -> None:
    """All objects below `bucket`, the corrupt one broken off in the middle."""
    for key, body in _objects().items():
        path = bucket / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body[: len(body) // 2] if key == CORRUPT else body)


def deliver_again(bucket: Path) -> None:
    """The corrupt object, whole."""
    (bucket / CORRUPT).write_bytes(_objects()[CORRUPT])


def _objects() -> dict[str, bytes]:
    """Every object by its key."""
    dice = random.Random(20260302)  # noqa: S311 - logs, not secrets
    objects = {}
    for number in range(3):
        at = MORNING + timedelta(minutes=30 * number)
        objects[f"cloudtrail/{at:%Y-%m-%dT%H%MZ}.json.gz"] = gzip.compress(_cloudtrail(dice, at), mtime=0)
    for number in range(2):
        at = MORNING + timedelta(hours=number)
        objects[f"azure_ad/{at:%Y-%m-%dT%H%MZ}.jsonl.zst"] = zstd.compress(_azure_ad(dice, at))
    objects["syslog/2026-03-02.log.gz"] = gzip.compress(_syslog(dice), mtime=0)
    objects[SURPRISING] = _g_suite(dice)
    objects["firewall/pa 220+vpn é.log"] = _paloalto(dice)
    return objects


def _cloudtrail(dice: random.Random, at: datetime) -> bytes:
    records = [
        {
            "eventVersion": "1.09",
            "userIdentity": {
                "type": "IAMUser",
                "arn": f"arn:aws:iam::123456789012:user/{dice.choice(['akiko', 'bert', 'chloe'])}",
                "accountId": "123456789012",
            },
            "eventTime": f"{at + timedelta(seconds=number):%Y-%m-%dT%H:%M:%SZ}",
            "eventSource": "s3.amazonaws.com",
            "eventName": dice.choice(["GetObject", "PutObject", "ListBuckets"]),
            "awsRegion": "ap-northeast-1",
            "sourceIPAddress": f"198.51.100.{dice.randrange(1, 255)}",
            "requestID": f"{dice.getrandbits(64):016X}",
            "eventType": "AwsApiCall",
        }
        for number in range(2_000)
    ]
    return json.dumps({"Records": records}, separators=(",", ":")).encode()


def _azure_ad(dice: random.Random, at: datetime) -> bytes:
    return b"".join(
        json.dumps(
            {
                "id": f"{dice.getrandbits(128):032x}",
                "createdDateTime": f"{at + timedelta(seconds=number):%Y-%m-%dT%H:%M:%S}.1234567Z",
                "userPrincipalName": f"{dice.choice(['akiko', 'bert', 'chloe'])}@example.com",
                "ipAddress": f"203.0.113.{dice.randrange(1, 255)}",
                "status": {"errorCode": dice.choice([0, 0, 0, 50126])},
            }
        ).encode()
        + b"\n"
        for number in range(1_500)
    )


def _syslog(dice: random.Random) -> bytes:
    lines = []
    for number in range(1, 4_001):
        at = MORNING + timedelta(seconds=number)
        lines.append(
            f"{at:%b} {at.day:2d} {at:%H:%M:%S} bastion sshd[{dice.randrange(300, 30_000)}]: "
            f"Failed password for invalid user admin from 192.0.2.{dice.randrange(1, 255)} port 50412 ssh2"
        )
    lines[6] = "-- the disk was full here --"
    lines[1199:1201] = ["Mar  2 08:2", "0:01 bastion sshd"]
    return "\n".join(lines).encode() + b"\n"


def _g_suite(dice: random.Random) -> bytes:
    logins = [
        {
            "kind": "admin#reports#activity",
            "id": {"time": f"{MORNING + timedelta(seconds=number):%Y-%m-%dT%H:%M:%S}.000Z", "applicationName": "login"},
            "actor": {"email": f"{dice.choice(['akiko', 'bert', 'chloe'])}@example.com"},
            "ipAddress": f"203.0.113.{dice.randrange(1, 255)}",
            "events": [{"type": "login", "name": dice.choice(["login_success", "login_failure"])}],
        }
        for number in range(800)
    ]
    # Google leaves `ipAddress` out for logins that it makes on a user's behalf.
    del logins[411]["ipAddress"]
    return b"".join(json.dumps(login).encode() + b"\n" for login in logins)


def _paloalto(dice: random.Random) -> bytes:
    lines = []
    for number in range(600):
        at = f"{MORNING + timedelta(seconds=number):%Y/%m/%d %H:%M:%S}"
        lines.append(
            f"1,{at},007200001056,TRAFFIC,end,2560,{at},192.0.2.{dice.randrange(1, 255)},203.0.113.9,0.0.0.0,0.0.0.0,"
            f"allow-web,,,ssl,vsys1,trust,untrust,ethernet1/2,ethernet1/1,to-siem,{at},{dice.randrange(10**6)},1,"
            f"{dice.randrange(1024, 65535)},443,0,0,0x19,tcp,allow,5120,1024,4096,20,{at},3,any,0"
        )
    return "\n".join(lines).encode() + b"\n"
