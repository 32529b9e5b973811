"""What the config gives the handler and the stack on AWS: policies, layers, traces, tags, a boundary."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent, indent
from typing import Any

import pytest

from slips import config
from slips.config.arns import placeholder_arns
from slips.config.check import check
from slips.deploy.template import Code, Template, build

pytestmark = pytest.mark.once

TOOLS = "arn:aws:lambda:us-east-1:017000801446:layer:tools"


def text(handler: str = "", top: str = "") -> str:
    """A config whose handler has these keys more, from line 3 on; `top` stands below all others."""
    return (
        "stack_name: rights\nhandler:\n"
        + indent(dedent(handler).strip("\n"), "  ")
        + "\n  path: handler.py\nbackend: {s3_direct: true}\nbucket_mapping: {my-logs: [{prefix: '', format: json}]}\n"
        + dedent(top)
    )


def policies(*entries: str) -> str:
    """A config with these policies, from line 4 on."""
    return text("policies:\n" + "\n".join(f"  - {entry}" for entry in entries))


def problems(config_text: str, level: str = "error") -> list[str]:
    found = check(config_text, "slips.yml", files=False)[1]
    return [str(one).removeprefix("slips.yml:") for one in found if one.level == level]


def made(config_text: str) -> Template:
    return build(config.parse(config_text), Code("code", "key"))


def properties(config_text: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = made(config_text)["Resources"][name]["Properties"]
    return found


def inline(config_text: str) -> list[dict[str, Any]]:
    """The statements of the handler's own policy."""
    slips, *own = properties(config_text, "MainFuncRole")["Policies"]
    assert slips["PolicyName"] == "slips"
    assert [one["PolicyName"] for one in own] == ["handler"] * len(own)
    return [statement for one in own for statement in one["PolicyDocument"]["Statement"]]


# ---- policies: what comes of them


def test_actions_on_resources_become_a_statement_that_allows_them() -> None:
    short = policies('{actions: [s3:PutObject, "s3:Get*"], resources: "arn:aws:s3:::out/*"}')
    allowed = {"Effect": "Allow", "Action": ["s3:PutObject", "s3:Get*"], "Resource": ["arn:aws:s3:::out/*"]}
    assert inline(short) == [allowed]
    assert "ManagedPolicyArns" not in properties(short, "MainFuncRole")


def test_an_iam_statement_is_taken_as_it_is() -> None:
    whole = policies(
        "{Sid: Mine, Effect: Deny, NotAction: s3:PutObject, NotResource: ['arn:aws:s3:::out/*'],"
        " Condition: {'ForAllValues:StringNotLikeIfExists': {aws:TagKeys: [a, b]},"
        " Bool: {aws:SecureTransport: 'false'}}}"
    )
    assert inline(whole) == [
        {
            "Sid": "Mine",
            "Effect": "Deny",
            "NotAction": ["s3:PutObject"],
            "NotResource": ["arn:aws:s3:::out/*"],
            "Condition": {
                "ForAllValues:StringNotLikeIfExists": {"aws:TagKeys": ["a", "b"]},
                "Bool": {"aws:SecureTransport": ["false"]},
            },
        }
    ]


def test_an_arn_is_a_managed_policy() -> None:
    aws, own = "arn:aws:iam::aws:policy/AmazonSSMReadOnlyAccess", "arn:${AWS::Partition}:iam::123456789012:policy/a/Own"
    both = policies(aws, f'"{own}"', f"{{arn: {aws}}}")
    assert properties(both, "MainFuncRole")["ManagedPolicyArns"] == [aws, {"Fn::Sub": own}]
    assert inline(both) == []


def test_only_the_role_of_the_main_func_gets_policies_and_only_if_there_are_some() -> None:
    roles = [one for one in made(policies("{actions: s3:PutObject, resources: '*'}"))["Resources"] if "Role" in one]
    own = policies("{actions: s3:PutObject, resources: '*'}", "arn:aws:iam::aws:policy/X")
    for role in roles:
        expected = 2 if role == "MainFuncRole" else 1
        assert len(properties(own, role)["Policies"]) == expected, role
        assert ("ManagedPolicyArns" in properties(own, role)) == (role == "MainFuncRole")
    assert len(properties(text(), "MainFuncRole")["Policies"]) == 1


