"""Brakes on the whole stack, deployed to the stand-in of AWS: what may not start waits, and none of it is lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cloud import Cloud
from deployed import Deployed, deployed
from slips.backends.aws import DISPATCHERS
from slips.brakes import WINDOW

pytest_plugins = ["cloud.plugin"]

LATER = [f"fast/later-{number}.log" for number in range(6)]
CALM = [f"calm/{number}.log" for number in range(3)]
FLOOD = [f"calm/flood-{number}.log" for number in range(5)]
BEFORE_THE_FLOOD = WINDOW + len(CALM) + 1 + len(LATER)
"""Starts: the objects that fail, those of the other handler, the canary, and all that were held."""
BUDGET = BEFORE_THE_FLOOD + 2


def with_brakes(project: Deployed) -> None:
    """A lane that pauses when a handler fails, a budget, and a mapping with a handler of its own."""
    project.change("slips.yml", "{batch_size: 10}", "{batch_size: 10, break_at: 50%}")
    project.change("slips.yml", "routing:", f"limits: {{objects_per_day: {BUDGET}}}\nrouting:")
    calm = "    - {prefix: calm/, format: [s3-lines, json], handler: {path: src/calm.py, args: {most: 5}}}\n"
    project.change("slips.yml", "    - {prefix: own/", calm + "    - {prefix: own/")
    project.write("src/calm.py", (project.root / "src/handler.py").read_text())


def release(chain: Deployed) -> tuple[int, int, int | None]:
    """Runs Drain as its schedule does. Returns the numbers of events put back, of canaries, and of those that wait.

    The last one is None if Drain knows that all must wait, and reads none of them.
    """
    answer = chain.cloud.client("lambda").invoke(
        FunctionName=chain.physical("Drain"), Payload=json.dumps({"release": True})
    )
    done: dict[str, Any] = json.loads(answer["Payload"].read())
    chain.settle()
    return done["events"], done["canaries"], done["waiting"]


def held(chain: Deployed, stage: str) -> list[str]:
    """The keys of the events in the items of a stage, sorted."""
    return sorted(event.object_key for item in chain.items if item.stage == stage for event in item.events)


def causes(chain: Deployed) -> list[str]:
    return [each["cause"] for each in chain.slips("limit", "fast", "--json").json.get("pauses", [])]


def audited(chain: Deployed) -> dict[str, int]:
    """What an audit finds, and that its status says whether all is done or waits."""
    done = chain.slips("audit", "--json", check=False)
    total = {state: done.json["total"][state] for state in ("done", "failed", "waiting", "missing", "changed")}
    assert done.status == bool(total["failed"] or total["missing"] or total["changed"]), done
    return {state: number for state, number in total.items() if number}


@pytest.mark.slow
def test_objects_of_a_handler_that_fails_and_those_beyond_a_budget_wait_and_are_delivered_once(
    cloud: Cloud, tmp_path: Path
) -> None:
    chain = deployed(cloud, tmp_path, before=with_brakes)
    for number in range(WINDOW):
        chain.put("my-logs", f"fast/bug-{number}.log", [{"n": 1}, {"severity": 9}, {"n": 3}])
    chain.settle()
    assert [item.stage for item in chain.items] == ["handler"] * WINDOW
    assert causes(chain) == ["failures"]

    # Those that come later are not tried, those of the other handler are.
    chain.start_anew(DISPATCHERS["fast"])
    for key in (*LATER, *CALM):
        chain.put("my-logs", key, [{"n": 1}, {"n": 2}])
    chain.settle()
    assert held(chain, "paused") == LATER
    assert chain.delivered() == {f"my-logs/{key}": [1, 2] for key in CALM}
    assert audited(chain) == {"done": len(CALM), "failed": WINDOW, "waiting": len(LATER)}
    assert release(chain) == (0, 0, None), "no canary is due"

    # The handler is mended: one is tried at once, and all follow.
    chain.change("src/handler.py", "raise KeyError", "_ = KeyError")
    chain.deploy()
    assert release(chain) == (1, 1, len(LATER))
    chain.start_anew(DISPATCHERS["fast"])
    assert release(chain) == (len(LATER), 0, 0)
    assert held(chain, "paused") == []
    assert chain.delivered() == {f"my-logs/{key}": [1, 2] for key in (*CALM, *LATER)}

    # Two more may start today.
    for key in FLOOD:
        chain.put("my-logs", key, [{"n": 1}])
    chain.settle()
    waiting = held(chain, "budget")
    assert (len(waiting), causes(chain)) == (len(FLOOD) - 2, ["objects_per_day"])
    assert release(chain) == (0, 0, None)
    resumed = chain.slips("limit", "fast", "--resume")
    assert f"{len(waiting)} objects that waited in the error table put back" in resumed.err
    assert "20 items drained" in chain.slips("drain").out
    chain.settle()

    assert chain.items == []
    bugs = {f"my-logs/fast/bug-{number}.log": [1, 2, 3] for number in range(WINDOW)}
    assert chain.delivered() == bugs | {
        **{f"my-logs/{key}": [1, 2] for key in (*CALM, *LATER)},
        **{f"my-logs/{key}": [1] for key in FLOOD},
    }
    assert audited(chain) == {"done": WINDOW + len(CALM) + len(LATER) + len(FLOOD)}
    assert chain.undelivered() == 0
    assert cloud.denied() == []
