"""Promises of the config about mistakes: all at once, each with its line and what to do."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from configs import SMALL, _lines, check, errors, handler, mapping, right
from slips import config
from slips.config import Config
from slips.errors import ConfigError

# ---- mistakes: all at once


TEN_MISTAKES = """\
stack_name: 123
descripton: hello
handler:
  path: src/handler.py
  timeout: 5000
  memory_size: lots
routing:
  - dest: fats
bucket_mapping:
  my-logs:
    - prefix: 2018
      format: [s3-lines, json]
    - prefix: a
      format: [s3-lines, jsn]
    - prefix: a
      format: s3-lines
      on_error: ignore
  other-logs:
handler:
  path: twice
"""


def test_all_mistakes_are_reported_at_once_in_file_order() -> None:
    def one_unknown(names: Sequence[str], _root: Path) -> list[str]:
        return ["format 'jsn' is not known; did you mean 'json'?"] if "jsn" in names else []

    found, problems = check(TEN_MISTAKES, check_chain=one_unknown)
    assert found is None
    assert _lines(problems, "error") == [
        "1: stack_name: '123' is a number to YAML; expected letters, digits and hyphens, a letter first, at most 128",
        "2: key 'descripton' is not known; did you mean 'description'?",
        "5: handler.timeout: '5000' is out of range; expected a whole number from 1 to 900",
        "6: handler.memory_size: 'lots' is text; expected a whole number from 128 to 10,240; "
        "write digits, without quotes",
        "8: routing[0].dest: 'fats' is not known; did you mean 'fast'? expected drop or fast or slow",
        "11: bucket_mapping.my-logs[0].prefix: '2018' is a number to YAML; expected text; quote it: '2018'",
        "14: format 'jsn' is not known; did you mean 'json'?",
        "15: prefix 'a' is there twice, first on line 13; expected it once",
        "17: bucket_mapping.my-logs[2].on_error: 'ignore' is not known; expected fail or quarantine or skip",
        "18: bucket_mapping.other-logs: is empty; expected a list of mappings",
        "19: key 'handler' is there twice, first on line 3; expected it once",
    ]
    assert all(str(problem).startswith(f"slips.yml:{problem.line}: ") for problem in problems)


def test_load_and_parse_raise_all_errors_without_the_warnings(tmp_path: Path) -> None:
    path = tmp_path / "my.yml"
    path.write_text("stack_name: 1\nhandler: {}\n")
    with pytest.raises(ConfigError) as load_error:
        config.load(path)
    with pytest.raises(ConfigError) as parse_error:
        config.parse(path.read_text(), str(path))
    assert load_error.value.problems == parse_error.value.problems
    assert [re.sub(r"^.*my.yml:(\d+): (\w+).*", r"\1 \2", one) for one in load_error.value.problems] == [
        "1 stack_name",
        "1 bucket_mapping",
        "2 handler",
    ]


def test_a_mistake_that_an_alias_repeats_is_reported_once() -> None:
    text = mapping("- &a {prefix: a, format: json, on_eror: fail}\n- {<<: *a, prefix: b}")
    assert [one.split(": ")[0] for one in errors(text)] == ["6", "6"]
    shared = mapping("- {prefix: a, format: &chain [jsn]}\n- {prefix: b, format: *chain}")
    _, problems = check(shared, check_chain=lambda names, _root: [f"format {name!r} is not known" for name in names])
    assert _lines(problems, "error") == ["6: format 'jsn' is not known"]


# ---- mistakes: keys


def test_an_unknown_key_suggests_a_known_one() -> None:
    assert errors(SMALL.replace("bucket_mapping", "bucket_maping")) == [
        "4: key 'bucket_maping' is not known; did you mean 'bucket_mapping'?"
    ]


def test_the_value_of_a_misspelt_key_is_checked_too() -> None:
    assert errors(handler("tmeout: 5000")) == [
        "4: handler: key 'tmeout' is not known; did you mean 'timeout'?",
        "4: handler.timeout: '5000' is out of range; expected a whole number from 1 to 900",
    ]


def test_an_unknown_key_that_resembles_none_lists_the_known_ones() -> None:
    assert errors(SMALL + "limits: {zzz: 1}") == [
        "5: limits: key 'zzz' is not known; expected record_bytes, record_values, record_depth, result_bytes, "
        "object_bytes, expansion_ratio, objects_per_day, bytes_per_day"
    ]


def test_a_key_in_the_wrong_place_names_the_right_places() -> None:
    assert errors(handler("permissions_boundary: x")) == [
        "4: handler: key 'permissions_boundary' is not known here; expected it at the top level; move it"
    ]
    # 'args' would be near, but is not what was meant.
    assert errors(handler("tags: {a: b}")) == [
        "4: handler: key 'tags' is not known here; expected it at the top level; move it"
    ]
    assert errors(SMALL + "policies: []") == ["5: key 'policies' is not known here; expected it below handler; move it"]
    assert errors(SMALL + "batch_size: 3") == [
        "5: key 'batch_size' is not known here; expected it below backend.lane.fast or below backend.lane.slow; move it"
    ]


def test_file_is_no_key() -> None:
    assert errors(SMALL + "file: x")[0].startswith("5: key 'file' is not known")


def test_missing_keys_are_reported_where_they_belong() -> None:
    assert errors("description: x\nhandler:\n  args: {}\n") == [
        "1: stack_name is missing; expected letters, digits and hyphens, a letter first, at most 128; add it",
        "1: bucket_mapping is missing; expected a mapping of names to a list of mappings; add it",
        "2: handler.path is missing; expected text; add it",
    ]
    assert errors(mapping("- {format: json}\n- {prefix: a}")) == [
        "6: bucket_mapping.b[0].prefix is missing; expected text; add it",
        "7: bucket_mapping.b[1].format is missing; expected a list of texts, or one text; add it",
    ]


def test_deploy_keys_are_not_missing() -> None:
    assert errors(SMALL) == []


def test_a_key_that_is_there_twice_names_both_lines() -> None:
    assert errors(SMALL + "stack_name: b") == ["5: key 'stack_name' is there twice, first on line 1; expected it once"]
    assert errors(handler("args:\n  a: 1\n  a: 2")) == ["6: key 'a' is there twice, first on line 5; expected it once"]


def test_sam_and_base_sam_are_the_same_key() -> None:
    assert errors(SMALL + "base: {sam: {code_bucket: a}}\nsam: {code_bucket: b}") == [
        "6: key 'sam' is there twice, first on line 5; expected it once"
    ]


def test_sam_without_a_bucket_is_incomplete() -> None:
    assert errors(SMALL + "sam:\n  code_prefix: x") == [
        "5: base.sam.code_bucket is missing; expected the name of a bucket, without 's3://' and '/'; add it"
    ]


def test_a_checked_config_survives_the_way_to_a_worker() -> None:
    checked = config.parse(SMALL)
    assert msgspec.convert(msgspec.to_builtins(checked), Config) == checked


@pytest.mark.parametrize(("key", "kind"), [("1", "a number"), ("on", "true or false"), ("2018-01-01", "a date")])
def test_a_key_that_is_no_text_must_be_quoted(key: str, kind: str) -> None:
    assert errors(handler(f"args: {{{key}: x}}")) == [f"4: key '{key}' is {kind} to YAML; expected text; quote it"]


def test_a_key_that_is_a_mapping_or_a_list_is_refused() -> None:
    assert errors(SMALL + "? [a]\n: b") == [
        "5: a key is a mapping or a list; expected text; quote it if it begins with '{' or '['"
    ]


# ---- mistakes: values


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("123", "a number"),
        ("1.5", "a number"),
        ("no", "true or false"),
        ("on", "true or false"),
        ("2018-01-01", "a date"),
    ],
)
def test_a_text_that_is_another_type_to_yaml_must_be_quoted(value: str, kind: str) -> None:
    text = SMALL + f"description: {value}"
    assert errors(text) == [f"5: description: '{value}' is {kind} to YAML; expected text; quote it: '{value}'"]
    assert right(SMALL + f"description: '{value}'").description == value


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("routing: {dest: slow}", "routing: found a mapping; expected a list of mappings; begin each with '- '"),
        ("routing: slow", "routing: 'slow' is text; expected a list of mappings"),
        ("limits: [1]", "limits: found a list; expected a mapping with the keys record_bytes, record_values, "
         "record_depth, result_bytes, object_bytes, expansion_ratio, objects_per_day, bytes_per_day; "
         "take the '- ' away"),
        ("description: [a]", "description: found a list; expected text"),
        ("description: {a: b}", "description: found a mapping; expected text"),
        ("description: {{x}}", "description: '{{...}}' is a mapping to YAML; expected text; quote it"),
        ("limits: {expansion_ratio: 1.5}", "limits.expansion_ratio: '1.5' is a number; expected a whole number from 1 "
         "to 1,000,000,000; write digits, without quotes"),
        ("limits: {record_bytes: 16MX}", "limits.record_bytes: '16MX' is text; expected a number of bytes, or a size "
         "such as 16MiB"),
    ],
)  # fmt: skip
def test_a_wrong_type_says_what_was_found_and_expected(line: str, problem: str) -> None:
    assert errors(SMALL + line) == [f"5: {problem}"]


@pytest.mark.parametrize(
    ("value", "found"), [("0100", "a number"), ("1:30", "a number"), ("'30'", "text"), ("yes", "")]
)
def test_numbers_are_plain_digits(value: str, found: str) -> None:
    """YAML reads 0100 as 64 and 1:30 as 90: never what was meant."""
    (problem,) = errors(handler(f"timeout: {value}"))
    assert "expected a whole number from 1 to 900; write digits, without quotes" in problem
    assert found in problem


@pytest.mark.parametrize(
    ("key", "lowest", "highest"),
    [("handler.memory_size", 128, 10240), ("handler.timeout", 1, 900), ("handler.concurrency", 1, 10000)],
)
def test_numbers_of_the_handler_have_the_limits_of_lambda(key: str, lowest: int, highest: int) -> None:
    name = key.partition(".")[2]
    assert errors(handler(f"{name}: {lowest}")) == errors(handler(f"{name}: {highest}")) == []
    for value in (lowest - 1, highest + 1, 10**30):
        assert errors(handler(f"{name}: {value}")) == [
            f"4: {key}: '{value}' is out of range; expected a whole number from {lowest:,} to {highest:,}"
        ]


def test_a_number_of_thousands_of_digits_is_out_of_range() -> None:
    (problem,) = errors(handler(f"timeout: {'9' * 5000}"))
    assert problem.endswith("...' is out of range; expected a whole number from 1 to 900")
    assert len(problem) < 200


def test_lanes_have_the_limits_of_kinesis() -> None:
    text = SMALL.replace(
        "sns_topics: []", "lane: {fast: {batch_size: 0, delay: 300}, slow: {batch_size: 1, delay: 301}}"
    )
    assert errors(text) == [
        "2: backend.lane.fast.batch_size: '0' is out of range; expected a whole number from 1 to 10,000",
        "2: backend.lane.slow.delay: '301' is out of range; expected a whole number from 0 to 300",
    ]


@pytest.mark.parametrize("name", ["1abc", "a_b", "-a", "a" * 129, "''", r'"a\n"'])
def test_a_stack_name_is_one_that_cloudformation_takes(name: str) -> None:
    (problem,) = errors(SMALL.replace("sample", name))
    assert problem.startswith("1: stack_name")
    assert "expected letters, digits and hyphens, a letter first, at most 128" in problem


@pytest.mark.parametrize("bucket", ["s3://logs", "logs/a", "''", "../logs"])
def test_a_bucket_is_a_name_and_no_address(bucket: str) -> None:
    assert "expected the name of a bucket, without 's3://' and '/'" in errors(SMALL.replace("my-logs", bucket))[0]


def test_an_enum_value_that_differs_in_case_is_suggested() -> None:
    assert errors(SMALL + "routing: [{dest: SLOW}]") == [
        "5: routing[0].dest: 'SLOW' is not known; did you mean 'slow'? expected drop or fast or slow"
    ]


def test_a_bucket_without_mappings_is_an_error() -> None:
    assert errors(mapping("[]")) == ["6: bucket_mapping.b: is empty; expected a list of mappings"]
    assert errors("stack_name: a\nhandler: {path: x}\nbucket_mapping: {}") == [
        "3: bucket_mapping: is empty; expected a mapping of names to a list of mappings"
    ]


@pytest.mark.parametrize(
    ("text", "key"),
    [(SMALL.replace("handler.py", "''"), "handler.path"), (handler("subnet_ids: ['']"), "handler.subnet_ids[0]")],
)
def test_a_text_that_must_say_something_is_not_empty(text: str, key: str) -> None:
    assert f": {key}: is empty; expected text" in errors(text)[0]


def test_an_empty_chain_is_an_error() -> None:
    for empty in ("[]", "''", ""):
        (problem,) = errors(mapping(f"- prefix: a\n  format: {empty}"))
        assert problem == "7: bucket_mapping.b[0].format: is empty; expected a list of texts, or one text"


@pytest.mark.parametrize("value", [".inf", ".nan", "99999999999999999999999", "-9223372036854775809", "9" * 5000])
def test_numbers_that_json_cannot_carry_are_refused_in_args(value: str) -> None:
    (problem,) = errors(handler(f"args: {{a: {value}}}"))
    assert problem.startswith("4: handler.args.a: '")
    assert problem.endswith("is a number that JSON has not; quote it")


def test_a_secret_placeholder_without_quotes_is_explained() -> None:
    assert errors(handler("args:\n  key: {{ssm:/my/key}}")) == [
        "5: handler.args.key: '{{...}}' is a mapping to YAML; expected text; quote it"
    ]


@pytest.mark.parametrize(
    ("value", "tag"),
    [
        ("!!python/object/apply:os.system [ls]", "!!python/object/apply:os.system"),
        ("!!python/name:os.system", "!!python/name:os.system"),
        ("!Ref x", "!Ref"),
        ("!!set {a}", "!!set"),
        ("!!binary aGVsbG8=", "!!binary"),
    ],
)
def test_yaml_tags_that_make_objects_are_refused(value: str, tag: str) -> None:
    assert errors(handler(f"args:\n  a: {value}")) == [
        f"5: tag '{tag}' is not allowed; expected a plain value; take the tag away"
    ]


@pytest.mark.parametrize("value", ["!!int x", "!!bool x", "!!float x", "!!int ''"])
def test_yaml_tags_that_contradict_their_value_are_refused(value: str) -> None:
    assert errors(handler(f"args:\n  a: {value}"))[0].startswith("5: handler.args.a: ")


def test_half_a_character_is_refused() -> None:
    assert errors(SMALL + r'description: "\ud83d"') == [
        r"5: description: '\ud83d' does not fit; expected characters that UTF-8 has"
    ]
    assert len(errors(handler(r'args: {a: "\ud83d"}'))) == 1


def test_quotes_are_advised_only_where_the_quoted_text_fits() -> None:
    assert errors(SMALL.replace("stack_name: sample", "stack_name: 123")) == [
        "1: stack_name: '123' is a number to YAML; expected letters, digits and hyphens, a letter first, at most 128"
    ]


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("true", "'true' is true or false to YAML"),
        ("off", "'off' is true or false to YAML"),
        ("9", "'9' is a number to YAML"),
        ("2026-11-30", "'2026-11-30' is a date to YAML"),
        ("[Europe/Berlin]", "found a list"),
        ("{name: Europe/Berlin}", "found a mapping"),
        ("{{ZONE}}", "'{{...}}' is a mapping to YAML"),
        ("''", "is empty"),
        ("'+09:00'", "'+09:00' does not fit"),
    ],
)
def test_a_timezone_that_is_no_name_is_told_how_to_write_one(written: str, found: str) -> None:
    zone = "expected a name of the IANA database, such as 'Europe/Berlin', or 'Etc/GMT-9' for UTC+9"
    assert errors(mapping(f"- {{prefix: a, format: syslog, timezone: {written}}}")) == [
        f"6: bucket_mapping.b[0].timezone: {found}; {zone}; write timezone: Europe/Berlin"
    ]
