"""With default limits no input, result or output takes `slips run` and two workers over 400 MB.

The faults that these tests saw took from 480 MB to 1.8 GB. `make bench` has many more, and what each takes.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress

import psutil
import pytest

from projects import Project
from slips.config.schema import Limits

pytestmark = pytest.mark.slow

MOST = 400_000_000
SIZE = Limits().record_bytes - 1_000
CONFIG = """\
stack_name: memory
handler: {path: handler.py}
backend: {embedded: {path: state, buckets: {my-logs: logs}}}
bucket_mapping: {my-logs: [{prefix: '', format: FORMAT}]}
"""
HANDLER = """\
import logging
import slips.interface


class Handles(slips.interface.Handler):
    def recv(self, meta, event):
        pass

    def result(self):
        RESULT
"""
STAMP = b"Nov 21 06:00:24 h p: "
TRAFFIC = b"1,2018/11/30 16:09:07,1,TRAFFIC,end,1,2018/11/30 16:09:07"
FACE = "\U0001f600".encode()


def peak_of(project: Project) -> int:
    """Most resident bytes of a run's processes together, as far as looks in between tell."""
    command = [sys.executable, "-m", "slips", "run", "--workers", "2"]
    with subprocess.Popen(
        command, cwd=project.root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL
    ) as process:
        tree, peak = psutil.Process(process.pid), 0
        while process.poll() is None:
            with suppress(psutil.NoSuchProcess):
                peak = max(peak, sum(each.memory_info().rss for each in [tree, *tree.children(recursive=True)]))
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.01)
    assert process.returncode in (0, 1)
    return peak


@pytest.mark.parametrize(
    ("chain", "make"),
    [
        ("[s3-lines, json]", lambda: b"[" + b"{}," * 300_000 + b"{" + b" " * (SIZE - 1_000_000) + b"}]"),
        ("[s3-lines, json]", lambda: b'{"a":[' + b"{}," * (SIZE // 3) + b"{}]}"),
        ("paloalto", lambda: TRAFFIC + b"," * (SIZE - 100)),
        ("syslog", lambda: STAMP + b"x" * (SIZE - 100) + FACE),
        ("[s3-lines, json, syslog]", lambda: b'{"message":"%s%s%s"}' % (STAMP, b"x" * (SIZE - 200), FACE)),
        ("leef", lambda: b"LEEF:1.0|a|b|1|c|" + b"\t" * (SIZE - 100)),
        ("csv", lambda: b'a,b\n"' + b"a,b\n" * (SIZE // 4 - 10)),
    ],
    ids=["array", "object", "commas", "wide text", "wide text in JSON", "tabs", "quote without end"],
)
def test_no_record_expands_beyond_the_bound(project: Project, chain: str, make: Callable[[], bytes]) -> None:
    content = make()  # here, as a parameter would stay in the memory of all workers until their end
    project.config(CONFIG.replace("FORMAT", chain))
    project.handler(HANDLER.replace("RESULT", "pass"))
    project.put("a", content)
    project.put("b", content)
    assert peak_of(project) < MOST


@pytest.mark.parametrize(
    ("code", "objects"),
    [
        ("return 'x' * 10_000_000", 40),
        ("return [{}] * 340_000", 6),
        ("logging.warning('x' * 30_000_000)", 2),
    ],
    ids=["long results", "results of many values", "long log lines"],
)
def test_nothing_that_handlers_return_or_log_is_kept_beyond_the_bound(
    project: Project, code: str, objects: int
) -> None:
    project.config(CONFIG.replace("FORMAT", "[s3-lines, json]"))
    project.handler(HANDLER.replace("RESULT", code))
    for number in range(objects):
        project.put(str(number), {"n": number})
    assert peak_of(project) < MOST


def test_records_quarantined_by_a_limit_are_delivered_by_a_drain_after_it_is_raised(project: Project) -> None:
    config = CONFIG.replace("FORMAT", "[s3-lines, json]")
    project.config(f"{config}limits: {{record_values: 10, record_depth: 3}}\n")
    project.handler(HANDLER.replace("RESULT", "pass"))
    project.put("a", {"n": 1}, {"many": list(range(10))}, {"deep": {"b": {"c": {}}}}, {"n": 4})
    first = project.slips("run", "--json").json
    assert (first["delivered"], first["quarantined"]) == (2, 2)
    assert "raise 'limits.record_values' to take it" in project.slips("errors").out
    project.config(f"{config}limits: {{record_values: 11, record_depth: 4}}\n")
    assert project.slips("drain", "--json").json["drained"] == 1
    second = project.slips("run", "--json").json
    assert (second["records"], second["delivered"], second["quarantined"]) == (2, 2, 0)
    assert project.slips("errors", "--json").json == []
