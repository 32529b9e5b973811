"""AWS in memory, by moto: clients that outlive a test, and tables and streams like a stack's.

Use them within `account`, which `make localstack` turns to a server.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.sqs.models import Message, SQSBackend

from slips.model import LANES, Lane

REGION = "us-east-1"
SERVER = os.environ.get("SLIPS_TESTS_AWS")
"""URL of a server that takes the place of moto."""


@cache
def client(service: str) -> Any:
    """A client of `service`; making one takes longer than most tests."""
    return boto3.client(
        service,  # type: ignore[call-overload]
        region_name=REGION,
        endpoint_url=SERVER,
        aws_access_key_id="testing",
        aws_secret_access_key="testing",
    )


@contextmanager
def account(**config: Any) -> Iterator[None]:
    """An empty account: moto's, or that of SERVER, whose buckets, tables and streams are deleted in the end.

    `config` is moto's.
    """
    if SERVER is None:
        with mock_aws(config=config or None), pytest.MonkeyPatch.context() as patch:  # type: ignore[arg-type]
            patch.setattr(SQSBackend, "receive_message", _receive_at_once(SQSBackend.receive_message))
            yield
        return
    try:
        yield
    finally:
        _empty()


def _receive_at_once(receive: Any) -> Any:
    """`receive` without its wait for messages: while a test receives, nobody sends."""

    def received(backend: SQSBackend, name: str, count: int, wait: int, *others: Any) -> list[Message]:
        found: list[Message] = receive(backend, name, count, 0, *others)
        return found

    return received


def _empty() -> None:
    s3, dynamodb, kinesis, soon = client("s3"), client("dynamodb"), client("kinesis"), {"Delay": 0.1}
    for bucket in s3.list_buckets()["Buckets"]:
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket["Name"]):
            found = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
            objects = [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in found]
            if objects:
                s3.delete_objects(Bucket=bucket["Name"], Delete={"Objects": objects})
        with suppress(s3.exceptions.NoSuchBucket):  # boto3 asks again where an answer is lost
            s3.delete_bucket(Bucket=bucket["Name"])
    for table in dynamodb.list_tables()["TableNames"]:
        dynamodb.delete_table(TableName=table)
        dynamodb.get_waiter("table_not_exists").wait(TableName=table, WaiterConfig=soon)
    for stream in kinesis.list_streams()["StreamNames"]:
        kinesis.delete_stream(StreamName=stream)
        kinesis.get_waiter("stream_not_exists").wait(StreamName=stream, WaiterConfig=soon)


def make_tables() -> None:
    """The tables `errors` and `ledger`."""
    for table, key in (("errors", "request_id"), ("ledger", "entry")):
        client("dynamodb").create_table(
            TableName=table,
            KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        _until("dynamodb", "table_exists", TableName=table)


def make_streams(shards: int = 1) -> dict[Lane, str]:
    """The streams `my-fast` and `my-slow`; their ARNs."""
    arns: dict[Lane, str] = {}
    for lane in LANES:
        kinesis = client("kinesis")
        kinesis.create_stream(StreamName=f"my-{lane}", ShardCount=shards)
        _until("kinesis", "stream_exists", StreamName=f"my-{lane}")
        arns[lane] = kinesis.describe_stream_summary(StreamName=f"my-{lane}")["StreamDescriptionSummary"]["StreamARN"]
    return arns


def _until(service: str, state: str, **what: str) -> None:
    """Waits for SERVER, as moto makes everything at once."""
    if SERVER is not None:
        client(service).get_waiter(state).wait(**what, WaiterConfig={"Delay": 0.1})


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
