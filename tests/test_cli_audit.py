"""`slips audit` as users see it on one machine: counts, exit status, repair, and the page to hand on."""

from __future__ import annotations

import gzip
import os
import re
import time
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, cast

import pytest

from projects import CONFIG, Project
from slips.backends.machine.directory import DirectoryStore
from slips.config import load
from slips.errors import StateError
from slips.known import RecordCounts
from slips.model import ObjectEvent
from slips.operations import Operations
from slips.pipeline.audit import SHOWN, Audit, audit
from slips.pipeline.audit_note import keep_audit, note_of
from slips.pipeline.selection import selection_of
from slips.place import Place

STATES = ("objects", "done", "failed", "waiting", "missing", "changed", "ignored")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def counts(of: dict[str, Any]) -> dict[str, int]:
    return {state: of[state] for state in STATES if of[state]}


def a_site(project: Project) -> None:
    """One object done, one failed, one dropped by routing; then one more arrives, and one is overwritten."""
    project.put("json/b", gzip.compress(b"{}")[:-4])
    for key in ("json/a", "json/c", "dropped/d"):
        project.put(key, {"n": 1})
    assert project.slips("run").status == 1
    project.put("json/c", {"n": 3}, {"n": 4})
    project.put("slow/e", {"n": 1})
    project.put("other/f", {"n": 1})


@pytest.mark.slow
def test_the_json_counts_all_and_each_mapping_and_the_status_is_1_if_something_is_missing_or_failed(
    project: Project,
) -> None:
    a_site(project)
    done = project.slips("audit", "--json")
    assert done.status == 1
    found = done.json
    assert counts(found["total"]) == {
        **{"objects": 6, "done": 1, "failed": 1},
        **{"missing": 1, "changed": 1, "ignored": 2},
    }
    assert [(each["bucket"], each["prefix"], counts(each)) for each in found["mappings"]] == [
        ("my-logs", "json/", {"objects": 3, "done": 1, "failed": 1, "changed": 1}),
        ("my-logs", "slow/", {"objects": 1, "missing": 1}),
        ("my-logs", "dropped/", {"objects": 1, "ignored": 1}),
    ]
    assert all({*STATES} <= each.keys() for each in (found["total"], *found["mappings"]))
    assert found["total"]["records"] == {"records": 1, "delivered": 1, "filtered": 0, "quarantined": 0}
    assert found["total"]["reasons"] == {"dropped": 1, "unmapped": 1}
    assert [each["url"] for each in found["objects"]["missing"]] == ["s3://my-logs/slow/e"]


def test_the_status_is_0_if_nothing_is_missing_or_failed(project: Project) -> None:
    project.put("json/a", {"n": 1})
    assert project.slips("run").status == 0
    done = project.slips("audit")
    assert (done.status, done.err) == (0, "")
    assert re.search(r"^my-logs/json/ +1 +1 +0 +0 +0 +0 +0$", done.out, re.MULTILINE)
    assert "1 record = 1 delivered + 0 filtered + 0 quarantined" in done.out
    project.put("json/a", {"n": 2})
    assert project.slips("audit").status == 0, "what has changed alone is no failure"


@pytest.mark.slow
def test_people_see_the_counts_the_days_and_the_objects_that_need_them(project: Project) -> None:
    a_site(project)
    out = project.slips("audit").out
    today = time.strftime("%Y-%m-%d", time.gmtime())
    assert f"\n{today}" in out
    assert f"\n{today}" not in project.slips("audit", "s3://my-logs/none/", "--since", "1d").out
    for words in (
        "an hour before the first ledger entry",
        "missing: s3://my-logs/slow/e (",
        "failed: s3://my-logs/json/b (",
        "changed: s3://my-logs/json/c (",
        "ignored or waiting: 1 dropped by routing, 1 without a mapping",
        "'slips audit --repair' puts what is missing on its lane",
        "'slips errors' lists what failed",
    ):
        assert words in out
    assert re.search(rf"^{today} \d\d:00 ", project.slips("audit", "--hours").out, re.MULTILINE)


@pytest.mark.slow
def test_repair_puts_what_is_missing_on_its_lane_once_and_with_changed_what_has_changed(project: Project) -> None:
    a_site(project)
    done = project.slips("audit", "--repair", "-y", "--json")
    assert done.json["repaired"] == {"fast": 0, "slow": 1, "drop": 0}
    assert done.status == 1, "an object has failed"
    again = project.slips("audit", "--repair", "-y", "--json").json
    assert counts(again["total"])["waiting"] == 1
    assert again["repaired"] == {"fast": 0, "slow": 0, "drop": 0}
    assert (
        project.slips("audit", "--repair", "--changed", "-y", "--lane", "slow", "--json").json["repaired"]["slow"] == 1
    )
    project.slips("run")
    assert counts(project.slips("audit", "--json").json["total"])["done"] == 3


