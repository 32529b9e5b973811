"""Access logs of bunny.net's CDN, one line a request, as its permanent log storage has them."""

from __future__ import annotations

from slips.parsing import Columns, epoch

BUNNY_CDN = Columns(
    "bunny-cdn",
    "access logs of bunny.net's CDN, with bars between their fields",
    "https://docs.bunny.net/cdn/logging",
    time=epoch("timestamp", unit="ms"),
    tag="bunny.cdn",
    message="{remote_ip|'-'} {url|'-'} {status} {cache_status|'-'}",
    columns="""cache_status status timestamp bytes_sent pull_zone_id remote_ip referer url edge_location user_agent
        request_id country""",
    separator="|",
    absent=("", "-"),
    integers="status timestamp bytes_sent pull_zone_id",
    entities={"addresses": "remote_ip"},
)
