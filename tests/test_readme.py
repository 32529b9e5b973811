"""Every block of the README is tried: files are written as shown, commands print what is shown."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from documents import BLOCK, ROOT, commands, pattern
from slips import project
from slips.config.check import check
from slips.model import ObjectEvent
from slips.routing import lane_for
from slips.testing import run

pytestmark = pytest.mark.once

ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def blocks(page: str = "README.md") -> list[tuple[str, str, str]]:
    """Language, file name and text of each block, in order."""
    return [(m[1], m[2] or "", m[3]) for m in BLOCK.finditer((ROOT / page).read_text(encoding="utf-8"))]


def test_every_block_is_of_a_kind_that_is_tried() -> None:
    assert blocks()
    for language, file, text in blocks():
        assert (language in ("yaml", "python", "text") and file) or language == "console", text


def test_the_two_commands_are_targets_that_ci_runs() -> None:
    makes = {line[2:] for _, _, text in blocks() for line in text.splitlines() if line.startswith("$ make ")}
    assert makes == {"make demo", "make test"}
    ci = (ROOT / ".ci" / "run").read_text()
    assert all(make in ci for make in makes)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """An empty directory in which the README is followed."""
    return tmp_path


def follow(found: list[tuple[str, str, str]], place: Path) -> None:
    """Writes the files of the blocks, and looks whether the commands print what is shown."""
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "COLUMNS": "120",
        "NO_COLOR": "1",
    }
    known_ids: dict[str, str] = {}
    for language, file, text in found:
        if "init my-trail --aws" in text:
            continue  # `test_new_user.py` follows it, on a stand-in of AWS
        if language == "console":
            for command, shown in commands(text):
                if command.startswith(("make ", "git ", "pip ")):
                    continue
                for shown_id, real in known_ids.items():
                    command = command.replace(shown_id, real)  # noqa: PLW2901
                done = subprocess.run(
                    command, shell=True, cwd=place, env=environment, capture_output=True, text=True, timeout=300
                )
                printed = done.stdout + done.stderr
                assert re.fullmatch(pattern(shown), printed), f"$ {command}\n{printed}\n--- README shows\n{shown}"
                known_ids |= dict(zip(ID.findall(shown), ID.findall(printed), strict=False))
        else:
            path = place / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")


@pytest.mark.slow
def test_following_the_readme_gives_what_it_shows(place: Path) -> None:
    follow(blocks(), place)


@pytest.mark.slow
def test_the_project_with_a_handler_for_each_kind_of_log_does_what_its_page_shows(place: Path) -> None:
    follow([one for one in blocks("docs/handler.md") if one[1] or one[0] == "console"], place)


@pytest.mark.slow
def test_the_test_that_the_readme_shows_passes(place: Path) -> None:
    for language, file, text in blocks():
        if language != "console":
            (place / file).parent.mkdir(parents=True, exist_ok=True)
            (place / file).write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


def shown_with(words: str) -> str:
    """The only Python block of docs/handler.md without a file name that has these words."""
    shown = [text for language, file, text in blocks("docs/handler.md") if language == "python" and not file]
    (found,) = [text for text in shown if words in text]
    return found


def test_the_handler_of_typed_events_that_the_documentation_shows_works(place: Path) -> None:
    (shown,) = [text for _, file, text in blocks("docs/handler.md") if file == "typed/handler.py"]
    (place / "typed.py").write_text(shown)
    common = {"ipAddress": "::1", "userPrincipalName": "akiko", "createdDateTime": "2026-11-23T08:00:00Z", "id": "1"}
    seen = run(
        place / "typed.py",
        "azure-ad-event",
        [common | {"riskLevelDuringSignIn": "high"}, common, {**common, "ipAddress": 1}],
    )
    assert (seen.result, seen.delivered, seen.quarantined) == (["akiko"], 2, 1)


def test_the_handler_of_batches_that_the_documentation_shows_works(place: Path) -> None:
    (place / "keep.py").write_text(shown_with("def recv_batch"))
    log = [{"n": number} for number in range(1_500)]
    assert run(place / "keep.py", "json", log, args={"db": str(place / "kept.db")}).delivered == 1_500
    with sqlite3.connect(place / "kept.db") as db:
        kept = [json.loads(event) for (event,) in db.execute("SELECT event FROM events ORDER BY rowid")]
    assert kept == log


def test_the_format_that_the_documentation_shows_works(place: Path) -> None:
    (place / "doors.py").write_text(shown_with("@parser("))
    log = b"main;2026-11-23T08:00:00Z;akiko\nmain;2026-11-23T08:01:00Z;drill\n"
    seen = run(None, ["s3-lines", f"{place / 'doors.py'}:doors"], log)
    assert seen.events == [{"door": "main", "person": "akiko"}]
    assert (seen.metas[0].tag, seen.metas[0].timestamp) == ("doors.opened", 1795420800.0)
    assert seen.filtered == {"drill": 1}


def test_the_config_for_a_trail_with_digests_and_flow_logs_takes_each_as_what_it_is() -> None:
    page = (ROOT / "docs" / "aws.md").read_text("utf-8")
    (shown,) = [m[3] for m in BLOCK.finditer(page) if m[1] == "yaml" and "CloudTrail-Digest/" in m[3]]
    source = "backend: {s3_direct: true}"
    found, problems = check(f"stack_name: a\n{source}\nhandler: {{path: h.py}}\n{shown}", files=False)
    assert problems == []
    assert found is not None
    digest = "AWSLogs/123456789012/CloudTrail-Digest/us-east-1/1.json.gz"
    assert lane_for(found.routing, ObjectEvent(bucket_name="my-trail", object_key=digest)) == "drop"
    trail, flows = found.bucket_mapping["my-trail"]
    assert run(None, trail.format, b'{"Records": [{"eventName": "ConsoleLogin"}]}').events
    # https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-records-examples.html
    seen = run(None, flows.format, b"version srcaddr dstport action\n2 172.31.16.139 22 ACCEPT\n2 - - -\n")
    assert seen.events == [
        {"version": 2, "srcaddr": "172.31.16.139", "dstport": 22, "action": "ACCEPT"},
        {"version": 2, "srcaddr": None, "dstport": None, "action": None},
    ]


def test_the_config_that_init_writes_for_aws_says_how_to_leave_digests_out() -> None:
    written = project.files(project.Aws("a", "code", "logs"))["slips.yml"]
    assert "AWSLogs/ACCOUNT/CloudTrail/" in written


def test_slips_is_installed_in_a_virtual_environment() -> None:
    # Pythons of Debian and Homebrew refuse 'pip install' elsewhere: https://peps.python.org/pep-0668/
    (block,) = [text for _, _, text in blocks() if "pip install" in text]
    assert block.startswith("$ python3 -m venv .venv && . .venv/bin/activate\n$ pip install .\n")
