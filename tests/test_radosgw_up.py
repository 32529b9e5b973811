"""`slips up` on a real S3 server that is not AWS: finds objects by listing, and by notifications that Ceph sends."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from ports import free_port
from projects import Project

if TYPE_CHECKING:
    from radosgw import Radosgw

pytest_plugins = ["radosgw"]
pytestmark = [pytest.mark.radosgw, pytest.mark.xdist_group("radosgw")]

GUARD = 300.0
KEYS = ["a b+c=é.log", "a+b", "a%2Bb", "100%", "u\u2028v", "年/月", "a&b;c", "plain/a.log"]
CONFIG = """\
stack_name: test
backend:
  embedded:
    path: state
    buckets:
      mine:
        s3: my-logs
        endpoint_url: '{url}'
        region: us-east-1
        {ways}
handler: {{path: handler.py}}
bucket_mapping: {{mine: [{{prefix: '', format: s3-lines}}]}}
"""
HANDLER = """\
import json
import slips.interface
from pathlib import Path

class Note(slips.interface.Handler):
    def recv(self, meta, event):
        with (Path(__file__).parent / "done").open("a") as file:
            file.write(json.dumps([meta.source.object_key, event["message"]]) + "\\n")
"""


@pytest.fixture
def client(radosgw: Radosgw, monkeypatch: pytest.MonkeyPatch) -> Any:
    from radosgw import ACCESS_KEY, SECRET_KEY

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    monkeypatch.setenv("SECRET", "hush")
    return radosgw.new_bucket("my-logs")


def done(project: Project) -> list[list[str]]:
    import json

    path = project.root / "done"
    return sorted(map(json.loads, path.read_text().splitlines())) if path.exists() else []


@contextmanager
def up(project: Project) -> Iterator[subprocess.Popen[str]]:
    process = project.start("up", "--workers", "1")
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=GUARD)
    assert process.returncode == 0, err


def until(project: Project, process: subprocess.Popen[str], keys: list[str]) -> None:
    """Waits until the objects are done, each once, read as what they are."""
    end = time.monotonic() + GUARD
    while done(project) != sorted([key, f"body of {key}"] for key in keys):
        assert process.poll() is None, process.communicate(timeout=GUARD)[1]
        assert time.monotonic() < end, done(project)
        time.sleep(0.1)


def put(client: Any, keys: list[str]) -> None:
    for key in keys:
        client.put_object(Bucket="my-logs", Key=key, Body=f"body of {key}\n".encode())


def test_a_service_lists_what_is_there_and_what_comes(client: Any, radosgw: Radosgw, project: Project) -> None:
    project.config(CONFIG.format(url=radosgw.url, ways="poll: 1s"))
    project.handler(HANDLER)
    put(client, KEYS[:4])
    with up(project) as process:
        until(project, process, KEYS[:4])
        put(client, KEYS[4:])
        until(project, process, KEYS)
    assert project.errors() == []


def test_a_service_takes_the_notifications_that_ceph_sends(client: Any, radosgw: Radosgw, project: Project) -> None:
    port = free_port()
    webhook = f"{{listen: '127.0.0.1:{port}', secret: '{{{{env:SECRET}}}}'}}"
    project.config(CONFIG.format(url=radosgw.url, ways=f"poll: 0\n        webhook: {webhook}"))
    project.handler(HANDLER)
    topic = radosgw.client("sns").create_topic(
        Name="slips",
        Attributes={"push-endpoint": f"http://127.0.0.1:{port}/?secret=hush", "persistent": "true"},
    )["TopicArn"]
    client.put_bucket_notification_configuration(
        Bucket="my-logs",
        NotificationConfiguration={
            "TopicConfigurations": [{"Id": "slips", "TopicArn": topic, "Events": ["s3:ObjectCreated:*"]}]
        },
    )
    put(client, ["before the service"])  # Ceph keeps what nobody takes, and sends it again
    with up(project) as process:
        until(project, process, ["before the service"])
        put(client, KEYS)
        until(project, process, ["before the service", *KEYS])
    assert project.errors() == []
