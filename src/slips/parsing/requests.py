"""The request lines of HTTP in access logs: `GET /path HTTP/1.1` as three fields of an event."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from slips.format import Event
from slips.parsing.typed import Types, write_store
from slips.parsing.writer import Writer


def check_requests(requests: object, fields: Collection[str], types: Types) -> None:
    """Raise ValueError unless `requests` names three parts for some of `fields` that are texts."""
    if not isinstance(requests, Mapping) or not all(isinstance(one, str) for one in requests.values()):
        raise ValueError(
            f"requests is {requests!r:.60}; expected a column, and names of its three parts, such as "
            "{'request': 'method target protocol'}"
        )
    for name, parts in requests.items():
        if len(parts.split()) != 3 or name not in fields:
            raise ValueError(
                f"requests: {name!r} is {parts!r}; expected a column, and three names such as 'method target protocol'"
            )
        if name in types.typed:
            raise ValueError(f"requests: {name!r} is declared to be no text; expected a column of texts")


def add_request(event: Event, parts: str, text: str, types: Types) -> None:
    """Add the words of a request line to its event: the first, all between, and the last; none if there are fewer.

    A text that stands for no request has no words, though blanks may be in it, as in `- - -`.
    """
    if text.count(" ") < 2 or text in types.absent:
        return
    first, _, rest = text.partition(" ")
    between, _, last = rest.rpartition(" ")
    for part, word in zip(parts.split(), (first, between, last), strict=True):
        event[part] = types.value(part, word)


def write_request(writer: Writer, local: str, parts: str, types: Types) -> None:
    """Write the statements of `add_request` for the text in a local."""
    first, between, last, rest, blank = (writer.local(hint) for hint in ("first", "between", "last", "rest", "blank"))
    writer.line(f"{first}, {blank}, {rest} = {local}.partition(' ')")
    writer.line(f"{between}, {blank}, {last} = {rest}.rpartition(' ')")
    may_be_absent = any(text.count(" ") > 1 for text in types.absent)
    with writer.block(f"if {blank} and not ({types.is_absent(local)}):" if may_be_absent else f"if {blank}:"):
        words = [*zip(parts.split(), (first, between, last), strict=True)]
        types.write(writer, words)
        for part, word in words:
            write_store(writer, part, word, types)
