"""`slips init --from`: a project made of logs."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from inferred import sample
from projects import Project
from siege_in_s3 import Server
from slips.testing import run

pytest_plugins = ["moto_server"]
pytestmark = pytest.mark.once
LETTER = b"Dear all,\nsee you at noon.\n"


def made_from(project: Project, log: str, *options: str) -> Path:
    """The folder of a project made from a log, whose config is right."""
    made = project.root / "made"
    done = project.slips("init", str(made), "--from", log, *options)
    assert done.status == 0, done.err
    checked = project.slips("-c", str(made / "slips.yml"), "check")
    assert checked.status == 0, checked.err
    return made


def folder_of(project: Project, logs: Mapping[str, bytes]) -> Path:
    folder = project.root / "apps"
    for key, body in logs.items():
        (folder / key).parent.mkdir(parents=True, exist_ok=True)
        (folder / key).write_bytes(body)
    return folder


@pytest.mark.slow
def test_a_project_made_from_a_log_checks_and_reads_it(project: Project) -> None:
    log = project.put("unknown.log", sample("alb"))
    made = made_from(project, str(log))
    assert (made / "buckets" / "my-logs" / "logs" / "unknown.log").read_bytes() == log.read_bytes()
    seen = run(config=made / "slips.yml", key="logs/unknown.log")
    assert sum(seen.result.values()) == len(seen.events) > 0


@pytest.mark.slow
def test_a_project_made_from_a_directory_reads_a_log_of_each_kind_of_it(project: Project) -> None:
    logs = {
        "web/a.log.gz": gzip.compress(sample("alb")),
        "web/b.log.gz": gzip.compress(sample("alb")),
        "audit/1.log": sample("auditd"),
        "mixed/okta system.json": sample("okta"),
        "mixed/letter.txt": LETTER,
    }
    made = made_from(project, str(folder_of(project, logs)))
    mappings = yaml.safe_load((made / "slips.yml").read_text())["bucket_mapping"]["my-logs"]
    assert {(each.get("prefix") or each["pattern"], each["format"]) for each in mappings} == {
        ("web/", "alb"),
        ("audit/", "auditd"),
        ("mixed/okta system.json", "okta"),
    }
    copied = {str(path.relative_to(made / "buckets/my-logs")): path for path in (made / "buckets").rglob("*.*")}
    copied = {key: path for key, path in copied.items() if path.is_file()}
    assert len(copied) == 3
    assert "mixed/letter.txt" not in copied
    for key, path in copied.items():
        assert path.read_bytes() == logs[key]
        seen = run(config=made / "slips.yml", key=key)
        assert sum(seen.result.values()) == len(seen.events) > 0
        assert f'    "{key}",\n' in (made / "tests/test_handler.py").read_text()


@pytest.mark.slow
def test_a_project_made_from_numbered_logs_beside_others_checks_without_a_warning(project: Project) -> None:
    logs = {f"web-{number}.log": sample("alb") for number in (1, 2)} | {"app.json": sample("okta")}
    made = made_from(project, str(folder_of(project, logs)))
    done = project.slips("-c", str(made / "slips.yml"), "check")
    assert (done.status, done.err) == (0, "")
    assert "become error items" not in done.out


@pytest.mark.slow
def test_a_project_made_from_a_prefix_in_s3_has_the_bucket_of_that_name(project: Project, server: Server) -> None:
    client = server.client("s3")
    client.create_bucket(Bucket="apart")
    client.put_object(Bucket="apart", Key="in/alb/1.log", Body=sample("alb"))
    client.put_object(Bucket="apart", Key="in/alb/../up.log", Body=sample("okta"))
    client.put_object(Bucket="apart", Key="one.log", Body=sample("okta"))
    made = made_from(project, "s3://apart/in/", "--endpoint-url", server.url)
    assert (made / "buckets/apart/in/alb/1.log").read_bytes() == sample("alb")
    assert not list(made.rglob("up.log"))
    one = project.root / "one"
    assert project.slips("init", str(one), "--from", "s3://apart/one.log", "--endpoint-url", server.url).status == 0
    assert (one / "buckets/my-logs/logs/one.log").read_bytes() == sample("okta")


@pytest.mark.parametrize(
    ("logs", "reason"),
    [
        ({"letter.txt": LETTER}, ": no format fits any of its files, such as letter.txt; expected a folder with logs "),
        ({"blank.log": b"\n\n"}, ": all its files are blank; expected a folder with logs"),
        ({"empty.log": b""}, ": no file that has bytes; expected a folder with logs"),
    ],
)
def test_a_project_is_made_of_no_directory_that_has_no_log(
    project: Project, logs: Mapping[str, bytes], reason: str
) -> None:
    folder = folder_of(project, logs)
    done = project.slips("init", str(project.root / "made"), "--from", str(folder))
    assert (done.status, (project.root / "made").exists()) == (2, False)
    assert f"--from {folder}{reason}" in done.err


def test_a_project_is_made_of_no_log_that_no_format_fits(project: Project) -> None:
    log = project.put("letter", LETTER)
    done = project.slips("init", str(project.root / "made"), "--from", str(log))
    assert (done.status, (project.root / "made").exists()) == (2, False)
    assert f"--from {log}: no format; nearest: " in done.err
    assert project.slips("init", "made", "--aws", "--from", str(log)).status == 2


def test_a_project_is_made_of_no_log_that_is_not_there(project: Project) -> None:
    done = project.slips("init", "made", "--from", "nowhere")
    assert (done.status, "--from nowhere: No such file or directory; expected a log file that" in done.err) == (2, True)
