"""Faults that befall `slips up` on S3: what is killed, announced twice, or answered with 500 costs no record."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from siege import GUARD, flood
from siege_in_s3 import Server, SiegeInS3, Way

WAYS: tuple[Way, ...] = ("listing", "queue", "webhook")
pytestmark = [pytest.mark.slow, pytest.mark.once]


def under_faults(siege: SiegeInS3, times: int) -> None:
    """Let objects arrive and change, while processes are killed, and S3 is broken now and then."""
    number = itertools.count()

    def put() -> None:
        for _ in range(2):
            siege.put(f"{siege.random.choice(['fast', 'slow'])}/{next(number)}", 10, nap=siege.random.choice([0, 0.01]))

    def overwrite() -> None:
        if siege.objects:
            siege.put(siege.random.choice(sorted(siege.objects)), siege.random.randint(1, 20), nap=0.01)

    def break_s3() -> None:
        with siege.broken():
            siege.sleep(0.5)

    def kill_worker() -> None:
        siege.kill("worker")

    def kill_supervisor() -> None:
        siege.wait_for_more()
        siege.kill("supervisor")

    siege.start()
    siege.happen(
        [put, put, put, overwrite, siege.announce_again, siege.announce_again, break_s3, kill_worker, kill_supervisor],
        times,
    )
    put()
    siege.wait()
    overwrite()  # what is done
    siege.wait()
    siege.hear_again()
    assert siege.stop() == 0
    siege.check()


def under_outage(siege: SiegeInS3, seconds: float) -> None:
    """Let S3 and SQS answer nothing but 500 for so long, while objects are put."""
    siege.start()
    siege.put("before")
    siege.wait()
    with siege.broken():
        end = time.monotonic() + seconds
        number = 0
        while number == 0 or time.monotonic() < end:
            siege.put(f"during/{number}", 3)
            number += 1
            siege.sleep(min(1.0, seconds / 3))
        siege.until(lambda: any(each in siege.log() for each in ("InternalError", "500")), "nothing is told of S3")
    siege.told.append(f"{seconds} s of 500")
    siege.wait(seconds=seconds + GUARD)
    assert siege.stop() == 0
    siege.check()


@contextmanager
def besieged(root: Path, way: Way, seed: int = 1) -> Iterator[SiegeInS3]:
    with Server() as server:
        siege = SiegeInS3(root, server, seed, way)
        try:
            yield siege
        finally:
            siege.clean_up()


@pytest.mark.parametrize("way", WAYS)
def test_no_fault_of_s3_or_of_the_service_loses_a_record(tmp_path: Path, way: Way) -> None:
    with besieged(tmp_path, way) as siege:
        under_faults(siege, 12)


def test_no_object_that_was_put_while_s3_answered_500_is_lost(tmp_path: Path) -> None:
    with besieged(tmp_path, "queue") as siege:
        under_outage(siege, 1)


def waiting(siege: SiegeInS3) -> int:
    with closing(siege.state()) as state:
        return state.stream.waiting()[0]


def test_of_two_services_on_one_queue_the_other_does_what_one_that_stands_still_has_in_hand(tmp_path: Path) -> None:
    """Its messages come back when nobody hides them any more. Both do these objects, as docs/service.md says."""
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
    with besieged(tmp_path / "one", "queue") as one:
        other = SiegeInS3(tmp_path / "other", one.server, 2, "queue")
        try:
            for siege in (one, other):
                siege.start()
                siege.until_told("started")
            for number in range(30):
                one.put(f"fast/{number}", 10, nap=0.01)
            one.until(lambda: bool(one.seen()), "one has nothing in hand")
            wanted = {record for each in one.objects.values() for record in each.records}
            with one.stopped("supervisor"):
                other.until(lambda: wanted <= (one.seen() + other.seen()).keys(), "the other does not do it")
            one.until(lambda: one._messages() == waiting(one) == waiting(other) == 0, "messages stay, or objects wait")
            for siege in (one, other):
                assert siege.stop() == 0
                assert siege.failed() == set()
            twice = sum(count > 1 for count in (one.seen() + other.seen()).values())
            assert one.seen()
            assert other.seen()
            print(f"{len(wanted)} records seen by two services, {twice} of them twice or more")
        finally:
            other.clean_up()


@pytest.mark.parametrize("way", ["queue", "webhook"])
def test_what_is_announced_while_the_state_is_read_only_is_announced_again(tmp_path: Path, way: Way) -> None:
    with besieged(tmp_path, way) as siege:
        siege.start()
        siege.put("before")
        siege.wait()
        with siege.read_only():
            sender = threading.Thread(target=siege.put, args=["during"], daemon=True)
            sender.start()
            siege.until_told("readonly database")
            siege.stop()
        siege.start()
        sender.join(GUARD)
        siege.wait()
        assert siege.stop() == 0
        siege.check()


@pytest.mark.soak(seconds=30)
@pytest.mark.parametrize("seed", range(1, 11))
@pytest.mark.parametrize("way", WAYS)
def test_no_fault_of_many_loses_a_record(tmp_path: Path, seed: int, way: Way) -> None:
    with besieged(tmp_path, way, seed) as siege:
        under_faults(siege, 60)


@pytest.mark.soak(seconds=90)
@pytest.mark.parametrize("way", WAYS)
def test_no_object_that_was_put_while_s3_answered_500_for_a_minute_is_lost(tmp_path: Path, way: Way) -> None:
    with besieged(tmp_path, way) as siege:
        under_outage(siege, 60)


@pytest.mark.soak(seconds=240)
def test_ten_thousand_objects_in_s3_survive_kills_in_flat_memory(tmp_path: Path) -> None:
    with besieged(tmp_path, "listing") as siege:
        flood(siege, 10_000, seconds=3_600)  # ten times as many take an hour of the stand-in of S3
