"""Promises of `slips up`: it takes what arrives, retries, reloads, waits for what is mended, and stops cleanly."""

from __future__ import annotations

import gzip
import os
import shutil
import time
from collections.abc import Callable
from contextlib import closing

import pytest

from fakes import object_event
from running import HANDLER, Project, gone, project
from serving_up import Script, Scripted, configure, serve
from slips.backends.machine.lane_limits import set_lane_limit
from slips.backends.machine.stores import Stores
from slips.config import Config, LaneConfig, Mapping, MappingHandler, Route
from slips.errors import ConfigError, LostStateError, UsageError
from slips.service import up
from slips.service.up import RETRY_SECONDS, later

__all__ = ["project"]
pytestmark = [pytest.mark.slow, pytest.mark.once]

OTHER = """
import slips.interface
from pathlib import Path

class Other(slips.interface.Handler):
    def recv(self, meta, event):
        with (Path(__file__).parent / "done").open("a") as file:
            file.write(f"other {meta.source.object_key}\\n")
"""


HANGS = """
import os, time
from pathlib import Path

with (Path(__file__).parent / "importing").open("a") as file:
    file.write(f"{os.getpid()}\\n")
time.sleep(3600)
"""


@pytest.fixture
def service(project: Project) -> Project:
    """A project whose service takes files at once."""
    configure(project)
    return project


def test_up_takes_what_waits_what_is_there_and_what_arrives(service: Project) -> None:
    service.put("waits", "1")
    service.put_on_lane(*Stores(service.config).list("my-logs"))
    service.put("there", "1")

    def script(shown: Scripted) -> Script:
        yield lambda: sorted(shown.done) == ["there", "waits"]
        service.put("sub/new", "1")
        yield lambda: "sub/new" in shown.done
        with service.put("sub/new", "1").open("a") as file:
            file.write("2\n")
        yield lambda: shown.done.count("sub/new") == 2

    shown = serve(service, script)
    assert shown.shown == [("stopping", "0"), ("stopped", "0")]
    assert service.ledger == dict.fromkeys(["there", "waits", "sub/new"], "done")
    assert service.run().objects == 0


def test_a_listing_lets_files_that_were_read_and_are_settled_rest_and_no_others(service: Project) -> None:
    for key in ("same", "grown", "touched", "failed", "é+ %20"):
        service.put(key, "raise it" if key == "failed" else "1")
        os.utime(service.bucket / key, ns=(0, 1_522_341_315_768_000_000))
    service.run()
    os.utime(service.bucket / "touched")
    service.put("grown", "1", "2")
    service.put("new", "1")
    with closing(service.state()) as state:
        listed = list(Stores(service.config).list("my-logs"))
        left = {one.event.object_key for one in state.listed(listed) if not one.is_settled}
        assert list(state.listed([])) == []
    assert left == {"grown", "touched", "failed", "new"}


def test_an_object_that_fails_is_tried_three_times_and_the_service_goes_on(service: Project) -> None:
    service.put("a", "raise it")

    def script(shown: Scripted) -> Script:
        yield lambda: ("failed", "a") in shown.shown
        service.put("b", "1")
        yield lambda: "b" in shown.done

    shown = serve(service, script)
    assert shown.shown[:3] == [("attempt", "a"), ("attempt", "a"), ("failed", "a")]
    assert [item.attempts for item in service.errors] == [3]


def test_a_file_that_is_completed_after_its_former_content_failed_is_taken(service: Project) -> None:
    whole = gzip.compress(b"1\n")

    def script(shown: Scripted) -> Script:
        path = service.put("a", body=whole[:-4])
        yield lambda: ("failed", "a") in shown.shown
        with path.open("ab", 0) as file:
            file.write(whole[-4:])
        yield lambda: shown.done == ["a"]

    serve(service, script)
    assert service.errors == []


