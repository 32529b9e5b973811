"""The family of formats whose records are JSON objects."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from slips.format import Kind
from slips.parsing.compile import Writer
from slips.parsing.declare.declaration import Declaration


@dataclass(frozen=True, kw_only=True)
class Json(Declaration):
    """JSON objects, which are events as they are. Fields are named by dotted path: `userIdentity.arn`.

    A path leads through nested objects; if these have no value there, a key with the dots in it counts. An `absent`
    text stays in the event, and counts as missing for tag, time, message, rules and `require`.
    """

    elements: str = ""
    """The path of the array of records in a document: `Records`. Without one, each line is a record."""

    absent_stays: ClassVar[bool] = True
    takes: Kind = field(init=False, default="event")
    container: str = field(init=False, default="")

    def __post_init__(self) -> None:
        object.__setattr__(self, "container", self.elements)
        super().__post_init__()

    def usual_chain(self) -> tuple[str, ...]:
        return (f"json-records:{self.elements}", self.name) if self.elements else super().usual_chain()

    def write(self, writer: Writer) -> None:
        writer.line("event = value")
