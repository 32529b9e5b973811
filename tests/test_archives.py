"""Archives: each file in one is a part of the object, with its own name, and the numbers of records run on."""

from __future__ import annotations

import gzip
import io
import re
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

import chains
from archived import Files, tarred, zipped
from chains import OBJECT
from processing import EVENT, Make, Recorder, StopAt, done, failed, make, ranges, root
from slips.cli.errors import _detail
from slips.config.schema import Limits
from slips.errors import DecompressionError, FormatError, NoProgressError, ReaderError
from slips.model import ErrorItem, ObjectEvent, Outcome
from slips.parsing.chain import compile_chain
from slips.parsing.readers.tar_members import NAMES_BYTES
from slips.parsing.readers.zip_members import DIRECTORY_BYTES
from slips.parsing.run import Ticker

__all__ = ["make", "root"]

Pack = Callable[[Files], bytes]
PACKS: dict[str, Pack] = {"zip": zipped, "tar": tarred}
both = pytest.mark.parametrize("kind", PACKS)


def numbers(*given: int) -> bytes:
    return b"".join(b'{"n":%d}\n' % n for n in given)


def seen(kind: str, files: Files, *rest: str) -> list[tuple[int, str | None, object]]:
    """Number, member and event of each event."""
    found = chains.run([kind, *(rest or ("s3-lines", "json"))], PACKS[kind](files))
    return [(meta.seq, meta.member, event) for meta, event in found.events]


ONE, TWO = zipped([("a.log", numbers(1, 2))]), zipped([("b.log", numbers(3))])


# ---- members


@both
def test_each_member_is_a_part_with_its_name_and_the_numbers_run_on(kind: str) -> None:
    files = [("a.log", numbers(1, 2)), ("deep/", b""), ("deep/b.log", numbers(3))]
    assert seen(kind, files) == [(1, "a.log", {"n": 1}), (2, "a.log", {"n": 2}), (3, "deep/b.log", {"n": 3})]


@both
def test_a_member_may_be_compressed_itself_and_in_utf_16(kind: str) -> None:
    files = [("a.gz", gzip.compress(gzip.compress(numbers(1)))), ("b.log", '{"n":2}\n'.encode("utf-16"))]
    assert seen(kind, files) == [(1, "a.gz", {"n": 1}), (2, "b.log", {"n": 2})]


def test_a_tar_archive_may_be_compressed(make: Make) -> None:
    done(make(gzip.compress(tarred([("a.log", numbers(1))])), ["tar", "json"]).process(EVENT))
    assert [event["n"] for event in Recorder.runs[0].events] == [1]


@both
def test_a_short_form_behind_an_archive_stands_for_its_usual_chain(kind: str) -> None:
    assert compile_chain([kind, "okta"], Path()).names == (kind, "s3-lines", "json", "okta")
    assert compile_chain([kind, "s3-lines", "cloudtrail"], Path()).names == (kind, "json-records:Records", "cloudtrail")
    assert compile_chain([kind], Path()).names == (kind, "s3-lines")


@both
def test_what_a_parser_remembers_of_a_member_ends_with_it(kind: str) -> None:
    named = b"version action\n2 ACCEPT\n"
    default = b"2 1 eni-1 10.0.0.1 10.0.0.2 1 2 6 3 4 1700000000 1700000060 REJECT OK\n"
    events = [event for _, _, event in seen(kind, [("a", named), ("b", default)], "vpc-flow")]
    assert events[0] == {"version": 2, "action": "ACCEPT"}
    assert isinstance(events[1], dict)
    assert events[1]["srcaddr"] == "10.0.0.1"


@both
def test_files_that_are_no_logs_are_filtered_by_name_and_folders_have_no_record(kind: str) -> None:
    names = ["__MACOSX/._a.log", "._a.log", "x/.DS_Store"]
    found = chains.run([kind, "json"], PACKS[kind]([("x/", b""), *((name, b"\0\5\x16\7") for name in names)]))
    assert (found.outcome.records, found.outcome.rules) == (3, {"no-log-file": 3})


def test_links_in_a_tar_archive_are_filtered_by_name() -> None:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as opened:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE):
            info = tarfile.TarInfo("link")
            info.type, info.linkname = kind, "a.log"
            opened.addfile(info)
    assert chains.run(["tar", "json"], archive.getvalue()).outcome.rules == {"no-log-file": 3}