def test_repair_leaves_objects_alone_that_are_older_than_the_site(project: Project) -> None:
    for age in (3_700, 2 * 365 * 86_400):
        os.utime(project.put(f"json/old-{age}", {"n": 1}), (time.time() - age,) * 2)
    project.put("json/new", {"n": 1})
    assert project.slips("run", "s3://my-logs/json/new").status == 0
    done = project.slips("audit", "--repair", "-y", "--json")
    assert (done.status, counts(done.json["total"])) == (0, {"objects": 3, "done": 1, "ignored": 2})
    assert sum(done.json["repaired"].values()) == 0
    assert project.slips("audit", "--since", "2h", "--json").json["total"]["missing"] == 1


@pytest.mark.slow
def test_a_file_with_other_rights_or_times_is_done_and_one_with_other_bytes_has_changed(project: Project) -> None:
    kept = {name: project.put(f"json/{name}", {"n": 1}) for name in ("rights", "group", "read", "touched", "renamed")}
    changed = {name: project.put(f"json/{name}", {"n": 1}) for name in ("bytes", "longer", "gone")}
    status = changed["bytes"].stat()
    assert project.slips("run").status == 0
    kept["rights"].chmod(0o600)
    os.chown(kept["group"], -1, os.getgid())
    os.utime(kept["read"], ns=(status.st_atime_ns + 10**9, kept["read"].stat().st_mtime_ns))
    os.utime(kept["touched"])
    kept["renamed"].rename(project.root / "aside")
    (project.root / "aside").rename(kept["renamed"])
    changed["bytes"].write_bytes(b'{"n": 2}\n')
    os.utime(changed["bytes"], ns=(status.st_atime_ns, status.st_mtime_ns))
    changed["longer"].write_bytes(b'{"n": 1}\n' * 2)
    changed["gone"].unlink()
    changed["gone"].symlink_to("bytes")
    found = project.slips("audit", "--json").json
    assert counts(found["total"]) == {"objects": 8, "done": 5, "changed": 3}
    assert {each["url"].rpartition("/")[2] for each in found["objects"]["changed"]} == {*changed}
    repaired = project.slips("audit", "--repair", "--changed", "-y", "--json").json["repaired"]
    assert sum(repaired.values()) == 3
    assert project.slips("run", "--json").json["objects"] == 3


def test_the_files_whose_stamps_differ_are_the_only_ones_that_an_audit_reads(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [project.put(f"json/{number}", {"n": 1}) for number in range(3)]
    assert project.slips("run").status == 0
    files[0].chmod(0o600)
    files[1].write_bytes(b"longer\n" * 9)
    read = list[str]()

    def noted(store: DirectoryStore, event: ObjectEvent, progress: Callable[[int], None]) -> None:
        read.append(event.object_key)

    monkeypatch.setattr(DirectoryStore, "hash_of_listed", noted)
    assert counts(project.slips("audit", "--json").json["total"]) == {"objects": 3, "done": 1, "changed": 2}
    assert read == ["json/0"], "that of another size has changed"


@pytest.mark.slow
def test_repair_asks_on_a_terminal_and_elsewhere_needs_yes(project: Project) -> None:
    project.put("json/a", {"n": 1})
    refused = project.slips("audit", "--repair")
    assert refused.status == 2
    assert "1 object of 9 bytes not put on the lanes of their routing: there is no terminal to ask on" in refused.err
    assert "Put 1 object of 9 bytes on lane slow?" in project.on_terminal(
        "audit", "--repair", "--lane", "slow", typed=b"n\n"
    )
    assert project.slips("audit", "--json").json["total"]["missing"] == 1
    assert "1 on lane fast" in project.on_terminal("audit", "--repair", typed=b"y\n")
    assert project.slips("audit", "--json").json["total"]["waiting"] == 1


def test_a_repair_of_all_that_is_missing_ends_with_0(project: Project) -> None:
    project.put("json/a", {"n": 1})
    done = project.slips("audit", "--repair", "-y")
    assert (done.status, "put back: 1 on lane fast; 'slips run' processes it now" in done.err) == (0, True)
    assert "nothing to repair" in project.slips("audit", "--repair", "-y").err


def test_an_audit_that_repairs_does_not_ask_for_a_repair(project: Project) -> None:
    project.put("json/a", {"n": 1})
    project.slips("run")
    project.put("json/b", {"n": 1})
    assert "'slips audit --repair' puts" in project.slips("audit").out
    done = project.slips("audit", "--repair", "-y")
    assert "put back: 1 on lane fast" in done.err
    assert "'slips audit --repair' puts" not in done.out


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--changed"], "--changed: there is no repair; expected --repair, too"),
        (["--lane", "slow"], "--lane: there is no repair; expected --repair, too"),
        (["--last", "--changed"], "--changed: there is no repair"),
        (["-y"], "-y: there is nothing to ask; expected --repair, too"),
        (["--since", "soon"], "--since: 'soon'"),
        (["--mapping", "none/"], "--mapping: 'none/' is no prefix or pattern of 'bucket_mapping'"),
        (["s3://none/"], "s3://none/: bucket 'none' has no mapping"),
        (["--report", "none/a.html"], "none/a.html: No such file or directory; expected a file that can be written"),
    ],
)
def test_wrong_arguments_are_said_with_what_was_expected(project: Project, args: list[str], words: str) -> None:
    done = project.slips("audit", *args)
    assert done.status == 2
    assert words in done.err


