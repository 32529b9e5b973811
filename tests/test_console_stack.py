"""The console on a stack in moto, with the very operations that commands use there."""

from __future__ import annotations

import pytest

from consoles import Browser
from fakes import object_event
from slips.config.load import parse
from slips.console.desk import Desk
from slips.model import Outcome
from slips.place import Place
from stack_fixtures import bare, cloud, credentials
from stacks import ON_AWS, REGION, Cloud

__all__ = ["bare", "cloud", "credentials"]

pytestmark = pytest.mark.once


@pytest.mark.slow
def test_a_stack_is_shown_audited_drained_and_dismissed_from(cloud: Cloud) -> None:
    assert parse(ON_AWS).stack_name == "test"
    etag = cloud.put("json/a", {"n": 1})["ETag"].strip('"')
    cloud.put("json/b", {"n": 9})
    cloud.put("json/new", {"n": 1})
    stack = cloud.stack()
    done = object_event("json/a", object_etag=etag)
    tuple(stack.ledger.finish(done, Outcome(records=3, delivered=2, filtered=1, etag=etag)))
    for request_id, key in (("r1", "json/b"), ("r2", "json/c")):
        cloud.fail(request_id, key)
    browser = Browser(Desk(Place("test", REGION), cloud.project.root / "slips.yml", options=["-s", "test"]))

    now = browser.text("/")
    assert "✕ 2 objects failed" in now
    assert "Not counted: that reads all of the stack's ledger" in now
    assert "Undelivered messages: 0" in now
    assert "3 = 2 + 1 + 0" in browser.text("/?count=1")
    assert "2 items in 1 group" in browser.text("/errors")
    assert "s3://my-logs/json/b" in browser.text("/error?id=r1")

    objects = browser.text("/objects?place=my-logs/json/")
    assert "s3://my-logs/json/a done 3" in objects
    assert "s3://my-logs/json/b failed" in objects
    assert "s3://my-logs/json/new unknown" in objects
    assert "3 objects: 1 done, 1 failed, 1 missing" in browser.act(act="audit")

    assert "put back: 1 on lane fast" in browser.act(act="repair")

    assert "1 item drained: 1 on lane fast; the stack processes it now" in browser.act(act="drain", id="r1")
    assert [event["object_key"] for event in cloud.on_lane("fast")] == ["json/new", "json/b"]
    assert "1 item dismissed" in browser.act(act="dismiss", id="r2")
    assert cloud.errors() == []
    assert "lane slow is paused" in browser.act(act="pause", lane="slow")
    assert "Lane slow is paused by" in browser.text("/")
