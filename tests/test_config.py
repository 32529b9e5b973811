"""slips.yml: text in, config or problems out."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from textwrap import dedent
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import inspect

import original
from slips import config
from slips.config import Config, Mapping, Route, SnsTopic, reference
from slips.config.arns import given_arns, placeholder_arns
from slips.config.check import check as check_config
from slips.config.check import find_handler
from slips.config.declared import every_key, keys_of, unwrap
from slips.config.problems import Problem
from slips.errors import ConfigError

README = original.CONFIG

SMALL = """\
stack_name: sample
backend: {sns_topics: []}
handler: {path: handler.py}
bucket_mapping: {my-logs: [{prefix: a/, format: [s3-lines, json]}]}
"""
"""A right config in four lines: tests append what is wrong from line 5 on."""


def no_chain_problems(_names: Sequence[str], _root: Path) -> list[str]:
    return []


def check(text: str, **more: Any) -> tuple[Config | None, list[Problem]]:
    return check_config(text, "slips.yml", **{"check_chain": no_chain_problems, "files": False, **more})


def errors(text: str) -> list[str]:
    """The errors in `text`, without the name of the file: "14: what is wrong"."""
    return _lines(check(text)[1], "error")


def warnings(text: str) -> list[str]:
    found, problems = check(text)
    assert found is not None, problems
    return _lines(problems, "warning")


def _lines(problems: list[Problem], level: str) -> list[str]:
    return [str(one).removeprefix("slips.yml:") for one in problems if one.level == level]


def right(text: str) -> Config:
    found, problems = check(text)
    assert found is not None, problems
    return found


def handler(lines: str) -> str:
    """A config whose `handler` has `lines` more, from line 4 on."""
    return f"stack_name: a\nhandler:\n  path: handler.py\n{_indent(lines, 2)}\nbackend: {{sns_topics: []}}\n" + (
        "bucket_mapping: {b: [{prefix: a, format: json}]}\n"
    )


def mapping(lines: str) -> str:
    """A config whose bucket `b` has the mappings `lines`, from line 6 on."""
    return "stack_name: a\nbackend: {sns_topics: []}\nhandler: {path: h.py}\nbucket_mapping:\n  b:\n" + (
        _indent(lines, 4) + "\n"
    )


def _indent(lines: str, by: int) -> str:
    return "\n".join(" " * by + line for line in dedent(lines).strip("\n").splitlines())


# ---- what a right file becomes


def test_the_readmes_config_is_read_as_it_stands() -> None:
    found = right(README)
    assert found.stack_name == "sample-stack"
    assert found.description == "this is my app"
    assert (found.base.sam.code_bucket, found.base.sam.code_prefix) == ("mizutani-test", "functions")
    assert found.backend.sns_topics == [SnsTopic("SecLogUplaod", "arn:aws:sns:ap-northeast-1:1234xxxxxx:seclog-event")]
    assert found.handler.path == "src/handler.py"
    assert found.handler.args == {"your_key1": "value1", "your_key2": "value2"}
    assert found.bucket_mapping == {
        "mizutani-test": [
            Mapping("logs/azure_ad/signinEvents/", ["s3-lines", "json", "azure-ad-event"]),
            Mapping("logs/g_suite/", ["s3-lines", "json", "g-suite-login"]),
        ]
    }


def test_the_readmes_config_passes_with_a_warning_for_its_placeholder_arn_only(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src/handler.py").touch()
    found, problems = check_config(README, str(tmp_path / "slips.yml"), check_chain=no_chain_problems)
    assert found is not None
    assert [(one.line, one.level) for one in problems] == [(11, "warning")]
    assert "placeholder" in problems[0].message
    assert "'deploy' will refuse it" in problems[0].message


def test_keys_that_are_not_given_have_the_originals_defaults() -> None:
    found = right(SMALL)
    assert found.backend.lane.fast.batch_size == 1
    assert found.backend.lane.slow.delay == 0
    assert (found.handler.memory_size, found.handler.runtime, found.handler.architecture) == (
        1024,
        "python3.13",
        "arm64",
    )
    assert (found.handler.timeout, found.handler.concurrency, found.handler.role_arn) == (None, None, None)
    assert found.routing == []
    assert found.limits == config.Limits(record_bytes=16 * 2**20, object_bytes=None, expansion_ratio=1000)


def test_a_key_without_a_value_has_its_default() -> None:
    found = right(SMALL + "description:\nrouting:\n  # - dest: slow\nlimits:\n")
    assert (found.description, found.routing, found.limits) == ("", [], config.Limits())


def test_sam_at_the_top_means_base_sam() -> None:
    for text in ("sam: {code_bucket: b}", "sam: {code_bucket: b}\nbase:", "base: {}\nsam: {code_bucket: b}"):
        assert right(SMALL + text).base.sam == config.Sam("b")


def test_one_format_name_is_a_list_of_one() -> None:
    assert right(mapping("- {prefix: a, format: azure-ad-event}")).bucket_mapping["b"][0].format == ["azure-ad-event"]


@pytest.mark.parametrize(
    ("size", "number"),
    [("1048576", 2**20), ("1_000", 1000), ("16MiB", 2**24), ("16 MiB", 2**24), ("3kB", 0), ("3KB", 3000), ("7B", 7)],
)
def test_sizes_are_numbers_of_bytes_or_have_a_unit(size: str, number: int) -> None:
    text = SMALL + f"limits: {{record_bytes: {size}}}"
    if number:
        assert right(text).limits.record_bytes == number
    else:
        assert errors(text) == [
            f"5: limits.record_bytes: '{size}' is text; expected a number of bytes, or a size such as 16MiB"
        ]


def test_args_keep_every_value_that_json_has() -> None:
    args = right(
        handler("""
        args:
          text: a
          number: 12
          real: 1.5
          yes: on
          nothing:
          list: [1, [x]]
          mapping: {a: {b: c}}
        """).replace("yes: on", "flag: on")
    ).handler.args
    assert args == {
        "text": "a",
        "number": 12,
        "real": 1.5,
        "flag": True,
        "nothing": None,
        "list": [1, ["x"]],
        "mapping": {"a": {"b": "c"}},
    }


def test_dates_in_args_stay_the_text_that_they_are() -> None:
    assert right(handler("args: {day: 2018-03-29, time: 2018-03-29T16:35:15Z}")).handler.args == {
        "day": "2018-03-29",
        "time": "2018-03-29T16:35:15Z",
    }


def test_secret_placeholders_in_args_are_left_as_they_are() -> None:
    assert right(handler("args: {key: '{{ssm:/my/key}}'}")).handler.args == {"key": "{{ssm:/my/key}}"}


def test_anchors_aliases_and_merges_work() -> None:
    found = right(
        mapping("""
        - &first {prefix: a/, format: &chain [s3-lines, json], on_error: skip}
        - {prefix: b/, format: *chain}
        - <<: *first
          prefix: c/
        """)
    )
    assert found.bucket_mapping["b"] == [
        Mapping("a/", ["s3-lines", "json"], "skip"),
        Mapping("b/", ["s3-lines", "json"]),
        Mapping("c/", ["s3-lines", "json"], "skip"),
    ]


def test_paths_are_relative_to_the_config_file() -> None:
    found = config.parse(SMALL, "/project/slips.yml")
    assert found.file == "/project/slips.yml"
    assert found.root == Path("/project")
    assert found.resolve("src/handler.py") == Path("/project/src/handler.py")
    assert found.resolve("/data") == Path("/data")


def test_the_file_is_absolute_even_if_named_relatively() -> None:
    assert config.parse(SMALL).file == str(Path.cwd() / "slips.yml")


def test_a_checked_config_travels_as_plain_data() -> None:
    found = right(README + "limits: {object_bytes: 3GiB}\nrouting: [{dest: slow}]")
    for encoded in (msgspec.json.decode(msgspec.json.encode(found)), msgspec.to_builtins(found)):
        assert msgspec.convert(encoded, Config) == found
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(found), type=Config) == found


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
        "1: stack_name: '123' is a number to YAML; expected letters, digits and hyphens, a letter first, at most 128; "
        "quote it: '123'",
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
        "object_bytes, expansion_ratio"
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
         "record_depth, result_bytes, object_bytes, expansion_ratio; take the '- ' away"),
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


# ---- ARNs


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:sns:ap-northeast-1:1234xxxxxx:seclog-event",
        "arn:aws:sns:ap-northeast-1:12345678901:seclog-event",
        "arn:aws:sns:REGION:123456789012:seclog-event",
        "arn:aws:sns:us-east-1:123456789012:<topic>",
    ],
)
def test_placeholder_arns_are_warnings_and_listed_for_deploy(arn: str) -> None:
    text = SMALL.replace("sns_topics: []", f"sns_topics: [{{name: a, arn: '{arn}'}}]")
    assert warnings(text) == [
        f"2: backend.sns_topics[0].arn: '{arn}' is a placeholder; expected an ARN with a region and an account of "
        "12 digits; 'deploy' will refuse it"
    ]
    assert placeholder_arns(right(text)) == [arn]


ARNS = {
    "role_arn: {event_pusher: %s}": "iam::%s:role/a",
    "role_arn: {dispatcher: %s}": "iam::%s:role/a",
    "role_arn: {reporter: %s}": "iam::%s:role/a",
    "role_arn: {drain: %s}": "iam::%s:role/path/a",
    "kinesis_stream_fast_arn: %s": "kinesis:us-east-1:%s:stream/a",
    "kinesis_stream_slow_arn: %s": "kinesis:us-gov-west-1:%s:stream/a",
    "dynamodb_arn: %s": "dynamodb:cn-north-1:%s:table/a",
    "dlq_sns_arn: %s": "sns:us-east-1:%s:a.b",
    "kms_key_arns: [%s]": "kms:us-east-1:%s:key/0f1e2d3c",
}


@pytest.mark.parametrize("key", ARNS)
def test_every_arn_is_checked(key: str) -> None:
    def with_arn(arn: str) -> str:
        return SMALL.replace("sns_topics: []", "sns_topics: [], " + key % f"'{arn}'")

    real, placeholder = (f"arn:aws:{ARNS[key] % account}" for account in ("123456789012", "1234xxxxxx"))
    assert warnings(with_arn(real)) == placeholder_arns(right(with_arn(real))) == []
    assert len(warnings(with_arn(placeholder))) == 1
    assert placeholder_arns(right(with_arn(placeholder))) == [placeholder]
    for wrong in ("arn:aws:s3:::bucket", "seclog", real.replace(":aws:", ""), f"{real} x"):
        (problem,) = errors(with_arn(wrong))
        assert f"'{wrong}' does not fit; expected an ARN such as arn:aws:" in problem


def _declared_arns() -> dict[str, str]:
    """Each key that takes an ARN, or a list of them, with the example of its declaration."""
    found: dict[str, str] = {}
    for path, one in every_key(inspect.type_info(Config)):
        kind, notes = unwrap(one.type)
        many = isinstance(kind, inspect.ListType)
        if isinstance(kind, inspect.ListType):
            notes = unwrap(kind.item_type)[1]
        if "arn" in notes and "[]" not in path:
            found[f"{path}[]" if many else path] = notes["examples"][0]
    return found


def test_deploy_looks_at_the_arns_of_the_stacks_own_account_by_key_or_name_of_the_source() -> None:
    found = _declared_arns()
    topic, role, key = (
        "arn:aws:sns:us-east-1:123456789012:a",
        found["handler.role_arn"],
        found["backend.kms_key_arns[]"],
    )
    text = handler(f"role_arn: {role}").replace(
        "sns_topics: []",
        f"sns_topics: [{{name: A, arn: '{topic}'}}], kms_key_arns: ['{key}'], alarm_sns_arn: '{topic}'",
    )
    assert list(given_arns(right(text))) == [
        ("backend.sns_topics A", topic),
        ("backend.alarm_sns_arn", topic),
        ("handler.role_arn", role),
    ]


def test_a_key_that_is_declared_to_hold_an_arn_is_checked_by_that_alone() -> None:
    found = _declared_arns()
    assert {"permissions_boundary", "backend.role_arn.drain", "backend.kms_key_arns[]", "handler.layers[]"} <= {*found}
    for path, example in found.items():
        placeholder = example.replace("123456789012", "1234xxxxxx")
        data = msgspec.yaml.decode(SMALL)
        *above, last = path.removesuffix("[]").split(".")
        place = data
        for name in above:
            place = place.setdefault(name, {})
        place[last] = [placeholder] if path.endswith("[]") else placeholder
        text = json.dumps(data)
        assert any(f"'{placeholder}' is a placeholder" in warning for warning in warnings(text)), path
        assert placeholder_arns(right(text)) == [placeholder]
        place[last] = ["seclog"] if path.endswith("[]") else "seclog"
        assert any("'seclog' does not fit; expected an ARN such as arn:aws:" in one for one in errors(json.dumps(data)))


@pytest.mark.parametrize(
    ("key", "service", "kind"),
    [
        ("sns_topics: [{name: A, arn: %s}]", "sns", "topic"),
        ("sqs_queues: [{name: A, arn: %s}]", "sqs", "queue"),
        ("dlq_sns_arn: %s", "sns", "topic"),
        ("alarm_sns_arn: %s", "sns", "topic"),
    ],
)
def test_fifo_topics_and_queues_are_refused(key: str, service: str, kind: str) -> None:
    arn = f"arn:aws:{service}:us-east-1:123456789012:logs"
    text = SMALL.replace("sns_topics: []", key % f"'{arn}.fifo'")
    (problem,) = errors(text)
    assert f"'{arn}.fifo' is a FIFO {kind}, to which neither S3 nor alarms nor" in problem
    right(text.replace(".fifo", ".fifo-not"))


def test_the_handlers_role_is_an_arn_too() -> None:
    text = handler("role_arn: arn:aws:iam::1234xxxxxx:role/a")
    assert placeholder_arns(right(text)) == ["arn:aws:iam::1234xxxxxx:role/a"]
    twice = text.replace("sns_topics: []", "role_arn: {drain: arn:aws:iam::1234xxxxxx:role/a}")
    assert placeholder_arns(right(twice)) == ["arn:aws:iam::1234xxxxxx:role/a"]
    assert "expected an ARN" in errors(handler("role_arn: a"))[0]


# ---- rules between keys


def test_a_prefix_that_is_there_twice_is_an_error_in_one_bucket_only() -> None:
    assert errors(mapping("- {prefix: a, format: x}\n- {prefix: b, format: x}\n- {prefix: a, format: x}")) == [
        "8: prefix 'a' is there twice, first on line 6; expected it once"
    ]
    assert errors(mapping("- {prefix: a, format: x}\n" * 3))[1].startswith(
        "8: prefix 'a' is there twice, first on line 6"
    )
    assert errors(SMALL.replace("{my-logs: [", "{other: [{prefix: a/, format: x}], my-logs: [")) == []


def test_a_prefix_that_begins_with_a_slash_is_a_warning() -> None:
    assert warnings(mapping("- {prefix: /a, format: x}")) == [
        "6: prefix '/a' begins with '/'; S3 keys do not; take it away"
    ]
    assert warnings(SMALL + "routing: [{prefix: /a, dest: slow}]") == [
        "5: prefix '/a' begins with '/'; S3 keys do not; take it away"
    ]


@pytest.mark.parametrize(
    ("first", "second", "reached"),
    [
        ("{dest: drop}", "{bucket: a, dest: slow}", False),
        ("{prefix: '', dest: drop}", "{prefix: a, dest: slow}", False),
        ("{bucket: a, dest: drop}", "{bucket: a, prefix: b/, dest: slow}", False),
        ("{prefix: b/, dest: drop}", "{bucket: a, prefix: b/c/, dest: slow}", False),
        ("{bucket: a, dest: drop}", "{bucket: b, dest: slow}", True),
        ("{bucket: a, dest: drop}", "{dest: slow}", True),
        ("{prefix: b/c/, dest: drop}", "{prefix: b/, dest: slow}", True),
    ],
)
def test_a_routing_rule_behind_a_wider_one_is_a_warning(first: str, second: str, reached: bool) -> None:
    found = warnings(SMALL + f"routing:\n  - {first}\n  - {second}")
    never = ["7: this rule is never reached: that on line 6 matches all of it; expected it further up"]
    assert found == ([] if reached else never)


def test_a_routing_rule_with_a_mistake_hides_no_other() -> None:
    _, problems = check(SMALL + "routing:\n  - {bucket: 1, dest: slow}\n  - {bucket: a, dest: slow}")
    assert [(one.line, one.level) for one in problems] == [(6, "error")]


def test_a_config_without_a_source_of_logs_is_a_warning() -> None:
    assert warnings(SMALL.replace("backend: {sns_topics: []}", "backend: {}")) == [
        "2: no log can arrive; expected backend.sns_topics, sqs_queues, eventbridge or s3_direct (AWS), or "
        "backend.embedded (this machine); add one"
    ]
    assert warnings(SMALL.replace("sns_topics: []", "embedded: {buckets: {my-logs: data}}")) == []


def test_embedded_buckets_and_mappings_should_name_each_other() -> None:
    assert warnings(SMALL.replace("sns_topics: []", "embedded: {buckets: {my-log: data}}")) == [
        "2: bucket 'my-log' has no mapping; expected one in bucket_mapping; add it",
        "4: bucket 'my-logs' has no directory on this machine; expected one in backend.embedded.buckets",
    ]


KINESIS = "arn:aws:kinesis:us-east-1:123456789012:stream"
STREAMS = f"backend:\n  kinesis_stream_fast_arn: {KINESIS}/a\n  kinesis_stream_slow_arn: {KINESIS}/b\n  "


def test_one_stream_for_both_lanes_is_an_error_as_each_object_would_be_dispatched_twice() -> None:
    both = SMALL.replace("backend: {", f"{STREAMS}").replace("sns_topics: []}", "sns_topics: []")
    assert errors(both) == []
    assert errors(both.replace("stream/b", "stream/a")) == [
        "4: backend.kinesis_stream_slow_arn: the same stream as backend.kinesis_stream_fast_arn on line 3, whose "
        "events both lanes would dispatch; expected a stream for each lane; name another, or let 'deploy' make it"
    ]


@pytest.mark.parametrize("key", ["stream_shards: 2", "stream_retention_hours: 48"])
def test_settings_of_streams_beside_two_given_streams_are_a_warning(key: str) -> None:
    both = SMALL.replace("backend: {", f"{STREAMS}").replace("sns_topics: []}", f"sns_topics: []\n  {key}")
    (told,) = warnings(both)
    assert told.startswith(f"6: backend.{key.partition(':')[0]} changes nothing: both streams are given")
    assert warnings(both.replace("  kinesis_stream_slow_arn", "  #")) == []


def test_variables_of_lambda_are_refused_but_for_a_config_that_runs_on_this_machine_too() -> None:
    own = handler("environment:\n  A: x\n  AWS_REGION: x")
    text = "6: handler.environment.AWS_REGION is Lambda's own; expected another name; rename it"
    assert errors(own) == [text]
    assert warnings(own.replace("sns_topics: []", "embedded: {buckets: {b: d}}")) == [
        f"{text}; 'deploy' will refuse it"
    ]


def test_arns_of_two_regions_are_an_error() -> None:
    arns = (
        "backend:\n  sns_topics: [{name: A, arn: 'arn:aws:sns:us-east-1:123456789012:a'}]\n"
        "  kms_key_arns: ['arn:aws:kms:us-west-2:123456789012:key/a']\n"
        "  role_arn: {drain: 'arn:aws:iam::123456789012:role/a'}\n"
        "  dynamodb_arn: arn:aws:dynamodb:REGION:123456789012:table/T"
    )
    text = SMALL.replace("backend: {sns_topics: []}", arns)
    assert errors(text.replace("REGION", "us-east-1")) == []
    own = "permissions_boundary: 'arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/P'\n"
    assert errors(text.replace("REGION", "us-east-1") + own) == []
    assert errors(text.replace("REGION", "eu-west-1")) == [
        "6: backend.dynamodb_arn: 'arn:aws:dynamodb:eu-west-1:123456789012:table/T' is of eu-west-1, but "
        "backend.sns_topics[0].arn on line 3 of us-east-1; expected one region, that of the stack; name another"
    ]
    assert errors(text.replace("REGION:123456789012", "eu-west-1:1234xxxxxx")) == []


@pytest.mark.parametrize(
    ("key", "part"),
    [
        ("dynamodb_arn", "dynamodb:us-east-1:123456789012:table/T/index/x"),
        ("kinesis_stream_fast_arn", "kinesis:us-east-1:123456789012:stream/a/consumer/b:1"),
        ("dlq_sns_arn", "sns:us-east-1:123456789012:topic:0f1e2d3c"),
    ],
)
def test_an_arn_of_a_part_is_none_of_the_whole(key: str, part: str) -> None:
    (problem,) = errors(SMALL.replace("sns_topics: []", f"sns_topics: [], {key}: 'arn:aws:{part}'"))
    assert f"backend.{key}: 'arn:aws:{part}' does not fit; expected an ARN such as" in problem


def test_topics_have_names_that_differ() -> None:
    topic = "{name: a, arn: 'arn:aws:sns:us-east-1:123456789012:a'}"
    assert errors(SMALL.replace("sns_topics: []", f"sns_topics: [{topic}, {topic}]")) == [
        "2: name 'a' is there twice, first on line 2; expected it once"
    ]


def test_a_vpc_needs_subnets_and_security_groups() -> None:
    assert errors(handler("subnet_ids: [subnet-1]")) == [
        "4: handler.subnet_ids without handler.security_group_ids; expected both or none; add it"
    ]
    assert errors(handler("security_group_ids: [sg-1]\nsubnet_ids: [subnet-1]")) == []


def test_a_mistake_in_a_chain_has_the_line_of_the_name_it_quotes() -> None:
    def two_problems(_names: Sequence[str], root: Path) -> list[str]:
        assert root == Path.cwd()
        return ["format 'jsn' is not known", "format 'last' reads objects; expected it before 'jsn'", "it is odd"]

    text = mapping("- prefix: a\n  format:\n    - s3-lines\n    - jsn\n    - last\n")
    assert _lines(check(text, check_chain=two_problems)[1], "error") == [
        "7: it is odd",
        "9: format 'jsn' is not known",
        "10: format 'last' reads objects; expected it before 'jsn'",
    ]


def test_chains_are_checked_against_the_catalogue() -> None:
    _, problems = check_config(mapping("- {prefix: a, format: no-such-format}"), files=False)
    (problem,) = _lines(problems, "error")
    assert problem.startswith("6: format 'no-such-format' is not known")


def test_chains_are_checked_even_where_the_rest_of_the_mapping_is_wrong() -> None:
    text = mapping("- {prefix: 1, format: jsn, on_error: x}\n- {format: jsn}\n- {prefix: a, format: [123]}")
    _, problems = check(text, check_chain=lambda names, _root: [f"format {names[0]!r} is not known"])
    assert [one.line for one in problems if one.message.startswith("format ")] == [6, 7]


# ---- files


def test_load_wants_the_handler_to_exist(tmp_path: Path) -> None:
    path = tmp_path / "slips.yml"
    path.write_text(handler("requirements: requirements.txt"))
    with pytest.raises(ConfigError) as error:
        config.load(path)
    assert [one for one in error.value.problems if "format" not in one] == [
        f"{path}:3: handler.path: no file 'handler.py'; expected one relative to {tmp_path}",
        f"{path}:4: handler.requirements: no file 'requirements.txt'; expected one relative to {tmp_path}",
    ]


def test_directories_of_embedded_buckets_that_do_not_exist_are_a_warning_for_who_deploys(tmp_path: Path) -> None:
    (tmp_path / "handler.py").touch()
    (tmp_path / "here").mkdir()
    text = SMALL.replace("sns_topics: []", "embedded: {path: state, buckets: {my-logs: nowhere, more: here}}")
    _, problems = check_config(text, str(tmp_path / "slips.yml"), check_chain=no_chain_problems)
    assert [one.message for one in problems if "no directory '" in one.message and one.level == "warning"] == [
        f"backend.embedded.buckets.my-logs: no directory 'nowhere'; expected one relative to {tmp_path}; create it"
    ]


def test_parse_does_not_look_for_files() -> None:
    assert config.parse(SMALL.replace("handler.py", "no/such/file.py")).handler.path == "no/such/file.py"


def test_a_config_file_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    for path, reason in ((tmp_path / "no.yml", "no such file or directory"), (tmp_path, "is a directory")):
        with pytest.raises(ConfigError, match=reason) as error:
            config.load(path)
        assert error.value.problems[0].startswith(f"{path}: {reason}; expected the configuration; 'slips init'")


def test_a_file_that_is_not_utf_8_is_an_error_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "slips.yml"
    path.write_bytes(b"stack_name: a\ndescription: caf\xe9\n")
    with pytest.raises(ConfigError) as error:
        config.load(path)
    assert error.value.problems == [f"{path}:2: byte 0xe9 is not UTF-8; expected UTF-8; save it as that"]


def test_a_byte_order_mark_and_windows_line_ends_are_fine(tmp_path: Path) -> None:
    path = tmp_path / "slips.yml"
    path.write_bytes(b"\xef\xbb\xbf" + SMALL.replace("\n", "\r\n").encode() + b"descripton: x\r\n")
    (tmp_path / "handler.py").touch()
    with pytest.raises(ConfigError, match=r":5: key 'descripton' is not known"):
        config.load(path)


# ---- YAML itself


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: 1\nb:\n\tc: 1\n", "3: not valid YAML: a tab cannot indent; expected spaces; replace it"),
        ("a: 1\nb: c: d\n", "2: not valid YAML: this ':' cannot be here; expected 'key: value'; "
         "quote a text that has ': '"),
        ("a: 1\nb: @x\n", "2: not valid YAML: a text cannot begin with '@'; expected it in quotes; quote it"),
        ("a:\n  b: 1\n c: 2\n", "3: not valid YAML: the indentation fits nothing above; expected that of the key "
         "or '-' it belongs to"),
        ("a: 1\nkey\nb: 1\n", "2: not valid YAML: no ':' after the key; expected 'key: value'"),
        ("a: 1\nb: [1, 2\nc: 3\n", "2: not valid YAML: a bracket is opened and not closed, or a ',' is missing; "
         "expected ',' or the bracket"),
        ("a: 1\nb: 'x\nc: 1\nd: 1\n", "2: not valid YAML: a quote is opened and never closed; expected another one; "
         "close it"),
        ("a: 1\nb: 'x' y\n", "2: not valid YAML: this follows a value that is complete; expected a key on its own "
         "line, or all in quotes"),
        ("a: 1\nb: - c\n", "2: not valid YAML: '- ' begins a line; expected the list on the lines below its key"),
        ('a: 1\nb: "\\d"\n', "2: not valid YAML: a backslash in double quotes is special; expected single quotes, "
         "where it is not"),
        ("a: 1\nb: *x\n", "2: not valid YAML: alias 'x' has no anchor; expected '&' and that name further up"),
        ("a: 1\n---\nb: 2\n", "2: not valid YAML: '---' begins a second document; expected one; take the rest away"),
        ("%YAML 3.0\n---\na: 1\n", "1: not valid YAML: found incompatible YAML document (version 1.* is required)"),
        ("a: 1\nb: \x00\n", "2: character U+0000 cannot be in YAML; expected text; take it away"),
        ("", "1: the file is empty; expected stack_name, handler, bucket_mapping; 'slips init' writes an example"),
        ("# only\n", "1: the file is empty; expected stack_name, handler, bucket_mapping; "
         "'slips init' writes an example"),
        ("[" * 100_000, "1: nested too deep; expected at most 50 levels; take some away"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_yaml_is_an_error_with_line_and_remedy(text: str, problem: str) -> None:
    assert errors(text) == [problem]


@pytest.mark.parametrize(
    ("text", "found"), [("- a\n", "found a list"), ("hello", "'hello' is text"), ("12", "a number")]
)
def test_a_document_that_is_no_mapping_is_an_error(text: str, found: str) -> None:
    (problem,) = errors(text)
    assert problem.startswith("1: the file: ")
    assert f"{found}; expected a mapping with the keys stack_name, description, tags" in problem


def test_aliases_that_multiply_are_bounded() -> None:
    laughs = "a0: &a0 [ha]\n" + "".join(f"a{n}: &a{n} [{f'*a{n - 1}, ' * 10}]\n" for n in range(1, 30))
    merges = "a0: &a0 {ha: 1}\n" + "".join(f"a{n}: &a{n} {{<<: [{f'*a{n - 1}, ' * 10}]}}\n" for n in range(1, 30))
    for line, text in (
        (6, laughs),
        (6, merges),
        (4, handler("args: {a: &a [*a]}")),
        (4, handler("args: &a {<<: *a}")),
    ):
        assert errors(text) == [
            f"{line}: more than 200,000 values, counting what aliases repeat; expected fewer; take some away"
        ]
        assert find_handler(text) is None


@pytest.mark.slow
def test_merging_many_mappings_takes_the_first_value_of_each_key() -> None:
    many = ", ".join(f"{{k{n}: {n}, same: {n}}}" for n in range(3000))
    args = right(handler(f"args: {{<<: [{many}]}}")).handler.args
    assert (args["same"], args["k2999"], len(args)) == (0, 2999, 3001)


def test_the_handler_of_a_config_with_mistakes_is_found() -> None:
    assert find_handler("handler: {path: a.py, size: 1}\nx: !y z\n") == "a.py"
    for text in ("handler: a.py", "handler: {path: [a.py]}", "handler: {path: 7}", "[a", "- handler", ""):
        assert find_handler(text) is None


def test_aliases_that_nest_are_bounded() -> None:
    chain = "".join(f"  - &a{n} [{f'*a{n - 1}' if n else 'x'}]\n" for n in range(200))
    problems = errors(handler(f"args:\n  a:\n{chain}"))
    assert {one.partition(": ")[2] for one in problems} == {
        "handler.args: nested too deep; expected at most 50 levels; take some away"
    }


@pytest.mark.parametrize("pattern", ["*.py", "handler.py", "./handler.*", "*"])
def test_a_pattern_that_excludes_the_handler_itself_is_an_error(pattern: str) -> None:
    assert errors(handler(f"exclude: [tests, '{pattern}']")) == [
        f"4: handler.exclude[1]: '{pattern}' fits the handler, 'handler.py'; expected patterns of other files; "
        "narrow it"
    ]


@pytest.mark.parametrize("key", ["include", "exclude"])
def test_patterns_of_packaged_files_stay_beside_the_handler(key: str) -> None:
    right(handler(f"{key}: ['*.pem', ./a, a/b/*, 'a..b', '**/c']"))
    for pattern in ("/etc/passwd", "../a", "a/../b", "..", "''"):
        (problem,) = errors(handler(f"{key}: [{pattern}]"))
        assert problem.startswith(f"4: handler.{key}[0]: ")
        assert "expected a pattern relative to the handler's directory, such as 'certs/*.pem'" in problem


def test_merging_something_else_than_a_mapping_is_an_error() -> None:
    assert errors(SMALL + "<<: 3") == ["5: '<<' merges something else; expected an alias of a mapping, such as *name"]


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_broken_file_is_a_list_of_problems_never_a_traceback(data: st.DataObject) -> None:
    base = README + "routing: [{dest: fast, prefix: a}]\nlimits: {record_bytes: 16MiB}\nsam: {code_bucket: x}\n"
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(base)))
        end = data.draw(st.integers(start, min(len(base), start + 30)))
        word = st.sampled_from(
            ["null", "1", "{", "}", "[a]", ": ", "\n", "- ", "&a ", "*a", "<<: ", "!!int ", "'", '"', "|"]
        )
        base = base[:start] + data.draw(word | st.text(max_size=3)) + base[end:]
    found, problems = check(base)
    assert (found is None) == any(problem.level == "error" for problem in problems)
    assert all(
        1 <= problem.line <= base.count("\n") + base.count("\r") + base.count("\x85") + 3 for problem in problems
    )


# ---- what follows from the declaration


def _keys(kind: Any, path: str = "") -> list[str]:
    kind, _ = unwrap(kind)
    match kind:
        case inspect.StructType():
            return [found for name, one in keys_of(kind).items() for found in _keys(one.type, f"{path}.{name}")]
        case inspect.ListType():
            own = [path] if "x-short" in unwrap(kind.item_type)[1] else []
            return own + _keys(kind.item_type, path + "[]")
        case inspect.DictType():
            below = _keys(kind.value_type, path + ".NAME")
            return below if "[]." in below[0].removeprefix(path) else [path]
    return [path.removesuffix("[]")]


def test_the_reference_has_every_key_once_with_a_meaning() -> None:
    text = reference.page()
    rows = re.findall(r"^\| `(\S+)` \| (.*?) \| (.*?) \| (.*) \|$", text, re.MULTILINE)
    assert [row[0] for row in rows] == [key[1:] for key in _keys(inspect.type_info(Config))]
    assert all(takes and len(meaning) > 8 for _, takes, _, meaning in rows)
    assert "| `handler.timeout` | a whole number from 1 to 900 |" in text
    assert "| `handler.runtime` | python3.11 or" in text
    assert "| `handler.path` | text | required |" in text
    assert "| `backend.lane.slow.batch_size` | a whole number from 1 to 10,000 | `1` |" in text
    assert "file" not in [row[0] for row in rows]


def test_the_json_schema_follows_from_the_declaration() -> None:
    schema = reference.json_schema()
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    definitions = schema["$defs"]
    keys = definitions["Config"]["properties"]
    assert "file" not in keys
    assert keys["sam"] == definitions["Base"]["properties"]["sam"] | {"$ref": "#/$defs/Sam"}
    assert definitions["Config"]["required"] == ["stack_name", "handler", "bucket_mapping"]
    assert all(one["additionalProperties"] is False for one in definitions.values())
    assert all(one["description"] for one in definitions.values())
    short = definitions["Mapping"]["properties"]["format"]["anyOf"]
    assert [one["type"] for one in short] == ["array", "string"]
    assert "x-short" not in json.dumps(schema)


def test_importing_config_imports_no_yaml() -> None:
    import subprocess
    import sys

    code = "import sys, slips.config; sys.exit(any(m.startswith('yaml') for m in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_routes_and_mappings_are_read_in_order() -> None:
    found = right(SMALL + "routing: [{bucket: a, dest: drop}, {prefix: b, dest: slow}, {dest: fast}]")
    assert found.routing == [Route(bucket="a", dest="drop"), Route(prefix="b", dest="slow"), Route(dest="fast")]


@pytest.mark.parametrize(
    "text",
    [
        "Bearer {{ssm:/x}}",
        "{{ssm:}}",
        "{{SSM:/x}}",
        "{{ssm:/x}",
        "{{ssm:/*}}",
        "{{secretsmanager:d?}}",
        "{{secretmanager:x}}",
    ],
)
def test_a_placeholder_that_is_none_would_reach_the_handler_and_is_an_error(text: str) -> None:
    (problem,) = errors(handler(f"args: {{tokens: ['{text}']}}"))
    assert f"handler.args.tokens[0]: '{text}' would reach the handler as it is" in problem


def test_the_name_of_a_parameter_is_checked_with_its_line() -> None:
    assert errors(handler("args:\n  a: '{{ssm:my key}}'")) == [
        "5: handler.args.a: '{{ssm:my key}}' names no parameter; expected letters, digits, '.', '-', '_' and '/' "
        "behind the first ':', then perhaps ':' and one version or label; mend it"
    ]


def test_placeholders_alone_are_fine_whatever_the_blanks() -> None:
    assert (
        errors(handler("args: {a: '{{ssm:/x}}', b: ' {{ secretsmanager : id:key }} ', c: 'ssm:/x', d: '{{name}}'}"))
        == []
    )


def test_a_version_that_is_not_known_is_no_slip_for_another() -> None:
    (problem,) = errors(handler("runtime: python3.10"))
    assert problem.startswith("4: handler.runtime: 'python3.10' is not known; expected python3.11 or python3.12 or")
    (problem,) = errors(handler("runtime: pyton3.13"))
    assert "did you mean 'python3.13'? expected python3.11 or" in problem


def test_switches_are_true_or_false_and_some_numbers_are_chosen_from_a_list() -> None:
    def backend(keys: str) -> str:
        return re.sub("(?m)^backend:.*$", f"backend: {{embedded: {{}}, {keys}}}", SMALL)

    assert errors(backend("eventbridge: 'yes'")) == [
        "2: backend.eventbridge: 'yes' is text; expected true or false",
    ]
    assert errors(backend("s3_direct: 1")) == ["2: backend.s3_direct: '1' is a number; expected true or false"]
    (problem,) = errors(backend("log_retention_days: 31"))
    assert "'31' is not known; expected 1 or 3 or 5" in problem
    assert errors(backend("eventbridge: true, s3_direct: no, log_retention_days: 14")) == []
