"""The declaration of a format: a reader, which cuts an object into records, or a parser, which refines a record.

A module of `slips.formats`, or a file of the user's, declares formats with the decorators `reader` and `parser`. The
catalogue, the checks of chains, `slips formats` and the documentation all read that one declaration.

    @parser("acme", summary="ACME door log", reference="https://…", tag="acme.door")
    def acme(meta, event):
        meta.tag = "acme.door"
        meta.timestamp = times.iso(event["opened_at"], "opened_at")
        return event
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from io import BufferedReader
from types import MappingProxyType
from typing import Annotated, Any, BinaryIO, Generic, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from slips.entities import KINDS, EntityNames, EntityPaths
from slips.errors import ReaderError, RecordError, RecordTooLarge, RecordTooLong
from slips.model import MetaData
from slips.step import Step

Kind = Literal["object", "text", "event", "nothing"]
"""The input or output of a format: an object, one text, or one event (a dict). `ignore` has the output `nothing`.

An archive takes an object and gives objects, its members."""

Event = dict[str, Any]


Condition = Mapping[str, object] | Callable[[Event], bool]
"""A condition of events: fields by dotted path and the value, or a tuple of values, that each has; or a function."""


class Rule(Struct, frozen=True):
    """A named reason to filter a record. A parser returns a Rule instead of an event; the run counts the record."""

    name: str
    summary: str
    when: Condition | None = None
    """For rules of a declaration: the events to filter. A parser that is a function returns the Rule itself."""

    def __hash__(self) -> int:
        return hash((self.name, self.summary))  # a condition may be a dict


class RecordLimits(Struct, frozen=True):
    """The limits of one record: a record beyond them is quarantined. The config names them `limits.record_…`."""

    bytes: int = 16 * 2**20
    values: int = 250_000
    """Fields and values of a parsed record: 16 MB of `{},{},…` would become 400 MB of objects."""
    depth: int = 200
    """Levels of objects and arrays. Interpreters differ in how deep they read; `copy.deepcopy` fails below 500."""

    def refuse_wide(self, text: str) -> str:
        """Return `text`. Raises RecordTooLarge if the text takes more than twice `bytes` of memory.

        In Python, one character beyond U+FFFF makes each character of a text take four bytes: 16 MB become 64.
        """
        limit = 2 * self.bytes
        if 4 * len(text) > limit and (size := sys.getsizeof(text)) > limit + 100:  # 100: overhead of any text
            raise RecordTooLarge(
                f"record is a text of {len(text):,} characters, which take {size:,} bytes of memory, over the limit of "
                f"{limit:,}; raise 'limits.record_bytes' to take it"
            )
        return text


class Bad:
    """Stands for a record that a reader cannot yield: the loop quarantines it unparsed, the reader continues behind it.

    `size` is the size of the record in bytes, `head` its first bytes as a sample, `reason` the error text.
    """

    def __init__(self, size: int, head: bytes, reason: str | RecordError) -> None:
        self.size, self.head, self.reason = size, head, str(reason)
        self._kind = type(reason) if isinstance(reason, RecordError) else RecordError
        self.is_rendered = False
        """Whether `head` is not of the object: its record is no text, and was written as one."""
        self.member: str | None = None
        """The member of an archive that the record is of."""

    def error(self) -> RecordError:
        return self._kind(self.reason)

    def shown_as(self, head: bytes) -> Bad:
        """Return the same record with another sample; its size tells whether the sample is all of it, as before."""
        bad = Bad(len(head) + max(0, self.size - len(self.head)), head, self.reason)
        bad._kind = self._kind
        return bad


class TooLong(Bad):
    """Stands for a record beyond `limits.record_bytes`."""

    def __init__(self, size: int, limit: int, head: bytes) -> None:
        reason = f"record has {size:,} bytes, over the limit of {limit:,}; raise 'limits.record_bytes' to take it"
        super().__init__(size, head, RecordTooLong(reason))


def too_many_values(limit: int) -> RecordTooLarge:
    """Make the error for a record with more than `limit` values (`limits.record_values`)."""
    return RecordTooLarge(f"record has more than {limit:,} values; raise 'limits.record_values' to take it")


class Elements:
    """The events of a record that has too many to hold at once: each iteration makes them anew, one by one."""

    def __init__(self, make: Callable[[], Iterator[Event]]) -> None:
        self._make = make

    def __iter__(self) -> Iterator[Event]:
        """Yield the events. Raises RecordError at the first element that is no event."""
        return self._make()


class ArchiveMember(Struct, frozen=True):
    """A file in an archive."""

    name: str
    body: BinaryIO | Rule | ReaderError
    """Its bytes, which are read before the next member is asked for; or the Rule that filters it, or why it cannot be
    read."""


Members = Callable[[BufferedReader], Iterator[ArchiveMember]]
"""The stream of an archive to its members, in order. Raises ReaderError if no further member can be found."""

Record = bytes | str | Event | Bad | Rule
"""A reader that yields a Rule filters a record itself: padding, which no parser is to see. It yields a text only if the
chain has asked for it: see `slips.parsing.readers.text.TextRecords.gives_texts`."""
Parsed = Event | Rule | list[Event] | Elements
Read = Callable[[BufferedReader, int, str], Iterable[Record]]
"""`(stream, record_bytes, parameter)` to records, in order. Raises ReaderError if the object cannot be cut further."""
Parse = Callable[[MetaData, Any], Parsed]
"""`(meta, text or event)` to an event, several events, or the Rule that filters the record. A parser sets `meta.tag`,
`.timestamp` and `.message`; on entry `meta.timestamp` is the object's event time. Any exception of a parser quarantines
the record."""


F = TypeVar("F", bound=Callable[..., Any])


class Limited(Generic[F]):
    """A Read or Parse that depends on RecordLimits, because it takes records apart.

    Use it as a decorator below `reader` or `parser`, on a function that makes the Read or Parse for given limits.
    """

    def __init__(self, within: Callable[[RecordLimits], F]) -> None:
        self._within = within
        self.__doc__ = within.__doc__

    @cached_property
    def _default(self) -> F:
        return self._within(RecordLimits())

    def __call__(self, *args: Any) -> Any:
        """Call the Read or Parse that has the default limits."""
        return self._default(*args)

    @staticmethod
    def bind(function: F, limits: RecordLimits) -> F:
        """Return `function` for `limits`; `function` itself if it does not depend on limits."""
        if not isinstance(function, Limited):
            return function
        bound: F = function._default if limits == RecordLimits() else function._within(limits)
        return bound


def a_key(description: str, *examples: Any, expected: str = "", advice: str = "", **constraints: Any) -> Meta:
    """Declare the meaning of a key of the config, or of a format's option, with examples.

    Error texts name `expected`, else the values of the key's type, and give `advice`, else that of the type.
    """
    notes = {"expected": expected, "advice": advice}
    extra = {name: text for name, text in notes.items() if text} or None
    return Meta(description=description, examples=list(examples) or None, extra=extra, **constraints)


SHORT = {"x-short": {"type": "string"}}
"""Declares that a list may be written as one text."""


class FormatOptions(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Base class of the options of a format, which a step of a chain gives: `{csv: {delimiter: "|"}}`.

    Each field is an option, with a default, declared with `a_key`. Its type is one that `slips.config.values` reads:
    text, whole number, boolean, choice, list, mapping, another Struct.
    """


