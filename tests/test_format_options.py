"""Options of formats: typed, given by a step of a chain, part of what a chain is and of how its reader numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pytest

import chains
from slips.errors import FormatError
from slips.format import Event, FormatOptions, Parse, a_key, parser
from slips.model import MetaData
from slips.parsing.chain import check_chain, compile_chain
from slips.step import Step, written

pytestmark = pytest.mark.smoke


def events(*steps: Step, content: bytes) -> list[Event]:
    return [event for _, event in chains.run(steps, content).events]


def test_a_delimiter_given_as_an_option_means_the_same_as_the_parameter() -> None:
    content = b"a\tb\n1\t2\n"
    assert events({"csv": {"delimiter": "\t"}}, content=content) == events("csv:tab", content=content)
    assert events({"csv": {"delimiter": "tab"}}, content=content) == [{"a": "1", "b": "2"}]


def test_columns_name_the_fields_of_a_table_whose_first_row_is_a_record() -> None:
    assert events({"csv": {"columns": ["a", "b"]}}, content=b"1,2\n3,4,5\n") == [
        {"a": "1", "b": "2"},
        {"a": "3", "b": "4", "column_3": "5"},
    ]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"delimeter": "|"}, "format 'csv': Object contains unknown field `delimeter`"),
        ({"columns": "a"}, "format 'csv': Expected `array`, got `str`"),
        ({"delimiter": "ab"}, "format 'csv': delimiter: 'ab' cannot be between fields; expected one character"),
        ({"columns": ["a", "a"]}, "format 'csv': columns: 'a' is there twice; expected each name once; rename one"),
    ],
)
def test_options_that_do_not_fit_are_told(options: dict[str, object], words: str) -> None:
    (problem,) = check_chain([{"csv": options}], Path())
    assert problem.startswith(words)


def test_options_of_a_format_that_takes_none_are_told() -> None:
    with pytest.raises(FormatError, match=r"format 's3-lines' takes no options; expected its name alone; write s3-li"):
        compile_chain([{"s3-lines": {"a": 1}}, "json"], Path())


def test_day_first_reads_the_dates_of_netscaler_whose_date_format_is_ddmmyyyy() -> None:
    line = b"<134> %s:08:00:00 GMT ns1 0-PPE-0 : default TCP CONN_DELINK 1 0 : Source 192.0.2.7:443\n"
    chain: list[Step] = ["s3-lines", "syslog-any", {"netscaler": {"day_first": True}}]
    seen = chains.run(chain, line % b"02/03/2026" + line % b"2026/03/02" + line % b"03/29/2026")
    assert [meta.timestamp for meta, _ in seen.events] == [1772438400.0, 1772438400.0]
    assert seen.quarantined == [(3, "'time' is '03/29/2026:08:00:00'; expected the day first")]


@pytest.mark.parametrize("option", ["time", "require", "integers", "floats", "booleans"])
def test_an_option_names_columns_that_the_table_has(option: str) -> None:
    given: dict[str, object] = {"columns": ["time", "bytes"], option: "size"}
    assert check_chain([{"csv": given}], Path()) == [
        f"format 'csv': {option}: no field 'size'; expected one of time, bytes"
    ]
    assert check_chain([{"csv": given | {option: "column_3"}}], Path()) == []


def test_texts_of_tables_and_of_json_become_numbers_and_booleans() -> None:
    types = {"integers": ["n", "in.n"], "floats": "f", "booleans": "b", "boolean_words": "Y/N"}
    (event,) = events({"csv": types}, content=b"n,f,b,t\n17,0.5,Y,8\n")
    assert event == {"n": 17, "f": 0.5, "b": True, "t": "8"}
    (event,) = events("s3-lines", {"json": types}, content=b'{"in": {"n": "17"}, "f": "-", "b": "False"}\n')
    assert event == {"in": {"n": 17}, "f": "-", "b": False}
    (event,) = events({"xml-events": types}, content=b"<Event><n>x1</n><b>n</b></Event>")
    assert event == {"n": "x1", "b": False}


def test_a_name_with_blanks_stands_in_quotes_among_those_of_entities() -> None:
    step: Step = {"csv": {"entities": {"addresses": 'src "Source IP" dst'}}}
    ((meta, _),) = chains.run([step], b"Source IP,src,dst\n192.0.2.1,192.0.2.2,192.0.2.3\n").events
    assert meta.entities.addresses == ("192.0.2.2", "192.0.2.1", "192.0.2.3")


@pytest.mark.parametrize("none", [{}, None])
def test_no_options_are_the_name_alone(none: dict[str, object]) -> None:
    assert compile_chain([{"csv": none}], Path()).reader == compile_chain(["csv"], Path()).reader == "csv/2:,"


def test_the_identity_of_a_reader_tells_its_options() -> None:
    readers = [
        compile_chain([step], Path()).reader
        for step in ("csv", {"csv": {"columns": ["a"]}}, {"csv": {"columns": ["b"]}}, {"csv": {"delimiter": "|"}})
    ]
    assert len({*readers}) == 4
    assert readers[1] == 'csv/2:, {"columns":["a"]}'
    reordered = [{"csv": {"columns": ["a"], "delimiter": "|"}}, {"csv": {"delimiter": "|", "columns": ["a"]}}]
    assert len({compile_chain([step], Path()).reader for step in reordered}) == 1


def test_the_names_of_a_chain_show_the_options() -> None:
    chain = compile_chain([{"csv": {"delimiter": "\t", "columns": ["a: b", "c"]}}], Path())
    assert chain.names == ('{csv: {delimiter: "\\t", columns: ["a: b", "c"]}}',)


def test_an_option_with_odd_keys_is_written_as_yaml_reads_it() -> None:
    import yaml

    step: Step = {"json": {"rename": {"a: b": "c", "yes": 1, "": None, "é\n": [True, {"x": 1.5}]}}}
    assert yaml.safe_load(written(step)) == step


class Rename(FormatOptions, frozen=True):
    to: Annotated[str, a_key("Name of the field.", "user")] = "name"


def test_a_parser_of_a_user_takes_options_as_a_reader_does() -> None:
    @parser("own", summary="s", reference="r", takes="text", options=Rename)
    def own(options: Rename) -> Parse:
        def parse(_meta: MetaData, text: str) -> Event:
            return {options.to: text}

        return parse

    assert chains.parse_by(own, "x")[1] == {"name": "x"}
    assert chains.parse_by(own.with_options(Rename(to="user")), "x")[1] == {"user": "x"}


@pytest.mark.parametrize("time", ["date+time", ["nothing", "date+time"], ["date+time", "date"]])
def test_the_time_may_be_in_two_fields(time: object) -> None:
    w3c = b"#Fields: date time status\n2026-11-29 08:00:01 200\n"
    ((meta, _),) = chains.run([{"csv": {"delimiter": "space", "time": time}}], w3c).events
    pairs = b"date=2026-11-29 time=08:00:01 action=deny\n"
    ((behind, _),) = chains.run(["s3-lines", {"key-value": {"time": time}}], pairs).events
    assert (meta.timestamp, behind.timestamp) == (1795939201.0, 1795939201.0)


def test_a_time_in_two_fields_of_which_one_has_no_name_is_told() -> None:
    (problem,) = check_chain([{"csv": {"time": "date+"}}], Path())
    assert problem.startswith("format 'csv': time: path is ''; expected a field")


def test_one_text_stands_for_a_list_where_it_does_in_a_config() -> None:
    log = b"2026-11-29T08:00:01Z,ann\n2026-11-29T08:00:02Z\n2026-11-29T08:00:03Z,-\n"
    texts = {"csv": {"columns": ["time", "user"], "time": "time", "require": "user", "absent": "-"}}
    lists = {"csv": {"columns": ["time", "user"], "time": ["time"], "require": ["user"], "absent": ["-"]}}
    seen = chains.run([texts], log)
    assert (seen.events[0][0].timestamp, [seq for seq, _ in seen.quarantined]) == (1795939201.0, [2, 3])
    assert compile_chain([texts], Path()).reader == compile_chain([lists], Path()).reader
