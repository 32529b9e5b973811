"""Makes the sources of the buckets in S3 that the config names, each with the settings that the config has for it."""

from __future__ import annotations

from functools import partial

from slips.backends.machine.stores import Stores
from slips.config import Config
from slips.service.listing import ListingSource
from slips.service.sources import Source


def listings(
    config: Config, *, once: bool = False, endpoint_url: str | None = None, region: str | None = None
) -> list[Source]:
    """Return a source for each bucket that is listed: for `slips run`, all of them, `once`."""
    embedded = config.backend.embedded
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
        for name, bucket in (embedded.in_s3 if embedded else {}).items()
        if once or bucket.poll_seconds
    ]
