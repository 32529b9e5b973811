"""What a format is, and the two ways to declare one.

A **reader** cuts an object into records; a **parser** refines a record into an event. A module of `slips.formats`
(or a file of the user's) declares them with the decorators below; catalogue, chain checks, `slips formats` and the
documentation all read that one declaration.

    @parser("acme", summary="ACME door log", reference="https://…", tag="acme.door")
    def acme(meta, event):
        meta.tag = "acme.door"
        meta.timestamp = times.iso(event["opened_at"], "opened_at")
        return event
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BufferedReader
from typing import Any, Generic, Literal, TypeVar

from slips.errors import RecordError, RecordTooLarge, RecordTooLong
from slips.model import MetaData

Kind = Literal["object", "text", "event", "nothing"]
"""What flows between formats: an object, one text, one event (a dict); `ignore` gives nothing."""

Event = dict[str, Any]


@dataclass(frozen=True)
class Rule:
    """Why a record is filtered, on purpose and counted. A parser returns one instead of an event."""

    name: str
    summary: str


@dataclass(frozen=True)
class RecordLimits:
    """The limits of one record; a record beyond is quarantined. `limits` of the config has the same as `record_…`."""

    bytes: int = 16 * 2**20
    values: int = 250_000
    """Fields and values that it is taken apart into: 16 MB of `{},{},…` would become 400 MB of them."""
    depth: int = 200
    """Levels of objects and arrays. Interpreters differ in how deep they read; `copy.deepcopy` ends below 500."""

    def refuse_wide(self, text: str) -> str:
        """`text`, unless it takes more than twice `bytes` of memory, as Python holds texts: one character beyond U+FFFF
        makes each take four bytes, and 16 MB become 64. Raises RecordTooLarge.
        """
        limit = 2 * self.bytes
        if 4 * len(text) > limit and (size := sys.getsizeof(text)) > limit + 100:  # 100: of any text
            raise RecordTooLarge(
                f"record is a text of {len(text):,} characters, which take {size:,} bytes of memory, over the limit of "
                f"{limit:,}; raise 'limits.record_bytes' to take it"
            )
        return text


class Bad:
    """Stands for a record that cannot be given: the loop quarantines it unparsed, the reader goes on behind it.

    `size` is in bytes, `head` is its beginning, as a sample of it.
    """

    def __init__(self, size: int, head: bytes, reason: str | RecordError) -> None:
        self.size, self.head, self.reason = size, head, str(reason)
        self._kind = type(reason) if isinstance(reason, RecordError) else RecordError

    def error(self) -> RecordError:
        return self._kind(self.reason)


class TooLong(Bad):
    """Stands for a record beyond `limits.record_bytes`."""

    def __init__(self, size: int, limit: int, head: bytes) -> None:
        reason = f"record has {size:,} bytes, over the limit of {limit:,}; raise 'limits.record_bytes' to take it"
        super().__init__(size, head, RecordTooLong(reason))


def too_many_values(limit: int) -> RecordTooLarge:
    """Why a record beyond `limits.record_values` is bad."""
    return RecordTooLarge(f"record has more than {limit:,} values; raise 'limits.record_values' to take it")


class Elements:
    """Events of one record that are too many to be held at once: each iteration makes them anew, one by one."""

    def __init__(self, read: Callable[[], Iterator[Event]]) -> None:
        self._read = read

    def __iter__(self) -> Iterator[Event]:
        """Raises RecordError at the first that is none."""
        return self._read()


Record = bytes | Event | Bad
Parsed = Event | Rule | list[Event] | Elements
Read = Callable[[BufferedReader, int, str], Iterator[Record]]
"""`(stream, record_bytes, parameter)` to records, in order. Raises ReaderError where the object cannot be cut."""
Parse = Callable[[MetaData, Any], Parsed]
"""`(meta, text or event)` to an event, several, or the Rule that filters it. Sets `meta.tag`, `.timestamp` and
`.message`; on entry `meta.timestamp` is the object's event time. Anything it raises quarantines the record."""


F = TypeVar("F", bound=Callable[..., Any])


class Limited(Generic[F]):
    """A Read or Parse that takes a record apart, and so has to know how far it may: made for certain RecordLimits.

    Used as a decorator below `reader` or `parser`, on the function that makes it.
    """

    def __init__(self, within: Callable[[RecordLimits], F]) -> None:
        self._within = within
        self._default = within(RecordLimits())
        self.__doc__ = within.__doc__

    def __call__(self, *args: Any) -> Any:
        """With the default limits."""
        return self._default(*args)

    @staticmethod
    def bind(function: F, limits: RecordLimits) -> F:
        """`function` for `limits`, if it is one that they bind."""
        return function._within(limits) if isinstance(function, Limited) else function


@dataclass(frozen=True, kw_only=True)
class Format:
    """One entry of the catalogue. Declared by `reader` or `parser`, never by hand."""

    name: str
    summary: str
    reference: str
    takes: Kind
    gives: Kind
    chain: tuple[str, ...]
    """What the short form `format: name` stands for."""
    tag: str = ""
    """What it sets `meta.tag` to, for people: `aws.cloudtrail.<eventType>`."""
    rules: tuple[Rule, ...] = ()
    """By which it may filter."""
    parameter: str = ""
    """Its default, where the format takes one after a colon: `json-records:Records`."""
    container: str = ""
    """For parsers of elements: the path of the array that holds them in a document."""
    extends: bool = False
    """For parsers of texts: keep the fields of the event that carried the text."""
    read: Read | None = None
    parse: Parse | None = None
    raw: bool = False
    """For parsers of texts: take the record's bytes, line end and all."""


def reader(
    name: str,
    *,
    summary: str,
    reference: str,
    gives: Kind = "text",
    parameter: str = "",
) -> Callable[[Read], Format]:
    """Declares a reader: a function `(stream, record_bytes, parameter) -> records`."""

    def declare(read: Read) -> Format:
        return Format(
            name=name,
            summary=summary,
            reference=reference,
            takes="object",
            gives=gives,
            chain=(name,),
            parameter=parameter,
            read=read,
        )

    return declare


def parser(
    name: str,
    *,
    summary: str,
    reference: str,
    takes: Literal["text", "event"] = "event",
    tag: str = "",
    chain: tuple[str, ...] = (),
    rules: tuple[Rule, ...] = (),
    container: str = "",
    extends: bool = False,
    raw: bool = False,
) -> Callable[[Parse], Format]:
    """Declares a parser: a function `(meta, text or event) -> event`."""
    if not chain:
        if container:
            chain = (f"json-records:{container}", name)
        else:
            chain = ("s3-lines", name) if takes == "text" else ("s3-lines", "json", name)

    def declare(parse: Parse) -> Format:
        return Format(
            name=name,
            summary=summary,
            reference=reference,
            takes=takes,
            gives="event",
            chain=chain,
            tag=tag,
            rules=rules,
            container=container,
            extends=extends,
            parse=parse,
            raw=raw,
        )

    return declare