def test_a_report_that_cannot_be_written_ends_the_audit_before_it_begins_and_leaves_files_alone(
    project: Project,
) -> None:
    (project.root / "old.html").write_text("old")
    for path in ("none/a.html", "logs"):
        done = project.slips("audit", "--report", path)
        assert (done.status, done.out) == (2, "")
    for path in ("old.html", "new.html"):
        done = project.slips("audit", "--report", path, "--since", "soon")
        assert (done.status, "--since: 'soon'" in done.err) == (2, True)
    assert ((project.root / "old.html").read_text(), (project.root / "new.html").exists()) == ("old", False)


def test_a_directory_that_cannot_be_listed_is_said_and_fails(project: Project) -> None:
    project.bucket.rmdir()
    done = project.slips("audit", "--json")
    assert done.status == 1
    assert "expected a directory that can be listed" in done.json["problems"][0]


def test_a_state_directory_within_a_bucket_is_no_object(project: Project) -> None:
    project.config(CONFIG.replace("path: state", "path: logs/json/state"))
    project.put("json/a", {"n": 1})
    assert project.slips("run").status == 0
    assert counts(project.slips("audit", "--json").json["total"]) == {"objects": 1, "done": 1}


@pytest.mark.slow
def test_files_that_a_service_leaves_alone_are_ignored_until_a_run_takes_them(project: Project) -> None:
    for key in ("json/.a", "json/b.tmp", "json/c.part"):
        project.put(key, {"n": 1})
    found = project.slips("audit", "--json").json["total"]
    assert (found["ignored"], found["reasons"]) == (3, {"unfinished": 3})
    project.slips("run")
    assert project.slips("audit", "--json").json["total"]["done"] == 3


def test_the_latest_daily_audit_is_shown_as_it_was_made(project: Project) -> None:
    none = project.slips("audit", "--last")
    assert (none.status, "--last: no daily audit was made; expected 'backend.audit: daily'" in none.err) == (2, True)
    project.put("json/a", {"n": 1})
    with Place(None).site(load(project.root / "slips.yml")) as (site, operations):
        operations.set_note(*note_of(audit(site, operations, selection_of(site, (), ()))))
    project.slips("run")
    done = project.slips("audit", "--last")
    assert done.status == 1
    assert re.search(r"^audit of test, 20\d\d-\S+Z\nobjects since ", done.out)
    assert re.search(r"^my-logs/json/ +1 +0 +0 +0 +1 +0 +0$", done.out, re.MULTILINE)
    assert re.search(r"^all +1 +0 +0 +0 +1 +0 +0$", done.out, re.MULTILINE)
    assert "missing: s3://my-logs/json/a (9 bytes" in done.out
    assert project.slips("audit", "--last", "--json").json["total"]["missing"] == 1
    assert project.slips("audit", "--last", "--repair").status == 2


def test_the_latest_daily_audit_says_what_could_not_be_listed_and_what_does_not_add_up(project: Project) -> None:
    with Place(None).site(load(project.root / "slips.yml")) as (site, operations):
        found = audit(site, operations, selection_of(site, (), ()))
        found.total.records = RecordCounts(records=3, delivered=2)
        operations.set_note(*note_of(found))
        done = project.slips("audit", "--last")
        assert (done.status, "they do not add up" in done.out) == (1, True)
        found.total.records, found.problems = RecordCounts(), ["logs: no such directory"]
        operations.set_note(*note_of(found))
    done = project.slips("audit", "--last")
    assert (done.status, done.err) == (1, "slips: logs: no such directory\n")