def test_variables_of_iam_survive_and_pseudo_parameters_are_filled_in() -> None:
    def resource(arn: str) -> Any:
        return inline(policies(f'{{actions: s3:PutObject, resources: "{arn}"}}'))[0]["Resource"][0]

    iam = "arn:aws:s3:::out/${aws:username}/${*}/$x/${s3:prefix, 'all'}"
    assert resource(iam) == iam
    both = "arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:${aws:username}-${?}"
    escaped = "arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:${!aws:username}-${!?}"
    assert resource(both) == {"Fn::Sub": escaped}
    condition = "Condition: {StringEquals: {aws:SourceAccount: '${AWS::AccountId}', aws:userid: '${aws:userid}'}}"
    (statement,) = inline(policies(f"{{Effect: Allow, Action: s3:PutObject, Resource: '*', {condition}}}"))
    tests = statement["Condition"]["StringEquals"]
    assert tests == {"aws:SourceAccount": [{"Fn::Sub": "${AWS::AccountId}"}], "aws:userid": ["${aws:userid}"]}


# ---- policies: what is wrong with them


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("{actions: PutObject, resources: '*'}", ".actions[0]: 'PutObject' does not fit; expected service:Action"),
        ("{actions: 's3:Put-Object', resources: '*'}", ".actions[0]: 's3:Put-Object' does not fit"),
        ("{actions: '*:*', resources: '*'}", ".actions[0]: '*:*' does not fit"),
        ("{actions: [], resources: '*'}", ".actions: is empty; expected a list of texts, or one text"),
        ("{actions: s3:PutObject, resources: out/*}", ".resources[0]: 'out/*' does not fit; expected an ARN such as"),
        ("{actions: s3:PutObject, resources: 'arn:aws:s3:out'}", ".resources[0]: 'arn:aws:s3:out' does not fit"),
        ("{actions: s3:PutObject, resources: 'arn:aws:s3:::o/日'}", ".resources[0]: 'arn:aws:s3:::o/日' does not fit"),
        ("{actions: s3:PutObject, resources: 'arn:aws:s3:::${a'}", ".resources[0]: 'arn:aws:s3:::${a' does not fit"),
        ("{actions: s3:PutObject}", ": resources is missing; expected it in actions and resources; add it"),
        ("{resources: '*'}", ": actions is missing; expected it in actions and resources; add it"),
        ("{Action: s3:PutObject, Resource: '*'}", ": Effect is missing; expected it in an IAM statement; add it"),
        ("{Effect: Allow, Action: s3:PutObject}", ": Resource or NotResource is missing"),
        ("{Effect: Allow, Action: 's3:*', NotAction: 's3:*', Resource: '*'}", ": Action and NotAction together"),
        ("{Effect: allow, Action: 's3:*', Resource: '*'}", ".Effect: 'allow' is not known; did you mean 'Allow'?"),
        ("{Effect: Allow, actions: 's3:*', resources: '*'}", ": actions and resources beside an IAM statement"),
        ("{arn: arn:aws:iam::aws:policy/X, actions: 's3:*', resources: '*'}", ": actions and resources beside the ARN"),
        ("{}", ": is empty; expected one of these: actions and resources, the ARN of a managed policy"),
        ("{actions: s3:PutObject, resources: '*', Principal: x}", ": key 'Principal' is not known; expected actions"),
        ("s3:PutObject", ": 's3:PutObject' does not fit; expected an ARN such as arn:aws:iam::123456789012:policy/Out"),
        ("arn:aws:s3:::out", ": 'arn:aws:s3:::out' does not fit; expected an ARN such as"),
        ("[s3:PutObject]", ": found a list; expected actions and resources, an IAM statement, or the ARN"),
        (
            "{Effect: Deny, Action: 's3:*', Resource: '*', Condition: {StringEqual: {a: b}}}",
            ".Condition.StringEqual: 'StringEqual' does not fit; expected an operator of IAM",
        ),
        (
            "{Effect: Deny, Action: 's3:*', Resource: '*', Condition: {Bool: {aws:SecureTransport: false}}}",
            ".Condition.Bool.aws:SecureTransport[0]: 'false' is true or false to YAML; expected text",
        ),
        (
            "{actions: s3:PutObject, resources: 'arn:aws:s3:::${AWS::StackId}/*'}",
            ".resources: '${AWS::StackId}' is no variable; expected ${AWS::AccountId}, ${AWS::Partition}",
        ),
        (
            "{actions: s3:PutObject, resources: 'arn:aws:s3:::${MyBucket}/*'}",
            ".resources: '${MyBucket}' is no variable; expected ${AWS::AccountId}",
        ),
        (
            "{Effect: Deny, Action: 's3:*', Resource: '*', Condition: {StringLike: {a: '${AWS::X}'}}}",
            ".Condition: '${AWS::X}' is no variable",
        ),
    ],
)
def test_a_policy_that_iam_would_refuse_is_an_error_with_its_line(entry: str, told: str) -> None:
    fine = "{actions: s3:PutObject, resources: 'arn:aws:s3:::out/*'}"
    (problem,) = problems(policies(fine, entry))
    assert problem.startswith(f"5: handler.policies[1]{told}")


