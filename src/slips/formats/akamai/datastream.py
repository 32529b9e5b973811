"""Logs of Akamai DataStream 2."""

from __future__ import annotations

from slips.parsing import Json, all_of, any_of, epoch

# Each value is a text; those that are numbers become numbers. A dash, or a caret, is no value, and stays.
AKAMAI = Json(
    "akamai",
    "Akamai DataStream 2, as JSON",
    "https://techdocs.akamai.com/datastream2/docs/data-set-parameters",
    require=all_of("reqTimeSec", any_of("cliIP", "reqHost", "cp", "reqId", "statusCode")),
    absent=("-", "^"),
    time=epoch("reqTimeSec"),
    tag="akamai.datastream",
    message="{statusCode|'-'} {reqMethod|'-'} {reqHost|'-'}/{reqPath|''} from {cliIP|'-'}",
    integers="""bytes cacheStatus cp maxAgeSec objSize reqEndTimeMSec reqPort rspContentLen statusCode
        tlsOverheadTimeMSec totalBytes transferTimeMSec turnAroundTimeMSec uncompressedSize
        dnsLookupTimeMSec overheadBytes version""",
    floats="reqTimeSec",
    entities={"addresses": "cliIP edgeIP xForwardedFor", "domains": "reqHost"},
)
