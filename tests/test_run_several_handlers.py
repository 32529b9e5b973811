"""A run with several handlers: one that cannot be used costs the objects of its mappings alone."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

import slips.service.pool
from running import GUARD, HANDLER, Project, project
from slips.config import HandlerConfig, Mapping, MappingHandler
from slips.errors import UsageError
from slips.service.summary import Summary

__all__ = ["project"]

FINE = """
import slips.interface

class Fine(slips.interface.Handler):
    def recv(self, meta, event): self.last = event["message"]
    def result(self): return self.last
"""
ENDS = "import os, signal\n{how}\n" + FINE
SECOND_FAILS = """
for number in range(1, 100):
    try:
        os.close(os.open(f"{__file__}.import-{number}", os.O_CREAT | os.O_EXCL))
        break
    except FileExistsError:
        pass
if number == 2:
    while not os.path.exists(os.path.join(os.path.dirname(__file__), "begun")): pass
    1 / 0
"""
"""The import that is the second fails once an object has begun. Two workers that import at once have a number each."""


@pytest.fixture
def several(project: Project) -> Project:
    """Objects below `fine/` and `other/` have a handler each."""
    own = [Mapping(f"{name}/", ["s3-lines"], handler=MappingHandler(f"{name}.py")) for name in ("fine", "other")]
    project.configure(bucket_mapping={"my-logs": own}, handler=HandlerConfig())
    (project.root / "fine.py").write_text(FINE)
    for number in range(3):
        project.put(f"fine/{number}", str(number))
        project.put(f"other/{number}", str(number))
    return project


def results(summary: Summary) -> dict[str, object]:
    return {each["object"].removeprefix("s3://my-logs/"): each["result"] for each in summary.results}


def other(project: Project, text: str) -> Path:
    path = project.root / "other.py"
    path.write_text(text)
    return path


FINE_RESULTS = {f"fine/{number}": str(number) for number in range(3)}
BROKEN = {
    "import": ("import no_such_module_\n", "importing the handler raised ModuleNotFoundError"),
    "no handler": ("x = 1\n", "no class derived from slips.interface.Handler"),
    "_exit": (ENDS.format(how="os._exit(3)"), "importing the handler ended its process with exit status 3"),
    "killed": (ENDS.format(how="os.kill(os.getpid(), signal.SIGSEGV)"), "importing the handler was killed by signal"),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", BROKEN)
def test_a_handler_that_cannot_be_used_is_warned_of_once_and_fails_its_objects_until_it_is_mended(
    several: Project, kind: str
) -> None:
    text, problem = BROKEN[kind]
    other(several, text)
    summary = several.run(workers=2)
    assert (results(summary), summary.failed) == (FINE_RESULTS, 3)
    (warning,) = several.watch.warnings
    assert problem in warning
    assert warning.endswith("; its objects fail, all others are processed")
    assert {(item.stage, item.error_type, item.handler) for item in several.errors} == {
        ("worker", "UsageError", "other.py")
    }
    assert all(problem in item.message for item in several.errors)
    other(several, FINE)
    several.drain()
    assert results(several.run()) == {f"other/{number}": str(number) for number in range(3)}
    assert several.errors == []


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["import", "_exit"])
def test_a_run_whose_handlers_all_cannot_be_used_ends_before_anything_is_taken_with_all_mistakes(
    several: Project, kind: str
) -> None:
    other(several, BROKEN[kind][0])
    (several.root / "fine.py").write_text("class Fine(:\n")
    with pytest.raises(UsageError) as error:
        several.run()
    assert error.value.exit_status == 2
    for problem in (BROKEN[kind][1], "fine.py:1: importing the handler raised SyntaxError"):
        assert str(error.value).count(problem) == 1
    assert (several.errors, several.ledger) == ([], {})


TYPED = """
import msgspec
import slips.interface

class Login(msgspec.Struct):
    user: str

class Typed(slips.interface.Handler):
    event_type = Login
    def recv(self, meta, event): pass