def test_statements_have_names_that_differ() -> None:
    same = "{Sid: A, Effect: Allow, Action: s3:PutObject, Resource: '*'}"
    assert problems(policies(same, same.replace("Sid: A", "Sid: B"), same)) == [
        "6: handler.policies[2].Sid: Sid 'A' is there twice; expected each once; rename it"
    ]


@pytest.mark.parametrize(
    "entry", ["{actions: '*', resources: [a, '*']}", "{Effect: Allow, Action: [s3:*, '*'], Resource: '*'}"]
)
def test_every_action_on_everything_is_a_warning(entry: str) -> None:
    found = policies(entry.replace("[a, '*']", "['arn:aws:s3:::a', '*']"))
    (warning,) = problems(found, "warning")
    assert warning.startswith("4: handler.policies[0]: allows every action on everything; expected what the handler")
    assert config.parse(found)
    denied = "{Effect: Deny, Action: '*', Resource: '*'}"
    narrow = "{actions: '*', resources: 'arn:aws:s3:::a'}", "{actions: s3:*, resources: '*'}"
    assert problems(policies(denied, *narrow), "warning") == []


def test_a_role_that_the_config_gives_gets_no_policies() -> None:
    (problem,) = problems(
        text("role_arn: arn:aws:iam::123456789012:role/Main\npolicies: [arn:aws:iam::aws:policy/ReadOnlyAccess]")
    )
    assert problem.startswith("4: handler.policies beside handler.role_arn; expected one of them")
    assert "give that role these rights yourself, or take handler.role_arn away" in problem


def test_the_example_of_the_docs_can_be_deployed() -> None:
    page = (Path(__file__).parents[1] / "docs" / "aws.md").read_text(encoding="utf-8")
    (example,) = [one for one in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL) if "policies:" in one]
    rest = "stack_name: a\nbackend: {s3_direct: true}\nbucket_mapping: {my-logs: [{prefix: '', format: json}]}\n"
    assert (problems(example + rest), problems(example + rest, "warning")) == ([], [])
    assert placeholder_arns(config.parse(example + rest)) == []
    assert len(inline(example + rest)) == 2


# ---- layers, traces


