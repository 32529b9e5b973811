"""Logs of Apache Kafka brokers, and of other programs with its pattern of log4j."""

from __future__ import annotations

from slips.parsing import Regex, iso

# Stack traces follow their line: a record begins with a bracket and a year.
KAFKA = Regex(
    "kafka",
    "Apache Kafka brokers, controllers and tools, with their stack traces",
    "https://kafka.apache.org/documentation/#monitoring",
    chain=({"multiline": {"start": r"\[\d{4}-"}}, "kafka"),
    time=iso("time"),
    tag="kafka.log",
    message="{text}",
    pattern=r"\[(?P<time>[^\]]+)\] (?P<level>[A-Z]+) (?P<text>.*)",
)
