"""`slips up` on S3 as a user runs it: a process that finds objects by listing, by a queue and by notifications."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from ports import free_port
from projects import Project
from slips.model import ObjectEvent

pytestmark = pytest.mark.slow

GUARD = 300.0
CONFIG = """\
stack_name: test
backend:
  embedded:
    path: state
    buckets:
      listed: {{s3: real-listed, endpoint_url: '{url}', region: us-east-1, poll: 1s}}
      queued: {{s3: queued, endpoint_url: '{url}', region: us-east-1, poll: 0, sqs: '{queue}'}}
      sent:
        s3: sent
        endpoint_url: '{url}'
        region: us-east-1
        poll: 0
        webhook: {{listen: '127.0.0.1:{port}', secret: '{{{{env:SECRET}}}}'}}
handler: {{path: handler.py}}
bucket_mapping: {{listed: &all [{{prefix: '', format: s3-lines}}], queued: *all, sent: *all}}
"""
HANDLER = """\
import slips.interface
from pathlib import Path

class Note(slips.interface.Handler):
    def recv(self, meta, event):
        source = meta.source
        with (Path(__file__).parent / "done").open("a") as file:
            file.write(f"{source.bucket_name} {source.object_key} {event['message']}\\n")
"""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def clients(server: str, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("SECRET", "hush")
    s3: Any = boto3.client("s3", endpoint_url=server, region_name="us-east-1")
    sqs: Any = boto3.client("sqs", endpoint_url=server, region_name="us-east-1")
    for bucket in ("real-listed", "queued", "sent"):
        s3.create_bucket(Bucket=bucket)
    return s3, sqs


def done(project: Project) -> list[str]:
    path = project.root / "done"
    return sorted(path.read_text().splitlines()) if path.exists() else []


def until(project: Project, process: subprocess.Popen[str], wanted: list[str]) -> None:
    end = time.monotonic() + GUARD
    while done(project) != sorted(wanted):
        assert process.poll() is None, process.communicate(timeout=GUARD)[1]
        assert time.monotonic() < end, done(project)
        time.sleep(0.05)


def send(port: int, key: str, bucket: str = "sent") -> None:
    """Sends a notification as MinIO does, until it is acknowledged."""
    record = {"eventName": "s3:ObjectCreated:Put", "s3": {"bucket": {"name": bucket}, "object": {"key": key}}}
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/", json.dumps({"Records": [record]}).encode(), {"Authorization": "Bearer hush"}
    )
    end = time.monotonic() + GUARD
    while True:
        try:
            with urllib.request.urlopen(request, timeout=GUARD) as answer:
                assert answer.status == 200
                return
        except (urllib.error.URLError, ConnectionError):
            assert time.monotonic() < end
            time.sleep(0.05)


def test_a_service_finds_objects_in_every_way_and_goes_on_after_a_restart(
    project: Project, server: str, clients: tuple[Any, Any]
) -> None:
    s3, sqs = clients
    queue = sqs.create_queue(QueueName="q")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    s3.put_bucket_notification_configuration(
        Bucket="queued",
        NotificationConfiguration={"QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}]},
    )
    port = free_port()
    queue = f"{server}/{'/'.join(queue.rsplit('/', 2)[1:])}"
    project.config(CONFIG.format(url=server, queue=queue, port=port))
    project.handler(HANDLER)
    s3.put_object(Bucket="real-listed", Key="a", Body=b"1\n")
    process = project.start("up", "--workers", "1")
    try:
        until(project, process, ["listed a 1"])
        s3.put_object(Bucket="real-listed", Key="0-before-a", Body=b"2\n")
        s3.put_object(Bucket="queued", Key="b c", Body=b"3\n")
        s3.put_object(Bucket="sent", Key="d", Body=b"4\n")
        send(port, "d")
        until(project, process, ["listed a 1", "listed 0-before-a 2", "queued b c 3", "sent d 4"])
    finally:
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=GUARD)
    assert process.returncode == 0, err
    names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    left = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
    assert set(left.values()) == {"0"}, "each message is deleted"
    s3.put_object(Bucket="real-listed", Key="b-while-away", Body=b"5\n")
    process = project.start("up", "--workers", "1")
    try:
        until(
            project,
            process,
            ["listed a 1", "listed 0-before-a 2", "queued b c 3", "sent d 4", "listed b-while-away 5"],
        )
    finally:
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=GUARD)
    assert process.returncode == 0, err
    assert project.errors() == []


def test_objects_wait_on_their_lanes_while_their_server_is_away(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    port, hook = free_port(), free_port()
    url = f"http://127.0.0.1:{port}"
    # Never listed: the failure of the object is what makes the bucket suspected.
    bucket = f"{{s3: sent, endpoint_url: '{url}', region: us-east-1, poll: 0, webhook: {{listen: '127.0.0.1:{hook}'}}}}"
    mapping = "{sent: [{prefix: '', format: s3-lines}]}"
    project.config(
        f"stack_name: test\nbackend: {{embedded: {{path: state, buckets: {{sent: {bucket}}}}}}}\n"
        f"handler: {{path: handler.py}}\nbucket_mapping: {mapping}\n"
    )
    project.handler(HANDLER)
    with closing(project.state()) as state:
        state.stream.put("fast", [ObjectEvent(bucket_name="sent", object_key="a", lane="fast")])
    process = project.start("up", "--workers", "1")
    lines: list[str] = []
    assert process.stderr is not None
    guard = threading.Timer(GUARD, process.kill)
    guard.start()
    try:
        while not any("listing of sent: s3://sent/: cannot be reached" in line for line in lines):
            lines.append(process.stderr.readline())
            assert lines[-1], lines
        server = ThreadedMotoServer("127.0.0.1", port, verbose=False)
        server.start()
        s3: Any = boto3.client("s3", endpoint_url=url, region_name="us-east-1")
        s3.create_bucket(Bucket="sent")
        s3.put_object(Bucket="sent", Key="a", Body=b"1\n")
        until(project, process, ["sent a 1"])
        server.stop()
    finally:
        guard.cancel()
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=GUARD)
    assert process.returncode == 0, err
    assert project.errors() == []
