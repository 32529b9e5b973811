"""Checks that MainFunc can reach the services that it calls, from the subnets of the config.

In: a config and an account. Out: warnings, since a network may have routes that this module cannot see. Only missing
subnets and security groups are errors. Logs, retries and failures use Lambda's own network, not the subnets.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError
from msgspec import Struct

from slips.backends.aws.refusals import DENIED, calls
from slips.config import Config, secrets
from slips.deploy.account import Account
from slips.errors import ConfigError, SlipsError

Facts = Mapping[str, Any]
"""EC2's description of one subnet, route table, endpoint, security group, route or rule."""

_USES = {
    "s3": "S3, for objects",
    "dynamodb": "DynamoDB, for the ledger and error items",
    "kinesis-streams": "Kinesis, for what is to be continued",
    "ssm": "SSM, for parameters of handlers' args",
    "secretsmanager": "Secrets Manager, for secrets of handlers' args",
}
"""Service and purpose, by the last part of the service name of an endpoint."""
_GATEWAYS = {"s3", "dynamodb"}
"""Services that have a gateway endpoint, an entry in route tables without costs."""
_ALWAYS = ("s3", "dynamodb", "kinesis-streams")
_HTTPS = 443


class _Network(Struct, frozen=True):
    subnets: Sequence[Facts]
    tables: Sequence[Facts]
    endpoints: Sequence[Facts]
    groups: Mapping[str, Facts]
    """Security groups by id: the function's, and those of the endpoints."""


def services(config: Config) -> list[str]:
    """Return the services that MainFunc calls, by the names of endpoints."""
    named = {one.service for one in secrets.references([one.args for one in config.handlers])}
    return [*_ALWAYS, *(service for service in ("ssm", "secretsmanager") if service in named)]


def look(config: Config, account: Account) -> list[str]:
    """Return warnings about services that MainFunc cannot reach, or perhaps not.

    Raises ConfigError for missing subnets and security groups.
    """
    if not config.handler.subnet_ids:
        return []
    try:
        with calls("handler.subnet_ids", passing=DENIED):
            network = _read(config, account)
    except (ClientError, SlipsError) as error:
        why = f"AWS denies ec2:{error.operation_name}" if isinstance(error, ClientError) else str(error)
        return [
            f"handler.subnet_ids: whether MainFunc reaches {', '.join(services(config))} from there is unknown: {why}; "
            "expected a NAT or VPC endpoints; see to them"
        ]
    if missing := list(_missing(config, account, network)):
        raise ConfigError(missing)
    return list(_warnings(config, account.region, network))


def _read(config: Config, account: Account) -> _Network:
    def all_of(operation: str, key: str, **filters: Collection[str]) -> list[Facts]:
        wanted = [{"Name": name.replace("_", "-"), "Values": sorted(values)} for name, values in filters.items()]
        return [one for page in account.ec2.get_paginator(operation).paginate(Filters=wanted) for one in page[key]]

    subnets = all_of("describe_subnets", "Subnets", subnet_id=config.handler.subnet_ids)
    vpcs = {subnet["VpcId"] for subnet in subnets}
    if not vpcs:
        return _Network([], [], [], {})
    endpoints = all_of("describe_vpc_endpoints", "VpcEndpoints", vpc_id=vpcs)
    of_endpoints = {group["GroupId"] for endpoint in endpoints for group in endpoint.get("Groups", [])}
    groups = {*config.handler.security_group_ids, *of_endpoints}
    return _Network(
        subnets,
        all_of("describe_route_tables", "RouteTables", vpc_id=vpcs),
        endpoints,
        {one["GroupId"]: one for one in all_of("describe_security_groups", "SecurityGroups", group_id=groups)},
    )


def _missing(config: Config, account: Account, network: _Network) -> Iterator[str]:
    file = config.file_name
    there = {subnet["SubnetId"] for subnet in network.subnets}
    named = {"subnet_ids": (config.handler.subnet_ids, there)}
    if there:  # the groups were read from the VPC of the subnets
        named["security_group_ids"] = (config.handler.security_group_ids, {*network.groups})
    for key, (ids, known) in named.items():
        if missing := [id for id in ids if id not in known]:
            yield (
                f"{file}: handler.{key}: {', '.join(missing)} not there; expected some of account {account.id} in "
                f"{account.region}, or shared with it; mend the ids"
            )


