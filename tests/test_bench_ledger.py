"""The figures of the ledger in `make bench`: how long an object takes, and how that grows with their number."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "bench"))

from ledger import growth_of, microseconds_each


@pytest.mark.parametrize(
    ("sizes", "seconds", "each", "growth"),
    [
        ([1_000, 10_000, 100_000], [1.0, 1.9, 10.9], 100, 1.0),
        ([1_000, 10_000, 100_000], [1.0, 1.9, 20.8], 200, 2.0),
        ([1_000, 10_000], [1.0, 1.9], 100, None),
        ([1_000], [1.0], None, None),
        ([1_000, 10_000, 100_000], [0.50, 0.52, 0.51], None, None),
        ([1_000, 10_000, 100_000], [0.50, 0.49, 1.49], 10, None),
        ([1_000, 10_000, 100_000], [0.50, 0.501, 0.60], 1, None),
    ],
    ids=["linear", "twice as much", "two sizes", "one size", "no longer", "the most alone", "noise in the middle"],
)
def test_growth_is_told_where_commands_take_longer_with_more_objects(
    sizes: list[int], seconds: list[float], each: float | None, growth: float | None
) -> None:
    assert microseconds_each(sizes, seconds) == (None if each is None else pytest.approx(each, rel=0.02))
    assert growth_of(sizes, seconds) == (None if growth is None else pytest.approx(growth))
