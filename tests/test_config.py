"""Promises of the config: what a right file becomes, and what follows from the declaration."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import inspect

import original
from configs import SMALL, check, errors, handler, mapping, no_chain_problems, right
from slips import config
from slips.config import Config, Mapping, Route, reference
from slips.config.backend import SnsTopic
from slips.config.check import check as check_config
from slips.config.check import find_handlers
from slips.config.declared import keys_of, scalar_of, unwrap
from slips.config.schema import Limits, Sam
from slips.errors import ConfigError

README = original.CONFIG


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
    assert found.limits == Limits(record_bytes=16 * 2**20, object_bytes=None, expansion_ratio=1000)


def test_a_key_without_a_value_has_its_default() -> None:
    found = right(SMALL + "description:\nrouting:\n  # - dest: slow\nlimits:\n")
    assert (found.description, found.routing, found.limits) == ("", [], Limits())


def test_sam_at_the_top_means_base_sam() -> None:
    for text in ("sam: {code_bucket: b}", "sam: {code_bucket: b}\nbase:", "base: {}\nsam: {code_bucket: b}"):
        assert right(SMALL + text).base.sam == Sam("b")


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


@pytest.mark.parametrize(
    ("share", "percent"),
    [
        ("0.5", 50),
        (".5", 50),
        ("50%", 50),
        ("50 %", 50),
        ("'100%'", 100),
        ("1", 100),
        ("off", 0),
        ("'off'", 0),
        ("0", 0),
    ],
)
def test_shares_are_numbers_up_to_one_or_in_percent(share: str, percent: int) -> None:
    assert (
        right(SMALL.replace("sns_topics: []", f"lane: {{slow: {{break_at: {share}}}}}")).backend.lane.slow.break_at
        == percent
    )


@pytest.mark.parametrize("share", ["50", "101%", "1.5", "half", "-0.5", "on", "."])
def test_other_shares_are_mistakes(share: str) -> None:
    (error,) = errors(SMALL.replace("sns_topics: []", f"lane: {{slow: {{break_at: {share}}}}}"))
    assert error.startswith("2: backend.lane.slow.break_at: ")
    assert "; expected a share such as 0.5 or 50%, or off" in error


def test_budgets_of_a_day_are_numbers_and_sizes() -> None:
    limits = right(SMALL + "limits: {objects_per_day: 1000, bytes_per_day: 5GB}").limits
    assert (limits.objects_per_day, limits.bytes_per_day) == (1000, 5 * 10**9)


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
        *((f"a: [1]\nb: 1\n{end}\n\n", "3: not valid YAML: a bracket is opened and not closed, or a ',' is missing; "
          "expected ',' or the bracket") for end in ("x: [", "x: [[1],", "x: {a: 1,", "x: [{")),
        ("a: 1\nb: 'x\nc: 1\nd: 1\n", "2: not valid YAML: a quote is opened and never closed; expected another one; "
         "close it"),
        ("a: 1\nb: 'x' y\n", "2: not valid YAML: this follows a value that is complete; expected a key on its own "
         "line, or all in quotes"),
        ("a: 1\nb: - c\n", "2: not valid YAML: '- ' begins a line; expected the list on the lines below its key"),
        ('a: 1\nb: "\\d"\n', "2: not valid YAML: a backslash in double quotes is special; expected single quotes, "
         "where it is not"),
        (
            "a: 1\nb: **/debug/**\n",
            "2: not valid YAML: '*' and '&' begin an alias or an anchor; expected a text in quotes; quote it",
        ),
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
        assert find_handlers(text) == []


@pytest.mark.slow
def test_merging_many_mappings_takes_the_first_value_of_each_key() -> None:
    many = ", ".join(f"{{k{n}: {n}, same: {n}}}" for n in range(3000))
    args = right(handler(f"args: {{<<: [{many}]}}")).handler.args
    assert (args["same"], args["k2999"], len(args)) == (0, 2999, 3001)


def test_the_handlers_of_a_config_with_mistakes_are_found() -> None:
    assert find_handlers("handler: {path: a.py, size: 1}\nx: !y z\n") == ["a.py"]
    for text in ("handler: a.py", "handler: {path: [a.py]}", "handler: {path: 7}", "[a", "- handler", ""):
        assert find_handlers(text) == []
    own = "{prefix: 7, handler: 'b.py:B'}, {handler: {path: c.py, x: y}}, {handler: [d.py]}, e, {handler: b.py:B}"
    assert find_handlers(f"bucket_mapping: {{logs: [{own}], more: {{handler: f.py}}}}") == ["b.py:B", "c.py"]


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
    is_scalar_too = scalar_of(kind) is not None
    kind, notes = unwrap(kind)
    match kind:
        case inspect.StructType():
            own = [path] if is_scalar_too or ("x-short" in notes and not path.endswith("[]")) else []
            return own + [found for name, one in keys_of(kind).items() for found in _keys(one.type, f"{path}.{name}")]
        case inspect.ListType():
            own = [path] if "x-short" in unwrap(kind.item_type)[1] else []
            return own + _keys(kind.item_type, path + "[]")
        case inspect.DictType():
            below = _keys(kind.value_type, path + ".NAME")
            if scalar_of(kind.value_type) is not None:
                return [path, *below[1:]]
            return below if "[]." in below[0].removeprefix(path) else [path]
    return [path.removesuffix("[]")]


def test_the_reference_has_every_key_once_with_a_meaning() -> None:
    text = reference.page()
    rows = re.findall(r"^\| `(\S+)` \| (.*?) \| (.*?) \| (.*) \|$", text, re.MULTILINE)
    assert [row[0] for row in rows] == [key[1:] for key in _keys(inspect.type_info(Config))]
    assert all(takes and len(meaning) > 8 for _, takes, _, meaning in rows)
    assert "| `handler.timeout` | a whole number from 1 to 900 |" in text
    assert "| `handler.runtime` | python3.11 or" in text
    assert "| `handler.path` | text |  | Python file" in text
    assert "| `backend.lane.slow.batch_size` | a whole number from 1 to 10,000 | `1` |" in text
    assert "file" not in [row[0] for row in rows]


def test_the_json_schema_follows_from_the_declaration() -> None:
    schema = reference.json_schema()
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    definitions = schema["$defs"]
    keys = definitions["Config"]["properties"]
    assert "file" not in keys
    assert keys["sam"] == definitions["Base"]["properties"]["sam"] | {"$ref": "#/$defs/Sam"}
    assert definitions["Config"]["required"] == ["stack_name", "bucket_mapping"]
    assert all(one["additionalProperties"] is False for one in definitions.values())
    assert all(one["description"] for one in definitions.values())
    short = definitions["Mapping"]["properties"]["format"]["anyOf"]
    assert [one["type"] for one in short] == ["array", "string", "object"]
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


def test_a_directory_in_place_of_a_file_is_told_as_that_and_a_file_in_place_of_a_directory(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "web.log").touch()
    text = handler("requirements: src").replace("handler.py", "src")
    text = text.replace("sns_topics: []", "embedded: {path: state, buckets: {my-logs: web.log}}")
    _, problems = check_config(text, str(tmp_path / "slips.yml"), check_chain=no_chain_problems)
    told = [one.message for one in problems if " is a " in one.message]
    assert told == [
        f"handler.path: 'src' is a directory; expected a file relative to {tmp_path}; name one in it",
        f"handler.requirements: 'src' is a directory; expected a file relative to {tmp_path}; name one in it",
        "backend.embedded.buckets.my-logs: 'web.log' is a file; expected the directory of the logs, relative to "
        f"{tmp_path}; name that",
    ]