@both
def test_an_archive_without_records_counts_as_one_that_a_rule_filters(kind: str) -> None:
    assert chains.run([kind, "json"], PACKS[kind]([])).outcome.rules == {"no-records": 1}
    assert chains.run([kind, "json"], PACKS[kind]([("a", b""), ("b", b" \n")])).outcome.rules == {"no-records": 1}
    assert chains.run([kind, "json"], b"").outcome.records == 0


@both
def test_archives_in_archives_are_read_as_deep_as_the_chain_says(kind: str) -> None:
    inner = zipped([("b.log", numbers(1, 2))])
    assert seen(kind, [("a.zip", inner), ("c.zip", inner)], "zip", "json")[1:3] == [
        (2, "a.zip/b.log", {"n": 2}),
        (3, "c.zip/b.log", {"n": 1}),
    ]


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_long_names_are_read_in_every_form_of_tar(form: int) -> None:
    name = "/".join(["folder" * 5] * 5) + "/" + "é" * 20
    found = chains.run(["tar", "json"], tarred([(name, numbers(1)), ("b", numbers(2))], form))
    assert [meta.member for meta, _ in found.events] == [name, "b"]


def test_tar_archives_one_behind_another_are_all_read() -> None:
    content = tarred([("a", numbers(1))]) + tarred([("b", numbers(2))])
    assert [event["n"] for _, event in chains.run(["tar", "json"], content).events] == [1, 2]


def test_names_that_are_no_utf_8_are_spelled_out() -> None:
    content = tarred([("x" * 4, numbers(1))], tarfile.USTAR_FORMAT)
    header = bytearray(content[:512])
    header[:4] = b"\xff\x01a\n"
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    (meta, _), *_ = chains.run(["tar", "json"], bytes(header) + content[512:]).events
    assert meta.member == "\\udcff\x01a\n"
    meta.to_dict()["source"]["member"].encode()


# ---- chains


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        (["s3-lines", "zip"], "format 'zip' reads objects; expected it first in the chain, not after 's3-lines'"),
        (["zip", "tar"], "format 'tar' gives objects; expected a reader behind it, as in [zip, tar, s3-lines]"),
    ],
)
def test_a_chain_in_which_an_archive_does_not_fit_is_refused(names: list[str], problem: str) -> None:
    with pytest.raises(FormatError) as raised:
        compile_chain(names, Path())
    assert problem in str(raised.value)


@pytest.mark.parametrize(
    ("chain", "content", "expected"),
    [
        (["okta"], zipped([("a", b"a\n")]), "the object is a zip archive; expected text"),
        (["okta"], zipped([("a", b"a\n")]), "write the chain [zip, s3-lines, json, okta], which reads it"),
        (["cloudtrail"], tarred([("a", b"a\n")]), "write the chain [tar, json-records:Records, cloudtrail]"),
        (["zip", "json"], zipped([("a", zipped([("b", b"b\n")]))]), "member 'a': the object is a zip archive"),
        (["zip", "json"], zipped([("a", zipped([("b", b"b\n")]))]), "write the chain [zip, zip, s3-lines, json]"),
    ],
    ids=["zip", "zip chain", "tar", "zip in zip", "zip in zip chain"],
)
def test_an_archive_that_the_chain_does_not_name_is_refused_with_the_chain_to_write(
    chain: list[str], content: bytes, expected: str
) -> None:
    with pytest.raises(ReaderError) as raised:
        chains.run(chain, content)
    assert expected in str(raised.value)


def test_the_archives_belong_to_the_identity_of_the_reader() -> None:
    assert compile_chain(["zip", "s3-lines", "syslog"], Path()).reader == "zip > s3-lines/2"


# ---- ranges, parts, quarantine


@both
def test_ranges_of_records_are_wanted_across_members(kind: str) -> None:
    files = [("a", numbers(1, 2)), ("b", numbers(3, 4)), ("c", b"\x1f\x8b\x08 broken")]
    source = replace(OBJECT, records=[(2, 3)])
    found = chains.run([kind, "json"], PACKS[kind](files), source)
    assert [(meta.seq, meta.member) for meta, _ in found.events] == [(2, "a"), (3, "b")]


