"""Whether MainFunc reaches what it calls from the customer's subnets: what EC2 says in, warnings out."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from slips.config import parse
from slips.deploy.account import Account
from slips.deploy.network import look, services
from slips.errors import ConfigError

pytestmark = pytest.mark.once

REGION = "ap-northeast-1"
CONFIG = """\
stack_name: app
backend: {s3_direct: true}
handler: {path: handler.py, subnet_ids: [subnet-a, subnet-b], security_group_ids: [sg-own]}
bucket_mapping: {my-logs: [{prefix: a/, format: json}]}
"""
SECRETS = CONFIG.replace("path: h", 'args: {a: "{{ssm:/a}}", b: "{{secretsmanager:b}}"}, path: h')
ANYTHING = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
NAT = {"DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": "nat-1", "State": "active"}
INTERNET = {"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "igw-1", "State": "active"}
LOCAL = {"DestinationCidrBlock": "10.0.0.0/16", "GatewayId": "local", "State": "active"}


def subnet(id: str, cidr: str) -> dict[str, Any]:
    return {"SubnetId": id, "VpcId": "vpc-1", "CidrBlock": cidr}


def table(id: str, *routes: dict[str, Any], subnet: str = "") -> dict[str, Any]:
    """A route table of a subnet, or the main one."""
    association = {"SubnetId": subnet, "Main": False} if subnet else {"Main": True}
    return {"RouteTableId": id, "VpcId": "vpc-1", "Associations": [association], "Routes": [LOCAL, *routes]}


def group(id: str, *, inbound: Any = None, outbound: Any = None) -> dict[str, Any]:
    return {"GroupId": id, "IpPermissions": inbound or [], "IpPermissionsEgress": outbound or []}


def https(**source: Any) -> dict[str, Any]:
    return {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, **source}


def gateway(service: str, *tables: str) -> dict[str, Any]:
    about = {"VpcEndpointType": "Gateway", "RouteTableIds": list(tables)}
    return {"ServiceName": f"com.amazonaws.{REGION}.{service}", "VpcId": "vpc-1", "State": "available", **about}


def interface(service: str, **about: Any) -> dict[str, Any]:
    ours: dict[str, Any] = {
        "ServiceName": f"com.amazonaws.{REGION}.{service}",
        "VpcId": "vpc-1",
        "State": "available",
        "VpcEndpointType": "Interface",
        "PrivateDnsEnabled": True,
        "Groups": [{"GroupId": "sg-endpoint"}],
    }
    return ours | about


class Ec2:
    """A network with two subnets, as EC2 describes it; `denied` is the operation that may not be called."""

    def __init__(
        self, *tables: dict[str, Any], endpoints: Any = (), groups: Any = (), denied: str = "", **more: Any
    ) -> None:
        self.denied = denied
        own = [group("sg-own", outbound=[ANYTHING]), group("sg-endpoint", inbound=[https(IpRanges=[{"CidrIp": ANY}])])]
        self.things: dict[str, Any] = {
            "describe_subnets": [subnet("subnet-a", "10.0.1.0/24"), subnet("subnet-b", "10.0.2.0/24")],
            "describe_route_tables": list(tables),
            "describe_vpc_endpoints": list(endpoints),
            "describe_security_groups": list({one["GroupId"]: one for one in [*own, *groups]}.values()),
            **more,
        }
        self.asked: list[dict[str, Any]] = []

    def get_paginator(self, operation: str) -> Any:
        network = self

        class Paginator:
            def paginate(self, **request: Any) -> Any:
                network.asked.append(request)
                if operation == network.denied:
                    error: Any = {"Error": {"Code": "UnauthorizedOperation", "Message": "no"}}
                    raise ClientError(error, operation)
                names = {"describe_subnets": "Subnets", "describe_route_tables": "RouteTables"}
                names |= {"describe_vpc_endpoints": "VpcEndpoints", "describe_security_groups": "SecurityGroups"}
                return [{names[operation]: [one]} for one in network.things[operation]]

        return Paginator()


ANY = "10.0.0.0/16"


def warnings(ec2: Ec2, text: str = CONFIG) -> list[str]:
    class Session:
        def client(self, service: str, **_: Any) -> Any:
            assert service == "ec2"
            return ec2

    return look(parse(text), Account(cast("Any", Session()), region=REGION, id="123456789012"))


def told(ec2: Ec2, text: str = CONFIG) -> list[tuple[str, str]]:
    """The services that cannot be reached, and from where."""
    found = [one.partition("seems not to reach ")[2].partition("; ")[0] for one in warnings(ec2, text)]
    return [(one.partition(",")[0], one.partition(", from ")[2]) for one in found]


ENDPOINTS = [gateway("s3", "rtb-main"), gateway("dynamodb", "rtb-main"), interface("kinesis-streams")]


def test_a_function_outside_of_a_vpc_is_not_asked_about() -> None:
    ec2 = Ec2(denied="describe_subnets")
    text = CONFIG.replace(", subnet_ids: [subnet-a, subnet-b], security_group_ids: [sg-own]", "")
    assert (warnings(ec2, text), ec2.asked) == ([], [])


def test_a_default_route_to_a_nat_reaches_all() -> None:
    assert warnings(Ec2(table("rtb-main", NAT)), SECRETS) == []


@pytest.mark.parametrize("way", [INTERNET, {**NAT, "State": "blackhole"}, LOCAL])
def test_neither_an_internet_gateway_nor_a_nat_that_is_gone_reaches_anything(way: dict[str, Any]) -> None:
    both = "subnet-a, subnet-b"
    assert told(Ec2(table("rtb-main", way))) == [("S3", both), ("DynamoDB", both), ("Kinesis", both)]


def test_an_internet_gateway_is_told_to_be_of_no_use() -> None:
    use = "an internet gateway is none for a function, which has no public address"
    assert all(use in one for one in warnings(Ec2(table("rtb-main", INTERNET))))
    assert not any(use in one for one in warnings(Ec2(table("rtb-main"))))


def test_endpoints_reach_what_they_are_for() -> None:
    assert warnings(Ec2(table("rtb-main"), endpoints=ENDPOINTS)) == []
    found = warnings(Ec2(table("rtb-main"), endpoints=ENDPOINTS), SECRETS)
    assert [one.partition("reach ")[2].partition(",")[0] for one in found] == ["SSM", "Secrets Manager"]
    assert f"or an interface endpoint com.amazonaws.{REGION}.ssm that serves them" in found[0]


def test_a_subnet_with_a_route_table_of_its_own_is_judged_by_that() -> None:
    tables = table("rtb-main", NAT), table("rtb-b", subnet="subnet-b")
    assert told(Ec2(*tables)) == [("S3", "subnet-b"), ("DynamoDB", "subnet-b"), ("Kinesis", "subnet-b")]
    assert told(Ec2(*tables, endpoints=ENDPOINTS)) == [("S3", "subnet-b"), ("DynamoDB", "subnet-b")]


@pytest.mark.parametrize(
    "about",
    [
        {"PrivateDnsEnabled": False},
        {"DnsOptions": {"PrivateDnsOnlyForInboundResolverEndpoint": True}},
        {"State": "pendingAcceptance"},
        {"VpcId": "vpc-2"},
        {"Groups": [{"GroupId": "sg-closed"}]},
    ],
)
def test_an_endpoint_that_does_not_serve_is_none(about: dict[str, Any]) -> None:
    endpoints = [*ENDPOINTS[:2], interface("kinesis-streams", **about)]
    closed = group("sg-closed", inbound=[https(IpRanges=[{"CidrIp": "192.168.0.0/16"}])])
    assert told(Ec2(table("rtb-main"), endpoints=endpoints, groups=[closed])) == [("Kinesis", "subnet-a, subnet-b")]


@pytest.mark.parametrize(
    "rule",
    [
        ANYTHING,
        https(UserIdGroupPairs=[{"GroupId": "sg-own"}]),
        https(PrefixListIds=[{"PrefixListId": "pl-1"}]),
        {**https(IpRanges=[{"CidrIp": "10.0.0.0/8"}]), "FromPort": 0, "ToPort": 65535},
    ],
)
def test_an_endpoint_is_reached_if_any_rule_lets_the_function_in(rule: dict[str, Any]) -> None:
    ec2 = Ec2(table("rtb-main"), endpoints=ENDPOINTS, groups=[group("sg-endpoint", inbound=[rule])])
    assert warnings(ec2) == []


def test_security_groups_that_let_nothing_out_are_told() -> None:
    dns = {"IpProtocol": "udp", "FromPort": 53, "ToPort": 53}
    (found,) = warnings(Ec2(table("rtb-main", NAT), groups=[group("sg-own", outbound=[dns])]))
    assert found.startswith("handler.security_group_ids: none lets MainFunc out on port 443")


@pytest.mark.parametrize(
    ("there", "key", "missing"),
    [
        ({"describe_subnets": []}, "subnet_ids", "subnet-a, subnet-b"),
        ({"describe_subnets": [subnet("subnet-b", "10.0.2.0/24")]}, "subnet_ids", "subnet-a"),
        ({"describe_security_groups": []}, "security_group_ids", "sg-own"),
    ],
)
def test_subnets_and_groups_that_are_not_there_are_refused(there: dict[str, Any], key: str, missing: str) -> None:
    with pytest.raises(ConfigError) as caught:
        warnings(Ec2(table("rtb-main", NAT), **there))
    assert str(caught.value) == (
        f"slips.yml: handler.{key}: {missing} not there; expected some of account 123456789012 in {REGION}, or shared "
        "with it; mend the ids"
    )


@pytest.mark.parametrize("operation", ["describe_subnets", "describe_vpc_endpoints", "describe_security_groups"])
def test_a_network_that_aws_denies_reading_is_a_warning_and_no_refusal(operation: str) -> None:
    (found,) = warnings(Ec2(table("rtb-main"), denied=operation), SECRETS)
    assert "reaches s3, dynamodb, kinesis-streams, ssm, secretsmanager from there is unknown: AWS denies ec2:" in found


def test_the_secrets_of_each_mappings_handler_are_looked_for() -> None:
    own = CONFIG.replace("format: json", 'format: json, handler: {path: b.py, args: {a: ["{{ssm:/a}}"]}}')
    assert services(parse(own)) == [*services(parse(CONFIG)), "ssm"]


def test_the_docs_name_the_endpoints_that_are_looked_for() -> None:
    page = (Path(__file__).parents[1] / "docs" / "aws.md").read_text()
    named = re.findall(r"(gateway|interface) `com\.amazonaws\.REGION\.(\S+)`", page)
    assert [service for _, service in named] == services(parse(SECRETS))
    assert {service for kind, service in named if kind == "gateway"} == {"s3", "dynamodb"}