def _warnings(config: Config, region: str, network: _Network) -> Iterator[str]:
    handler = config.handler
    own = [network.groups[id] for id in handler.security_group_ids if id in network.groups]
    if own and not any(_opens(rule) for group in own for rule in group.get("IpPermissionsEgress", [])):
        yield (
            "handler.security_group_ids: none lets MainFunc out on port 443; expected that of one at least, since all "
            "of AWS is reached so; add an outbound rule"
        )
    shut = [subnet for subnet in network.subnets if not _leaves(_table_of(subnet, network))]
    for service in services(config):
        cut_off = [subnet for subnet in shut if not _has_endpoint(service, subnet, region, network, own)]
        if cut_off:
            kind = "a gateway" if service in _GATEWAYS else "an interface"
            places = ", ".join(subnet["SubnetId"] for subnet in cut_off)
            public = any(_to_internet_gateway(route) for one in cut_off for route in _routes(one, network))
            because = " (an internet gateway is none for a function, which has no public address)" if public else ""
            yield (
                f"handler.subnet_ids: MainFunc seems not to reach {_USES[service]}, from {places}; "
                f"expected a default route to a NAT{because}, or {kind} endpoint "
                f"com.amazonaws.{region}.{service} that serves them; make either"
            )


def _table_of(subnet: Facts, network: _Network) -> Facts:
    """Return the route table of a subnet: its own, else the main one of its VPC."""
    main: Facts = {}
    for table in network.tables:
        for association in table.get("Associations", []):
            if association.get("SubnetId") == subnet["SubnetId"]:
                return table
            if association.get("Main") and table["VpcId"] == subnet["VpcId"]:
                main = table
    return main


def _routes(subnet: Facts, network: _Network) -> list[Facts]:
    return list(_table_of(subnet, network).get("Routes", []))


def _leaves(table: Facts) -> bool:
    """Whether a default route leads out: to a NAT, a transit gateway, an appliance, or another network.

    A function never has a public address, so that an internet gateway drops its packets.
    https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc-internet.html
    """
    return any(
        route.get("DestinationCidrBlock") == "0.0.0.0/0"
        and route.get("State", "active") == "active"
        and not _to_internet_gateway(route)
        for route in table.get("Routes", [])
    )


def _to_internet_gateway(route: Facts) -> bool:
    return str(route.get("GatewayId", "")).startswith("igw-")


def _has_endpoint(service: str, subnet: Facts, region: str, network: _Network, own: Sequence[Facts]) -> bool:
    return any(
        one["ServiceName"].endswith(f".{region}.{service}")
        and one["VpcId"] == subnet["VpcId"]
        and one.get("State", "available").lower() == "available"
        and _serves(one, subnet, network, own)
        for one in network.endpoints
    )


def _serves(endpoint: Facts, subnet: Facts, network: _Network, own: Sequence[Facts]) -> bool:
    """Whether requests of a subnet to the service's usual name reach the endpoint, which lets them in."""
    if endpoint["VpcEndpointType"] == "Gateway":
        return _table_of(subnet, network).get("RouteTableId") in endpoint.get("RouteTableIds", [])
    from_elsewhere = endpoint.get("DnsOptions", {}).get("PrivateDnsOnlyForInboundResolverEndpoint", False)
    if not endpoint.get("PrivateDnsEnabled") or from_elsewhere:
        return False
    groups = [network.groups[one["GroupId"]] for one in endpoint.get("Groups", []) if one["GroupId"] in network.groups]
    rules = [rule for group in groups for rule in group.get("IpPermissions", [])]
    return not groups or any(_opens(rule) and _admits(rule, subnet, own) for rule in rules)


def _opens(rule: Facts) -> bool:
    """Whether a rule of a security group is for port 443 of TCP."""
    if rule["IpProtocol"] == "-1":
        return True
    return rule["IpProtocol"] in ("tcp", "6") and rule.get("FromPort", 0) <= _HTTPS <= rule.get("ToPort", 65_535)


def _admits(rule: Facts, subnet: Facts, own: Sequence[Facts]) -> bool:
    """Whether a rule lets in requests from a subnet with the function's own security groups."""
    if rule.get("PrefixListIds"):
        return True  # assumed: prefix lists are not read
    if {pair["GroupId"] for pair in rule.get("UserIdGroupPairs", [])} & {group["GroupId"] for group in own}:
        return True
    network = ipaddress.ip_network(subnet["CidrBlock"])
    ranges = [ipaddress.ip_network(one["CidrIp"]) for one in rule.get("IpRanges", [])]
    return any(isinstance(network, type(each)) and network.overlaps(each) for each in ranges)
