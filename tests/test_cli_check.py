"""`slips check` and `slips init`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from projects import CONFIG, HANDLER, Project
from slips.config import load

# ---- check

OWN = CONFIG.replace(
    "- prefix: json/\n", "- prefix: json/\n      handler: {path: 'own/handler.py:Alb', args: {a: 1}}\n"
)


def test_each_prefix_is_shown_with_lane_chain_and_policy(project: Project) -> None:
    project.config(CONFIG + "    - prefix: ''\n      format: syslog\n      on_error: skip\n")
    done = project.slips("check")
    assert (done.status, done.err) == (0, "")
    assert "handler: handler.py: Count\n" in done.out
    assert "bucket my-logs: logs\n" in done.out
    rows = [line.split() for line in done.out.splitlines()[3:]]
    assert rows[0] == ["json/", "fast", "[s3-lines,", "json]", "on", "error:", "quarantine"]
    assert rows[1][:2] == ["slow/", "slow"]
    assert rows[2][:2] == ["dropped/", "drop"]
    assert rows[3][:8] == ["(all)", "fast,", "slow", "for", "slow/,", "drop", "for", "dropped/"]
    assert rows[3][8:] == ["[s3-lines,", "syslog]", "on", "error:", "skip"]


def test_a_handler_with_a_name_that_is_too_long_is_a_mistake_and_no_bug(project: Project) -> None:
    project.config(CONFIG.replace("path: handler.py", f"path: {'a/' * 3_000}x.py"))
    done = project.slips("check")
    assert (done.status, "handler.path: no file 'a/a/" in done.err, "Traceback" in done.err) == (2, True, False)


LANES = "  lane:\n    slow: {batch_size: 5, delay: 50}\n"


def test_a_lane_with_a_delay_is_shown_with_the_pace_that_it_leaves(project: Project) -> None:
    project.config(CONFIG.replace("backend:\n", f"backend:\n{LANES}"))
    assert project.slips("check").out.endswith("lane slow: at most 360 objects an hour (batch_size 5, delay 50 s)\n")
    project.config(CONFIG.replace("backend:\n", f"backend:\n{LANES.replace('delay', 'parallelization: 2, delay')}"))
    told = "lane slow: at most 720 objects an hour and shard (batch_size 5, parallelization 2, delay 50 s)\n"
    assert project.slips("--aws", "check").out.endswith(told)


def test_what_may_pause_a_lane_is_shown(project: Project) -> None:
    breaks = LANES.replace("delay: 50", "break_at: 50%")
    text = CONFIG.replace("backend:\n", f"backend:\n{breaks}") + "limits: {bytes_per_day: 5GB}\n"
    project.config(text)
    assert project.slips("check").out.endswith(
        "lane slow: pauses for a handler when 50 % of 20 of its objects failed\n"
        "both lanes: pause when 5,000,000,000 bytes have started in a day (UTC)\n"
    )


def test_a_chain_that_is_read_as_another_is_told(project: Project) -> None:
    project.config(CONFIG + "    - prefix: trail/\n      format: [s3-lines, cloudtrail]\n")
    assert "\n  trail/: [s3-lines, cloudtrail] is read as [json-records:Records, cloudtrail]\n" in (
        project.slips("check").out
    )
    project.config(CONFIG + "    - prefix: trail/\n      format: cloudtrail\n")
    assert "is read as" not in project.slips("check").out


def test_check_json_has_the_same_facts_as_the_text(project: Project) -> None:
    told = project.slips("check", "--json").json
    assert told["handler"] == {"path": "handler.py", "classes": ["Count"]}
    assert told["buckets"] == {"my-logs": "logs"}
    assert told["mappings"][1] == {
        "bucket": "my-logs",
        "prefix": "slow/",
        "pattern": None,
        "lanes": ["slow"],
        "chain": ["s3-lines", "json"],
        "on_error": "quarantine",
        "handler": "handler.py",
        "args": ["limit"],
        "contains": None,
        "timezone": None,
    }


def test_check_shows_the_lanes_of_longer_prefixes_beside_that_of_the_rest(project: Project) -> None:
    project.config(CONFIG.replace("routing:\n", "routing:\n  - {prefix: json/debug/, dest: drop}\n"))
    (mapping,) = [
        one for one in json.loads(project.slips("check", "--json").out)["mappings"] if one["prefix"] == "json/"
    ]
    assert mapping["lanes"] == ["fast", "drop for json/debug/"]


def test_a_pattern_is_shown_with_its_lanes_and_what_lies_beside_it(project: Project) -> None:
    rules = "routing:\n  - {pattern: '**/debug/**', dest: drop}\n"
    project.config(CONFIG.replace("routing:\n", rules) + "    - pattern: json/*/a/**\n      format: json\n")
    done = project.slips("check")
    assert (done.status, done.err) == (0, "")
    assert "  json/*/a/**  fast, drop for **/debug/**  [s3-lines, json]  on error: quarantine\n" in done.out
    assert "other objects" not in done.out, "the mapping json/ takes them"
    told = project.slips("check", "--json").json
    assert (told["mappings"][3]["prefix"], told["mappings"][3]["pattern"]) == (None, "json/*/a/**")
    assert told["unmapped_below"] == {}
    project.config(CONFIG + "    - pattern: logs/*/a/**\n      format: json\n")
    assert (
        "  other objects below 'logs/' become error items; to drop them, let 'routing' have a rule for each mapping, "
        "and behind these {bucket: my-logs, prefix: 'logs/', dest: drop}\n" in project.slips("check").out
    )
    assert project.slips("check", "--json").json["unmapped_below"] == {"my-logs": ["logs/"]}


def test_a_route_that_lets_through_what_no_mapping_fits_is_told_apart_from_a_missing_one(project: Project) -> None:
    rules = """\
