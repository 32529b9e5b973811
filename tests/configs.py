"""Texts of configs through the checks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from textwrap import dedent
from typing import Any

from slips.config import Config
from slips.config.check import check as check_config
from slips.config.problems import Problem
from slips.step import Step

SMALL = """\
stack_name: sample
backend: {sns_topics: []}
handler: {path: handler.py}
bucket_mapping: {my-logs: [{prefix: a/, format: [s3-lines, json]}]}
"""
"""A right config in four lines: tests append what is wrong from line 5 on."""


def no_chain_problems(_steps: Sequence[Step], _root: Path) -> list[str]:
    return []


def check(text: str, **more: Any) -> tuple[Config | None, list[Problem]]:
    return check_config(text, "slips.yml", **{"check_chain": no_chain_problems, "files": False, **more})


def errors(text: str) -> list[str]:
    """The errors in `text`, without the name of the file: "14: what is wrong"."""
    return _lines(check(text)[1], "error")


def _lines(problems: list[Problem], level: str) -> list[str]:
    return [str(one).removeprefix("slips.yml:") for one in problems if one.level == level]


def right(text: str) -> Config:
    found, problems = check(text)
    assert found is not None, problems
    return found


def handler(lines: str) -> str:
    """A config whose `handler` has `lines` more, from line 4 on."""
    return f"stack_name: a\nhandler:\n  path: handler.py\n{_indent(lines, 2)}\nbackend: {{sns_topics: []}}\n" + (
        "bucket_mapping: {b: [{prefix: a, format: json}]}\n"
    )


def mapping(lines: str) -> str:
    """A config whose bucket `b` has the mappings `lines`, from line 6 on."""
    return "stack_name: a\nbackend: {sns_topics: []}\nhandler: {path: h.py}\nbucket_mapping:\n  b:\n" + (
        _indent(lines, 4) + "\n"
    )


def _indent(lines: str, by: int) -> str:
    return "\n".join(" " * by + line for line in dedent(lines).strip("\n").splitlines())
