"""The types that travel between stations. Plain data: no I/O, no clock, nothing from a backend."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, ClassVar, Literal, Protocol, cast

import msgspec
from msgspec import Struct, field

Lane = Literal["fast", "slow"]
LANES: tuple[Lane, ...] = ("fast", "slow")

Range = tuple[int, int | None]
"""First and last record number, both inclusive and 1-based; a last of None means "to the end"."""

_DIGITS = re.compile(r"\d+")
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|s3://\S+")


def is_to_the_end(records: list[Range] | None) -> bool:
    """Whether ranges of records reach to the end of the object. None is all records."""
    return records is None or bool(records and records[-1][1] is None)


_EARLIEST = datetime(1, 1, 1, tzinfo=UTC).timestamp()
_LATEST = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp()


class ObjectEvent(Struct, frozen=True, kw_only=True):
    """The announcement "this object was created". The first nine keys are those of the original slips, byte for byte.

    `event_time` is RFC 3339 UTC, `object_key` is URL-decoded, `object_size` is in bytes, `dest_stream` is the
    physical name of the stream that the object event was put on. Items that the original slips stored lack the other
    keys.
    """

    aws_region: str = ""
    event_time: str = ""
    event_name: str = ""
    bucket_name: str
    bucket_arn: str = ""
    object_key: str
    object_size: int = 0
    object_etag: str = ""
    dest_stream: str = ""
    # added
    lane: Lane | None = None
    object_version_id: str | None = None
    object_sequencer: str | None = None
    quoted: bool | None = None
    """True if `object_key` may be quoted: the station that opens the object finds out. None: it is the key itself."""
    records: list[Range] | None = None
    reader: str | None = None
    """Identity of the reader that numbered `records`, e.g. "s3-lines"."""
    replay: str | None = None
    """The error item that this object event replays, as "request_id@revision"."""
    member: str | None = None
    """In `meta.source`, the member of an archive that the record is of. Lanes carry whole objects, without it."""

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object of this object event: always the nine keys of the original slips, others if set."""
        return {name: value for name, value in msgspec.to_builtins(self).items() if value is not None}

    @property
    def url(self) -> str:
        """The name of the object for people: `s3://bucket/raw-key`, or of a file that is in no bucket, its key."""
        return f"s3://{self.bucket_name}/{self.object_key}" if self.bucket_name else self.object_key

    @property
    def identity(self) -> str:
        """Identity of this content among all contents of the key: the version id, else the etag."""
        return self.object_version_id or self.object_etag

    @property
    def timestamp(self) -> float:
        """`event_time` in epoch seconds; 0.0 if it is missing or malformed."""
        try:
            when = datetime.fromisoformat(self.event_time)
        except ValueError:
            return 0.0
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


class Entities(Struct, frozen=True):
    """The addresses, users, hosts, domains and hashes that a log event names: texts, each once."""

    addresses: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    hashes: tuple[str, ...] = ()


class MetaData(Struct):
    """The metadata of a log event: first argument of `Handler.recv`; the log event itself is the second."""

    tag: str
    timestamp: float
    """Epoch seconds, UTC."""
    source: ObjectEvent
    message: str | None = None
    seq: int = 0
    """Record number in the object, 1-based."""
    index: int = 0
    """Position among the log events of one record, 0-based. Most records give one log event."""
    is_test: bool = False
    """Whether `slips test` or `slips.testing` runs the handler. What a handler sends or writes is real there, too."""
    _header: dict[str, Any] | None = None
    _find: Callable[[Any], Entities] | None = None
    """Finds the entities of `_event`: the log event, or the text that it was made of."""
    _event: Any = None

    def __repr__(self) -> str:
        shown = (f"{name}={getattr(self, name)!r}" for name in self.__struct_fields__ if not name.startswith("_"))
        return f"{type(self).__name__}({', '.join(shown)})"

    @property
    def entities(self) -> Entities:
        """The addresses, users, hosts, domains and hashes in the fields that the format declares to have them.

        They are looked for at each asking, in the log event as it is then; with an `event_type`, as it was parsed.
        """
        return Entities() if self._find is None else self._find(self._event)

    @property
    def header(self) -> dict[str, Any]:
        """The fields of the header in front of the log event's own text: of syslog, Docker, CloudWatch Logs and others.

        The text is not among them. If there is another header in front of this one, it is the field `header`. Where a
        format such as `syslog-any` finds no header, these are the fields of the one in front of it.
        """
        return {} if self._header is None else self._header

    @header.setter
    def header(self, fields: dict[str, Any]) -> None:
        self._header = fields

    @property
    def record_id(self) -> str:
        """Name of this log event, the same on every retry and replay: a key to deduplicate by."""
        source = self.source
        suffix = f".{self.index}" if self.index else ""
        return f"{source.bucket_name}/{source.object_key}@{source.identity}#{self.seq}{suffix}"

    @property
    def member(self) -> str | None:
        """Name of the file in an archive that the record is of; None if the object is no archive."""
        return self.source.member

    def to_dict(self) -> dict[str, Any]:
        """Return the metadata as a JSON object, `source` included."""
        return {
            "tag": self.tag,
            "timestamp": self.timestamp,
            "seq": self.seq,
            "message": self.message,
            "record_id": self.record_id,
            "source": self.source.to_dict(),
            **({} if self._header is None else {"header": self._header}),
        }


