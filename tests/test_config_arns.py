"""Promises about the keys that hold ARNs: each follows its one declaration, in `check` and in `deploy`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
import yaml
from msgspec import inspect

from configs import _lines, check, no_chain_problems
from deploys import Denied
from slips.config import Config
from slips.config.arns import given_arns
from slips.config.check import check as check_config
from slips.config.declared import every_key, keys_of, unwrap
from slips.deploy.account import Account
from slips.deploy.checks import check_account
from slips.deploy.checks import check_config as refuse
from slips.errors import ConfigError

REGION, ID = "ap-northeast-1", "123456789012"
TOPIC = f"arn:aws:sns:{REGION}:{ID}:topic"
SMALL = f"""\
stack_name: sample
base: {{sam: {{code_bucket: my-code}}}}
backend:
  sns_topics: [{{name: First, arn: '{TOPIC}'}}]
handler: {{path: handler.py}}
bucket_mapping: {{my-logs: [{{prefix: a/, format: json}}]}}
"""


CONFIG_TYPE = inspect.type_info(Config)


def _arns() -> Iterator[tuple[str, dict[str, Any]]]:
    """List each place of the declaration that takes an ARN: `backend.sns_topics[].arn`, with its notes."""
    for path, one in every_key(CONFIG_TYPE):
        kind, notes = unwrap(one.type)
        is_list = isinstance(kind, inspect.ListType)
        if isinstance(kind, inspect.ListType):
            kind, notes = unwrap(kind.item_type)
        if "arn" in notes and isinstance(kind, inspect.StrType):
            yield f"{path}[]" if is_list else path, notes


ARNS = dict(_arns())
"""The notes of each place, as the declaration has them."""
OTHER = {"region": "us-east-1", "account": "999999999999", "partition": "aws-cn"}
CHECKED: dict[str, set[str]] = {
    "stack": {"region", "account", "partition"},
    "region": {"region", "partition"},
    "account": {"account", "partition"},
    "anywhere": {"partition"},
}
"""The parts that must be those of the stack, by the home of a resource."""


def with_arn(path: str, arn: str, *, embedded: bool = False) -> tuple[str, int]:
    """Return a config that has `arn` at `path` behind an SNS topic, and the line of the ARN."""
    data: dict[str, Any] = msgspec.yaml.decode(SMALL)
    backend = {**data.pop("backend"), **({"embedded": {"buckets": {"my-logs": "logs"}}} if embedded else {})}
    data = {"backend": backend, **data}
    place: Any = data
    kind: inspect.Type = CONFIG_TYPE
    *above, last = path.split(".")
    for name in above:
        struct, _ = unwrap(kind)
        assert isinstance(struct, inspect.StructType)
        kind = keys_of(struct)[name.removesuffix("[]")].type
        if name.endswith("[]"):
            list_type, _ = unwrap(kind)
            assert isinstance(list_type, inspect.ListType)
            kind = list_type.item_type
            item, _ = unwrap(kind)
            assert isinstance(item, inspect.StructType)
            needed = {key: "Second" for key, one in keys_of(item).items() if one.required and key != last}
            place = place.setdefault(name.removesuffix("[]"), [])
            place.append(needed)
            place = place[-1]
        else:
            place = place.setdefault(name, {})
    place[last.removesuffix("[]")] = [arn] if last.endswith("[]") else arn
    text = yaml.safe_dump(data, sort_keys=False, width=1000)
    (line,) = [number for number, each in enumerate(text.splitlines(), 1) if each.endswith(arn)]
    return text, line


def changed(arn: str, part: str) -> str | None:
    """Return the ARN with another region, account or partition; None if it has none."""
    parts = arn.split(":")
    place = {"partition": 1, "region": 3, "account": 4}[part]
    if not parts[place]:
        return None
    return ":".join([*parts[:place], OTHER[part], *parts[place + 1 :]])


def refusals(text: str, file: str = "slips.yml") -> list[str]:
    """Return the problems for which `deploy` refuses a config, in an account that denies every look."""
    config, problems = check_config(text, file, check_chain=no_chain_problems, files=False)
    assert config is not None, problems
    session = cast("Any", type("Session", (), {"client": lambda *_, **__: Denied()})())
    account = Account(session, region=REGION, id=ID)
    found: list[str] = []
    for run in (lambda: refuse(config), lambda: check_account(config, account)):
        try:
            run()
        except ConfigError as error:
            found += error.problems
    return [each for each in found if "base.sam.code_bucket 'my-code': AWS denies" not in each]


def all_of(text: str) -> list[str]:
    """Return errors and warnings of `check`."""
    return [str(problem) for problem in check(text)[1]]


def test_every_kind_of_key_that_holds_an_arn_is_found() -> None:
    assert {
        "permissions_boundary",
        "backend.sns_topics[].arn",
        "backend.sqs_queues[].arn",
        "backend.role_arn.drain",
        "backend.kms_key_arns[]",
        "handler.policies[].arn",
        "handler.layers[]",
    } <= {*ARNS}
    named = {path for path, _ in every_key(CONFIG_TYPE) if path.rpartition(".")[2].endswith(("arn", "arns"))}
    assert named - {path.removesuffix("[]") for path in ARNS} == {"backend.role_arn"}


@pytest.mark.parametrize("path", ARNS)
def test_the_example_of_a_key_is_fine_for_check_and_deploy(path: str) -> None:
    text, _ = with_arn(path, ARNS[path]["examples"][0])
    assert all_of(text) == refusals(text) == []
    config, _ = check(text)
    assert config is not None
    assert [one.arn for one in given_arns(config) if one.arn != TOPIC] == ARNS[path]["examples"]


@pytest.mark.parametrize("path", ARNS)
def test_a_placeholder_is_a_warning_with_its_line_and_deploy_refuses_it(path: str) -> None:
    arn = ARNS[path]["examples"][0].replace(ID, "1234xxxxxx")
    text, line = with_arn(path, arn)
    (told,) = _lines(check(text)[1], "warning")
    assert told.startswith(f"{line}: ")
    assert f"'{arn}' is a placeholder; expected an ARN with a region and an account" in told
    assert refusals(text)[0].startswith(f"slips.yml: '{arn}' is a placeholder; expected the ARN of something real")


@pytest.mark.parametrize("path", ARNS)
def test_an_arn_of_another_service_or_a_malformed_one_is_an_error_with_its_line(path: str) -> None:
    example = ARNS[path]["examples"][0]
    service = example.split(":")[2]
    wrong = [
        "seclog",
        f"arn:aws:s3:{REGION}:{ID}:thing",
        example.replace(":aws:", ":"),
        example.replace(service, f"{service}x"),
    ]
    for arn in wrong:
        text, line = with_arn(path, arn)
        (told,) = _lines(check(text)[1], "error")
        assert told.startswith(f"{line}: ")
        assert f"'{arn}' does not fit; expected an ARN such as {example}" in told


@pytest.mark.parametrize("path", [path for path, notes in ARNS.items() if notes["arn"] != "iam"])
def test_an_arn_without_a_region_cannot_be_real_if_its_service_has_regions(path: str) -> None:
    text, line = with_arn(path, ARNS[path]["examples"][0].replace(REGION, ""))
    found, problems = check(text)
    (told,) = _lines(problems, "warning" if found else "error")
    assert told.startswith(f"{line}: ")
    assert "is a placeholder; expected an ARN with a region" in told or "does not fit; expected an ARN such as" in told


@pytest.mark.parametrize("path", [path for path, notes in ARNS.items() if notes["arn"] == "iam"])
def test_an_arn_of_iam_has_no_region(path: str) -> None:
    arn = ARNS[path]["examples"][0].replace("iam::", f"iam:{REGION}:")
    text, line = with_arn(path, arn)
    (told,) = _lines(check(text)[1], "error")
    assert told.startswith(f"{line}: ")
    assert f"'{arn}' does not fit; expected an ARN such as arn:aws:iam::" in told


@pytest.mark.parametrize("part", OTHER)
@pytest.mark.parametrize("path", ARNS)
def test_an_arn_elsewhere_than_the_stack_is_refused_by_check_with_its_line_and_by_deploy(path: str, part: str) -> None:
    arn = changed(ARNS[path]["examples"][0], part)
    if arn is None:
        return  # IAM has no regions
    text, line = with_arn(path, arn)
    config, problems = check(text)
    here, _ = with_arn(path, arn, embedded=True)
    if part not in CHECKED[ARNS[path]["home"]]:
        assert all_of(text) == refusals(here) == []
        return
    assert config is None
    (told,) = _lines(problems, "error")
    of = "" if part == "region" else f"{part} "
    assert told.startswith(f"{line}: ")
    assert f"'{arn}' is of {of}{OTHER[part]}, but backend.sns_topics[0].arn on line " in told
    assert f"expected one {part}, that of the stack" in told
    assert [
        one
        for one in _lines(check(here)[1], "warning")
        if f"'{arn}'" in one and one.endswith("'deploy' will refuse it")
    ]
    assert [one for one in refusals(here) if f"'{arn}' is " in one]


@pytest.mark.parametrize("path", ARNS)
def test_deploy_tells_the_line_of_an_arn_too(path: str, tmp_path: Path) -> None:
    example = ARNS[path]["examples"][0]
    for arn in (example.replace(ID, "1234xxxxxx"), changed(example, "account"), changed(example, "region")):
        text, line = with_arn(path, arn or example, embedded=True)
        (tmp_path / "slips.yml").write_text(text)
        found = [one for one in refusals(text, str(tmp_path / "slips.yml")) if f"'{arn}' is " in one]
        assert [one.partition(": ")[0] for one in found] == [f"slips.yml:{line}"] * len(found)
        assert found or arn is None or ARNS[path]["home"] in ("region", "anywhere", "account")


def test_policies_of_aws_belong_to_every_account() -> None:
    for path, notes in ARNS.items():
        if notes["home"] == "account":
            text, _ = with_arn(path, "arn:aws:iam::aws:policy/ReadOnlyAccess")
            assert all_of(text) == refusals(text) == []


def test_an_arn_in_the_stacks_own_account_and_region_by_pseudo_parameters_is_no_stranger() -> None:
    text, _ = with_arn("handler.layers[]", "arn:${AWS::Partition}:lambda:${AWS::Region}:${AWS::AccountId}:layer:a:1")
    assert all_of(text) == refusals(text) == []


def test_a_resource_that_may_be_encrypted_says_who_uses_its_key() -> None:
    """Without either, `deploy` would not look for its KMS key, and no role could use it."""
    encrypted = {path: notes for path, notes in ARNS.items() if notes["arn"] in ("sns", "sqs", "kinesis", "dynamodb")}
    assert len(encrypted) == 7
    assert {path for path, notes in encrypted.items() if not (notes["has_roles"] or notes["senders"])} == set()
