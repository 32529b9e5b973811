"""`permissions_boundary`: what a policy of IAM allows, held against what the roles of the stack do."""

from __future__ import annotations

from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from slips.config import Config, parse
from slips.deploy import boundary, template
from slips.deploy.account import Account
from slips.deploy.boundary import Findings
from slips.deploy.policies import permits, verdict

pytestmark = pytest.mark.once

REGION, ACCOUNT = "ap-northeast-1", "123456789012"
BOUNDARY = f"arn:aws:iam::{ACCOUNT}:policy/Boundary"
CONFIG = f"""\
stack_name: app
base: {{sam: {{code_bucket: my-code}}}}
backend: {{s3_direct: true}}
handler: {{path: handler.py}}
permissions_boundary: {BOUNDARY}
bucket_mapping: {{my-logs: [{{prefix: a/, format: json}}]}}
"""
STREAM = f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/app-EventFastStream-*"
SCAN, OBJECTS = ("dynamodb:Scan", f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/t"), "arn:aws:s3:::my-logs/a/*"


def statement(effect: str = "Allow", **about: Any) -> dict[str, Any]:
    action = {} if "NotAction" in about else {"Action": "*"}
    resource = {} if "NotResource" in about else {"Resource": "*"}
    return {"Effect": effect, **action, **resource, **about}


def document(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


# ---- what a policy allows


@pytest.mark.parametrize(
    ("expected", "action", "resource", "statements"),
    [
        ("allowed", *SCAN, [statement()]),
        ("allowed", *SCAN, [statement(Action=["s3:*", "DynamoDB:scan"])]),
        ("allowed", *SCAN, [statement(NotAction="iam:*")]),
        ("allowed", *SCAN, [statement(NotResource="arn:aws:s3:::*")]),
        ("allowed", *SCAN, [statement(), statement("Deny", Action="dynamodb:Delete*")]),
        ("allowed", *SCAN, [statement(), statement("Deny", NotAction=["dynamodb:*", "s3:*"])]),
        ("allowed", *SCAN, [statement(), statement("Deny", NotResource=SCAN[1])]),
        ("allowed", "s3:GetObject", OBJECTS, [statement(Resource="arn:aws:s3:::my-logs/*")]),
        ("allowed", "s3:GetObject", OBJECTS, [statement(Resource="arn:*:s3:::my-????/a/*")]),
        ("allowed", "s3:GetObject", "arn:aws:s3:::b/${*}*", [statement(Resource="arn:aws:s3:::b/${*}*")]),
        ("allowed", "s3:GetObject", "arn:aws:s3:::b/x", [statement(Resource="arn:aws:s3:::b/x**")]),
        ("refused", *SCAN, []),
        ("refused", *SCAN, [statement(Action=["logs:*", "s3:*"])]),
        ("refused", *SCAN, [statement(NotAction=["dynamodb:S*"])]),
        ("refused", *SCAN, [statement(NotResource="arn:aws:dynamodb:*")]),
        ("refused", *SCAN, [statement(Resource=SCAN[1].replace("/t", "/T"))]),
        ("refused", *SCAN, [statement(), statement("Deny", Action="dynamodb:*")]),
        ("refused", *SCAN, [statement(), statement("Deny", NotAction="s3:*")]),
        ("refused", "s3:GetObject", OBJECTS, [statement(Resource="arn:aws:s3:::my-logs/b/*")]),
        ("refused", "s3:GetObject", OBJECTS, [statement(Resource="arn:aws:s3:::other-${aws:username}/?/b")]),
        ("refused", "s3:GetObject", "arn:aws:s3:::b/x", [statement(Resource="arn:aws:s3:::b/${*}")]),
        ("unknown", "s3:GetObject", OBJECTS, [statement(Resource="arn:aws:s3:::my-logs/a/b/*")]),
        ("unknown", "s3:GetObject", OBJECTS, [statement(Resource="arn:aws:s3:::my-logs/a/?")]),
        ("unknown", "s3:GetObject", OBJECTS, [statement(Resource="arn:aws:s3:::my-logs/${aws:username}/*")]),
        ("unknown", *SCAN, [statement(Condition={"Bool": {"aws:SecureTransport": "true"}})]),
        (
            "unknown",
            *SCAN,
            [statement(), statement("Deny", Condition={"StringNotEquals": {"aws:RequestedRegion": "x"}})],
        ),
        ("unknown", "s3:GetObject", OBJECTS, [statement(), statement("Deny", Resource="arn:aws:s3:::my-logs/a/b")]),
    ],
)
def test_a_policy_allows_what_it_covers_and_refuses_what_it_does_not_touch(
    expected: str, action: str, resource: str, statements: list[dict[str, Any]]
) -> None:
    assert verdict(document(*statements), action, resource) == expected


def test_not_action_and_not_principal_are_of_all_others() -> None:
    def may_publish(*statements: dict[str, Any]) -> bool:
        return permits(document(*statements), "sns:Publish", None, ACCOUNT)

    s3 = {"Service": "s3.amazonaws.com"}
    assert may_publish(statement(Principal=s3, NotAction="sns:Subscribe"))
    assert not may_publish(statement(Principal=s3, NotAction="SNS:*"))
    assert not may_publish(
        statement(Principal="*"), statement("Deny", NotPrincipal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"})
    )
    assert may_publish(statement(Principal="*"), statement("Deny", NotPrincipal=s3))


# ---- what the roles do


def found(*statements: dict[str, Any], config: str = CONFIG) -> Findings:
    parsed = parse(config)
    made = template.build(parsed, template.Code("code", "key"))
    return boundary.judge("B", document(*statements), made, an_account(None), parsed.stack_name)


def an_account(iam: Any) -> Account:
    account = Account(cast("Any", None), region=REGION, id=ACCOUNT)
    account.iam = iam
    return account


@pytest.mark.parametrize(
    "config", [CONFIG, CONFIG.replace(": app", ": a-stack-whose-name-is-too-long-for-its-functions")]
)
def test_a_boundary_by_the_names_of_the_stack_allows_what_its_roles_do(config: str) -> None:
    name, place = parse(config).stack_name[:24], f"{REGION}:{ACCOUNT}"
    own = [f"arn:aws:kinesis:{place}:stream/{name}*", f"arn:aws:dynamodb:{place}:table/{name}*"]
    own += [f"arn:aws:lambda:{place}:function:{name}*", f"arn:aws:logs:{place}:log-group:{name}*"]
    own += [f"arn:aws:sns:{place}:{name}*", f"arn:aws:sqs:{place}:{name}*", OBJECTS]
    assert found(statement(Resource=own), config=config) == Findings([], [])


def test_rights_that_tracing_and_a_vpc_need_are_looked_at() -> None:
    settings = "tracing: true, subnet_ids: [subnet-a], security_group_ids: [sg-a]"
    config = CONFIG.replace("path: handler.py", f"path: handler.py, {settings}")
    problems = found(statement(NotAction=["xray:*", "ec2:*"]), config=config).problems
    assert len([one for one in problems if "xray:PutTraceSegments" in one]) == 5
    assert [one.partition(" for ")[2].partition(";")[0] for one in problems if "ec2:" in one] == ["MainFuncRole"]


def test_each_role_is_told_what_its_boundary_certainly_refuses() -> None:
    told = found(statement(Action=["logs:*", "s3:*"]))
    assert told.notes == []
    assert told.problems[0].startswith(
        "B does not allow kinesis:PutRecords, sns:Publish for EventPusherRole; expected "
    )
    roles = [problem.partition(" for ")[2].partition(";")[0] for problem in told.problems]
    assert roles == ["EventPusherRole", "DispatcherRole", "MainFuncRole", "ReporterRole", "DrainRole"]


def test_an_action_that_is_allowed_on_others_alone_is_told_with_its_resource() -> None:
    kinesis = f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/other-*"
    told = found(statement(NotAction="kinesis:*"), statement(Action="kinesis:*", Resource=kinesis))
    assert told.problems[0].startswith(f"B does not allow kinesis:PutRecords on {STREAM}, kinesis:PutRecords on ")


def test_a_permission_that_conditions_decide_is_a_note() -> None:
    limited = statement("Deny", Action="sns:*", Condition={"Bool": {"aws:SecureTransport": "false"}})
    told = found(statement(), limited)
    assert told.problems == []
    (note,) = told.notes
    assert "whether it allows sns:Publish on arn:" in note
    assert "for EventPusherRole; sns:Publish on arn:" in note


def test_given_roles_and_rights_of_the_handler_are_not_the_boundarys() -> None:
    text = CONFIG.replace("path: handler.py", "path: handler.py, policies: [{actions: ses:SendEmail, resources: '*'}]")
    assert found(statement(NotAction="ses:*"), config=text) == Findings([], [])
    text = CONFIG.replace("s3_direct: true", f"s3_direct: true, role_arn: {{drain: 'arn:aws:iam::{ACCOUNT}:role/a'}}")
    assert found(statement(NotAction="dynamodb:Scan"), config=text) == Findings([], [])


# ---- how it is read


class Iam:
    """IAM with one policy, whose second version is in force; or that answers with an error."""

    def __init__(self, *statements: dict[str, Any], refusal: str = "") -> None:
        self.versions, self.refusal = {"v1": document(), "v2": document(*statements)}, refusal

    def get_policy(self, *, PolicyArn: str) -> Any:
        assert PolicyArn == BOUNDARY
        if self.refusal:
            raise ClientError({"Error": {"Code": self.refusal, "Message": "no"}}, "GetPolicy")
        return {"Policy": {"DefaultVersionId": "v2"}}

    def get_policy_version(self, *, PolicyArn: str, VersionId: str) -> Any:
        assert PolicyArn == BOUNDARY
        return {"PolicyVersion": {"Document": self.versions[VersionId]}}


def looked(iam: Iam) -> Findings:
    config: Config = parse(CONFIG)
    made = template.build(config, template.Code("code", "key"))
    return boundary.look(BOUNDARY, "B", made, an_account(iam), config.stack_name)


def test_the_version_that_is_in_force_is_judged() -> None:
    assert looked(Iam(statement())) == Findings([], [])
    assert len(looked(Iam(statement(Action="s3:*"))).problems) == 5


def test_a_boundary_that_is_not_there_is_a_problem_and_one_that_may_not_be_read_a_note() -> None:
    missing = looked(Iam(refusal="NoSuchEntity"))
    assert missing == Findings(["B is not there; expected a policy that exists; make it, or mend the ARN"], [])
    (note,) = looked(Iam(refusal="AccessDenied")).notes
    assert note.startswith("B was not looked at: AWS denies iam:GetPolicy; ")
