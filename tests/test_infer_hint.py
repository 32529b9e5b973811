"""The format that the error of a mapping names if it does not fit."""

from __future__ import annotations

from typing import Any

import pytest

import slips.inference.hint
import slips.inference.trial
from inferred import sample
from slips.errors import FormatError
from slips.inference.hint import _look
from slips.testing import run

pytestmark = pytest.mark.once


@pytest.fixture
def untold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slips.inference.hint, "_told", {})
    monkeypatch.setattr(slips.inference.hint, "_look", _look)


@pytest.mark.usefixtures("untold")
def test_the_error_of_a_wrong_mapping_names_the_format_that_the_records_seem_to_be_of() -> None:
    lines = [line for line in sample("alb").splitlines() if line.startswith(b"http")]
    log = b"".join(line + b"\n" for line in (lines * 12)[:12])
    with pytest.raises(FormatError, match=r"; it looks like 'alb', for which 'slips infer' says the chain$"):
        run(None, ["s3-lines", "json"], log)
    assert slips.inference.trial._catalogued.cache_info().currsize == 0, "a worker goes on with other objects"


@pytest.mark.usefixtures("untold")
def test_the_error_of_a_wrong_mapping_names_nothing_where_nothing_is_clear() -> None:
    with pytest.raises(FormatError, match=r"look at its 'format' in 'bucket_mapping'$"):
        run(None, ["s3-lines", "json"], b"Dear all,\n" * 12)


@pytest.mark.usefixtures("untold")
def test_a_chain_that_does_not_fit_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[Any] = []

    def look(*given: Any) -> str:
        looked.append(given)
        return "; it looks odd"

    monkeypatch.setattr(slips.inference.hint, "_look", look)
    for _ in range(3):
        with pytest.raises(FormatError, match=r"; it looks odd$"):
            run(None, ["s3-lines", "json"], b"no\n" * 12)
    assert len(looked) == 1
