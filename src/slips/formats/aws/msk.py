"""Amazon MSK: logs of its brokers."""

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
        meta.message = f"{event['level']} {message}"
        if trace:
            event["stack_trace"] = trace


# As Apache Kafka writes them; a stack trace belongs to the line before it.
MSK = Regex(
    "msk",
    "broker logs of Amazon MSK",
    "https://docs.aws.amazon.com/msk/latest/developerguide/msk-logging.html",
    chain=({"multiline": {"start": r"\[\d{4}-"}}, "msk"),
    tag="aws.msk",
    time=stamp("time"),
    message="{level} {message}",
    pattern=r"\[(?P<time>[^\]]++)\] (?P<level>[A-Z]++) (?P<message>.*)",
    refine=_split,
)