class LoggedTicker(Ticker):
    """A ticker that is always due, and stops the run at the call of a number."""

    due = True

    def __init__(self, stop: int) -> None:
        super().__init__()
        self.calls: list[tuple[str, int]] = []
        self._stop = stop

    def tick(self, seq: int) -> bool:
        self.calls.append(("tick", seq))
        return len(self.calls) >= self._stop

    def passed(self, seq: int) -> None:
        self.calls.append(("passed", seq))


@pytest.mark.parametrize("stop", [3, 4])
def test_the_ticker_is_asked_between_members_that_have_no_record(stop: int) -> None:
    ticker, before = LoggedTicker(stop), [("passed", 0), ("passed", 0)]
    content = zipped([("a", b""), ("b", numbers(1)), ("c", b""), ("d", numbers(2))])
    stopped = compile_chain(["zip", "json"], Path()).run(
        io.BufferedReader(io.BytesIO(content)),
        Outcome(),
        source=OBJECT,
        recv=lambda _meta, _event: None,
        reject=lambda _seq, _record, _error: None,
        ticker=ticker,
    )
    assert (stopped, ticker.calls) == (1, [*before, *[("tick", 1)] * (stop - 2)])


class NoTime(Ticker):
    due = True

    def passed(self, seq: int) -> None:
        if seq:
            raise NoProgressError(f"no time behind record {seq}")


def test_a_run_without_time_for_its_first_record_fails_and_goes_on_behind_others() -> None:
    content = zipped([("a", numbers(1)), ("b", numbers(2, 3, 4))])

    def run(*wanted: tuple[int, int | None]) -> int | None:
        return compile_chain(["zip", "json"], Path()).run(
            io.BufferedReader(io.BytesIO(content)),
            Outcome(),
            source=replace(OBJECT, records=list(wanted)),
            recv=lambda _meta, _event: None,
            reject=lambda _seq, _record, _error: None,
            ticker=NoTime(),
        )

    assert run((1, 1), (4, None)) == 2
    with pytest.raises(NoProgressError):
        run((3, None))


def test_an_archive_has_the_first_and_the_last_time_of_all_members() -> None:
    lines = [b"2 1 eni-1 10.0.0.1 10.0.0.2 1 2 6 3 4 %d 1700000060 REJECT OK\n" % at for at in (5, 3, 7, 4)]
    content = zipped([(f"{at}", line) for at, line in enumerate(lines)] + [("none", b"")])
    outcome = chains.run(["zip", "vpc-flow"], content).outcome
    assert (outcome.first_timestamp, outcome.last_timestamp) == (3.0, 7.0)


@pytest.mark.slow
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    st.lists(st.lists(st.sampled_from(["good", "bad", "noise"]), max_size=4), max_size=6),
    st.sets(st.integers(1, 24)),
    st.sampled_from(sorted(PACKS)),
)
def test_all_parts_of_an_archive_together_give_each_record_exactly_once(
    make: Make, members: list[list[str]], stops: set[int], kind: str
) -> None:
    Recorder.runs = []
    content = PACKS[kind]([(f"{n}.log", "\n".join(texts).encode()) for n, texts in enumerate(members)])
    processor = make(content, [kind, "s3-lines", "formats.py:words"])
    texts = [text for each in members for text in each]
    event: ObjectEvent | None = replace(EVENT, object_etag="")
    records, quarantined = 0, []
    while event is not None:
        result = processor.process(event, StopAt(*stops))
        if len(texts) >= 10 and texts.count("bad") * 2 > len(texts):
            return  # a wrong mapping: that is another test
        success = done(result)
        records += success.outcome.records
        quarantined += [seq for first, last in ranges(success) for seq in range(first, (last or first) + 1)]
        event = success.rest
    assert records == (len(texts) or 1)
    assert quarantined == [seq for seq, text in enumerate(texts, 1) if text == "bad"]
    assert [meta.seq for one in Recorder.runs for meta in one.metas] == [
        seq for seq, text in enumerate(texts, 1) if text == "good"
    ]


@both
def test_a_quarantine_names_the_member_of_each_record(make: Make, kind: str) -> None:
    content = PACKS[kind]([("a.log", b"good\n"), ("b.log", b"good\nbad one\n")])
    success = done(make(content, [kind, "s3-lines", "formats.py:words"]).process(EVENT))
    ((sample,),) = [part.samples for part in success.quarantine]
    assert (sample.seq, sample.member, sample.raw, sample.rendered) == (3, "b.log", "bad one", False)
    item = ErrorItem(request_id="1", kind="records", events=[EVENT], samples=[sample])
    assert "record 3 of b.log: it is 'bad one'" in _detail(item)


