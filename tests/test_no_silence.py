"""No chain makes a success of bytes that it passes over: what is not blank is a record or an error."""

from __future__ import annotations

import io
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chains
from for_each import for_each
from slips.errors import SlipsError
from slips.formats import catalogue
from slips.parsing.readers.text import Text
from slips.step import Step, written

pytestmark = pytest.mark.xdist_group("chains")  # of all formats, each made once

FORMATS = {name: format_ for name, format_ in catalogue().items() if name != "ignore"}
# Of formats that take the objects of one reader, one stands for all: which bytes are records, the reader alone decides.
ONE_A_READER = {tuple(map(written, each.chain[:-1])): name for name, each in FORMATS.items() if each.takes == "event"}
USUAL: list[list[Step]] = [
    [name] for name, each in FORMATS.items() if each.takes != "event" or name in ONE_A_READER.values()
]
CHAINS: list[list[Step]] = [
    *USUAL,
    ["s3-text", "json"],
    ["s3-text", "cloudtrail"],
    ["csv:tab"],
    ["csv:space"],
    ["json-records:."],
    [{"csv": {"columns": ["a", "b"]}}],
    [{"multiline": {"start": "x"}}],
]

ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-16-be"]
SIGNS = [
    "\0",
    "\r",
    "\n",
    "\r\n",
    " ",
    "\t",
    ",",
    '"',
    "{",
    "}",
    "[",
    "]",
    '{"a":1}',
    '{"Records":[',
    "#Fields: a",
    "#",
]
texts = st.lists(st.sampled_from(SIGNS) | st.text(max_size=4), max_size=12).map("".join)
encoded = st.builds(lambda text, name: text.encode(name, "surrogatepass"), texts, st.sampled_from(ENCODINGS))


def is_blank(content: bytes) -> bool:
    """Whether an object has nothing but white space, in the encoding that its byte order mark names."""

    stream: io.BufferedReader = io.BufferedReader(io.BytesIO(content))
    try:
        text = Text(stream).stream.read()
    except SlipsError:
        return False
    return not text.strip()


ODD = [
    b"a,b\r1,2\r3,4\r",
    b"a,b\n",
    b'{"Records":[]}',
    b"[]",
    b"{}",
    b"\0\0\0",
    b"#Version: 1.0\n",
    b"\xff\xfe\n\0",
    b"\xff\xfe\0\0\n\0\0\0",
]


@cache
def contents() -> list[bytes]:
    """Objects of any bytes and texts, made once: to make one takes far longer than to read it."""
    found: list[bytes] = []

    @settings(deadline=None, max_examples=100)
    @given(st.binary(max_size=60) | encoded)
    def keep(content: bytes) -> None:
        found.append(content)

    keep()
    return found


@for_each("steps", CHAINS)
def test_an_object_that_is_not_blank_has_a_record_or_an_error(steps: list[Step]) -> None:
    for content in contents():
        is_accounted_for(steps, content)


@for_each("name", FORMATS)
def test_an_odd_object_has_a_record_or_an_error_in_every_format(name: str) -> None:
    for content in ODD:
        is_accounted_for([name], content)


def is_accounted_for(steps: list[Step], content: bytes) -> None:
    try:
        outcome = chains.run(steps, content).outcome
    except SlipsError:
        return
    assert outcome.balanced, content
    assert outcome.records or is_blank(content), content
    assert outcome.filtered == sum(outcome.rules.values()), content


@pytest.mark.parametrize(
    ("chain", "content"),
    [
        (["s3-lines"], b"a\nb\nc\n"),
        (["syslog"], b"Nov 21 06:00:24 h p: m\n" * 3),
        (["s3-lines", "json"], b'{"a":1}\n[{"a":2}]\n{"a":3}\n'),
        (["s3-text", "json"], b'{"a":1}\n[{"a":2}]\n{"a":3}\n'),
        (["csv"], b'k,v\na,1\n"b",2\nc,3\n'),
        ([{"multiline": {"start": "[ab]"}}], b"a\nx\nb\nb\n"),
        (["json-records:r"], b'{"r":[{"a":1}]}\n{"r":[{"a":2}]}\n'),
    ],
)
@pytest.mark.parametrize("marks", [1, 3])
def test_a_byte_order_mark_before_a_line_or_document_is_no_content_in_any_reader(
    chain: list[Step], content: bytes, marks: int
) -> None:
    marked = b"".join(b"\xef\xbb\xbf" * marks + line for line in content.splitlines(keepends=True))
    expected, seen = chains.run(chain, content), chains.run(chain, marked)
    assert [event for _, event in seen.events] == [event for _, event in expected.events]
    assert [meta.seq for meta, _ in seen.events] == [meta.seq for meta, _ in expected.events]
    assert seen.quarantined == []
