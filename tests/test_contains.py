"""The prefilter of a mapping: records without any of its texts are filtered, whatever they are; no other is."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chains import OBJECT, Pieces, run_chain
from projects import Project
from slips.errors import DecompressionError, ObjectError
from slips.format import RecordLimits
from slips.model import Outcome
from slips.parsing.chain import compile_chain
from slips.parsing.contains import Contains
from slips.parsing.run import Ticker
from slips.testing import run

JSON, LINES, RECORDS = ["s3-lines", "json"], ["s3-lines"], ["json-records:Records"]


def kept(texts: Sequence[str], *records: str) -> list[int]:
    """The numbers of the records that have one of the texts."""
    wanted = Contains(texts, RecordLimits())
    return [number for number, record in enumerate(records, 1) if wanted.has_text(record.encode())]


# ---- what a record has


def test_a_record_with_any_of_the_texts_is_kept_and_case_counts() -> None:
    assert kept(["Login", "Stop"], '{"e": "ConsoleLogin"}', '{"e": "StopLogging"}', '{"e": "login"}', "Stop") == [
        1,
        2,
        4,
    ]


def test_a_record_that_exceeds_a_limit_before_its_escapes_can_be_read_is_kept() -> None:
    record = rb'{"a": {"b": "\u004c"}}'
    assert not Contains(["Login"], RecordLimits()).has_text(record)
    assert Contains(["Login"], RecordLimits(depth=1)).has_text(record)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("ConsoleLogin", r'{"e": "\u0043onsole\u004cogin"}'),
        ("ConsoleLogin", r'{"e": "Console\u004Cogin"}'),
        ("ConsoleLogin", r'{"Console\u004cogin": 1}'),
        ("ConsoleLogin", r'[[{"a": ["Console\u004cogin"]}]]'),
        ("arn:aws:iam::1:user/akiko", r'{"e": "arn:aws:iam::1:user\/akiko"}'),
        ("C:\\Windows", r'{"e": "C:\\Windows"}'),
        ("C:\\Windows", r'{"e": "C:\u005cWindows"}'),
        ('say "no"', r'{"e": "say \"no\""}'),
        ("a\tb", r'{"e": "a\tb"}'),
        ("é", r'{"e": "caf\u00e9"}'),
        ("é", r'{"e": "caf\u00E9"}'),
        ("漢字", r'{"e": "\u6f22\u5b57"}'),
        ("漢字", r'{"e": "漢\u5B57"}'),
        ("😀", r'{"e": "\ud83d\ude00"}'),
        ("404", '{"status": 404}'),
        ('"errorCode":', '{"errorCode":"AccessDenied"}'),
    ],
)
def test_a_text_is_found_however_json_writes_it(text: str, written: str) -> None:
    assert kept([text, "other"], written) == [1]


NESTED = r'{"log": "{\"user\": \"Jos\\u00e9\", \"path\": \"C:\\\\Temp\"}"}'


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("José", r'Nov 28 08:00:00 web1 app[1]: {"user": "Jos\u00e9"}'),
        ("😀", r'Nov 28 08:00:00 web1 app[1]: {"user": "\ud83d\ude00"}'),
        ('"user": "José"', r'Nov 28 08:00:00 web1 app[1]: {"user": "Jos\u00e9"}'),
        ("C:\\Temp", r'<14>Nov 28 08:00:00 web1 app[1]: {"path": "C:\\Temp"}'),
        ('say "no"', r'level=info msg="say \"no\""'),
        ("a/b", r'2026-11-28T08:00:00Z stdout F {"path": "a\/b"}'),
        ("José", NESTED),
        ("C:\\Temp", NESTED),
        ('"user": "José"', NESTED),
        ("José", json.dumps({"logEvents": [{"message": NESTED}]})),
        ("José", r'{"log": "{\u005cu0022user\u005cu0022: \u005cu0022Jos\u005cu00e9\u005cu0022}"}'),
        ('"user": "José"', r'1,"{""user"": ""Jos\u00e9""}"'),
        ("ConsoleLogin", r'{"e": "Console\u004cogin"'),  # malformed, but that does not count
    ],
)
def test_a_text_is_found_in_json_behind_a_header_or_within_a_text(text: str, written: str) -> None:
    assert kept([text, "other"], written) == [1]


@pytest.mark.parametrize("text", ["é", "A", "\n", "\\", '"'])
def test_json_within_json_is_read_a_few_times_and_no_more(text: str) -> None:
    """An escape that gives another, and that another, would take time in square of the record."""
    deep = "{\\u005c" + "u005c" * 50_000 + '"\\'
    assert kept([f"{text}x"], deep, json.dumps({"a": deep}), r"{C:\U0041\New\U005C") == [1, 2]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("ConsoleLogin", r'{"e": "Console\\u004cogin"}'),  # a backslash, and no escape behind it
        ("ConsoleLogin", r'{"e": "Console", "f": "Login", "g": "\u004c"}'),
        ("ConsoleLogin", r'{"e": "Console\u004cogi"}'),
        ("é", r'{"e": "cafe\u0301"}'),
        ("😀", r'{"e": "\ud83d\ude01"}'),
    ],
)
def test_a_text_is_not_found_where_it_is_not(text: str, written: str) -> None:
    assert kept([text], written) == []


texts = st.text(st.sampled_from('ab/"\\é漢😀\n'), min_size=1, max_size=3)
values = st.recursive(texts | st.integers() | st.none(), lambda inner: st.lists(inner) | st.dictionaries(texts, inner))


def occurs(text: str, value: Any) -> bool:
    """Whether a text is in a key or value, the plain way."""
    if isinstance(value, dict):
        return any(text in key or occurs(text, each) for key, each in value.items())
    return any(occurs(text, each) for each in value) if isinstance(value, list) else text in str(value or "")


def escaped(value: Any, choose: Any) -> str:
    """JSON of a value, in which `choose` says how each character is written."""
    return "".join(
        choose([each, *(["".join(f"\\u{unit:04x}" for unit in _units(each))] if each.isalpha() or each > "~" else [])])
        if each not in '[]{}":, \\'
        else each
        for each in json.dumps(value, ensure_ascii=False)
    )


def _units(character: str) -> list[int]:
    raw = character.encode("utf-16-be")
    return [int.from_bytes(raw[at : at + 2]) for at in range(0, len(raw), 2)]


@pytest.mark.slow
@given(st.lists(texts, min_size=1, max_size=3), st.dictionaries(texts, values, max_size=4), st.data())
def test_no_record_is_filtered_that_has_a_text_in_a_key_or_value(wanted: list[str], value: Any, data: Any) -> None:
    written = data.draw(st.sampled_from([json.dumps(value), json.dumps(value, ensure_ascii=False)]))
    if "\\" not in written:
        written = escaped(value, lambda ways: data.draw(st.sampled_from(ways)))
    is_there = any(occurs(text, value) for text in wanted)
    if is_there:
        assert kept(wanted, written) == [1]
    elif not any(text in written for text in wanted):
        assert kept(wanted, written) == []


# ---- through a chain


def test_what_has_no_text_is_filtered_under_its_rule_malformed_or_not_and_numbers_stay() -> None:
    log = b'{"e": "no"}\nnonsense\n{"e": "yes"}\nyes, nonsense\n\n{"e": "no"}\n{"n": "yes"}\n'
    seen = run(None, JSON, log, contains="yes")
    assert (seen.records, seen.delivered, seen.quarantined, seen.filtered) == (6, 2, 1, {"contains": 3})
    assert [meta.seq for meta in seen.metas] == [3, 6]
    assert [sample.seq for sample in seen.quarantine] == [4]


def test_each_document_of_a_line_is_filtered_by_itself() -> None:
    log = b'{"e": "no"}{"e": "no"}\n[{"e": "no"}, {"e": "no"}]\n{"e": "no"} {"e": "yes"}\n'
    seen = run(None, JSON, log, contains="yes")
    assert ([meta.seq for meta in seen.metas], seen.filtered) == ([6], {"contains": 5})


@pytest.mark.parametrize(
    ("chain", "log"),
    [
        (RECORDS, '{"Records": [{"e": "no"}, {"e": "yes é"}, {"e": "no"}, {"e": "\\u0079es \\u00e9"}]}'),
        (["csv"], 'a,b\nno,1\nyes é,2\n"no\nno",3\n"say\n""yes é""",4\n'),
        (LINES, "no\nyes é\nno\nyes é\n"),
        (["s3-text", "json"], '{"e": "no",\n"f": "yes é"}'),
        (["s3-text"], "yes\nno"),
    ],
)
def test_every_reader_filters(chain: list[str], log: str) -> None:
    seen = run(None, chain, log, contains=["yes é"])
    assert [meta.seq for meta in seen.metas] == ([1] if "é" in log else []) if "s3-text" in chain else [2, 4]
    assert seen.filtered == ({"contains": seen.records - seen.delivered} if seen.records > seen.delivered else {})


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig"])
@pytest.mark.parametrize("chain", [JSON, LINES, RECORDS, ["csv"]])
def test_objects_in_other_encodings_are_filtered_by_their_characters(chain: list[str], encoding: str) -> None:
    log = {"csv": "a\nno\nyes é\n", "json-records:Records": '{"Records": [{"e": "no"}, {"e": "yes \\u00e9"}]}'}
    text = log.get(chain[0], '{"e": "no"}\n{"e": "yes é"}\n')
    seen = run(None, chain, text.encode(encoding), contains="yes é")
    assert ([meta.seq for meta in seen.metas], seen.filtered) == ([2], {"contains": 1})


