"""Commands that look at errors, in a project whose config has mistakes elsewhere."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from projects import CONFIG, Project
from stack_fixtures import bare, cloud, credentials
from stacks import ON_AWS, Cloud

__all__ = ["bare", "cloud", "credentials"]

HANDLER = ("path: handler.py", "path: nowhere.py")
MAPPING = ("format: [s3-lines, json]", "format: [s3-lines, jsn]")
ROUTING = ("dest: slow", "dest: slo")
ONE = "slips: slips.yml has 1 mistake; 'slips check' shows what and where\n"
TWO = "slips: slips.yml has 2 mistakes; 'slips check' shows what and where\n"
LOOKING = [
    ("errors",),
    ("errors", "--json"),
    ("errors", "--group"),
    ("error", "r1"),
    ("status",),
    ("limit", "slow"),
    ("dismiss", "r1", "-y"),
]


def by_bucket(out: str) -> str:
    """The output of `errors --group` without right mappings: groups are counted by bucket."""
    return out.replace("my-logs/json/ 1\n", "my-logs 1\n")


def broken(text: str, *changes: tuple[str, str]) -> str:
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return text


@pytest.mark.parametrize("args", LOOKING)
def test_mistakes_elsewhere_hide_no_error_of_this_machine(project: Project, args: tuple[str, ...]) -> None:
    project.fail("r1")
    right = project.slips(*args)
    assert right.status == 0
    project.fail("r1")
    project.config(broken(CONFIG, HANDLER, MAPPING))
    done = project.slips(*args)
    assert (done.status, done.out, done.err) == (0, by_bucket(right.out), TWO + right.err)


@pytest.mark.once
@pytest.mark.parametrize("args", LOOKING)
def test_mistakes_elsewhere_hide_no_error_of_a_stack(cloud: Cloud, args: tuple[str, ...]) -> None:
    cloud.fail("r1")
    right = cloud.slips(*args)
    assert right.status == 0
    cloud.fail("r1")
    cloud.project.config(broken(ON_AWS, HANDLER, MAPPING))
    done = cloud.slips(*args)
    assert (done.status, done.out, done.err) == (0, by_bucket(right.out), TWO + right.err)


@pytest.mark.once
def test_the_stack_of_a_config_that_is_for_this_machine_too_needs_its_name_only(cloud: Cloud) -> None:
    cloud.fail("r1")
    cloud.project.config(broken(CONFIG, ("path: state", "path: []"), HANDLER))
    done = cloud.slips("--aws", "errors")
    assert (done.status, done.out.count("r1"), done.err) == (0, 1, TWO)
    assert "backend.embedded.path: is empty" in cloud.slips("errors").err


@pytest.mark.parametrize("args", LOOKING)
@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("path: state", "path: []"), "slips.yml:4: backend.embedded.path: is empty; expected text"),
        (("backend:", "backend: ["), "slips.yml:"),
    ],
)
def test_a_mistake_in_the_place_of_the_state_is_the_error(
    project: Project, args: tuple[str, ...], change: tuple[str, str], told: str
) -> None:
    project.config(broken(CONFIG, change, HANDLER))
    done = project.slips(*args)
    assert (done.status, done.out) == (2, "")
    assert done.err.startswith(f"slips: {told}")
    assert "nowhere.py" not in done.err


def test_a_drain_works_with_a_broken_handler_and_refuses_broken_lanes_and_mappings(project: Project) -> None:
    project.fail("r1")
    for change, place in ((ROUTING, "routing[0].dest"), (MAPPING, "format 'jsn'")):
        project.config(broken(CONFIG, change, HANDLER))
        done = project.slips("drain")
        assert (done.status, done.out) == (2, "")
        assert place in done.err
        assert "nowhere.py" not in done.err
    project.config(broken(CONFIG, HANDLER))
    done = project.slips("drain")
    assert (done.status, done.out, done.err) == (
        0,
        "1 item drained: 1 on lane fast; 'slips run' processes it now\n",
        ONE,
    )


@pytest.mark.once
def test_mistakes_elsewhere_hide_no_log_of_a_stack(cloud: Cloud) -> None:
    cloud.say("MainFunc", (int(time.time()) - 100.0, "hello"))
    cloud.project.config(broken(ON_AWS, HANDLER, ROUTING))
    for args in (("logs",), ("logs", "--json")):
        done = cloud.slips(*args)
        assert (done.status, "hello" in done.out, done.err) == (0, True, TWO)
    assert cloud.slips("-s", "test", "logs").err == ""


@pytest.mark.once
@pytest.mark.parametrize("text", ["stack_name: [test", "hello", "handler: {path: x.py}", ""])
def test_a_config_that_cannot_be_read_is_left_aside_where_a_stack_is_named(cloud: Cloud, text: str) -> None:
    cloud.project.config(text)
    for args in (("errors",), ("status",), ("limit", "fast")):
        done = cloud.slips("-s", "test", *args)
        assert (done.status, done.err) == (0, "")
    assert cloud.slips("errors").status == 2


@pytest.mark.once
def test_a_drain_of_a_named_stack_refuses_its_config_if_the_lanes_in_it_are_broken(cloud: Cloud) -> None:
    """Its function would drain by the lanes that were deployed: --remote asks for that."""
    for text, told in (("stack_name: [test", "not valid YAML"), (broken(ON_AWS, ROUTING), "routing[0].dest")):
        cloud.project.config(text)
        done = cloud.slips("-s", "test", "drain")
        assert (done.status, done.out, told in done.err) == (2, "", True)


@pytest.mark.once
def test_a_config_of_another_stack_may_have_any_mistake(cloud: Cloud) -> None:
    cloud.project.config(broken(ON_AWS, ("stack_name: test", "stack_name: other"), ROUTING, HANDLER))
    done = cloud.slips("-s", "test", "drain", "--dry-run")
    assert "mistake" not in done.err
    assert "routing" not in done.err


@pytest.mark.parametrize("args", [("run",), ("test", "-r", "r1"), ("package", "--out", "out")])
def test_commands_that_need_the_handler_still_show_every_mistake(project: Project, args: tuple[str, ...]) -> None:
    project.fail("r1")
    project.config(broken(CONFIG, HANDLER, MAPPING, ROUTING))
    done = project.slips(*args)
    assert done.status == 2
    assert [word in done.err for word in ("nowhere.py", "'jsn'", "'slo'", "mistakes")] == [True, True, True, False]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a directory cannot be removed while it is in use")
@pytest.mark.parametrize("args", ["check", "run", "formats json", "parse json x"])
def test_a_current_directory_that_is_gone_is_a_mistake_and_no_bug(tmp_path: Path, args: str) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    command = f'rmdir "{gone}"; exec "{sys.executable}" -m slips {args}'
    done = subprocess.run(["sh", "-c", command], cwd=gone, capture_output=True, text=True, timeout=60, check=False)
    told = "slips: the current directory: No such file or directory; expected one that is there; change to another\n"
    assert (done.returncode, done.stderr) == (2, told)
