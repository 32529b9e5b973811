"""Promises of the config about handlers: the top-level one is the default of mappings without one of their own."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from configs import check, errors, mapping, no_chain_problems, right
from slips import config
from slips.config import HandlerSpec, reference
from slips.config.check import check as check_config

MAPPINGS = """
- {prefix: a/, format: json}
- {prefix: b/, format: json, handler: alb.py}
- {prefix: c/, format: json, handler: {path: 'lib/vpc.py:Vpc', args: {index: vpc}}}
- {prefix: d/, format: json, handler: {path: h.py}}
"""


def without_default(lines: str, handler: str = "") -> str:
    """A config without a top-level `handler.path`, whose mappings begin on line 6."""
    return mapping(lines).replace("handler: {path: h.py}", handler or "limits: {}")


def test_a_mapping_without_a_handler_has_the_top_level_one() -> None:
    found = right(mapping(MAPPINGS).replace("{path: h.py}", "{path: 'h.py:Main', args: {level: 3}}", 1))
    specs = [found.handler_of(one) for one in found.bucket_mapping["b"]]
    assert specs[0] == HandlerSpec("h.py", "Main", {"level": 3})
    assert found.handlers == specs


def test_the_args_of_a_mappings_handler_replace_those_of_the_top_level_one() -> None:
    found = right(mapping(MAPPINGS).replace("{path: h.py}", "{path: h.py, args: {level: 3, index: x}}", 1))
    _, text, named, same_file = (found.handler_of(one) for one in found.bucket_mapping["b"])
    assert text == HandlerSpec("alb.py", None, {})
    assert named == HandlerSpec("lib/vpc.py", "Vpc", {"index": "vpc"})
    assert same_file == HandlerSpec("h.py", None, {})


def test_the_name_of_a_handler_is_its_path_in_the_config() -> None:
    found = right(mapping(MAPPINGS))
    assert [one.name for one in found.handlers] == ["h.py", "alb.py", "lib/vpc.py:Vpc"]


def test_equal_handlers_of_several_mappings_are_one() -> None:
    lines = [
        "- {prefix: a, format: json, handler: a.py}",
        "- {prefix: b, format: json, handler: {path: a.py, args: {}}}",
    ]
    assert right(mapping("\n".join(lines))).handlers == [HandlerSpec("a.py", None, {})]


def test_a_colon_elsewhere_than_behind_py_is_part_of_the_path() -> None:
    assert HandlerSpec.of("a:b/h.py", {}).path == "a:b/h.py"
    assert HandlerSpec.of("a.py:b/h.py:C", {}) == HandlerSpec("a.py:b/h.py", "C", {})


def test_the_top_level_handler_is_optional_if_each_mapping_has_one() -> None:
    lines = "- {prefix: a, format: json, handler: a.py}\n- {prefix: b, format: json, handler: b.py}"
    assert [one.name for one in right(without_default(lines)).handlers] == ["a.py", "b.py"]
    found = right(without_default(lines, "handler: {memory_size: 512}"))
    assert (found.handler.path, found.handler.memory_size) == (None, 512)


def test_a_top_level_handler_that_no_mapping_uses_is_no_handler_of_the_config() -> None:
    found = right(mapping("- {prefix: a, format: json, handler: a.py}"))
    assert [one.name for one in found.handlers] == ["a.py"]


@pytest.mark.parametrize("handler", ["", "handler: {timeout: 60}", "handler:"])
def test_each_mapping_without_any_handler_is_an_error_with_its_line(handler: str) -> None:
    lines = "\n".join(
        f"- {{prefix: {name}, format: json{rest}}}" for name, rest in [("a", ", handler: a.py"), ("b", ""), ("c", "")]
    )
    assert errors(without_default(lines, handler)) == [
        f"{line}: bucket_mapping.b[{index}].handler is missing, and no handler.path stands in for it; expected one of "
        "them; add it"
        for line, index in ((7, 1), (8, 2))
    ]


@pytest.mark.parametrize(("handler", "line"), [("", 1), ("handler: {timeout: 60}", 3), ("handler:", 1)])
def test_a_config_without_any_handler_lacks_the_top_level_path(handler: str, line: int) -> None:
    found = errors(without_default("- {prefix: a, format: json}", handler))
    assert found == [f"{line}: handler.path is missing; expected text; add it"]


@pytest.mark.parametrize("wrong", ["''", "[a.py]", "{path: ''}", "{args: {}}", "7"])
def test_a_mappings_handler_that_is_wrong_is_one_error(wrong: str) -> None:
    lines = f"- {{prefix: a, format: json, handler: {wrong}}}"
    for text in (mapping(lines), without_default(lines)):
        (problem,) = errors(text)
        assert problem.startswith("6: bucket_mapping.b[0].handler")


def test_a_top_level_handler_that_is_a_text_is_told_to_have_a_path() -> None:
    (told,) = errors(mapping("- {prefix: a, format: json}").replace("{path: h.py}", "h.py"))
    assert "handler: 'h.py' is text; expected a mapping with the keys path, args, " in told
    assert told.endswith("; write {path: h.py}")


def test_a_top_level_path_that_is_wrong_is_one_error() -> None:
    assert errors(without_default("- {prefix: a, format: json}", "handler: {path: [h.py]}")) == [
        "3: handler.path: found a list; expected text"
    ]


def test_secrets_in_the_args_of_a_mappings_handler_are_checked() -> None:
    (problem,) = errors(mapping("- {prefix: a, format: json, handler: {path: a.py, args: {key: '{{ssm:}}'}}}"))
    assert problem.startswith("6: bucket_mapping.b[0].handler.args.key: '{{ssm:}}' would reach the handler as it is;")


OWN = "- {prefix: a, format: json, handler: a.py}"


def test_a_default_handler_that_no_mapping_uses_is_a_warning() -> None:
    (problem,) = check(mapping(OWN))[1]
    assert (problem.level, problem.line) == ("warning", 3)
    assert problem.message.startswith("handler.path: 'h.py' never runs, as each mapping has a handler of its own;")
    assert check(mapping(f"{OWN}\n- {{prefix: b, format: json}}"))[1] == []
    assert check(mapping("- {prefix: a, format: jsn, handler: a.py}\n- 7"))[1][0].message.startswith("bucket_mapping")


def test_two_handlers_on_one_prefix_are_an_error_that_says_how_to_have_both() -> None:
    assert errors(mapping(f"{OWN}\n- {{prefix: a, format: json}}")) == [
        "7: prefix 'a' is there twice, first on line 6; expected it once; to run two handlers on one prefix, define "
        "both in one file"
    ]


def test_args_that_no_handler_gets_are_a_warning() -> None:
    (problem,) = check(without_default(OWN, "handler: {args: {index: x}}"))[1]
    assert (problem.level, problem.line) == ("warning", 3)
    assert problem.message.startswith("handler.args reach no handler: those of mappings have args of their own")


@pytest.mark.parametrize("path", ["h.py:", "h.py:A:B", "h.py:A.B", "h.py:1", "h.py: A"])
def test_a_class_that_cannot_be_one_is_an_error(path: str) -> None:
    said = f"{path!r} names no class; expected 'path/file.py:Class', or the file alone for all its handlers; mend it"
    assert errors(mapping(f"- {{prefix: a, format: json, handler: {{path: '{path}'}}}}")) == [
        f"6: bucket_mapping.b[0].handler.path: {said}"
    ]
    assert errors(mapping(f"- {{prefix: a, format: json, handler: '{path}'}}")) == [
        f"6: bucket_mapping.b[0].handler: {said}"
    ]
    text = mapping("- {prefix: a, format: json}").replace("{path: h.py}", f"{{path: '{path}'}}")
    assert errors(text) == [f"3: handler.path: {said}"]


def test_a_pattern_that_excludes_the_handler_of_a_mapping_is_an_error() -> None:
    text = mapping(MAPPINGS).replace("{path: h.py}", "{path: h.py, exclude: [vp*.py]}", 1)
    assert errors(text) == [
        "3: handler.exclude[0]: 'vp*.py' fits the handler, 'vpc.py'; expected patterns of other files; narrow it"
    ]


@pytest.mark.parametrize("embedded", [False, True])
def test_a_handler_outside_of_the_project_is_told_before_deploy_refuses_it(tmp_path: Path, embedded: bool) -> None:
    project = tmp_path / "project"
    project.mkdir()
    for name in ("out.py", "project/h.py"):
        (tmp_path / name).touch()
    text = mapping("- {prefix: a, format: json, handler: ../out.py}\n- {prefix: b, format: json}")
    if embedded:
        text = text.replace("{sns_topics: []}", "{embedded: {buckets: {b: .}}}")
    _, (problem,) = check_config(text, str(project / "slips.yml"), check_chain=no_chain_problems)
    assert (problem.level, problem.line) == ("warning" if embedded else "error", 6)
    assert problem.message.startswith(
        f"bucket_mapping.b[0].handler: '../out.py' is no part of the package, which has files below {project}; expected"
    )
    assert problem.message.endswith("'deploy' will refuse it") is embedded


def test_each_handler_is_expected_to_exist_once(tmp_path: Path) -> None:
    (tmp_path / "alb.py").touch()
    text = mapping(MAPPINGS).replace("h.py", "alb.py:Main", 1)
    _, problems = check_config(text, str(tmp_path / "slips.yml"), check_chain=no_chain_problems)
    assert [str(one).rpartition("slips.yml:")[2] for one in problems if one.level == "error"] == [
        f"8: bucket_mapping.b[2].handler.path: no file 'lib/vpc.py'; expected one relative to {tmp_path}",
        f"9: bucket_mapping.b[3].handler.path: no file 'h.py'; expected one relative to {tmp_path}",
    ]


def test_the_handlers_travel_in_the_package(tmp_path: Path) -> None:
    found = right(mapping(MAPPINGS))
    (tmp_path / config.PACKAGED).write_bytes(msgspec.json.encode(found))
    assert config.read_packaged(tmp_path).handlers == found.handlers


def test_a_package_of_the_version_before_has_one_handler(tmp_path: Path) -> None:
    packaged = {
        "stack_name": "a",
        "handler": {"path": "h.py"},
        "bucket_mapping": {"b": [{"prefix": "", "format": ["json"]}]},
    }
    (tmp_path / config.PACKAGED).write_text(json.dumps(packaged))
    assert config.read_packaged(tmp_path).handlers == [HandlerSpec("h.py", None, {})]


def test_editors_accept_a_text_and_a_mapping_as_a_mappings_handler() -> None:
    declared, short = reference.json_schema()["$defs"]["Mapping"]["properties"]["handler"]["anyOf"]
    assert {"$ref": "#/$defs/MappingHandler"} in declared["anyOf"]
    assert short == {"type": "string"}