def test_the_names_of_columns_are_no_text_of_a_row() -> None:
    assert run(None, ["csv"], "ERROR,b\n1,2\n3,ERROR\n", contains="ERROR").events == [{"ERROR": "3", "b": "ERROR"}]


def test_a_record_of_which_only_the_beginning_is_known_is_not_filtered() -> None:
    outcome, bad = Outcome(), []
    compile_chain(JSON, Path(), RecordLimits(bytes=100), contains=["yes"]).run(
        io.BufferedReader(io.BytesIO(b'{"e": "%s"}\n{"e": "no"}\n' % (b"x" * 5_000))),
        outcome,
        source=OBJECT,
        recv=lambda _meta, _event: None,
        reject=lambda seq, _record, error: bad.append((seq, str(error)[:10])),
        ticker=Ticker(),
    )
    assert (bad, outcome.rules) == ([(1, "record has")], {"contains": 1})


def test_a_header_that_a_parser_remembers_is_seen_though_it_is_filtered(tmp_path: Path) -> None:
    """Beyond it: ranges of records, of which the run has only those that are wanted."""
    (tmp_path / "own.py").write_text(
        "from slips.format import Rule, PerObject, parser\n"
        "HEADER = Rule('header', 'the header')\n"
        "@parser('table', summary='', reference='', takes='text', rules=(HEADER,))\n"
        "@PerObject\n"
        "def table():\n"
        "    names = []\n"
        "    def parse(meta, text):\n"
        "        if not names:\n"
        "            names[:] = text.split()\n"
        "            return HEADER\n"
        "        return dict(zip(names, text.split()))\n"
        "    return parse\n"
    )
    seen = run(None, ["s3-lines", f"{tmp_path}/own.py:table"], "name age\nakiko 30\nbert 40\n", contains="bert")
    assert seen.events == [{"name": "bert", "age": "40"}]
    assert seen.filtered == {"contains": 2}


