"""Operators' commands on a stack: the same output as on this machine, by the stack's name alone."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError, NoCredentialsError

from projects import CONFIG, Project
from slips.backends.aws.operations import StackOperations
from slips.backends.aws.stack import DeployedStack
from slips.errors import SlipsError, UsageError
from slips.model import ErrorItem, Sample
from stack_fixtures import bare, cloud, cloud_of_2018, credentials
from stacks import OLD, REGION, Cloud, Pages, clients, refusal, resource

__all__ = ["bare", "cloud", "cloud_of_2018", "credentials"]
pytestmark = pytest.mark.once


@pytest.mark.slow
def test_every_command_prints_on_the_stack_what_it_prints_on_this_machine(cloud: Cloud) -> None:
    cloud.fail("2a45-1", seq=7, traceback="Traceback\n  here\nKeyError: 'x'\n")
    cloud.fail("2a45-2", key="slow/é \x1b[31m", failed_at="2019-01-01T00:00:00.000Z", fingerprint="beef")
    cloud.fail("8b0b", kind="records", records=[(1, 2), (7, 7)], samples=[Sample(1, "bad", "raw")], stage="parse")
    cloud.fail("8b0b-2", kind="records", records=[(9, None)], stage="parse")
    commands = [
        ["errors"],
        ["errors", "--json"],
        ["errors", "--group"],
        ["errors", "--since", "2018-06-01T00:00:00Z", "--prefix", "my-logs/slow/"],
        ["errors", "--limit", "1"],
        ["error", "2a45-1"],
        ["error", "8b"],
        ["error", "2a4"],
        ["error", "none"],
        ["error", "8b0b", "-f", "cjson"],
        ["drain", "--dry-run", "--type", "records"],
        ["drain", "--dry-run", "8b0b"],
        ["dismiss", "--type", "records"],
        ["dismiss", "none", "-y"],
    ]
    on_stack = [cloud.slips(*command) for command in commands]
    cloud.project.config(CONFIG)
    for command, there in zip(commands, on_stack, strict=True):
        here = cloud.slips(*command)
        assert (there.status, there.out, there.err) == (here.status, here.out, here.err), command


@pytest.mark.slow
def test_embedded_means_this_machine_unless_aws_or_a_stack_is_asked_for(cloud: Cloud) -> None:
    cloud.stack().errors.put(ErrorItem(request_id="far", events=[OLD]))
    cloud.project.config(CONFIG)
    assert cloud.slips("errors").out == "no errors\n"
    for args in (["--aws", "errors"], ["-s", "test", "errors"], ["errors", "-s", "test"], ["-s", "test", "errors"]):
        assert "  far  " in cloud.slips(*args).out, args


@pytest.mark.slow
def test_slips_stack_means_the_stack_for_all_that_can_be_of_one(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    cloud.stack().errors.put(ErrorItem(request_id="far", events=[OLD]))
    cloud.project.config(CONFIG)
    monkeypatch.setenv("SLIPS_STACK", "test")
    assert "  far  " in cloud.slips("errors").out
    assert cloud.slips("errors", "--aws").out == cloud.slips("errors").out
    assert cloud.slips("run").out.startswith("nothing to do")
    monkeypatch.setenv("SLIPS_STACK", "")
    assert cloud.slips("errors").out == "no errors\n"


def test_two_stacks_in_one_command_are_refused(cloud: Cloud) -> None:
    assert cloud.slips("-s", "test", "errors", "-s", "test").status == 0
    done = cloud.slips("-s", "test", "errors", "-s", "other")
    assert (done.status, done.out) == (2, "")
    assert done.err == "slips: -s: 'test' before the command and 'other' behind it; expected one of them\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    "command", [["errors"], ["error", "r1"], ["status"], ["limit", "fast"], ["logs"], ["drain"]], ids=" ".join
)
def test_s_works_without_a_config_file(cloud: Cloud, command: list[str]) -> None:
    cloud.fail("r1")
    cloud.answer({"drained": 1, "lanes": {"fast": 1}, "kept": 0, "notes": [], "undelivered": 0, "more": False})
    (cloud.project.root / "slips.yml").unlink()
    done = cloud.slips(*command, "-s", "test")
    assert (done.status, done.err) == (0, "")
    assert cloud.slips(*command).status == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "why"),
    [
        (["test", "-r", "r1"], "'test' needs its handler and 'bucket_mapping'"),
        (["sample"], "'sample' needs its 'bucket_mapping'"),
        (["check"], "it is what 'check' checks"),
    ],
    ids=["test", "sample", "check"],
)
def test_what_needs_the_config_says_so(cloud: Cloud, command: list[str], why: str) -> None:
    (cloud.project.root / "slips.yml").unlink()
    done = cloud.slips("-s", "test", *command)
    assert done.status == 2
    assert f"no slips.yml and no config.yml; expected one of them, or another with -c FILE: {why}; " in done.err


def test_check_shows_where_the_stack_finds_its_buckets(project: Project) -> None:
    assert "bucket my-logs: logs\n" in project.slips("check").out
    assert "bucket my-logs: s3://my-logs\n" in project.slips("--aws", "check").out
    assert project.slips("--aws", "check", "--json").json["buckets"] == {"my-logs": "s3://my-logs"}


@pytest.mark.slow
def test_a_stack_that_is_not_there_is_wrong_input_and_names_the_region(bare: Cloud) -> None:
    for command in (["errors"], ["status"], ["limit", "fast"], ["logs"], ["drain"], ["test", "-r", "x"]):
        done = bare.slips("--region", "eu-west-1", *command)
        assert (done.status, done.out) == (2, ""), command
        assert "stack 'test': ValidationError" in done.err
        assert "expected a stack that is deployed in eu-west-1" in done.err


@pytest.mark.slow
def test_a_name_that_is_no_stacks_is_wrong_input_without_a_config_too(bare: Cloud) -> None:
    (bare.project.root / "slips.yml").unlink()
    for command in (["errors"], ["error", "x"], ["status"], ["limit", "fast"], ["drain"], ["dismiss", "x"]):
        for args in ([*command, "-s", "typo"], ["-s", "typo", *command]):
            done = bare.slips(*args)
            assert (done.status, done.out) == (2, ""), args
            assert "stack 'typo': ValidationError: " in done.err
            assert f"expected a stack that is deployed in {REGION}; look at its name (-s" in done.err


def test_run_is_of_this_machine_and_says_so(project: Project) -> None:
    for args in (["-s", "test", "run"], ["--aws", "run"]):
        done = project.slips(*args)
        assert (done.status, done.out) == (2, "")
        assert done.err.startswith("slips: run: always works on this machine; expected neither -s nor --aws")


def test_a_server_that_is_not_there_is_failed_work_that_names_it(credentials: None) -> None:
    with pytest.raises(SlipsError, match=r"stack 'x': cannot be reached: .*127\.0\.0\.1:9.*look at") as raised:
        DeployedStack.find(
            clients(cloudformation=Pages(EndpointConnectionError(endpoint_url="http://127.0.0.1:9"))), "x"
        )
    assert raised.value.exit_status == 1


def test_no_region_is_wrong_input(bare: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    done = bare.slips("errors")
    assert done.status == 2
    assert "AWS: no region; expected one" in done.err


def test_the_resources_come_from_all_pages_and_what_the_stack_let_go_is_not_its_own() -> None:
    first = [resource(f"R{number}") for number in range(100)]
    second = [resource("Drain"), resource("ErrorTable", "DELETE_SKIPPED"), resource("MainFunc")]
    environment = {"Variables": {"SLIPS_ERROR_TABLE": "given-by-the-config"}}
    asked: list[str] = []

    class Functions:
        def get_function_configuration(self, *, FunctionName: str) -> Any:
            asked.append(FunctionName)
            return {"Environment": environment}

    pages = [{"StackResourceSummaries": each} for each in (first, second)]
    stack = DeployedStack.find(clients(cloudformation=Pages(*pages), functions=Functions(), dynamodb=None), "test")
    assert stack.errors._table == "given-by-the-config"
    assert asked == ["physical-Drain"]
    assert StackOperations(stack).functions() == ["MainFunc", "Drain"]


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (
            refusal("AccessDenied", "User x is not authorized to perform: cloudformation:ListStackResources"),
            1,
            "denies",
        ),
        (refusal("AccessDeniedException", "no", "ListStackResources"), 1, "denies ListStackResources"),
        (refusal("AccessDenied"), 1, r"that permission \('What the deployer may do' in docs/aws.md lists all\), or"),
        (refusal("ExpiredToken"), 2, "renews those of SSO"),
        (refusal("Throttling", "Rate exceeded"), 1, "AWS refuses Call: Throttling: Rate exceeded"),
        (NoCredentialsError(), 2, "no AWS credentials"),
    ],
    ids=["denied", "denied, unnamed", "denied, with all that is needed", "expired", "throttled", "no credentials"],
)
def test_what_aws_refuses_is_told_with_what_to_do(error: Exception, status: int, text: str) -> None:
    with pytest.raises(SlipsError, match=text) as raised:
        DeployedStack.find(clients(cloudformation=Pages(error)), "test")
    assert raised.value.exit_status == status
    assert str(raised.value).startswith("stack 'test': ")


class Unfinished(Pages):
    """CloudFormation, with a stack in this state."""

    def __init__(self, status: str | Exception, *resources: str) -> None:
        super().__init__({"StackResourceSummaries": [resource(name) for name in resources]})
        self._status = status

    def describe_stacks(self, *, StackName: str) -> Any:
        if isinstance(self._status, Exception):
            raise self._status
        return {"Stacks": [{"StackName": StackName, "StackStatus": self._status}]}


@pytest.mark.parametrize(
    ("status", "text"),
    [
        ("ROLLBACK_COMPLETE", r"is ROLLBACK_COMPLETE: its creation failed; .*'slips deploy' makes it anew"),
        ("CREATE_IN_PROGRESS", r"is CREATE_IN_PROGRESS: it is being created; .*; wait"),
        ("DELETE_FAILED", r"is DELETE_FAILED: .*'slips destroy' deletes the rest"),
        ("CREATE_COMPLETE", r"has no error table; expected"),
        (refusal("AccessDenied"), r"has no error table; expected"),
    ],
)
def test_a_stack_that_is_not_whole_says_in_which_state_it_is(status: str | Exception, text: str) -> None:
    stack = DeployedStack.find(clients(cloudformation=Unfinished(status, "Role")), "test")
    operations = StackOperations(stack)
    with pytest.raises(UsageError, match=f"stack 'test':? {text}"):
        list(stack.errors.scan())
    if isinstance(status, str) and status != "CREATE_COMPLETE":
        for ask in (lambda: operations.limit("fast"), operations.functions, lambda: operations.drain({})):
            with pytest.raises(UsageError, match=f"is {status}: "):
                ask()


# ---- large and old tables


@pytest.mark.slow
def test_a_table_of_many_pages_is_listed_whole_and_in_order(cloud: Cloud) -> None:
    errors = cloud.stack().errors
    for number in range(250):  # about 4 MB, a page of DynamoDB is 1 MB
        item = ErrorItem(
            request_id=f"r{number}",
            events=[OLD],
            failed_at=f"2026-01-01T00:{number // 60:02}:{number % 60:02}.000Z",
            traceback="x" * 16_000,
        )
        errors.put(item)
    listed = [line.split()[1] for line in cloud.slips("errors").out.splitlines()]
    assert listed == [f"r{number}" for number in range(250)]


@pytest.mark.slow
def test_items_of_2018_are_listed_with_the_time_of_their_event_and_drained_to_their_lane(cloud: Cloud) -> None:
    cloud.fail_in_2018("2a45219e-336f", OLD)
    cloud.put("slow/a b", {"n": 1})
    done = cloud.slips("errors")
    assert done.out.startswith("2018-04-05T12:00:16.587Z:  2a45219e-336f  my-logs          slow/a+b (1779 byte)  ")
    argument = json.dumps([OLD.to_dict()], indent=4)
    assert cloud.slips("error", "2a45").out.startswith(f"RequestID: 2a45219e-336f\nArgument:\n{argument}\n")
    assert cloud.slips("drain").out == "1 item drained: 1 on lane slow; the stack processes it now\n"
    assert cloud.errors() == []
    (event,) = cloud.on_lane("slow")
    assert (event["object_key"], event["dest_stream"]) == ("slow/a b", cloud.stack().streams["slow"])


@pytest.mark.slow
def test_an_item_that_cannot_be_read_holds_up_no_other_and_is_named(cloud: Cloud) -> None:
    cloud.fail("r1")
    cloud.fail("r2", failed_at="2019-01-01T00:00:00.000Z")
    cloud.fail_in_2018("empty")
    table = cloud.stack().made["ErrorTable"]
    for name, attributes in {"bare": {}, "odd": {"failed_at": {"S": "2018-12-01"}, "item": {"S": "{"}}}.items():
        cloud.clients.dynamodb.put_item(TableName=table, Item={"request_id": {"S": name}, **attributes})
    done = cloud.slips("errors")
    assert [line.split()[1] for line in done.out.splitlines()] == ["r1", "r2"]
    assert done.status == 1
    assert [name for name in ("empty", "bare", "odd") if f"error item '{name}': " in done.err] == [
        "empty",
        "bare",
        "odd",
    ]
    assert cloud.slips("drain").out == "2 items drained: 2 on lane fast; the stack processes them now\n"
    assert cloud.slips("error", "odd").status == 1


@pytest.mark.slow
def test_a_stack_of_2018_is_operated_and_what_it_lacks_is_said_when_it_is_needed(cloud_of_2018: Cloud) -> None:
    cloud = cloud_of_2018
    cloud.fail_in_2018("old", OLD)
    assert "  old  " in cloud.slips("errors").out
    done = cloud.slips("status")
    assert (done.status, "undelivered" in done.out) == (0, False)
    ledger = cloud.slips("status", "--ledger")
    assert (ledger.status, "has no ledger; expected 'Ledger', which stacks of 2018 lack" in ledger.err) == (2, True)
    limit = cloud.slips("limit", "fast")
    assert (limit.status, "unlike those of 2018" in limit.err) == (2, True)
    remote = cloud.slips("drain", "--remote", "old")
    assert (remote.status, "has no Drain function of this version" in remote.err) == (2, True)
    assert cloud.slips("drain", "--json").json == {
        "drained": 1,
        "lanes": {"fast": 0, "slow": 1},
        "dropped": 0,
        "kept": 0,
        "notes": [],
    }
