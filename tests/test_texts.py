"""Bytes of an object as text: byte order marks, line ends, padding, and files that are no text."""

from __future__ import annotations

import codecs
import io
import random
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

import chains
from chains import Pieces, until_error
from slips.errors import DecompressionError, ReaderError, SlipsError
from slips.format import Bad, Event, Record
from slips.parsing.chain import compile_chain
from slips.parsing.readers.binary import binary_kind
from slips.parsing.readers.text import LINE, PADDING, Text, original

ENCODINGS = {
    "utf-8": codecs.BOM_UTF8,
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-le": codecs.BOM_UTF32_LE,
    "utf-32-be": codecs.BOM_UTF32_BE,
}
SYSLOG = "Nov 28 08:00:00 web1 app[1]: one é 😀\nNov 28 08:00:01 web1 app[1]: two\n"
KEA = "2026-11-28 08:00:00.123 INFO  [kea-dhcp4.dhcp4/1.139] DHCP4_STARTED Kea DHCPv4 server version 2.4.1 started\n"
FLUENTD = '2026-11-28T08:00:00Z\tapp.web\t{"é":"😀"}\n2026-11-28T08:00:01Z\tapp.web\t{"a":2}\n'
TEXTS = {
    "s3-lines": "first é 😀\nsecond\n",
    "s3-text": "first é 😀\nsecond\n",
    "csv": 'a,b\n1,é\n"2\n",😀\n',
    "json": '{"a":"é"}\n{"a":"😀"}\n',
    "json-records": '{"Records": [{"a":"é"},\n{"a":"😀"}]}\n',
    "syslog": SYSLOG,
    "kea": KEA,
    "fluentd-json": FLUENTD,
    "paloalto": '1,2026/11/28 09:00:01,1,SYSTEM,auth,2561,2026/11/28 09:00:00,,auth-fail,A,0,0,general,medium,"é"\n',
}


def events(name: str, content: bytes) -> list[Event]:
    seen = chains.run([name], content)
    assert seen.quarantined == []
    return [event for _, event in seen.events]


def records(name: str, content: bytes | Pieces) -> Iterator[Record]:
    raw = Pieces([content]) if isinstance(content, bytes) else content
    return compile_chain([name], Path()).records(io.BufferedReader(raw, 1 << 17))


# ---- byte order marks


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_text_with_a_byte_order_mark_is_read_as_the_same_text_in_utf8(name: str, encoding: str, end: str) -> None:
    text = TEXTS[name].replace("\n", end)
    expected = events(name, text.encode())
    assert expected
    assert events(name, ENCODINGS[encoding] + text.encode(encoding)) == expected


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("step", [1, 2, 3, 5, 1000])
def test_characters_are_the_same_wherever_pieces_end(encoding: str, step: int) -> None:
    content = ENCODINGS[encoding] + "a😀\né\ud800b\n".encode(encoding, "surrogatepass") * 300
    pieces = [content[at : at + step] for at in range(0, len(content), step)]
    assert list(records("s3-lines", Pieces(pieces))) == ["a😀\n".encode(), b"\xc3\xa9\xed\xa0\x80b\n"] * 300


@pytest.mark.parametrize("mark", ENCODINGS.values())
def test_a_byte_order_mark_alone_is_an_empty_object(mark: bytes) -> None:
    for name in TEXTS:
        assert list(records(name, mark)) == []


@pytest.mark.parametrize(
    ("encoding", "end", "problem"),
    [
        ("utf-16-le", b"x", "not UTF-16: truncated data at byte 8 behind the byte order mark"),
        ("utf-16-le", b"\x3d\xd8", ""),
        ("utf-32-be", b"\0\0", "not UTF-32: truncated data at byte 16 behind"),
        ("utf-32-le", b"\xff\xff\xff\xff", "not UTF-32: code point not in range(0x110000) at byte 16 behind"),
    ],
)
@pytest.mark.parametrize("step", [1, 1000])
def test_half_a_character_is_an_error_behind_the_lines_before_it(
    encoding: str, end: bytes, problem: str, step: int
) -> None:
    content = ENCODINGS[encoding] + "ab\nc".encode(encoding) + end
    found, error = until_error(
        records("s3-lines", Pieces([content[at : at + step] for at in range(0, len(content), step)]))
    )
    if problem:
        assert found == [b"ab\n"]
        assert str(error).startswith(problem)
    else:
        assert (found, error) == ([b"ab\n", b"c\xed\xa0\xbd"], None)


# ---- line ends


