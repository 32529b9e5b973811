"""A service on S3 whose state is full, or whose worker stands still: what it concludes, and what its queue is told.

The objects are in moto; queue and clock are the test's own.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from running import Project
from serving_up import Script, Scripted, serve
from siege_in_s3 import Server
from slips.backends.aws.announcements import Received
from slips.backends.machine.state import MachineState
from slips.config import Config
from slips.config.backend import BackendConfig, Embedded
from slips.config.buckets import S3Bucket
from slips.service.custody import FIRST_SECONDS, FURTHER_SECONDS
from slips.service.names import Names
from slips.service.queue import QueueSource
from slips.service.sources import Source
from slips.service.up import sources_of

pytest_plugins = ["moto_server"]
pytestmark = [pytest.mark.slow, pytest.mark.once]

FULL = "database or disk is full"
HOUR = 3_600.0


@dataclass
class _Message:
    body: str
    receipt: str = ""
    hidden_until: float = 0.0
    received: int = 0


class Queue:
    """A queue that shows a message again when its time is over, by the clock of the test.

    As in SQS, only the latest receipt of a message hides or deletes it.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self.messages: dict[str, _Message] = {}
        self.may_hide = True
        self.looks = 0
        """How often it was asked for messages."""
        self._changed = threading.Condition()

    def send(self, *keys: str) -> None:
        with self._changed:
            for key in keys:
                record = {"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": "real"}, "object": {"key": key}}}
                self.messages[key] = _Message(json.dumps({"Records": [record]}))
            self._changed.notify_all()

    def pass_by(self, seconds: float) -> None:
        with self._changed:
            self.now += seconds
            self._changed.notify_all()

    def clock(self) -> float:
        return self.now

    def receive(self, hidden: int) -> Sequence[Received]:
        with self._changed:
            self.looks += 1
            self._changed.wait_for(self._visible, 0.02)
            found = self._visible()
            for name in found:
                message = self.messages[name]
                message.received += 1
                message.receipt, message.hidden_until = f"{name} {message.received}", self.now + hidden
            return [
                Received(name, self.messages[name].receipt, {"messageId": name, "body": self.messages[name].body})
                for name in found
            ]

    def _visible(self) -> list[str]:
        return [name for name, message in self.messages.items() if message.hidden_until <= self.now][:10]

    def hide(self, receipts: Sequence[str], seconds: int) -> None:
        with self._changed:
            for message in self.messages.values():
                if message.receipt in receipts and self.may_hide:
                    message.hidden_until = self.now + seconds

    def delete(self, receipts: Sequence[str]) -> None:
        with self._changed:
            self.messages = {name: each for name, each in self.messages.items() if each.receipt not in receipts}

    def has_redrive_policy(self) -> bool:
        return False


