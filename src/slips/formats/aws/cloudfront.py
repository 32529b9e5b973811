"""Amazon CloudFront: standard logs and real-time logs."""

from __future__ import annotations

from slips.format import Event
from slips.model import MetaData
from slips.parsing import Columns, Json, any_of, epoch, moment
from slips.parsing.conversions import convert_fields, decimal_or_text

_REFERENCE = "https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide"
_STANDARD = """date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer)
    cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header cs-protocol cs-bytes
    time-taken x-forwarded-for ssl-protocol ssl-cipher x-edge-response-result-type cs-protocol-version fle-status
    fle-encrypted-fields c-port time-to-first-byte x-edge-detailed-result-type sc-content-type sc-content-len
    sc-range-start sc-range-end"""

_NUMBERS = """sc-bytes sc-status cs-bytes c-port sc-content-len sc-range-start sc-range-end asn timestamp
    timestamp(ms)"""
_DECIMALS = "time-taken time-to-first-byte origin-fbl origin-lbl"

_VERSIONS = (12, 15, 18, 19, 23, 24, 26)
"""How many columns there were before AWS appended the next ones; those of 2019 were the last, which made 33."""

# `#Fields:` names the columns: older logs have fewer, and logs of version 2 those that their owner chose. Without it,
# as in a part of a file, the number of fields tells which there are. Values are percent-encoded, as CloudFront writes
# them.
CLOUDFRONT = Columns(
    "cloudfront",
    "standard logs of Amazon CloudFront, of any version, as text",
    f"{_REFERENCE}/standard-logs-reference.html",
    tag="aws.cloudfront",
    time=moment("timestamp(ms)", "timestamp", ("date", "time")),
    message="{sc-status|'-'} {cs-method|'-'} {cs-protocol|'http'}://{x-host-header|cs(Host)|'-'}{cs-uri-stem|''} "
    "from {c-ip|'-'}",
    columns=_STANDARD,
    others=tuple(" ".join(_STANDARD.split()[:width]) for width in _VERSIONS),
    exact=True,
    directive="#Fields:",
    separator="\t",
    absent="-",
    integers=_NUMBERS,
    floats=_DECIMALS,
    entities={"addresses": "c-ip x-forwarded-for", "domains": "x-host-header cs(Host)"},
)

CLOUDFRONT_JSON = Json(
    "cloudfront-json",
    "standard logs of Amazon CloudFront, version 2, as JSON",
    f"{_REFERENCE}/standard-logging.html",
    tag="aws.cloudfront",
    time=moment("timestamp(ms)", "timestamp", ("date", "time")),
    message="{sc-status|'-'} {cs-method|'-'} {cs-protocol|'http'}://{x-host-header|cs(Host)|'-'}{cs-uri-stem|''} "
    "from {c-ip|'-'}",
    require=any_of("x-edge-location", "x-edge-request-id", "sc-status", "cs-uri-stem", "c-ip"),
    absent="-",
    integers=_NUMBERS,
    floats=_DECIMALS,
    entities={"addresses": "c-ip x-forwarded-for", "domains": "x-host-header cs(Host)"},
)

_REAL_TIME = """timestamp c-ip s-ip time-to-first-byte sc-status sc-bytes cs-method cs-protocol cs-host cs-uri-stem
    cs-bytes x-edge-location x-edge-request-id x-host-header time-taken cs-protocol-version c-ip-version cs-user-agent
    cs-referer cs-cookie cs-uri-query x-edge-response-result-type x-forwarded-for ssl-protocol ssl-cipher
    x-edge-result-type fle-encrypted-fields fle-status sc-content-type sc-content-len sc-range-start sc-range-end
    c-port x-edge-detailed-result-type c-country cs-accept-encoding cs-accept cache-behavior-path-pattern cs-headers
    cs-header-names cs-headers-count"""
_LATER = """primary-distribution-id primary-distribution-dns-name origin-fbl origin-lbl asn cmcd-encoded-bitrate
    cmcd-buffer-length cmcd-buffer-starvation cmcd-content-id cmcd-object-duration cmcd-deadline
    cmcd-measured-throughput cmcd-next-object-request cmcd-next-range-request cmcd-object-type cmcd-playback-rate
    cmcd-requested-maximum-throughput cmcd-streaming-format cmcd-session-id cmcd-stream-type cmcd-startup
    cmcd-top-bitrate cmcd-version r-host sr-reason x-edge-mqcs distribution-tenant-id connection-id
    viewer-request-log-data viewer-response-log-data"""

_OF_PLAYERS = frozenset(
    """cmcd-encoded-bitrate cmcd-buffer-length cmcd-object-duration cmcd-deadline cmcd-measured-throughput
    cmcd-requested-maximum-throughput cmcd-top-bitrate cmcd-version x-edge-mqcs""".split()
)
_RATE = frozenset(["cmcd-playback-rate"])


def _read_player(_meta: MetaData, event: Event) -> None:
    """Convert the numbers of a player, which may have sent anything."""
    convert_fields(event, _OF_PLAYERS)
    convert_fields(event, _RATE, decimal_or_text)


# Real-time logs have no header: `columns` names the fields of a configuration that has not all of them.
CLOUDFRONT_REALTIME = Columns(
    "cloudfront-realtime",
    "real-time logs of Amazon CloudFront; the option 'columns' names the fields that were chosen",
    f"{_REFERENCE}/real-time-logs.html",
    tag="aws.cloudfront-realtime",
    time=epoch("timestamp"),
    message="{sc-status|'-'} {cs-method|'-'} {cs-protocol|'http'}://{cs-host|'-'}{cs-uri-stem|''} from {c-ip|'-'}",
    columns=f"{_REAL_TIME} {_LATER}",
    optional=_LATER,
    separator="\t",
    absent="-",
    integers="sc-status sc-bytes cs-bytes sc-content-len sc-range-start sc-range-end c-port cs-headers-count asn",
    floats=f"timestamp {_DECIMALS}",
    booleans="cmcd-buffer-starvation cmcd-startup",
    refine=_read_player,
    entities={"addresses": "c-ip s-ip x-forwarded-for", "domains": "cs-host x-host-header"},
)