"""


@pytest.mark.slow
def test_an_event_type_that_the_format_of_a_mapping_cannot_serve_is_warned_of_before_its_objects_fail(
    several: Project,
) -> None:
    other(several, TYPED)
    summary = several.run(workers=2)
    assert (results(summary), summary.failed) == (FINE_RESULTS, 3)
    (warning,) = several.watch.warnings
    assert "my-logs: other/: Typed.event_type: Login requires 'user', and format 's3-lines' has no such" in warning
    assert warning.endswith("; its objects fail, all others are processed")


@pytest.mark.slow
def test_a_run_ends_before_anything_is_taken_if_no_format_of_a_mapping_can_serve_its_event_type(
    several: Project,
) -> None:
    for name in ("fine", "other"):
        (several.root / f"{name}.py").write_text(TYPED)
    with pytest.raises(UsageError) as error:
        several.run()
    for name in ("fine", "other"):
        assert str(error.value).count(f"my-logs: {name}/: Typed.event_type: Login requires 'user'") == 1
    assert (several.errors, several.ledger) == ([], {})


@pytest.mark.slow
def test_all_handlers_that_end_their_process_are_named(several: Project) -> None:
    other(several, ENDS.format(how="os._exit(3)"))
    (several.root / "fine.py").write_text(ENDS.format(how="os._exit(4)"))
    with pytest.raises(UsageError) as error:
        several.run(workers=2)
    assert str(error.value).splitlines() == [
        f"{name}: importing the handler ended its process with exit status {status}; expected it to import without that"
        for name, status in (("fine.py", 4), ("other.py", 3))
    ]
    assert (several.errors, several.ledger) == ([], {})


@pytest.mark.slow
def test_a_worker_that_dies_of_one_handler_once_is_started_again_with_all(several: Project) -> None:
    first = "if not os.path.exists(__file__ + '.once'):\n    open(__file__ + '.once', 'w')\n    os._exit(3)\n"
    other(several, ENDS.format(how=first))
    summary = several.run()
    assert (len(results(summary)), summary.failed, several.watch.warnings) == (6, 0, [])


@pytest.mark.slow
def test_a_worker_that_cannot_use_a_handler_that_another_uses_takes_no_object(several: Project) -> None:
    other(several, ENDS.format(how=SECOND_FAILS))
    (several.root / "fine.py").write_text(HANDLER)
    several.put("fine/0", "wait go")

    def clock() -> float:
        if several.watch.warnings:
            (several.root / "go").touch()
        return time.monotonic()

    summary = several.run(workers=2, clock=clock)
    assert (len(results(summary)), summary.failed) == (6, 0)
    (warning,) = several.watch.warnings
    assert "ZeroDivisionError" in warning
    assert "going on with 1 of the workers" in warning


@pytest.mark.slow
def test_a_worker_that_could_not_start_beside_another_is_started_again_later(
    several: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slips.service.pool, "FEWER_SECONDS", 0.0)
    other(several, ENDS.format(how=SECOND_FAILS))
    third = several.root / "other.py.import-3"
    (several.root / "fine.py").write_text(HANDLER)
    several.put("fine/0", "wait go")
    end = time.monotonic() + GUARD / 2

    def clock() -> float:
        now = time.monotonic()
        if third.exists() or now > end:
            (several.root / "go").touch()
        return now

    summary = several.run(workers=2, clock=clock)
    assert (len(results(summary)), summary.failed, third.exists()) == (6, 0, True)
    (warning,) = several.watch.warnings
    assert warning.endswith("going on with 1 of the workers, until another start")


def test_a_broken_default_handler_that_no_mapping_uses_is_no_mistake(several: Project) -> None:
    other(several, FINE)
    several.handler("import no_such_module_\n")
    several.configure(handler=HandlerConfig("handler.py"))
    summary = several.run()
    assert (len(results(summary)), summary.failed, several.watch.warnings) == (6, 0, [])


@pytest.mark.slow
def test_a_death_of_one_handler_at_work_costs_its_object_alone(several: Project) -> None:
    other(several, HANDLER)
    several.put("other/0", "exit 5")
    summary = several.run()
    assert results(summary) == {**FINE_RESULTS, "other/1": ["1"], "other/2": ["2"]}
    (item,) = several.errors
    assert (item.error_type, item.handler) == ("WorkerDied", "other.py")
    assert item.code_version


@pytest.mark.slow
def test_a_replay_runs_through_the_handler_of_today(several: Project) -> None:
    other(several, "import no_such_module_\n")
    several.run()
    own = [
        *several.config.bucket_mapping["my-logs"][:1],
        Mapping("other/", ["s3-lines"], handler=MappingHandler("fine.py")),
    ]
    several.configure(bucket_mapping={"my-logs": own})
    several.drain()
    assert results(several.run()) == {f"other/{number}": str(number) for number in range(3)}
    assert several.errors == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "how",
    ["sys.path.clear()", "sys.path = []", "sys.meta_path.clear()", "sys.path_hooks = []", "sys.excepthook = None"],
)
def test_a_handler_that_takes_away_what_its_process_needs_costs_no_object_anything(several: Project, how: str) -> None:
    other(several, f"import sys\n{how}\n{FINE}")
    summary = several.run(workers=2)
    assert (len(results(summary)), summary.failed, several.watch.failures) == (6, 0, [])


@pytest.mark.slow
def test_workers_that_die_behind_all_imports_end_the_run_and_cost_no_object_anything(several: Project) -> None:
    (several.root / "fine.py").write_text(ENDS.format(how="os._exit(3)"))
    broken = "import os, slips.pipeline.process\nslips.pipeline.process.Processor.__init__ = lambda *_: os._exit(4)\n"
    other(several, broken + FINE)
    with pytest.raises(UsageError, match=r"^a worker ended its process with exit status 4 before its first object"):
        several.run(workers=2)
    assert (several.errors, several.ledger) == ([], {})
