"""Logs in archives, Parquet files and arrays of documents, and in other encodings, as `slips infer` opens them."""

from __future__ import annotations

import json
import sys
import tarfile
import zipfile
from io import BufferedReader, BytesIO

import pytest
from arro3.core import DataType

import slips.inference.containers
from inferred import SOURCE, chains, sample
from projects import Project
from slips.errors import ReaderError
from slips.inference.containers import Head, read_head
from slips.inference.rank import infer
from slips.testing import run
from tables import table

pytestmark = pytest.mark.once


def test_records_in_an_array_of_documents_are_found_with_its_path() -> None:
    events = [json.loads(line) for line in sample("okta").splitlines()[:3]]
    log = json.dumps({"count": 3, "tags": [1], "entries": events}).encode()
    assert chains(infer(log, SOURCE))[0] == "[json-records:entries, okta]"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_a_log_in_another_encoding_is_read_as_what_it_is(encoding: str) -> None:
    text = sample("okta").decode().splitlines()[0] + "\n"
    assert chains(infer((text * 3).encode(encoding), SOURCE))[0] == "okta"


def test_a_log_in_an_archive_is_found_with_the_archive() -> None:
    content = BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("alb.log", sample("alb"))
    assert chains(infer(content.getvalue(), SOURCE))[0] == "[zip, s3-lines, alb]"


def zipped(**files: bytes) -> bytes:
    content = BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, file in files.items():
            archive.writestr(name, file)
    return content.getvalue()


def test_the_longest_file_of_an_archive_is_looked_at() -> None:
    log = json.dumps({"entries": [json.loads(sample("okta").splitlines()[0])]}).encode()
    found = infer(zipped(README=b"see okta\n", okta=log), SOURCE)
    assert chains(found)[0] == "[zip, json-records:entries, okta]"


def test_files_of_an_archive_that_the_chain_of_the_longest_does_not_read_are_told(project: Project) -> None:
    others = {"more": sample("alb"), "blank": b"\n"}
    odd = project.put("odd.zip", zipped(alb=sample("alb") * 2, letter=b"Dear all,\nsee you at noon.\n", **others))
    even = project.put("even.zip", zipped(alb=sample("alb") * 2, **others))
    said = "the chain does not read 1 other file of the archive, such as 'letter': its records would be quarantined; "
    assert said in project.slips("infer", str(odd)).out
    assert project.slips("infer", str(odd), "--json").json["unlike"] == ["letter"]
    assert "does not read" not in project.slips("infer", str(even)).out


def test_a_log_in_an_archive_in_an_archive_is_found_with_both() -> None:
    inner = BytesIO()
    with tarfile.open(fileobj=inner, mode="w:gz") as archive:
        member = tarfile.TarInfo("alb.log")
        member.size = len(sample("alb"))
        archive.addfile(member, BytesIO(sample("alb")))
    assert chains(infer(zipped(logs=inner.getvalue()), SOURCE))[0] == "[zip, tar, s3-lines, alb]"


def texts(columns: dict[str, list[str]]) -> bytes:
    return table({name: (values, DataType.string()) for name, values in columns.items()})


@pytest.mark.parametrize("rows", [3, 400_000])
def test_the_format_of_the_rows_of_a_parquet_file_is_found(rows: int) -> None:
    """Of a file of a megabyte and more, its first rows are tried."""
    flow = run(None, "vpc-flow", sample("vpc-flow")).events[0]
    log = texts(
        {
            name: [f"{seq:,}{value}"[-9:] if name == "interface_id" else f"{value}" for seq in range(rows)]
            for name, value in flow.items()
        }
    )
    found = infer(log, SOURCE)
    assert chains(found)[0] == "[parquet, vpc-flow]"
    assert "parquet" in chains(found)


def test_rows_that_no_format_knows_are_read_by_the_reader_alone() -> None:
    assert chains(infer(texts({"petals": ["5", "6"], "stamens": ["a", "b"]}), SOURCE)) == ["parquet"]


ENCRYPTED = zipped(a=b"x y\n").replace(b"PK\x03\x04\x14\0\0", b"PK\x03\x04\x14\0\1")


ENCRYPTED = ENCRYPTED.replace(b"PK\x01\x02\x14\x03\x14\0\0", b"PK\x01\x02\x14\x03\x14\0\1")


@pytest.mark.parametrize(
    ("log", "reason"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(99), "the object is a PNG image; expected text"),
        (zipped(a=b"x y\n" * 99)[:200], "zip: the directory cannot be read"),
        (zipped(), "zip: no file with a log in the first 8"),
        (ENCRYPTED, "member 'a': zip: the file is encrypted; expected one that is not"),
        (b"PAR1" + bytes(99), "parquet: no footer at the end; expected a whole Parquet file"),
    ],
)
def test_a_file_that_cannot_be_opened_is_told_with_the_reason(project: Project, log: bytes, reason: str) -> None:
    path = project.put("unknown", log)
    done = project.slips("infer", str(path))
    assert (done.status, done.out.startswith(f"{path}: no format: {reason}")) == (1, True), done.out
    assert reason in project.slips("infer", str(path), "--json").json["reason"]


def test_a_parquet_file_without_the_library_is_told_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "arro3.io", None)
    assert infer(texts({"a": ["1"]}), SOURCE).reason.endswith("run pip install '.[parquet]' in the checkout of slips")


def test_an_archive_is_read_beyond_the_beginning_of_a_text_to_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    log = zipped(alb=sample("alb") * 20)
    monkeypatch.setattr(slips.inference.containers, "HEAD", 1_000)
    assert read_head(BufferedReader(BytesIO(log))) == Head(log)
    monkeypatch.setattr(slips.inference.containers, "WHOLE", 5_000)
    with pytest.raises(ReaderError, match=r"a zip archive of more than 5,000 bytes; expected a smaller one"):
        read_head(BufferedReader(BytesIO(log)))


def test_bytes_that_are_no_text_are_told_but_not_padding(project: Project) -> None:
    done = project.slips("infer", "-", stdin=bytes(range(256)) * 4)
    assert (done.status, "no text: 92 of its first 1,000 bytes are control characters" in done.out) == (1, True)
    assert chains(infer(bytes(900) + sample("alb"), SOURCE))[0] == "alb"
    assert infer("".join(map(chr, range(256))).encode("utf-16"), SOURCE).reason == ""


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_mark_is_told(project: Project, encoding: str) -> None:
    done = project.slips("infer", "-", stdin=sample("fortinet").decode().encode(encoding))
    assert done.status == 1
    assert "every other byte is NUL, as in UTF-16 without a byte order mark; expected UTF-8" in done.out
    assert infer(b"\0" * 999 + sample("fortinet"), SOURCE).reason == ""
