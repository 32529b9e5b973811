"""Promises of `slips deploy` about its stack: change sets, events, failures, and what `slips limit` changed."""

from __future__ import annotations

import re
from typing import Any

import pytest

from deploys import NOW, STACK_ID, TINY, CloudFormation, Events, on, propose, refusal
from slips.deploy.changes import Change, StackState
from slips.deploy.deployment import Deployment
from slips.deploy.limit_changes import LimitChanges
from slips.deploy.template import to_yaml
from slips.errors import SlipsError, UsageError

pytest_plugins = ["cloud.plugin"]
pytestmark = [
    pytest.mark.once,
    pytest.mark.filterwarnings("ignore:Tried to parse"),  # what moto has no such resource for
]


# ---- a stack that answers as a test wants, where moto cannot


def execute(stack: Deployment, state: StackState | None = NOW) -> Events:
    seen = Events()
    with stack.proposed(TINY, state, "my-code", "functions/app/") as plan:
        assert plan
        stack.execute(plan, seen)
    return seen


def test_each_event_is_shown_once_in_order_and_none_of_before() -> None:
    looks = [[], ["app UPDATE_IN_PROGRESS", "A UPDATE_IN_PROGRESS", "B UPDATE_IN_PROGRESS"], ["B UPDATE_COMPLETE"]]
    looks += [[], ["A UPDATE_COMPLETE", "app UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"], ["app UPDATE_COMPLETE"]]
    seen = execute(on(CloudFormation(looks=looks)))
    assert [(event.name, event.status) for event in seen] == [tuple(text.split()) for look in looks for text in look]


def test_a_failed_update_names_the_causes_and_says_that_the_former_state_stands() -> None:
    looks = [
        [
            "MainFunc UPDATE_FAILED ReservedConcurrentExecutions is too much",
            "Ledger UPDATE_FAILED Resource update cancelled",
            "app UPDATE_ROLLBACK_IN_PROGRESS The following resource(s) failed",
        ],
        ["app UPDATE_ROLLBACK_COMPLETE"],
    ]
    cloudformation = CloudFormation(looks=looks)
    with pytest.raises(SlipsError) as caught:
        execute(on(cloudformation))
    assert str(caught.value).splitlines() == [
        "stack 'app': UPDATE_ROLLBACK_COMPLETE; the former state stands",
        "MainFunc (AWS::Lambda::Function): ReservedConcurrentExecutions is too much",
        "lower 'handler.concurrency', or raise the quota, then run 'slips deploy' again",
    ]
    assert caught.value.exit_status == 1


def test_expired_credentials_during_a_change_say_that_aws_continues() -> None:
    class Expired(CloudFormation):
        def on_describe_stack_events(self, **request: Any) -> Any:
            if "execute_change_set" in self.operations():
                raise refusal("ExpiredToken")
            return super().on_describe_stack_events(**request)

    with pytest.raises(UsageError, match=r"credentials have expired.*AWS goes on with the stack"):
        execute(on(Expired()))


@pytest.mark.parametrize(
    ("status", "kind", "told"),
    [
        ("ROLLBACK_COMPLETE", None, "nothing is deployed; the next 'slips deploy' clears away what is left"),
        ("UPDATE_ROLLBACK_FAILED", NOW, "the former state could not be restored"),
    ],
)
def test_how_a_failure_ended_is_told(status: str, kind: StackState | None, told: str) -> None:
    cloudformation = CloudFormation(looks=[["A CREATE_FAILED it broke", f"app {status}"]])
    with pytest.raises(SlipsError, match=re.escape(f"{status}; {told}")):
        execute(on(cloudformation), kind)


def test_of_a_role_that_cannot_be_assumed_nothing_is_guessed() -> None:
    reason = "The role defined for the function cannot be assumed by Lambda."
    with pytest.raises(SlipsError) as caught:
        execute(on(CloudFormation(looks=[[f"MainFunc UPDATE_FAILED {reason}", "app UPDATE_ROLLBACK_COMPLETE"]])))
    assert str(caught.value).splitlines()[1:] == [
        f"MainFunc (AWS::Lambda::Function): {reason}",
        "see that the role exists and that its trust policy names lambda.amazonaws.com, then run 'slips deploy' again",
    ]


