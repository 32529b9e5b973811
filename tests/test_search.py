"""Blocks of bytes are searched to the same result, whichever way this machine searches."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from slips.parsing import search

PIECES = st.sampled_from(
    [
        *(bytes([each]) for each in b'{}[] \t\r\n\0"a:,'),
        b"}{",
        b"} {",
        b"}\t[",
        b'{"e":1}',
        b"yes",
        b"ye",
        b"}\0{",
        b"\xff",
    ]
)
BLOCKS = st.lists(PIECES, max_size=40).map(b"".join)
SEVERAL = re.compile(rb"\}[ \t\r]*[{\[]")


@pytest.fixture(params=["this machine", "another machine", "another C library", "no such call", "no libffi"])
def blocks(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[bytes], search.Block]]:
    error = {"another C library": ValueError, "no such call": OSError}.get(request.param)

    def refuse(_name: str) -> NoReturn:
        raise error or AssertionError

    if error:
        monkeypatch.setattr(os, "confstr", refuse)
    elif request.param == "no libffi":
        monkeypatch.setitem(sys.modules, "ctypes", None)
    elif request.param == "another machine":
        monkeypatch.setattr(os, "uname", lambda: os.uname_result(("", "", "", "", "arm64")))
    search._strings.cache_clear()
    made = search.blocks()
    assert request.param == "this machine" or made is search.Block
    yield made
    search._strings.cache_clear()


@given(BLOCKS, st.sampled_from([b"yes", b"a", b"}{", b"\0", b"}\0{", b"yesyes", b'{"e":1}']), st.data())
@example(b"\0yes", b"yes", None)
@example(b"yes\0\0yes", b"yes", None)
def test_a_text_is_found_where_cpython_finds_it(block: bytes, text: bytes, data: Any) -> None:
    for make in (search.Block, search.blocks()):
        at = 0 if data is None else data.draw(st.integers(0, len(block)))
        assert make(block).find(text, at) == block.find(text, at)


@given(BLOCKS, st.data())
def test_lines_of_several_documents_are_found(block: bytes, data: Any) -> None:
    for make in (search.Block, search.blocks()):
        at = data.draw(st.integers(0, len(block)))
        found = SEVERAL.search(block, at)
        assert make(block).several()(at) == (found.start() if found else -1)


@pytest.mark.parametrize("blank", [b"", b" ", b"\t", b"\r", b" \t\r "])
@pytest.mark.parametrize("begin", [b"{", b"["])
def test_whatever_is_between_two_documents(blocks: Callable[[bytes], search.Block], blank: bytes, begin: bytes) -> None:
    text = b'{"e": {}}' + blank + begin
    assert blocks(text).several()(0) == 8
    assert search.holds_several(text)


def test_a_block_of_one_document_a_line_holds_no_several(blocks: Callable[[bytes], search.Block]) -> None:
    assert blocks(b'{"e": {"f": 1}, "g": [{}, {}]}\n' * 9).several()(0) == -1


def test_x86_64_with_glibc_searches_by_its_vector_instructions() -> None:
    if os.uname().machine != "x86_64" or not _glibc():
        pytest.skip("needs glibc on x86-64")
    assert type(search.blocks()(b"")) is not search.Block


def _glibc() -> str | None:
    try:
        return os.confstr("CS_GNU_LIBC_VERSION")
    except (ValueError, OSError):
        return None
