"""JSON: an object, or an array of objects, in one text."""

from __future__ import annotations

from slips.format import MeaningOptions, parser
from slips.parsing.json_events import JsonParse

json = parser(
    "json",
    summary="a JSON object is an event; each object of a JSON array is one",
    reference="https://www.rfc-editor.org/rfc/rfc8259",
    takes="text",
    raw=True,
    options=MeaningOptions,
)(JsonParse())
