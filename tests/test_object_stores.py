"""The contract of the port ObjectStore, run on every implementation: directories, moto, and a real S3 server."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends
from moto.server import ThreadedMotoServer

import aws
from fakes import AWKWARD_KEYS
from slips.backends.aws.clients import Clients
from slips.backends.aws.s3 import S3Store
from slips.backends.machine.directory import DirectoryStore
from slips.errors import GONE, StorageError
from slips.model import ObjectEvent
from slips.ports import ObjectStore

pytest_plugins = ["radosgw"]


class Bucket:
    """A bucket to test on: how to fill it, and the store that reads it."""

    def __init__(self, store: ObjectStore, put: Any, put_fast: Any = None) -> None:
        self.store, self.put, self.put_fast = store, put, put_fast or put

    def read(self, key: str) -> bytes:
        with self.store.open(ObjectEvent(bucket_name="my-logs", object_key=key)) as stored:
            return b"".join(iter(lambda: stored.body.read(5), b""))


@pytest.fixture
def account() -> Iterator[None]:
    with aws.account():
        yield


RADOSGW = pytest.param("radosgw", marks=[pytest.mark.radosgw, pytest.mark.xdist_group("radosgw")])


@pytest.fixture(scope="module")
def s3_server() -> Iterator[str]:
    """The URL of an S3 server in a process's own thread: the shortcut needs connections."""
    server = ThreadedMotoServer(port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def shortcut(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> tuple[S3Store, Any, list[str]]:
    """A store that knows the short way to its bucket, a client, and the keys for which the store asks botocore."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    for name in ("AWS_PROFILE", "HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    clients = Clients("us-east-1", s3_server)
    client, store, asked = clients.s3, S3Store(clients.s3, clients.shortcut), list[str]()
    urlopen(Request(f"{s3_server}/moto-api/reset", method="POST"), timeout=300).close()
    client.create_bucket(Bucket="my-logs")
    client.put_object(Bucket="my-logs", Key="first", Body=b"1")
    assert Bucket(store, None).read("first") == b"1"
    client.delete_object(Bucket="my-logs", Key="first")
    client.meta.events.register("before-send.s3.GetObject", lambda request, **_: asked.append(request.url))
    return store, client, asked


@pytest.fixture(params=["directory", "s3", "shortcut", RADOSGW])
def bucket(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bucket]:
    if request.param == "directory":
        root = tmp_path / "b"
        root.mkdir()

        def put(key: str, body: bytes) -> None:
            path = root / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(body)

        yield Bucket(DirectoryStore({"my-logs": root}), put)
        return
    if request.param == "shortcut":
        store, short, asked = request.getfixturevalue("shortcut")
        put_short = partial(s3_backends[DEFAULT_ACCOUNT_ID]["aws"].put_object, "my-logs")  # it is of this process
        yield Bucket(store, lambda key, body: short.put_object(Bucket="my-logs", Key=key, Body=body), put_short)
        assert [url for url in asked if "nothing" not in url] == [], "only for missing objects botocore was asked"
        return
    put_fast: Callable[[str, bytes], Any] | None = None
    if request.param == "s3":
        request.getfixturevalue("account")
        client = aws.client("s3")
        client.create_bucket(Bucket="my-logs")
        if aws.SERVER is None:
            put_fast = partial(s3_backends[DEFAULT_ACCOUNT_ID]["aws"].put_object, "my-logs")
    else:
        client = request.getfixturevalue("radosgw").new_bucket("my-logs")
    yield Bucket(S3Store(client), lambda key, body: client.put_object(Bucket="my-logs", Key=key, Body=body), put_fast)


@pytest.mark.parametrize("key", AWKWARD_KEYS)
def test_an_object_is_read_by_its_raw_key(bucket: Bucket, key: str) -> None:
    bucket.put(key, key.encode())
    assert bucket.read(key) == key.encode()
    assert [event.object_key for event in bucket.store.list("my-logs")] == [key]


def test_bytes_come_as_stored_not_decompressed(bucket: Bucket) -> None:
    body = gzip.compress(b"x" * 100)
    bucket.put("a.gz", body)
    assert bucket.read("a.gz") == body


def test_a_missing_object_is_a_storage_error_that_names_it(bucket: Bucket) -> None:
    with pytest.raises(StorageError, match=r"s3://my-logs/nothing here") as raised:
        bucket.read("nothing here")
    assert raised.value.missing
    assert str(raised.value).endswith(f", which was there before; {GONE}")
    assert {"slips drain", "slips dismiss"} <= set(GONE.split("'"))


def test_expected_objects_are_read_like_others_and_may_go_or_fail_in_their_turn(bucket: Bucket) -> None:
    for key in "abc":
        bucket.put(key, key.encode())
    events = list(bucket.store.list("my-logs"))
    missing = ObjectEvent(bucket_name="my-logs", object_key="nothing here", object_size=1)
    bucket.store.expect([missing, *events])
    with pytest.raises(StorageError) as raised:
        bucket.read(missing.object_key)
    assert raised.value.missing
    assert [bucket.read(key) for key in "acba"] == [b"a", b"c", b"b", b"a"]
    with bucket.store.open(events[1]) as stored:
        assert stored.is_named(events[1].identity)
    bucket.store.expect(())
    assert bucket.read("a") == b"a"


def test_listing_goes_through_all_pages_in_key_order(bucket: Bucket) -> None:
    keys = sorted(f"p/{number:04d}.log" for number in range(1, 1101))
    for key in reversed(keys):
        bucket.put_fast(key, b"1")
    assert [event.object_key for event in bucket.store.list("my-logs", "p/")] == keys


def test_listing_keeps_to_the_prefix_which_need_not_be_a_folder(bucket: Bucket) -> None:
    for key in ("logs/a.gz", "logs/ab/c.gz", "logs2/a.gz", "other"):
        bucket.put(key, b"1")
    assert [event.object_key for event in bucket.store.list("my-logs", "logs/a")] == ["logs/a.gz", "logs/ab/c.gz"]
    assert [event.object_key for event in bucket.store.list("my-logs", "logs")] == [
        "logs/a.gz",
        "logs/ab/c.gz",
        "logs2/a.gz",
    ]
    assert list(bucket.store.list("my-logs", "none/")) == []


def test_a_listed_event_opens_the_content_it_announces(bucket: Bucket) -> None:
    bucket.put("a", b"hello")
    (event,) = bucket.store.list("my-logs")
    assert (event.bucket_arn, event.object_size, event.event_name) == ("arn:aws:s3:::my-logs", 5, "ObjectCreated:Put")
    assert event.timestamp > 0
    with bucket.store.open(event) as stored:
        assert (stored.is_named(event.identity), stored.size) == (True, 5)


def test_other_content_has_another_identity(bucket: Bucket) -> None:
    bucket.put("a", b"hello")
    (before,) = bucket.store.list("my-logs")
    bucket.put("a", b"jello, longer")
    (after,) = bucket.store.list("my-logs")
    assert before.identity != after.identity


@pytest.mark.parametrize("key", ["../secret", "a/../../secret", "/etc/passwd", "link/secret", "", "."])
def test_no_key_leads_out_of_its_directory(tmp_path: Path, key: str) -> None:
    root = tmp_path / "b"
    (root / "a").mkdir(parents=True)
    (tmp_path / "secret").write_text("s")
    (root / "link").symlink_to(tmp_path)
    with (
        pytest.raises(StorageError),
        DirectoryStore({"my-logs": root}).open(ObjectEvent(bucket_name="my-logs", object_key=key)),
    ):
        pass


def test_a_name_that_is_not_utf8_is_told_and_the_rest_is_listed(tmp_path: Path) -> None:
    (tmp_path / "good").write_text("1")
    with open(os.fsencode(tmp_path) + b"/bad\xff", "wb"):  # noqa: PTH123 - a name that Path would hide
        pass
    store = DirectoryStore({"my-logs": tmp_path})
    assert [event.object_key for event in store.list("my-logs")] == ["good"]
    assert "not UTF-8" in store.unlisted[0]


def test_a_pipe_in_a_bucket_is_no_object(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    store = DirectoryStore({"my-logs": tmp_path})
    assert list(store.list("my-logs")) == []
