"""Faults that befall `slips up` on S3: what is killed, announced twice, or answered with 500 costs no record."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from siege_in_s3 import Server, SiegeInS3

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

    def announce() -> None:
        if siege.by_queue and siege.objects:
            siege.announce(siege.random.choice(sorted(siege.objects)))

    def break_s3() -> None:
        with siege.broken():
            siege.sleep(0.5)

    def kill_worker() -> None:
        siege.kill("worker")

    def kill_supervisor() -> None:
        siege.wait_for_more()
        siege.kill("supervisor")

    siege.start()
    siege.happen([put, put, put, overwrite, announce, announce, break_s3, kill_worker, kill_supervisor], times)
    put()
    siege.wait()
    assert siege.stop() == 0
    siege.check()


def lay_siege(root: Path, seed: int, times: int, *, by_queue: bool) -> None:
    with Server() as server:
        siege = SiegeInS3(root, server, seed, by_queue=by_queue)
        try:
            under_faults(siege, times)
        finally:
            siege.clean_up()


@pytest.mark.parametrize("by_queue", [False, True], ids=["listing", "queue"])
def test_no_fault_of_s3_or_of_the_service_loses_a_record(tmp_path: Path, by_queue: bool) -> None:
    lay_siege(tmp_path, 1, 12, by_queue=by_queue)


@pytest.mark.soak
@pytest.mark.parametrize("seed", range(1, 11))
@pytest.mark.parametrize("by_queue", [False, True], ids=["listing", "queue"])
def test_no_fault_of_many_loses_a_record(tmp_path: Path, seed: int, by_queue: bool) -> None:
    lay_siege(tmp_path, seed, 60, by_queue=by_queue)
