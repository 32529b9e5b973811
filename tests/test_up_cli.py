"""`slips up` as other programs see it: metrics and probes over HTTP, `slips status`, and a port in use."""

from __future__ import annotations

import json
import re
import signal
import urllib.request
from contextlib import closing
from pathlib import Path
from threading import Timer

import pytest

from projects import CONFIG, Project
from running import eventually
from slips.service.endpoint import address_of, listen

pytestmark = pytest.mark.once
GUARD = 300.0


def text_of(url: str) -> str:
    with urllib.request.urlopen(url, timeout=GUARD) as answer:
        text: str = answer.read().decode()
    return text


@pytest.mark.slow
def test_a_service_shows_itself_while_it_runs(project: Project) -> None:
    project.config(CONFIG.replace("    path: state\n", "    path: state\n    settle: 0\n"))
    project.put("json/a", {"n": 1}, {"n": 2}, b"bad\n", {"n": 3})
    with project.start("up", "--metrics", "127.0.0.1:0", "--log-format", "json", "-v") as up:
        assert up.stderr is not None
        guard = Timer(GUARD, up.kill)
        guard.start()
        lines = map(json.loads, iter(up.stderr.readline, ""))
        url = next(line["url"] for line in lines if "url" in line)
        done = 'slips_objects_total{lane="fast",result="done"} 1.0\n'
        eventually(lambda: done in text_of(f"{url}metrics"), "the object was not done")
        metrics = text_of(f"{url}metrics")
        assert 'slips_records_total{result="delivered"} 3.0\n' in metrics
        assert 'slips_records_total{result="quarantined"} 1.0\n' in metrics
        assert re.search(r"^slips_workers [1-9]", metrics, re.MULTILINE)
        assert 'slips_mapping_objects_total{bucket="my-logs",mapping="json/",result="done"} 1.0\n' in metrics
        assert json.loads(text_of(f"{url}healthz"))["ok"]
        assert json.loads(text_of(f"{url}readyz")) == {"ok": True, "reasons": [], "warnings": []}
        status = project.slips("status")
        assert f"service: process {up.pid} (slips up --metrics 127.0.0.1:0" in status.out
        assert " runs since 20" in status.out
        up.send_signal(signal.SIGTERM)
        up.communicate(timeout=GUARD)
        guard.cancel()
    assert up.returncode == 0
    assert "service" not in project.slips("status").out


def test_a_port_in_use_is_refused_before_anything_starts(project: Project, tmp_path: Path) -> None:
    with closing(listen("127.0.0.1:0", "--metrics")) as taken:
        address = address_of(taken)
        done = project.slips("up", "--metrics", address)
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith(f"slips: --metrics: {address}: Address already in use; expected a free port")
    assert not (tmp_path / "state").exists()
    done = project.slips("up", "--metrics", "nowhere")
    assert (done.status, (tmp_path / "state").exists()) == (2, False)
