"""What tests share: where real logs lie, if they do, and small projects on the embedded backend."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LOGS = ROOT.parent / "shared" / "logs"


@pytest.fixture(scope="session")
def logs() -> Path:
    """Real log samples, which the project does not carry."""
    if not LOGS.is_dir():
        pytest.skip("no real logs beside the project")
    return LOGS