def test_layers_are_the_main_funcs_alone() -> None:
    layered = text(f'layers: ["{TOOLS}:7", "arn:aws:lambda:${{AWS::Region}}:017000801446:layer:more:1"]')
    more = {"Fn::Sub": "arn:aws:lambda:${AWS::Region}:017000801446:layer:more:1"}
    assert properties(layered, "MainFunc")["Layers"] == [f"{TOOLS}:7", more]
    functions = [one["Properties"] for one in made(layered)["Resources"].values() if one["Type"].endswith("::Function")]
    assert len([one for one in functions if "Layers" in one]) == 1


@pytest.mark.parametrize(
    ("layers", "told"),
    [
        (f"[{TOOLS}]", f"3: handler.layers[0]: '{TOOLS}' does not fit; expected an ARN such as arn:aws:lambda:"),
        (f"['{TOOLS}:7', '{TOOLS}:8']", f"3: layer '{TOOLS}' is there twice, first on line 3"),
        (f"[{', '.join(f'{TOOLS}{number}:1' for number in range(6))}]", "3: handler.layers: 6 of them; expected 5 at"),
        (f"{TOOLS}:7", "3: handler.layers: "),
    ],
)
def test_layers_that_lambda_would_refuse_are_an_error(layers: str, told: str) -> None:
    (problem,) = problems(text(f"layers: {layers}"))
    assert problem.startswith(told)


def test_all_functions_are_traced_or_none_so_that_a_trace_is_whole() -> None:
    for tracing in (True, False):
        resources = made(text(f"tracing: {str(tracing).lower()}"))["Resources"]
        functions = [one["Properties"] for one in resources.values() if one["Type"] == "AWS::Lambda::Function"]
        modes = {one.get("TracingConfig", {}).get("Mode") for one in functions}
        assert modes == ({"Active"} if tracing else {None})
        roles = [name for name, one in resources.items() if one["Type"] == "AWS::IAM::Role"]
        policies = [one["Properties"] for one in resources.values() if one["Type"] == "AWS::IAM::Policy"]
        assert [policy["Roles"] for policy in policies] == [[{"Ref": role}] for role in roles if tracing]
        for policy in policies:
            (statement,) = policy["PolicyDocument"]["Statement"]
            assert statement["Action"] == ["xray:PutTraceSegments", "xray:PutTelemetryRecords"]


# ---- tags, the boundary


def test_a_boundary_holds_for_every_role_that_the_stack_makes() -> None:
    boundary = "arn:aws:iam::123456789012:policy/Boundary"
    resources = made(text(top=f"permissions_boundary: {boundary}"))["Resources"]
    roles = [one["Properties"] for one in resources.values() if one["Type"] == "AWS::IAM::Role"]
    assert [one["PermissionsBoundary"] for one in roles] == [boundary] * 5
    portable = properties(
        text(top=f"permissions_boundary: '{boundary.replace('123456789012', '${AWS::AccountId}')}'"), "DrainRole"
    )
    assert portable["PermissionsBoundary"] == {"Fn::Sub": boundary.replace("123456789012", "${AWS::AccountId}")}
    assert "PermissionsBoundary" not in properties(text(), "DrainRole")


def test_tags_are_in_the_template_for_who_deploys_it() -> None:
    assert made(text(top="tags: {team: security}"))["Metadata"]["Tags"] == {"team": "security"}
    assert "Tags" not in made(text())["Metadata"]


@pytest.mark.parametrize("tag", ["team: security", "'cost center': '4711'", "'a.b:c/d=e+f-g@h_': x", "équipe: 安全"])
def test_tags_that_every_service_takes_are_fine(tag: str) -> None:
    assert problems(text(top=f"tags: {{{tag}}}")) == []