def test_retries_come_after_seconds_then_minutes_and_not_all_at_once() -> None:
    assert [later(number, lambda low, high: low) for number in (1, 2, 3)] == [2.5, 30.0, 30.0]
    assert [later(number, lambda low, high: high) for number in (1, 2, 3)] == [7.5, 90.0, 90.0]
    assert len({later(1) for _ in range(10)}) > 1
    assert RETRY_SECONDS == (5.0, 60.0)


def test_attempts_outlive_the_service_though_their_time_does_not(service: Project) -> None:
    service.put("a", "raise it")

    def script(shown: Scripted) -> Script:
        yield lambda: shown.words("attempt") == ["a"]

    serve(service, script, pause=3600.0)
    assert service.waiting() == [("a", 1)]
    shown = serve(service, lambda shown: iter_of(lambda: shown.words("failed")))
    assert shown.words("attempt") == ["a"]


def iter_of(condition: Callable[[], object]) -> Script:
    yield condition


# ---- changed code


def test_a_changed_handler_is_loaded_before_the_next_object(service: Project) -> None:
    service.put("a", "1")

    def script(shown: Scripted) -> Script:
        yield lambda: shown.done
        service.handler(OTHER)
        service.put("b", "1")
        yield lambda: "b" in shown.done

    shown = serve(service, script)
    assert service.lines("done") == ["a\t1", "other b"]
    assert shown.words("reloaded") == ["handler.py"]


def test_a_change_of_what_the_handler_imports_is_loaded_too(service: Project) -> None:
    (service.root / "words.py").write_text("WORD = 'old'\n")
    service.handler(
        OTHER.replace("import slips.interface", "import slips.interface\nimport words").replace("other", "{words.WORD}")
    )
    service.put("a", "1")

    def script(shown: Scripted) -> Script:
        yield lambda: shown.done
        (service.root / "words.py").write_text("WORD = 'new'\n")
        service.put("b", "1")
        yield lambda: "b" in shown.done

    shown = serve(service, script)
    assert service.lines("done") == ["old a", "new b"]
    assert shown.words("reloaded") == ["words.py"]


def test_what_arrives_is_on_its_lane_while_a_changed_handler_is_imported(service: Project) -> None:
    service.put("a", "1")

    def script(shown: Scripted) -> Script:
        yield lambda: shown.done
        service.handler(HANGS)
        yield lambda: service.lines("importing")
        service.put("b", "1")
        yield lambda: service.waiting() == [("b", 0)]
        service.handler(OTHER)
        yield lambda: "b" in shown.done

    shown = serve(service, script)
    assert service.lines("done") == ["a\t1", "other b"], "the next object waits a moment for the changed code"
    assert shown.words("reloaded") == ["handler.py"]


def test_objects_go_on_with_the_old_code_while_a_changed_handler_hangs_until_it_is_mended(service: Project) -> None:
    service.put("a", "1")

    def script(shown: Scripted) -> Script:
        yield lambda: shown.done
        service.handler(HANGS)
        yield lambda: service.lines("importing")
        service.put("b", "1")
        service.put("c", "raise-once it")
        yield lambda: {"b", "c"} <= set(shown.done)
        service.handler(f"{HANGS}# still\n")
        yield lambda: len(service.lines("importing")) == 2 and gone(int(service.lines("importing")[0]))
        service.put("d", "wait go-on")
        yield lambda: len(service.lines("begun")) == 1
        service.handler(OTHER)
        yield lambda: shown.words("reloaded")
        service.put("e", "1")
        yield lambda: "e" in shown.done
        (service.root / "go-on").touch()
        yield lambda: "d" in shown.done

    shown = serve(service, script, patience=0.0)
    assert sorted(service.lines("done")[:3]) == ["a\t1", "b\t1", "c\t1"]
    assert service.lines("done")[3:] == ["other e", "d\t1"]
    assert shown.words("reloading")[:2] == ["handler.py"] * 2
    assert (shown.words("not reloaded"), shown.words("warned")) == ([], [])
    assert all(gone(int(pid)) for pid in service.lines("importing"))