@pytest.mark.slow
def test_of_real_logs_those_events_are_kept_that_have_the_text(logs: Path) -> None:
    for path in sorted((logs / "cloudtrail").iterdir()):
        try:
            every = run(None, "cloudtrail", path)
        except ObjectError:
            continue  # of another shape
        written = [json.dumps(event, ensure_ascii=False) for event in every.events]
        for text in ("amazonaws.com", "AssumeRole", '"errorCode"', "://", "é"):
            seen = run(None, "cloudtrail", path, contains=text)
            numbers = [meta.seq for meta in seen.metas]
            has = [text in each for each in written]
            assert numbers == [meta.seq for meta, is_there in zip(every.metas, has, strict=True) if is_there], text
            assert seen.records == every.records
            assert seen.filtered.get("contains", 0) == seen.records - seen.delivered - seen.quarantined


def test_a_wrong_mapping_is_told_by_the_records_that_are_parsed() -> None:
    log = "no\n" * 100 + "yes\n" * 10
    with pytest.raises(Exception, match="10 of 10 records cannot be understood"):
        run(None, JSON, log, contains="yes")


# ---- many lines at once

LONG = b"x" * 40_000
"""Three of it fill what is skipped at once."""
LINES_OF_LOG = st.sampled_from(
    [
        *(b'{"e": "no"}\n', b'{"e": "yes"}\n', b'{"e": "\\u0079es"}\n', b'{"e": "\\u006eo"}\n', b'{"e":1}{"e":2}\n'),
        *(b'{"e": "no"} [1]\n', b'[{"e": "no"}, {"e": "no"}]\n', b"\n", b" \n", b"\0\0{}\n", b"\0\n", b"no\n"),
        *(b'{"e": "no"}\r\n', b'{"e": "no"}\r', b'{"e": "yes"}', b"{\n", b'""\n', b"\xff\n", b'say ""zebra""\n'),
        *(b'{"e": "%s"}\n' % LONG, b'{"e": "%syes"}\n' % LONG, b"%s\n" % LONG, b'{"%s":1}{}\n' % LONG),
        *(b"{%s\n" % (8 * LONG), b"yes\n"),
    ]
)


