"""`drain --canary` on the whole stack, deployed to the stand-in of AWS: its functions decide what follows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cloud import Cloud
from deployed import deployed

pytest_plugins = ["cloud.plugin"]
pytestmark = pytest.mark.functions


def counts(groups: list[dict[str, Any]]) -> dict[str, tuple[int, ...]]:
    """Of each group, by type of error: sent, succeeded, failed, timed out, drained, left."""
    names = ("sent", "succeeded", "failed", "timed_out", "drained", "left")
    return {group["error_type"]: tuple(group[name] for name in names) for group in groups}


@pytest.mark.slow
def test_groups_follow_the_canaries_that_the_functions_have_finished_and_no_others(
    cloud: Cloud, tmp_path: Path
) -> None:
    chain = deployed(cloud, tmp_path)
    for number in range(4):
        chain.put("my-logs", f"fast/bug-{number}.log", [{"n": 1}, {"severity": 9}, {"n": 3}])
        chain.put("my-logs", f"unmapped/{number}.log", [{"n": 1}])
        chain.put("my-logs", f"own/{number}.log", b"front;1\nback;two\nside;3\n")
    chain.settle()
    groups = {each["error_type"]: each for each in chain.slips("errors", "--group", "--json").json}
    assert {name: each["count"] for name, each in groups.items()} == {"KeyError": 4, "MappingError": 4, "ValueError": 4}
    assert groups["ValueError"]["mappings"] == {"my-logs/own/": 4}

    # Two causes of three are mended.
    chain.change("src/handler.py", "raise KeyError", "_ = KeyError")
    chain.change("slips.yml", "    - {prefix: own/", "    - {prefix: unmapped/, format: json}\n    - {prefix: own/")
    chain.deploy()
    done = chain.slips("drain", "--canary", "2", "--json", check=False)
    assert done.status == 1, done
    assert counts(done.json["groups"]) == {
        "KeyError": (2, 2, 0, 0, 2, 0),
        "MappingError": (2, 2, 0, 0, 2, 0),
        "ValueError": (2, 0, 2, 0, 0, 2),
    }
    chain.settle()
    assert [item.error_type for item in chain.items] == ["ValueError"] * 4

    # So is the third, and a drain without the config file goes by the function.
    chain.change("formats/own.py", "int(n)", "n")
    chain.deploy()
    (chain.root / "slips.yml").rename(chain.root / "elsewhere.yml")
    fingerprint = groups["ValueError"]["fingerprint"]
    done = chain.slips("drain", fingerprint[:6], "--canary", "1", "--json", "-s", chain.stack)
    assert counts(done.json["groups"]) == {"ValueError": (1, 1, 0, 0, 3, 0)}
    chain.settle()
    assert chain.items == []
    assert {key: numbers for key, numbers in chain.delivered().items() if "/own/" in key} == {
        f"my-logs/own/{number}.log": [1, 2, 3] for number in range(4)
    }
    assert cloud.denied() == []
