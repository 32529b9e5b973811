"""`make localstack`: deploys a project to LocalStack, puts 50 objects, mends what fails, drains, and destroys.

Uses the commands of slips as its users do, and boto3 to put objects and to look into the account. Runs the contract of
the ports first, and deploys the result of `slips package` in the end. Prints a line for each step and each check. Exit
status: 0 if all checks hold, or if LocalStack cannot run on this machine; else 1.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from on_localstack import environment, project
from on_localstack.account import Account
from on_localstack.process import localstack
from slips.backends.aws.ledger import DynamoLedger
from slips.model import Outcome

FOLDER = environment.ROOT / "build" / "localstack"
PATIENCE = 300.0
"""Seconds to wait for a condition before the step counts as failed."""
LOOK_SECONDS = 1.0
SHOWN = 2_000
"""Characters shown of an unexpected finding, and of the output of a failed command."""


class StepError(Exception):
    """A step failed, and the steps behind it cannot go on."""


class Run:
    """One run of the scenario: its commands, its clock and its checks."""

    def __init__(self, account: Account, folder: Path, began: float) -> None:
        self.account, self.folder, self.began = account, folder, began
        self.root = folder / "project"
        self.checks: list[bool] = []
        self.ledger_table = ""

    def say(self, text: str) -> None:
        print(f"{time.monotonic() - self.began:6.1f} s  {text}", flush=True)

    def check(self, rule: str, holds: bool, found: object = "") -> None:
        """Prints a rule and whether it holds, with `found` if not."""
        self.checks.append(holds)
        told = f"ok      {rule}" if holds else f"NOT SO  {rule}; found {str(found)[:SHOWN]}"
        print(f"          {told}", flush=True)

    def slips(self, *arguments: str) -> str:
        """Runs a command and returns its standard output. Raises StepError if its exit status is not 0."""
        command = [sys.executable, "-m", "slips", "--endpoint-url", self.account.endpoint, *arguments]
        done = subprocess.run(
            command,
            cwd=self.root,
            env=self.account.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        typed = f"slips {' '.join(arguments)}"
        with (self.folder / "commands.log").open("a", encoding="utf-8") as log:
            log.write(f"$ {typed}\n{done.stdout}{done.stderr}\n")
        if done.returncode:
            told = (done.stdout + done.stderr).strip()[-SHOWN:]
            raise StepError(f"'{typed}' ended with status {done.returncode}; expected 0:\n...{told}")
        return done.stdout

    def items(self) -> list[dict[str, Any]]:
        """The error table, as `slips errors` shows it."""
        found: list[dict[str, Any]] = json.loads(self.slips("errors", "--json"))
        return found

    def outcomes(self) -> tuple[dict[str, Outcome], dict[str, Outcome]]:
        """The ledger's finished runs by key of S3: those over whole objects, and those over single records."""
        runs: tuple[dict[str, Outcome], dict[str, Outcome]] = ({}, {})
        for entry in DynamoLedger(self.account.client("dynamodb"), self.ledger_table).scan():
            if entry.status != "done" or entry.outcome is None:
                continue
            known = runs[entry.records is not None]
            # A failed run whose replay is done keeps its own counts in the ledger, which are lower.
            if entry.key not in known or known[entry.key].records < entry.outcome.records:
                known[entry.key] = entry.outcome
        return runs

    def wait(self, condition: str, holds: Callable[[], bool]) -> None:
        """Waits until a condition holds. Raises StepError if it does not come to hold."""
        end = time.monotonic() + PATIENCE
        while not holds():
            if time.monotonic() > end:
                status = self.slips("status", "--ledger")
                raise StepError(f"not so after {PATIENCE:.0f} s: {condition}; 'slips status' prints\n{status}")
            time.sleep(LOOK_SECONDS)


