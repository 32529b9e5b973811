"""Logs to measure with, made from a seed: the same bytes on every machine, so that ratios can be compared.

The shapes and sizes are those of real logs (a sign-in of Azure AD has 1.5 KB, a CloudTrail record 1.2 KB, a syslog
line 110 B); no two records are equal, so that compression is as hard as usual.
"""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

BEGIN = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
EVENT_TIME = "2026-11-23T12:00:00.000Z"
COMPROMISED = "confirmedCompromised"
"""The text of one sign-in in a hundred, for prefilters."""


def sign_ins(dice: random.Random) -> Iterator[dict[str, object]]:
    """Azure AD sign-ins."""
    at = BEGIN
    while True:
        at += timedelta(milliseconds=dice.randrange(900))
        user = f"user{dice.randrange(900)}@example.com"
        yield {
            "id": f"{dice.getrandbits(128):032x}",
            "createdDateTime": at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{dice.randrange(10**7):07d}Z",
            "userDisplayName": user.partition("@")[0].title(),
            "userPrincipalName": user,
            "userId": f"{dice.getrandbits(128):032x}",
            "appId": f"{dice.getrandbits(128):032x}",
            "appDisplayName": dice.choice(["Azure Portal", "Office 365 Exchange Online", "Microsoft Teams"]),
            "ipAddress": f"198.51.100.{dice.randrange(256)}",
            "clientAppUsed": "Browser",
            "correlationId": f"{dice.getrandbits(128):032x}",
            "conditionalAccessStatus": dice.choice(["success", "notApplied"]),
            "isInteractive": dice.random() < 0.7,
            "riskDetail": "none",
            "riskLevelAggregated": "none",
            "riskState": COMPROMISED if dice.randrange(100) == 0 else "none",
            "riskEventTypes": [],
            "resourceDisplayName": "Windows Azure Service Management API",
            "resourceId": f"{dice.getrandbits(128):032x}",
            "status": {"errorCode": dice.choice([0, 0, 0, 50126]), "failureReason": "Other."},
            "deviceDetail": {
                "deviceId": f"{dice.getrandbits(128):032x}",
                "displayName": f"LAPTOP-{dice.randrange(10**6):06d}",
                "operatingSystem": "Windows 10",
                "browser": "Edge 118.0.2088",
                "isCompliant": True,
                "isManaged": True,
                "trustType": "Azure AD joined",
            },
            "location": {
                "city": "Tokyo",
                "state": "Tokyo",
                "countryOrRegion": "JP",
                "geoCoordinates": {"latitude": 35.6 + dice.random(), "longitude": 139.6 + dice.random()},
            },
            "appliedConditionalAccessPolicies": [
                {
                    "id": f"{dice.getrandbits(128):032x}",
                    "displayName": name,
                    "enforcedGrantControls": ["Mfa"],
                    "enforcedSessionControls": [],
                    "result": "success",
                }
                for name in ("Require MFA", "Block legacy authentication")
            ],
        }


def api_calls(dice: random.Random) -> Iterator[dict[str, object]]:
    """CloudTrail records."""
    at = BEGIN
    while True:
        at += timedelta(milliseconds=dice.randrange(900))
        user = f"user{dice.randrange(200)}"
        yield {
            "eventVersion": "1.08",
            "userIdentity": {
                "type": "AssumedRole",
                "principalId": f"AROA{dice.getrandbits(64):016X}:{user}",
                "arn": f"arn:aws:sts::123456789012:assumed-role/Engineer/{user}",
                "accountId": "123456789012",
                "accessKeyId": f"ASIA{dice.getrandbits(64):016X}",
                "sessionContext": {
                    "sessionIssuer": {
                        "type": "Role",
                        "principalId": f"AROA{dice.getrandbits(64):016X}",
                        "arn": "arn:aws:iam::123456789012:role/Engineer",
                        "accountId": "123456789012",
                        "userName": "Engineer",
                    },
                    "webIdFederationData": {},
                    "attributes": {"creationDate": at.strftime("%Y-%m-%dT%H:%M:%SZ"), "mfaAuthenticated": "false"},
                },
            },
            "eventTime": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "eventSource": "ec2.amazonaws.com",
            "eventName": dice.choice(["DescribeInstances", "RunInstances", "DescribeVpcs"]),
            "awsRegion": "ap-northeast-1",
            "sourceIPAddress": f"203.0.113.{dice.randrange(256)}",
            "userAgent": "aws-cli/2.13.0 Python/3.11.4 Linux/5.15.0 exe/x86_64.ubuntu.22 prompt/off",
            "requestParameters": {
                "instancesSet": {"items": [{"instanceId": f"i-{dice.getrandbits(68):017x}"}]},
                "filterSet": {},
            },
            "responseElements": None,
            "requestID": f"{dice.getrandbits(128):032x}",
            "eventID": f"{dice.getrandbits(128):032x}",
            "readOnly": True,
            "eventType": "AwsApiCall",
            "managementEvent": True,
            "recipientAccountId": "123456789012",
            "eventCategory": "Management",
            "tlsDetails": {
                "tlsVersion": "TLSv1.3",
                "cipherSuite": "TLS_AES_128_GCM_SHA256",
                "clientProvidedHostHeader": "ec2.ap-northeast-1.amazonaws.com",
            },
        }