class Full:
    """A connection to SQLite whose disk is full when the test says so: it writes nothing then."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.is_full = False
        self.refusals = 0

    @property
    def in_transaction(self) -> bool:
        return self._connection.in_transaction

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> sqlite3.Cursor:
        # A transaction may begin, and what it has changed in memory fails when it is written: as SQLite does it.
        if self.is_full and statement.startswith(("COMMIT", "INSERT", "UPDATE", "DELETE", "REPLACE")):
            self.refusals += 1
            raise sqlite3.OperationalError(FULL)
        return self._connection.execute(statement, parameters)

    def rollback(self) -> None:
        self._connection.rollback()

    def close(self) -> None:
        self._connection.close()


class Scene:
    """A project whose bucket `my-logs` is in S3, and its state on a disk that can be full."""

    def __init__(self, root: Path, server: Server, **bucket: Any) -> None:
        self.project, self.queue = Project(root), Queue()
        self.client = server.client("s3")
        self.client.create_bucket(Bucket="real")
        self.bucket = S3Bucket(s3="real", endpoint_url=server.url, region="us-east-1", **bucket)
        embedded = Embedded(path="state", buckets={"my-logs": self.bucket})
        self.project.configure(backend=BackendConfig(embedded=embedded))
        self.state = self.project.state()
        self.disk = Full(self.state._connection)
        self.state._connection = self.disk  # type: ignore[assignment]

    @classmethod
    def with_queue(cls, root: Path, server: Server) -> Scene:
        """A scene whose queue announces objects, and no listing."""
        return cls(root, server, poll=0, sqs="https://sqs/q")

    def put(self, key: str, *records: str) -> None:
        self.client.put_object(Bucket="real", Key=key, Body="".join(f"{each}\n" for each in records).encode())

    def queued(self, config: Config, state: MachineState) -> list[Source]:
        """The sources of a service whose queue is that of the test."""
        names = Names({"my-logs": self.bucket})
        source = QueueSource("https://sqs/q", names, lambda: self.queue, lambda: None, clock=self.queue.clock)
        return [source]

    def serve(
        self,
        script: Callable[[Scripted], Script],
        make_sources: Callable[[Config, MachineState], Sequence[Source]] | None = None,
    ) -> Scripted:
        return serve(self.project, script, workers=1, make_sources=make_sources or self.queued, state=self.state)

    def begin(self) -> Script:
        """Announce the object `a`, which is at work until `go`, and wait for its handler."""
        self.put("a", "wait go")
        self.queue.send("a")
        yield lambda: self.project.lines("begun")

    def go(self) -> None:
        """Let the handler of `a` end."""
        (self.project.root / "go").touch()

    def worker(self) -> int:
        """The process of the only run so far."""
        (worker,) = map(int, self.project.lines("begun"))
        return worker

    def end(self, *keys: str) -> Script:
        """Wait until just these objects are concluded, and their messages deleted."""
        yield lambda: self.concluded() == list(keys)
        yield lambda: not self.queue.messages

    def done(self) -> list[str]:
        """The keys of runs whose handler has ended."""
        return [line.split("\t")[0] for line in self.project.lines("done")]

    def concluded(self) -> list[str]:
        """The keys that the state says are done."""
        return sorted(each.key for each in self.state.ledger.scan() if each.status == "done")


def test_nothing_is_concluded_while_the_disk_is_full_and_the_run_is_not_repeated_when_there_is_space(
    tmp_path: Path, server: Server
) -> None:
    scene = Scene.with_queue(tmp_path, server)

    def script(shown: Scripted) -> Script:
        yield from scene.begin()
        scene.disk.is_full = True
        scene.go()
        # What a service writes about itself may be refused first, while the handler is still at work.
        yield lambda: scene.done() and any(FULL in text for text in shown.words("troubled"))
        assert (scene.done(), scene.concluded(), list(scene.queue.messages)) == (["a"], [], ["a"])
        before = scene.disk.refusals
        yield lambda: scene.disk.refusals > before + 2
        assert (scene.concluded(), list(scene.queue.messages)) == ([], ["a"])
        scene.disk.is_full = False
        yield from scene.end("a")

    shown = scene.serve(script)
    assert scene.done() == ["a"], "the conclusion waits in memory: nothing runs twice"
    assert shown.words("mended") == ["state"]


def test_what_a_queue_announces_while_the_disk_is_full_stays_in_the_queue(tmp_path: Path, server: Server) -> None:
    scene = Scene.with_queue(tmp_path, server)
    for key in ("a", "b"):
        scene.put(key, "x")

    def script(shown: Scripted) -> Script:
        yield lambda: scene.queue.looks
        scene.disk.is_full = True
        scene.queue.send("a", "b")
        yield lambda: any(FULL in text for text in shown.words("troubled"))
        yield lambda: scene.disk.refusals > 3
        assert (scene.state.stream.waiting()[0], sorted(scene.queue.messages)) == (0, ["a", "b"])
        scene.disk.is_full = False
        yield from scene.end("a", "b")

    scene.serve(script)
    assert sorted(scene.done()) == ["a", "b"]


def test_a_listing_goes_no_further_than_what_was_written_while_the_disk_is_full(tmp_path: Path, server: Server) -> None:
    scene = Scene(tmp_path, server, poll=1)
    for key in ("a", "b"):
        scene.put(key, "x")

    def script(shown: Scripted) -> Script:
        yield lambda: any(FULL in text for text in shown.words("troubled"))
        assert scene.state.checkpoint("listing my-logs") is None
        assert scene.state.stream.waiting()[0] == 0
        scene.disk.is_full = False
        yield lambda: scene.concluded() == ["a", "b"]
        yield lambda: "complete" in (scene.state.checkpoint("listing my-logs") or "")

    def sources(config: Config, state: MachineState) -> Sequence[Source]:
        scene.disk.is_full = True  # from before the first page
        return sources_of(config, state)

    scene.serve(script, sources)
    assert sorted(scene.done()) == ["a", "b"]


@pytest.mark.parametrize("may_hide", [True, False])
def test_the_message_of_a_worker_that_stands_still_is_kept_and_deleted_when_its_object_is_done(
    tmp_path: Path, server: Server, may_hide: bool
) -> None:
    """For longer than SQS hides it; also if SQS lets none be hidden for longer, so that it comes again and again."""
    scene = Scene.with_queue(tmp_path, server)
    scene.queue.may_hide = may_hide

    def script(shown: Scripted) -> Script:
        yield from scene.begin()
        worker = scene.worker()
        os.kill(worker, signal.SIGSTOP)
        scene.go()
        for _ in range(6):
            hidden_until = scene.queue.messages["a"].hidden_until
            # Not so far that it comes back before it could be hidden again, as no real clock jumps.
            scene.queue.pass_by(FIRST_SECONDS / 3 if may_hide else FIRST_SECONDS)
            yield lambda before=hidden_until: scene.queue.messages["a"].hidden_until > before  # type: ignore[misc]
            if may_hide:
                scene.queue.pass_by(FURTHER_SECONDS / 3 - FIRST_SECONDS / 3)
        assert scene.queue.messages["a"].received == (1 if may_hide else 7)
        assert (scene.done(), scene.concluded()) == ([], [])
        os.kill(worker, signal.SIGCONT)
        yield from scene.end("a")

    scene.serve(script)
    assert scene.done() == ["a"]


def test_a_worker_that_is_killed_while_it_stands_still_costs_an_attempt_and_no_message(
    tmp_path: Path, server: Server
) -> None:
    scene = Scene.with_queue(tmp_path, server)
    scene.queue.may_hide = False

    def script(shown: Scripted) -> Script:
        yield from scene.begin()
        worker = scene.worker()
        os.kill(worker, signal.SIGSTOP)
        scene.queue.pass_by(FIRST_SECONDS)
        yield lambda: scene.queue.messages["a"].received == 2
        os.kill(worker, signal.SIGKILL)
        yield lambda: len(scene.project.lines("begun")) == 2
        assert (scene.concluded(), list(scene.queue.messages)) == ([], ["a"])
        scene.go()
        yield from scene.end("a")

    scene.serve(script)
    assert (scene.done(), len(scene.project.lines("begun"))) == (["a"], 2)


def test_what_another_service_did_while_this_one_stood_still_is_done_twice_at_most(
    tmp_path: Path, server: Server
) -> None:
    """The message is another's meanwhile: this service neither hides nor deletes it by its old receipt."""
    scene = Scene.with_queue(tmp_path, server)

    def script(shown: Scripted) -> Script:
        yield from scene.begin()
        scene.queue.may_hide = False  # as if nobody turned here
        other = scene.queue.messages["a"]
        other.receipt, other.received, other.hidden_until = "of another service", 2, float("inf")
        scene.go()
        yield lambda: scene.concluded() == ["a"]
        looks = scene.queue.looks
        yield lambda: scene.queue.looks > looks + 100
        assert list(scene.queue.messages) == ["a"], "the other one has it"
        scene.queue.may_hide, other.hidden_until = True, 0.0  # which gives it back
        yield lambda: not scene.queue.messages

    scene.serve(script)
    assert scene.done() == ["a"]
