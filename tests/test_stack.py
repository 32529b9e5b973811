"""The whole stack, deployed to the stand-in of AWS: every object that lands is accounted for, whatever fails."""

from __future__ import annotations

import gzip
import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import original
from cloud import Cloud
from deployed import ARCHITECTURE, RUNTIME, Deployed, deployed, notify

AWKWARD = ["fast/a b+c=é.log", "fast/100%25.log", "fast/a%2Bb.log", "slow/year=2026/漢字 (1).log", "fast/q?x&y#z.log"]


pytest_plugins = ["cloud.plugin"]


@pytest.fixture
def chain(cloud: Cloud, tmp_path: Path) -> Deployed:
    """The project, deployed."""
    return deployed(cloud, tmp_path)


@pytest.mark.functions
@pytest.mark.slow
@pytest.mark.parametrize("many", [10, pytest.param(400, marks=pytest.mark.soak(seconds=150))])
def test_every_record_of_many_objects_is_accounted_for_and_what_failed_ends_well(chain: Deployed, many: int) -> None:
    good = {
        f"{lane}/{number:03}.log": [{"n": n} for n in range(5)] for number in range(many) for lane in ("fast", "slow")
    }
    good |= {key: [{"n": 1}, {"n": 2}] for key in AWKWARD}
    for key, records in good.items():
        chain.put("my-logs", key, records)
    for number in range(20):
        chain.put("my-logs", f"dropped/{number}.log", [{"n": 1}])
        # Each of ten twice, with the same bytes: the same object.
        whole = gzip.compress(json.dumps({"n": number % 10}).encode() * 1000, mtime=0)
        chain.put("my-logs", f"fast/broken-{number % 10}.gz", whole[: len(whole) // 2])
    for number in range(10):
        chain.put("my-logs", f"unmapped/{number}.log", [{"n": 1}])
        chain.put("my-logs", f"fast/bug-{number}.log", [{"n": 1}, {"severity": 9}, {"n": 3}])
    for number in range(5):
        chain.put("my-logs", f"own/{number}.log", b"front;1\nback;two\nside;3\n")
    no_logs = {"AWSLogs/1/CloudTrail-Digest/x": b"{}", "fast/": b"", "fast/ELBAccessLogTestFile": b"Enable AccessLog"}
    for key, body in no_logs.items():
        chain.put("my-logs", key, body)
    # What SNS delivers twice is the same upload.
    notifications = chain.cloud.client("sns")
    for key in ("fast/000.log", "slow/001.log"):
        notifications.publish(TopicArn="arn:aws:sns:us-east-1:123456789012:logs", Message=_notification(chain, key))
    chain.settle()

    assert chain.undelivered() == 0
    seen = chain.delivered()
    assert {key: seen.get(f"my-logs/{key}") for key in good} == {
        key: list(range(1, len(records) + 1)) for key, records in good.items()
    }
    assert {f"own/{number}.log": [1, 3] for number in range(5)}.items() <= {
        key.removeprefix("my-logs/"): numbers for key, numbers in seen.items()
    }.items()
    logged = chain.cloud.logs(chain.physical("MainFunc"))
    told = [json.loads(line) for line in logged.splitlines() if line.startswith("{")]
    for number in range(many):
        about = [line for line in told if line.get("object") == f"s3://my-logs/fast/{number:03}.log"]
        # One line with its metrics; or a second one, of a duplicate that was passed over.
        assert [line["Objects"] for line in about if line["message"] == "done"] == [1]
        assert all("_aws" in line for line in about)
    assert not [line for line in logged.splitlines() if line.startswith(("START ", "END ", "REPORT "))]
    assert {line["object"]: line["filtered_by"] for line in told if "filtered_by" in line} == {
        "s3://my-logs/AWSLogs/1/CloudTrail-Digest/x": "cloudtrail-digest",
        "s3://my-logs/fast/": "folder-marker",
        "s3://my-logs/fast/ELBAccessLogTestFile": "elb-test-file",
    }
    assert {entry.key for entry in chain.entries if entry.status == "filtered"} == {*no_logs}
    dropped = [entry.key for entry in chain.entries if entry.status == "dropped"]
    assert sorted(dropped) == sorted(f"dropped/{number}.log" for number in range(20))
    failed = Counter((item.stage, item.error_type, item.events[0].object_key.partition("/")[0]) for item in chain.items)
    assert failed == {
        ("decompression", "DecompressionError", "fast"): 10,
        ("mapping", "MappingError", "unmapped"): 10,
        ("handler", "KeyError", "fast"): 10,
        ("parse", "ValueError", "own"): 5,
    }
    listed = chain.slips("errors").out
    assert len(listed.splitlines()) == 35
    assert "KeyError: record 2: Collect.recv raised KeyError: 'severity'" in listed
    bug = next(item for item in chain.items if item.error_type == "KeyError")
    assert bug.attempts == 3
    shown = chain.slips("error", bug.request_id).out
    assert 'raise KeyError("severity")' in shown
    reproduced = chain.slips("test", "-r", bug.request_id, check=False)
    assert reproduced.status == 1
    assert "KeyError: 'severity'" in reproduced.err
    groups = {each["error_type"]: each for each in chain.slips("errors", "--group", "--json").json}
    assert {name: each["count"] for name, each in groups.items()} == {key[1]: count for key, count in failed.items()}
    assert groups["ValueError"]["mappings"] == {"my-logs/own/": 5}

    # Three causes of four are mended, deployed, drained: groups follow the canaries that the functions have finished.
    chain.change("src/handler.py", "raise KeyError", "_ = KeyError")
    chain.change("slips.yml", "    - {prefix: own/", "    - {prefix: unmapped/, format: json}\n    - {prefix: own/")
    for number in range(10):
        chain.put("my-logs", f"fast/broken-{number}.gz", gzip.compress(b'{"n": 1}\n{"n": 2}\n'))
    chain.settle()
    chain.deploy()
    done = chain.slips("drain", "--canary", "2", "--json", check=False)
    assert done.status == 1, done
    assert _counts(done.json["groups"]) == {
        "KeyError": (2, 2, 0, 0, 8, 0),
        "MappingError": (2, 2, 0, 0, 8, 0),
        "DecompressionError": (2, 2, 0, 0, 8, 0),
        "ValueError": (2, 0, 2, 0, 0, 3),
    }
    chain.settle()
    assert [item.error_type for item in chain.items] == ["ValueError"] * 5

    # So is the fourth, and a drain without the config file goes by the function. Nothing is left.
    chain.change("formats/own.py", "int(n)", "n")
    chain.deploy()
    (chain.root / "slips.yml").rename(chain.root / "elsewhere.yml")
    fingerprint = groups["ValueError"]["fingerprint"]
    done = chain.slips("drain", fingerprint[:6], "--canary", "1", "--json", "-s", chain.stack)
    assert _counts(done.json["groups"]) == {"ValueError": (1, 1, 0, 0, 4, 0)}
    (chain.root / "elsewhere.yml").rename(chain.root / "slips.yml")
    chain.settle()
    assert chain.items == []
    seen = chain.delivered()
    assert all(seen[f"my-logs/own/{number}.log"] == [1, 2, 3] for number in range(5))
    assert all(seen[f"my-logs/unmapped/{number}.log"] == [1] for number in range(10))
    assert all(seen[f"my-logs/fast/bug-{number}.log"] == [1, 2, 3] for number in range(10))
    # What was overwritten is done as it is now; the replay of what it was delivers nothing again.
    assert all(seen[f"my-logs/fast/broken-{number}.gz"] == [1, 2] for number in range(10))
    # Superseded: the replay, and the failed run that it replays.
    assert Counter(entry.status for entry in chain.entries if "broken" in entry.key)["superseded"] == 20
    assert chain.slips("errors").out == "no errors\n"
    assert chain.cloud.denied() == []


def _counts(groups: list[dict[str, Any]]) -> dict[str, tuple[int, ...]]:
    """Of each group, by type of error: sent, succeeded, failed, timed out, drained, left."""
    names = ("sent", "succeeded", "failed", "timed_out", "drained", "left")
    return {group["error_type"]: tuple(group[name] for name in names) for group in groups}


def _notification(chain: Deployed, key: str) -> str:
    """The event of an object once more, with the sequencer of its upload, once a function has read it."""
    while True:
        for call in chain.cloud.invocations("EventPusher"):
            if f'{key}\\"' in call["payload"].replace("%2F", "/"):
                return str(json.loads(call["payload"])["Records"][0]["Sns"]["Message"])
        time.sleep(0.05)


@pytest.mark.slow
def test_an_object_too_long_for_any_invocation_arrives_whole_and_once(cloud: Cloud, tmp_path: Path) -> None:
    def slow_down(project: Deployed) -> None:
        # 13.5 s of work. A run has 5 s: a busy machine gets further in that, also where the function starts anew.
        project.change("src/handler.py", "import slips", "import time\n\nimport slips")
        project.change("src/handler.py", "self.seen.append", "time.sleep(0.3)\n        self.seen.append")
        project.change("slips.yml", "timeout: 30", "timeout: 6")

    chain = deployed(cloud, tmp_path, before=slow_down)
    lines = [json.dumps({"n": n}).encode() if n % 10 else b"no JSON" for n in range(1, 51)]
    chain.put("my-logs", "fast/long.log", b"\n".join(lines))
    chain.settle()
    assert [item for item in chain.items if item.kind != "records"] == []
    entries = [entry for entry in chain.entries if entry.key == "fast/long.log"]
    runs = [entry for entry in entries if entry.outcome is not None]
    assert len(runs) >= 3, "the time limit was hardly met"
    (whole,) = [entry for entry in entries if entry.records is None]
    assert whole.status == "done"
    assert chain.delivered()["my-logs/fast/long.log"] == [n for n in range(1, 51) if n % 10]
    assert sum(last - first + 1 for item in chain.items for first, last in item.records if last) == 5
    assert chain.cloud.denied() == []


ORIGINAL = original.CONFIG.replace("ap-northeast-1:1234xxxxxx", "us-east-1:123456789012")

ORIGINAL_HANDLER = """\
import logging
import slips.interface


class YourHandler(slips.interface.Handler):
    def __init__(self):
        self._logger = logging.getLogger()
        self._logger.setLevel(logging.INFO)

    def setup(self, args):
        self._logger.info('ARGS > %s', args)

    def recv(self, meta, event):
        self._logger.info('log meta data: %s', meta)
        self._logger.info('log data: %s', event)

    def result(self):
        return 'ok'  # Return some value if you need.
"""


@pytest.mark.slow
def test_the_original_readme_deploys_and_runs_as_it_stands(cloud: Cloud, tmp_path: Path) -> None:
    """But for a real account and region in its ARN, and a runtime that this machine has."""
    cloud.client("s3").create_bucket(Bucket="mizutani-test")
    notify(cloud, "mizutani-test", "seclog-event")
    here = f"handler:\n  runtime: {RUNTIME}\n  architecture: {ARCHITECTURE}\n"
    project = Deployed(cloud, tmp_path, ORIGINAL.replace("handler:\n", here), ORIGINAL_HANDLER)
    deployed = project.deploy()
    assert "sample-stack" in deployed.out
    assert "no changes" in project.deploy().out
    for key in ("logs/azure_ad/signinEvents/1.json", "logs/g_suite/a b.json", "logs/g_suite/bad.json"):
        project.put("mizutani-test", key, [{"id": {"time": "2026-11-23T08:00:00.000Z"}, "ipAddress": "192.0.2.1"}])
    project.put("mizutani-test", "logs/other/x.json", [{"n": 1}])
    project.settle()
    fates = {entry.key: entry.status for entry in project.entries}
    assert fates["logs/g_suite/a b.json"] == "done"
    assert fates["logs/other/x.json"] == "failed"
    logged = project.cloud.logs(project.physical("MainFunc"))
    assert "ARGS > {'your_key1': 'value1', 'your_key2': 'value2'}" in logged
    assert "log data: {" in logged
    assert "logs/other/x.json" in project.slips("errors").out