@pytest.mark.parametrize("name", [name for name in TEXTS if name != "s3-text"])
@pytest.mark.parametrize("encoding", ["", "utf-16-le"])
def test_carriage_returns_end_lines_if_there_are_no_others(name: str, encoding: str) -> None:
    text = TEXTS[name]
    expected = events(name, text.encode())
    content = text.replace("\n", "\r")
    found = events(name, ENCODINGS[encoding] + content.encode(encoding) if encoding else content.encode())
    assert found == expected


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (b"a\rb\nc", [b"a\rb\n", b"c"]),
        (b"a\r\nb\rc", [b"a\r\n", b"b\rc"]),
        (b"a\r", [b"a\r"]),
        (b"a\r\r b\r\r", [b"a\n", b" b\n"]),
        (b"a\rb", [b"a\n", b"b"]),
        (b"x" * (LINE - 3) + b"\ry\nz", [b"x" * (LINE - 3) + b"\ry\n", b"z"]),
        (b"x" * (LINE - 2) + b"\ry\nz", [b"x" * (LINE - 2) + b"\n", b"y\n", b"z"]),
        (b"x" * (LINE - 2) + b"\r\nz\n", [b"x" * (LINE - 2) + b"\r\n", b"z\n"]),
        (b"x" * (LINE - 1) + b"\r\nz\n", [b"x" * (LINE - 1) + b"\r\n", b"z\n"]),
        (b"x" * LINE + b"\ry\rz", [b"x" * LINE + b"\ry\rz"]),
        (b"x\r" * LINE + b"y\nz", [b"x\n"] * LINE + [b"y\n", b"z"]),
    ],
)
@pytest.mark.parametrize("step", [7, 1 << 20])
def test_the_first_line_end_decides_which_bytes_end_lines(content: bytes, lines: list[bytes], step: int) -> None:
    pieces = [content[at : at + step] for at in range(0, len(content), step)]
    assert list(records("s3-lines", Pieces(pieces))) == lines


def test_an_object_of_plain_lines_is_read_from_its_own_stream() -> None:
    stream: io.BufferedReader = io.BufferedReader(io.BytesIO(b"a line\n" * 1_000))
    text = Text(stream)
    assert (text.stream, text.own) == (stream, None)


# ---- padding


@pytest.mark.parametrize("name", [name for name in TEXTS if name not in ("s3-text", "csv")])
def test_nul_bytes_before_a_record_are_filtered_by_a_rule_and_the_record_arrives(name: str) -> None:
    content = TEXTS[name].encode()
    seen = chains.run([name], b"\0" * 100_000 + content)
    assert [event for _, event in seen.events] == events(name, content)
    assert (seen.outcome.rules, seen.quarantined) == ({PADDING.name: 1}, [])


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"\0\0\0", [PADDING]),
        (b"a\n\0\0", [b"a\n", PADDING]),
        (b"a\n\0\0\nb\n", [b"a\n", PADDING, b"b\n"]),
        (b"a\n\0\0  b\n", [b"a\n", PADDING, b"  b\n"]),
        (b"a\0b\n", [b"a\0b\n"]),
        (b"a\n\0\x01\n", [b"a\n", PADDING, b"\x01\n"]),
    ],
)
def test_nul_bytes_within_a_line_are_content(content: bytes, found: list[Record]) -> None:
    assert list(records("s3-lines", content)) == found


def test_rows_behind_nul_bytes_are_rows() -> None:
    padded = b"\0" * 70_000
    assert list(records("csv", padded + b"a,b\n" + padded + b"1,2\n" + padded)) == [
        PADDING,
        PADDING,
        {"a": "1", "b": "2"},
        PADDING,
    ]


@pytest.mark.parametrize("name", ["s3-lines", "csv", "json", "json-records"])
def test_a_sparse_file_of_any_size_is_read_in_flat_memory(name: str) -> None:
    pieces = [*[b"\0" * 100_000] * 400, TEXTS[name].encode()]
    tracemalloc.start()
    try:
        found = list(compile_chain([name], Path()).records(io.BufferedReader(Pieces(pieces), 1 << 17)))
        assert tracemalloc.get_traced_memory()[1] < 40_000_000
    finally:
        tracemalloc.stop()
    assert found[0] == PADDING
    assert len(found) == 3


# ---- files that are no text


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.log", "a line\n" * 100)
    return file.getvalue()


def tarred() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        info = tarfile.TarInfo("a.log")
        info.size = 7
        archive.addfile(info, io.BytesIO(b"a line\n"))
    return file.getvalue()


FILES: dict[str, Callable[[], bytes] | bytes] = {
    "a zip archive": zipped,
    "a tar archive": tarred,
    "a Parquet file": b"PAR1\x15\x04\x15\x10\x15\x14L\x15\x02",
    "an Avro file": b"Obj\x01\x04\x14avro.codec\x08null",
    "an ORC file": b"ORC\x0a\x06\x12\x04\x08\x64P\x00",
    "a 7z archive": b"7z\xbc\xaf\x27\x1c\x00\x04",
    "a pcap capture": b"\xd4\xc3\xb2\xa1\x02\x00\x04\x00",
    "a pcapng capture": b"\x0a\x0d\x0d\x0a\x1c\x00\x00\x00\x4d\x3c\x2b\x1a\x01\x00",
    "a Windows event log (evtx)": b"ElfFile\x00\x00\x00",
    "an SQLite database": b"SQLite format 3\x00\x10\x00",
    "a PDF document": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n",
    "a PNG image": b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR",
    "a JPEG image": b"\xff\xd8\xff\xe0\x00\x10JFIF",
    "a GIF image": b"GIF89a\x01\x00\x01\x00",
}


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("name", TEXTS)
def test_a_file_that_is_no_text_is_refused_by_name_before_any_record(name: str, kind: str) -> None:
    made = FILES[kind]
    content = made if isinstance(made, bytes) else made()
    found, error = until_error(records(name, content + bytes(600)))
    assert found == []
    assert isinstance(error, ReaderError)
    assert str(error).startswith(
        f"the object is {kind}; expected text, plain or compressed (gzip, zstd, bz2, xz, lz4, snappy); "
    )