_Names = Annotated[list[Annotated[str, Meta(min_length=1)]], Meta(extra_json_schema=SHORT)]


class MeaningOptions(FormatOptions, frozen=True):
    """The options of formats that give plain fields: the meaning of these, which a parser behind the format sets."""

    time: Annotated[
        _Names,
        a_key(
            "Field of the time, in any notation, or several: the first that has a value counts; `date+time` joins two.",
            "published",
        ),
    ] = msgspec.field(default_factory=list)
    time_format: Annotated[
        str,
        a_key(
            "How `time` is written, in the directives of `strptime`: for a notation that is not known, and for "
            "`29/11/2026`, whose day could be the month. Slower than without.",
            "%d/%m/%Y %I:%M:%S %p",
        ),
    ] = ""
    tag: Annotated[
        str,
        a_key(
            "Value of `meta.tag`, with fields in braces; not set: the format's own tag, or, where it has none, its "
            "name if another option from `time` on is set.",
            "okta.{eventType}",
        ),
    ] = ""
    message: Annotated[str, a_key("Value of `meta.message`, in the same way.", "{user.name} from {ip}")] = ""
    require: Annotated[
        _Names,
        a_key("Field that a record of these logs has, or several, of which it has one; others are quarantined.", "ip"),
    ] = msgspec.field(default_factory=list)
    absent: Annotated[_Names, a_key("Text that stands for no value, or several.", "-")] = msgspec.field(
        default_factory=list
    )
    entities: Annotated[
        dict[str, str],
        a_key(
            f"Fields that name {', '.join(KINDS)}, for `meta.entities`: by kind, with blanks between; a name that has "
            "blanks stands in double quotes.",
            {"addresses": 'src.ip "Destination IP"', "users": "actor.email"},
        ),
    ] = msgspec.field(default_factory=dict)
    integers: Annotated[
        _Names, a_key("Fields whose texts are integers; a text that is none stays.", ["status", "bytes"])
    ] = msgspec.field(default_factory=list)
    floats: Annotated[_Names, a_key("Fields whose texts are numbers; a text that is none stays.", "duration")] = (
        msgspec.field(default_factory=list)
    )
    booleans: Annotated[
        _Names, a_key("Fields that are true or false; a text that is neither stays.", ["cached", "blocked"])
    ] = msgspec.field(default_factory=list)
    boolean_words: Annotated[
        _Names,
        a_key("Pairs of words that stand for true and false, beside these themselves, in any case.", "yes/no"),
    ] = msgspec.field(default_factory=list)


