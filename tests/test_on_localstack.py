"""`make localstack` takes minutes, and few machines have all that it needs; these rules of it hold on every machine."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import pytest

from on_localstack import environment, project, run
from slips import config


def test_a_machine_without_node_skips_with_one_line_and_status_0(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert run.main() == 0
    reason = "no Node.js with npm on PATH, which LocalStack's Kinesis and DynamoDB need"
    assert capsys.readouterr().out == f"localstack: skipped: {reason}\n"


@pytest.mark.parametrize(
    "told",
    [
        "WARNING: Retrying after connection broken by 'NewConnectionError('<pip>: Failed to establish a new connection",
        "npm error code ECONNREFUSED\nnpm error errno ECONNREFUSED",
        "npm error code ENOTFOUND",
    ],
)
def test_a_registry_that_cannot_be_reached_is_a_reason_to_skip(told: str) -> None:
    with pytest.raises(environment.Skip, match=r"^PyPI cannot be reached$"):
        environment.install("PyPI", sys.executable, "-c", f"import sys; sys.exit({told!r})")


def test_any_other_failure_of_an_installer_is_an_error() -> None:
    told = "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE."
    with pytest.raises(RuntimeError, match="HASHES"):
        environment.install("PyPI", sys.executable, "-c", f"import sys; sys.exit({told!r})")


def test_the_project_is_one_that_slips_accepts_and_can_be_mended(tmp_path: Path) -> None:
    project.write(tmp_path, "arn:aws:sns:us-east-1:000000000000:my-topic")
    project.mend(tmp_path)
    mapped = config.load(tmp_path / "slips.yml").bucket_mapping[project.LOGS]
    assert sorted(each.beginning for each in mapped) == project.PREFIXES


def test_9_of_the_50_objects_lead_to_an_error_item() -> None:
    stages = Counter(each.stage for each in project.objects())
    assert stages == {"": 41, "parse": 5, "handler": 3, "decompression": 1}
    assert len({each.key for each in project.objects()}) == 50
