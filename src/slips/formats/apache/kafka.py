"""Logs of Apache Kafka brokers, and of other programs with its pattern of log4j."""

from __future__ import annotations

from slips.formats.generic.log4j import OF_KAFKA, PATTERNS, START, take_apart
from slips.parsing import Patterns

# Kafka's own pattern is `[%d] %p %m (%c)%n`; many installations set that of their other Java programs.
KAFKA = Patterns(
    "kafka",
    "Apache Kafka brokers, controllers and tools, with their stack traces",
    "https://kafka.apache.org/documentation/#monitoring",
    chain=({"multiline": {"start": START}}, "kafka"),
    tag="kafka.log",
    patterns=(OF_KAFKA, *PATTERNS[: PATTERNS.index(OF_KAFKA)]),
    integers="line elapsed",
    refine=take_apart,
)
