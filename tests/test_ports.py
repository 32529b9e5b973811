"""The contract of the ports: one suite, run on every implementation."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws
from msgspec.structs import replace

from slips.backends.aws.s3 import S3Store
from slips.backends.directory import DirectoryStore
from slips.backends.embedded import Embedded
from slips.errors import StateError, StorageError, UsageError
from slips.model import ErrorItem, ObjectEvent, Outcome, Sample
from slips.ports import ObjectStore

AWKWARD_KEYS = [
    "a b.log",
    "a+b.log",
    "a%2Bb.log",
    "a%20b/c.log",
    "é/ü=漢字.log",
    "u\u2028v.log",
    "quote'\"`$.log",
    "year=2026/month=11/x.log",
    " leading and trailing ",
    "..hidden",
]


class Bucket:
    """A bucket to test on: how to fill it, and the store that reads it."""

    def __init__(self, store: ObjectStore, put: Any) -> None:
        self.store, self.put = store, put

    def read(self, key: str) -> bytes:
        with self.store.open(ObjectEvent(bucket_name="my-logs", object_key=key)) as stored:
            return b"".join(iter(lambda: stored.body.read(5), b""))


@pytest.fixture(params=["directory", "s3"])
def bucket(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    if request.param == "directory":
        root = tmp_path / "b"
        root.mkdir()

        def put(key: str, body: bytes) -> None:
            path = root / key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(body)

        yield Bucket(DirectoryStore({"my-logs": root}), put)
        return
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="my-logs")
        yield Bucket(S3Store(client), lambda key, body: client.put_object(Bucket="my-logs", Key=key, Body=body))


# ---- ObjectStore


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
    with pytest.raises(StorageError, match=r"s3://my-logs/nothing here"):
        bucket.read("nothing here")


def test_listing_goes_through_all_pages_in_key_order(bucket: Bucket) -> None:
    keys = sorted(f"p/{number:04d}.log" for number in range(1, 1101))
    for key in reversed(keys):
        bucket.put(key, b"1")
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
        assert (stored.etag, stored.size) == (event.object_etag, 5)
        assert abs(stored.last_modified - event.timestamp) < 1


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


# ---- Stream, ErrorTable, Ledger


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Embedded]:
    opened = Embedded.open(tmp_path / "state")
    yield opened
    opened.close()


EVENT = ObjectEvent(bucket_name="my-logs", object_key="k+ é", object_etag="e1", object_size=7, lane="slow")


def item(request_id: str, failed_at: str = "2026-01-01T00:00:00.000Z") -> ErrorItem:
    return ErrorItem(
        request_id=request_id,
        events=[EVENT],
        failed_at=failed_at,
        message="m",
        samples=[Sample.of(1, "bad", b"\xff\x00", 2)],
    )


def test_events_come_out_of_their_lane_in_the_order_they_were_put_fast_lane_first(state: Embedded) -> None:
    one, two, three = (replace(EVENT, object_key=key) for key in "abc")
    state.stream.put("slow", [one, two])
    state.stream.put("fast", [three])
    assert [each.event.object_key for each in state.stream.take(10, {})] == ["c", "a", "b"]


def test_an_event_stays_in_its_lane_until_it_is_acknowledged(state: Embedded) -> None:
    state.stream.put("fast", [EVENT])
    (first,) = state.stream.take(10, {})
    (again,) = state.stream.take(10, {})
    assert (first.event, first.request_id) == (EVENT, again.request_id)
    state.stream.acknowledge(first)
    assert state.stream.take(10, {}) == []


def test_an_error_item_comes_back_as_it_was_put(state: Embedded) -> None:
    state.errors.put(item("r1"))
    assert state.errors.get("r1") == item("r1")
    assert state.errors.get("r2") is None


def test_error_items_are_scanned_oldest_first_through_all_pages(state: Embedded) -> None:
    for number in range(1000):
        state.errors.put(item(f"r{number:04d}", f"2026-01-01T00:00:00.{999 - number:03d}Z"))
    scanned = [each.request_id for each in state.errors.scan()]
    assert scanned == [f"r{number:04d}" for number in reversed(range(1000))]


def test_items_deleted_during_a_scan_do_not_hide_others(state: Embedded) -> None:
    for number in range(500):
        state.errors.put(item(f"r{number:04d}"))
    assert sum(state.errors.delete(each.request_id, each.revision) for each in state.errors.scan()) == 500


def test_delete_takes_only_the_revision_that_it_names(state: Embedded) -> None:
    state.errors.put(item("r1"))
    state.errors.put(item("r1"))
    assert not state.errors.delete("r1", 1)
    stored = state.errors.get("r1")
    assert stored is not None
    assert stored.revision == 2
    assert state.errors.delete("r1", 2)
    assert not state.errors.delete("r1", 2)


def test_a_claim_is_for_one_request_and_a_retry_takes_over_its_own(state: Embedded) -> None:
    assert state.ledger.claim(EVENT, "r1") == "new"
    assert state.ledger.claim(EVENT, "r2") == "claimed"
    assert state.ledger.claim(EVENT, "r1") == "new"


def test_what_is_done_is_not_claimed_again_but_other_content_records_or_replays_are(state: Embedded) -> None:
    state.ledger.claim(EVENT, "r1")
    state.ledger.finish(EVENT, Outcome(records=3, delivered=3))
    assert state.ledger.claim(EVENT, "r2") == "done"
    assert state.ledger.claim(replace(EVENT, object_etag="e2"), "r2") == "new"
    assert state.ledger.claim(replace(EVENT, records=[(1, 2)]), "r2") == "new"
    assert state.ledger.claim(replace(EVENT, replay="r0@1"), "r2") == "new"


def test_what_failed_may_be_claimed_again_but_not_by_the_request_that_reported_it(state: Embedded) -> None:
    state.ledger.claim(EVENT, "r1")
    state.ledger.fail(EVENT, Outcome(), "r1")
    assert state.ledger.claim(EVENT, "r1") == "done"
    assert state.ledger.claim(EVENT, "r2") == "new"


def test_the_ledger_keeps_counts_and_is_scanned_whole(state: Embedded) -> None:
    for number in range(1200):
        state.ledger.finish(replace(EVENT, object_key=f"k{number}"), Outcome(records=number))
    entries = list(state.ledger.scan())
    assert sum(entry.outcome.records for entry in entries if entry.outcome) == 1200 * 1199 // 2
    assert {entry.status for entry in entries} == {"done"}


# ---- what only the embedded backend promises


def test_a_transaction_that_fails_leaves_nothing(state: Embedded) -> None:
    def fail_late() -> None:
        with state.transaction():
            state.stream.put("fast", [EVENT])
            state.errors.put(item("r1"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_late()
    assert state.stream.take(1, {}) == []
    assert state.errors.get("r1") is None


def test_a_second_supervisor_is_refused_with_the_name_of_the_first(state: Embedded) -> None:
    other = Embedded.open(state.directory)
    with (
        state.exclusive(),
        pytest.raises(UsageError, match=f"in use by process {os.getpid()}"),
        other.exclusive(),
    ):
        pass
    with other.exclusive():
        pass


def test_claims_of_a_dead_supervisor_are_freed(state: Embedded) -> None:
    state.ledger.claim(EVENT, "r1")
    with state.exclusive():
        assert state.ledger.claim(EVENT, "r2") == "new"


def test_a_state_of_another_version_is_refused(state: Embedded) -> None:
    state.execute("PRAGMA user_version=99")
    with pytest.raises(StateError, match="another version of slips"):
        Embedded.open(state.directory)


def test_a_state_directory_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    with pytest.raises(StateError, match="expected a directory"):
        Embedded.open(tmp_path / "state")
