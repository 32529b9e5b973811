"""Makes the sources of the buckets in S3 that the config names, each with the settings that the config has for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from slips.backends.machine.sqlite import sync
from slips.backends.machine.stores import Stores
from slips.config import Config
from slips.config.buckets import S3Bucket
from slips.service.listings import ListingSource
from slips.service.names import Names
from slips.service.queue import Queue, QueueSource, name_of
from slips.service.secret_places import secret_at
from slips.service.sources import Source

if TYPE_CHECKING:
    from slips.service.webhook import Secret


def sources_in_s3(config: Config, *, endpoint_url: str | None = None, region: str | None = None) -> list[Source]:
    """Return the sources of `slips up`: listings, queues, notifications. `endpoint_url` and `region`: see `Stores`."""
    queues: dict[tuple[str, str | None], dict[str, S3Bucket]] = {}
    for name, bucket in _buckets(config).items():
        if bucket.sqs is not None:
            queues.setdefault((bucket.sqs, bucket.profile), {})[name] = bucket
    named = Counter(name_of(url) for url, _ in queues)
    return [
        *listings(config, endpoint_url=endpoint_url, region=region),
        *(
            QueueSource(
                url,
                Names(buckets),
                partial(_queue, next(iter(buckets.values())), region),
                partial(sync, config.state_directory),
                name=url if named[name_of(url)] > 1 else "",
            )
            for (url, _), buckets in queues.items()
        ),
        *_webhooks(config),
    ]


def listings(
    config: Config, *, once: bool = False, endpoint_url: str | None = None, region: str | None = None
) -> list[Source]:
    """Return a source for each bucket, which lists it: for `slips run`, `once`."""
    return [
        ListingSource(
            name,
            bucket,
            # A store of its own: the supervisor's opens objects in another thread.
            partial(Stores(config, endpoint_url, region).s3, name),
            config.state_directory,
            days=config.backend.ledger_days,
            once=once,
        )
        for name, bucket in _buckets(config).items()
    ]


def _webhooks(config: Config) -> Iterator[Source]:
    """Yield a source for each address at which notifications arrive."""
    listeners: dict[str, dict[str, S3Bucket]] = {}
    secrets: dict[str, Secret | None] = {}
    for name, bucket in _buckets(config).items():
        if (listener := bucket.listener) is not None:
            listeners.setdefault(listener.listen, {})[name] = bucket
            key, place = f"backend.embedded.buckets.{name}.webhook.secret", listener.secret
            # Buckets of one address have the same secret.
            secrets[listener.listen] = None if place is None else partial(secret_at, place, config.resolve, key)
    if listeners:
        from slips.service.webhook import WebhookSource  # its asyncio takes 20 ms, which other sessions need not spend
    for address, buckets in listeners.items():
        yield WebhookSource(address, Names(buckets), secrets[address], partial(sync, config.state_directory))


def _buckets(config: Config) -> dict[str, S3Bucket]:
    embedded = config.backend.embedded
    return embedded.in_s3 if embedded else {}


def _queue(bucket: S3Bucket, region: str | None) -> Queue:
    from slips.backends.aws.announcements import AnnouncementQueue

    return AnnouncementQueue.of(bucket, region)
