"""The files that `slips init` writes: a project that runs on this machine, or one to deploy."""

from __future__ import annotations

import json
import re
from pathlib import Path

import yaml
from msgspec import Struct

from slips.config.reference import SCHEMA, json_schema
from slips.config.scalars import doubt
from slips.errors import UsageError
from slips.printable import are

EDITOR = f"# yaml-language-server: $schema={SCHEMA}"
"""The line by which editors find the schema. https://github.com/redhat-developer/yaml-language-server"""
CONFIG = """\
stack_name: my-logs
description: reports console logins without a second factor

backend:
  embedded:                 # runs on this machine: a directory stands for each bucket
    path: .slips            # state: error table, ledger, lanes
    buckets:
      my-logs: buckets/my-logs

handler:
  path: src/handler.py
  args:
    ignored_users: [break-glass]

bucket_mapping:
  my-logs:
    - prefix: cloudtrail/
      format: cloudtrail    # 'slips formats' lists them all
      # handler: src/other.py    # one of its own, in place of the one above
"""

AWS_CONFIG = """\
stack_name: {stack}
description: reports console logins without a second factor

base:
  sam:
    code_bucket: {code_bucket}    # deploy puts the functions' code there, below {stack}/

backend:
  {source}

handler:
  path: src/handler.py
  args:
    ignored_users: [break-glass]
  memory_size: 1024         # MB; the share of a CPU grows with it
  timeout: 900              # seconds; a longer object goes on in another invocation

bucket_mapping:
  {log_bucket}:
    # If the bucket has flow logs, too: AWSLogs/ACCOUNT/CloudTrail/, or 'pattern' in place of 'prefix'
    - prefix: AWSLogs/      # where CloudTrail puts its logs
      format: cloudtrail    # 'slips formats' lists them all
      # handler: src/other.py    # one of its own, in place of the one above
"""

DIRECT = """\
s3_direct: true           # the bucket notifies the event pusher itself; or name your topics:
  # sns_topics:
  #   - name: SecLogUpload
  #     arn: arn:aws:sns:ap-northeast-1:123456789012:seclog-event
  # kms_key_arns: []        # keys that encrypt the bucket, if it is encrypted with KMS"""

TOPIC = """\
sns_topics:               # that your buckets notify of new objects
    - name: SecLogUpload
      arn: {topic}
  # kms_key_arns: []        # keys that encrypt the bucket, if it is encrypted with KMS"""

HANDLER = '''\
"""Reports console logins without a second factor."""

import slips.interface


class LoginsWithoutMfa(slips.interface.Handler):
    def setup(self, args):
        self.ignored = set(args.get("ignored_users", []))
        self.found = []

    def recv(self, meta, event):
        if event["eventName"] != "ConsoleLogin":
            return
        user = event["userIdentity"].get("userName")
        if event.get("additionalEventData", {}).get("MFAUsed") == "No" and user not in self.ignored:
            self.found.append(f"{user} from {event['sourceIPAddress']}")

    def result(self):
        return self.found
'''

TEST = """\
from pathlib import Path

import slips.testing

PROJECT = Path(__file__).parents[1]
LOG = PROJECT / "@LOG@"


def test_logins_without_a_second_factor_are_found():
    seen = slips.testing.run(PROJECT / "src/handler.py", "cloudtrail", LOG)
    assert seen.result == ["akiko from 198.51.100.7", "break-glass from 203.0.113.9"]


def test_ignored_users_are_not():
    seen = slips.testing.run(PROJECT / "src/handler.py", "cloudtrail", LOG, args={"ignored_users": ["break-glass"]})
    assert seen.result == ["akiko from 198.51.100.7"]
"""

IGNORED = """\
.slips/
__pycache__/
.pytest_cache/
"""


def _log() -> str:
    """Return a log of four CloudTrail records, in the form that AWS documents."""

    def login(user: str, second: int, address: str, mfa: str) -> dict[str, object]:
        return {
            "eventVersion": "1.11",
            "userIdentity": {
                "type": "IAMUser",
                "arn": f"arn:aws:iam::123456789012:user/{user}",
                "accountId": "123456789012",
                "userName": user,
            },
            "eventTime": f"2026-03-02T08:00:{second:02}Z",
            "eventSource": "signin.amazonaws.com",
            "eventName": "ConsoleLogin",
            "awsRegion": "us-east-1",
            "sourceIPAddress": address,
            "responseElements": {"ConsoleLogin": "Success"},
            "additionalEventData": {"MFAUsed": mfa},
            "eventType": "AwsConsoleSignIn",
        }

    call = {
        "eventVersion": "1.11",
        "userIdentity": {"type": "AssumedRole", "arn": "arn:aws:sts::123456789012:assumed-role/backup/nightly"},
        "eventTime": "2026-03-02T08:00:20Z",
        "eventSource": "s3.amazonaws.com",
        "eventName": "ListBuckets",
        "awsRegion": "us-east-1",
        "sourceIPAddress": "192.0.2.44",
        "eventType": "AwsApiCall",
    }
    records = [
        login("akiko", 1, "198.51.100.7", "No"),
        login("bert", 12, "198.51.100.8", "Yes"),
        call,
        login("break-glass", 31, "203.0.113.9", "No"),
    ]
    return json.dumps({"Records": records}) + "\n"