# ---- the report


class Page(HTMLParser):
    """The tags, texts and references of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.references: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.references += [str(value) for name, value in attrs if name in ("src", "href", "action", "onclick")]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.slow
def test_the_report_is_one_page_without_scripts_or_foreign_resources_and_escapes_what_keys_say(
    project: Project,
) -> None:
    a_site(project)
    project.put("json/<script>alert(1)</script>&\x1b[7m", {"n": 1})
    assert project.slips("audit", "--report", "audit.html").status == 1
    text = (project.root / "audit.html").read_text()
    page = Page(text)
    assert "script" not in page.tags
    assert (page.references, "url(" in text, "@import" in text, "\x1b" in text) == ([], False, False, False)
    for words in (
        "Not all is accounted for: 2 missing, 1 failed.",
        "s3://my-logs/json/<script>alert(1)</script>&\\x1b[7m",
        "s3://my-logs/slow/e",
        "1 record = 1 delivered + 0 filtered + 0 quarantined",
        str(project.root / "slips.yml"),
        "slips 0.",
        "1 missing",
    ):
        assert words in page.text
    assert (project.root / "audit.html").stat().st_mode & 0o077 == 0


def test_the_report_of_a_part_says_of_which_and_a_clean_one_that_all_is_accounted_for(project: Project) -> None:
    project.put("json/a", {"n": 1})
    project.put("slow/b", {"n": 1})
    project.slips("run", "s3://my-logs/json/")
    project.put("json/a", {"n": 2})
    assert project.slips("audit", "s3://my-logs/json/", "--report", "audit.html").status == 0
    page = Page((project.root / "audit.html").read_text())
    assert "Every listed object is accounted for; 1 of them were overwritten since they were processed." in page.text
    assert "Onlys3://my-logs/json/" in page.text.replace("\n", "")


def test_the_report_lists_the_first_of_many_and_says_how_many_there_are(project: Project) -> None:
    for number in range(SHOWN + 2):
        project.put(f"json/{number:04}", b"")
    assert (
        project.slips("audit", "--report", "audit.html", "--json")
        .json["objects"]["missing"][-1]["url"]
        .endswith(f"{SHOWN - 1:04}")
    )
    assert f"The first {SHOWN:,} of {SHOWN + 2:,}." in (project.root / "audit.html").read_text()


def test_an_audit_of_all_objects_is_kept_and_shown_by_status_and_top(project: Project) -> None:
    project.put("json/a", {"n": 1})
    assert "audit" not in project.slips("status").out + project.slips("top", "--count", "1").out
    assert project.slips("audit").status == 1
    words = r"20\S+Z: 1 object, of which 1 missing"
    shown = project.slips("status").out
    assert re.search(rf"^audit: {words}; 'slips audit --last' shows more$", shown, re.MULTILINE), shown
    assert re.search(f"; audit {words}", project.slips("top", "--count", "1").out)
    for told in (project.slips("status", "--json"), project.slips("top", "--json", "--count", "1")):
        assert (told.json["audit"]["missing"], told.json["audit"]["at"][:2]) == (1, "20")
    assert project.slips("audit", "--last").status == 1


def test_an_audit_of_some_objects_is_not_kept(project: Project) -> None:
    project.put("json/a", {"n": 1})
    for args in (["--since", "1d"], ["--mapping", "json/"], ["s3://my-logs/json/"]):
        assert project.slips("audit", *args).status == 1
    assert project.slips("audit", "--last").status == 2
    assert "audit" not in project.slips("status", "--json").json


def test_objects_that_a_repair_has_put_back_are_no_longer_missing_in_the_kept_audit(project: Project) -> None:
    project.put("json/a", {"n": 1})
    assert project.slips("audit", "--repair", "-y").status == 0
    kept = project.slips("status", "--json").json["audit"]
    assert (kept["objects"], kept["missing"], kept["waiting"]) == (1, 0, 1)
    assert project.slips("audit", "--last", "--json").json["objects"]["missing"] == []


def test_an_audit_that_cannot_be_kept_says_so_and_a_stack_keeps_none_of_this_machine() -> None:
    class ReadOnly:
        kind = "machine"

        def set_note(self, name: str, text: str | None) -> None:
            raise StateError("state/state.db: cannot be written")

    made, place = Audit(name="test", start=0.0, start_by="first entry", at=0.0), ReadOnly()
    problem = keep_audit(made, cast("Operations", place))
    assert problem == "this audit is not kept for 'slips status': state/state.db: cannot be written"
    place.kind = "stack"
    assert keep_audit(made, cast("Operations", place)) == ""
