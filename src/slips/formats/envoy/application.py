"""Application logs of Envoy, as it writes them itself and as Istio's proxies have them."""

from __future__ import annotations

import re

from slips.format import Event
from slips.model import MetaData
from slips.parsing import Patterns, iso

_TAGS = re.compile(r"\[Tags: ([^\]]*)\] ")
_TAG = re.compile(r'"([A-Za-z]+)":"([^"]*)"')
_SHORT = re.compile(r"\[C(\d+)\](?:\[S(\d+)\])? ")


def _name_connection(_meta: MetaData, event: Event) -> None:
    """Name the connection and the stream that a message is about: `[C12][S34]`, or tags since version 1.27."""
    text = event["text"]
    if tags := _TAGS.match(text):
        event |= dict(_TAG.findall(tags[1]))
    elif short := _SHORT.match(text):
        event["ConnectionId"] = short[1]
        if short[2]:
            event["StreamId"] = short[2]


ENVOY_LOG = Patterns(
    "envoy-log",
    "Envoy application logs, also those of Istio's proxies",
    "https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/application_logging",
    time=iso("time"),
    tag="envoy.log.{level}",
    message="{logger} {text}",
    patterns=(
        r"\[(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{1,9})\]\[(?P<thread>\d+)\]\[(?P<level>[a-z]+)\]"
        r"\[(?P<logger>[a-z0-9_]+)\] (?:\[(?P<source>[^\]: ]+):(?P<line>\d+)\] )?(?P<text>.*)",
        r"(?P<time>\d{4}-\d\d-\d\dT[0-9:.]+Z)\t(?P<level>[a-z]+)\tenvoy (?P<logger>[a-z0-9_]+)(?: |\t)"
        r"(?:(?P<source>[^\t: ]+):(?P<line>\d+)(?: |\t))?(?P<text>.*)",
    ),
    integers="thread line",
    refine=_name_connection,
)
