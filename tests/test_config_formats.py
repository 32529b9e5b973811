"""Options of formats in a config: read, checked and told like keys, and part of what travels to the functions."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from configs import errors, mapping, right
from projects import Project
from slips.config.check import check as check_config
from slips.config.check import read_steps
from slips.parsing.chain import check_chain

OWN = """\
from typing import Annotated

from slips.format import FormatOptions, a_key, parser


class Door(FormatOptions, frozen=True):
    field: Annotated[str, a_key("Name of the field.")] = "door"


@parser("door-log", summary="s", reference="https://example.com", takes="text", options=Door)
def door(options):
    return lambda meta, text: {options.field: text}
"""


def test_a_step_is_a_name_or_a_mapping_of_one_name_to_its_options() -> None:
    config = right(mapping("- {prefix: a, format: [{csv: {delimiter: tab, columns: [a, b]}}]}"))
    assert config.bucket_mapping["b"][0].format == [{"csv": {"delimiter": "tab", "columns": ["a", "b"]}}]


@pytest.mark.parametrize("format_", ["[{csv: {columns: [a]}}]", "{csv: {columns: [a]}}", "{csv: {columns: a}}"])
def test_one_step_with_options_may_stand_alone_as_one_name_may(format_: str) -> None:
    text = mapping(f"- {{prefix: a, format: {format_}}}")
    if "[a]" in format_:
        assert right(text).bucket_mapping["b"][0].format == [{"csv": {"columns": ["a"]}}]
    else:
        assert errors(text) == [
            "6: bucket_mapping.b[0].format[0].csv.columns: 'a' is text; expected a list of texts; write [a]"
        ]


@pytest.mark.parametrize("none", ["", "~", "{}"])
def test_a_name_with_nothing_below_it_is_the_name_alone(none: str) -> None:
    assert right(mapping(f"- prefix: a\n  format:\n    - csv: {none}")).bucket_mapping["b"][0].format == ["csv"]


def test_chains_of_one_format_with_other_options_are_other_chains() -> None:
    texts = ("[csv]", "[{csv: {delimiter: tab}}]", "[{csv: {delimiter: '|'}}]", "['csv:tab']")
    found = [right(mapping(f"- {{prefix: a, format: {text}}}")).bucket_mapping["b"][0].chain_key for text in texts]
    assert len({*found}) == len(texts)


def test_a_format_of_ones_own_takes_options_checked_with_their_lines(project: Project) -> None:
    (project.root / "door.py").write_text(OWN)
    config = (project.root / "slips.yml").read_text()
    own = config.replace(
        "format: [s3-lines, json]", "format:\n        - s3-lines\n        - door.py:door:\n            {}"
    )
    (project.root / "slips.yml").write_text(own.replace("{}", "feild: gate"))
    done = project.slips("check")
    assert (done.status, done.err.splitlines()) == (
        2,
        [
            "slips: slips.yml:19: bucket_mapping.my-logs[0].format[1].door.py:door: key 'feild' is not known; "
            "did you mean 'field'?"
        ],
    )
    (project.root / "slips.yml").write_text(own.replace("{}", "field: gate"))
    assert '[s3-lines, {door.py:door: {field: "gate"}}]' in project.slips("check").out
    project.put("json/a", b"x\n")
    (project.root / "handler.py").write_text(
        "import slips.interface\nclass H(slips.interface.Handler):\n"
        "    def recv(self, meta, event):\n        open('seen', 'a').write(repr(event))\n"
    )
    assert project.slips("run").status == 0
    assert (project.root / "seen").read_text() == "{'gate': 'x'}"


def test_objects_of_two_mappings_are_parsed_with_the_options_of_each(project: Project) -> None:
    config = (project.root / "slips.yml").read_text()
    (project.root / "slips.yml").write_text(
        config.replace("format: [s3-lines, json]", "format: {csv: {delimiter: tab}}").replace(
            "format: json", "format: {csv: {delimiter: ';'}}", 1
        )
    )
    (project.root / "handler.py").write_text(
        "import slips.interface\nclass H(slips.interface.Handler):\n"
        "    def recv(self, meta, event):\n        open('seen', 'a').write(f'{event}\\n')\n"
    )
    project.put("json/a", b"a\tb\n1\t2\n")
    project.put("slow/a", b"a;b\n3;4\n")
    assert project.slips("run").status == 0
    assert sorted((project.root / "seen").read_text().splitlines()) == [
        "{'a': '1', 'b': '2'}",
        "{'a': '3', 'b': '4'}",
    ]


def test_records_quarantined_under_other_options_of_the_reader_are_replayed_with_their_object(project: Project) -> None:
    config = (project.root / "slips.yml").read_text()
    (project.root / "slips.yml").write_text(config.replace("format: [s3-lines, json]", "format: {csv: {columns: [a]}}"))
    project.put("json/a", b'1\n"2\n')
    assert "1 quarantined" in project.slips("run").out
    (project.root / "slips.yml").write_text(config.replace("format: [s3-lines, json]", "format: csv"))
    drained = project.slips("drain")
    told = r"was cut by 'csv(/\d+)?:, {\"columns\":\[\"a\"\]}', now by 'csv(/\d+)?:,': replayed whole"
    assert re.search(told, drained.err + drained.out)


def test_steps_of_the_command_line_are_read_like_those_of_a_config() -> None:
    assert read_steps("s3-lines,json", Path()) == (["s3-lines", "json"], [])
    assert read_steps("[s3-lines, json]", Path()) == (["s3-lines", "json"], [])
    assert read_steps('{csv: {delimiter: "\\t"}}', Path()) == ([{"csv": {"delimiter": "\t"}}], [])
    _, mistakes = read_steps("{csv: {delimeter: tab}}, sylog", Path())
    assert [mistake.partition(";")[0] for mistake in mistakes] == [
        "format[0].csv: key 'delimeter' is not known",
        "format 'sylog' is not known",
    ]
    assert read_steps("[csv", Path())[1][0].startswith("not valid YAML")


def test_check_chain_says_what_check_says_of_options() -> None:
    assert check_chain([{"csv": {"delimiter": "ab"}}], Path())[0].startswith("format 'csv': delimiter: 'ab' cannot be")


@pytest.mark.parametrize(
    ("format_", "told"),
    [
        (
            "'[s3-lines, json]'",
            "format '[s3-lines, json]' is one text; expected a list of names, without quotes; write [s3-lines, json]",
        ),
        (
            "'s3-lines, json'",
            "format 's3-lines, json' is not known; expected a list of names; write [s3-lines, json]",
        ),
        (
            "nginx",
            "format 'nginx' is not known; did you mean 'nginx-access', 'nginx-error', 'nginx-ingress' or "
            "'nginx-proxy-manager'?",
        ),
    ],
)
def test_a_name_that_is_nearly_right_is_told_with_what_to_write(format_: str, told: str) -> None:
    _, problems = check_config(mapping(f"- {{prefix: a, format: {format_}}}"), files=False)
    assert [problem.message for problem in problems if problem.level == "error"] == [told]


def test_of_a_product_with_many_formats_the_first_are_named() -> None:
    (told,) = check_chain(["azure"], Path())
    assert re.fullmatch(
        r"format 'azure' is not known; expected one of its product: 'azure-\S+', 'azure-\S+', 'azure-\S+' or "
        r"[0-9]+ others \('slips formats azure' lists them\)",
        told,
    )


def test_check_shows_one_text_where_that_stands_for_a_list(project: Project) -> None:
    config = (project.root / "slips.yml").read_text()
    project.config(config.replace("[s3-lines, json]", "[s3-lines, {json: {time: ts, integers: [a, b]}}]"))
    done = project.slips("check")
    assert ('[s3-lines, {json: {time: "ts", integers: ["a", "b"]}}]' in done.out, done.status) == (True, 0), done.out
