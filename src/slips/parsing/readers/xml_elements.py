"""Reads XML logs: each element of one name is a record, in one document, in several, or with no root around them.

An element is cut out by its tags, then parsed alone. So a broken one costs no other, memory holds one, and no document
type reaches the parser: there is no entity to expand.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator
from io import BufferedReader
from typing import TYPE_CHECKING, Annotated, Any
from xml.etree.ElementTree import Element, ParseError, XMLParser

from msgspec import Meta

from slips.errors import ObjectError, ReaderError, RecordError, RecordTooLarge
from slips.format import (
    Bad,
    Event,
    Limited,
    MeaningOptions,
    Read,
    Record,
    RecordLimits,
    Rule,
    TooLong,
    a_key,
    reader,
    too_many_values,
)
from slips.parsing.readers.lines import HEAD
from slips.parsing.readers.text import EMPTY, PADDING, TextRecords, look

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

BLOCK = 1 << 17
"""Bytes read at once."""
TAG = 1 << 16
"""Most bytes of a tag that is found at once, and of a document type. A longer tag may have the bytes of a record."""
NAMED = 5
"""Most elements that an error names."""
_NAME = r"[A-Za-z_][\w.-]*"
_UNMARKED = {b"<\0": codecs.BOM_UTF16_LE, b"\0<": codecs.BOM_UTF16_BE}
_DECLARED = re.compile(rb"""\s*<\?xml[^>]*?\sencoding\s*=\s*["']([\w.-]+)["']""")
_SECTIONS = {b"<!--": b"-->", b"<![CDATA[": b"]]>", b"<?": b"?>"}
_TAG_NAME = rb"</?(?:[\w.\x80-\xff-]+:)?([\w.\x80-\xff-]+)"
_ATTRIBUTES = rb"""(?:[^<>"']|"[^<"]*+"|'[^<']*+')*+"""
_TAG = re.compile(_TAG_NAME + _ATTRIBUTES + rb">")
_TAG_BEGINS, _TAG_GOES_ON = re.compile(_TAG_NAME), re.compile(_ATTRIBUTES)
_DOCTYPE = re.compile(rb"<!DOCTYPE[^\[<>]*+(?:\[[^\]]*+\]\s{0,9}+)?+>", re.IGNORECASE)
_PREFIX = re.compile(rb"[<\s/]([A-Za-z_\x80-\xff][\w.\x80-\xff-]*):[A-Za-z_\x80-\xff]")
_SIGNS = re.compile(rb"(?:<(?=<))+")
_DECLARING = b"!", b"?"
_BLANK = b" \t\r\n"
_UNBOUND = 27
"""Code of the parser's error for a prefix that is declared outside of the element."""


class XmlOptions(MeaningOptions, frozen=True):
    """The options of `xml-events`."""

    element: Annotated[
        str,
        a_key(
            "Name of the elements that are records, without a prefix; not set: the parameter.",
            "record",
            expected="a name such as 'Event'",
        ),
        Meta(pattern=f"^({_NAME})?$"),
    ] = ""


@reader(
    "xml-events",
    summary="each XML element of one name is a record; the parameter is the name",
    reference="https://www.w3.org/TR/xml/",
    gives="event",
    parameter="Event",
    rules=(PADDING, EMPTY),
    options=XmlOptions,
    numbering=2,
)
def xml_events(options: XmlOptions) -> Read:
    """Yield elements as dicts: children by name, a list where a name is there twice, attributes as `@name`, text beside
    either as `#text`. An element that has only text is that text, an empty one None. Prefixes of names are left out.

    All around the elements is skipped if it is markup; other text is a `Bad` record. An element does not contain others
    of its own name: a start tag within one begins the next, and the one before it is `Bad`. Raises ReaderError for text
    without such an element.
    """

    def within(limits: RecordLimits) -> Read:
        return lambda stream, _record_bytes, parameter: XmlRecords(stream, limits, options.element or parameter)

    return Limited(within)


class XmlRecords(TextRecords):
    """The elements of an object."""

    def __init__(self, stream: BufferedReader, limits: RecordLimits, element: str) -> None:
        super().__init__(stream)
        self._limits, self._element = limits, element
        # Bounded, so that what is found does not depend on where blocks end.
        name = rb"(?:[\w.\x80-\xff-]{1,1024}+:)?" + re.escape(element).encode()
        self._start = re.compile(rb"<" + name + rb"(?=[\s/>])")
        self._inside = re.compile(rb"<!--|<!\[CDATA\[|<" + name + rb"(?=[\s/>])|</" + name + rb"\s{0,1024}+>")
        self._raw = b""
        """The element yielded last."""
        self._encoding = "utf-8"

    def __iter__(self) -> Iterator[Record]:
        beginning, self._stream, _ = look(self._stream, 2)
        if mark := _UNMARKED.get(beginning):
            self._stream = BufferedReader(_Marked(mark, self._stream), BLOCK)
        return super().__iter__()

    def raw_of(self, _event: Event) -> bytes | None:
        """Return the text of an event if that has no escapes."""
        return None if b"&" in self._raw or self._encoding != "utf-8" else self._raw

    def original(self, record: Record) -> Record:
        return super().original(self._raw if isinstance(record, dict) else record)

    def cut(self, stream: BufferedReader) -> Iterator[Record]:
        text = _Position(stream)
        text.fill()
        declared = _DECLARED.match(text.data.lstrip(_BLANK)) if self._own is None else None
        self._encoding = _known_encoding(declared[1].decode()) if declared else "utf-8"
        around = _Around(self._start, self._limits.bytes)
        has_records = False
        while text.want(TAG) or text.rest:
            if self._start.match(text.data, text.at):
                has_records = True
                yield self._record(text)
            elif bad := around.consume(text):
                has_records = True
                yield bad
        text.end()
        if has_records or around.is_blank:
            return
        if around.has_content:
            raise ReaderError(
                f"xml-events: no element {self._element!r}; there are {', '.join(map(repr, around.names))}; expected "
                "the name of those that are records, as in [{xml-events: {element: Event}}]"
            )
        yield EMPTY

    def _record(self, text: _Position) -> Record:
        """Consume the element at the position, whole or broken."""
        limit, section, dropped = self._limits.bytes, b"", 0
        head = text.data[text.at : text.at + HEAD]
        tag = text.tag(limit)
        if text.data.endswith(b"/>", text.at, text.at + tag):
            raw = text.take(tag)
            return TooLong(tag, limit, head[:tag]) if tag > limit else self._parsed(raw)
        at = tag or 1
        """Bytes of the element that were looked at, without those dropped."""
        while True:
            if section:
                found = text.data.find(section, text.at + at)
                if found >= 0:
                    at, section = found - text.at + len(section), b""
                    continue
                margin = len(section)
            elif mark := self._inside.search(text.data, text.at + at):
                if mark[0] in _SECTIONS:
                    section, at = _SECTIONS[mark[0]], mark.end() - text.at
                    continue
                is_end = mark[0].startswith(b"</")
                size = (mark.end() if is_end else mark.start()) - text.at
                raw = text.take(size)
                if dropped + size > limit:
                    return TooLong(dropped + size, limit, head)
                if is_end:
                    return self._parsed(raw)
                return Bad(size, raw[:HEAD], f"element {self._element!r} does not end before the next one begins")
            else:
                margin = TAG
            at = max(at, text.length - margin)
            if dropped + at > limit:
                dropped += at
                text.take(at)
                at = 0
            if not text.fill():
                text.end()  # what is cut off is no record
                size = dropped + text.length
                text.take(text.length)
                return (
                    TooLong(size, limit, head)
                    if size > limit
                    else Bad(size, head[:size], f"element {self._element!r} does not end")
                )

    def _parsed(self, raw: bytes) -> Record:
        self._raw = raw
        try:
            content = raw if self._encoding == "utf-8" else raw.decode(self._encoding).encode()
            return element_of(content, self._limits)
        except UnicodeDecodeError as error:
            return Bad(len(raw), raw[:HEAD], f"not {self._encoding}: {error.reason}")
        except RecordError as error:
            return Bad(len(raw), raw[:HEAD], error)


def element_of(content: bytes, limits: RecordLimits) -> Event:
    """Return the event of an element in UTF-8, which must begin with its tag. Raises RecordError."""
    if content.count(b"<") + content.count(b"=") > limits.values:
        raise too_many_values(limits.values)
    if len(content) > limits.bytes // 2:
        limits.refuse_wide(content.decode("utf-8", "replace"))
    try:
        value = _value_of(_parse(content), limits.depth)
    except ParseError as error:
        raise RecordError(f"not XML: {error}") from None
    return value if isinstance(value, dict) else {} if value is None else {"#text": value}


def _parse(content: bytes) -> Element:
    """Parse one element. Prefixes that are declared around it stand for themselves."""
    try:
        return _parse_whole(content)
    except ParseError as error:
        if error.code != _UNBOUND:
            raise
    prefixes = {*_PREFIX.findall(content)} - {b"xml", b"xmlns"}
    declared = b" ".join(b'xmlns:%b="%b"' % (prefix, prefix) for prefix in sorted(prefixes))
    return next(iter(_parse_whole(b"<_ %b>%b</_>" % (declared, content))))


def _parse_whole(content: bytes) -> Element:
    parser = XMLParser(encoding="utf-8")  # noqa: S314 - no document type can be within an element
    parser.feed(content)
    root: Element = parser.close()
    return root


def _value_of(element: Element, levels: int) -> Any:
    """Return the value of an element. Raises RecordTooLarge if it is deeper than `levels`."""
    if not levels:
        raise RecordTooLarge("record is too deep; raise 'limits.record_depth' to take it")
    text = element.text or ""
    if not element.attrib and not len(element):
        return text or None
    found: dict[str, Any] = {f"@{_local(name)}": value for name, value in element.items()}
    for child in element:
        name, value = _local(child.tag), _value_of(child, levels - 1)
        if name not in found:
            found[name] = value
        elif isinstance(found[name], list):  # which the value of no element is
            found[name].append(value)
        else:
            found[name] = [found[name], value]
        text += child.tail or ""
    if text.strip():
        found["#text"] = text.strip() if len(element) else text
    return found


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _known_encoding(name: str) -> str:
    """Return the encoding that an XML declaration names, for an object whose bytes are no UTF-16."""
    try:
        found = codecs.lookup(name).name
    except LookupError:
        raise ReaderError(
            f"xml-events: the encoding {name!r} is not known; expected one of Python, such as 'utf-8'"
        ) from None
    return "utf-8" if found in ("utf-8", "ascii", "utf-8-sig") or found.startswith(("utf-16", "utf-32")) else found


def _shown(text: bytes) -> str:
    return ascii(text[:40].decode("utf-8", "replace"))


class _Position:
    """A position in a stream of bytes, of which `data` is at hand."""

    def __init__(self, stream: BufferedReader) -> None:
        self._stream, self._has_ended = stream, False
        self._error: ObjectError | None = None
        """The error with which the stream ended: it is raised behind all that was read before."""
        self.data, self.at = b"", 0
        self._passed = 0
        """Bytes before `data`."""

    @property
    def offset(self) -> int:
        """Bytes before the position."""
        return self._passed + self.at

    @property
    def length(self) -> int:
        """Bytes at hand behind the position."""
        return len(self.data) - self.at

    @property
    def rest(self) -> bytes:
        return self.data[self.at : self.at + 1]

    def fill(self) -> bool:
        """Read on, as much again as is at hand, up to 4 MB. Return whether there was more."""
        if self._has_ended:
            return False
        try:
            more = self._stream.read1(min(max(BLOCK, self.length), 1 << 22))
        except ObjectError as error:
            more, self._error = b"", error
        self._passed += self.at
        self.data, self.at = self.data[self.at :] + more, 0
        self._has_ended = not more
        return bool(more)

    def end(self) -> None:
        """Raise the error of the stream, if it ended with one."""
        if self._error is not None:
            raise self._error

    def want(self, size: int) -> bool:
        """Have that many bytes at hand. Return whether they are there."""
        while self.length < size:
            if not self.fill():
                return False
        return True

    def take(self, size: int) -> bytes:
        """Consume and return bytes at hand."""
        taken = self.data[self.at : self.at + size]
        self.at += size
        return taken

    def tag(self, most: int) -> int:
        """Have a whole tag at hand, and return its bytes: 0 if none begins here, or if it is broken.

        A tag over `most` bytes counts as broken, unless it has TAG bytes or less.
        """
        found = _TAG.match(self.data, self.at, self.at + TAG)
        if found:
            return found.end() - self.at
        if self.length < TAG or self.data.find(b"<", self.at + 1, self.at + TAG) >= 0:
            return 0
        begun = _TAG_BEGINS.match(self.data, self.at)
        at = begun.end() - self.at if begun else most
        while at < most:
            gone = _TAG_GOES_ON.match(self.data, self.at + at)
            at = (gone.end() if gone else len(self.data)) - self.at
            if self.data.startswith(b">", self.at + at):
                return at + 1 if at < most else 0
            # It ends at a quote that is still open, or at the end of what is at hand.
            if self.data.find(b"<", self.at + at) >= 0 or self.length > most or not self.fill():
                break
        return 0

    def skip_behind(self, mark: bytes) -> bool:
        """Consume all up to a mark, and the mark. Return whether it was there."""
        while (found := self.data.find(mark, self.at)) < 0:
            self.at = max(self.at, len(self.data) - len(mark) + 1)
            if not self.fill():
                self.at = len(self.data)
                return False
        self.at = found + len(mark)
        return True


class _Around:
    """The markup around the elements that are records: a root, declarations, comments."""

    def __init__(self, start: re.Pattern[bytes], most: int) -> None:
        """`most`: bytes of a tag."""
        self._start, self._most = start, most
        self._depth = 0
        self.names: dict[str, None] = {}
        """Names of the first elements."""
        self.is_blank = True
        self.has_content = False
        """Whether an element has text or other elements in it."""

    def consume(self, text: _Position) -> Bad | Rule | None:
        """Consume all up to the next record, or to the end. Return what is no markup, as one record: NUL bytes alone
        are PADDING."""
        size, head, marks, nuls = 0, b"", 0, 0
        first = last = 0
        """Where the record begins and ends in the text."""
        while (text.want(TAG) or text.rest) and not self._start.match(text.data, text.at):
            is_markup = text.rest == b"<"
            begin, start = b"" if head else text.data[text.at : text.at + HEAD], text.offset
            stray = self._markup(text) if is_markup else self._text(text)
            if stray and stray.strip(_BLANK):
                last = text.offset - len(stray) + len(stray.rstrip(_BLANK))
                if not head:
                    content = len(stray.lstrip(_BLANK))
                    first = start + len(stray) - content
                    head = begin if is_markup else text.data[text.at - content :][:HEAD]
                kept = stray.translate(None, _BLANK)
                size += len(kept)
                if not is_markup and not kept.isascii():
                    marks += sum(kept.count(byte) for byte in codecs.BOM_UTF8)
                if not is_markup:
                    nuls += kept.count(b"\0")
        if size == marks and marks % 3 == 0:  # byte order marks are no content
            return None
        if nuls and size == nuls + marks:
            return PADDING
        size, head = last - first, head[: last - first]
        why = f"text outside of the elements: {_shown(head)}"
        if head[:9].upper() == b"<!DOCTYPE":
            why = f"document type is broken, or over the limit of {TAG:,} bytes: {_shown(head)}"
        elif size > self._most and _TAG_BEGINS.match(head):
            why = f"tag is broken, or over the limit of {self._most:,} bytes: {_shown(head)}"
        return Bad(size, head, why)

    def _text(self, text: _Position) -> bytes:
        """Consume text up to the next tag. Return it if no element is around it."""
        end = text.data.find(b"<", text.at)
        taken = text.take(text.length if end < 0 else end - text.at)
        if self._depth and taken.strip(_BLANK):
            self.has_content = True
        return b"" if self._depth else taken

    def _markup(self, text: _Position) -> bytes:
        """Consume markup. Return it if it is broken."""
        self.is_blank = False
        if text.data[text.at + 1 : text.at + 2] in _DECLARING:
            section = next((each for each in _SECTIONS if text.data.startswith(each, text.at)), None)
            if section is not None:
                if section == b"<![CDATA[" and not self._depth:
                    return text.take(len(section))  # text, which no element is around
                return b"" if text.skip_behind(_SECTIONS[section]) else section
            if doctype := _DOCTYPE.match(text.data, text.at, text.at + TAG):
                text.take(len(doctype[0]))
                return b""
        if not (size := text.tag(self._most)):
            signs = _SIGNS.match(text.data, text.at)
            return text.take(len(signs[0]) if signs else 1)
        tag = text.take(size)
        if tag.startswith(b"</"):
            self._depth -= 1
            if self._depth < 0:
                self._depth = 0
                return tag
            return b""
        self.has_content |= bool(self._depth)
        if not tag.endswith(b"/>"):
            self._depth += 1
        if len(self.names) < NAMED and (named := _TAG_BEGINS.match(tag)):
            self.names[named[1].decode("utf-8", "replace")] = None
        return b""


class _Marked(io.RawIOBase):
    """A stream with a byte order mark before it."""

    def __init__(self, mark: bytes, stream: BufferedReader) -> None:
        super().__init__()
        self._mark, self._stream = mark, stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        target = memoryview(buffer)
        data = self._mark or self._stream.read1(len(target))
        self._mark = b""
        target[: len(data)] = data
        return len(data)
