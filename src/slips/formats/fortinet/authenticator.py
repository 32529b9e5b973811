"""Logs of FortiAuthenticator: sign-ins, tokens, RADIUS, administrators, as it sends them to a syslog server."""

from __future__ import annotations

import re

from slips.format import Event
from slips.model import MetaData
from slips.parsing import Patterns

_PAIR = re.compile(r'([a-z_]{1,40})=(?:"([^"]*)"|([^ "]*)) ?', re.ASCII)
_MOST = 30
"""Pairs in front of a text; there are eight."""


def _take_pairs(meta: MetaData, event: Event) -> None:
    """Name the pairs in front of the text, which is a sentence."""
    pairs, at = event.pop("pairs"), 0
    for _ in range(_MOST):
        if (found := _PAIR.match(pairs, at)) is None:
            break
        name, quoted, bare = found.groups()
        event.setdefault(name, quoted if quoted is not None else bare)
        at = found.end()
    event["text"] = pairs[at:]
    meta.message = event["text"] or None


FORTIAUTHENTICATOR = Patterns(
    "fortiauthenticator",
    "FortiAuthenticator: sign-ins, tokens, RADIUS, administrators, with or without a syslog header",
    "https://docs.fortinet.com/product/fortiauthenticator",
    chain=("s3-lines", "syslog-any", "fortiauthenticator"),
    tag="fortinet.authenticator.{subcategory|'event'}",
    patterns=(
        r' *category="(?P<category>[^"]*)" subcategory="(?P<subcategory>[^"]*)" typeid=(?P<typeid>\d{1,9}) '
        r"(?P<pairs>.*)",
    ),
    integers="typeid",
    refine=_take_pairs,
    entities={"users": "user", "addresses": "nas userip"},
)
