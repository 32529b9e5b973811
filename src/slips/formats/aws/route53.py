"""Amazon Route 53: queries to the resolver of a VPC, and to public hosted zones."""

from __future__ import annotations

from slips.parsing import Columns, Json, iso

ROUTE53_RESOLVER = Json(
    "route53-resolver",
    "DNS queries to the Route 53 Resolver of a VPC, and what its DNS firewall did",
    "https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resolver-query-logs-format.html",
    tag="aws.route53-resolver",
    time=iso("query_timestamp"),
    message="{rcode|'-'} {query_type|'-'} {query_name} from {srcaddr|'-'}",
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
)
