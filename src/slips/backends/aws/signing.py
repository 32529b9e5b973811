"""Signs GET requests of S3 by AWS Signature Version 4, as botocore does, in a tenth of its time. Pure.

https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
"""

from __future__ import annotations

import hmac
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import quote

from msgspec import Struct

if TYPE_CHECKING:
    from botocore.credentials import ReadOnlyCredentials

ALGORITHM = "AWS4-HMAC-SHA256"
SIGNED = "host;x-amz-content-sha256;x-amz-date"
SIGNED_WITH_TOKEN = f"{SIGNED};x-amz-security-token"


class Scope(Struct, frozen=True):
    """Where a signature is valid."""

    host: str
    """The header `Host`: with the port if that is not the scheme's own."""
    region: str
    service: str
    payload: str
    """The header `X-Amz-Content-SHA256`: the hash of an empty body, or a word that stands for it."""


def quoted(key: str) -> str:
    """Quote an object key for a path. Unlike elsewhere on the web, S3 signs the path as sent, with `..` and `//`."""
    return quote(key, safe="/-._~")


def query_of(version_id: str | None) -> str:
    """Return the query that asks for a version of an object; empty for the current one."""
    return f"versionId={quote(version_id, safe='-._~')}" if version_id else ""


def signature_headers(keys: ReadOnlyCredentials, scope: Scope, path: str, query: str, at: str) -> str:
    """Return the headers, one a line, that sign `GET path?query` at a time like `20261129T070600Z`.

    `path` and `query` are quoted.
    """
    day, token = at[:8], keys.token
    headers = f"x-amz-content-sha256:{scope.payload}\nx-amz-date:{at}\n"
    signed = SIGNED
    if token:
        headers += f"x-amz-security-token:{token}\n"
        signed = SIGNED_WITH_TOKEN
    canonical = f"GET\n{path}\n{query}\nhost:{scope.host}\n{headers}\n{signed}\n{scope.payload}"
    place = f"{day}/{scope.region}/{scope.service}/aws4_request"
    text = f"{ALGORITHM}\n{at}\n{place}\n{sha256(canonical.encode()).hexdigest()}"
    signature = hmac.digest(_key(keys.secret_key, day, scope.region, scope.service), text.encode(), "sha256").hex()
    credential = f"{keys.access_key}/{place}"
    return (
        headers.replace("\n", "\r\n")
        + f"Authorization: {ALGORITHM} Credential={credential}, SignedHeaders={signed}, Signature={signature}\r\n"
    )


@lru_cache(maxsize=16)
def _key(secret: str | None, day: str, region: str, service: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