# ---- damage


def damaged(content: bytes, part: bytes, other: bytes) -> bytes:
    assert part in content
    return content.replace(part, other)


BROKEN: dict[str, tuple[str, Callable[[], bytes]]] = {
    "gzip": ("zip", lambda: zipped([("a", numbers(1)), ("b", gzip.compress(numbers(2))[:-9]), ("c", numbers(3))])),
    "gzip in tar": ("tar", lambda: tarred([("a", numbers(1)), ("b", gzip.compress(b"x")[:-9]), ("c", numbers(3))])),
    "checksum": (
        "zip",
        lambda: damaged(zipped([("a", numbers(1)), ("b", numbers(2)), ("c", numbers(3))], 0), numbers(2), numbers(7)),
    ),
    "image": ("zip", lambda: zipped([("a", numbers(1)), ("b", b"\x89PNG\r\n\x1a\n\0"), ("c", numbers(3))])),
    "lzma": ("zip", lambda: mixed(("a", 8), ("b", zipfile.ZIP_LZMA), ("c", 8))),
    "encrypted": ("zip", lambda: encrypted(zipped([("a", numbers(1)), ("b", numbers(2)), ("c", numbers(3))]), b"b")),
}


def mixed(*files: tuple[str, int]) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as opened:
        for number, (name, method) in enumerate(files, 1):
            opened.writestr(name, numbers(number), method)
    return archive.getvalue()


def encrypted(content: bytes, name: bytes) -> bytes:
    """An archive in whose directory a file of one letter is flagged as encrypted."""
    entries = [each.start() for each in re.finditer(rb"PK\x01\x02", content)]
    (at,) = [at for at in entries if content[at + 46 : at + 47] == name]
    return content[: at + 8] + b"\1" + content[at + 9 :]


@pytest.mark.parametrize("damage", BROKEN)
def test_a_broken_member_fails_the_object_after_the_others_were_read(make: Make, damage: str) -> None:
    kind, content = BROKEN[damage]
    failure = failed(make(content(), [kind, "s3-lines", "json"]).process(EVENT))
    assert failure.message.startswith("s3://my-logs/a/b.log: member 'b': ")
    assert failure.message.count("s3://") == 1
    found = [event["n"] for event in Recorder.runs[0].events]
    assert (found[0], found[-1]) == (1, 3)
    assert "result" not in Recorder.runs[0].calls
    assert not failure.retryable


def test_an_error_names_the_other_broken_members_too() -> None:
    broken = gzip.compress(b"x")[:-9]
    with pytest.raises(DecompressionError) as raised:
        chains.run(["zip", "json"], zipped([(name, broken) for name in "abc"]))
    assert "member 'a': gzip data ends early" in str(raised.value)
    assert str(raised.value).endswith("(broken, too: 2 other members: 'b', 'c')")
    with pytest.raises(DecompressionError, match=r"\(broken, too: 1 other member: 'b'\)$"):
        chains.run(["zip", "json"], zipped([(name, broken) for name in "ab"]))
    with pytest.raises(DecompressionError, match=r"\(broken, too: 5 other members: 'b', 'c', 'd', 'e', …\)$"):
        chains.run(["zip", "json"], zipped([(name, broken) for name in "abcdef"]))


@pytest.mark.parametrize("broken", [gzip.compress(b"x")[:-9], b"\x89PNG\r\n\x1a\n\0"], ids=["gzip", "png"])
def test_the_error_of_a_broken_member_knows_the_record_before_it(broken: bytes) -> None:
    with pytest.raises((DecompressionError, ReaderError)) as raised:
        chains.run(["zip", "json"], zipped([("a", numbers(1, 2)), ("b", broken), ("c", numbers(3))]))
    assert raised.value.seq == 2


def test_a_broken_member_is_named_before_the_damage_of_the_archive_behind_it() -> None:
    content = tarred([("a", numbers(1)), ("b", gzip.compress(b"x")[:-9]), ("c", numbers(2) * 60)])
    for cut, named in ((2_600, "member 'b'"), (600, "tar: the archive ends")):
        with pytest.raises((DecompressionError, ReaderError)) as raised:
            chains.run(["tar", "json"], content[:cut])
        assert named in str(raised.value)
        assert raised.value.seq == 1


