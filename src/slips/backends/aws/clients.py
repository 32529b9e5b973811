"""Makes one client of each AWS service, on first use, and keeps it: making one costs more than most calls.

Clients are of botocore, not of boto3, which would add a tenth of a second to a function's start. botocore finds
credentials, profiles, SSO and regions either way.
"""

from __future__ import annotations

import logging
import os
from functools import cached_property
from typing import TYPE_CHECKING, Any

from slips.backends.aws.ahead import OBJECTS
from slips.errors import UsageError

if TYPE_CHECKING:
    from botocore.session import Session
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_ssm import SSMClient

    from slips.backends.aws.shortcut import Shortcut

ATTEMPTS = 3
"""Attempts of one call, within seconds. A failed function is invoked again after minutes and repeats its calls."""
LONGEST_ANSWER = 910
"""Seconds to wait for the result of a function, which runs 900 s at most."""


def quiet_libraries() -> None:
    """Silence INFO logs of AWS's libraries, which name credentials and endpoints. Keep levels that a user has set."""
    for name in ("botocore", "boto3", "urllib3"):
        logger = logging.getLogger(name)
        if logger.level == logging.NOTSET:
            logger.setLevel(logging.WARNING)


class Clients:
    """Clients of one region. `endpoint_url` is a server that replaces all services, or S3 alone."""

    def __init__(
        self,
        region: str | None = None,
        endpoint_url: str | None = None,
        *,
        profile: str | None = None,
        path_style: bool | None = None,
    ) -> None:
        """`profile`: None is that of the environment. `path_style`: None means if there is an `endpoint_url`."""
        self._region, self._endpoint_url, self._profile = region, endpoint_url, profile
        self._path_style = endpoint_url is not None if path_style is None else path_style

    @cached_property
    def session(self) -> Session:
        import botocore.session

        return botocore.session.Session(profile=self._profile)

    @cached_property
    def region(self) -> str:
        """The region in use. Raises UsageError if no setting names one."""
        region = self._configured_region()
        if not region:
            raise UsageError(
                "AWS: no region; expected one in AWS_REGION, in the profile's settings, or with --region; set it"
            )
        return region

    def _configured_region(self) -> str | None:
        """Return the region that a setting names, if one does. Raises UsageError if the profile cannot be used."""
        from botocore.exceptions import BotoCoreError

        try:
            # Other SDKs and Lambda read AWS_REGION, botocore only AWS_DEFAULT_REGION.
            return self._region or os.environ.get("AWS_REGION") or self.session.get_config_variable("region")
        except BotoCoreError as error:
            raise self._unusable(error) from error

    def make(self, service: str, *, region: str | None = None, attempts: int = ATTEMPTS, **settings: Any) -> Any:
        """Make a client of `service`. Raises UsageError if settings of AWS cannot be used."""
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError

        config = Config(
            retries={"mode": "standard", "total_max_attempts": attempts},
            connect_timeout=5,
            tcp_keepalive=True,
            **settings,
        )
        try:
            return self.session.create_client(
                service, region_name=region or self.region, endpoint_url=self._endpoint_url, config=config
            )
        except (BotoCoreError, ValueError) as error:
            raise self._unusable(error) from error

    def _unusable(self, error: Exception) -> UsageError:
        look = "'profile' of the bucket in the config" if self._profile else "your profile"
        return UsageError(f"AWS: {error}; expected AWS settings that can be used; look at {look}")

    @cached_property
    def s3(self) -> S3Client:
        made: S3Client = self.make(
            "s3",
            region=self._configured_region() or "us-east-1",  # S3 redirects to the region of a bucket
            # Compatible stores often lack the newer checksums, and bucket names in host names.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            max_pool_connections=OBJECTS + 1,
            s3={"addressing_style": "path"} if self._path_style else {},
        )
        return made

    @cached_property
    def shortcut(self) -> Shortcut:
        """The short way to objects that `s3` has opened."""
        from slips.backends.aws.shortcut import Shortcut

        credentials = self.session.get_credentials()
        made = Shortcut(
            lambda: None if credentials is None else credentials.get_frozen_credentials(),
            lambda: self.session.get_config_variable("ca_bundle") or os.environ.get("REQUESTS_CA_BUNDLE"),
        )
        made.watch(self.s3)
        return made

    @cached_property
    def kinesis(self) -> KinesisClient:
        made: KinesisClient = self.make("kinesis", attempts=2)  # `KinesisStream.put` has a back-off of its own
        return made

    @cached_property
    def dynamodb(self) -> DynamoDBClient:
        made: DynamoDBClient = self.make("dynamodb")
        return made

    @cached_property
    def functions(self) -> LambdaClient:
        made: LambdaClient = self.make("lambda")
        return made

    @cached_property
    def patient_functions(self) -> LambdaClient:
        """A client of Lambda that waits for a result as long as a function may run."""
        made: LambdaClient = self.make("lambda", read_timeout=LONGEST_ANSWER)
        return made

    @cached_property
    def cloudformation(self) -> CloudFormationClient:
        made: CloudFormationClient = self.make("cloudformation")
        return made

    @cached_property
    def cloudwatch(self) -> CloudWatchClient:
        made: CloudWatchClient = self.make("cloudwatch")
        return made

    @cached_property
    def logs(self) -> CloudWatchLogsClient:
        made: CloudWatchLogsClient = self.make("logs")
        return made

    @cached_property
    def sqs(self) -> SQSClient:
        made: SQSClient = self.make("sqs")
        return made

    @cached_property
    def ssm(self) -> SSMClient:
        made: SSMClient = self.make("ssm")
        return made

    @cached_property
    def secretsmanager(self) -> SecretsManagerClient:
        made: SecretsManagerClient = self.make("secretsmanager")
        return made