@pytest.mark.parametrize("call", ["PutTraceSegments on XRAY", "CreateNetworkInterface on EC2"])
def test_of_a_new_right_that_lambda_does_not_see_yet_the_delay_is_told(call: str) -> None:
    reason = f"The provided execution role does not have permissions to call {call}"
    with pytest.raises(SlipsError, match="see that the role has that right; AWS may need a minute to see a new one"):
        execute(on(CloudFormation(looks=[[f"MainFunc UPDATE_FAILED {reason}", "app UPDATE_ROLLBACK_COMPLETE"]])))


def test_a_failure_without_a_resource_has_the_stacks_reason() -> None:
    cloudformation = CloudFormation(looks=[["app UPDATE_ROLLBACK_COMPLETE it was late"]])
    with pytest.raises(SlipsError, match="it was late"):
        execute(on(cloudformation))


@pytest.mark.parametrize(
    "reason", ["The submitted information didn't contain changes.", "No updates are to be performed."]
)
def test_no_changes_leave_no_change_set(reason: str) -> None:
    cloudformation = CloudFormation()
    cloudformation.change_set = [{"Status": "FAILED", "StatusReason": reason}]
    assert propose(on(cloudformation)) is None
    assert cloudformation.operations()[-1] == "delete_change_set"
    assert "delete_stack" not in cloudformation.operations()


def tagged(tags: dict[str, str]) -> dict[str, Any]:
    """A template that wants a stack with these tags."""
    return {**TINY, "Metadata": {"Tags": tags}}


@pytest.mark.parametrize(
    ("wanted", "former", "now", "asked", "told"),
    [
        ({}, {}, {}, None, []),
        ({}, {}, {"team": "others"}, None, []),
        ({"team": "a"}, {"team": "a"}, {"team": "a", "cost": "1"}, None, []),
        ({"team": "a"}, {}, {}, {"team": "a"}, ["team: (none) → a"]),
        ({"team": "b"}, {"team": "a"}, {"team": "a", "cost": "1"}, {"team": "b", "cost": "1"}, ["team: a → b"]),
        ({"team": "b"}, {}, {"team": "others"}, {"team": "b"}, ["team: others → b"]),
        ({}, {"team": "a"}, {"team": "a", "cost": "1"}, {"cost": "1"}, ["team: a → (none)"]),
        ({}, {"team": "a"}, {"team": "a"}, {}, ["team: a → (none)"]),
    ],
)
def test_a_stack_has_the_tags_of_its_config_and_keeps_those_that_others_gave_it(
    wanted: dict[str, str], former: dict[str, str], now: dict[str, str], asked: dict[str, str] | None, told: list[str]
) -> None:
    cloudformation = CloudFormation()
    cloudformation.body = tagged(former)
    state = StackState(STACK_ID, "UPDATE_COMPLETE", "", {}, tags=now)
    with on(cloudformation).proposed(tagged(wanted), state, "my-code", "functions/app/") as plan:
        assert plan
        assert plan.tags == told
    (request,) = [about for name, about in cloudformation.asked if name == "create_change_set"]
    given = {one["Key"]: one["Value"] for one in request["Tags"]} if "Tags" in request else None
    assert given == asked


@pytest.mark.parametrize(
    ("body", "read"),
    [
        (TINY, TINY),
        (to_yaml(TINY), TINY),  # printed by `deploy --dry-run`, deployed by another tool
        ("Resources: {Queue: !Sub '${Name}'}", {}),
        ("Resources: [", {}),
        ("", {}),
    ],
)
def test_the_template_of_a_stack_is_read_as_json_and_as_yaml(body: Any, read: dict[str, Any]) -> None:
    cloudformation = CloudFormation()
    cloudformation.body = body
    assert on(cloudformation).template() == read