class Aws(Struct, frozen=True):
    """The names and addresses in a project to deploy."""

    stack: str
    code_bucket: str
    log_bucket: str
    topic: str | None = None
    """ARN of the topic that the bucket notifies; None: the bucket notifies the event pusher itself."""


class Log(Struct, frozen=True):
    """A log of the user's, which a project is made for."""

    key: str
    """Of its object, in the bucket of the project."""
    content: bytes
    """As it is stored."""


class OwnLogs(Struct, frozen=True):
    """Logs of the user's, which a project is made for: one of each kind."""

    bucket: str
    logs: list[Log]
    mappings: list[str]
    """The lines of the mappings that read them."""


CONFIG_OF_LOGS = """\
stack_name: my-logs
description: counts the events of each tag

backend:
  embedded:                 # runs on this machine: a directory stands for each bucket
    path: .slips            # state: error table, ledger, lanes
    buckets:
      {bucket}: buckets/{bucket}

handler:
  path: src/handler.py

bucket_mapping:
  {bucket}:    # 'slips infer' found the formats; 'slips formats' lists them all
{mappings}
"""

HANDLER_OF_LOGS = '''\
"""Counts the events of each tag."""

import slips.interface


class Tags(slips.interface.Handler):
    def setup(self, args):
        self.tags = {}

    def recv(self, meta, event):
        self.tags[meta.tag] = self.tags.get(meta.tag, 0) + 1

    def result(self):
        return self.tags
'''

TEST_OF_LOGS = """\
from pathlib import Path

import pytest

import slips.testing

ROOT = Path(__file__).parents[1]
KEYS = [
@KEYS@
]


@pytest.mark.parametrize("key", KEYS)
def test_the_log_is_understood(key):
    seen = slips.testing.run(config=ROOT / "slips.yml", key=key)
    assert seen.delivered > seen.quarantined
    assert sum(seen.result.values()) == len(seen.events)
"""


def files_of(own: OwnLogs) -> dict[str, str | bytes]:
    """Return the contents, by path, of a project for this machine that reads logs of the user's."""
    keys = "\n".join(f"    {json.dumps(log.key)}," for log in own.logs)
    config = CONFIG_OF_LOGS.format(bucket=_as_text(own.bucket), mappings="\n".join(own.mappings))
    return {
        "slips.yml": f"{EDITOR}\n{config}",
        "src/handler.py": HANDLER_OF_LOGS,
        "tests/test_handler.py": TEST_OF_LOGS.replace("@KEYS@", keys),
        **{f"buckets/{own.bucket}/{log.key}": log.content for log in own.logs},
        SCHEMA: json.dumps(json_schema(), indent=2) + "\n",
        ".gitignore": IGNORED,
    }


def files(aws: Aws | None = None) -> dict[str, str]:
    """Return the contents of a project by path: one for this machine, or one to deploy if `aws` is given."""
    config, log = CONFIG, "buckets/my-logs/cloudtrail/2026-03-02.json"
    if aws is not None:
        source = DIRECT if aws.topic is None else TOPIC.format(topic=aws.topic)
        buckets = {"code_bucket": _as_text(aws.code_bucket), "log_bucket": _as_text(aws.log_bucket)}
        config = AWS_CONFIG.format(stack=aws.stack, source=source, **buckets)
        log = "tests/2026-03-02.json"
    return {
        "slips.yml": f"{EDITOR}\n{config}",
        "src/handler.py": HANDLER,
        "tests/test_handler.py": TEST.replace("@LOG@", log),
        log: _log(),
        SCHEMA: json.dumps(json_schema(), indent=2) + "\n",
        ".gitignore": IGNORED,
    }


def _as_text(name: str) -> str:
    """Quote a name that YAML would read as something else than text, such as a bucket of digits."""
    is_plain = re.fullmatch("[A-Za-z0-9.-]+", name) and yaml.safe_load(name) == name and not doubt(name, name)
    return name if is_plain else json.dumps(name)


def write(directory: Path, made_for: Aws | OwnLogs | None = None) -> list[Path]:
    """Write the project into `directory` and return its paths. Raises UsageError if one of its files exists."""
    named = files_of(made_for) if isinstance(made_for, OwnLogs) else files(made_for)
    contents = {directory / name: text for name, text in named.items()}
    try:
        there = [str(path) for path in contents if path.exists() or path.is_symlink()]
    except OSError as error:  # of a name that is too long
        raise UsageError(f"{directory}: {error.strerror}; expected a directory that can be written") from None
    if there:
        raise UsageError(
            f"{directory}: {', '.join(there)} {are(len(there))} there already; "
            "expected a directory without; name another: 'slips init DIR'"
        )
    try:
        for path, text in contents.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
    except OSError as error:
        raise UsageError(f"{directory}: {error.strerror}; expected a directory that can be written") from None
    return list(contents)
