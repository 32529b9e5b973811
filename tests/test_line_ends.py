"""The end of a line is kept, whatever a later version of a product writes there."""

from __future__ import annotations

import json

import pytest

import chains
from for_each import for_each
from slips.format import Format
from slips.formats import catalogue, sample_files
from slips.step import name_of

pytestmark = pytest.mark.once

OF_LINES = {
    name: each
    for name, each in catalogue().items()
    if each.takes == "text" and name_of(each.chain[0]) in ("s3-lines", "segments") and name != "json"
}
"""All but `json`, which reads documents: what is behind one is the next."""


@for_each("format_", OF_LINES.values(), lambda format_: format_.name)
def test_a_further_word_at_the_end_of_a_line_is_in_the_event_or_the_line_is_quarantined(format_: Format) -> None:
    lines = sample_files(format_.name)[0].read_bytes().splitlines()
    for further in (" zz9", ", zz9", "\tzz9", " (zz9)"):
        content = b"".join(line + further.encode() + b"\n" for line in lines if line.strip())
        for meta, event in chains.run([format_.name], content).events:
            kept = json.dumps([event, meta.to_dict()])
            assert "zz9" in kept, f"record {meta.seq} with {further!r} at its end: {kept}"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('FTP response: Client "192.0.2.7", "257 "/home/ada""', {"text": '257 "/home/ada"'}),
        ('OK UPLOAD: Client "192.0.2.7", "/a "b".csv", 612 bytes, 2.5Kbyte/sec', {"path": '/a "b".csv', "bytes": 612}),
        ('OK LOGIN: Client "192.0.2.7", anon password "a"b"', {"anon_password": 'a"b'}),
    ],
)
def test_quotes_in_a_text_of_vsftpd_do_not_end_it(text: str, told: dict[str, object]) -> None:
    _, event = chains.parse(["vsftpd"], f"Sun Mar  1 08:00:00 2026 [pid 7] [ada] {text}\n".encode())
    assert {name: event.get(name) for name in told} == told


def test_names_of_oracle_may_have_digits_in_them() -> None:
    text = 'Oracle Unified Audit[7]: LENGTH: \'40\' TYPE:"4" ACTION:"3" NEW9:"x" SCHEMA:"HR"'
    _, event = chains.parse(["oracle-audit"], f"{text}\n".encode())
    assert (event["ACTION"], event["NEW9"], event["SCHEMA"]) == ("3", "x", "HR")


def test_texts_among_the_attributes_of_cisco_ise_are_kept_together() -> None:
    line = "CISE_Failed_Attempts 0000083424 2 1 StepData=4, Unknown user, UserName=bob, retry later"
    _, event = chains.parse(["cisco-ise"], f"{line}\n".encode())
    assert (event["text"], event["more"], event["UserName"]) == ("Unknown user", "retry later", "bob")
