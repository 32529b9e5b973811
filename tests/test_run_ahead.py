"""`slips run` lets each worker fetch the next objects in S3, and gives it those that it has fetched."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

import pytest
from msgspec.structs import replace

from fakes import config_of, object_event
from projects import CONFIG, Project
from serving import Quiet, serving
from slips.backends.machine.lanes import Delivery
from slips.backends.machine.state import MachineState
from slips.config.backend import BackendConfig, Embedded
from slips.model import Lane, Outcome
from slips.pipeline.ended import Success
from slips.service.messages import Task
from slips.service.observer import Observer
from slips.service.pool import Death, Pool
from slips.service.promises import Promises
from slips.service.supervisor import Supervisor

GUARD = 300.0
"""Seconds after which a test that waits fails."""


class Worker:
    """Nothing but a name."""

    def __init__(self, name: str) -> None:
        self.name = name


class Crew:
    """A pool whose workers end their objects in turn, or die of them."""

    def __init__(self, count: int, deadly: str = "") -> None:
        self._idle = [Worker(f"w{number}") for number in range(count)]
        self._busy: list[tuple[Worker, Task]] = []
        self._deadly = deadly
        self.given: list[tuple[str, str, str]] = []
        """Worker, key, and the keys that come."""

    @property
    def is_busy(self) -> bool:
        return bool(self._busy)

    def free(self, _waiting: int) -> Worker | None:
        return self._idle[0] if self._idle else None

    def give(self, worker: Worker, task: Task) -> None:
        self._idle.remove(worker)
        self._busy.append((worker, task))
        self.given.append((worker.name, task.event.object_key, "".join(each.object_key for each in task.coming)))

    def wait(self, _timeout: float) -> Iterator[tuple[Worker, Any]]:
        if self._busy:
            worker, task = self._busy.pop(0)
            dies = task.event.object_key == self._deadly
            self._idle.append(Worker("new") if dies else worker)
            yield worker, Death("died", "", None, False) if dies else Success(task.event, Outcome())

    def close(self) -> None:
        """Nothing."""


def run(crew: Crew, tmp_path: Path, keys: str, workers: int, lanes: dict[str, Lane] | None = None) -> None:
    """Run objects `keys` in S3; those in capitals are files of this machine."""
    (tmp_path / "files").mkdir()
    embedded = Embedded(path=str(tmp_path / "state"), buckets={"files": str(tmp_path / "files")})
    config = replace(config_of(), backend=BackendConfig(embedded=embedded))
    state = MachineState.open(tmp_path / "state")
    for key in keys:
        if key.isupper():
            (tmp_path / "files" / key).write_text("")
        lane = (lanes or {}).get(key, "fast")
        bucket = "files" if key.isupper() else "my-logs"
        state.stream.put(lane, [object_event(key, lane, bucket_name=bucket)])
    with state.exclusive():
        pool = cast("Pool", crew)
        Supervisor(config, state, Observer(), workers=workers, pool=pool).run()
    assert state.stream.waiting()[0] == 0
    state.close()


def test_a_worker_is_told_what_it_gets_next(tmp_path: Path) -> None:
    crew = Crew(1)
    run(crew, tmp_path, "abcd", 1)
    assert crew.given == [("w0", "a", "bcd"), ("w0", "b", "cd"), ("w0", "c", "d"), ("w0", "d", "")]


def test_each_of_two_workers_fetches_its_share_and_gets_what_it_has_fetched(tmp_path: Path) -> None:
    crew = Crew(2)
    run(crew, tmp_path, "abcdefg", 2)
    assert crew.given[:3] == [("w0", "a", "bcd"), ("w1", "e", "fg"), ("w0", "b", "cd")]
    assert sorted(key for _, key, _ in crew.given) == list("abcdefg")
    by_worker = {name: [key for worker, key, _ in crew.given if worker == name] for name in ("w0", "w1")}
    assert by_worker["w0"][:3] == ["a", "b", "c"]
    assert by_worker["w1"][:2] == ["e", "f"]


def test_a_worker_without_objects_of_its_own_takes_the_last_that_another_would_get(tmp_path: Path) -> None:
    crew = Crew(2)
    run(crew, tmp_path, "abcd", 1)  # all of them are the first worker's
    assert crew.given[:2] == [("w0", "a", "bcd"), ("w1", "d", "")]


def test_objects_promised_to_a_worker_that_dies_are_there_for_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("slips.service.conclusions.SOON_SECONDS", (0.0, 0.0))
    crew = Crew(1, deadly="a")
    run(crew, tmp_path, "abc", 1)
    assert [key for _, key, _ in crew.given if key != "a"] == ["b", "c"]
    assert ("new", "b", "c") in crew.given or ("new", "b", "ca") in crew.given


class Together(Crew):
    """A pool whose workers end their objects in the same moment, the last one first."""

    def wait(self, _timeout: float) -> Iterator[tuple[Worker, Any]]:
        ended, self._busy = self._busy[::-1], []
        self._idle += [worker for worker, _ in ended]
        yield from [(worker, Success(task.event, Outcome())) for worker, task in ended]


def test_workers_that_are_idle_at_the_same_time_keep_what_they_have_fetched(tmp_path: Path) -> None:
    crew = Together(2)
    keys = "abcdefghijkl"
    run(crew, tmp_path, keys, 2)
    assert crew.given[:4] == [("w0", "a", "bcdef"), ("w1", "g", "hijkl"), ("w1", "h", "ijkl"), ("w0", "b", "cdef")]
    fetching = {key: {worker for worker, started, coming in crew.given if key in started + coming} for key in keys}
    assert all(len(workers) == 1 for workers in fetching.values()), fetching


def test_a_worker_whose_share_has_become_smaller_keeps_what_it_has_fetched() -> None:
    worker, other = cast("Any", Worker("w0")), cast("Any", Worker("w1"))
    waiting = [Delivery(number, object_event(key, "fast"), "r", 0) for number, key in enumerate("abcd")]
    promises = Promises([worker, other])
    assert [each.object_key for each in promises.make(worker, waiting, 3)] == ["a", "b", "c"]
    assert [each.object_key for each in promises.make(worker, waiting[1:], 1)] == ["b", "c"]
    assert [each.object_key for each in promises.make(other, waiting[1:], 1)] == ["d"]


def test_files_of_this_machine_are_not_fetched_ahead(tmp_path: Path) -> None:
    crew = Crew(1)
    run(crew, tmp_path, "aBcD", 1)
    assert [coming for _, _, coming in crew.given] == ["c", "c", "", ""]


def test_an_object_of_the_slow_lane_does_not_come_before_one_of_the_fast_lane(tmp_path: Path) -> None:
    crew = Crew(2)
    run(crew, tmp_path, "abz", 1, {"z": "slow"})
    assert [key for _, key, _ in crew.given] == ["a", "b", "z"]


# ---- the whole way


class Bucket(ThreadingHTTPServer):
    """A bucket `far` of lines of JSON. It answers the first request for an object once there is a second."""

    def __init__(self, keys: list[str]) -> None:
        super().__init__(("127.0.0.1", 0), Requests)
        self.keys = keys
        self.body = b'{"n": 1}\n'
        self.several = threading.Barrier(2)
        self.waited = threading.Lock()
        self.alone = 0

    def meet(self) -> None:
        """Wait for another request, unless two have met already."""
        if not self.waited.locked():
            try:
                self.several.wait(GUARD / 4)
                self.waited.acquire(blocking=False)
            except threading.BrokenBarrierError:
                self.alone += 1


class Requests(Quiet):
    server: Bucket
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if "list-type" in url.query:
            size, tags = len(self.server.body), "<LastModified>2026-11-23T10:00:00.000Z</LastModified><ETag>e1</ETag>"
            found = "".join(
                f"<Contents><Key>{escape(key)}</Key><Size>{size}</Size>{tags}</Contents>" for key in self.server.keys
            )
            self.answer(f"<ListBucketResult><IsTruncated>false</IsTruncated>{found}</ListBucketResult>".encode())
        else:
            self.server.meet()
            self.answer(self.server.body)

    def answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("ETag", '"e1"')
        self.send_header("Last-Modified", "Mon, 23 Nov 2026 10:00:00 GMT")
        self.end_headers()
        self.wfile.write(body)


@pytest.mark.slow
def test_one_worker_asks_for_the_next_object_before_it_is_done_with_the_first(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    for name in ("AWS_PROFILE", "HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    keys = [f"json/{number}" for number in range(20)]
    with serving(Bucket(keys)) as bucket:
        url = f"http://127.0.0.1:{bucket.server_address[1]}"
        project.config(CONFIG.replace("bucket_mapping:\n", "bucket_mapping:\n  far: [{prefix: json/, format: json}]\n"))
        done = project.slips("run", "s3://far/json/", "--json", "--workers", "1", "--endpoint-url", url)
    assert done.status == 0, done.err
    assert (done.json["delivered"], bucket.alone) == (20, 0)
