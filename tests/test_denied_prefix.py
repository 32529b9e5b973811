"""A bucket in S3 of which one prefix is denied: each command tells it, does the others, and claims nothing of it."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from projects import Project
from siege_in_s3 import SECRETS, Server

pytestmark = [pytest.mark.slow, pytest.mark.once]

GUARD = 300.0
CONFIG = """\
stack_name: test
backend:
  embedded:
    path: state
    buckets:
      my-logs: {{s3: real-logs, prefix: [a/, b/, c/], endpoint_url: '{url}', region: us-east-1, poll: 1s}}
handler: {{path: handler.py}}
bucket_mapping:
  my-logs: [{{prefix: a/, format: json}}, {{prefix: b/, format: json}}, {{prefix: c/, format: json}}]
"""
HANDLER = """\
import slips.interface

class Nothing(slips.interface.Handler):
    def recv(self, meta, event):
        pass
"""
DENIED = (
    "s3://my-logs/b/: S3 answers AccessDenied: Refused by a test.; expected the right to list these keys; give this "
    "user or role 's3:ListBucket' on the bucket, for this prefix, or leave the prefix out"
)


class Scene:
    """A project whose bucket is on a server that denies the listing of `b/`."""

    def __init__(self, project: Project, server: Server) -> None:
        self.project, self.server = project, server
        self.client: Any = server.client("s3")
        self.client.create_bucket(Bucket="real-logs")
        project.config(CONFIG.format(url=server.url))
        project.handler(HANDLER)
        for key in ("a/1", "b/1", "c/1"):
            self.put(key)
        server.refused["prefix=b"] = ("403 Forbidden", "AccessDenied")

    def put(self, key: str) -> None:
        self.client.put_object(Bucket="real-logs", Key=key, Body=b'{"n": 1}\n')

    def counts(self, what: str) -> dict[str, int]:
        """The objects by mapping that an audit finds in a state."""
        found = self.project.slips("audit", "--json").json
        return {each["prefix"]: each[what] for each in found["mappings"]}


@pytest.fixture
def scene(project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    with Server() as server:
        yield Scene(project, server)


def test_run_does_the_other_prefixes_tells_the_denied_one_and_ends_with_1(scene: Scene) -> None:
    done = scene.project.slips("run")
    assert (done.status, "objects  2\n" in done.out) == (1, True), done
    assert done.err.count(DENIED) == 1
    scene.server.refused.clear()
    assert scene.project.slips("run", "--json").json["objects"] == 1


def test_an_audit_says_of_which_prefix_it_has_no_objects(scene: Scene) -> None:
    scene.project.slips("run")
    done = scene.project.slips("audit", "--report", str(scene.project.root / "report.html"))
    assert done.status == 1
    assert f"{DENIED}; the audit has none of its other objects" in done.err
    rows = [line.split() for line in done.out.splitlines() if line.startswith(("my-logs/", "all"))]
    assert [(row[0], "(not all listed)" in " ".join(row)) for row in rows] == [
        ("my-logs/a/", False),
        ("my-logs/b/", True),
        ("my-logs/c/", False),
        ("all", True),
    ]
    report = (scene.project.root / "report.html").read_text()
    assert "my-logs/b/ (not all listed)" in report
    found = scene.project.slips("audit", "--json").json
    assert {each["prefix"]: each["is_whole"] for each in found["mappings"]} == {"a/": True, "b/": False, "c/": True}
    assert found["total"]["is_whole"] is False
    repaired = scene.project.slips("audit", "--repair", "-y")
    assert (repaired.status, "nothing to repair" in repaired.err) == (1, True)
    last = scene.project.slips("audit", "--last")
    assert (last.status, "my-logs/b/ (not all listed)" in last.out) == (1, True)


def test_push_puts_the_other_prefixes_and_the_denied_one_later(scene: Scene) -> None:
    command = ("push", "s3://my-logs/", "--json")
    done = scene.project.slips(*command)
    assert (done.status, done.json["objects"]) == (1, 2)
    assert done.json["problems"] == [f"{DENIED}; none of its other objects are put; the same command puts them later"]
    scene.server.refused.clear()
    done = scene.project.slips(*command)
    assert (done.status, done.json["objects"], done.json["problems"]) == (0, 1, [])


def test_push_of_nothing_but_the_denied_prefix_does_not_say_that_it_is_empty(scene: Scene) -> None:
    done = scene.project.slips("push", "s3://my-logs/b/")
    assert (done.status, done.out) == (1, "nothing to put\n")
    assert "no object there" not in done.err
    assert DENIED in done.err


def test_up_does_the_other_prefixes_shows_the_denied_one_and_does_it_when_it_may(scene: Scene) -> None:
    process = scene.project.start("up", "--workers", "1", "--log-format", "json")
    lines: list[dict[str, Any]] = []
    reading = threading.Thread(target=lambda: lines.extend(map(json.loads, process.stderr or ())), daemon=True)
    reading.start()
    try:
        until(lambda: scene.counts("done") == {"a/": 1, "b/": 0, "c/": 1})
        scene.put("c/2")
        until(lambda: scene.counts("done")["c/"] == 2)
        until(lambda: troubles(scene) == {"listing of my-logs/b/": DENIED})
        scene.server.refused.clear()
        until(lambda: scene.counts("done") == {"a/": 1, "b/": 1, "c/": 2})
        until(lambda: troubles(scene) == {})
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(GUARD) == 0
        reading.join(GUARD)
    assert [line["message"] for line in lines if line["level"] == "error"] == [
        f"listing of my-logs/b/: {DENIED}; tried again until it is mended"
    ]


def troubles(scene: Scene) -> dict[str, str]:
    service = scene.project.slips("status", "--json").json.get("service") or {}
    return dict(service.get("troubles", {}))


def until(ready: Any) -> None:
    end = time.monotonic() + GUARD
    while not ready():
        assert time.monotonic() < end
        time.sleep(0.05)
