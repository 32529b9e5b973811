"""Promises about scalars that YAML changes, or that YAML 1.1 and 1.2 read differently: quote them."""

from __future__ import annotations

import datetime
import math
import re
from decimal import Decimal
from typing import Any

import pytest
import yaml
from hypothesis import assume, given, reject, settings
from hypothesis import strategies as st
from yaml.nodes import ScalarNode

from configs import SMALL, _lines, check, errors, handler, mapping, right
from projects import CONFIG, Project
from slips.config.nodes import UnreadableError, compose, is_plain, scalar
from slips.config.scalars import doubt

DOUBTFUL = [
    ("012345670123", 1402433619, "becomes the number 1402433619 (YAML 1.2: the number 12345670123)", ""),
    ("NO", False, "becomes false (YAML 1.2: text)", "false"),
    ("on", True, "becomes true (YAML 1.2: text)", "true"),
    ("22:22", 1342, "becomes the number 1342 (YAML 1.2: text)", "1342"),
    ("1:30:00", 5400, "becomes the number 5400 (YAML 1.2: text)", "5400"),
    ("1_000", 1000, "becomes the number 1000 (YAML 1.2: text)", "1000"),
    ("0b101", 5, "becomes the number 5 (YAML 1.2: text)", "5"),
    ("0x1F", 31, "becomes the number 31", "31"),
    ("1.10", 1.1, "becomes the number 1.1", "1.1"),
    ("1.", 1.0, "becomes the number 1.0", "1.0"),
    (".5", 0.5, "becomes the number 0.5", "0.5"),
    ("+1", 1, "becomes the number 1", "1"),
    ("-0", 0, "becomes the number 0", "0"),
    ("0.1000000000000000055", 0.1, "becomes the number 0.1", "0.1"),
    ("~", None, "becomes null", "null"),
    ("NULL", None, "becomes null", "null"),
    ("TRUE", True, "becomes true", "true"),
    ("0o17", "0o17", "stays text (YAML 1.2: the number 15)", "15"),
    ("1e3", "1e3", "stays text (YAML 1.2: the number 1000.0)", "1000.0"),
    ("1e-05", "1e-05", "stays text (YAML 1.2: the number 1.0e-05)", "1.0e-05"),
    ("1.50e+23", 1.5e23, "becomes the number 1.5e+23", "1.5e+23"),
    ("12e4567", "12e4567", "stays text (YAML 1.2: the number .inf)", ""),
    ("012345678901", "012345678901", "stays text (YAML 1.2: the number 12345678901)", "12345678901"),
    ("-08", "-08", "stays text (YAML 1.2: the number -8)", "-8"),
    ("-.5", "-.5", "stays text (YAML 1.1: the number -0.5; YAML 1.2: the number -0.5)", "-0.5"),
    ("y", "y", "stays text (YAML 1.1: true)", "true"),
    ("N", "N", "stays text (YAML 1.1: false)", "false"),
    ("2018-03-29", "2018-03-29", "stays text (YAML 1.1: a date)", ""),
    ("2018-03-29T16:35:15Z", "2018-03-29T16:35:15Z", "stays text (YAML 1.1: a date)", ""),
    ("=", "=", "stays text (YAML 1.1: a mark)", ""),
]
"""Scalars with the value that slips reads, what the warning says of it, and what to write if that is meant."""
PLAIN = (
    "true false True False null 0 12 -5 0.5 -0.5 1.0 3.11 123456789012 hello 1.2.3 10.0.0.1 00:30 12:60 1h 2018-03 "
    "0.00001 -0.000025 1.0e-05 100000000000000000000.0"
)
CORE: list[tuple[str, Any]] = [
    # https://yaml.org/spec/1.2.2/#1032-tag-resolution, as it stands there
    ("null|Null|NULL|~", lambda _: None),
    ("", lambda _: None),
    ("true|True|TRUE|false|False|FALSE", lambda text: text[0] in "tT"),
    ("[-+]?[0-9]+", int),
    ("0o[0-7]+", lambda text: int(text[2:], 8)),
    ("0x[0-9a-fA-F]+", lambda text: int(text[2:], 16)),
    (r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", float),
    (r"[-+]?(\.inf|\.Inf|\.INF)", lambda text: -math.inf if text[0] == "-" else math.inf),
    (r"\.nan|\.NaN|\.NAN", lambda _: math.nan),
]


def warnings(text: str) -> list[str]:
    found, problems = check(text)
    assert found is not None, problems
    return _lines(problems, "warning")


def by_core_schema(text: str) -> Any:
    return next((read(text) for pattern, read in CORE if re.fullmatch(pattern, text)), text)


def by_pyyaml(text: str) -> Any:
    try:
        return yaml.safe_load(f"a: {text}")["a"]  # by itself, '---' would begin a document
    except yaml.constructor.ConstructorError:  # PyYAML knows the mark, and cannot construct it
        assert text == "="
        return object()


def as_slips(text: str) -> Any:
    return right(handler(f"args:\n  a: {text}")).handler.args["a"]


# ---- what is in doubt


@pytest.mark.parametrize(("text", "value", "found", "instead"), DOUBTFUL)
def test_a_scalar_that_is_not_read_as_written_is_a_warning_with_both_readings(
    text: str, value: Any, found: str, instead: str
) -> None:
    assert as_slips(text) == value
    assert type(as_slips(text)) is type(value)
    assert warnings(handler(f"args:\n  a: {text}")) == [
        f"5: handler.args.a: '{text}' {found}; expected it in quotes, or a value that all YAML reads alike; "
        f"quote it: '{text}'" + (f", or write {instead}" if instead else "")
    ]
    if instead:
        assert warnings(handler(f"args:\n  a: {instead}")) == []


@pytest.mark.parametrize("text", PLAIN.split())
def test_a_value_that_all_yaml_reads_as_written_is_no_warning(text: str) -> None:
    assert warnings(handler(f"args:\n  a: {text}\n  b:\n  c: ''")) == []
    assert by_pyyaml(text) == by_core_schema(text) == as_slips(text)


@pytest.mark.parametrize("form", ["'{}'", '"{}"', "!!str {}", ">-\n    {}", "|-\n    {}"])
@pytest.mark.parametrize("text", [row[0] for row in DOUBTFUL])
def test_quotes_end_the_doubt(form: str, text: str) -> None:
    config = handler(f"args:\n  a: {form.format(text)}")
    assert warnings(config) == []
    assert right(config).handler.args == {"a": text}


@pytest.mark.slow
@settings(max_examples=1000, deadline=None)
@given(
    st.text("0123456789.xobeE+-_:~", min_size=1, max_size=8)
    | st.sampled_from(["---", "--- ", "...", "-", "?"])
    | st.sampled_from([row[0] for row in DOUBTFUL])
    | st.from_regex(r"\A[0-9]{1,4}-[0-9]{1,2}-[0-9]{1,2}\Z")
    | st.sampled_from(["yes", "Yes", "no", "off", "Off", "nO", "yeS", "Null", "nuLL", "None", "<<<"])
)
def test_the_readings_agree_with_pyyaml_and_with_the_specification_of_yaml_1_2(text: str) -> None:
    """Doubt is there whenever PyYAML and the core schema differ, and nowhere that both read the text itself."""
    try:
        node = compose(f"a: {text}").value[0][1]
        first = by_pyyaml(text)
        here = scalar(node)
    except (UnreadableError, yaml.YAMLError, ValueError, OverflowError):
        reject()  # no scalar; or a number that JSON has not, or a 13th month
    assume(isinstance(node, ScalarNode) and node.value == text and is_plain(node))
    second = by_core_schema(text)
    if isinstance(first, datetime.date):
        assert here == text
    differ = type(first) is not type(second) or first != second
    written: tuple[str, ...] = {None: ("null", "")}.get(first, (str(first), str(first).lower()))
    if isinstance(first, float):
        digits = f"{Decimal(repr(first)):f}"
        written += (f"{first!r}".replace("e", "e" if "." in repr(first) else ".0e"), digits, f"{digits}.0")
    found = doubt(text, here)
    if differ or text not in written:
        assert "quote it" in found
    elif found:
        # PyYAML reads fewer numbers and words than YAML 1.1.
        assert "YAML 1.1: " in found


# ---- where it is told


@pytest.mark.parametrize(
    ("config", "where"),
    [
        (SMALL + "description: 0o17", "5: description"),
        (SMALL + "tags: {team: y}", "5: tags.team"),
        (SMALL + "tags: {y: team}", "5: tags: key"),
        (SMALL + "routing: [{prefix: 2018-03-29, dest: slow}]", None),
        (SMALL + "routing: [{prefix: 1e3, dest: slow}]", "5: routing[0].prefix"),
        (SMALL + "routing: [{prefix: ~, dest: slow}]", "5: routing[0].prefix"),
        (SMALL.replace("my-logs:", "012345678901:"), "4: bucket_mapping: key"),
        (mapping("- {prefix: 0o17, format: json}"), "6: bucket_mapping.b[0].prefix"),
        (mapping("- {prefix: a, format: json, handler: {path: a.py, args: {x: [1, NO]}}}"),
         "6: bucket_mapping.b[0].handler.args.x[1]"),
        (handler("environment: {MODE: 0o17}"), "4: handler.environment.MODE"),
        (handler("environment:\n  y: a"), "5: handler.environment: key"),
        (handler("args:\n  deep: [{x: 22:22}]"), "5: handler.args.deep[0].x"),
        (handler("args:\n  api_key: 0123"), "5: handler.args.api_key: '0123'"),
        (handler("args:\n  a:\n    012345678901: b"), "6: handler.args.a: key"),
    ],
)  # fmt: skip
def test_doubt_is_told_wherever_a_text_or_any_value_may_be(config: str, where: str | None) -> None:
    found, problems = check(config)
    if where is None:  # what YAML reads as another type than the declared text is an error
        assert found is None
        assert _lines(problems, "error")[0].endswith("is a date to YAML; expected text; quote it: '2018-03-29'")
        return
    told = [one for one in _lines(problems, "warning") if "quote it" in one]
    assert found is not None
    assert [one.startswith(where) for one in told] == [True], problems


@pytest.mark.parametrize(
    "config", [handler("environment: {MODE: {}}"), SMALL + "description: {}", SMALL + "tags: {{}: a}"]
)
def test_quotes_are_the_one_remedy_where_only_a_text_may_be(config: str) -> None:
    (told,) = [one for one in warnings(config.replace("{}", "1e3")) if "quote it" in one]
    assert told.endswith("'1e3' stays text (YAML 1.2: the number 1000.0); expected it in quotes; quote it: '1e3'")


@pytest.mark.parametrize("text", ["0o" + "7" * 6000, "0" + "8" * 6000, "1." + "1" * 6000])
def test_a_long_number_is_told_in_short(text: str) -> None:
    (told,) = warnings(handler(f"args:\n  a: {text}"))
    assert "..." in told
    assert len(told) < 400


def test_a_tag_that_says_nothing_ends_no_doubt() -> None:
    assert "'012' becomes the number 10" in warnings(handler("args:\n  a: ! 012"))[0]


def test_keys_of_a_declared_type_are_never_in_doubt() -> None:
    assert warnings(handler("timeout: +5\nmemory_size: 1_000\ntracing: yes\nconcurrency: ~\nrole_arn: ~")) == []
    assert warnings(SMALL + "limits: {record_bytes: 1_000_000, object_bytes: 16MiB}") == []


def test_a_scalar_that_an_alias_repeats_is_told_once() -> None:
    assert len(warnings(handler("args:\n  a: &no NO\n  b: *no\n  c: [*no]"))) == 1


@pytest.mark.parametrize(
    ("key", "kind"), [("on", "true or false"), ("1", "a number"), ("2018-03-29", "a date"), ("~", "nothing")]
)
def test_a_key_that_is_no_text_to_yaml_is_an_error(key: str, kind: str) -> None:
    assert errors(handler(f"args:\n  {key}: a")) == [f"5: key '{key}' is {kind} to YAML; expected text; quote it"]


@pytest.mark.parametrize("word", ["~", "null", "NULL"])
def test_a_null_in_place_of_a_text_is_an_error_that_says_so(word: str) -> None:
    assert errors(handler(f"environment:\n  HOME: {word}")) == [
        f"5: handler.environment.HOME: '{word}' is nothing to YAML; expected text; quote it: '{word}'"
    ]


def test_a_merge_in_place_of_a_value_is_an_error_and_a_merge_of_mappings_is_fine() -> None:
    assert errors(handler("args:\n  operator: <<")) == [
        "5: '<<' is no text to YAML, it merges mappings; expected a plain value; quote it: '<<'"
    ]
    assert warnings(handler("args:\n  a: &a {b: c}\n  d: {<<: *a}")) == []


@pytest.mark.parametrize("args", [("run",), ("test", "-d", "events.json"), ("sample",)])
def test_commands_that_use_the_args_warn_of_the_values_that_yaml_made_and_do_their_work(
    project: Project, args: tuple[str, ...]
) -> None:
    project.put("json/a", {"n": 1})
    (project.root / "events.json").write_text(project.slips("sample").out)
    project.config(CONFIG.replace("{limit: 5}", "{limit: 5, country: NO, axis: y, day: 2026-11-29}"))
    done = project.slips(*args)
    told = [line for line in done.err.splitlines() if "warning" in line]
    assert done.status == 0
    assert [line.partition(" (YAML")[0] for line in told] == [
        "slips: slips.yml:9: warning: handler.args.country: 'NO' becomes false"
    ]
    assert len([line for line in project.slips("check").err.splitlines() if "quote it" in line]) == 3
    project.config(CONFIG.replace("{limit: 5}", "{limit: 5, country: 'NO'}"))
    assert "warning" not in project.slips(*args).err