@pytest.mark.parametrize("first", [HANGS, ""], ids=["hangs", "absent"])
def test_a_file_that_cannot_be_imported_when_it_is_new_is_loaded_when_it_is_mended(
    service: Project, first: str
) -> None:
    (service.root / "sound.py").write_text(OTHER)
    lines = ["s3-lines"]
    mappings = [Mapping("", lines), Mapping("sound/", lines, handler=MappingHandler("sound.py"))]
    service.configure(bucket_mapping={"my-logs": mappings})
    words = service.root / "words.py"
    service.put("a", "1")

    def script(shown: Scripted) -> Script:
        yield lambda: shown.done
        if first:
            words.write_text(first)
        service.handler(f"import words\n{OTHER}".replace("other", "{words.WORD}"))
        yield lambda: service.lines("importing") or shown.words("not reloaded")
        words.write_text("WORD = 'new'\n")
        yield lambda: shown.words("reloaded")
        service.put("b", "1")
        yield lambda: "b" in shown.done

    shown = serve(service, script, patience=0.0)
    assert service.lines("done")[1:] == ["new b"]
    assert "words.py" in shown.words("reloaded")[-1]


def test_a_service_stops_while_a_changed_handler_hangs(service: Project) -> None:
    def script(shown: Scripted) -> Script:
        service.handler(HANGS)
        yield lambda: service.lines("importing")

    shown = serve(service, script)
    assert shown.words("stopped") == ["0"]
    assert all(gone(int(pid)) for pid in service.lines("importing"))


def test_a_broken_handler_is_told_and_the_old_one_goes_on_until_it_is_mended(service: Project) -> None:
    service.put("a", "1")

    def script(shown: Scripted) -> Script:
        yield lambda: shown.done
        service.handler("import no_such_module\n")
        service.put("b", "1")
        yield lambda: "b" in shown.done
        service.handler(OTHER)
        service.put("c", "1")
        yield lambda: "c" in shown.done

    shown = serve(service, script)
    assert service.lines("done") == ["a\t1", "b\t1", "other c"]
    (broken,) = shown.words("not reloaded")
    assert "No module named 'no_such_module'" in broken
    assert broken.endswith("the old code is used on")
    assert shown.words("reloaded") == ["handler.py"]


