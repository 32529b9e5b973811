"""A new user on AWS: what README.md and docs/aws.md show is done as shown, with no more rights than they say.

AWS is the tests' stand-in, and `aws s3 cp` is played by the test. Of the project only the runtime is changed: to
that of this machine.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from cloud import Cloud
from deployed import ARCHITECTURE, RUNTIME
from documents import BLOCK, ROOT, commands, pattern
from slips.cli import app

pytest_plugins = ["cloud.plugin"]


class User:
    """Somebody with a shell, two buckets, and a role that has just the rights of docs/aws.md."""

    def __init__(self, cloud: Cloud, place: Path) -> None:
        self.cloud, self.place = cloud, place
        for bucket in ("my-code", "my-logs", "my-trail"):
            cloud.client("s3").create_bucket(Bucket=bucket)
        policy = blocks("docs/aws.md", "json")[0]
        for word, meant in (("STACK", "my-*"), ("CODE", "my-code"), ("BUCKET", "my-*")):
            policy = policy.replace(word, meant)
        trust = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
        made = cloud.client("iam").create_role(
            RoleName="deployer", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        )
        cloud.client("iam").put_role_policy(RoleName="deployer", PolicyName="slips", PolicyDocument=policy)
        self.role = str(made["Role"]["Arn"])

    def follow(self, text: str) -> None:
        """Does what a console block shows, and looks whether it prints what is shown."""
        for command, shown in commands(text):
            if command.startswith("cd "):
                self.place /= command.removeprefix("cd ")
                continue
            if command.startswith("aws s3 cp "):
                _, _, _, file, url = command.split()
                bucket, _, key = url.removeprefix("s3://").partition("/")
                self.cloud.client("s3").put_object(Bucket=bucket, Key=key, Body=(self.place / file).read_bytes())
                self.cloud.wait_idle()
                continue
            done = self.run(command)
            assert not shown or re.fullmatch(pattern(shown), done), f"$ {command}\n{done}\n--- shown\n{shown}"
            if command.startswith("slips init"):
                config = next(self.place.glob("*/slips.yml"))
                here = f"timeout: 30\n  runtime: {RUNTIME}\n  architecture: {ARCHITECTURE}\n"
                config.write_text(re.sub(r"timeout: 900.*\n", here, config.read_text()))

    def run(self, command: str) -> str:
        """A command in a shell."""
        environment = {
            **os.environ,
            **self.cloud.environment(self.role),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }
        done = subprocess.run(
            command,
            shell=True,
            cwd=self.place,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=600,
        )
        return told(command, done.returncode, done.stdout + done.stderr)


class UserHere(User):
    """The same in this process: a process for each of many commands takes a second to start, or four to deploy."""

    def run(self, command: str) -> str:
        name, *args = shlex.split(command)
        assert name == "slips"
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.place)
            for variable, value in self.cloud.environment(self.role).items():
                patch.setenv(variable, value)
            done = CliRunner().invoke(app, args, catch_exceptions=False, prog_name="slips")
        return told(command, done.exit_code, done.stdout + done.stderr)


def told(command: str, status: int, output: str) -> str:
    """The output of a command that was allowed all that it did."""
    assert status in (0, 1), f"$ {command}\n{output}"
    assert "denied" not in output.lower()
    return output


def blocks(page: str, language: str) -> list[str]:
    """The blocks of a page in one language."""
    return [m[3] for m in BLOCK.finditer((ROOT / page).read_text(encoding="utf-8")) if m[1] == language]


@pytest.fixture(autouse=True)
def _nothing_is_denied(cloud: Cloud) -> Iterator[None]:
    yield
    assert cloud.denied() == []


@pytest.mark.slow
def test_the_readme_leads_from_nothing_to_the_first_object(cloud: Cloud, tmp_path: Path) -> None:
    user = User(cloud, tmp_path)
    with user.cloud.settings(anew=True):
        for text in blocks("README.md", "console"):
            if "--aws" in text:
                user.follow(text)
    assert "no errors" in user.run("slips errors")


@pytest.mark.slow
def test_the_page_on_aws_leads_from_nothing_to_errors_mended_and_the_stack_gone(cloud: Cloud, tmp_path: Path) -> None:
    user = UserHere(cloud, tmp_path)
    first, *then = blocks("docs/aws.md", "console")
    user.follow(first)
    bad = b'{"Records": [{"eventName": "ConsoleLogin"}]}'
    user.cloud.client("s3").put_object(Bucket="my-trail", Key="AWSLogs/bad.json", Body=bad)
    user.cloud.wait_idle()
    for text in then:
        user.follow(text)
    listed = user.run("slips errors")
    assert "handler KeyError: record 1: LoginsWithoutMfa.recv raised KeyError: 'userIdentity'" in listed
    request_id = listed.split()[1]
    assert "KeyError: 'userIdentity'" in user.run(f"slips test -r {request_id}")
    assert request_id in user.run(f"slips error {request_id}")
    handler = user.place / "src" / "handler.py"
    handler.write_text(handler.read_text().replace('event["userIdentity"]', 'event.get("userIdentity", {})'))
    handler.write_text(handler.read_text().replace("event['sourceIPAddress']", "event.get('sourceIPAddress')"))
    assert "set by 'slips limit', back to 0" in user.run("slips limit fast -d 1") + user.run("slips deploy")
    assert "1 item drained" in user.run("slips drain")
    user.cloud.wait_idle()
    assert user.run("slips errors") == "no errors\n"
    assert "no changes" in user.run("slips deploy")
    assert "AWSLogs/bad.json" in user.run("slips logs --since 10m --filter bad.json")
    assert "s3://" in user.run("slips sample") or "AWSLogs" in user.run("slips sample")
    assert "nothing to drain" in user.run("slips drain --remote")
    assert "my-logs" in user.run("slips destroy -y --all")
