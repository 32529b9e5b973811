"""The AWS account and region of a deploy, and its clients.

boto3 finds credentials and region: by AWS_PROFILE, SSO, environment or roles. AWS is not called before `connect`.
"""

from __future__ import annotations

import os
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import boto3
from botocore.config import Config as ClientConfig
from botocore.exceptions import ClientError, NoRegionError

from slips.backends.aws.refusals import DENIED, MISSING, calls
from slips.errors import UsageError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient


class Account:
    """Clients of one account and region, each made on first use."""

    def __init__(
        self, session: boto3.Session, *, region: str, endpoint_url: str | None = None, id: str, partition: str = "aws"
    ) -> None:
        self.region, self.endpoint_url, self.id, self.partition = region, endpoint_url, id, partition
        self._session = session

    @classmethod
    def connect(
        cls, region: str | None = None, endpoint_url: str | None = None, session: boto3.Session | None = None
    ) -> Account:
        """Return the account of the credentials that boto3 finds. Raises UsageError if it finds no valid ones."""
        with calls("AWS"):
            # Other tools read AWS_REGION, boto3 only AWS_DEFAULT_REGION.
            session = session or boto3.Session(region_name=region or os.environ.get("AWS_REGION"))
            region = region or session.region_name
            if not region:
                raise NoRegionError
            identity = _client(session, "sts", region, endpoint_url).get_caller_identity()
        partition = identity["Arn"].split(":")[1]
        return cls(session, region=region, endpoint_url=endpoint_url, id=identity["Account"], partition=partition)

    def client(self, service: str) -> Any:
        """Make a client of `service`. Raises UsageError if settings of AWS cannot be used."""
        with calls("AWS"):
            return _client(self._session, service, self.region, self.endpoint_url)

    @cached_property
    def cloudformation(self) -> CloudFormationClient:
        return cast("CloudFormationClient", self.client("cloudformation"))

    @cached_property
    def s3(self) -> S3Client:
        return cast("S3Client", self.client("s3"))

    @cached_property
    def sns(self) -> SNSClient:
        return cast("SNSClient", self.client("sns"))

    @cached_property
    def sqs(self) -> SQSClient:
        return cast("SQSClient", self.client("sqs"))

    @cached_property
    def kinesis(self) -> KinesisClient:
        return cast("KinesisClient", self.client("kinesis"))

    @cached_property
    def dynamodb(self) -> DynamoDBClient:
        return cast("DynamoDBClient", self.client("dynamodb"))

    @cached_property
    def kms(self) -> Any:
        return self.client("kms")

    @cached_property
    def iam(self) -> Any:
        return self.client("iam")

    @cached_property
    def ec2(self) -> Any:
        return self.client("ec2")

    @cached_property
    def functions(self) -> LambdaClient:
        return cast("LambdaClient", self.client("lambda"))

    @property
    def aws_options(self) -> str:
        """Options of the AWS CLI for this region and endpoint."""
        endpoint = f" --endpoint-url {self.endpoint_url}" if self.endpoint_url else ""
        return f"--region {self.region}{endpoint}"

    def bucket_region(self, bucket: str) -> tuple[str, str]:
        """Return the region of a bucket, and the code of S3's refusal; each is empty if there is none."""
        try:
            with calls(f"s3://{bucket}", passing={"301", *DENIED, *MISSING}):
                response: Any = self.s3.head_bucket(Bucket=bucket)
        except ClientError as error:
            response = error.response
        headers = response["ResponseMetadata"]["HTTPHeaders"]
        return headers.get("x-amz-bucket-region", ""), response.get("Error", {}).get("Code", "")


def _client(session: boto3.Session, service: str, region: str, endpoint_url: str | None) -> Any:
    config = ClientConfig(
        retries={"mode": "standard", "total_max_attempts": 5},
        connect_timeout=10,
        # Servers that stand in for AWS rarely accept bucket names in host names.
        s3={"addressing_style": "path"} if endpoint_url else {},
    )
    # A cast, since the service is a variable here, and the stubs have overloads for literals only.
    make = cast("Any", session.client)
    try:
        return make(service, region_name=region, endpoint_url=endpoint_url, config=config)
    except ValueError as error:  # an endpoint that is no URL
        raise UsageError(f"AWS: {error}; expected a URL such as http://127.0.0.1:5000; mend --endpoint-url") from None