def test_without_a_worker_objects_wait_until_the_broken_handler_is_mended(
    service: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(up, "TROUBLE_SECONDS", (0.01, 0.01))
    service.put("a", "1")

    def script(shown: Scripted) -> Script:
        yield lambda: shown.done
        service.handler("import no_such_module\n")
        yield lambda: shown.words("not reloaded")
        service.put("b", "exit 7")
        yield lambda: shown.words("troubled")
        service.handler(OTHER)
        yield lambda: "b" in shown.done

    shown = serve(service, script, workers=1)
    assert "No module named 'no_such_module'" in shown.words("troubled")[0]
    assert (shown.words("mended"), shown.words("attempt")) == (["workers"], ["b"])
    assert service.lines("done") == ["a\t1", "other b"]


def test_an_object_that_waits_for_its_next_attempt_has_it_as_soon_as_the_handler_is_mended(service: Project) -> None:
    service.put("a", "raise it")

    def script(shown: Scripted) -> Script:
        yield lambda: shown.words("attempt")
        service.handler(OTHER)
        yield lambda: shown.done == ["a"]

    serve(service, script, pause=3600.0)
    assert service.lines("done") == ["other a"]


def test_a_handler_that_is_broken_at_the_start_ends_the_service_though_nothing_waits(service: Project) -> None:
    service.handler("import no_such_module\n")
    with pytest.raises(UsageError, match="No module named 'no_such_module'"):
        serve(service, lambda _: iter_of(lambda: False))


def test_an_object_at_work_ends_with_the_old_handler_while_others_begin_with_the_new_one(service: Project) -> None:
    service.put("a", "wait go-on")

    def script(shown: Scripted) -> Script:
        yield lambda: service.lines("begun")
        service.handler(OTHER)
        service.put("b", "1")
        yield lambda: "b" in shown.done
        (service.root / "go-on").touch()
        yield lambda: "a" in shown.done

    serve(service, script)
    assert service.lines("done") == ["other b", "a\t1"]


def test_a_changed_config_takes_effect_with_its_buckets_routing_and_mapping(service: Project) -> None:
    (service.root / "slips.yml").write_text("first")
    (service.root / "second").mkdir()
    service.configure(bucket_mapping={name: [Mapping("", ["s3-lines"])] for name in ("my-logs", "second")})
    before = service.config

    def read() -> Config:
        text = (service.root / "slips.yml").read_text()
        if text == "broken":
            raise ConfigError(["slips.yml:1: broken"])
        return before if text == "first" else service.config

    def script(shown: Scripted) -> Script:
        (service.root / "slips.yml").write_text("broken")
        yield lambda: shown.words("not reloaded")
        service.put("a", "1")
        yield lambda: shown.done == ["a"]
        configure(service, buckets={"my-logs": "bucket", "second": "second"})
        service.configure(routing=[Route(prefix="debug/", dest="drop")])
        (service.root / "slips.yml").write_text("second")
        yield lambda: shown.words("reloaded")
        (service.root / "second" / "b").write_text("1\n")
        service.put("debug/c", "1")
        yield lambda: "b" in shown.done and "debug/c" in service.ledger

    shown = serve(service, script, load=read)
    assert shown.words("not reloaded") == ["slips.yml:1: broken; the old config is used on"]
    assert shown.words("reloaded") == ["slips.yml"]
    assert service.ledger["debug/c"] == "dropped"


def test_a_state_directory_that_changes_in_the_config_is_told_and_not_used(service: Project) -> None:
    (service.root / "slips.yml").write_text("first")

    def script(shown: Scripted) -> Script:
        yield lambda: True
        configure(service, path="elsewhere")
        (service.root / "slips.yml").write_text("second")
        yield lambda: shown.words("not reloaded")
        configure(service)

    shown = serve(service, script)
    assert "stop the service and start it again" in shown.words("not reloaded")[0]


# ---- other commands, and trouble


def test_what_other_commands_put_on_lanes_and_set_takes_effect(service: Project) -> None:
    service.put("a", "raise it")

    def script(shown: Scripted) -> Script:
        yield lambda: shown.words("failed")
        service.put("a", "mended")
        service.drain()
        yield lambda: shown.done == ["a"]
        with closing(service.state()) as state:
            set_lane_limit(service.config, state, "fast", LaneConfig(delay=300))
        yield lambda: True
        time.sleep(0.6)  # limits are looked at four times a second
        service.put("b", "1")
        service.put("c", "1")
        yield lambda: {"b", "c"} <= {key for key, _ in service.waiting()}
        with closing(service.state()) as state:
            set_lane_limit(service.config, state, "fast", LaneConfig(delay=0))
        yield lambda: {"b", "c"} <= set(shown.done)

    serve(service, script)
    assert service.errors == []


def test_a_state_that_cannot_be_written_is_waited_for_and_what_ended_meanwhile_is_kept(
    service: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(up, "TROUBLE_SECONDS", (0.01, 0.01))
    service.put("a", "wait go-on")
    state = service.state()

    def script(shown: Scripted) -> Script:
        yield lambda: service.lines("begun")
        state.execute("PRAGMA query_only = 1")
        (service.root / "go-on").touch()
        yield lambda: service.lines("done") and shown.words("troubled")
        yield lambda: True
        state.execute("PRAGMA query_only = 0")
        yield lambda: shown.done == ["a"]

    with closing(state):
        shown = serve(service, script, state=state)
    assert len(shown.words("troubled")) == 1
    assert "nothing is lost" in shown.words("troubled")[0]
    assert shown.words("mended") == ["state"]
    assert service.lines("done") == ["a\t1"]


@pytest.mark.parametrize("how", ["removed", "replaced"])
def test_a_service_whose_state_is_removed_or_replaced_says_so_and_ends(service: Project, how: str) -> None:
    service.put("a", "wait go-on")
    directory = service.config.state_directory

    def script(shown: Scripted) -> Script:
        yield lambda: service.lines("begun")
        if how == "removed":
            shutil.rmtree(directory)
        else:
            shutil.copy(directory / "state.sqlite3", copy := directory / "copy")
            copy.replace(directory / "state.sqlite3")
        (service.root / "go-on").touch()
        yield lambda: False

    with pytest.raises(LostStateError, match=rf"state\.sqlite3: was {how} while it was in use; expected"):
        serve(service, script)
    if how == "removed":
        assert not directory.exists(), "no new state is made in silence"
        assert service.run().objects == 1


def test_a_directory_that_goes_away_costs_no_attempt_and_its_objects_run_when_it_is_back(service: Project) -> None:
    def script(shown: Scripted) -> Script:
        service.bucket.rename(service.root / "unmounted")
        service.put_on_lane(object_event("a"))
        yield lambda: shown.words("troubled")
        (service.root / "unmounted" / "a").write_text("1\n")
        (service.root / "unmounted").rename(service.bucket)
        yield lambda: shown.done == ["a"]

    shown = serve(service, script)
    assert "the directory cannot be opened" in shown.words("troubled")[0]
    assert shown.words("mended") == [str(service.bucket)]
    assert (shown.words("attempt"), service.errors) == ([], [])


def test_an_object_that_changes_while_its_run_is_at_work_runs_again_as_it_is(service: Project) -> None:
    service.handler(
        HANDLER.replace(
            "def result(self):", "def result(self):\n        note('resulting', 1)\n        wait_for('go-on')"
        )
    )
    path = service.put("a", "1")

    def script(shown: Scripted) -> Script:
        yield lambda: any(True for _ in ()) or shown.is_over or service.root.joinpath("state").exists()
        path.write_text("1\n2\n")
        (service.root / "go-on").touch()
        yield lambda: shown.done

    serve(service, script)
    assert service.run().objects == 0
    assert service.lines("done")[-1] == "a\t2"


# ---- the end


def test_objects_at_work_may_end_when_the_service_stops_and_no_other_begins(service: Project) -> None:
    service.put("a", "wait go-on")
    service.put("b", "wait go-on")
    service.put("c", "1")

    def script(shown: Scripted) -> Script:
        yield lambda: len(service.lines("begun")) == 1
        shown.stop()
        yield lambda: shown.words("stopping")
        (service.root / "go-on").touch()

    shown = serve(service, script, workers=1)
    assert (shown.words("stopping"), shown.words("stopped")) == (["1"], ["0"])
    assert len(shown.done) == 1
    assert len(service.waiting()) == 2


def test_a_service_has_stopped_when_its_workers_have_ended(service: Project) -> None:
    service.handler(
        "import atexit, time\nfrom pathlib import Path\nimport slips.interface\n"
        "def end():\n    time.sleep(0.2)\n    (Path(__file__).parent / 'end').touch()\n"
        "atexit.register(end)\n"
        "class A(slips.interface.Handler):\n    def recv(self, meta, event): pass\n"
    )
    service.put("a", "1")
    had_ended: list[bool] = []

    def script(shown: Scripted) -> Script:
        yield lambda: shown.done
        shown.at_stop = lambda: had_ended.append((service.root / "end").exists())

    serve(service, script, workers=1)
    assert had_ended == [True]


def test_an_object_that_does_not_end_in_time_is_given_back_and_costs_no_attempt(service: Project) -> None:
    service.put("a", "wait go-on")

    def script(shown: Scripted) -> Script:
        yield lambda: service.lines("begun")

    shown = serve(service, script, grace=0.0)
    assert shown.words("stopped") == ["1"]
    (pid,) = map(int, service.lines("begun"))
    assert gone(pid)
    assert service.waiting() == [("a", 0)]
    (service.root / "go-on").touch()
    assert service.run().objects == 1