class PerObject:
    """A Parse that remembers something of its object, such as the header: `begin` makes a fresh one for each object.

    A run that wants only some records of an object shows such a parser those before them, too, and ignores the results.
    Use it as a decorator below `parser`, on a function without arguments that makes the Parse.
    """

    def __init__(self, make: Callable[[], Parse]) -> None:
        self._make = make
        self.__doc__ = make.__doc__

    def __call__(self, meta: MetaData, value: Any) -> Parsed:
        """Parse the only record of an object."""
        return self._make()(meta, value)

    @staticmethod
    def begin(parse: Parse) -> Parse:
        """Return the Parse for a further object; `parse` itself if it remembers nothing."""
        return parse._make() if isinstance(parse, PerObject) else parse


CARRIES = ("message", "log")
"""The fields of which the first that has a text is what a parser of texts reads, behind a format that says nothing."""


@dataclass(frozen=True, kw_only=True)
class Format:
    """One entry of the catalogue: a declaration of `slips.parsing`, or made by the decorators `reader` and `parser`."""

    name: str
    summary: str
    reference: str
    takes: Kind
    gives: Kind
    chain: tuple[Step, ...] = field(hash=False)
    """The usual chain, for which the short form `format: name` in a config stands."""
    tag: str = ""
    """The value of `meta.tag`; fields of the event stand in braces: `aws.cloudtrail.{eventType}`."""
    rules: tuple[Rule, ...] = ()
    """The rules that may filter a record."""
    parameter: str = ""
    """The default of the parameter behind a colon, if the format has one: `json-records:Records`."""
    container: str = ""
    """For parsers of elements: the path of the array of elements in a document."""
    extends: bool = False
    """For parsers of texts: whether the event keeps the fields of the event that carried the text."""
    carries: str = ""
    """For headers, such as syslog's: the field of their event that has the text of a further format. Other events may
    have such a text in one of CARRIES."""
    read: Read | None = None
    members: Members | None = None
    """Of an archive."""
    parse: Parse | None = None
    takes_json: bool = False
    """For parsers of texts: whether some of the texts are JSON objects."""
    raw: bool = False
    """For parsers of texts: whether the parser gets the record's bytes, with their line end, instead of a text."""
    options: type[FormatOptions] | None = None
    """The class of the options that a step may give, as `{csv: {delimiter: "|"}}`. None: the format takes none."""
    make: Callable[[Any], Any] | None = None
    """For formats with options: makes the Read or Parse for given ones. Raises ValueError for some that do not fit."""
    identity: str = ""
    """For readers: all that decides the numbers of records beside name and parameter, such as options."""
    numbering: int = 1
    """For readers: raised when records of some object are numbered differently than before. It is part of the reader's
    identity, so that ranges of record numbers from before replay their whole object."""
    entities: EntityNames = field(default_factory=dict, hash=False)
    """For parsers: the paths of fields that name entities, by kind: `{"addresses": "srcaddr dstaddr"}`."""

    @property
    def entity_paths(self) -> EntityPaths | None:
        """The paths of `entities`, checked; None if there are none. Raises ValueError."""
        return EntityPaths.of(self.entities)

    def identify(self, parameter: str) -> str:
        """Return the identity of this reader with a parameter: all that decides the numbers of records."""
        number = f"/{self.numbering}" if self.numbering > 1 else ""
        return f"{self.name}{number}{f':{parameter}' if parameter else ''}{self.identity}"

    def with_options(self, options: FormatOptions) -> Format:
        """Return the format as `options`, an instance of its class, specialise it.

        Raises ValueError, with `option: what; what was expected; what to do`, for options that do not fit.
        """
        if self.make is None:  # its options are those that `parsing.chain` knows
            return self
        if self.takes != "object":
            return replace(self, parse=self.make(options))
        own = {
            name: value
            for name, value in msgspec.to_builtins(options).items()
            if name not in MeaningOptions.__struct_fields__
        }
        given = msgspec.json.encode(own, order="deterministic").decode()
        return replace(self, read=self.make(options), identity=f" {given}" if own else "")


