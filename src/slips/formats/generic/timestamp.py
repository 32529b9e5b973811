"""Lines of any log that have a time somewhere: what programs without a format of their own write."""

from __future__ import annotations

from slips.parsing import Patterns, stamp

_ZONE = (
    r"(?:[+-]\d\d:?\d\d|(?:A(?:E[DS]T|K[DS]T|WST)|BST|C(?:AT|[DS]T|E(?:ST|T))|E(?:AT|[DS]T|E(?:ST|T))|GMT|H(?:KT|ST)|IDT|"
    r"JST|KST|M(?:[DS]T|SK)|NZ[DS]T|P(?:[DS]T|KT)|SAST|UTC|W(?:AT|E(?:ST|T)|I(?:B|TA?))))(?!\w)"
)
"""The zones that `times.ZONES` knows, and offsets: other words in capitals, such as a level, may follow a clock."""
_YEAR = r"(?:19|20)\d\d(?!\w)"
_CLOCK = r"\d\d:\d\d:\d\d(?:[.,]\d{1,9})?"
_TIMES = (
    rf"\d{{4}}[-/]\d\d[-/]\d\d[T ]{_CLOCK}(?: ?(?:Z|UTC|GMT|[+-]\d\d:?\d\d))?",
    rf"\d\d/[A-Z][a-z][a-z]/\d{{4}}:{_CLOCK}(?: [+-]\d{{4}})?",
    rf"[A-Z][a-z][a-z] [ \d]?\d (?:\d{{4}} )?{_CLOCK}(?: (?:{_YEAR}(?: {_ZONE})?|{_ZONE}(?: {_YEAR})?))?",
    rf"\d\d [A-Z][a-z][a-z] \d{{4}} {_CLOCK}(?: {_ZONE})?",
)
"""ISO 8601, also with slashes; of access logs; of syslog and C; of mail."""

TIMESTAMP = Patterns(
    "timestamp",
    "lines of any log that begin with a time, or have one in their first 200 characters; others have no time",
    "https://www.rfc-editor.org/rfc/rfc3339",
    patterns=(
        r"(?P<message>[IWEF](?P<time>\d{4} \d\d:\d\d:\d\d\.\d{1,9}).*)",  # of klog
        *(rf"(?P<message>.{{0,200}}?(?P<time>{time}).*)" for time in _TIMES),
        r"(?P<message>\[?(?P<time>1\d{9}(?:\d{3})?(?:\.\d{1,9})?)(?:\D.*)?)\Z",
        r"(?P<message>.*)",
    ),
    time=stamp("time"),
    message="{message}",
)
