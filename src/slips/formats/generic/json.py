"""JSON: an object, or an array of objects, in one text; an object of an array whose brackets are on other lines."""

from __future__ import annotations

from slips.errors import RecordError
from slips.format import Limited, MeaningOptions, Parse, Parsed, RecordLimits, Rule, parser
from slips.model import MetaData
from slips.parsing.json_events import JsonParse, Texts

_REFERENCE = "https://www.rfc-editor.org/rfc/rfc8259"
BRACKETS = Rule("brackets", "texts that are a bracket of an array, or the comma between two elements, alone")

json = parser(
    "json",
    summary="a JSON object is an event; each object of a JSON array is one",
    reference=_REFERENCE,
    takes="text",
    raw=True,
    options=MeaningOptions,
)(JsonParse())


@parser(
    "json-elements",
    summary="a JSON object is an event, with the comma and brackets of an array beside it, as of one cut into lines",
    reference=_REFERENCE,
    takes="text",
    options=MeaningOptions,
    rules=(BRACKETS,),
)
@Limited
def json_elements(limits: RecordLimits) -> Parse:
    """Make an event of each object in a part of an array, which may lack either bracket.

    Raises RecordError for a text that has anything else.
    """
    texts = Texts(limits)

    def parse(meta: MetaData, text: str) -> Parsed:
        inner = text.strip().removesuffix(",").rstrip()
        if not inner.startswith("["):
            inner = inner.removesuffix("]")
        elif not inner.endswith("]"):
            inner = inner.removeprefix("[")
        inner = inner.strip().removesuffix(",")
        if inner in ("", "[", "]", "[]"):
            return BRACKETS
        raw = inner.encode("utf-8", "surrogateescape")
        try:
            return texts.parse(meta, raw)
        except RecordError as error:
            if not inner.startswith("{") or not inner.endswith("}"):
                raise
            try:  # several objects with commas between them
                return texts.parse(meta, b"[%b]" % raw)
            except RecordError:
                raise error from None

    return parse