def reader(
    name: str,
    *,
    summary: str,
    reference: str,
    gives: Kind = "text",
    parameter: str = "",
    rules: tuple[Rule, ...] = (),
    options: type[FormatOptions] | None = None,
    numbering: int = 1,
) -> Callable[[Read | Callable[[Any], Read]], Format]:
    """Declare a reader: a function `(stream, record_bytes, parameter) -> records`. The fields are those of Format.

    With `options`, the function gets an instance of that class, and returns the function that reads; but with
    MeaningOptions itself, which concern the parser that comes behind it, the function is the same as without.
    """
    makes = options not in (None, MeaningOptions)

    def declare(read: Any) -> Format:  # a Read, or a function that makes one
        return Format(
            name=name,
            summary=summary,
            reference=reference,
            takes="object",
            gives=gives,
            chain=(name,),
            parameter=parameter,
            rules=rules,
            read=read(options()) if options and makes else read,
            options=options,
            make=read if makes else None,
            numbering=numbering,
        )

    return declare


def archive(
    name: str, *, summary: str, reference: str, rules: tuple[Rule, ...] = (), numbering: int = 1
) -> Callable[[Members], Format]:
    """Declare an archive: a function of a stream to its members, each of which the rest of the chain reads."""

    def declare(members: Members) -> Format:
        return Format(
            name=name,
            summary=summary,
            reference=reference,
            takes="object",
            gives="object",
            chain=(name, "s3-lines"),
            rules=rules,
            members=members,
            numbering=numbering,
        )

    return declare


def parser(
    name: str,
    *,
    summary: str,
    reference: str,
    takes: Literal["text", "event"] = "event",
    tag: str = "",
    chain: tuple[Step, ...] = (),
    rules: tuple[Rule, ...] = (),
    container: str = "",
    extends: bool = False,
    carries: str = "",
    raw: bool = False,
    options: type[FormatOptions] | None = None,
    entities: EntityNames = MappingProxyType({}),
) -> Callable[[Parse | Callable[[Any], Parse]], Format]:
    """Declare a parser: a function `(meta, text or event) -> event`. The fields are those of Format.

    Without `chain` the usual chain is `s3-lines` and, for a parser of events, `json`, or a reader of the `container`.
    With `options`, the function gets an instance of that class, and returns the function that parses; but with
    MeaningOptions itself, which concern the parser that comes behind it, the function is the same as without.
    Raises ValueError for `entities` of an unknown kind.
    """
    EntityPaths.of(entities)
    makes = options not in (None, MeaningOptions)
    if not chain:
        if container:
            chain = (f"json-records:{container}", name)
        else:
            chain = ("s3-lines", name) if takes == "text" else ("s3-lines", "json", name)

    def declare(parse: Any) -> Format:  # a Parse, or a function that makes one
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
            carries=carries,
            parse=parse(options()) if options and makes else parse,
            raw=raw,
            options=options,
            make=parse if makes else None,
            entities=entities,
        )

    return declare
