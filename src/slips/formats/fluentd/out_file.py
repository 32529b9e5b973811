"""Files that Fluentd writes with its output `out_file`."""

from __future__ import annotations

from slips import times
from slips.errors import RecordError
from slips.format import Event, Limited, Parse, RecordLimits, parser
from slips.model import MetaData
from slips.parsing.json_text import beginning, load_json


@parser(
    "fluentd-json",
    summary="Fluentd files (out_file): time, tag and JSON record, with tabs between",
    reference="https://docs.fluentd.org/formatter/out_file",
    takes="text",
    tag="{tag of the line}",
    raw=True,
)
@Limited
def fluentd_json(limits: RecordLimits) -> Parse:
    """Decode the JSON record behind the time and the tag of a line.

    A time without a zone is UTC; digits are seconds (`time_type unixtime`). Raises RecordError for a line without both
    tabs, and for JSON that is no object.
    """

    def parse(meta: MetaData, raw: bytes) -> Event:
        try:
            time, tag, record = raw.split(b"\t", 2)
            stamp, meta.tag = time.decode(), tag.decode("utf-8", "surrogateescape")
        except ValueError:
            raise RecordError(
                f"line begins with {beginning(raw)}; expected time, tag and JSON with tabs between"
            ) from None
        meta.timestamp = times.number(stamp) if stamp[:10].isdigit() else times.iso(stamp)
        event: Event = load_json(record, limits)
        if event.__class__ is not dict:
            raise RecordError(f"record is JSON {type(event).__name__} {beginning(record)}; expected an object")
        return event

    return parse
