"""The error table tells what is true now: of each content of an object once, and nothing that has been mended."""

from __future__ import annotations

import json

import pytest

from projects import Project

pytestmark = pytest.mark.slow

FAILING = {"n": 6}


def test_an_object_that_fails_again_has_one_item_the_newest(project: Project) -> None:
    path = str(project.put("json/a", FAILING))
    project.slips("run")
    (before,) = project.errors()
    project.slips("run", path)
    (after,) = project.errors()
    assert before != after


def test_an_object_that_is_done_when_named_has_no_item_any_more(project: Project) -> None:
    path = str(project.put("json/a", FAILING))
    project.slips("run")
    project.put("json/a", {"n": 1})
    assert project.slips("run", path).status == 0
    assert project.errors() == []


def test_a_whole_run_replaces_what_was_quarantined_of_the_same_content(project: Project) -> None:
    path = str(project.put("json/a", {"n": 1}, b"bad\n"))
    project.slips("run")
    (before,) = project.errors()
    project.slips("run", "--again", path)
    (after,) = project.errors()
    assert before != after
    assert project.slips("drain", "--json").json["drained"] == 1
    assert project.slips("run", "--json").json["records"] == 1


def test_quarantined_records_of_overwritten_content_stay_as_evidence(project: Project) -> None:
    project.put("json/a", {"n": 1}, b"bad\n")
    project.slips("run")
    project.put("json/a", {"n": 1}, {"n": 2})
    assert project.slips("run").status == 0
    (kept,) = project.errors()
    assert "object overwritten" in project.slips("drain").err
    (item,) = project.slips("errors", "--json").json
    assert (item["request_id"], item["records"], item["samples"][0]["raw"]) == (kept, [[2, 2]], "bad")
    assert "object overwritten" in item["message"]


def test_a_document_over_several_lines_is_recognised_where_lines_are_read(project: Project) -> None:
    project.config((project.root / "slips.yml").read_text().replace("[s3-lines, json]", "[s3-lines, fluentd-json]"))
    project.put("json/a", json.dumps([FAILING] * 9, indent=1).encode())
    project.slips("run")
    (item,) = project.slips("errors", "--json").json
    assert item["error_type"] == "FormatError"
    assert "looks like one JSON document over several lines, which [s3-lines, json, …] reads" in item["message"]


def test_filtered_records_are_told_by_rule(project: Project) -> None:
    project.config((project.root / "slips.yml").read_text().replace("format: [s3-lines, json]", "format: aws-waf"))
    project.put("json/a", {"terminatingRuleId": "Default_Action", "timestamp": 1, "action": "ALLOW", "httpRequest": {}})
    assert project.slips("run", "--json").json["rules"] == {"default-action": 1}
    assert "filtered 1 by default-action" in project.slips("run", "--again", str(project.bucket)).out


def test_log_lines_of_a_handler_at_its_own_level_are_on_standard_error(project: Project) -> None:
    project.handler(
        "import logging\nimport slips.interface\n\n"
        "class Loud(slips.interface.Handler):\n"
        "    def __init__(self):\n"
        "        self._logger = logging.getLogger()\n"
        "        self._logger.setLevel(logging.INFO)\n\n"
        "    def recv(self, meta, event):\n"
        "        self._logger.info('log data: %s', event)\n"
    )
    project.put("json/a", {"n": 1})
    done = project.shell("run")
    assert "INFO [handler.py:10] log data: {'n': 1}" in done.err
    assert "log data" not in done.out
