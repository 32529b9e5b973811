"""Lines of containers, whose runtimes keep a long line in parts: the parts of a line are one record."""

from __future__ import annotations

import json
from io import BufferedReader, BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import chains
from slips.format import RecordLimits
from slips.model import ObjectEvent
from slips.parsing.chain import compile_chain

TIME = "2026-11-28T08:00:02.000000000Z"
FORMATS = ["docker-json", "k8s-cri"]


def part(name: str, log: str, stream: str = "stdout", *, last: bool = True) -> bytes:
    """A line of a runtime: a part of a line of a program, by default its last."""
    if name == "k8s-cri":
        return f"{TIME} {stream} {'F' if last else 'P'} {log}\n".encode()
    return (
        json.dumps({"log": log + "\n" * last, "stream": stream, "time": TIME}, separators=(",", ":")).encode() + b"\n"
    )


def logs(name: str, content: bytes, limits: RecordLimits | None = None) -> list[tuple[str, str]]:
    """The stream and the text of each line of a program."""
    seen = chains.run([name], content, limits=limits)
    assert not seen.quarantined
    return [(event["stream"], event["log"]) for _, event in seen.events]


@pytest.mark.parametrize("name", FORMATS)
@given(
    lines=st.lists(
        st.tuples(
            st.sampled_from(["stdout", "stderr"]),
            st.lists(
                st.text(st.characters(exclude_characters="\r\n", codec="utf-8"), max_size=6), min_size=1, max_size=4
            ),
        ),
        max_size=5,
    ),
    data=st.data(),
)
def test_the_parts_of_a_line_are_joined_whatever_stands_between_them(
    name: str, lines: list[tuple[str, list[str]]], data: st.DataObject
) -> None:
    """Each stream has its lines in order; the runtime writes the parts of both in any order."""
    waiting: dict[str, list[bytes]] = {"stdout": [], "stderr": []}
    for stream, parts in lines:
        for number, text in enumerate(parts, 1):
            waiting[stream].append(part(name, text, stream, last=number == len(parts)))
    content = b""
    while left := [stream for stream, queue in waiting.items() if queue]:
        content += waiting[data.draw(st.sampled_from(left))].pop(0)
    found = logs(name, content)
    for stream in waiting:
        expected = ["".join(parts) for own, parts in lines if own == stream]
        assert [text for own, text in found if own == stream] == expected


@pytest.mark.parametrize("name", FORMATS)
def test_a_line_without_its_last_part_ends_with_the_object(name: str) -> None:
    content = part(name, "never ", last=False) + part(name, "other", "stderr") + part(name, "ends", last=False)
    assert logs(name, content) == [("stderr", "other"), ("stdout", "never ends")]


@pytest.mark.parametrize("name", FORMATS)
def test_a_line_whose_parts_are_over_the_limit_is_one_bad_record(name: str) -> None:
    content = part(name, "x" * 300, last=False) * 9 + part(name, "") + part(name, "next")
    seen = chains.run([name], content, limits=RecordLimits(bytes=1_000))
    ((seq, reason),) = seen.quarantined
    assert (seq, reason.partition(",")[0]) == (1, f"record has {(len(content) - len(part(name, 'next'))) // 1000}")
    assert [(meta.seq, event["log"]) for meta, event in seen.events] == [(2, "next")]


@pytest.mark.parametrize("name", FORMATS)
def test_a_record_alone_is_the_one_that_it_is_among_all(name: str) -> None:
    content = part(name, "a", last=False) + part(name, "b", "stderr") + part(name, "c") + part(name, "d")
    source = ObjectEvent(bucket_name="logs", object_key="a", records=[(2, 2)])
    assert [event["log"] for _, event in chains.run([name], content, source).events] == ["ac"]


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_the_raw_of_a_joined_record_is_the_lines_of_all_its_parts(name: str, encoding: str) -> None:
    bad = part(name, "bad, ", last=False) + part(name, "too")
    content = (part(name, "good") + bad + part(name, "good")).decode().encode(encoding)
    chain = compile_chain([name, "cef"], Path())
    cut = chain._cut(BufferedReader(BytesIO(content)))
    raws = [cut.original(record).head for record in cut]  # type: ignore[attr-defined]
    assert [raw.decode(encoding.replace("16", "16-le")) for raw in raws][1] == bad.decode().removesuffix("\n")


@pytest.mark.parametrize("name", FORMATS)
def test_lines_of_other_kinds_are_records_of_their_own(name: str) -> None:
    content = part(name, "a", last=False) + b"no line of a container\n" + part(name, "b", "stdin", last=False)
    content += part(name, "c")
    seen = chains.run([name], content)
    assert [event["log"] for _, event in seen.events][-1] == "ac"
    assert seen.quarantined[0][0] == 1


def test_an_escaped_backslash_before_an_n_is_no_line_end() -> None:
    content = part("docker-json", "C:\\n", last=False) + part("docker-json", "ew")
    assert logs("docker-json", content) == [("stdout", "C:\\new")]


@pytest.mark.parametrize("name", FORMATS)
def test_a_product_behind_it_reads_the_joined_line(name: str) -> None:
    content = part(name, "Nov 28 08:00:04 web1 ", last=False) + part(name, "app[7]: joined")
    ((meta, event),) = chains.run([name, "syslog"], content).events
    assert (event["proc_name"], event["message"]) == ("app", "joined")
    assert meta.header["stream"] == "stdout"
