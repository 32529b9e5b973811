"""The smoke part: each dependency as users come to use it. `make test-lowest` and `test-newest` run it.

The files that are marked `smoke` need pytest, hypothesis and psutil beside slips, and no other library.
"""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import lz4.frame
import pytest

from packages import HANDLER
from slips.cli.screen import ResourceBar, Screen
from slips.config.reference import json_schema
from slips.deploy.changes import StackEvent
from slips.deploy.dependencies import OLDEST

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

if TYPE_CHECKING:
    from projects import Project

pytestmark = [pytest.mark.smoke, pytest.mark.slow]
DECLARED = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]["dependencies"]
BOUNDS = {one[1]: one[2] for one in map(re.compile(r"([\w.-]+)>=([\d.]+)").match, DECLARED) if one}
STACK = """\
stack_name: test
base: {sam: {code_bucket: my-code, code_prefix: functions}}
backend: {s3_direct: true}
handler: {path: handler.py}
bucket_mapping: {my-logs: [{prefix: "", format: [s3-lines, json]}]}
"""


def test_each_dependency_has_a_lower_bound_and_no_other() -> None:
    assert len(BOUNDS) == len(DECLARED)
    assert not [one for one in DECLARED if re.search("[<=!~]", one.partition(";")[0].replace(">=", ""))]


def test_the_functions_need_the_boto3_of_the_bounds() -> None:
    assert {name: BOUNDS[name] for name in OLDEST} == OLDEST


@pytest.mark.parametrize(
    "compress",
    [gzip.compress, zstd.compress, bz2.compress, lzma.compress, lz4.frame.compress],
    ids=lambda f: f.__module__,
)
def test_compressed_objects_are_processed_on_the_command_line(project: Project, compress: object) -> None:
    assert callable(compress)
    lines = b"".join(b'{"n": %d}\n' % n for n in range(6))
    project.put("json/whole", compress(lines))
    project.put("json/twice", compress(lines) + compress(b'{"n": 1}\n'))
    project.put("json/cut", compress(lines * 1_000)[:-20])
    done = project.slips("run", "--json")
    assert done.status == 1
    found = done.json
    assert found["objects"] == 3, found
    assert len(project.errors()) == 1


def test_an_error_is_found_mended_and_drained_on_the_command_line(project: Project) -> None:
    project.put("json/a", {"n": 1}, {"n": 9})
    assert project.slips("check").status == 0
    assert project.shell("run").status == 1
    (id,) = project.errors()
    listed = project.slips("errors", "--json").json
    assert listed[0]["error_type"] == "KeyError"
    assert "Count.recv raised KeyError: 'severity'" in project.slips("error", id).out
    assert project.slips("test", "-r", id).status == 1
    assert project.slips("test", "-r", id, "-a", '{"limit": 10}').status == 0
    project.config((project.root / "slips.yml").read_text().replace("limit: 5", "limit: 10"))
    assert project.slips("drain").status == 0
    assert project.shell("run").status == 0
    assert project.errors() == []
    assert project.slips("status", "--json").status == 0


def test_a_terminal_shows_progress_and_tables(project: Project) -> None:
    project.put("json/a", {"n": 1}, {"n": 2})
    shown = project.terminal("run")
    assert "\x1b[" in shown
    assert "2 = 2 delivered + 0 filtered + 0 quarantined" in re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown)
    assert "cloudtrail" in project.on_terminal("formats")
    assert "Usage" in project.on_terminal("--help")
    project.put("json/b", {"n": 9})
    assert "1 failed" in project.terminal("run")
    assert "1 item drained" in project.on_terminal("drain")


def test_a_terminal_shows_the_resources_of_a_deploy_at_hand_and_those_that_failed() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    with ResourceBar(Screen(stream, lambda text, _: print(text)), 3) as bar:
        for text in ("A CREATE_IN_PROGRESS", "B CREATE_IN_PROGRESS", "A CREATE_COMPLETE", "B CREATE_FAILED [red]no"):
            name, status, *reason = text.split(" ", 2)
            bar.event(StackEvent("1", name, "T", status, " ".join(reason), is_stack=False))
        bar.event(StackEvent("2", "app", "T", "ROLLBACK_IN_PROGRESS", "", is_stack=True))
    assert "CREATE_FAILED  B  T: [red]no" in stream.getvalue()
    assert "2/3" in stream.getvalue()


def test_mistakes_of_a_config_are_told_with_their_lines(project: Project) -> None:
    text = (project.root / "slips.yml").read_text()
    project.config(text.replace("format: json\n", "format: jsno\n", 1).replace("dest: slow", "dest: [slow]"))
    done = project.slips("check")
    assert done.status == 2
    assert re.search(r"slips.yml:\d+: .*did you mean 'json'", done.err)
    assert len(done.err.strip().splitlines()) == 2
    project.config("stack_name: [")
    assert re.match(r"slips: slips.yml:\d+", project.slips("check").err)


def test_a_new_project_passes_its_own_check_run_and_test(project: Project) -> None:
    assert project.shell("init", "new").status == 0
    for command in (["check"], ["run"]):
        done = project.shell("-c", "new/slips.yml", *command)
        assert done.status == 0, done
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"]
    subprocess.run(command, cwd=project.root / "new", check=True)


def test_formats_are_listed_and_parse_a_file(project: Project) -> None:
    names = {one["name"] for one in project.shell("formats", "--json").json}
    assert {"cloudtrail", "csv", "json", "s3-lines"} <= names
    project.put("json/a", {"n": 1})
    done = project.shell("parse", "s3-lines,json", "logs/json/a")
    assert json.loads(done.out)["event"] == {"n": 1}


def test_the_json_schema_describes_the_config() -> None:
    schema = json_schema()
    assert {"stack_name", "backend", "handler", "bucket_mapping"} <= schema["$defs"]["Config"]["properties"].keys()
    json.dumps(schema)


def test_a_package_for_other_tools_is_written(project: Project) -> None:
    project.config(STACK)
    project.handler(HANDLER)
    done = project.shell("package", "--out", "build", XDG_CACHE_HOME=str(project.root / "cache"))
    assert done.status == 0, done
    assert {"DEPLOY.md", "template.json"} <= {one.name for one in (project.root / "build").iterdir()}
    (zipped,) = (project.root / "build").glob("**/*.zip")
    with zipfile.ZipFile(zipped) as archive:
        assert {"msgspec/__init__.py", "isal/__init__.py", "slips/lambdas.py"} <= set(archive.namelist())