_message: Any = MetaData.__dict__["message"]


class Lookup(Protocol):
    """Finds in the text of a log event what its meta is asked for. Called, it returns the entities."""

    def __call__(self, record: Any, /) -> Entities: ...

    def message(self, record: Any, /) -> str | None: ...

    def reduced(self, record: Any, /) -> tuple[Callable[[Any], Entities] | None, Any]:
        """Return `_find` and `_event` of a meta that another process can have."""


class LateMetaData(MetaData):
    """The metadata of a log event that was made without a dict: its text tells the message, when that is asked for.

    It is given a Lookup as `_find`, and LATE as `message`.
    """

    LATE: ClassVar[Any] = object()

    @property  # type: ignore[misc]  # an attribute there, and settable here, too
    def message(self) -> str | None:
        text: str | None = _message.__get__(self)
        if text is self.LATE:
            lookup = cast("Lookup", self._find)
            self.message = text = lookup.message(self._event)
        return text

    @message.setter
    def message(self, text: str | None) -> None:
        _message.__set__(self, text)

    def __reduce__(self) -> tuple[Any, ...]:
        fields = (self.tag, self.timestamp, self.source, self.message, self.seq, self.index, self.is_test)
        return MetaData, (*fields, self._header, *cast("Lookup", self._find).reduced(self._event))


class Sample(Struct, frozen=True, omit_defaults=True):
    """One quarantined record, for people to look at."""

    seq: int
    reason: str
    raw: str
    """The record as text. Bytes that are not UTF-8 are written as `\\xff`."""
    base64: str | None = None
    """The exact bytes, if `raw` does not have them."""
    truncated: bool = False
    rendered: bool = False
    """Whether `raw` is not of the object: its records are no texts (Parquet), and this one was written as JSON."""
    member: str | None = None
    """The member of an archive that the record is of."""

    @classmethod
    def of(
        cls, seq: int, reason: str, raw: bytes, size: int, *, rendered: bool = False, member: str | None = None
    ) -> Sample:
        """Make a sample of a record of `size` bytes, of which `raw` is the beginning, or all."""
        text = raw.decode("utf-8", "backslashreplace")
        exact = None if text.encode() == raw else b64encode(raw).decode()
        return cls(seq, readable(reason), text, exact, size > len(raw), rendered, member)


class Outcome(Struct, kw_only=True):
    """Counts and results of one run of one object. The counters are independent: none is made by subtraction."""

    records: int = 0
    delivered: int = 0
    filtered: int = 0
    quarantined: int = 0
    events: int = 0
    bytes_in: int = 0
    """Of the object as stored."""
    bytes_out: int = 0
    """Of the object decompressed."""
    first_timestamp: float | None = None
    last_timestamp: float | None = None
    rules: dict[str, int] = field(default_factory=dict)
    """Number of filtered records by the rule that filtered them."""
    results: dict[str, Any] = field(default_factory=dict)
    """The value that each handler's `result()` returned, by handler name."""
    identity: str = ""
    """Identity of the content that was read: its version id, else its etag."""
    etag: str = ""
    """Etag of the content that was read."""
    filtered_by: str = ""
    """The rule that filtered the whole object, unread, as it is no log; empty if no rule did."""

    @property
    def balanced(self) -> bool:
        """Whether every record is accounted for."""
        return self.records == self.delivered + self.filtered + self.quarantined


