"""A bucket with the logs of two accounts, and a handler for each kind of them: one config, one package, one function.

The handlers lie in folders of their own, and the modules in these folders have equal names.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from cloud import Cloud
from deployed import ARCHITECTURE, RUNTIME, Deployed
from projects import Project

pytest_plugins = ["cloud.plugin"]

CONFIG = """\
stack_name: watch
base: {sam: {code_bucket: code}}
backend:
  s3_direct: true
  embedded: {path: state, buckets: {security: logs}}
handler:
  path: trail/handler.py
  args: {names: [ConsoleLogin]}
  runtime: RUNTIME
  architecture: ARCHITECTURE
  timeout: 30
bucket_mapping:
  security:
    - pattern: AWSLogs/*/CloudTrail/**
      format: cloudtrail
    - pattern: AWSLogs/*/CloudTrail-Digest/**
      format: json
      handler: digests/handler.py
    - prefix: AWSLogs/222222222222/CloudTrail/
      format: cloudtrail
      handler: {path: trail/handler.py, args: {names: [StopLogging], token: "{{ssm:/watch/token}}"}}
    - prefix: AWSLogs/111111111111/elasticloadbalancing/
      format: [s3-lines, "alb/format.py:alb"]
      handler: alb/handler.py
    - prefix: AWSLogs/111111111111/vpcflowlogs/
      format: csv:space
      handler: flows/handler.py:Watch
"""
TRAIL = """\
import slips.interface
from rules import RULES


class Watch(slips.interface.Handler):
    def setup(self, args):
        self.args, self.found = args, []

    def recv(self, meta, event):
        if event["eventName"] in self.args["names"]:
            self.found.append(event["eventName"])

    def result(self):
        return [RULES, self.found, self.args.get("token") == "s3cret"]
"""
COUNT = """\
import slips.interface
from rules import RULES


class Watch(slips.interface.Handler):
    def setup(self, args):
        self.args, self.seen = args, 0

    def recv(self, meta, event):
        self.seen += 1

    def result(self):
        return [RULES, self.seen, self.args]


class Other(Watch):
    pass
"""
ONE = COUNT.partition("\n\nclass Other")[0]
BROKEN = "import os\n\nif {condition}:\n    raise RuntimeError('no rules today')\n" + ONE
FORMAT = """\
from slips.format import parser


@parser("alb", summary="access logs of a load balancer", reference="https://example.com", takes="text")
def alb(meta, text):
    kind, time, name, client, *_ = text.split(" ")
    return {"kind": kind, "client": client}
"""
LOGS: dict[str, bytes] = {
    "AWSLogs/111111111111/CloudTrail/eu-central-1/1.json.gz": gzip.compress(
        b'{"Records": [{"eventName": "ConsoleLogin"}, {"eventName": "StopLogging"}]}'
    ),
    "AWSLogs/222222222222/CloudTrail/eu-central-1/1.json.gz": gzip.compress(
        b'{"Records": [{"eventName": "ConsoleLogin"}, {"eventName": "StopLogging"}]}'
    ),
    "AWSLogs/111111111111/CloudTrail-Digest/eu-central-1/1.json.gz": gzip.compress(b'{"logFiles": []}'),
    "AWSLogs/111111111111/elasticloadbalancing/1.log.gz": gzip.compress(
        b"http 2026-11-23T08:00:00Z app/a/1 192.0.2.1:2817\nh2 2026-11-23T08:00:01Z app/a/1 192.0.2.2:80\n"
    ),
    "AWSLogs/111111111111/elasticloadbalancing/2.log.gz": gzip.compress(
        b"http 2026-11-23T08:01:00Z app/a/1 192.0.2.1:2817\n"
    ),
    "AWSLogs/111111111111/vpcflowlogs/1.log.gz": gzip.compress(b"version srcaddr action\n2 192.0.2.1 REJECT\n"),
}
OF_TRAILS = {
    "111111111111/CloudTrail": ["rules of trail", ["ConsoleLogin"], False],
    "222222222222/CloudTrail": ["rules of trail", ["StopLogging"], True],
}
OF_OTHERS = {
    "111111111111/CloudTrail-Digest": ["rules of digests", 1, {}],
    "111111111111/vpcflowlogs": ["rules of flows", 1, {}],
}
OF_BALANCER: dict[str, Any] = {"1.log.gz": ["rules of alb", 2, {}], "2.log.gz": ["rules of alb", 1, {}]}


def write(root: Path, *, broken_if: str) -> None:
    """Writes the handlers; that of the load balancer cannot be imported if a condition holds."""
    handlers = {"trail": TRAIL, "digests": ONE, "alb": BROKEN.format(condition=broken_if), "flows": COUNT}
    for folder, handler in handlers.items():
        (root / folder).mkdir(exist_ok=True)
        (root / folder / "handler.py").write_text(handler)
        (root / folder / "rules.py").write_text(f"RULES = 'rules of {folder}'\n")
    (root / "alb" / "format.py").write_text(FORMAT)


def mend(root: Path) -> None:
    (root / "alb" / "handler.py").write_text(ONE)


def by_kind(results: dict[str, Any]) -> dict[str, Any]:
    """Results by account and kind of log; those of load balancers by file."""
    return {
        key.rpartition("/")[2] if "elastic" in key else "/".join(key.split("/")[1:3]): value
        for key, value in results.items()
    }


# ---- on this machine


def ran(project: Project) -> dict[str, Any]:
    """The summary of `slips run`, with the result of each object by key."""
    told: dict[str, Any] = project.slips("run", "--json").json
    assert all(one["handler"] == "Watch" for one in told["results"])
    told["by_kind"] = by_kind({one["object"].removeprefix("s3://security/"): one["result"] for one in told["results"]})
    return told


@pytest.mark.slow
def test_a_broken_handler_fails_only_the_objects_of_its_mappings_until_it_is_mended(project: Project) -> None:
    config = CONFIG.replace("RUNTIME", RUNTIME).replace("ARCHITECTURE", ARCHITECTURE)
    project.config(config.replace('"{{ssm:/watch/token}}"', "s3cret"))
    write(project.root, broken_if="True")
    for key, data in LOGS.items():
        project.put(key, data)
    assert "alb/handler.py:4: importing the handler raised RuntimeError" in project.slips("check").err
    first = ran(project)
    assert first["by_kind"] == {**OF_TRAILS, **OF_OTHERS}
    assert (first["objects"], first["failed"]) == (6, 2)
    items = project.slips("errors", "--json").json
    assert {item["argument"][0]["object_key"].rpartition("/")[2] for item in items} == OF_BALANCER.keys()
    assert all("no rules today" in item["message"] and "alb/handler.py" in item["message"] for item in items)
    mend(project.root)
    assert project.slips("check").status == 0
    assert project.slips("drain").out.startswith("2 items drained")
    assert ran(project)["by_kind"] == OF_BALANCER
    assert project.slips("errors").out.startswith("no errors")


# ---- on a stack


@pytest.mark.cloud
@pytest.mark.slow
def test_a_stack_with_four_handlers_runs_each_on_its_logs(cloud: Cloud, tmp_path: Path) -> None:
    for bucket in ("security", "code"):
        cloud.client("s3").create_bucket(Bucket=bucket)
    cloud.client("ssm").put_parameter(Name="/watch/token", Value="s3cret", Type="SecureString")
    stack = Deployed(cloud, tmp_path, CONFIG)
    write(tmp_path, broken_if="'AWS_LAMBDA_FUNCTION_NAME' in os.environ")  # deploy refuses what it cannot import
    stack.deploy()
    for key, data in LOGS.items():
        stack.put("security", key, data)
    stack.settle()
    assert results(stack) == {**OF_TRAILS, **OF_OTHERS}
    assert {item.events[0].object_key.rpartition("/")[2] for item in stack.items} == OF_BALANCER.keys()
    assert all("no rules today" in item.message for item in stack.items)
    shown = json.loads(stack.slips("--aws", "errors", "--json").out)
    assert all("alb/handler.py" in item["message"] for item in shown)
    mend(tmp_path)
    stack.deploy()
    assert stack.slips("--aws", "drain").out.startswith("2 items drained")
    stack.settle()
    assert results(stack) == {**OF_TRAILS, **OF_OTHERS, **OF_BALANCER}
    assert stack.items == []
    assert stack.undelivered() == 0
    assert cloud.denied() == []


def results(stack: Deployed) -> dict[str, Any]:
    """The result of each object that is done."""
    done = [one for one in stack.entries if one.outcome is not None and one.status == "done"]
    assert all(one.outcome.results.keys() == {"Watch"} for one in done if one.outcome)
    return by_kind({one.key: one.outcome.results["Watch"] for one in done if one.outcome})
