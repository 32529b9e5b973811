"""Amazon MSK: logs of its brokers."""

from __future__ import annotations

from dataclasses import replace

from slips.formats.apache.kafka import KAFKA

MSK = replace(
    KAFKA,
    name="msk",
    summary="broker logs of Amazon MSK",
    reference="https://docs.aws.amazon.com/msk/latest/developerguide/msk-logging.html",
    tag="aws.msk",
    chain=(*KAFKA.chain[:-1], "msk"),
)
