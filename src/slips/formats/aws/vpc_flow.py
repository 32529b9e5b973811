"""Flow logs of Amazon VPC, as text."""

from __future__ import annotations

from slips.parsing import Columns, epoch

_VERSION_2 = """version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action
    log-status"""
_VERSIONS_3_TO_11 = """vpc-id subnet-id instance-id tcp-flags type pkt-srcaddr pkt-dstaddr region az-id sublocation-type
    sublocation-id pkt-src-aws-service pkt-dst-aws-service flow-direction traffic-path ecs-cluster-arn ecs-cluster-name
    ecs-container-instance-arn ecs-container-instance-id ecs-container-id ecs-second-container-id ecs-service-name
    ecs-task-definition-arn ecs-task-arn ecs-task-id reject-reason resource-id encryption-status
    instance-tag instance-tag-2 interface-tag interface-tag-2 asg-tag asg-tag-2 interface-type next-hop-interface-id
    next-hop-subnet-id next-hop-az-id next-hop-vpc-id next-hop-interface-type"""

# A flow log has any of these fields in any order, and its objects begin with a header. Without one, as in CloudWatch
# Logs, lines have the default format, version 2. NODATA and SKIPDATA records are events, too: they have no addresses.
VPC_FLOW = Columns(
    "vpc-flow",
    "flow logs of Amazon VPC, of any version and with any fields",
    "https://docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html",
    tag="aws.vpc-flow",
    time=epoch("start", "end", unit="s"),
    message="{action|log-status|'-'} {srcaddr|'-'} => {dstaddr|'-'}",
    columns=_VERSION_2,
    header=f"{_VERSION_2} {_VERSIONS_3_TO_11}",
    absent="-",
    entities={"addresses": "srcaddr dstaddr pkt-srcaddr pkt-dstaddr"},
    integers="version srcport dstport protocol packets bytes start end tcp-flags traffic-path encryption-status",
)
