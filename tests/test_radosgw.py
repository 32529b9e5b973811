"""S3 by a real server that is not AWS: versions, connections that break off, and what it tells of new objects."""

from __future__ import annotations

import json
import queue
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.config import Config

from serving import Quiet, serving
from slips.backends.aws.clients import Clients
from slips.backends.aws.s3 import RESUMES, S3Store
from slips.envelope.arrivals import messages
from slips.errors import StorageError
from slips.model import ObjectEvent

if TYPE_CHECKING:
    from radosgw import Radosgw

pytest_plugins = ["radosgw"]
pytestmark = [pytest.mark.radosgw, pytest.mark.xdist_group("radosgw")]

BODY = bytes(range(256)) * 40_000


@pytest.fixture
def client(radosgw: Radosgw) -> Any:
    return radosgw.new_bucket("my-logs")


def read(store: S3Store, event: ObjectEvent) -> bytes:
    with store.open(event) as stored:
        return b"".join(iter(lambda: stored.body.read(100_000), b""))


def event(key: str = "a", **changes: Any) -> ObjectEvent:
    return ObjectEvent(bucket_name="my-logs", object_key=key, **changes)


# ---- versions


def test_a_version_is_read_though_a_newer_one_or_a_deletion_hides_it(client: Any) -> None:
    client.put_bucket_versioning(Bucket="my-logs", VersioningConfiguration={"Status": "Enabled"})
    old, new = (client.put_object(Bucket="my-logs", Key="a", Body=body)["VersionId"] for body in (b"old", b"new"))
    store = S3Store(client)
    assert read(store, event(object_version_id=old)) == b"old"
    with store.open(event()) as stored:
        assert (stored.body.read(), stored.version_id, stored.identity) == (b"new", new, new)
    client.delete_object(Bucket="my-logs", Key="a")
    assert read(store, event(object_version_id=old)) == b"old"
    with pytest.raises(StorageError, match=r"s3://my-logs/a: S3 answers NoSuchKey"):
        read(store, event())
    client.delete_object(Bucket="my-logs", Key="a", VersionId=old)
    with pytest.raises(StorageError, match=r"s3://my-logs/a: S3 answers NoSuch"):
        read(store, event(object_version_id=old))


def test_an_object_of_a_bucket_without_versions_has_none(client: Any) -> None:
    client.put_object(Bucket="my-logs", Key="a", Body=b"1")
    client.put_bucket_versioning(Bucket="my-logs", VersioningConfiguration={"Status": "Suspended"})
    client.put_object(Bucket="my-logs", Key="b", Body=b"2")
    for key in "ab":
        with S3Store(client).open(event(key)) as stored:
            assert stored.version_id is None
            assert stored.identity == stored.etag


def test_an_object_of_many_parts_is_read_whole(client: Any) -> None:
    upload = client.create_multipart_upload(Bucket="my-logs", Key="a")["UploadId"]
    parts = [
        {
            "PartNumber": number,
            "ETag": client.upload_part(
                Bucket="my-logs", Key="a", UploadId=upload, PartNumber=number, Body=bytes([number]) * (5 * 2**20)
            )["ETag"],
        }
        for number in (1, 2)
    ]
    client.complete_multipart_upload(Bucket="my-logs", Key="a", UploadId=upload, MultipartUpload={"Parts": parts})
    with S3Store(client).open(event()) as stored:
        assert stored.etag.endswith("-2")
        assert stored.size == len(stored.body.read()) == 10 * 2**20
    (listed,) = S3Store(client).list("my-logs")
    assert listed.object_etag == stored.etag


def test_a_bucket_that_is_not_there_is_a_storage_error(client: Any) -> None:
    with pytest.raises(StorageError, match="NoSuchBucket"):
        list(S3Store(client).list("no-such-bucket"))


def test_the_functions_own_client_reads_a_compatible_store(
    client: Any, radosgw: Radosgw, monkeypatch: pytest.MonkeyPatch
) -> None:
    from radosgw import ACCESS_KEY, SECRET_KEY

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ACCESS_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
    client.put_object(Bucket="my-logs", Key="a b+c=é", Body=BODY)
    store = S3Store(Clients("us-east-1", radosgw.url).s3)
    (listed,) = store.list("my-logs")
    assert read(store, listed) == BODY


# ---- connections that break off


