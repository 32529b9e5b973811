"""Reads JSON documents, each of which is a record: one a line, one behind another, over several lines, or in an array.

An object is read line by line unless its first line holds the beginning of a document that ends on a later one. A line
may hold several documents, whatever its length. Of an array, each element is a record. A broken document is one bad
record, up to the end of its line or, where documents are no lines, up to the next line that begins as a document does.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import BufferedReader

from slips.format import Event, Limited, MeaningOptions, Read, Record, RecordLimits, reader
from slips.parsing.readers.json_documents import DocumentText
from slips.parsing.readers.json_stream import BLOCK
from slips.parsing.readers.text import EMPTY, PADDING, TextRecords


@reader(
    "json-documents",
    summary="each JSON document is a record, on any number of lines; each element of an array is one",
    reference="https://www.rfc-editor.org/rfc/rfc8259",
    gives="event",
    rules=(PADDING, EMPTY),
    options=MeaningOptions,
    numbering=3,
)
@Limited
def json_documents(limits: RecordLimits) -> Read:
    """Yield the documents of an object in flat memory. It takes the place of `[s3-text, json]`, too.

    An empty array is a record, EMPTY. A document that is no JSON object, or exceeds the limits, is a `Bad` record.
    """
    return lambda stream, _record_bytes, _parameter: DocumentRecords(stream, limits)


class DocumentRecords(TextRecords):
    """The documents of an object."""

    def __init__(self, stream: BufferedReader, limits: RecordLimits) -> None:
        super().__init__(stream)
        self._limits = limits
        self._text: DocumentText | None = None

    def cut(self, stream: BufferedReader) -> Iterator[Record]:
        self._text = text = DocumentText(stream, self._limits, BLOCK)
        return text.records_of(text.documents())

    def raw_of(self, event: Event) -> bytes | None:
        return self._text.raw_of(event) if self._text else None
