"""AWS in memory, by moto: clients that outlive a test, and tables and streams like a stack's. Use within `mock_aws`."""

from __future__ import annotations

from functools import cache
from typing import Any

import boto3

from slips.model import LANES, Lane

REGION = "us-east-1"


@cache
def client(service: str) -> Any:
    """A client of `service`; making one takes longer than most tests."""
    return boto3.client(
        service,  # type: ignore[call-overload]
        region_name=REGION,
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
    )


def make_tables() -> None:
    """The tables `errors` and `ledger`."""
    for table, key in (("errors", "request_id"), ("ledger", "entry")):
        client("dynamodb").create_table(
            TableName=table,
            KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )


def make_streams(shards: int = 1) -> dict[Lane, str]:
    """The streams `my-fast` and `my-slow`; their ARNs."""
    arns: dict[Lane, str] = {}
    for lane in LANES:
        kinesis = client("kinesis")
        kinesis.create_stream(StreamName=f"my-{lane}", ShardCount=shards)
        arns[lane] = kinesis.describe_stream_summary(StreamName=f"my-{lane}")["StreamDescriptionSummary"]["StreamARN"]
    return arns


def records_of(arn: str) -> list[Any]:
    """All records of a stream, shard by shard."""
    kinesis, found = client("kinesis"), list[Any]()
    for shard in kinesis.list_shards(StreamARN=arn)["Shards"]:
        iterator = kinesis.get_shard_iterator(
            StreamARN=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        while records := (page := kinesis.get_records(StreamARN=arn, ShardIterator=iterator))["Records"]:
            found += records
            iterator = page["NextShardIterator"]
    return found
