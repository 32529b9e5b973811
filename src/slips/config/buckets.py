"""The keys of `backend.embedded.buckets` in slips.yml: buckets of this machine that are in S3, not in a directory.

`schema` declares the other keys.
"""

from __future__ import annotations

import re
from typing import Annotated

from msgspec import Meta, Struct

from slips.config.notes import (
    ADDRESS,
    BUCKET,
    DATE,
    DURATION,
    ENDPOINT,
    KEYS_OF_DATES,
    QUEUE,
    READ_SECRET,
)
from slips.format import SHORT, a_key

POLL_SECONDS, BESIDE_SECONDS = 300, 21_600
"""Seconds between two listings of a bucket, and of one whose objects are announced by a queue or by notifications."""

_Text = Annotated[str, Meta(min_length=1)]
_Texts = Annotated[list[_Text], Meta(extra_json_schema=SHORT)]


class Webhook(Struct, frozen=True):
    """Where Ceph or MinIO send their notifications by HTTP. `true` in place of the mapping means its defaults."""

    listen: Annotated[str, ADDRESS, a_key("Address and port; several buckets may share one.", "192.0.2.7:9465")] = (
        "127.0.0.1:9465"
    )
    secret: (
        Annotated[
            str,
            READ_SECRET,
            a_key(
                "Secret that each notification must have: an environment variable or a file holds it. Required if "
                "`listen` is no loopback address.",
                "{{env:SLIPS_WEBHOOK_SECRET}}",
            ),
        ]
        | None
    ) = None


class S3Bucket(Struct, frozen=True, kw_only=True):
    """A bucket in S3, or on a compatible server, whose new objects `up` and `run` find."""

    s3: Annotated[str, BUCKET, a_key("Name of the bucket in S3, usually the same as here.", "my-logs")]
    prefix: Annotated[_Texts, a_key("Only keys that begin so, or so; not set: all.", ["AWSLogs/", "app/"])] = []
    endpoint_url: (
        Annotated[str, ENDPOINT, a_key("Server in place of AWS: Ceph, MinIO.", "https://s3.example.com")] | None
    ) = None
    region: Annotated[_Text, a_key("Region; not set: that of the environment or the profile.", "eu-west-1")] | None = (
        None
    )
    profile: (
        Annotated[
            _Text,
            a_key(
                "Profile of `~/.aws/config`; not set: the usual credentials of AWS, from the environment on.", "logs"
            ),
        ]
        | None
    ) = None
    path_style: (
        Annotated[
            bool,
            a_key("Whether the bucket is in the path of addresses, not in the host; not set: if `endpoint_url` is."),
        ]
        | None
    ) = None
    poll: (
        Annotated[
            int,
            DURATION,
            a_key(
                "Time between two listings; `0`: never. Not set: `5m`, beside `sqs` or `webhook` `6h`, for what these "
                "may have missed.",
                "1m",
            ),
        ]
        | None
    ) = None
    recent: Annotated[
        list[Annotated[str, KEYS_OF_DATES]],
        Meta(extra_json_schema=SHORT),
        a_key(
            "How keys begin that have their date in them: with this, only those of the last days are listed each "
            "`poll`, and all keys each `full`. `%Y`, `%m`, `%d`, `%H` stand for the date (UTC), `*` for any text "
            "between two slashes.",
            ["AWSLogs/*/CloudTrail/*/%Y/%m/%d/"],
        ),
    ] = []
    window: Annotated[
        int, DURATION, a_key("How far back keys count as `recent`: later ones are found by the next full listing.")
    ] = 172_800
    full: Annotated[int, DURATION, a_key("Time between two listings of all keys, with `recent`.")] = 86_400
    since: (
        Annotated[
            str,
            DATE,
            a_key("Listings leave objects alone that changed last before this; not set: none.", "2026-11-01"),
        ]
        | None
    ) = None
    sqs: (
        Annotated[
            str,
            QUEUE,
            a_key(
                "URL of a queue that announces new objects: from S3, SNS or EventBridge.",
                "https://sqs.eu-west-1.amazonaws.com/123456789012/my-logs",
            ),
        ]
        | None
    ) = None
    webhook: Annotated[Webhook | bool, a_key("Take notifications of Ceph or MinIO by HTTP.")] = False

    @property
    def prefixes(self) -> list[str]:
        """How keys begin, without those prefixes that begin as another one does; `['']` for all keys."""
        given = sorted(set(self.prefix)) or [""]
        return [one for one in given if not any(one != other and one.startswith(other) for other in given)]

    def has(self, key: str) -> bool:
        """Whether an object of the bucket in S3 is one of this bucket, by its prefixes."""
        return key.startswith(tuple(self.prefixes))

    @property
    def place(self) -> str:
        """The bucket in S3 for people: `s3://my-logs` or `s3://my-logs at http://127.0.0.1:9000`."""
        prefixes = ", ".join(f"s3://{self.s3}/{prefix}" for prefix in self.prefix) or f"s3://{self.s3}"
        return f"{prefixes} at {self.endpoint_url}" if self.endpoint_url else prefixes

    @property
    def listener(self) -> Webhook | None:
        """Where notifications arrive by HTTP; None if they do not."""
        return Webhook() if self.webhook is True else self.webhook or None

    @property
    def poll_seconds(self) -> int:
        """Seconds between two listings; 0: there are none."""
        if self.poll is not None:
            return self.poll
        return BESIDE_SECONDS if self.sqs or self.webhook else POLL_SECONDS


def literal_of(keys: str) -> str:
    """Return the literal text with which each key begins that fits `keys` of `recent`."""
    return re.split("[%*]", keys, maxsplit=1)[0]