@pytest.mark.parametrize("cut", [300, 600, 1100, 1800])
def test_a_tar_archive_that_is_cut_off_gives_what_is_before_the_cut(cut: int) -> None:
    found: list[object] = []
    content = tarred([("a", numbers(1)), ("b", numbers(2) * 60)])[:cut]
    chain = compile_chain(["tar", "json"], Path())
    with pytest.raises(ReaderError):
        chain.run(
            io.BufferedReader(io.BytesIO(content)),
            Outcome(),
            source=OBJECT,
            recv=lambda _meta, event: found.append(event["n"]),
            reject=lambda *_: None,
            ticker=Ticker(),
        )
    assert found == [*([1] if cut > 520 else []), *[2] * max(0, (cut - 1536) // 8)]


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("zip", b"a line\n"),
        ("zip", b"PK\x03\x04" + bytes(100)),
        ("zip", zipped([("a", numbers(1))])[:-30]),
        ("tar", b"a line\n" * 100),
        ("tar", tarred([("a", numbers(1))]) + b"junk" * 200),
    ],
    ids=["text", "beginning", "cut", "text", "more"],
)
def test_what_is_no_archive_is_refused(kind: str, content: bytes) -> None:
    with pytest.raises(ReaderError, match=f"^(s3://.*)?{kind}: "):
        chains.run([kind, "json"], content)


def test_a_sparse_file_is_broken_and_the_next_file_is_read() -> None:
    content = tarred([("b", numbers(2))], tarfile.GNU_FORMAT)
    header = bytearray(tarred([("a", bytes(512))], tarfile.GNU_FORMAT)[:512])
    header[156:157] = b"S"
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    with pytest.raises(ReaderError, match="member 'a': tar: the file is sparse"):
        chains.run(["tar", "json"], bytes(header) + bytes(512) + content)


# ---- limits


def tar_header(name: str, changes: dict[int, bytes], *, signed: bool = False) -> bytes:
    """The header of a file in a tar archive, with other bytes at some places, and its sum."""
    block = bytearray(tarfile.TarInfo(name).tobuf(tarfile.USTAR_FORMAT, "latin-1"))
    for at, changed in changes.items():
        block[at : at + len(changed)] = changed
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(byte - 256 * (signed and byte > 127) for byte in block)
    return bytes(block)


def padded(content: bytes) -> bytes:
    return content + bytes(-len(content) % 512)


def test_headers_of_old_and_odd_tar_archives_are_read() -> None:
    size, two = b"%011o\0" % len(numbers(1)), tarred([("b", numbers(2))])
    old_folder = tar_header("old/", {156: b"\0"})
    signed = tar_header("\xe4", {124: size}, signed=True) + padded(numbers(1))
    found = chains.run(["tar", "json"], old_folder + signed + two)
    assert [event["n"] for _, event in found.events] == [1, 2]
    info = tarfile.TarInfo("a")
    info.pax_headers = {"size": str(len(numbers(1)))}
    by_note = info.tobuf(tarfile.PAX_FORMAT) + padded(numbers(1))
    assert [event["n"] for _, event in chains.run(["tar", "json"], by_note + two).events] == [1, 2]
    with pytest.raises(ReaderError, match="tar: the size of file 'a' cannot be read"):
        chains.run(["tar", "json"], tar_header("a", {124: b"\xff" * 12}) + two)


def test_a_sparse_file_is_known_by_its_notes_and_skipped_with_its_map() -> None:
    info = tarfile.TarInfo("a")
    info.pax_headers = {"GNU.sparse.major": "1"}
    by_note = info.tobuf(tarfile.PAX_FORMAT)
    maps = bytes(504) + b"\1" + bytes(7), bytes(512)
    by_kind = tar_header("a", {156: b"S", 482: b"\1"}) + b"".join(maps)
    for sparse in (by_note, by_kind):
        outcome = Outcome()
        with pytest.raises(ReaderError, match="member 'a': tar: the file is sparse"):
            compile_chain(["tar", "json"], Path()).run(
                io.BufferedReader(io.BytesIO(sparse + tarred([("b", numbers(2))]))),
                outcome,
                source=OBJECT,
                recv=lambda _meta, _event: None,
                reject=lambda _seq, _record, _error: None,
                ticker=Ticker(),
            )
        assert (outcome.records, outcome.delivered) == (1, 1)


