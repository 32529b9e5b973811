"""`slips test` and `slips sample` on a stack, and secrets of handlers that run on this machine."""

from __future__ import annotations

import logging
from io import BytesIO
from typing import Any

import boto3
import msgspec
import pytest

from projects import CONFIG, Project
from slips.config import parse
from slips.model import ErrorItem, ObjectEvent
from slips.pipeline.ended import Failure, Success
from slips.service.messages import Frames, Ready, Setup, Task, frame
from slips.service.worker import serve
from slips.site.worker import WorkerSite
from stack_fixtures import bare, cloud, credentials
from stacks import ON_AWS, REGION, Cloud

__all__ = ["bare", "cloud", "credentials"]
pytestmark = pytest.mark.once


def version_of(cloud: Cloud, key: str, *records: Any) -> str:
    return str(cloud.put(key, *records)["VersionId"])


@pytest.mark.slow
def test_the_very_version_that_failed_is_tested(cloud: Cloud) -> None:
    cloud.s3.put_bucket_versioning(Bucket="my-logs", VersioningConfiguration={"Status": "Enabled"})
    failed = version_of(cloud, "json/a", {"n": 6})
    version_of(cloud, "json/a", {"n": 1})
    event = ObjectEvent(bucket_name="my-logs", object_key="json/a", object_version_id=failed, lane="fast")
    cloud.stack().errors.put(ErrorItem(request_id="r1", events=[event]))
    cloud.stack().errors.put(
        ErrorItem(request_id="r2", events=[msgspec.structs.replace(event, object_version_id=None)])
    )
    done = cloud.slips("test", "-r", "r1")
    assert done.status == 1
    assert "KeyError: 'severity'" in done.err
    assert cloud.slips("test", "-r", "r2").status == 0
    assert cloud.errors() == ["r1", "r2"]


@pytest.mark.slow
def test_without_versions_an_overwritten_object_is_warned_of(cloud: Cloud) -> None:
    etag = cloud.put("json/a", {"n": 1})["ETag"].strip('"')
    event = ObjectEvent(bucket_name="my-logs", object_key="json/a", object_etag=etag, lane="fast")
    cloud.stack().errors.put(ErrorItem(request_id="r1", events=[event]))
    assert "overwritten" not in cloud.slips("test", "-r", "r1").err
    cloud.put("json/a", {"n": 2})
    done = cloud.slips("test", "-r", "r1")
    assert done.status == 0
    assert "WARNING" in done.err
    assert f"s3://my-logs/json/a was overwritten since it failed (etag {etag}, now " in done.err


def test_on_the_stack_a_directory_that_stands_for_a_bucket_is_not_read(cloud: Cloud) -> None:
    cloud.project.config(CONFIG)
    cloud.project.put("json/here", {"n": 1})
    cloud.put("json/there", {"n": 1})
    assert [each["object_key"] for each in cloud.slips("--aws", "sample").json] == ["json/there"]
    assert [each["object_key"] for each in cloud.slips("sample").json] == ["json/here"]


def test_samples_name_the_lane_and_its_stream(cloud: Cloud) -> None:
    cloud.put("json/a", {"n": 1})
    cloud.put("slow/b", {"n": 1})
    streams = cloud.stack().streams
    found = {each["object_key"]: each for each in cloud.slips("sample").json}
    assert (found["json/a"]["lane"], found["json/a"]["dest_stream"]) == ("fast", streams["fast"])
    assert (found["slow/b"]["lane"], found["slow/b"]["dest_stream"]) == ("slow", streams["slow"])


def test_samples_are_there_before_the_stack_is(bare: Cloud) -> None:
    bare.put("json/a", {"n": 1})
    done = bare.slips("sample")
    assert (done.status, done.json[0]["dest_stream"]) == (0, "")
    assert "'dest_stream' is left empty: stack 'test'" in done.err
    assert bare.slips("sample", "-s", "test").status == 2


# ---- secrets on this machine


SECRET = "hunter2"
WITH_SECRET = ON_AWS.replace("args: {limit: 5}", "args: {limit: '{{ssm:/test/limit}}'}")
TELLING = """\
import slips.interface

class Telling(slips.interface.Handler):
    def setup(self, args):
        self.length = len(args["limit"])

    def recv(self, meta, event): ...

    def result(self):
        return self.length
"""


@pytest.fixture
def secret(cloud: Cloud) -> Cloud:
    ssm = boto3.client("ssm", region_name=REGION)
    ssm.put_parameter(Name="/test/limit", Value=SECRET, Type="SecureString")
    cloud.project.config(WITH_SECRET)
    cloud.project.handler(TELLING)
    cloud.put("json/a", {"n": 1})
    return cloud


@pytest.mark.slow
def test_test_resolves_secrets_and_never_shows_them(secret: Cloud) -> None:
    secret.fail("r1")
    done = secret.slips("-v", "test", "-r", "r1")
    assert done.status == 0
    assert f"result of Telling: {len(SECRET)}\n" in done.out
    assert "credentials" not in done.err
    assert SECRET not in done.out + done.err


@pytest.mark.slow
def test_a_secret_that_cannot_be_read_is_wrong_input(secret: Cloud) -> None:
    secret.fail("r1")
    secret.project.config(WITH_SECRET.replace("/test/limit", "/test/none"))
    done = secret.slips("test", "-r", "r1")
    assert done.status == 2
    assert "handler.args: {{ssm:/test/none}}: no such parameter" in done.err
    assert secret.slips("test", "-r", "r1", "-a", "limit=abc").status == 0


def served(project: Project, text: str) -> list[Any]:
    """What a worker answers to one object of the config."""
    (project.root / "slips.yml").write_text(text)
    config = parse(text, str(project.root / "slips.yml"))
    commands = frame(Setup(msgspec.to_builtins(config), None, REGION))
    commands += frame(Task(ObjectEvent(bucket_name="my-logs", object_key="json/a")))
    answers = BytesIO()
    serve(BytesIO(commands), answers, [0, 0, 0])
    return [each for each in Frames().feed(answers.getvalue()) if isinstance(each, Ready | Success | Failure)]


def test_a_worker_resolves_secrets_before_the_first_object(secret: Cloud) -> None:
    ready, success = served(secret.project, WITH_SECRET)
    assert ready.problem is None
    assert success.outcome.results == {"Telling": len(SECRET)}
    (unready,) = served(secret.project, WITH_SECRET.replace("/test/limit", "/test/none"))
    assert isinstance(unready, Ready)
    assert "no such parameter" in (unready.problem or "")


@pytest.mark.slow
def test_a_worker_keeps_the_libraries_of_aws_quiet_before_the_handler_can_set_their_level(secret: Cloud) -> None:
    logging.getLogger("boto3").setLevel(logging.NOTSET)
    secret.project.handler("import logging\nlogging.getLogger('botocore').setLevel(logging.DEBUG)\n" + TELLING)
    served(secret.project, WITH_SECRET)
    levels = [logging.getLogger(name).level for name in ("boto3", "botocore")]
    logging.getLogger("botocore").setLevel(logging.WARNING)
    assert levels == [logging.WARNING, logging.DEBUG]


@pytest.mark.slow
def test_without_placeholders_aws_is_not_asked() -> None:
    config = parse(ON_AWS)
    loader = WorkerSite(config, endpoint_url="no URL at all").loader
    assert loader.args_of(config.handlers[0]) is config.handler.args
