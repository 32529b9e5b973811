"""Promises of the JSON Schema for editors: it takes every right config, and refuses what it can."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
import yaml

import original
from configs import SMALL, check, handler, mapping
from projects import Project
from slips import project
from slips.config.reference import json_schema

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
VALIDATOR = jsonschema.Draft7Validator(json_schema())
AWS = project.Aws("logs", "my-code", "my-trail", "arn:aws:sns:us-east-1:123456789012:seclog")
RIGHT = {
    "the original README's": original.CONFIG,
    "init's": project.files()["slips.yml"],
    "init's for AWS": project.files(AWS)["slips.yml"],
    "the demo's": (ROOT / "examples/demo/slips.yml").read_text(),
    **{
        f"README's {n}": text
        for n, text in enumerate(re.findall(r"```yaml file=slips.yml\n(.*?)```", README, re.DOTALL))
    },
    "short forms": mapping("- {prefix: a, format: json, handler: src/a.py}")
    + "sam: {code_bucket: my-code}\nlimits: {record_bytes: 16MiB}\n",
    "long forms": mapping("- {pattern: a/*, format: [json], handler: {path: src/a.py, args: {x: [1, {y: null}]}}}"),
    "options of formats": mapping(
        "- {prefix: a, format: [{csv: {delimiter: tab, columns: [a]}}]}\n"
        "- {prefix: b, format: {'csv:tab': {columns: [a]}}}\n- {prefix: c, format: [s3-lines: , json: ]}"
    ),
    "rights": handler("policies: ['arn:aws:iam::123456789012:policy/A', {actions: s3:PutObject, resources: ['*']}]"),
}
WRONG = {
    "an unknown key": SMALL + "descripton: a",
    "an unknown key of a mapping": mapping("- {prefix: a, format: json, on_eror: fail}"),
    "an unknown option of a format": mapping("- {prefix: a, format: [{csv: {delimeter: tab}}]}"),
    "an option of another type": mapping("- {prefix: a, format: {csv: {columns: a}}}"),
    "options of a format that has none": mapping("- {prefix: a, format: [{s3-lines: {a: 1}}]}"),
    "two formats in one step": mapping("- {prefix: a, format: [{csv: {}, json: }]}"),
    "a number out of range": handler("timeout: 901"),
    "a text that YAML reads as a number": handler("environment: {A: 1.10}"),
    "an unknown choice": SMALL + "routing: [{dest: slo}]",
    "an ARN of another service": SMALL.replace("sns_topics: []", "dynamodb_arn: 'arn:aws:sns:us-east-1:1:a'"),
    "no stack_name": SMALL.replace("stack_name: sample", ""),
}


def mistakes(text: str) -> list[str]:
    data: Any = yaml.safe_load(text)
    return [error.message for error in VALIDATOR.iter_errors(data)]


def beside_references(schema: Any) -> set[str]:
    """Names of the keywords that stand beside a `$ref`, where draft 7 ignores them."""
    if isinstance(schema, list):
        return {name for each in schema for name in beside_references(each)}
    if not isinstance(schema, dict):
        return set()
    own = {*schema} - {"$ref"} if "$ref" in schema else set()
    return own | {name for each in schema.values() for name in beside_references(each)}


def test_the_schema_means_the_same_by_draft_7_which_every_editor_knows() -> None:
    jsonschema.Draft7Validator.check_schema(json_schema())
    assert beside_references(json_schema()["$defs"]) <= {"description", "default", "examples"}
    newer = jsonschema.Draft202012Validator(json_schema())
    for text in (*RIGHT.values(), *WRONG.values()):
        data: Any = yaml.safe_load(text)
        assert newer.is_valid(data) == VALIDATOR.is_valid(data)


def test_a_config_of_readme_is_among_those_that_the_schema_takes() -> None:
    assert len([name for name in RIGHT if name.startswith("README's")]) >= 1


@pytest.mark.parametrize("name", RIGHT)
def test_the_schema_takes_what_check_takes(name: str) -> None:
    assert [problem for problem in check(RIGHT[name])[1] if problem.level == "error"] == []
    assert mistakes(RIGHT[name]) == []


@pytest.mark.parametrize("name", WRONG)
def test_the_schema_refuses_what_check_refuses(name: str) -> None:
    assert [problem for problem in check(WRONG[name])[1] if problem.level == "error"] != []
    assert mistakes(WRONG[name]) != []


@pytest.mark.parametrize("options", [(), ("--aws", "--code-bucket", "my-code", "--log-bucket", "my-trail")])
def test_init_writes_the_schema_beside_the_config_whose_first_line_names_it(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    made = Project(tmp_path)
    assert made.slips("init", "new", *options).status == 0
    first = (tmp_path / "new/slips.yml").read_text().splitlines()[0]
    named = re.fullmatch(r"# yaml-language-server: \$schema=(.+)", first)
    assert named is not None
    schema = json.loads((tmp_path / "new" / named[1]).read_text())
    assert schema == json_schema() == made.slips("check", "--schema").json
