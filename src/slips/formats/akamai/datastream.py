"""Logs of Akamai DataStream 2, as JSON or as text."""

from __future__ import annotations

from slips.parsing import Columns, Json, all_of, any_of, epoch

_MESSAGE = "{statusCode|'request'}{' ' reqMethod}{' ' reqHost}{'/' reqPath}{' from ' cliIP}"
_INTEGERS = """bytes cacheStatus cp maxAgeSec objSize reqEndTimeMSec reqPort rspContentLen statusCode
    tlsOverheadTimeMSec totalBytes transferTimeMSec turnAroundTimeMSec uncompressedSize dnsLookupTimeMSec overheadBytes
    version"""

# Each value is a text; those that are numbers become numbers. A dash, or a caret, is no value, and stays.
AKAMAI = Json(
    "akamai",
    "Akamai DataStream 2, as JSON",
    "https://techdocs.akamai.com/datastream2/docs/data-set-parameters",
    require=all_of("reqTimeSec", any_of("cliIP", "reqHost", "cp", "reqId", "statusCode")),
    absent=("-", "^"),
    time=epoch("reqTimeSec"),
    tag="akamai.datastream",
    message=_MESSAGE,
    integers=_INTEGERS,
    floats="reqTimeSec",
    entities={"addresses": "cliIP edgeIP xForwardedFor", "domains": "reqHost"},
)

# A stream has the fields that its owner chose, in an order of their own, behind its version and its number. Those that
# are named here stand in the order of Akamai's own example; values are percent-encoded, as Akamai writes them.
AKAMAI_TEXT = Columns(
    "akamai-text",
    "Akamai DataStream 2, as text (structured); the option 'columns' names the fields that were chosen",
    "https://techdocs.akamai.com/datastream2/docs/log-format",
    separator="",
    columns="""version streamId cp reqId reqTimeSec bytes cliIP statusCode proto reqHost reqMethod reqPath reqPort
        rspContentLen rspContentType UA tlsOverheadTimeMSec tlsVersion objSize uncompressedSize overheadBytes totalBytes
        queryStr breadcrumbs accLang cookie range referer xForwardedFor maxAgeSec reqEndTimeMSec errorCode
        turnAroundTimeMSec transferTimeMSec dnsLookupTimeMSec""",
    spared="edgeIP cacheStatus",
    absent=("-", "^"),
    time=epoch("reqTimeSec"),
    tag="akamai.datastream",
    message=_MESSAGE,
    integers=_INTEGERS,
    floats="reqTimeSec",
    entities={"addresses": "cliIP edgeIP xForwardedFor", "domains": "reqHost"},
)
