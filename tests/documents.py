"""Blocks of the documentation: commands and what is shown of them."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```(\w+)(?: file=(\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def commands(text: str) -> list[tuple[str, str]]:
    """Commands of a console block with what follows each."""
    found: list[tuple[str, str]] = []
    for line in text.splitlines(keepends=True):
        if line.startswith("$ "):
            found.append((line[2:].strip(), ""))
        elif found:
            found[-1] = (found[-1][0], found[-1][1] + line)
    return found


def pattern(shown: str) -> str:
    """Make a pattern of a shown text: ids, times, durations and `...` stand for whatever is there."""
    text = re.escape(shown)
    text = re.sub(r"[0-9a-f]{8}(\\-[0-9a-f]{4}){3}\\-[0-9a-f]{12}", r"[0-9a-f-]{36}", text)
    text = re.sub(r"\d{4}\\-\d\d\\-\d\dT\d\d:\d\d:\d\d\\\.\d{3}Z", r"\\S{24}", text)
    text = re.sub(r"\d+\\\.\d+\\ s\b", r"[\\d.]+ s", text)
    return text.replace("\\.\\.\\.\\\n", "(?s:.*?)").replace(r"\.\.\.", ".*?")