@pytest.mark.parametrize("chain", [JSON, LINES])
@given(st.lists(LINES_OF_LOG, max_size=16))
def test_lines_that_are_skipped_at_once_are_those_that_are_filtered_one_by_one(
    chain: list[str], lines: list[bytes]
) -> None:
    compiled = compile_chain(chain, Path(), contains=["yes", '"zebra"'])
    log = b'{"e": "no"}\n' + b"".join(lines)
    at_once, one_by_one = (
        run_chain(compiled, log, msgspec.structs.replace(OBJECT, records=records)) for records in (None, [(1, None)])
    )
    assert [(meta.seq, event) for meta, event in at_once.events] == [
        (meta.seq, event) for meta, event in one_by_one.events
    ]
    assert at_once.quarantined == one_by_one.quarantined
    assert at_once.outcome == one_by_one.outcome


@pytest.mark.parametrize("chain", [JSON, LINES])
def test_lines_that_are_skipped_at_once_end_at_a_damage_and_at_a_stop(chain: list[str]) -> None:
    """A cut-off last line is no record. A run that is stopped says behind which line, and counts none behind it."""
    log = b'{"e": "no"}\n' * 30_000

    class Stop(Ticker):
        due = True

        def tick(self, _seq: int) -> bool:
            return True

    compiled, outcome = compile_chain(chain, Path(), contains=["yes"]), Outcome()
    stream: io.BufferedReader = io.BufferedReader(Pieces([log, b'{"e":'], DecompressionError("cut off")))
    with pytest.raises(DecompressionError):
        compiled.run(stream, outcome, source=OBJECT, recv=_refuse, reject=_refuse, ticker=Ticker())
    assert (outcome.records, outcome.rules) == (30_000, {"contains": 30_000})
    stopped_outcome = Outcome()
    stream = io.BufferedReader(io.BytesIO(log))
    stopped = compiled.run(stream, stopped_outcome, source=OBJECT, recv=_refuse, reject=_refuse, ticker=Stop())
    assert stopped is not None
    assert 1 <= stopped_outcome.records == stopped < 30_000
    assert stopped_outcome.balanced


def _refuse(*_arguments: object) -> None:
    raise AssertionError("no record is parsed")


# ---- in a project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project(tmp_path)
    config = (made.root / "slips.yml").read_text()
    made.config(config.replace("- prefix: json/", "- prefix: json/\n      contains: ['yes', 'é\"']"))
    return made


def test_a_run_counts_what_the_texts_of_its_mapping_filter(project: Project) -> None:
    project.put("json/1", {"e": "yes"}, {"e": "no"}, {"e": "no"})
    project.put("slow/1", {"e": "no"})
    summary = project.slips("run", "--json").json
    assert (summary["records"], summary["delivered"], summary["filtered"]) == (4, 2, 2)
    assert summary["rules"] == {"contains": 2}


def test_check_shows_the_texts(project: Project) -> None:
    assert "on error: quarantine  contains: 'yes' or 'é\"'" in project.slips("check").out
    found = {each["prefix"]: each["contains"] for each in project.slips("check", "--json").json["mappings"]}
    assert (found["json/"], found["slow/"]) == (["yes", 'é"'], None)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("404", "'404' is a number to YAML; expected text; quote it: '404'"),
        ("['']", "contains[0]: is empty; expected text"),
        ("[]", "contains: is empty; expected a list of texts, or one text"),
        ("{a: b}", "found a mapping; expected a list of text"),
    ],
)
def test_texts_that_are_none_are_told_with_their_line(project: Project, value: str, said: str) -> None:
    config = (project.root / "slips.yml").read_text()
    project.config(config.replace("contains: ['yes', 'é\"']", f"contains: {value}"))
    done = project.slips("check")
    assert done.status == 2
    (line,) = [line for line in done.err.splitlines() if "contains" in line]
    assert "slips.yml:" in line
    assert said in line


def test_one_text_stands_for_a_list_of_it(project: Project) -> None:
    config = (project.root / "slips.yml").read_text()
    project.config(config.replace("contains: ['yes', 'é\"']", "contains: yes it is"))
    assert "contains: 'yes it is'" in project.slips("check").out
