"""`slips check` on the configs in `tests/mistakes/`, each with planned mistakes, which comments name on their lines."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from projects import HANDLER, Project

CONFIGS = sorted((Path(__file__).parent / "mistakes").glob("*.yml"))


def planned(text: str) -> list[tuple[int, str, str]]:
    """List the mistakes that comments name: line, level, and words of the message."""
    return [
        (number, *each.split(": ", 1))
        for number, line in enumerate(text.splitlines(), 1)
        if (mark := re.search(r"  # ((error|warning): .*)$", line))
        for each in mark[1].split(" | ")
    ]


def test_there_are_twenty_configs_and_each_has_a_mistake() -> None:
    assert len(CONFIGS) >= 20
    assert [file.name for file in CONFIGS if not planned(file.read_text())] == []


@pytest.mark.parametrize("file", CONFIGS, ids=[file.stem for file in CONFIGS])
def test_check_names_each_planned_mistake_with_its_line_and_no_other(project: Project, file: Path) -> None:
    (project.root / "src").mkdir()
    for name in ("handler.py", "alb.py"):
        (project.root / "src" / name).write_text(HANDLER)
    project.config(file.read_text())
    done = project.slips("check")
    assert (done.status, done.out) == (2, "")
    told = [re.fullmatch(r"slips: slips\.yml:([0-9]+): (warning: )?(.*)", line) for line in done.err.splitlines()]
    found = sorted((int(one[1]), "warning" if one[2] else "error", one[3]) for one in told if one)
    assert len(found) == len(told), done.err
    wanted = sorted(planned(file.read_text()))
    assert [each[:2] for each in found] == [each[:2] for each in wanted], done.err
    for line, level, words in wanted:
        assert any(words in message for number, of, message in found if (number, of) == (line, level)), (line, words)
    assert [message for _, _, message in found if not re.search("expected|did you mean|take it away", message)] == []