def syslog_lines(dice: random.Random) -> Iterator[str]:
    """sshd, as syslog writes it."""
    at = BEGIN
    while True:
        at += timedelta(milliseconds=dice.randrange(300))
        yield (
            f"{at:%b} {at.day:2d} {at:%H:%M:%S} ip-172-31-{dice.randrange(256)}-118 sshd[{dice.randrange(32768)}]: "
            f"Failed password for invalid user user{dice.randrange(999)} from 192.0.2.{dice.randrange(256)} "
            f"port {dice.randrange(1024, 65536)} ssh2"
        )


def flows(dice: random.Random) -> Iterator[str]:
    """VPC flow logs, version 2, with the header that AWS writes."""
    yield (
        "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action "
        "log-status"
    )
    at = int(BEGIN.timestamp())
    while True:
        at += dice.randrange(2)
        interface = f"123456789012 eni-{dice.getrandbits(68):017x}"
        if dice.randrange(200) == 0:
            yield f"2 {interface} - - - - - - - {at} {at + 59} - NODATA"
            continue
        yield (
            f"2 {interface} 10.0.{dice.randrange(256)}.{dice.randrange(256)} "
            f"203.0.{dice.randrange(256)}.{dice.randrange(256)} {dice.randrange(1024, 65536)} "
            f"{dice.choice([22, 53, 80, 443, 3389])} {dice.choice([6, 17])} {dice.randrange(1, 400)} "
            f"{dice.randrange(40, 400_000)} {at} {at + dice.randrange(1, 60)} {dice.choice(['ACCEPT', 'REJECT'])} OK"
        )


def requests(dice: random.Random) -> Iterator[str]:
    """Access logs of an application load balancer."""
    at = BEGIN
    while True:
        at += timedelta(microseconds=dice.randrange(90_000))
        status = dice.choice([200, 200, 200, 304, 404, 502])
        trace = f"Root=1-{int(at.timestamp()):08x}-{dice.getrandbits(96):024x}"
        host = f"shop{dice.randrange(20)}.example.com"
        yield (
            f"https {at:%Y-%m-%dT%H:%M:%S.%f}Z app/shop/{dice.getrandbits(64):016x} "
            f"198.51.{dice.randrange(256)}.{dice.randrange(256)}:{dice.randrange(1024, 65536)} "
            f"10.0.{dice.randrange(4)}.{dice.randrange(256)}:8080 0.{dice.randrange(1000):03d} "
            f"0.{dice.randrange(1000):03d} 0.000 {status} {status} "
            f"{dice.randrange(90, 9000)} {dice.randrange(90, 90000)} "
            f'"GET https://{host}:443/items/{dice.randrange(10**6)}?page={dice.randrange(9)} HTTP/1.1" '
            f'"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/{dice.randrange(90, 140)}.0 Safari/537.36" '
            f"ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 "
            f"arn:aws:elasticloadbalancing:us-east-2:123456789012:targetgroup/shop/{dice.getrandbits(64):016x} "
            f'"{trace}" "{host}" '
            f'"arn:aws:acm:us-east-2:123456789012:certificate/{dice.getrandbits(128):032x}" 0 '
            f'{at:%Y-%m-%dT%H:%M:%S.%f}Z "forward" "-" "-" "10.0.0.{dice.randrange(256)}:8080" "{status}" "-" "-"'
        )


def json_lines(size: int) -> Callable[[random.Random], Iterator[bytes]]:
    """Sign-ins, one a line, until `size` bytes."""

    def lines(dice: random.Random) -> Iterator[bytes]:
        written = 0
        for record in sign_ins(dice):
            line = json.dumps(record, separators=(",", ":")).encode() + b"\n"
            yield line
            written += len(line)
            if written >= size:
                return

    return lines


def document(size: int) -> Callable[[random.Random], Iterator[bytes]]:
    """One CloudTrail document of about `size` bytes."""

    def pieces(dice: random.Random) -> Iterator[bytes]:
        written, glue = 0, b'{"Records":['
        for record in api_calls(dice):
            piece = glue + json.dumps(record, separators=(",", ":")).encode()
            yield piece
            written, glue = written + len(piece), b","
            if written >= size:
                break
        yield b"]}"

    return pieces


def text_lines(
    size: int, records: Callable[[random.Random], Iterator[str]]
) -> Callable[[random.Random], Iterator[bytes]]:
    """Lines of text until `size` bytes."""

    def lines(dice: random.Random) -> Iterator[bytes]:
        written = 0
        for text in records(dice):
            yield text.encode() + b"\n"
            written += len(text) + 1
            if written >= size:
                return

    return lines


def traces(dice: random.Random) -> Iterator[str]:
    """An application's log: each record has lines of a traceback behind its first."""
    for line in syslog_lines(dice):
        yield line + "".join(f"\n\tat shop.Cart.add(Cart.java:{dice.randrange(900)})" for _ in range(dice.randrange(9)))


def repeated(path: Path, size: int, before: bytes, middle: bytes, after: bytes = b"") -> Path:
    """`path`, of gzip members: `before`, `middle` until there are `size` bytes, `after`. A gigabyte takes seconds."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        part, member = path.with_suffix(".part"), gzip.compress(middle, 6)
        with part.open("wb") as file:
            file.write(gzip.compress(before))
            for _ in range(max(1, size // len(middle))):
                file.write(member)
            file.write(gzip.compress(after))
        part.rename(path)
    return path


def write(path: Path, make: Callable[[random.Random], Iterator[bytes]], seed: int = 1) -> Path:
    """`path`, gzipped, made unless it is there already."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        with gzip.open(part, "wb", compresslevel=6) as file:
            file.writelines(make(random.Random(seed)))
        part.rename(path)
    return path
