"""`make demo`: the numbers on the screen add up."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

DEMO = Path(__file__).parents[1] / "examples" / "demo"


def number(text: str) -> int:
    return int(text.replace(",", ""))


@pytest.mark.slow
def test_the_numbers_that_the_demo_prints_add_up(tmp_path: Path) -> None:
    place = shutil.copytree(DEMO, tmp_path / "examples" / "demo", ignore=shutil.ignore_patterns("__pycache__"))
    done = subprocess.run([sys.executable, place / "demo.py"], cwd=tmp_path, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr + done.stdout
    shown = done.stdout
    written = number(re.findall(r"= ([\d,]+), all that were written", shown)[0])

    equation = r"records +([\d,]+) = ([\d,]+) delivered \+ ([\d,]+) filtered \+ ([\d,]+) quarantined(.*)"
    runs = [(*map(number, counts), besides) for *counts, besides in re.findall(equation, shown)]
    for records, delivered, filtered, quarantined, _ in runs:
        assert records == delivered + filtered + quarantined
    (_, first, _, bad, besides), (_, second, _, still_bad, again) = runs
    assert first + second + still_bad == written
    assert f"; {bad:,} of them had been quarantined before" in again
    assert sum(records for records, *_ in runs) - bad == written
    assert re.fullmatch(r"; besides [\d,]+ of failed objects, not delivered", besides)

    (objects, failed), *_ = re.findall(r"objects  ([\d,]+), of which ([\d,]+) failed", shown)
    assert shown.count("delivered by the first run") == 1
    of_first_run = shown[: shown.index("$ slips errors")]
    assert of_first_run.count("\nresult ") == int(objects) - int(failed)
    assert f"objects: {objects} done\nerrors: 1 item of 1 object with bad records\n" in shown
    drained = re.findall(r"([\d,]+) items drained: (\d+) on lane fast and (\d+) on lane slow", shown)[0]
    assert int(drained[0]) == int(drained[1]) + int(drained[2]) == int(failed) + 1
    assert f"objects  {drained[0]}\n" in shown
