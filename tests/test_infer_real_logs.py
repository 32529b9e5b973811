"""The formats of real logs beside the project, as `slips infer` finds them."""

from __future__ import annotations

from pathlib import Path

import pytest

from real_files import LOGS, real_files
from slips.formats import catalogue
from slips.inference.rank import infer

pytestmark = pytest.mark.once


@pytest.mark.slow
@pytest.mark.skipif(not LOGS.is_dir(), reason="no real logs beside the project")
def test_the_format_of_nine_in_ten_real_logs_is_the_first_proposed() -> None:
    """One file of every fourth kind; `python tests/test_infer_real_logs.py` prints the table of all."""
    ranks = {kind: ranked(names[0]) for kind, names in sorted(fitting_files(every=4).items())}
    assert sum(rank == 1 for rank in ranks.values()) >= 0.9 * len(ranks), ranks


def fitting_files(every: int = 1) -> dict[str, list[str]]:
    """The names of real files by their folders, those whose format understands most records, of each N-th folder."""
    kinds: dict[str, list[str]] = {}
    for name in real_files():
        kinds.setdefault(name.partition("/")[0], []).append(name)
    fitting = {kind: [*filter(_is_fitting, kinds[kind])] for kind in sorted(kinds)[::every]}
    return {kind: names for kind, names in fitting.items() if names}


def _is_fitting(name: str) -> bool:
    outcome, _ = real_files()[name].run()
    return outcome.quarantined * 2 < outcome.records


def ranked(name: str) -> int:
    """The place of the format of a real file among those that are proposed; 0 if it is none of them."""
    file = real_files()[name]
    fitting = infer(file.content(), file.source).fitting
    if fitting and file.names[-1] in fitting[0].also:
        return 1
    chain = tuple(file.names)
    right = [each.format == chain[-1] or catalogue()[each.format].chain == chain for each in fitting]
    return right.index(True) + 1 if True in right else 0


def print_table() -> None:
    """Prints for each kind of real log how many files have their format in the first place, and the rest by name."""
    first = total = 0
    for kind, names in fitting_files().items():
        ranks = {name: ranked(name) for name in names}
        first, total = first + sum(rank == 1 for rank in ranks.values()), total + len(ranks)
        others = ", ".join(f"{Path(name).name}: {rank or 'none'}" for name, rank in ranks.items() if rank != 1)
        print(f"{kind:32} {sum(rank == 1 for rank in ranks.values()):3} of {len(ranks):3}  {others}", flush=True)
    print(f"{'all':32} {first:3} of {total:3}  {first / total:.1%}")


if __name__ == "__main__":
    print_table()
