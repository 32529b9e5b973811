"""Every format makes of its own sample exactly what stands beside it, and says what people need to know of it.

A sample is `NAME.EXT` beside the module, what is expected of it `NAME.expected.jsonl`: a line an event, in order,
`{"meta": …, "event": …}`, `{"filtered": rule, "seq": n}` or `{"quarantined": reason, "seq": n}`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

import chains
from chains import OBJECT
from for_each import for_each
from slips.formats import FOLDERS, catalogue, sample_files
from slips.parsing.chain import compile_chain
from slips.parsing.readers.text import EMPTY, PADDING

pytestmark = [pytest.mark.smoke, pytest.mark.xdist_group("chains")]

NAMES = [name for name in catalogue() if name != "ignore"]

ORIGINAL_CHAINS = """
s3-lines json
s3-lines json auditbeat
s3-lines json aws-waf
s3-lines json azure-ad-audit
s3-lines json azure-ad-event
s3-lines json azure-ad-risk-event
s3-lines json cylance
s3-lines json cylance-event
s3-lines json cylance-threat
s3-lines json ecs-hako
s3-lines json falcon
s3-lines json falcon-detection
s3-lines json g-suite-login
s3-lines json guardduty
s3-lines json packetbeat
s3-lines cloudtrail
s3-text cloudtrail
s3-lines fluentd-json
s3-lines kea
s3-lines paloalto
s3-lines syslog
""".strip().splitlines()
"""How configurations for the original spell what the last name alone says today."""


def run(names: Sequence[str], content: bytes) -> list[dict[str, Any]]:
    """What the chain makes of an object, in the shape of `NAME.expected.jsonl`."""
    seen = chains.run(names, content)
    found: list[dict[str, Any]] = [{"quarantined": reason, "seq": seq} for seq, reason in seen.quarantined]
    for meta, event in seen.events:
        known = {"tag": meta.tag, "timestamp": meta.timestamp, "seq": meta.seq, "message": meta.message}
        if meta.member is not None:
            known["member"] = meta.member
        found.append({"meta": known, "event": event})
    silent = {*range(1, seen.outcome.records + 1)} - {seq_of(each) for each in found}
    for seq in silent:  # which rule filtered it, only the counts say: of a run of this record alone
        (rule,) = chains.run(names, content, msgspec.structs.replace(OBJECT, records=[(seq, seq)])).outcome.rules
        found.append({"filtered": rule, "seq": seq})
    return sorted(found, key=seq_of)


def seq_of(line: dict[str, Any]) -> int:
    seq: int = line["meta"]["seq"] if "meta" in line else line["seq"]
    return seq


def as_json(line: dict[str, Any]) -> str:
    return json.dumps(line, sort_keys=True)


def sample_of(name: str, *, alone: bool = False) -> Path:
    """The sample of a format; `alone`, it may still lack what is expected of it."""
    files = sample_files(name)
    assert len(files) == 2 or (alone and len(files) == 1 and ".expected." not in files[0].name), (
        f"format {name!r} has {[path.name for path in files]}; expected a sample as {name}.log, and "
        f"{name}.expected.jsonl, which 'pytest tests/test_formats.py --accept' writes"
    )
    return files[0]


def expected_of(name: str) -> list[dict[str, Any]]:
    lines = sample_files(name)[1].read_text("utf-8").split("\n")[:-1]
    return [json.loads(line) for line in lines]


def keep(sample: Path, found: list[dict[str, Any]]) -> None:
    """Writes what a format makes of its sample, if it is not what stands beside it."""
    path = sample.with_name(f"{sample.name.partition('.')[0]}.expected.jsonl")
    lines = path.read_text("utf-8").split("\n")[:-1] if path.is_file() else []
    if [as_json(json.loads(line)) for line in lines] != list(map(as_json, found)):
        path.write_text("".join(f"{json.dumps(line)}\n" for line in found), "utf-8")


EXTRAS = {"parquet": "arro3.io"}
"""Libraries of extras, which formats need."""


@for_each("name", [name for name in NAMES if name not in EXTRAS])
def test_a_format_makes_of_its_sample_what_stands_beside_it(name: str, accept: bool) -> None:
    makes_what_stands_beside(name, accept)


@pytest.mark.parametrize("name", EXTRAS)
def test_a_format_that_needs_an_extra_makes_of_its_sample_what_stands_beside_it(name: str, accept: bool) -> None:
    pytest.importorskip(EXTRAS[name])
    makes_what_stands_beside(name, accept)


def makes_what_stands_beside(name: str, accept: bool) -> None:
    found = run([name], sample_of(name, alone=accept).read_bytes())
    if accept:
        keep(sample_of(name, alone=True), found)
    expected = expected_of(name)
    assert found == expected
    assert [as_json(line) for line in found] == [as_json(line) for line in expected], "alike, but 1 is no True"


def test_what_is_accepted_is_written_only_where_it_differs(tmp_path: Path) -> None:
    sample, kept = tmp_path / "door.log", tmp_path / "door.expected.jsonl"
    keep(sample, [{"quarantined": "é", "seq": 1}])
    assert kept.read_text() == '{"quarantined": "\\u00e9", "seq": 1}\n'
    kept.write_text('{"quarantined":   "é", "seq": 1}\n')
    keep(sample, [{"quarantined": "é", "seq": 1}])
    assert kept.read_text() == '{"quarantined":   "é", "seq": 1}\n'
    keep(sample, [])
    assert kept.read_text() == ""


def test_every_sample_belongs_to_a_format() -> None:
    files = [path for folder in FOLDERS.values() for path in folder.rglob("*.*") if path.is_file()]
    assert {path.name.partition(".")[0] for path in files if path.suffix not in (".py", ".pyc")} == set(NAMES)


@for_each("name", catalogue())
def test_a_format_says_what_it_is_and_where_that_is_documented(name: str) -> None:
    format_ = catalogue()[name]
    assert format_.summary
    assert not format_.summary.endswith(".")
    assert format_.reference.startswith("https://")


@for_each("name", NAMES)
def test_the_tag_of_a_format_is_the_documented_one(name: str) -> None:
    documented = catalogue()[name].tag
    constant, variable, _ = documented.partition("{")
    for line in expected_of(name):
        if "meta" in line:
            tag = line["meta"]["tag"]
            assert tag.startswith(constant) if variable else tag == documented


@for_each("name", NAMES)
def test_the_sample_of_a_format_shows_each_of_its_rules(name: str) -> None:
    shown = {line["filtered"] for line in expected_of(name) if "filtered" in line}
    # Those of readers are about objects that hardly any sample can be: full of NUL bytes, or without a record.
    of_readers = {PADDING.name, EMPTY.name}
    assert shown - of_readers == {rule.name for rule in catalogue()[name].rules} - of_readers


WITHOUT_BAD = {
    **dict.fromkeys(
        ("s3-lines", "s3-text", "multiline", "segments", "cri-lines", "docker-lines", "hadoop-snappy", "tar", "zip"),
        "only a record over `limits.record_bytes` is bad, which is larger than a sample should be",
    ),
    **dict.fromkeys(("regex", "grok"), "without an option, each line is a message"),
}


@for_each("name", NAMES)
def test_the_sample_of_a_format_has_a_bad_record_where_the_format_can_have_one(name: str) -> None:
    assert any("quarantined" in line for line in expected_of(name)) == (name not in WITHOUT_BAD)


@pytest.mark.parametrize("chain", ORIGINAL_CHAINS)
def test_a_chain_of_the_original_means_the_same_as_its_short_form(chain: str) -> None:
    names = chain.split()
    content = sample_of(names[-1]).read_bytes()
    assert compile_chain(names, Path()).names == compile_chain(names[-1:], Path()).names
    assert run(names, content) == run(names[-1:], content)