@pytest.mark.parametrize(
    ("tags", "told"),
    [
        ("{aws:team: a}", "tags.aws:team: 'aws:team' does not fit; expected at most 128 letters"),
        ("{AWS:team: a}", "tags.AWS:team: 'AWS:team' does not fit"),
        ("{a: 'aws:x'}", "tags.a: 'aws:x' does not fit; expected 1 to 256 letters"),
        ("{'': a}", "tags.: '' does not fit"),
        ("{a: ''}", "tags.a: '' does not fit"),
        ("{a;b: c}", "tags.a;b: 'a;b' does not fit"),
        ('{a: "b\\nc"}', "tags.a: 'b\\nc' does not fit"),
        (f"{{{'k' * 129}: a}}", f"tags.{'k' * 129}: '{'k' * 77}...' does not fit"),
        (f"{{a: {'v' * 257}}}", f"tags.a: '{'v' * 77}...' does not fit"),
        ("{a: 4711}", "tags.a: '4711' is a number to YAML"),
        ("{team: a, Team: b}", "tags: 'Team' is 'team' to IAM; expected keys that differ in more than case"),
        ("{a: b😀}", "tags.a: '😀' is no letter; expected only letters, digits, blanks and"),
        ('{a: "b\\u200b"}', "tags.a: '\\u200b' is no letter"),
        ("{a€: b}", "tags.a€: '€' is no letter"),
        (f"{{{', '.join(f'k{number}: v' for number in range(51))}}}", "tags: 51 of them; expected 50 at most"),
    ],
)
def test_tags_that_aws_would_refuse_are_an_error_with_its_line(tags: str, told: str) -> None:
    (problem,) = problems(text(top=f"tags: {tags}"))
    assert problem.startswith(f"7: {told}")


def test_tags_of_the_longest_are_fine() -> None:
    assert problems(text(top=f"tags: {{{'k' * 128}: {'v' * 256}}}")) == []


# ---- ARNs that are still to be written


PLACES = {
    "policies: ['%s']": "arn:aws:iam::ACCOUNT:policy/Own",
    "policies: [{actions: s3:PutObject, resources: '%s'}]": "arn:aws:dynamodb:*:ACCOUNT:table/*",
    "policies: [{Effect: Allow, Action: s3:PutObject, Resource: '%s'}]": "arn:aws:sns:us-east-1:ACCOUNT:${s3:x}",
    "policies: [{Effect: Allow, Action: s3:PutObject, NotResource: ['*', '%s']}]": "arn:aws:sqs:us-east-1:ACCOUNT:q",
    "layers: ['%s']": "arn:aws:lambda:us-east-1:ACCOUNT:layer:tools:7",
}


@pytest.mark.parametrize("key", PLACES)
def test_placeholders_are_warnings_and_listed_for_deploy(key: str) -> None:
    for account in ("123456789012", "${AWS::AccountId}"):
        real = text(key % PLACES[key].replace("ACCOUNT", account))
        assert problems(real, "warning") == placeholder_arns(config.parse(real)) == []
    for account in ("1234xxxxxx", "12345", "<account>"):
        arn = PLACES[key].replace("ACCOUNT", account)
        (warning,) = problems(text(key % arn), "warning")
        assert re.match(rf"3: handler\.\S+: '{re.escape(arn)}' is a placeholder; .*'deploy' will refuse it", warning)
        assert placeholder_arns(config.parse(text(key % arn))) == [arn]


def test_a_boundary_may_be_a_placeholder_too() -> None:
    boundary = "arn:aws:iam::1234xxxxxx:policy/B"
    assert placeholder_arns(config.parse(text(top=f"permissions_boundary: {boundary}"))) == [boundary]
    assert problems(text(top="permissions_boundary: arn:aws:iam::aws:policy/ReadOnlyAccess"), "warning") == []
    (problem,) = problems(text(top="permissions_boundary: arn:aws:iam::123456789012:role/B"))
    assert problem.startswith("7: permissions_boundary: 'arn:aws:iam::123456789012:role/B' does not fit")


@pytest.mark.parametrize(
    "arn", ["arn:aws:s3:::out/*", "arn:*:s3:::*", "arn:aws:kms:*:*:key/*", "arn:aws:sqs:*:1234*:x"]
)
def test_wildcards_are_no_placeholders(arn: str) -> None:
    assert problems(policies(f"{{actions: s3:PutObject, resources: '{arn}'}}"), "warning") == []
