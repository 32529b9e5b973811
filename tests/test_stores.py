"""Where the buckets of this machine are: in directories, in S3 by their own settings, in S3 as the environment says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aws import account, client
from slips.backends.machine.stores import Stores
from slips.config import Config, Mapping
from slips.config.backend import BackendConfig, Embedded
from slips.config.buckets import S3Bucket
from slips.errors import StorageError
from slips.model import ObjectEvent


def config_of(root: Path, **buckets: str | S3Bucket) -> Config:
    embedded = Embedded(path="state", buckets={name.replace("_", "-"): place for name, place in buckets.items()})
    return Config(
        stack_name="test",
        backend=BackendConfig(embedded=embedded),
        bucket_mapping={"my-logs": [Mapping("", ["s3-lines"])]},
        file=str(root / "slips.yml"),
    )


def event(bucket: str, key: str = "a") -> ObjectEvent:
    return ObjectEvent(bucket_name=bucket, object_key=key)


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with account():
        for bucket in ("real", "other"):
            client("s3").create_bucket(Bucket=bucket)
            client("s3").put_object(Bucket=bucket, Key="a", Body=bucket.encode())
        yield client("s3")


def test_each_bucket_is_read_where_the_config_has_it(tmp_path: Path, s3: Any) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "a").write_bytes(b"file")
    stores = Stores(config_of(tmp_path, here="logs", mine=S3Bucket(s3="real")), region="us-east-1")
    for bucket, body in (("here", b"file"), ("mine", b"real"), ("other", b"other")):
        with stores.open(event(bucket)) as stored:
            assert stored.body.read() == body
        (listed,) = stores.list(bucket)
        assert (listed.bucket_name, listed.object_key) == (bucket, "a")
    assert [listed.bucket_arn for listed in stores.list("mine")] == ["arn:aws:s3:::real"]


def test_an_error_names_the_bucket_as_the_config_does(tmp_path: Path, s3: Any) -> None:
    stores = Stores(config_of(tmp_path, mine=S3Bucket(s3="real"), gone=S3Bucket(s3="gone")), region="us-east-1")
    with pytest.raises(StorageError, match=r"s3://mine/none: S3 answers NoSuchKey"), stores.open(event("mine", "none")):
        pass
    with pytest.raises(StorageError, match=r"s3://gone/: S3 answers NoSuchBucket") as raised:
        list(stores.list("gone"))
    assert not raised.value.passing


def test_objects_that_come_next_are_fetched_from_the_bucket_of_each(tmp_path: Path, s3: Any) -> None:
    stores = Stores(config_of(tmp_path, mine=S3Bucket(s3="real", region="us-east-1")), region="eu-west-1")
    coming = [*stores.list("mine"), *stores.list("other")]
    stores.expect(coming)
    for each, body in zip(coming, (b"real", b"other"), strict=True):
        with stores.open(each) as stored:
            assert stored.body.read() == body
    stores.expect([])


def test_buckets_of_one_server_share_a_connection_and_others_do_not(tmp_path: Path) -> None:
    here, there = "http://127.0.0.1:1", "http://127.0.0.1:2"
    stores = Stores(
        config_of(
            tmp_path,
            a=S3Bucket(s3="a", endpoint_url=here),
            b=S3Bucket(s3="b", endpoint_url=here),
            c=S3Bucket(s3="c", endpoint_url=there),
        ),
        endpoint_url="http://127.0.0.1:3",
    )
    assert stores.s3("a") is stores.s3("b")
    assert stores.s3("a") is not stores.s3("c")
    assert stores.s3("d") is stores.s3("e")


def test_a_page_names_the_next_one_and_a_listing_starts_behind_a_key(tmp_path: Path, s3: Any) -> None:
    for key in ("x/1", "x/2", "x/y/3", "z"):
        s3.put_object(Bucket="real", Key=key, Body=b"")
    store = Stores(config_of(tmp_path, mine=S3Bucket(s3="real")), region="us-east-1").s3("mine")
    assert [each.object_key for each in store.page("mine", "x/", after="x/1").events] == ["x/2", "x/y/3"]
    assert store.page("mine", "x/").next == ""
    assert store.folders("mine", "x/") == ["x/y/"]
    assert store.folders("mine") == ["x/"]
