"""The beginning of a log on which chains are tried: enough for some records, not too much for hundreds of chains."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from slips.inference.containers import HEAD, OpenedLog
from slips.parsing.json_syntax import JsonSyntax

TEXT = 1 << 20
"""Bytes of a text on which chains are tried: a line, or a document, of megabytes takes each of them a while."""
JSON_TEXT = 1 << 17
"""Bytes of JSON on which chains are tried at first: most logs have many records in them."""
_JSON = re.compile(rb"\s*(?:\{\s*[\"}]|\[\s*[\[{])")


def beginnings(log: OpenedLog) -> Iterator[OpenedLog]:
    """Yield the beginning of a log on which chains are tried; then a longer one, for the case that none fits.

    Of a line that does not end in all that there is of the log, a short beginning tells as much as a long one.
    """
    json = is_json(log.content)
    sizes: tuple[int, ...] = (JSON_TEXT, TEXT, HEAD) if json else (TEXT, HEAD)
    if is_endless(log):
        sizes = (JSON_TEXT, TEXT) if json else (JSON_TEXT,)
    for most in sizes:
        yield first_bytes(log, most)
        if log.is_parquet or len(log.content) <= most:
            return


def is_for_long_records(beginning: OpenedLog) -> bool:
    """Whether a beginning is so long that it is only of use if no record ended in a shorter one."""
    return len(beginning.content) > TEXT


def shortest(log: OpenedLog) -> OpenedLog:
    """Return a beginning of a log for a second look at its first few records."""
    return first_bytes(log, JSON_TEXT)


def first_bytes(log: OpenedLog, most: int) -> OpenedLog:
    """Return the first bytes of a log, `most` of them; all of a Parquet file, which cannot be cut."""
    if log.is_parquet or len(log.content) <= most:
        return log
    return msgspec.structs.replace(log, content=log.content[:most], whole=False)


def is_endless(log: OpenedLog) -> bool:
    """Whether a log begins with a line that is longer than what was read of it."""
    return not (log.whole or log.is_parquet) and len(log.content) > TEXT and b"\n" not in log.content.rstrip(b"\n")


def is_json(content: bytes) -> bool:
    """Whether a log begins as JSON does, in whatever encoding."""
    return _JSON.match(content[:1_000].replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe")) is not None


def without_end(content: bytes) -> str:
    """Return that the JSON document at the beginning of a log is cut off by its end; else nothing."""
    if not is_json(content) or JsonSyntax().feed(content.lstrip()) is not None:
        return ""
    return f"its JSON document does not end: the log is cut off behind {len(content):,} bytes; copy all of it"