class HandlerCode(Struct, frozen=True):
    """The handler that an object runs through."""

    handler: str = ""
    """Its path in the config, with the class if that names one."""
    version: str = ""
    """The version of its file (see `slips.usercode.code_version`)."""


class ErrorItem(Struct, kw_only=True, omit_defaults=True):
    """A failed object, or a set of quarantined records of one object, kept until an operator drains or dismisses it."""

    request_id: str
    kind: Literal["object", "records"] = "object"
    events: list[ObjectEvent]
    """Object events: the "Argument" of the original slips. Empty if the records of a lane that had them are gone."""
    stage: str = ""
    error_type: str = ""
    message: str = ""
    traceback: str = ""
    failed_at: str = ""
    """RFC 3339 UTC with milliseconds."""
    attempts: int = 1
    fingerprint: str = ""
    """Groups alike errors, whatever their objects."""
    seq: int | None = None
    """Number of the record at which a handler raised; of a batch, of its first record."""
    event: dict[str, Any] | None = None
    """Not an object event: the event of a log that `recv` had when it raised, as JSON carries it."""
    event_truncated: bool = False
    """Whether `event` was cut, at every `…` in it."""
    records: list[Range] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    handler: str = ""
    """The handler of the object's mapping: its path in the config, with the class if that names one."""
    code_version: str = ""
    """The version of the handler's file."""
    revision: int = 1
    """Grows with each write of the same `request_id`. Drain deletes only the revision that it sent."""

    @property
    def place(self) -> tuple[str, str]:
        """Bucket and key of the first object; both empty for an item that names none."""
        return (self.events[0].bucket_name, self.events[0].object_key) if self.events else ("", "")

    @property
    def argument(self) -> list[dict[str, Any]]:
        """The JSON objects of the events: the "Argument" of the original."""
        return [event.to_dict() for event in self.events]

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object that operators see; only a quarantine has `records` and `samples`."""
        names = (
            *("request_id", "kind", "stage", "error_type", "message", "failed_at", "attempts", "fingerprint"),
            *("seq", "event", "event_truncated", "handler", "code_version", "traceback", "argument"),
        )
        known: dict[str, Any] = {name: getattr(self, name) for name in names}
        if self.kind == "records":
            known |= {"records": self.records, "samples": msgspec.to_builtins(self.samples)}
        return known


def fingerprint(
    stage: str, error_type: str, message: str, event: ObjectEvent | None = None, source_line: str = ""
) -> str:
    """Return ten hex digits, the same for errors that differ only in numbers, quoted values and the object.

    Errors that two source lines have raised differ: `KeyError: 'user'` and `KeyError: 'address'` are two mistakes.
    """
    shape = _DIGITS.sub("0", _QUOTED.sub("'…'", message.replace(event.url, "") if event else message))
    # An error before the first record is of the group of those behind it.
    shape = shape.replace(" (at byte ", " (after record 0, byte ")
    parts = (stage, error_type, shape, *filter(None, [source_line]))
    return hashlib.sha256("\n".join(parts).encode(errors="surrogatepass")).hexdigest()[:10]


def format_time(timestamp: float) -> str:
    """Convert epoch seconds to RFC 3339 UTC with milliseconds: `2018-03-29T16:35:15.768Z`.

    Raises ValueError, OverflowError or OSError beyond the years 1 to 9999.
    """
    return f"{datetime.fromtimestamp(timestamp, UTC).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def nearest_time(timestamp: float) -> float:
    """Epoch seconds, moved into the years 1 to 9999: file systems keep times beyond these, too."""
    return min(max(timestamp, _EARLIEST), _LATEST)


def readable(text: str) -> str:
    """Spell out lone surrogates, which stand for bytes that are not UTF-8, so that every encoder accepts the text."""
    return text.encode("utf-8", "backslashreplace").decode()


def bounded(text: str, size: int, end: bool = False) -> str:
    """Return the beginning (or the end) of a text, readable, at most `size` bytes as JSON; empty if that is below 2."""
    if size < 2:
        return ""
    text = readable(text[-size:] if end else text[:size])
    while len(msgspec.json.encode(text)) > size:
        keep = len(text) * 3 // 4
        text = text[len(text) - keep :] if end else text[:keep]
    return text
