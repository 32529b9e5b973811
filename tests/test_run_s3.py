"""`slips run` on buckets in S3: one listing of those that the config names, and what it says if that fails."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from projects import CONFIG, Project
from slips.backends.aws.s3 import S3Store
from slips.errors import StorageError
from slips.model import ObjectEvent

pytestmark = pytest.mark.slow


class Scene:
    """A project whose bucket `my-logs` is `real-logs` of a server."""

    def __init__(self, project: Project, url: str) -> None:
        self.project, self.url = project, url
        self.client: Any = boto3.client("s3", endpoint_url=url, region_name="us-east-1")
        self.client.create_bucket(Bucket="real-logs")
        self.configure(f"{{s3: real-logs, endpoint_url: '{url}', region: us-east-1}}")

    def configure(self, bucket: str) -> None:
        self.project.config(CONFIG.replace("my-logs: logs", f"my-logs: {bucket}"))

    def put(self, key: str, body: bytes = b'{"n": 1}\n') -> None:
        self.client.put_object(Bucket="real-logs", Key=key, Body=body)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def scene(project: Project, server: str, monkeypatch: pytest.MonkeyPatch) -> Scene:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    urllib.request.urlopen(urllib.request.Request(f"{server}/moto-api/reset", method="POST")).close()
    return Scene(project, server)


def test_run_processes_what_is_new_or_changed_in_a_bucket_in_s3(scene: Scene) -> None:
    for key in ("json/a", "json/b é+c", "slow/c", "dropped/d"):
        scene.put(key)
    done = scene.project.slips("run", "--json")
    assert (done.status, done.json["objects"], done.json["dropped"]) == (0, 3, 1), done
    assert sorted(each["object"] for each in done.json["results"]) == [
        *("s3://my-logs/json/a", "s3://my-logs/json/b é+c", "s3://my-logs/slow/c")
    ]
    assert scene.project.slips("run", "--json").json["objects"] == 0
    scene.put("json/a", b'{"n": 1}\n{"n": 2}\n')
    assert scene.project.slips("run", "--json").json["records"] == 2


def test_an_object_in_the_error_table_is_left_alone_until_it_changes(scene: Scene) -> None:
    scene.put("json/a", b'{"n": 9}\n')
    assert scene.project.slips("run").status == 1
    done = scene.project.slips("run")
    assert (done.status, done.out) == (
        0,
        "nothing to do\n1 object in the error table left alone; 'slips drain' puts it back\n",
    )
    scene.put("json/a")
    assert scene.project.slips("run", "--json").json["objects"] == 1


@pytest.mark.parametrize(("versioning", "left"), [(None, 0), ("Suspended", 0), ("Enabled", 1)])
def test_an_error_item_of_an_overwritten_object_stays_only_if_its_version_can_be_read(
    scene: Scene, versioning: str | None, left: int
) -> None:
    if versioning is not None:
        scene.client.put_bucket_versioning(Bucket="real-logs", VersioningConfiguration={"Status": versioning})
    scene.put("json/a", b'{"n": 9}\n')
    assert scene.project.slips("run").status == 1
    scene.put("json/a")
    assert scene.project.slips("run", "--json").json["objects"] == 1
    assert len(scene.project.errors()) == left


def test_a_named_object_is_found_by_the_name_of_the_config(scene: Scene) -> None:
    for key in ("json/a", "json/b"):
        scene.put(key)
    assert scene.project.slips("run", "s3://my-logs/json/a", "--json").json["objects"] == 1
    assert scene.project.slips("run", "--json").json["objects"] == 1


def test_a_bucket_that_cannot_be_listed_is_told_and_the_others_go_on(scene: Scene) -> None:
    scene.put("json/a")
    buckets = f"""my-logs: {{s3: real-logs, endpoint_url: '{scene.url}'}}
      gone: {{s3: no-such-bucket, endpoint_url: '{scene.url}'}}"""
    text = CONFIG.replace("my-logs: logs", buckets)
    scene.project.config(f"{text}  gone: [{{prefix: '', format: json}}]\n")
    done = scene.project.slips("run")
    assert done.status == 1
    assert "objects  1\n" in done.out
    assert done.err.count("s3://gone/: S3 answers NoSuchBucket") == 1


@pytest.mark.parametrize(
    ("gone", "reason"),
    [
        ("{s3: no-such-bucket, endpoint_url: '%s'}", "s3://gone/json/: S3 answers NoSuchBucket"),
        ("{s3: real-logs, endpoint_url: '%s', profile: nobody}", "s3://gone/json/: AWS: The config profile (nobody)"),
    ],
)
def test_a_named_path_that_cannot_be_listed_is_told_and_the_others_go_on(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, gone: str, reason: str
) -> None:
    monkeypatch.delenv("AWS_REGION", raising=False)
    for key in ("json/a", "json/b"):
        scene.put(key)
    buckets = (
        f"my-logs: {{s3: real-logs, endpoint_url: '{scene.url}', region: us-east-1}}\n      gone: {gone % scene.url}"
    )
    text = CONFIG.replace("my-logs: logs", buckets)
    scene.project.config(f"{text}  gone: [{{prefix: '', format: json}}]\n")
    done = scene.project.slips("run", "s3://my-logs/json/a", "s3://gone/json/", "s3://my-logs/json/b")
    assert done.status == 1, done
    assert "objects  2\n" in done.out
    assert (done.err.count(reason), done.err.count("\n")) == (1, 1), done.err


def test_a_named_path_is_processed_as_far_as_it_could_be_listed(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    for key in ("json/a", "json/b"):
        scene.put(key)

    def until_denied(store: S3Store, bucket: str, prefix: str = "", *, after: str = "") -> Iterator[ObjectEvent]:
        yield store.page(bucket, prefix).events[0]
        raise StorageError(f"s3://{bucket}/{prefix}: S3 answers AccessDenied")

    monkeypatch.setattr(S3Store, "list", until_denied)
    done = scene.project.slips("run", "s3://my-logs/json/", "--json")
    assert (done.status, done.json["objects"]) == (1, 1)
    assert done.json["problems"] == ["s3://my-logs/json/: S3 answers AccessDenied"]
