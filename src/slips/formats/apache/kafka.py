"""Logs of Apache Kafka brokers, and of other programs with its pattern of log4j."""

from __future__ import annotations

from slips.format import Event
from slips.model import MetaData
from slips.parsing import Regex, stamp


def _split(meta: MetaData, event: Event) -> None:
    """Cut the name of the logger, in parentheses, and the stack trace behind it off `message`."""
    first, _, trace = event["message"].partition("\n")
    message, found, logger = first.removesuffix(")").rpartition(" (")
    if found and first.endswith(")") and " " not in logger:
        event |= {"message": message, "logger": logger}
        meta.message = f"{event['level']} {message.strip()}"
        if trace:
            event["stack_trace"] = trace


# Stack traces follow their line: a record begins with a bracket and a year.
KAFKA = Regex(
    "kafka",
    "Apache Kafka brokers, controllers and tools, with their stack traces",
    "https://kafka.apache.org/documentation/#monitoring",
    chain=({"multiline": {"start": r"\[\d{4}-"}}, "kafka"),
    tag="kafka.log",
    time=stamp("time"),
    message="{level} {message}",
    pattern=r"\[(?P<time>[^\]]++)\] (?P<level>[A-Z]++) (?P<message>.*)",
    refine=_split,
)