routing:
  - {bucket: my-logs, pattern: 'logs/**/a/**', dest: fast}
  - {bucket: my-logs, prefix: logs/, dest: drop}
"""
    config = CONFIG.replace("routing:\n", rules) + "    - pattern: logs/*/a/**\n      format: json\n"
    project.config(config)
    assert (
        "  other objects below 'logs/' are dropped, but those that 'routing' keeps and no mapping fits become error "
        "items; let these of its rules fit fewer: 'logs/**/a/**'\n" in project.slips("check").out
    )
    project.config(config.replace("logs/**/a/**', dest", "logs/*/a/**', dest"))
    assert "become error items" not in project.slips("check").out


def test_all_mistakes_are_told_at_once_those_of_the_handler_too(project: Project) -> None:
    project.config(CONFIG.replace("[s3-lines, json]", "[s3-lines, jsno]").replace("dest: slow", "dest: slwo"))
    project.handler("import slips.interface\nclass H(slips.interface.Handler): pass\n")
    done = project.slips("check")
    assert (done.status, done.out) == (2, "")
    lines = done.err.splitlines()
    assert [line.startswith("slips: slips.yml:") for line in lines] == [True, True, False]
    assert "handler.py: H lacks recv" in lines[2]


def own(project: Project, handler: str = HANDLER.replace("Count", "Alb"), config: str = OWN) -> None:
    """Gives the mapping `json/` a handler of its own."""
    project.config(config)
    (project.root / "own").mkdir(exist_ok=True)
    (project.root / "own" / "handler.py").write_text(handler)


def test_each_prefix_is_shown_with_its_handler_if_there_are_several(project: Project) -> None:
    own(project)
    done = project.slips("check")
    assert (done.status, done.err) == (0, "")
    assert "handler: own/handler.py:Alb\nhandler: handler.py: Count\nbucket" in done.out
    ends = [line.rpartition("  handler: ")[2] for line in done.out.splitlines() if line.startswith("  ")]
    assert ends == ["own/handler.py:Alb (own args: a)", "handler.py", "handler.py"]
    own(project, config=OWN.replace("handler.py\n  args", "handler.py\n  exclude: [a]\n  args"))
    told = project.slips("check", "--json").json
    assert told["handler"] == {"path": "handler.py", "classes": ["Count"]}
    assert told["handlers"] == [
        {"path": "own/handler.py:Alb", "classes": ["Alb"]},
        {"path": "handler.py", "classes": ["Count"]},
    ]
    assert [(one["handler"], one["args"]) for one in told["mappings"]] == [
        ("own/handler.py:Alb", ["a"]),
        ("handler.py", ["limit"]),
        ("handler.py", ["limit"]),
    ]


def test_mappings_with_one_file_and_other_args_do_not_look_alike_and_no_value_is_shown(project: Project) -> None:
    project.config(OWN.replace("own/handler.py:Alb", "handler.py").replace("{a: 1}", "{limit: 77, token: s3cret}"))
    done = project.slips("check")
    ends = [line.rpartition("  handler: ")[2] for line in done.out.splitlines() if line.startswith("  ")]
    assert ends == ["handler.py (own args: limit, token)", "handler.py", "handler.py"]
    for out in (done.out, project.slips("check", "--json").out):
        assert ("s3cret" in out, "77" in out) == (False, False)


def test_a_project_without_a_default_handler_is_shown(project: Project) -> None:
    each = OWN.replace("format: json\n", "format: json\n      handler: own/handler.py\n")
    own(project, config=each.replace("  path: handler.py\n  args: {limit: 5}\n", "  timeout: 60\n"))
    assert project.slips("check").status == 0
    assert project.slips("check", "--json").json["handler"] == {"path": None, "classes": []}


def test_a_default_handler_that_never_runs_is_not_imported(project: Project) -> None:
    own(project, config=OWN.replace("format: json\n", "format: json\n      handler: own/handler.py\n"))
    project.handler("1 / 0\n")
    done = project.slips("check")
    assert done.status == 0
    assert "handler.path: 'handler.py' never runs" in done.err


@pytest.mark.parametrize("is_right", [True, False])
def test_mistakes_of_all_handlers_and_of_the_config_are_told_at_once(project: Project, is_right: bool) -> None:
    own(project, "import os\n\n1 / 0\n", OWN if is_right else OWN.replace("dest: slow", "dest: slwo"))
    project.handler("import slips.interface\nclass H(slips.interface.Handler): pass\n")
    done = project.slips("check")
    assert (done.status, done.out) == (2, "")
    lines = done.err.splitlines()
    assert len(lines) == (2 if is_right else 3)
    assert sum("own/handler.py:3: importing the handler raised ZeroDivisionError" in line for line in lines) == 1
    assert sum("handler.py: H lacks recv" in line for line in lines) == 1


@pytest.mark.parametrize("text", ["a: b: c", "- 1", "handler: 3", "handler: {path: 3}", "handler: {path: none.py}", ""])
def test_a_config_that_names_no_handler_is_no_bug(project: Project, text: str) -> None:
    project.config(text)
    done = project.slips("check")
    assert done.status == 2
    assert done.err.startswith("slips: slips.yml:")


def test_a_handler_that_raises_on_import_names_the_line(project: Project) -> None:
    project.handler("import os\n\n1 / 0\n")
    done = project.slips("check")
    assert done.status == 2
    assert "handler.py:3: importing the handler raised ZeroDivisionError" in done.err


@pytest.mark.slow
def test_the_handler_finds_its_environment_when_it_is_checked_and_tested(project: Project) -> None:
    project.config(CONFIG.replace("path: handler.py", "path: handler.py\n  environment: {TARGET: there}"))
    project.handler(f"import os\n\nTARGET = os.environ['TARGET']\n{HANDLER}")
    assert project.slips("check").status == 0
    assert "TARGET" not in os.environ
    project.put("json/a", {"n": 1})
    project.slips("sample", "--out", "events.json")
    done = project.shell("test", "-d", "events.json")
    assert done.status == 0, done


def test_check_succeeds_with_warnings_alone(project: Project) -> None:
    project.config(CONFIG.replace("prefix: slow/, dest", "prefix: /slow/, dest"))
    done = project.slips("check")
    assert done.status == 0
    assert done.err.startswith("slips: slips.yml:11: warning: prefix '/slow/'")
    assert len(project.slips("check", "--json").json["warnings"]) == 1


@pytest.mark.slow
def test_text_that_the_handler_prints_is_no_part_of_the_output(project: Project) -> None:
    project.handler((project.root / "handler.py").read_text() + "\nprint('importing')\n")
    done = project.shell("check", "--json")
    assert done.json["handler"]["classes"] == ["Count"]
    assert done.err == "importing\n"


def test_the_schema_needs_no_config(project: Project) -> None:
    (project.root / "slips.yml").unlink()
    schema = project.slips("check", "--schema").json
    assert schema["$schema"].startswith("http://json-schema.org/")


def test_the_originals_readme_passes_with_warnings(project: Project) -> None:
    readme = Path(__file__).parents[2] / "shared" / "ORIGINAL_README.md"
    if not readme.is_file():
        pytest.skip("the original's README is not beside the project")
    text = readme.read_text()
    project.config(text.partition("```yaml\n")[2].partition("```")[0])
    (project.root / "src").mkdir()
    (project.root / "src" / "handler.py").write_text(text.partition("```python\n")[2].partition("```")[0])
    done = project.slips("check")
    assert done.status == 0, done
    assert "YourHandler" in done.out
    assert "placeholder" in done.err


# ---- init


@pytest.mark.slow
def test_the_project_that_init_writes_works(tmp_path: Path) -> None:
    def shell(*command: str, cwd: Path = tmp_path / "new") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", *command],
            cwd=cwd,
            capture_output=True,
            text=True,
            env={**os.environ, "PYTEST_ADDOPTS": ""},
        )

    made = shell("slips", "init", "new", cwd=tmp_path)
    assert made.returncode == 0, made
    assert "slips check && slips run" in made.stdout
    checked = shell("slips", "check")
    assert (checked.returncode, checked.stderr) == (0, ""), checked
    run = shell("slips", "run")
    assert run.returncode == 0, run
    assert '["akiko from 198.51.100.7"]' in run.stdout
    tested = shell("pytest", "-p", "no:cacheprovider")
    assert tested.returncode == 0, tested
    assert "2 passed" in tested.stdout


def test_init_overwrites_no_file_and_names_those_that_exist(tmp_path: Path) -> None:
    project = Project(tmp_path)
    before = (tmp_path / "slips.yml").read_text()
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "handler.py").write_text("mine")
    done = project.slips("init")
    assert (done.status, done.out) == (2, "")
    assert "slips.yml, src/handler.py are there already" in done.err
    assert (tmp_path / "slips.yml").read_text() == before
    assert not (tmp_path / "tests").exists()


def test_init_refuses_a_name_that_is_too_long(tmp_path: Path) -> None:
    done = Project(tmp_path).slips("init", "x" * 300)
    assert (done.status, "x: File name too long; expected a directory that can be written" in done.err) == (2, True)


def test_init_below_a_file_is_wrong_input(tmp_path: Path) -> None:
    project = Project(tmp_path)
    done = project.slips("init", "handler.py/new")
    assert done.status == 2
    assert "Traceback" not in done.err


AWS_PROJECT = ("init", "new", "--aws", "--code-bucket", "my-code", "--log-bucket", "my-trail")


@pytest.mark.slow
@pytest.mark.parametrize(
    "source", [(), ("--topic", "arn:aws:sns:ap-northeast-1:123456789012:seclog-event")], ids=["bucket", "topic"]
)
def test_the_project_that_init_writes_for_aws_is_right_without_a_change(
    tmp_path: Path, source: tuple[str, ...]
) -> None:
    project = Project(tmp_path)
    made = project.slips(*AWS_PROJECT, *source)
    assert (made.status, made.err) == (0, ""), made
    assert "slips deploy --wire" in made.out
    checked = project.slips("-c", "new/slips.yml", "check", "--json")
    assert (checked.status, checked.err, checked.json["warnings"]) == (0, "", [])
    assert checked.json["stack_name"] == "new"
    tested = subprocess.run([sys.executable, "-m", "pytest", "-q", "new"], cwd=tmp_path, capture_output=True, text=True)
    assert "2 passed" in tested.stdout


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--aws",), "--aws: a bucket is missing; expected --code-bucket"),
        (("--code-bucket", "my-code"), "--code-bucket: only a project for AWS has that; expected --aws beside it"),
        (("--topic", "arn:x", "-s", "a"), "--topic, --stack: only a project for AWS has that"),
        (("--aws", "--code-bucket", "s3://my-code", "--log-bucket", "b1"), "'s3://my-code' does not fit"),
        (("--aws", "--code-bucket", "c1", "--log-bucket", "b1", "--topic", "arn:sns"), "'arn:sns' does not fit"),
        (("--aws", "--code-bucket", "c1", "--log-bucket", "b1", "-s", "a_b"), "'a_b' does not fit"),
        (
            ("--aws", "--code-bucket", "c1", "--log-bucket", "b1", "--topic", "arn:aws:sns:us-east-1:1234xxx:t"),
            "is a placeholder",
        ),
    ],
)
def test_init_for_aws_writes_nothing_that_deploy_would_refuse(
    tmp_path: Path, options: tuple[str, ...], said: str
) -> None:
    done = Project(tmp_path).slips("init", "new", *options)
    assert (done.status, done.out) == (2, "")
    assert said in done.err
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("bucket", ["123456789012", "012345678901", "2026-11-29", "off", "1e3", "my.logs-1"])
def test_init_quotes_a_bucket_that_yaml_would_not_read_as_text(tmp_path: Path, bucket: str) -> None:
    project = Project(tmp_path)
    options = ("--code-bucket", bucket, "--log-bucket", bucket, "-s", "logs")
    assert project.slips("init", "new", "--aws", *options).status == 0
    checked = project.slips("-c", "new/slips.yml", "check", "--json")
    assert (checked.status, checked.err, [*checked.json["buckets"]]) == (0, "", [bucket])


def test_init_leaves_the_code_in_one_folder_of_the_stack(tmp_path: Path) -> None:
    made = Project(tmp_path).slips(*AWS_PROJECT)
    assert made.status == 0
    assert load(tmp_path / "new" / "slips.yml").base.sam.code_prefix == ""


def test_init_names_the_directory_so_that_a_shell_takes_it(tmp_path: Path) -> None:
    made = Project(tmp_path).slips("init", "my logs; ls")
    assert "next: cd 'my logs; ls' && slips check && slips run" in made.out


def test_init_asks_for_a_name_where_that_of_the_directory_cannot_be_a_stacks(tmp_path: Path) -> None:
    project, options = Project(tmp_path), ("--aws", "--code-bucket", "my-code", "--log-bucket", "my-trail")
    done = project.slips("init", "ログ", *options)
    assert (done.status, done.out) == (2, "")
    assert "name the stack with --stack" in done.err
    assert project.slips("init", "ログ", *options, "--stack", "logs").status == 0
