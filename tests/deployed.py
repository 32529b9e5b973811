"""A project deployed to the stand-in of AWS, as a user would: its files, its buckets, and commands run in it."""

from __future__ import annotations

import json
import platform
import re
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from cloud import Cloud
from projects import Done
from slips.backends.aws.error_table import DynamoErrors
from slips.backends.aws.ledger import DynamoLedger
from slips.cli import app
from slips.model import ErrorItem
from slips.ports import LedgerEntry

RUNTIME = f"python3.{sys.version_info.minor}"
ARCHITECTURE = "arm64" if platform.machine() in ("arm64", "aarch64") else "x86_64"

CONFIG = """\
stack_name: chain
base:
  sam: {code_bucket: code}
backend:
  sns_topics:
    - {name: Logs, arn: "arn:aws:sns:us-east-1:123456789012:logs"}
  lane:
    fast: {batch_size: 10}
    slow: {batch_size: 3}
handler:
  path: src/handler.py
  args: {most: 5, token: "{{ssm:/chain/token}}"}
  runtime: RUNTIME
  architecture: ARCHITECTURE
  timeout: 30
routing:
  - {prefix: slow/, dest: slow}
  - {prefix: dropped/, dest: drop}
bucket_mapping:
  my-logs:
    - {prefix: fast/, format: [s3-lines, json]}
    - {prefix: slow/, format: [s3-lines, {json: {tag: 'slow.{n}'}}]}
    - {prefix: dropped/, format: json}
    - {prefix: own/, format: [s3-lines, formats/own.py:own]}
"""

OWN_FORMAT = """\
from slips.format import parser


@parser("own", summary="a format of the project's own", reference="https://example.com", takes="text")
def own(meta, text):
    door, n = text.split(";")
    return {"door": door, "n": int(n)}
"""

HANDLER = """\
import slips.interface


class Collect(slips.interface.Handler):
    \"\"\"Keeps what it was given, so that tests can tell each record's fate.\"\"\"

    def setup(self, args):
        self.args, self.seen = args, []

    def recv(self, meta, event):
        if event.get("severity", 0) > self.args["most"]:
            raise KeyError("severity")
        self.seen.append(meta.seq)

    def result(self):
        return {"seen": self.seen, "token": self.args.get("token") == "s3cret"}
"""


class Deployed:
    """A directory with a config and a handler, and the account that it is deployed to."""

    def __init__(self, cloud: Cloud, root: Path, config: str, handler: str = HANDLER) -> None:
        self.cloud, self.root = cloud, root
        self.s3 = cloud.client("s3")
        self.write("slips.yml", config.replace("RUNTIME", RUNTIME).replace("ARCHITECTURE", ARCHITECTURE))
        self.write("src/handler.py", handler)
        found = re.search(r"^stack_name: *(\S+)", config, re.MULTILINE)
        assert found
        self.stack = found[1]

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))

    def change(self, name: str, old: str, new: str) -> None:
        text = (self.root / name).read_text()
        assert old in text
        (self.root / name).write_text(text.replace(old, new))

    def slips(self, *args: str, check: bool = True) -> Done:
        """A command with the credentials of the account's administrator, in this process: a start takes a second."""
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.root)
            for name, value in self.cloud.environment().items():
                patch.setenv(name, value)
            # The stand-in is quicker than AWS.
            patch.setattr("slips.deploy.deployment.POLL", 0.1)
            patch.setattr("slips.pipeline.canary.LOOK_SECONDS", (0.1, 0.5))
            result = CliRunner().invoke(app, args, catch_exceptions=False, prog_name="slips")
        done = Done(result.exit_code, result.stdout, result.stderr)
        assert not check or done.status == 0, done
        return done

    def deploy(self) -> Done:
        """`slips deploy`, asking nothing."""
        return self.slips("deploy", "-y", "--wire")

    def put(self, bucket: str, key: str, body: bytes | list[Any]) -> None:
        """An object, or JSON lines, into a bucket."""
        data = body if isinstance(body, bytes) else b"".join(json.dumps(each).encode() + b"\n" for each in body)
        self.s3.put_object(Bucket=bucket, Key=key, Body=data)

    def settle(self) -> None:
        """Waits until nothing moves any more."""
        self.cloud.wait_idle()

    def start_anew(self, function: str) -> None:
        """Has new processes of a function, which do not go by what the former ones have read."""
        self.cloud.client("lambda").update_function_configuration(
            FunctionName=self.physical(function), Description="started anew"
        )

    # -- what the stack holds

    def physical(self, logical: str) -> str:
        """The physical id of a resource of the stack."""
        found = self.cloud.client("cloudformation").describe_stack_resource(
            StackName=self.stack, LogicalResourceId=logical
        )
        return str(found["StackResourceDetail"]["PhysicalResourceId"])

    @property
    def errors(self) -> DynamoErrors:
        return DynamoErrors(self.cloud.client("dynamodb"), self.physical("ErrorTable"))

    @property
    def items(self) -> list[ErrorItem]:
        return list(self.errors.scan())

    @property
    def entries(self) -> list[LedgerEntry]:
        return list(DynamoLedger(self.cloud.client("dynamodb"), self.physical("Ledger")).scan())

    def undelivered(self) -> int:
        url = self.physical("Undelivered")
        names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        numbers = self.cloud.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return sum(map(int, numbers.values()))

    def delivered(self) -> dict[str, list[int]]:
        """For each key the numbers of the records that runs which ended well gave to the handler, sorted."""
        seen: dict[str, list[int]] = {}
        for entry in self.entries:
            # A whole object is written under more than one key of the ledger: runs count once.
            if entry.outcome is not None and entry.status in ("done", "part"):
                for result in entry.outcome.results.values():
                    seen.setdefault(f"{entry.bucket}/{entry.key}", []).extend(result["seen"])
        return {key: sorted(numbers) for key, numbers in seen.items()}


def notify(cloud: Cloud, bucket: str, topic: str) -> None:
    """A topic that S3 may notify, and the bucket that notifies it of every new object."""
    arn = cloud.client("sns").create_topic(Name=topic)["TopicArn"]
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "sns:Publish",
        "Resource": arn,
        "Condition": {"ArnLike": {"aws:SourceArn": f"arn:aws:s3:::{bucket}"}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    cloud.client("sns").set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=policy)
    cloud.client("s3").put_bucket_notification_configuration(
        Bucket=bucket,
        NotificationConfiguration={"TopicConfigurations": [{"TopicArn": arn, "Events": ["s3:ObjectCreated:*"]}]},
    )


def deployed(
    cloud: Cloud, root: Path, config: str = CONFIG, before: Callable[[Deployed], None] = lambda _: None
) -> Deployed:
    """Topic, buckets and secret that a user has, and the stack beside them. `before` changes the project first."""
    for bucket in ("my-logs", "code"):
        cloud.client("s3").create_bucket(Bucket=bucket)
    notify(cloud, "my-logs", "logs")
    cloud.client("ssm").put_parameter(Name="/chain/token", Value="s3cret", Type="SecureString")
    project = Deployed(cloud, root, config)
    project.write("formats/own.py", OWN_FORMAT)
    before(project)
    project.deploy()
    return project
