"""Looks into a state, and changes files, for the tests of content."""

from __future__ import annotations

import os
from pathlib import Path

from running import Project
from slips.model import ObjectEvent

EVENT = ObjectEvent(bucket_name="my-logs", object_key="a")


def rows(project: Project) -> list[tuple[str, str]]:
    """Key and status of every row of the ledger."""
    state = project.state()
    try:
        return sorted((row.key, row.status) for row in state.ledger.scan())
    finally:
        state.close()


def touched(path: Path) -> None:
    os.utime(path)
