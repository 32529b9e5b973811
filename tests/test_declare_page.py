"""Every block of docs/declare.md is tried: declarations are written as shown, commands print what is shown."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from documents import BLOCK, ROOT, commands, pattern
from slips import parsing
from slips.config.check import check
from slips.parsing.declare.declaration import Declaration

pytestmark = pytest.mark.once

GUARD = 300
PAGE = (ROOT / "docs" / "declare.md").read_text("utf-8")
BLOCKS = [(found[1], found[2] or "", found[3]) for found in BLOCK.finditer(PAGE)]


def test_every_block_is_of_a_kind_that_is_tried() -> None:
    kinds = [(language, bool(file)) for language, file, _ in BLOCKS]
    assert len(kinds) == PAGE.count("\n```") / 2
    assert {*kinds} == {("python", True), ("text", True), ("console", False), ("yaml", False)}
    assert kinds.count(("yaml", False)) == 1


@pytest.mark.slow
def test_following_the_page_gives_what_it_shows(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "NO_COLOR": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTEST_ADDOPTS": "",
    }
    for language, file, text in BLOCKS:
        if file:
            (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / file).write_text(text, "utf-8")
        for command, shown in commands(text) if language == "console" else []:
            done = subprocess.run(
                command,
                shell=True,
                cwd=tmp_path,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=GUARD,
            )
            if "pytest" in command:
                assert re.search(r"^1 passed", done.stdout, re.MULTILINE), done.stdout
            else:
                assert re.fullmatch(pattern(shown), done.stdout), f"$ {command}\n{done.stdout}\n--- shown\n{shown}"


def test_the_config_of_the_page_passes_the_checks(tmp_path: Path) -> None:
    (shown,) = [text for language, _, text in BLOCKS if language == "yaml"]
    (tmp_path / "formats/acme").mkdir(parents=True)
    (tmp_path / "formats/acme/door.py").write_text("from slips.parsing import Json\nDOOR = Json('door', 's')\n")
    config = f"stack_name: a\nbackend: {{s3_direct: true}}\nhandler: {{path: h.py}}\n{shown}"
    found, problems = check(config, str(tmp_path / "slips.yml"), files=False)
    assert problems == []
    assert found is not None


def test_the_page_names_every_family_and_every_notation_of_times() -> None:
    families = [name for name in parsing.__all__ if _is_family(name)]
    notations = [name for name in parsing.__all__ if name.islower()]
    assert [name for name in (*families, *notations) if f"`{name}" not in PAGE] == []


def _is_family(name: str) -> bool:
    value = getattr(parsing, name)
    return isinstance(value, type) and issubclass(value, Declaration) and value is not Declaration
