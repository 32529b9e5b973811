"""`make demo`: the main job of slips on this machine, from the first object to an error table in which only bad records
are left. Ends with status 0 only if every record is accounted for and what happened is what had to happen.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import logs

from slips.backends.machine.state import MachineState

HERE = Path(__file__).parent
PLACE = HERE.parents[1] / "build" / "demo"
BUCKET = PLACE / "logs"


def main() -> None:
    shutil.rmtree(PLACE, ignore_errors=True)
    PLACE.mkdir(parents=True)
    for name in ("slips.yml", "handler.py"):
        shutil.copy(HERE / name, PLACE)
    logs.deliver(BUCKET)

    say(f"{logs.OBJECTS} objects of five vendors lie in {BUCKET.relative_to(Path.cwd())}, one of them broken off.")
    first = delivered_by(slips("run", expect=1))
    slips("errors")
    items = error_items()
    check({item["stage"] for item in items} == {"decompression", "handler", "parse"}, f"other errors: {items}")

    say("What was the handler's mistake?")
    slips("error", next(item["request_id"] for item in items if item["stage"] == "handler"))

    say("The causes are mended: the handler allows for such logins, the object is delivered again, whole.")
    handler = PLACE / "handler.py"
    text = handler.read_text()
    mended = text.replace('event["ipAddress"]  # a bug: not every login has one', 'event.get("ipAddress", "")')
    check(mended != text, "the handler's bug is not where it was")
    handler.write_text(mended)
    logs.deliver_again(BUCKET)
    slips("drain")
    second = delivered_by(slips("run", expect=1))

    say("Only the records that nobody can read are left, with their numbers and what they were:")
    slips("errors")
    slips("status")
    quarantined = verify()
    check(first + second + quarantined == logs.RECORDS, f"{first} + {second} delivered, {quarantined} quarantined")
    config = PLACE.relative_to(Path.cwd()) / "slips.yml"
    say(
        f"{first:,} records delivered by the first run + {second:,} by the second + {quarantined:,} in quarantine\n"
        f"    = {logs.RECORDS:,}, all that were written. Look around: .venv/bin/slips -c {config} --help"
    )


def verify() -> int:
    """Nothing lost, nothing twice, nothing left but the bad records, whose number is returned."""
    items = error_items()
    check([item["kind"] for item in items] == ["records"], f"other items are left: {items}")
    key = items[0]["argument"][0]["object_key"]
    check({key: items[0]["records"]} == logs.BAD_RECORDS, f"other records are quarantined: {items[0]['records']}")
    state = MachineState.open(PLACE / "state")
    whole = {
        (entry.key, entry.identity): entry.outcome
        for entry in state.ledger.scan()
        if entry.status == "done" and entry.outcome and entry.records is None
    }
    lanes = state.lanes()
    state.close()
    check(all(lane.waiting == 0 for lane in lanes.values()), f"lanes are not empty: {lanes}")
    current = {key: outcome for (key, _), outcome in whole.items()}
    check(len(current) == logs.OBJECTS, f"objects done: {sorted(current)}")
    records = sum(outcome.records for outcome in current.values())
    told = sum(outcome.delivered + outcome.filtered + outcome.quarantined for outcome in current.values())
    bad = sum(last - first + 1 for ranges in logs.BAD_RECORDS.values() for first, last in ranges)
    quarantined = sum(outcome.quarantined for outcome in current.values())
    check(records == told == logs.RECORDS, f"{records} records, {told} accounted for, {logs.RECORDS} written")
    check(quarantined == bad, f"{quarantined} records quarantined, {bad} are bad")
    return quarantined


def slips(*arguments: str, expect: int = 0) -> str:
    """Runs a command as a user would, shown with what it prints, which is returned."""
    print(f"\n$ slips {shlex.join(arguments)}", flush=True)
    command = [sys.executable, "-m", "slips", "-c", str(PLACE / "slips.yml"), *arguments]
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own command
    print(done.stdout, end="", flush=True)
    check(
        done.returncode == expect,
        f"'slips {shlex.join(arguments)}' ended with status {done.returncode}; expected {expect}",
    )
    return done.stdout


def delivered_by(printed: str) -> int:
    """The number of delivered records in what a run printed."""
    found = re.search(r"([\d,]+) delivered", printed)
    check(found is not None, f"no delivered records in {printed!r}")
    return int(found[1].replace(",", "")) if found else 0


def error_items() -> list[dict[str, Any]]:
    command = [sys.executable, "-m", "slips", "-c", str(PLACE / "slips.yml"), "errors", "--json"]
    items: list[dict[str, Any]] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)  # noqa: S603
    return items


def say(text: str) -> None:
    print(f"\n--- {text}", flush=True)


def check(holds: bool, otherwise: str) -> None:
    if not holds:
        sys.exit(f"demo: {otherwise[:2_000]}")


if __name__ == "__main__":
    main()
