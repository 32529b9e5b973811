"""`slips formats` and `slips parse`."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import tarfile
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import yaml

import chains
from for_each import for_each
from projects import Done, Project
from slips.examples import example_of
from slips.formats import catalogue, names
from slips.formats.other_names import other_names
from slips.not_logs import RULES, NotLog

pytestmark = pytest.mark.smoke
GUARD = 300


def events(done: Done) -> list[Any]:
    return [json.loads(line)["event"] for line in done.out.splitlines()]


# ---- formats


def listed(done: Done) -> dict[str, list[str]]:
    """The names of formats by vendor, in the order of the list."""
    found: dict[str, list[str]] = {}
    vendor = ""
    for line in done.out.splitlines():
        if line.startswith("  "):
            found.setdefault(vendor, []).append(line.split()[0])
        else:
            vendor = line
    return found


def test_the_list_has_every_format_with_its_summary_below_its_vendor(project: Project) -> None:
    done = project.slips("formats")
    groups = listed(done)
    assert sorted(name for names in groups.values() for name in names) == list(catalogue())
    assert all(each.summary in done.out for each in catalogue().values())
    assert list(groups)[:2] == ["Readers", "No vendor"]
    vendors = list(groups)[2:]
    assert vendors == sorted(vendors, key=str.lower)
    assert {"alb", "cloudtrail"} <= {*groups["Amazon Web Services"]}


def test_the_list_imports_no_format() -> None:
    code = (
        "import sys\nfrom slips.cli import main\ntry:\n    main()\nfinally:\n"
        "    print(*(name for name in sys.modules if name.startswith('slips.formats.')), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "formats"], capture_output=True, encoding="utf-8", timeout=GUARD, check=True
    )
    assert done.stderr.splitlines()[-1].split() == ["slips.formats._index", "slips.formats._catalogue"]


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("balancers", "alb"),  # of the summary
        ("Amazon", "cloudtrail"),  # of the vendor
        ("aws.waf", "aws-waf"),  # of the tag
        ("trail", "cloudtrail"),  # of the name
        ("BALANCERS", "alb"),
        ("firelens", "fluent-bit"),
    ],
)
def test_a_word_lists_the_formats_that_have_it(project: Project, word: str, name: str) -> None:
    found = [each for names in listed(project.slips("formats", word)).values() for each in names]
    assert name in found
    assert "syslog" not in found
    assert [each["name"] for each in project.slips("formats", word, "--json").json] == sorted(found)


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("azure ad", "azure-signin"),
        ("AAD", "azure-signin"),
        ("office365", "m365-audit"),
        ("office 365", "m365-audit"),
        ("g suite", "google-workspace"),
        ("gsuite", "g-suite-login"),
        ("elb", "alb"),
        ("mde", "defender-event"),
        ("cisco vpn", "cisco-asa"),
        ("vpn cisco", "cisco-asa"),
        ("firewall palo", "paloalto"),
        ("firewall forti", "fortinet"),
    ],
)
def test_words_find_formats_also_by_other_names_of_products(project: Project, words: str, name: str) -> None:
    assert project.slips("formats", *words.split(), "--json").json == project.slips("formats", words, "--json").json
    assert name in [each["name"] for each in project.slips("formats", words, "--json").json]


def test_a_short_word_is_found_at_the_beginning_of_words_alone(project: Project) -> None:
    found = [each for names in listed(project.slips("formats", "edr")).values() for each in names]
    assert "carbonblack" in found
    assert "bedrock-invocation" not in found


def test_words_that_no_format_has_together_are_counted_one_by_one(project: Project) -> None:
    done = project.slips("formats", "umbrella", "kafka")
    assert (done.status, done.out) == (2, "")
    assert "'umbrella' finds 7, 'kafka' finds " in done.err


def test_other_names_lead_to_formats_that_there_are() -> None:
    assert other_names().keys() <= {*names()}
    assert all(text == text.lower() for text in other_names().values())


def test_a_name_that_others_begin_with_shows_them(project: Project) -> None:
    assert "  see also   umbrella-audit, umbrella-dlp, " in project.slips("formats", "umbrella").out
    assert "see also" not in project.slips("formats", "okta").out


def test_an_unknown_format_is_told_what_reads_its_logs(project: Project) -> None:
    done = project.slips("parse", "office365", "-")
    assert "format 'office365' is not known; such logs are read by 'm365-audit'" in done.err


def test_an_example_without_a_tag_says_nothing_of_one(project: Project) -> None:
    assert "its event\n" in project.slips("formats", "json").out


def test_a_row_of_the_list_is_cut_to_the_width_of_a_terminal_and_whole_in_a_pipe(project: Project) -> None:
    piped = project.slips("formats", "cisco").out.splitlines()
    assert max(map(len, piped)) > 60
    shown = project.on_terminal("formats", "cisco", COLUMNS="60").splitlines()
    assert shown == [line if len(line) <= 60 else f"{line[:59]}…" for line in piped]


def test_one_format_is_shown_with_a_record_its_event_and_how_to_configure_it(project: Project) -> None:
    done = project.slips("formats", "vpc-flow")
    config, _, example = done.out.partition("in a config:\n")[2].partition("a record:\n")
    assert config == "  - prefix: logs/\n    format: vpc-flow\n"
    record, _, event = example.partition("\nits event, of tag aws.vpc-flow: ")
    assert record.startswith("  2 12345678901")
    assert json.loads(event.splitlines()[1])["version"] == 2
    assert event.splitlines()[2].startswith("  addresses: ")
    shown = project.slips("formats", "vpc-flow", "--json").json["example"]
    assert shown["record"] == record.strip()
    assert shown["entities"]["addresses"]


@pytest.mark.parametrize(
    ("name", "event"),
    [
        ("regex", {"date": "2026-11-28", "text": "some line of a log"}),
        (
            "grok",
            {"client": "192.0.2.7", "method": "GET", "path": "/index.html", "bytes": 15824, "duration": 0.043},
        ),
    ],
)
def test_the_config_of_a_format_that_needs_a_pattern_has_one_that_reads_the_record(
    project: Project, name: str, event: dict[str, object]
) -> None:
    shown = project.slips("formats", name).out.partition("in a config:\n")[2]
    format_, record = yaml.safe_load(shown.partition("a record:\n")[0])[0]["format"], shown.splitlines()[3].strip()
    seen = chains.run([format_], record.encode())
    assert [each for _, each in seen.events] == [event]
    assert json.loads(shown.splitlines()[-1]) == event


def test_a_format_of_the_user_is_shown_by_the_name_that_a_config_has(project: Project) -> None:
    log = project.put("door.jsonl", {"opened_at": "2026-11-29T08:00:00Z", "door": "north"})
    assert project.slips("formats", "--new", "acme/door", "--from", str(log)).status == 0
    shown = project.slips("formats", "formats/acme/door.py:door").out
    assert "[s3-lines, json, formats/acme/door.py:door], what 'format: formats/acme/door.py:door' stands for" in shown


@for_each("name", [name for name, format_ in catalogue().items() if format_.tag])
def test_a_format_has_an_example(name: str) -> None:
    example = example_of(catalogue()[name])
    assert example is not None
    assert example.record
    assert example.event


def test_json_has_the_keys_that_scripts_rely_on(project: Project) -> None:
    listed = project.slips("formats", "--json").json
    assert [each["name"] for each in listed] == list(catalogue())
    assert listed[0].keys() >= {"name", "summary", "takes", "gives", "chain", "tag", "reference"}


def test_one_format_is_shown_with_its_rules(project: Project) -> None:
    done = project.slips("formats", "aws-waf")
    assert "[s3-lines, json, aws-waf]" in done.out
    assert "default-action" in done.out
    assert project.slips("formats", "aws-waf", "--json").json["rules"][0]["name"] == "default-action"


def test_options_are_shown_with_their_values_and_meaning(project: Project) -> None:
    done = project.slips("formats", "csv")
    assert "  option     delimiter: Character between fields" in done.out
    listed = project.slips("formats", "csv", "--json").json["options"]
    takes = {each["name"]: each["takes"] for each in listed}
    assert takes.keys() >= {"delimiter", "columns"}
    assert takes["delimiter"] == "one character, or one of tab, semicolon, pipe, space"
    assert project.slips("formats", "syslog", "--json").json["options"] == []


def test_the_source_of_a_chain_is_python_with_a_line_for_each_of_its_formats(project: Project) -> None:
    source = project.slips("formats", "aws-waf", "--source").out
    compile(source, "source", "exec")
    assert all(f"# {name}\n" in source for name in ("json-lines", "aws-waf"))
    several = project.slips("formats", "aws-waf", "okta", "--source")
    assert (several.status, "2 formats named; expected one" in several.err) == (2, True)
    unnamed = project.slips("formats", "--source")
    assert (unnamed.status, "slips formats cloudtrail --source" in unnamed.err) == (2, True)


def test_rules_that_filter_objects_are_named_and_shown(project: Project) -> None:
    assert "folder-marker, cloudtrail-digest, elb-test-file" in project.slips("formats").err
    shown = project.slips("formats", "elb-test-file").out
    assert "  objects    ELBAccessLogTestFile ELBConnectionLogTestFile ELBHealthCheckLogTestFile\n" in shown
    told = project.slips("formats", "export-test-file", "--json").json
    assert (told["name"], told["objects"]) == ("export-test-file", ["aws-logs-write-test"])


def test_a_format_of_the_name_of_a_rule_is_shown_with_the_objects_of_the_rule(project: Project) -> None:
    shown = project.slips("formats", "cloudtrail-digest").out
    assert "  objects    CloudTrail-Digest/; mappings to other formats filter them\n" in shown
    told = project.slips("formats", "cloudtrail-digest", "--json").json
    assert (told["tag"], told["objects"]) == ("aws.cloudtrail.digest", ["CloudTrail-Digest/"])


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_rule_names_no_format_that_cannot_be_used(project: Project, rule: NotLog) -> None:
    lines = [line.split() for line in project.slips("formats", rule.name).out.splitlines()]
    named = {name.rstrip(",") for first, *rest in lines if first == "formats" for name in rest}
    assert named <= catalogue().keys()


def test_a_format_that_is_not_known_is_wrong_input(project: Project) -> None:
    done = project.slips("formats", "syslgo")
    assert (done.status, done.out) == (2, "")
    assert "did you mean 'syslog'?" in done.err
    assert "none has this word" in done.err


# ---- parse


def test_entities_are_shown_where_they_are_asked_for(project: Project) -> None:
    log = project.put("signin.jsonl", {"ipAddress": "[2001:DB8::1]:443", "actor": {"email": "ann@example.com"}})
    chain = "{json: {entities: {addresses: ipAddress, users: actor.email}}}"
    meta = json.loads(project.slips("parse", chain, str(log), "--entities").out)["meta"]
    assert meta["entities"] == {"addresses": ["2001:db8::1"], "users": ["ann@example.com"]}
    assert "entities" not in json.loads(project.slips("parse", chain, str(log)).out)["meta"]


def test_each_event_is_a_json_line_with_its_meta(project: Project) -> None:
    log = project.put("a.log", b"Mar  2 08:00:01 host sshd[7]: one\nMar  2 08:00:02 host sshd[7]: two\n")
    done = project.slips("parse", "syslog", str(log), "--time", "2026-03-02T09:00:00Z")
    first = json.loads(done.out.splitlines()[0])
    assert first["meta"] == {"tag": "syslog", "timestamp": 1772438401.0, "seq": 1, "message": "one"}
    assert first["event"]["hostname"] == "host"
    assert (done.status, done.err, len(done.out.splitlines())) == (0, "", 2)


def test_bad_records_go_to_standard_error_with_number_and_reason_and_the_rest_goes_on(project: Project) -> None:
    log = project.put("a", {"n": 1}, b"nonsense\n", {"n": 3})
    done = project.slips("parse", "s3-lines,json", str(log))
    assert events(done) == [{"n": 1}, {"n": 3}]
    assert done.err.startswith(f"{log}: record 2: not JSON")
    assert (done.status, len(done.err.splitlines())) == (1, 1)


@pytest.mark.parametrize("chain", ["{csv: {delimiter: ';', columns: [a, b]}}", '[{"csv:;": {"columns": ["a", "b"]}}]'])
def test_a_chain_with_options_is_given_as_yaml(project: Project, chain: str) -> None:
    assert events(project.slips("parse", chain, str(project.put("a", b"1;2\n")))) == [{"a": "1", "b": "2"}]


def test_several_events_of_a_record_share_its_number(project: Project) -> None:
    (project.root / "own.py").write_text("def spread(meta, event):\n    return event['parts']\n")
    log = project.put("a", {"parts": [{"n": 1}, {"n": 2}]})
    done = project.slips("parse", f"s3-lines,json,{project.root}/own.py:spread", str(log))
    metas = [json.loads(line)["meta"] for line in done.out.splitlines()]
    assert [(meta["seq"], meta.get("index", 0)) for meta in metas] == [(1, 0), (1, 1)]


def test_standard_input_is_read_and_decompressed(project: Project) -> None:
    assert events(project.slips("parse", "json", "-", stdin=gzip.compress(b'{"n": 1}\n'))) == [{"n": 1}]


def test_bytes_that_are_not_utf8_and_line_separators_survive(project: Project) -> None:
    log = project.put("a", b'{"t": "x\xff\xe2\x80\xa8\xc3\xa9"}\n')
    done = project.slips("parse", "json", str(log))
    assert len(done.out.splitlines()) == 1
    assert done.out.isascii()
    (event,) = events(done)
    assert event["t"].encode("utf-8", "surrogateescape") == b"x\xff\xe2\x80\xa8\xc3\xa9"


def test_values_that_json_cannot_hold_are_texts_and_numbers_among_them_told(project: Project) -> None:
    (project.root / "odd.py").write_text(
        "import datetime\n"
        "def odd(meta, event):\n"
        "    return {**event, 'day': datetime.date(2026, 3, 2), (1, 2): {'s': {3}}, 'b': True, 'l': [1.5, None]}\n"
    )
    log = project.put("a", b'{"nan": NaN, "big": 1e999}\n')
    done = project.slips("parse", "s3-lines,json,odd.py:odd", str(log))
    (event,) = events(done)
    assert event == {
        "nan": "NaN", "big": "Infinity", "day": "2026-03-02", "(1, 2)": {"s": "{3}"}, "b": True, "l": [1.5, None]
    }  # fmt: skip
    assert "1 event, at first of record 1, with NaN or an infinite number, which JSON does not have: " in done.err
    (project.root / "plain.jsonl").write_text('{"a": 1.5}\n')
    assert project.slips("parse", "json", "plain.jsonl").err == ""


@pytest.mark.slow
@pytest.mark.parametrize("depth", [199, 200, 900, 985, 1100, 100_000])
def test_an_event_of_any_depth_is_printed_or_told(project: Project, depth: int) -> None:
    log = project.put("a", b'{"deep":' + b"[" * depth + b"]" * depth + b"}\n", {"n": 1})
    done = project.shell("parse", "json", str(log))
    assert "Traceback" not in done.err
    assert done.out.endswith('"event": {"n": 1}}\n')
    assert len(done.out.splitlines()) == 1 + (depth < 200)
    assert len(done.err.splitlines()) == (depth >= 200)


def test_the_time_of_the_object_is_the_files_unless_given(project: Project) -> None:
    log = project.put("a", {"n": 1})
    os.utime(log, (1_000_000, 1_000_000))
    assert json.loads(project.slips("parse", "json", str(log)).out)["meta"]["timestamp"] == 1_000_000
    given = project.slips("parse", "json", str(log), "--time", "1970-01-01T00:00:00Z")
    assert json.loads(given.out)["meta"]["timestamp"] == 0
    assert project.slips("parse", "json", str(log), "--time", "noon").status == 2


def test_filtered_records_are_told_by_rule_on_standard_error(project: Project) -> None:
    log = project.put("a", {"terminatingRuleId": "Default_Action"})
    quiet, loud = project.slips("parse", "aws-waf", str(log)), project.slips("-v", "parse", "aws-waf", str(log))
    assert (quiet.status, quiet.out, quiet.err) == (0, "", f"slips: {log}: 1 filtered by default-action\n")
    assert "1 record = 0 delivered + 1 filtered + 0 quarantined" in loud.err
    assert "1 filtered by default-action" in loud.err


def test_a_damaged_object_is_failed_work_and_what_was_whole_is_printed(project: Project) -> None:
    whole = b"".join(json.dumps({"n": os.urandom(8).hex()}).encode() + b"\n" for _ in range(2000))
    log = project.put("a.gz", gzip.compress(whole)[:-100])
    done = project.slips("parse", "json", str(log))
    assert done.status == 1
    assert done.err.startswith(f"slips: {log}: gzip data ends early")
    assert 0 < len(events(done)) < 2000


@pytest.mark.parametrize(
    ("chain", "file", "words"),
    [
        ("jsno", "a", "did you mean 'json'"),
        ("json,s3-lines", "a", "expected it first"),
        ("", "a", "not known"),
        ("{csv: {delimeter: tab}}, jsno", "a", "did you mean 'delimiter'?"),
        ("{csv: {delimeter: tab}}, jsno", "a", "did you mean 'json'"),
        ("[csv", "a", "not valid YAML: a bracket is opened"),
        ("json", "missing", "No such file"),
        ("json", ".", "Is a directory"),
        ("none.py:x", "a", "no file"),
    ],
)
def test_wrong_input_is_told_with_status_2(project: Project, chain: str, file: str, words: str) -> None:
    (project.root / "a").write_text("{}")
    done = project.slips("parse", chain, file)
    assert (done.status, done.out) == (2, "")
    assert words in done.err


@pytest.mark.slow
def test_parse_needs_no_project_and_its_output_is_whole_in_a_pipe(tmp_path: Path) -> None:
    log = tmp_path / "a"
    log.write_text("".join(f'{{"n": {number}, "text": "{"x" * 300}"}}\n' for number in range(500)))
    done = subprocess.run(
        [sys.executable, "-m", "slips", "parse", "json", str(log)], cwd=tmp_path, capture_output=True, text=True
    )
    assert [json.loads(line)["event"]["n"] for line in done.stdout.splitlines()] == list(range(500))


def test_parse_names_the_type_of_an_exception_of_a_users_parser(project: Project) -> None:
    (project.root / "own.py").write_text("def doors(meta, event):\n    return event['door']\n")
    done = project.slips("parse", "own.py:doors", "-", stdin=b'{"a": 1}\n')
    assert (done.status, done.err) == (1, "-: record 1: KeyError: 'door'\n")


def test_parse_names_the_file_of_a_broken_member_once_and_no_bucket(project: Project) -> None:
    with zipfile.ZipFile(project.root / "a.zip", "w") as archive:
        archive.writestr("door.log", b"opened")
    content = (project.root / "a.zip").read_bytes()
    (project.root / "a.zip").write_bytes(content.replace(b"opened", b"closed"))
    with tarfile.open(project.root / "a.tar", "w") as tar:
        member = tarfile.TarInfo("door.gz")
        member.size = 12
        tar.addfile(member, BytesIO(gzip.compress(b"opened")[:12]))
    for archive_file, member_name, reason in (("a.zip", "door.log", "zip: "), ("a.tar", "door.gz", "gzip data ends")):
        done = project.slips("parse", f"{archive_file[2:]},s3-lines", str(project.root / archive_file))
        assert done.status != 0
        assert f"slips: {project.root / archive_file}: member '{member_name}': {reason}" in done.err


def test_parse_names_a_format_with_a_mistake_once(project: Project) -> None:
    done = project.slips("parse", "own.py:doors", "-")
    missing = f"no file {str(project.root / 'own.py')!r}; expected a path relative to the config file"
    told = f"slips: format 'own.py:doors': {missing}\n"
    assert (done.status, done.out, done.err) == (2, "", told)
