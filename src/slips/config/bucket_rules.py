"""Rules about the buckets of this machine in S3: ways to find their objects, addresses that several share."""

from __future__ import annotations

import ipaddress
from datetime import datetime
from typing import Any

from slips.config.buckets import Webhook, literal_of
from slips.config.problems import Problems, Where, quote, show
from slips.config.server_urls import mistake_in_ipv6, mistake_in_port, mistake_in_url
from slips.config.values import right_items

_HERE: Where = ("backend", "embedded", "buckets")


class BucketRules:
    """Checks the right values of the `buckets` of `backend.embedded`, as plain data, against each other."""

    def __init__(self, problems: Problems, buckets: dict[str, Any]) -> None:
        self._problems = problems
        self._buckets = {name: bucket for name, bucket in buckets.items() if isinstance(bucket, dict)}

    def check(self) -> None:
        """Report every mistake."""
        listeners: dict[str, tuple[str, str | None]] = {}
        for name, bucket in self._buckets.items():
            self._check_ways(name, bucket)
            self._check_recent(name, bucket)
            self._check_since(name, bucket)
            self._check_urls(name, bucket)
            if bucket.get("webhook"):
                self._check_webhook(name, bucket["webhook"], listeners)
        self._check_overlaps()

    def _check_ways(self, name: str, bucket: dict[str, Any]) -> None:
        """Report a bucket whose new objects would never be found."""
        if bucket.get("poll") == 0 and not (self._has(name, "sqs") or bucket.get("webhook")):
            self._error(
                (name, "poll"),
                "0 means no listing, and nothing else finds new objects; expected 'sqs' or 'webhook' beside it; add "
                "one, or take 'poll' away",
            )

    def _check_recent(self, name: str, bucket: dict[str, Any]) -> None:
        """Report times that mean nothing without `recent`, and beginnings of keys outside of the bucket's prefixes."""
        recent = [*right_items(bucket.get("recent", []))]
        if not self._has(name, "recent"):
            for key in ("window", "full"):
                if key in bucket:
                    self._warn((name, key), "changes nothing without 'recent'; expected both; take it away")
            return
        if bucket.get("poll") == 0:
            self._warn((name, "recent"), "changes nothing with 'poll: 0', which means no listing; take it away")
        prefixes = [prefix for _, prefix in right_items(bucket.get("prefix") or [""])]
        dated: set[str] = set()
        for index, keys in recent:
            literal = literal_of(keys)
            fitting = {prefix for prefix in prefixes if literal.startswith(prefix) or prefix.startswith(literal)}
            dated |= fitting
            if not fitting:
                self._error(
                    (name, "recent", index),
                    f"{quote(keys)} begins as no 'prefix' of the bucket ({', '.join(map(repr, prefixes))}); "
                    "expected keys below one of these; mend it",
                )
        if dated and (rare := [prefix for prefix in prefixes if prefix not in dated]):
            self._warn(
                (name, "recent"),
                f"has no keys below {', '.join(map(repr, rare))}, so that new ones there are found each 'full' alone; "
                "expected some of each 'prefix'; add them, or give these prefixes a bucket of their own",
            )

    def _check_since(self, name: str, bucket: dict[str, Any]) -> None:
        """Report a day that no calendar has."""
        try:
            datetime.fromisoformat(bucket.get("since") or "2000-01-01")
        except ValueError as error:
            self._error((name, "since"), f"{quote(bucket['since'])}: {error}; expected a day of the calendar; mend it")

    def _check_urls(self, name: str, bucket: dict[str, Any]) -> None:
        """Report servers that no connection can be made to."""
        for key in ("endpoint_url", "sqs"):
            if bucket.get(key) and (wrong := mistake_in_url(bucket[key])):
                self._error((name, key), wrong)

    def _check_webhook(
        self, name: str, webhook: dict[str, Any] | bool, listeners: dict[str, tuple[str, str | None]]
    ) -> None:
        """Report a listener that others than this machine can reach without a secret, and one with two secrets."""
        given = webhook if isinstance(webhook, dict) else {}
        listen, secret = given.get("listen", Webhook().listen), given.get("secret")
        host, _, port = listen.rpartition(":")
        for wrong in (mistake_in_ipv6(host[1:-1]) if host.startswith("[") else None, mistake_in_port(port)):
            if wrong:
                self._error((name, "webhook", "listen"), wrong)
        if secret is None and not self._has(name, "webhook", "secret") and not is_loopback(host):
            self._error(
                (name, "webhook", "listen"),
                f"{quote(listen)} is no loopback address, and there is no secret; expected one, as others can reach "
                "that address; add secret: '{{env:NAME}}'",
            )
        other, first = listeners.setdefault(listen, (name, secret))
        if first != secret:
            self._error(
                (name, "webhook"),
                f"listens on {listen} with another secret than bucket {other!r}; expected the same, as both share the "
                "listener; mend it, or let it listen on another port",
            )

    def _check_overlaps(self) -> None:
        """Report objects that two names would both have."""
        seen: list[tuple[str, str, Any, str]] = []
        for name, bucket in self._buckets.items():
            for _, prefix in right_items(bucket.get("prefix") or [""]):
                for other, real, endpoint, before in seen:
                    is_same = (real, endpoint) == (bucket.get("s3"), bucket.get("endpoint_url"))
                    if is_same and name != other and (prefix.startswith(before) or before.startswith(prefix)):
                        self._warn(
                            (name, "prefix"),
                            f"its objects below {max(prefix, before, key=len)!r} are also those of bucket {other!r}, "
                            "so that each is processed twice; expected prefixes that differ; mend one",
                        )
                seen.append((name, bucket.get("s3", ""), bucket.get("endpoint_url"), prefix))

    def _has(self, *where: str | int) -> bool:
        """Whether the file has a value there, be it right or wrong."""
        return (*_HERE, *where) in self._problems.lines

    def _error(self, where: Where, message: str) -> None:
        self._problems.error((*_HERE, *where), f"{show((*_HERE, *where))}: {message}")

    def _warn(self, where: Where, message: str) -> None:
        self._problems.warn((*_HERE, *where), f"{show((*_HERE, *where))}: {message}")


def is_loopback(host: str) -> bool:
    """Whether only programs of this machine reach an address."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