def keep_contract(run: Run) -> None:
    """Runs the contract of the ports on LocalStack's S3, Kinesis and DynamoDB, as `tests/aws.py` reaches them."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-k", "s3 or kinesis or dynamodb"]
    done = subprocess.run(
        [*command, "tests/test_ports.py", "tests/test_object_stores.py"],
        cwd=environment.ROOT,
        env={**run.account.environment(), "SLIPS_TESTS_AWS": run.account.endpoint},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    (run.folder / "contract.log").write_text(done.stdout + done.stderr, encoding="utf-8")
    told = done.stdout.strip().rpartition("\n")[2]
    run.say(f"tests of the ports on S3, Kinesis and DynamoDB: {told}")
    run.check("the adapters keep the contract of the ports", done.returncode == 0, done.stdout[-SHOWN:])


def go(run: Run) -> None:
    keep_contract(run)
    objects = project.objects()
    project.write(run.root, run.account.prepare())
    before = run.account.resources()
    deploy(run)
    put(run, objects)
    look_at_errors(run, objects)
    mend(run, objects)
    drain(run, objects)
    operate(run)
    destroy(run, before)
    deploy_package(run, objects[0])
    destroy(run, before)


def deploy(run: Run) -> None:
    done = json.loads(run.slips("deploy", "-y", "--wire", "--json"))
    run.ledger_table = done["outputs"]["LedgerName"]
    run.say(f"deployed: {done['status']}, {len(done['changes'])} resources, {len(done['outputs'])} outputs")
    outputs = set(json.loads(run.slips("deploy", "--dry-run", "--json"))["Outputs"])
    run.check("the stack has each output of its template", set(done["outputs"]) == outputs, done["outputs"])
    reached = sorted(prefix for bucket in done["wiring"] for prefix in bucket["reached"])
    run.check("new objects of every prefix reach the stack", reached == project.PREFIXES, done["wiring"])
    again = json.loads(run.slips("deploy", "-y", "--wire", "--json"))
    run.check("a second deploy changes nothing", not again["changes"], again["changes"])


def put(run: Run, objects: list[project.Object]) -> None:
    for each in objects:
        run.account.put(each.key, each.body)
    bad = [each for each in objects if each.stage]
    run.say(f"put {len(objects)} objects of {project.RECORDS} records, {len(bad)} of them with a mistake")
    expected = {each.key: len(each.quarantined) for each in objects if each.ends}
    run.wait("each object without a failure is done", lambda: set(run.outcomes()[0]) >= set(expected))
    run.wait("each mistake is an error item", lambda: len(run.items()) >= len(bad))
    whole, _ = run.outcomes()
    run.say(f"{len(whole)} objects done, {len(run.items())} error items: {total(whole)}")
    run.check("the objects whose run must end well are done, and no others", set(whole) == set(expected), sorted(whole))
    balanced = all(one.records == project.RECORDS and one.balanced for one in whole.values())
    run.check("records = delivered + filtered + quarantined in each object", balanced, whole)
    quarantined = {key: one.quarantined for key, one in whole.items()}
    run.check("the quarantined records are those that cannot be parsed", quarantined == expected, quarantined)


def look_at_errors(run: Run, objects: list[project.Object]) -> None:
    items = {item["argument"][0]["object_key"]: item for item in run.items()}
    stages = {key: item["stage"] for key, item in items.items()}
    expected = {each.key: each.stage for each in objects if each.stage}
    run.check("'slips errors' lists each mistake with its stage, and nothing else", stages == expected, stages)
    numbers = {key: numbers_of(item["records"]) for key, item in items.items() if item["kind"] == "records"}
    wanted = {each.key: [*each.quarantined] for each in objects if each.quarantined}
    run.check("an item of records has their numbers", numbers == wanted, numbers)
    raised = [item for item in items.values() if item["stage"] == "handler"]
    attempts = [item["attempts"] for item in raised]
    run.check("an object whose handler raises is tried 3 times", set(attempts) == {3}, attempts)
    told = run.slips("error", raised[0]["request_id"])
    run.check("'slips error' shows the handler's exception", "KeyError: 'user'" in told, told)


def mend(run: Run, objects: list[project.Object]) -> None:
    project.mend(run.root)
    done = json.loads(run.slips("deploy", "-y", "--json"))
    run.say(f"mended handler and format, deployed: {done['status']}, {len(done['changes'])} changes")
    replaced = [change for change in done["changes"] if change["replaced"]]
    run.check("a deploy of other code replaces no resource", not replaced, replaced)
    (cut,) = (each for each in objects if each.whole)
    run.account.put(cut.key, cut.whole)
    run.wait("the object that was cut off is done, whole", lambda: cut.key in run.outcomes()[0])
    lost = {each.key for each in objects if each.lost}
    ids = sorted(item["request_id"] for item in run.items() if item["argument"][0]["object_key"] in lost)
    evidence = json.loads(run.slips("dismiss", "-y", "--json", *ids))
    run.say(f"put the object that was cut off again; dismissed {len(evidence)} items of unreadable records")
    dismissed = sorted(item["request_id"] for item in evidence)
    run.check("'slips dismiss' prints the items that it deletes", dismissed == ids, dismissed)


def drain(run: Run, objects: list[project.Object]) -> None:
    run.say(run.slips("drain").strip().splitlines()[-1])
    left = run.items()
    run.check("'slips drain' empties the error table", not left, left)
    replayed = {each.key: len(each.quarantined) for each in objects if each.quarantined and not each.lost}

    def done() -> bool:
        whole, parts = run.outcomes()
        return set(whole) == {each.key for each in objects} and set(parts) >= set(replayed)

    run.wait("each object is done, and each drained record", done)
    whole, parts = run.outcomes()
    run.say(f"{len(whole)} objects done: {total(whole)}; replayed: {total(parts)}")
    delivered = {key: one.delivered for key, one in parts.items()}
    run.check("just the quarantined records are replayed, and are delivered now", delivered == replayed, delivered)
    failed = run.items()
    run.check("nothing fails again", not failed, failed)
    seen, knew = run.account.delivered()
    odd = {each.key: sorted(each.delivered ^ set(seen.get(each.key, ()))) for each in objects}
    run.check(
        "the handler was given each record that is readable and not filtered, and no others",
        not any(odd.values()) and len(seen) == len(objects),
        {key: numbers for key, numbers in odd.items() if numbers},
    )
    twice = {key: [n for n, count in numbers.items() if count > 1] for key, numbers in seen.items()}
    run.check("no record was delivered twice", not any(twice.values()), {key: n for key, n in twice.items() if n})
    run.check("each run of the handler knew the secret that its arguments name", knew)


def operate(run: Run) -> None:
    status = json.loads(run.slips("status", "--ledger", "--json"))
    run.say(f"status: ledger {status['ledger']}, errors {status['errors']}, undelivered {status['undelivered']}")
    clean = not status["errors"] and not status["undelivered"] and set(status["ledger"]) <= {"done", "superseded"}
    run.check("'slips status' knows of nothing that failed or waits", clean, status)
    run.slips("limit", "slow", "-d", "1", "-b", "3")
    limit = json.loads(run.slips("limit", "slow", "--json"))
    run.check("'slips limit' changes a lane", (limit["delay"], limit["batch_size"]) == (1, 3), limit)
    key = "doors/4.log"
    lines = run.slips("logs", "MainFunc", "--since", "1h", "--filter", key)
    run.check("'slips logs' finds the lines about an object", key in lines, lines)
    sampled = json.loads(run.slips("sample"))
    run.check("'slips sample' picks an object of each mapping", len(sampled) == len(project.PREFIXES), sampled)


def deploy_package(run: Run, one: project.Object) -> None:
    """Deploys with what `slips package` writes: the AWS CLI's commands and the notifications of its DEPLOY.md."""
    run.slips("package", "--out", "package")
    page = (run.root / "package" / "DEPLOY.md").read_text(encoding="utf-8")
    commands = re.findall(r"^```console\n(.*?)^```", page, re.MULTILINE | re.DOTALL)[0]
    done = subprocess.run(
        ["bash", "-euc", re.sub(r"^\$ ", "", commands, flags=re.MULTILINE)],
        cwd=run.root / "package",
        env={
            **run.account.environment(),
            "AWS_ENDPOINT_URL": run.account.endpoint,
            "PATH": f"{environment.PLACE / 'bin'}{os.pathsep}{os.environ['PATH']}",
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise StepError(f"the commands of DEPLOY.md failed:\n{(done.stdout + done.stderr)[-SHOWN:]}")
    (stack,) = run.account.client("cloudformation").describe_stacks(StackName=project.STACK)["Stacks"]
    run.say(f"deployed the package with the AWS CLI: {stack['StackStatus']}, {len(stack['Outputs'])} outputs")
    run.ledger_table = next(each["OutputValue"] for each in stack["Outputs"] if each["OutputKey"] == "LedgerName")
    notifications = re.findall(r"^```json\n(.*?)^```", page, re.MULTILINE | re.DOTALL)[0]
    run.account.client("s3").put_bucket_notification_configuration(
        Bucket=project.LOGS, NotificationConfiguration=json.loads(notifications)
    )
    run.account.put(one.key, one.body)
    run.wait("an object is done on the packaged stack", lambda: one.key in run.outcomes()[0])
    whole, _ = run.outcomes()
    run.say(f"{len(whole)} object done: {total(whole)}")
    run.check("a packaged stack processes an object", whole[one.key].delivered == project.RECORDS, whole)


def destroy(run: Run, before: set[str]) -> None:
    run.slips("destroy", "-y", "--all")
    after = run.account.resources()
    run.say(f"destroyed: {len(after - before)} resources of the stack left")
    run.check("'slips destroy --all' leaves nothing behind", after <= before, sorted(after - before))
    run.check("it takes nothing that was there before the stack", after >= before, sorted(before - after))


def numbers_of(ranges: list[list[int]]) -> list[int]:
    return [number for first, last in ranges for number in range(first, last + 1)]


def total(outcomes: dict[str, Outcome]) -> str:
    """`980 records = 964 delivered + 8 filtered + 8 quarantined`."""
    counts: Counter[str] = Counter()
    for one in outcomes.values():
        for name in ("records", "delivered", "filtered", "quarantined"):
            counts[name] += getattr(one, name)
    return (
        f"{counts['records']:,} records = {counts['delivered']:,} delivered + {counts['filtered']:,} filtered + "
        f"{counts['quarantined']:,} quarantined"
    )


def main() -> int:
    began = time.monotonic()
    try:
        python = environment.ready()
    except environment.Skip as reason:
        print(f"localstack: skipped: {reason}")
        return 0
    shutil.rmtree(FOLDER, ignore_errors=True)
    (FOLDER / "project").mkdir(parents=True)
    with localstack(python, FOLDER) as endpoint:
        run = Run(Account(endpoint), FOLDER, began)
        run.say(f"LocalStack serves {endpoint}")
        try:
            go(run)
        except StepError as error:
            run.say(f"FAILED: {error}")
            run.checks.append(False)
    failed = run.checks.count(False)
    logs = FOLDER.relative_to(environment.ROOT)
    run.say(f"{len(run.checks) - failed} checks hold, {failed} do not; logs are in {logs}")
    return 1 if failed else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # like Ctrl-C: LocalStack ends with the run
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("localstack: interrupted; LocalStack and its processes are ended")
        sys.exit(130)