def test_a_pdf_document_is_refused_though_all_its_beginning_can_be_typed() -> None:
    found, error = until_error(records("s3-lines", b"%PDF-1.4\n1 0 obj\n<< /Type /Catalog >>\nendobj\n"))
    assert found == []
    assert str(error).startswith("the object is a PDF document; expected text")


@pytest.mark.parametrize(
    "text",
    [
        "PAR1 is the magic number of Parquet\n",
        "ORC ended\nnext\n",
        "Object 1\n",
        "PK 1 arrived\n",
        "7z a b\n",
        "GIF89a: unknown\nnext\n",
        "%PDF-1.4 was asked for\n",
        "%PDF-1.4\nsaid the client\n",
        "BMW\nnext\n",
        "MZ 1\nnext\n",
        "SQLite format 3 found\n",
        "\n\r\r\nfirst\n",
        "RIFF is old\n",
        "REDIS0009 up\n",
        "ElfFile\n",
        "x\x9cé\n",
        "Salted__\n",
        "\x1b[31mred\x1b[0m\n",
        f"{'x' * 257}ustar moved\n",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_a_text_that_merely_begins_alike_is_read(text: str, encoding: str) -> None:
    content = text.encode(encoding) * 3
    assert (
        b"".join(each for each in records("s3-lines", content) if isinstance(each, bytes))
        == content.replace(b"\n\r\r\n", b"\r\r\n").replace(b"\r\r\n", b"")
        or text.isspace()
    )


def test_a_text_is_rarely_taken_for_a_file() -> None:
    dice = random.Random(11)
    printable = bytes(range(32, 127)) + b"\t\n\r\x1b"
    for _ in range(20_000):
        assert binary_kind(bytes(dice.choices(printable, k=40))) is None


def test_an_error_of_the_stream_within_the_first_bytes_comes_after_the_records_before_it() -> None:
    for cut in range(len(b"a,b\n1,2\n3,4\n")):
        raised = DecompressionError("damaged")
        found, error = until_error(records("csv", Pieces([b"a,b\n1,2\n3,4\n"[:cut]], raised)))
        assert (len(found), error) == (int(cut >= 8), raised)


# ---- the bytes of the object


def raws(steps: Sequence[str], content: bytes) -> list[bytes]:
    """The bytes that a quarantine would show of each record."""
    cut = compile_chain(steps, Path())._cut(io.BufferedReader(io.BytesIO(content)))
    shown = []
    for record in cut:
        kept = original(cut, record)
        assert isinstance(kept, Bad)
        shown.append(kept.head)
    return shown


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("s3-lines", ["", "aĊ", "\n", "b 😀\ud800", "\n"]),
        ("multiline", ["", "aĊ\n b\n\n c", "\n", "b 😀\ud800", "\n"]),
        ("csv", ["a,b\n", '1,x"y', "\n"]),
        ("csv", ["a,b\n", "\"1\n\",'é'", "\n", "2,3", ""]),
        ("json", ["", '{"a": "é"}', "\n", '{"b":01}', "\n", '{"c":\t1e400}', "\n"]),
        ("json-records", ['{"Records":[', '{"a": 1.50}', ",", "01", " , ", '{"a":"é\\u00e9"}', "]}"]),
        ("json-records", ['{"Records":[', '{"a": 1}', ",", '{"a":2 }', ",\n", '{"a":[{}]}', ",", '{"a":NaN}', "]}"]),
    ],
)
def test_a_quarantined_record_shows_the_bytes_of_the_object(
    name: str, parts: list[str], encoding: str, end: str
) -> None:
    encoded = [part.replace("\n", end).encode(encoding, "surrogatepass") for part in parts]
    content = ENCODINGS[encoding] + b"".join(encoded)
    assert raws([name], content) == encoded[1::2]


def test_each_element_of_a_long_run_has_its_own_text() -> None:
    items = [b'{"k": %d,  "v":[%d]}' % (number, number) for number in range(20_000)]
    content = b'{"Records":[' + b" ,\n".join(items) + b"]}"
    assert raws(["json-records"], content) == items


def test_errors_of_a_reader_are_of_slips(tmp_path: Path) -> None:
    with pytest.raises(SlipsError, match="the object is a PNG image"):
        chains.run(["json"], b"\x89PNG\r\n\x1a\n")
