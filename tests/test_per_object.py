"""A parser that remembers something of its object, as the header is, begins anew with each object, and sees the records
before those that a run wants.
"""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest
from msgspec.structs import replace

import chains
from chains import OBJECT
from slips.parsing.chain import compile_chain

FORMATS = """
from slips.format import PerObject, Rule, parser

HEADER = Rule("header", "lines that name the columns")


@parser("named", summary="s", reference="r", takes="text", rules=(HEADER,))
@PerObject
def named():
    names = []

    def parse(meta, text):
        if text.startswith("#"):
            names[:] = text[1:].split()
            return HEADER
        if text == "exit":
            raise SystemExit
        return dict(zip(names, text.split(), strict=True))

    return parse
"""
CHAIN = ["s3-lines", "formats.py:named"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "formats.py").write_text(dedent(FORMATS))
    return tmp_path


def test_a_parser_that_remembers_knows_nothing_of_the_object_before(root: Path) -> None:
    chain = compile_chain(CHAIN, root)
    for content, events in ((b"#a b\n1 2\n", [{"a": "1", "b": "2"}]), (b"3 4\n", []), (b"#c\n5\n", [{"c": "5"}])):
        seen = chains.run_chain(chain, content)
        assert [event for _, event in seen.events] == events
        assert seen.outcome.rules == ({"header": 1} if b"#" in content else {})


def test_records_before_a_wanted_one_are_shown_to_a_parser_that_remembers(root: Path) -> None:
    content = b"#a\n1\nexit\n1 2 3\n#b\n2\n#c\n3\n"
    source = replace(OBJECT, records=[(6, 6), (8, None)])
    seen = chains.run(CHAIN, content, source, root=root)
    assert [(meta.seq, event) for meta, event in seen.events] == [(6, {"b": "2"}), (8, {"c": "3"})]
    assert (seen.outcome.records, seen.outcome.delivered, seen.quarantined) == (2, 2, [])
