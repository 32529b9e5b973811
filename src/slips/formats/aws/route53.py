"""Amazon Route 53: queries to the resolver of a VPC, and to public hosted zones."""

from __future__ import annotations

from slips.errors import RecordError
from slips.format import Event
from slips.model import MetaData
from slips.parsing import Columns, Json, iso


def _check_version(meta: MetaData, event: Event) -> None:
    """Raise RecordError for another log's line with a time as its second word, such as syslog's."""
    version = event.get("log_format_version", "1.0")
    if version is not None and not str(version).replace(".", "", 1).isdecimal():
        raise RecordError(f"'log_format_version' is {version!r:.60}; expected a version such as '1.0'")


ROUTE53_RESOLVER = Json(
    "route53-resolver",
    "DNS queries to the Route 53 Resolver of a VPC, and what its DNS firewall did",
    "https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resolver-query-logs-format.html",
    tag="aws.route53-resolver",
    time=iso("query_timestamp"),
    message="{rcode|'query'}{' ' query_type} {query_name}{' from ' srcaddr}",
    require="query_name",
    integers="srcport",
    entities={"addresses": "srcaddr answers.Rdata", "hosts": "srcids.instance", "domains": "query_name"},
)

ROUTE53_QUERY = Columns(
    "route53-query",
    "DNS queries to public hosted zones of Route 53",
    "https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/query-logs.html",
    tag="aws.route53-query",
    time=iso("query_timestamp"),
    message="{response_code} {query_type} {query_name} from {resolver_ip_address}",
    columns="""log_format_version query_timestamp hosted_zone_id query_name query_type response_code
        layer_4_protocol route_53_edge_location resolver_ip_address edns_client_subnet""",
    absent="-",
    entities={"addresses": "resolver_ip_address", "domains": "query_name"},
    refine=_check_version,
)
