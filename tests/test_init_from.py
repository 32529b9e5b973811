"""`slips init --from`: a project made of a log."""

from __future__ import annotations

import pytest

from inferred import sample
from projects import Project
from slips.testing import run

pytestmark = pytest.mark.once


@pytest.mark.slow
def test_a_project_made_from_a_log_checks_and_reads_it(project: Project) -> None:
    log = project.put("unknown.log", sample("alb"))
    made = project.root / "made"
    done = project.slips("init", str(made), "--from", str(log))
    assert f"{log}: alb, which parses " in done.out
    assert (made / "buckets" / "my-logs" / "logs" / "unknown.log").read_bytes() == log.read_bytes()
    assert project.slips("-c", str(made / "slips.yml"), "check").status == 0
    seen = run(config=made / "slips.yml", key="logs/unknown.log")
    assert sum(seen.result.values()) == len(seen.events) > 0


def test_a_project_is_made_of_no_log_that_no_format_fits(project: Project) -> None:
    log = project.put("letter", b"Dear all,\nsee you at noon.\n")
    done = project.slips("init", str(project.root / "made"), "--from", str(log))
    assert (done.status, (project.root / "made").exists()) == (2, False)
    assert "no format; nearest: " in done.err
    assert project.slips("init", "made", "--aws", "--from", str(log)).status == 2
