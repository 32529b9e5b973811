"""The family of syslog lines."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from functools import partial
from typing import Literal

from slips.parsing.declare.declaration import Declaration
from slips.parsing.meaning import Time, stamp
from slips.parsing.syslog_lines import USUAL_3164, USUAL_5424, read_3164, read_5424, read_any, read_priority
from slips.parsing.writer import Writer

_FIELDS = {
    3164: ("datetime", "hostname", "proc_name", "proc_id", "message"),
    5424: ("datetime", "hostname", "proc_name", "proc_id", "msg_id", "message"),
}
"""Of a line in the usual shape, in the order of the groups of its pattern."""
_DATETIME = stamp("datetime")


@dataclass(frozen=True, kw_only=True)
class Syslog(Declaration):
    """Syslog lines, with or without `<PRI>`. A field that a line lacks is None.

    The fields are `datetime` (the time as written), `hostname`, `proc_name`, `proc_id` (a text), `message`; of a line
    with `<PRI>` also `priority`, `facility` and `severity`, all int; of RFC 5424 `msg_id` and `structured_data`, too.
    The `[ID 702911 auth.info]` of Solaris is `msg_id`, and these three.
    """

    rfc: Literal[3164, 5424, "any"] = 3164
    """The document that describes the lines. RFC 3164 stands for all that programs write without a version; `any` for
    lines of another product behind a header of either, or none: the field `message` then is all there is."""
    structured: bool = True
    """Whether lines of RFC 5424 have structured data, or `-` in its place. If not, all behind the kind of the message
    is the message, such as one that begins with a bracket."""
    time: Time | None = _DATETIME
    message: str = "{message}"
    carries: str = "message"

    def check(self) -> None:
        if self.rfc not in (3164, 5424, "any"):
            raise ValueError(f"rfc is {self.rfc!r}; expected 3164, 5424 or 'any'")
        if not self.structured and self.rfc != 5424:
            raise ValueError(f"structured is False, and rfc {self.rfc!r}; expected 5424, whose lines have such data")

    def known(self) -> Set[str]:
        return {*_FIELDS[5424], "structured_data", "priority", "facility", "severity"}

    def write(self, writer: Writer) -> None:
        if self.rfc == "any":
            writer.line(f"event = {writer.name('read_any', partial(read_any, limits=writer.limits))}(value)")
            return
        if not self.structured:
            read_bare = partial(read_5424, limits=writer.limits, structured=False)
            writer.line(f"event = {writer.name('read_bare', read_bare)}(value)")
            return
        usual, read = (
            (USUAL_3164, read_3164) if self.rfc == 3164 else (USUAL_5424, partial(read_5424, limits=writer.limits))
        )
        fields = {field: writer.local(field) for field in _FIELDS[self.rfc]}
        priority, found = writer.local("priority"), writer.local("found")
        writer.line(f"{found} = {writer.name('usual', usual.match)}(value)")
        with writer.block(f"if {found} is not None:"):
            writer.line(f"{', '.join([priority, *fields.values()])} = {found}.groups()")
            values = dict(fields)
            if self.rfc == 3164:
                values["proc_id"] += " or None"
            else:
                for field in list(fields)[:-1]:
                    with writer.block(f"if {fields[field]} == '-':"):
                        writer.line(f"{fields[field]} = None")
                message = values.pop("message")
                values |= {"structured_data": "None", "message": message}
            writer.line(f"event = {{{', '.join(f'{field!r}: {value}' for field, value in values.items())}}}")
            with writer.block(f"if {priority} is not None:"):
                writer.line(f"event.update({writer.name('read_priority', read_priority)}({priority}))")
        with writer.block("else:"):
            writer.line(f"event = {writer.name('read_line', read)}(value)")
            for field in ("datetime", "message"):
                writer.line(f"{fields[field]} = event[{field!r}]")
        writer.fields.update({field: fields[field] for field in ("datetime", "message")})