class Cutter:
    """Passes everything on to the server, but hangs up behind so many bytes of an answer, `cuts` times."""

    def __init__(self, url: str, cuts: int, behind: int) -> None:
        place = urlsplit(url)
        self._target = (place.hostname or "", place.port or 0)
        self.cuts, self._behind = cuts, behind
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):  # closed: the test is over
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(self._target)
                threading.Thread(target=self._pass_on, args=(near, far, None), daemon=True).start()
                threading.Thread(target=self._pass_on, args=(far, near, self._behind), daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket, behind: int | None) -> None:
        passed = 0
        with suppress(OSError):
            while data := source.recv(50_000):
                passed += len(data)
                if behind is not None and passed > behind and self.cuts > 0:
                    self.cuts -= 1
                    break
                target.sendall(data)
        for each in (source, target):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)


@contextmanager
def behind(radosgw: Radosgw, cuts: int) -> Iterator[S3Store]:
    """A store whose connections break off every two megabytes, `cuts` times."""
    from radosgw import ACCESS_KEY, SECRET_KEY

    cutter = Cutter(radosgw.url, cuts, 2 * 2**20)
    client = boto3.client(
        "s3",
        endpoint_url=cutter.url,
        region_name="us-east-1",
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
        config=Config(s3={"addressing_style": "path"}),
    )
    try:
        yield S3Store(client)
    finally:
        cutter.close()


def test_a_body_that_breaks_off_is_read_on_from_there(client: Any, radosgw: Radosgw) -> None:
    client.put_object(Bucket="my-logs", Key="a", Body=BODY)
    with behind(radosgw, cuts=RESUMES) as store:
        assert read(store, event()) == BODY


def test_a_body_that_keeps_breaking_off_is_a_storage_error(client: Any, radosgw: Radosgw) -> None:
    client.put_object(Bucket="my-logs", Key="a", Body=BODY * 2)
    with behind(radosgw, cuts=RESUMES + 1) as store, pytest.raises(StorageError, match="reading broke off at byte"):
        read(store, event())


def test_contents_of_an_object_overwritten_after_a_break_are_never_joined(client: Any, radosgw: Radosgw) -> None:
    client.put_object(Bucket="my-logs", Key="a", Body=BODY)
    with behind(radosgw, cuts=1) as store, store.open(event()) as stored:
        stored.body.read(1000)
        client.put_object(Bucket="my-logs", Key="a", Body=b"x" * len(BODY))
        with pytest.raises(StorageError, match="PreconditionFailed"):
            b"".join(iter(lambda: stored.body.read(100_000), b""))


def test_the_rest_of_a_version_is_of_that_version(client: Any, radosgw: Radosgw) -> None:
    client.put_bucket_versioning(Bucket="my-logs", VersioningConfiguration={"Status": "Enabled"})
    version = client.put_object(Bucket="my-logs", Key="a", Body=BODY)["VersionId"]
    client.put_object(Bucket="my-logs", Key="a", Body=b"newer")
    with behind(radosgw, cuts=2) as store:
        assert read(store, event(object_version_id=version)) == BODY


# ---- what it tells of new objects


class Ears(ThreadingHTTPServer):
    """Keeps the JSON that it is sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Listener)
        self.heard: queue.Queue[Any] = queue.Queue()


class Listener(Quiet):
    server: Ears

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
        self.server.heard.put(json.loads(body))


@pytest.fixture
def ears() -> Iterator[Ears]:
    with serving(Ears()) as made:
        yield made


KEYS = ["a b+c=é.log", "a+b", "a%2Bb", "100%", "u\u2028v", "年/月", "a&b;c", "plain/a.log"]


def test_its_notifications_open_the_very_objects_that_they_tell_of(client: Any, radosgw: Radosgw, ears: Ears) -> None:
    topic = radosgw.client("sns").create_topic(
        Name="objects", Attributes={"push-endpoint": f"http://127.0.0.1:{ears.server_address[1]}"}
    )["TopicArn"]
    client.put_bucket_notification_configuration(
        Bucket="my-logs",
        NotificationConfiguration={
            "TopicConfigurations": [{"Id": "all", "TopicArn": topic, "Events": ["s3:ObjectCreated:*"]}]
        },
    )
    for key in KEYS:
        body = key.encode()
        client.put_object(Bucket="my-logs", Key=key, Body=body)
        (message,) = messages(ears.heard.get(timeout=300))
        (told,) = message.events
        assert (told.bucket_name, told.object_size, message.problem) == ("my-logs", len(body), "")
        # A key that looks quoted is taken for one of AWS, which always quotes.
        assert told.object_key == {"a+b": "a b", "a%2Bb": "a+b"}.get(key, key)
        if told.object_key == key:
            with S3Store(client).open(told) as stored:
                assert (stored.body.read(), stored.etag) == (body, told.object_etag)