def test_a_link_in_a_zip_archive_is_filtered_and_an_encrypted_file_is_called_so() -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as opened:
        link = zipfile.ZipInfo("link")
        link.external_attr = 0o120777 << 16
        opened.writestr(link, b"a.log")
    assert chains.run(["zip"], archive.getvalue()).outcome.rules == {"no-log-file": 1}
    with pytest.raises(ReaderError, match="member 'b': zip: the file is encrypted"):
        chains.run(["zip"], encrypted(zipped([("b", numbers(2))]), b"b"))


def test_members_together_may_expand_no_more_than_a_single_object(make: Make) -> None:
    blank = b" " * 9_999_999 + b"\n"  # no records; a line end for each byte would take minutes to read
    content = zipped([(f"{n}.log", blank * 3) for n in range(5)])
    failure = failed(make(content, ["zip", "s3-lines"]).process(EVENT))
    assert "at most 1000 times was expected (limits.expansion_ratio)" in failure.message
    assert failure.outcome.bytes_out > 100_000_000


def test_the_limit_of_an_object_holds_for_its_members_together(make: Make) -> None:
    content = zipped([("a", numbers(*range(100))), ("b", numbers(*range(100)))])
    failure = failed(make(content, ["zip", "json"], limits=Limits(object_bytes=1_200)).process(EVENT))
    assert "member 'b'" in failure.message
    assert "(limits.object_bytes)" in failure.message


def test_a_directory_of_too_many_files_is_refused_before_it_is_read() -> None:
    end = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 9, 9, DIRECTORY_BYTES + 1, 0, 0)
    with pytest.raises(ReaderError, match="zip: the directory has 4,194,305 bytes; expected"):
        chains.run(["zip", "json"], b"PK\1\2" + bytes(DIRECTORY_BYTES - 3) + end)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (ONE + TWO, f"zip: {len(ONE)} bytes of another archive stand before this one; expected one in an object"),
        (zipped([]) + ONE, "zip: 22 bytes of another archive stand before this one"),
        (ONE + TWO[:-30], f"zip: {len(TWO) - 30} bytes stand behind the archive; expected its end"),
        (ONE + b'{"n": 4}\n', "zip: 9 bytes stand behind the archive"),
    ],
    ids=["two", "empty", "cut off", "text"],
)
def test_what_a_zip_archive_has_before_or_behind_it_is_not_dropped_in_silence(content: bytes, told: str) -> None:
    with pytest.raises(ReaderError, match=told):
        chains.run(["zip", "json"], content)


@pytest.mark.parametrize("content", [b"#!/bin/sh\nexit\n" + ONE, ONE + bytes(512), ONE + b"\r\n"])
def test_a_program_that_unpacks_a_zip_archive_and_padding_are_no_records(content: bytes) -> None:
    assert [event for _, event in chains.run(["zip", "json"], content).events] == [{"n": 1}, {"n": 2}]


def test_names_and_notes_of_a_tar_archive_are_bounded() -> None:
    with pytest.raises(ReaderError, match="tar: the name of a file, with notes, has"):
        chains.run(["tar", "json"], tarred([("x" * (NAMES_BYTES + 1), numbers(1))]))


def test_the_name_of_a_member_is_kept_to_its_first_thousand_characters() -> None:
    ((meta, _),) = chains.run(["tar", "json"], tarred([("x" * 5_000, numbers(1))])).events
    assert meta.member == "x" * 1_000


@both
@settings(deadline=None, max_examples=200)
@given(st.data())
def test_any_damage_of_an_archive_is_an_error_or_leaves_all_records(kind: str, data: st.DataObject) -> None:
    """A byte that changes is never a silent loss: names and times of files may change, their records not."""
    content = bytearray(PACKS[kind]([("a", numbers(1, 2)), ("b", numbers(3))]))
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    try:
        found = chains.run([kind, "json"], bytes(content))
    except (ReaderError, DecompressionError):
        return
    texts = len(found.events) + len(found.quarantined) + found.outcome.filtered
    assert texts >= 3 or found.outcome.rules, content
