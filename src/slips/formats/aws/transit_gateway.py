"""AWS Transit Gateway: flow logs."""

from __future__ import annotations

from slips.parsing import Columns, epoch

_DEFAULT = """version resource-type account-id tgw-id tgw-attachment-id tgw-src-vpc-account-id tgw-dst-vpc-account-id
    tgw-src-vpc-id tgw-dst-vpc-id tgw-src-subnet-id tgw-dst-subnet-id tgw-src-eni tgw-dst-eni tgw-src-az-id
    tgw-dst-az-id tgw-pair-attachment-id srcaddr dstaddr srcport dstport protocol packets bytes start end log-status
    type packets-lost-no-route packets-lost-blackhole packets-lost-mtu-exceeded packets-lost-ttl-expired tcp-flags
    region flow-direction pkt-src-aws-service pkt-dst-aws-service"""

# As flow logs of VPCs: any of these fields in any order, named by a header; without one the default format.
TRANSIT_GATEWAY_FLOW = Columns(
    "transit-gateway-flow",
    "flow logs of AWS Transit Gateways, with any fields",
    "https://docs.aws.amazon.com/vpc/latest/tgw/tgw-flow-logs.html",
    tag="aws.transit-gateway-flow",
    time=epoch("start", "end"),
    message="{flow-direction|log-status|'-'} {srcaddr|'-'} => {dstaddr|'-'}",
    columns=_DEFAULT,
    header=_DEFAULT,
    absent="-",
    integers="""version srcport dstport protocol packets bytes start end packets-lost-no-route packets-lost-blackhole
        packets-lost-mtu-exceeded packets-lost-ttl-expired tcp-flags""",
    entities={"addresses": "srcaddr dstaddr"},
)
