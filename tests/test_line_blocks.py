"""Lines that are decoded block by block: a chain makes of them what it makes of each line alone."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

import chains
from chains import Pieces
from slips.errors import DecompressionError, SlipsError
from slips.format import Bad, RecordLimits
from slips.model import Outcome
from slips.parsing.chain import compile_chain
from slips.parsing.readers.lines import TEXTS
from slips.parsing.run import Chain, Ticker

SYSLOG = compile_chain(["syslog"], Path())
FLOWS = compile_chain(["vpc-flow"], Path())
ALONE = replace(chains.OBJECT, records=[(1, None)])
"""With ranges, each line is decoded alone."""

LINES = st.sampled_from(
    [
        *(
            b"",
            b" ",
            b"!",
            b"\0",
            b"\0\0x",
            b"\r",
            b"a\r",
            b"a\rb",
            b"\xff",
            b"\xc3",
            b"\xa9",
            b"\xe2\x80\xa8",
            b"\x85",
        ),
        *(b"\x0b", b"\x1c", "é".encode(), b"Nov 21 06:00:24 host sshd[1]: a", b"Nov 21 06:00:24 h p: \xff"),
        *(b"srcaddr start", b"10.0.0.1 1528718400", b"- -", b"10.0.0.2 late", b"10.0.0.3 1528718401 more"),
    ]
)
CONTENTS = st.lists(st.tuples(LINES, st.sampled_from([b"\n"] * 4 + [b"\r\n", b""])).map(b"".join), max_size=12).map(
    b"".join
)


def outcome_of(chain: Chain, stream: io.RawIOBase, source: Any) -> tuple[list[Any], dict[str, Any], str]:
    """Events and bad records with all that is known of them, the counts, and the error that ended the object."""
    seen: list[Any] = []
    outcome, error = Outcome(), ""

    def reject(seq: int, original: Any, reason: Exception) -> None:
        record = original()
        assert isinstance(record, Bad)
        seen.append((seq, record.head, record.size, type(reason), str(reason)))

    try:
        chain.run(
            io.BufferedReader(stream),
            outcome,
            source=source,
            recv=lambda meta, event: seen.append((meta.seq, meta.tag, meta.timestamp, meta.message, repr(event))),
            reject=reject,
            ticker=Ticker(),
        )
    except SlipsError as raised:
        error = f"{type(raised).__name__} {raised} {getattr(raised, 'seq', None)}"
    counts = {name: getattr(outcome, name) for name in outcome.__struct_fields__}
    return seen, counts, error


@pytest.mark.slow
@pytest.mark.parametrize("chain", [SYSLOG, FLOWS], ids=["syslog", "vpc-flow"])
@given(content=CONTENTS, size=st.integers(1, 60), breaks=st.booleans())
@example(content=b"a\n" * TEXTS, size=TEXTS, breaks=False)
@example(content=b"a\n" * TEXTS + b"\xff\n\n" + b"b\n" * TEXTS, size=3 * TEXTS, breaks=True)
def test_lines_of_a_block_are_read_as_if_each_stood_alone(
    chain: Chain, content: bytes, size: int, breaks: bool
) -> None:
    def stream() -> Pieces:
        pieces = [content[at : at + size] for at in range(0, len(content), size)]
        return Pieces(pieces, DecompressionError("the object is cut off") if breaks else None)

    assert outcome_of(chain, stream(), chains.OBJECT) == outcome_of(chain, stream(), ALONE)


def test_lines_before_the_place_where_an_object_breaks_are_delivered() -> None:
    content = b"Nov 21 06:00:24 host sshd[1]: first\nNov 21 06:00:25 host sshd[1]: second\nNov 21 06:0"
    seen, counts, error = outcome_of(SYSLOG, Pieces([content], DecompressionError("cut off")), chains.OBJECT)
    assert [message for *_, message, _ in seen] == ["first", "second"]
    assert counts["records"] == 2
    assert error.startswith("DecompressionError")


@pytest.mark.parametrize("limit", [TEXTS + 10, 2 * TEXTS - 1, 2 * TEXTS])
def test_a_line_that_is_too_wide_in_memory_is_refused_in_a_block_as_well(limit: int) -> None:
    chain = compile_chain(["syslog"], Path(), RecordLimits(bytes=limit))
    content = b"Nov 21 06:00:24 host p: a\n" + f"{'Nov 21 06:00:24 host p: 😀':a<{TEXTS - 100}}\n".encode()
    whole, alone = (outcome_of(chain, Pieces([content]), source) for source in (chains.OBJECT, ALONE))
    assert whole == alone


@pytest.mark.parametrize("extra", [-1, 0, 1])
@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n", b"\nshort\n"])
def test_a_line_over_the_limit_among_short_ones_is_too_long(extra: int, end: bytes) -> None:
    chain = compile_chain(["syslog"], Path(), RecordLimits(bytes=2 * TEXTS))
    content = b"short\n" * 10 + b"x" * (2 * TEXTS + extra) + end
    whole, alone = (outcome_of(chain, Pieces([content]), source) for source in (chains.OBJECT, ALONE))
    assert whole == alone
    assert ["RecordTooLong" in str(each) for each in whole[0]].count(True) == (extra > 0)
