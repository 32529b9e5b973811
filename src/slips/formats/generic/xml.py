"""XML: an element in one text."""

from __future__ import annotations

import re

from slips.errors import RecordError
from slips.format import Event, Limited, MeaningOptions, Parse, RecordLimits, parser
from slips.model import MetaData
from slips.parsing.readers.xml_elements import element_of

# A text that begins so has no document type, and so no entity to expand.
_BEGINS = re.compile(r"\s*+(?:<\?xml[^>]*+>\s*+)?(?=<[A-Za-z_])")


@parser(
    "xml",
    summary="an XML element in a text is an event, as with 'xml-events'",
    reference="https://www.w3.org/TR/xml/",
    takes="text",
    options=MeaningOptions,
)
@Limited
def xml(limits: RecordLimits) -> Parse:
    """Make an event of an element: children by name, attributes as `@name`, text beside either as `#text`.

    Raises RecordError for any other text.
    """

    def parse(_meta: MetaData, text: str) -> Event:
        begin = _BEGINS.match(text)
        if begin is None:
            raise RecordError(f"text begins with {text[:40]!r}; expected an XML element such as '<Event>'")
        return element_of(text[begin.end() :].encode("utf-8", "surrogatepass"), limits)

    return parse