def test_a_new_stack_is_made_with_its_tags() -> None:
    cloudformation = CloudFormation(None)
    with on(cloudformation).proposed(tagged({"team": "a"}), None, "my-code", "functions/app/") as plan:
        assert plan
        assert plan.tags == ["team: (none) → a"]
    (request,) = [about for name, about in cloudformation.asked if name == "create_change_set"]
    assert request["Tags"] == [{"Key": "team", "Value": "a"}]


def test_tags_that_aws_gives_itself_are_none_of_the_stack() -> None:
    class Tagged(CloudFormation):
        def on_describe_stacks(self, **_: Any) -> Any:
            (stack,) = super().on_describe_stacks()["Stacks"]
            return {"Stacks": [{**stack, "Tags": [{"Key": "aws:x", "Value": "y"}, {"Key": "team", "Value": "a"}]}]}

    state = on(Tagged()).state()
    assert state
    assert state.tags == {"team": "a"}


def test_a_change_set_that_cannot_be_made_is_told_and_deleted() -> None:
    cloudformation = CloudFormation()
    cloudformation.change_set = [{"Status": "FAILED", "StatusReason": "Role x is not authorized to y"}]
    with pytest.raises(SlipsError, match=r"the change set failed: Role x .*give the user or role"):
        propose(on(cloudformation))
    assert cloudformation.operations()[-1] == "delete_change_set"


def test_a_change_set_that_is_not_executed_is_deleted_even_after_an_error() -> None:
    cloudformation = CloudFormation(None)
    with pytest.raises(KeyboardInterrupt), on(cloudformation).proposed(TINY, None, "b", ""):
        raise KeyboardInterrupt
    assert cloudformation.operations()[-2:] == ["delete_change_set", "delete_stack"]
    update = CloudFormation()
    propose(on(update))
    assert update.operations()[-1] == "delete_change_set"


def test_an_executed_change_set_is_not_deleted() -> None:
    cloudformation = CloudFormation(looks=[["app CREATE_COMPLETE"]])
    execute(on(cloudformation), None)
    assert "delete_change_set" not in cloudformation.operations()


def test_changes_are_read_from_all_pages_with_what_they_are() -> None:
    def of(name: str, action: str = "Modify", replacement: str = "False", *targets: dict[str, Any]) -> dict[str, Any]:
        details = [{"Target": target} for target in targets]
        about = {"Action": action, "LogicalResourceId": name, "ResourceType": "T", "Replacement": replacement}
        return {"Type": "Resource", "ResourceChange": {**about, "Details": details}}

    code = {"Attribute": "Properties", "Name": "Code", "Path": "/Properties/Code/S3Key"}
    memory = {"Attribute": "Properties", "Name": "MemorySize", "Path": "/Properties/MemorySize"}
    memory |= {"BeforeValue": "512", "AfterValue": "1024"}
    secret = {"Attribute": "Properties", "Name": "Environment", "Path": "/Properties/Environment/Variables/TOKEN"}
    secret |= {"BeforeValue": "old", "AfterValue": "s3cret"}
    later = {**memory, "AfterValue": "{{changeSet:KNOWN_AFTER_APPLY}}"}
    long = {"Attribute": "Properties", "Name": "DashboardBody", "BeforeValue": "x" * 50, "AfterValue": "y"}
    cloudformation = CloudFormation()
    cloudformation.change_set = [
        {"Status": "CREATE_COMPLETE", "Changes": [of("A", "Add"), of("B", "Modify", "False", code, code)]},
        {"Status": "CREATE_COMPLETE", "Changes": [of("C", "Modify", "True", memory), of("D", "Remove")]},
        {
            "Status": "CREATE_COMPLETE",
            "Changes": [of("E", "Modify", "Conditional", long), of("F", "Modify", "False", {"Attribute": "Tags"})],
        },
        {
            "Status": "CREATE_COMPLETE",
            "Changes": [of("G", "Modify", "False", secret, later)],
        },
    ]
    plan = propose(on(cloudformation))
    assert plan
    assert plan.changes == [
        Change("Add", "A", "T", [], ""),
        Change("Modify", "B", "T", ["code"], ""),
        Change("Modify", "C", "T", ["MemorySize: 512 → 1024"], "yes"),
        Change("Remove", "D", "T", [], ""),
        Change("Modify", "E", "T", ["DashboardBody"], "maybe"),
        Change("Modify", "F", "T", ["tags"], ""),
        Change("Modify", "G", "T", ["Environment.Variables.TOKEN", "MemorySize"], ""),
    ]


@pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED"])
def test_a_first_creation_that_failed_is_cleared_away(status: str) -> None:
    assert not StackState(STACK_ID, status, "", {}).is_deployed
    cloudformation, seen = CloudFormation(status, looks=[["app DELETE_IN_PROGRESS"], ["app DELETE_COMPLETE"]]), Events()
    assert on(cloudformation).prepare(seen) is None
    assert ("delete_stack", {"StackName": STACK_ID}) in cloudformation.asked
    assert [event.status for event in seen] == ["DELETE_IN_PROGRESS", "DELETE_COMPLETE"]


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ("UPDATE_IN_PROGRESS", "another change is under way"),
        ("UPDATE_ROLLBACK_FAILED", "choose 'Continue update rollback'"),
        ("DELETE_FAILED", "run 'slips destroy' again"),
    ],
)
def test_a_stack_that_cannot_be_changed_is_left_alone(status: str, told: str) -> None:
    cloudformation = CloudFormation(status)
    with pytest.raises(SlipsError, match=told):
        on(cloudformation).prepare(Events())
    assert cloudformation.operations() == ["describe_stacks"]


@pytest.mark.parametrize(
    "status", ["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "REVIEW_IN_PROGRESS"]
)
def test_a_stack_at_rest_is_changed(status: str) -> None:
    state = on(CloudFormation(status)).prepare(Events())
    assert state
    assert (state.status, state.is_deployed) == (status, status != "REVIEW_IN_PROGRESS")


def test_resources_that_cannot_be_deleted_are_named() -> None:
    cloudformation = CloudFormation(looks=[["Role DELETE_FAILED it is in use", "app DELETE_FAILED"]])
    with pytest.raises(SlipsError, match=r"DELETE_FAILED; what is named is left(.|\n)*Role .*it is in use"):
        on(cloudformation).delete(STACK_ID, Events())


def test_a_deletion_that_goes_on_is_followed_to_its_end_and_one_that_has_ended_is_done() -> None:
    seen = Events()
    going = CloudFormation("DELETE_IN_PROGRESS", looks=[["app DELETE_IN_PROGRESS"], [], ["app DELETE_COMPLETE"]])
    on(going).delete(STACK_ID, seen)
    assert [event.status for event in seen] == ["DELETE_COMPLETE"]
    assert "delete_stack" not in going.operations()
    for status in ("DELETE_COMPLETE", None):
        gone = CloudFormation(status)
        on(gone).delete(STACK_ID, Events())
        assert "delete_stack" not in gone.operations()


def test_termination_protection_is_told() -> None:
    class Protected(CloudFormation):
        def on_delete_stack(self, **_: Any) -> Any:
            raise refusal("ValidationError", "TerminationProtection is enabled")

    with pytest.raises(SlipsError, match="without termination protection"):
        on(Protected()).delete(STACK_ID, Events())


# ---- what `slips limit` changed


class Functions:
    """The functions and mappings as they run; `changes` are what was changed of them, in order."""

    def __init__(self, delay: str, batch_size: int, records: int) -> None:
        self.variables = {"SLIPS_DELAY": delay, "SLIPS_BATCH_SIZE": str(batch_size), "SLIPS_STACK": "app"}
        self.records, self.timeout, self.changes = records, 960, list[str]()

    def get_function_configuration(self, FunctionName: str) -> Any:
        assert FunctionName == "app-Fast"
        return {"Environment": {"Variables": self.variables}}

    def update_function_configuration(self, FunctionName: str, Environment: Any, Timeout: int) -> None:
        self.variables, self.timeout = Environment["Variables"], Timeout
        self.changes.append("function")

    def get_event_source_mapping(self, UUID: str) -> Any:
        assert UUID == "uuid"
        return {"BatchSize": self.records}

    def update_event_source_mapping(self, UUID: str, BatchSize: int) -> None:
        self.records = BatchSize
        self.changes.append("mapping")


def lanes(delay: int, batch_size: int, records: int) -> dict[str, Any]:
    variables = {"SLIPS_DELAY": str(delay), "SLIPS_BATCH_SIZE": str(batch_size)}
    properties = {"Environment": {"Variables": variables}, "Timeout": 360}
    function = {"Type": "AWS::Lambda::Function", "Properties": properties}
    mapping = {"Type": "AWS::Lambda::EventSourceMapping", "Properties": {"BatchSize": records}}
    return {"Resources": {"FastDispatcher": function, "FastDispatcherMapping": mapping}}


def limited(functions: Functions, former: dict[str, Any]) -> LimitChanges:
    cloudformation = CloudFormation()
    cloudformation.body, cloudformation.resources = (
        former,
        {"FastDispatcher": "app-Fast", "FastDispatcherMapping": "uuid"},
    )
    return LimitChanges(on(cloudformation, functions))


def test_only_settings_that_limit_changed_are_shown_and_restored() -> None:
    functions = Functions("50.0", 20, 120)
    limits = limited(functions, lanes(0, 1, 100))
    found = limits.changed(lanes(0, 1, 100))
    assert list(map(str, found)) == [
        "lane fast: delay 50 set by 'slips limit', back to 0",
        "lane fast: batch size 20 set by 'slips limit', back to 1",
        "lane fast: records at once 120 set by 'slips limit', back to 100",
    ]
    limits.restore(found)
    assert functions.variables == {"SLIPS_DELAY": "0", "SLIPS_BATCH_SIZE": "1", "SLIPS_STACK": "app"}
    assert (functions.records, functions.timeout) == (100, 360)
    assert limits.changed(lanes(0, 1, 100)) == []


@pytest.mark.parametrize(
    ("now", "then", "order"),
    [((0, 1, 100), (60, 1, 5), ["mapping", "function"]), ((60, 1, 5), (0, 1, 100), ["function", "mapping"])],
)
def test_a_dispatcher_never_has_more_records_than_time_while_limits_are_set_back(
    now: tuple[int, int, int], then: tuple[int, int, int], order: list[str]
) -> None:
    functions = Functions(str(now[0]), *now[1:])
    limits = limited(functions, lanes(*then))
    limits.restore(limits.changed(lanes(*then)))
    assert functions.changes == order


def test_records_become_fewer_before_a_deploy_makes_a_dispatcher_wait_longer_and_never_more() -> None:
    functions = Functions("0", 1, 100)
    limits = limited(functions, lanes(0, 1, 100))
    limits.make_room(lanes(60, 1, 5))
    assert (functions.records, functions.variables["SLIPS_DELAY"]) == (5, "0")
    limits.make_room(lanes(0, 1, 100))
    assert functions.records == 5


def test_settings_that_the_config_changes_are_not_ascribed_to_limit() -> None:
    assert limited(Functions("0", 1, 100), lanes(0, 1, 100)).changed(lanes(7, 10, 90)) == []
    assert limited(Functions("7", 10, 90), lanes(0, 1, 100)).changed(lanes(7, 10, 90)) == []


def test_a_stack_that_slips_did_not_write_has_no_such_settings() -> None:
    assert limited(Functions("5", 20, 100), {}).changed(lanes(0, 1, 100)) == []


def test_a_batch_size_that_limit_set_on_a_stack_of_the_version_before_is_set_back() -> None:
    former = lanes(0, 100, 100)
    del former["Resources"]["FastDispatcher"]["Properties"]["Environment"]["Variables"]["SLIPS_BATCH_SIZE"]
    functions = Functions("0", 100, 20)
    (found,) = limited(functions, former).changed(lanes(0, 100, 100))
    assert (found.what, found.now, found.then) == ("records at once", 20, 100)
