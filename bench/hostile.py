"""Bombs and slow inputs: what each costs, against normal input of its kind.

Each is run by `slips run` as two objects at once, for two workers: CPU seconds of all processes per byte of the object
or of its content, whichever is more, and the most memory that the processes hold together. `× normal` is the time per
byte against normal input of the kind, or the time per record against records of five bytes, whichever is less. A line
that breaks a bound ends with what it breaks, and the whole with status 1.

A row is an `Input`; it goes beside those of its kind.
"""

from __future__ import annotations

import argparse
import bz2
import gzip
import io
import json
import lzma
import random
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import cycle, islice
from pathlib import Path
from typing import cast

import lz4.frame

import corpus
import memory

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

BUILD = Path(__file__).parents[1] / "build" / "bench" / "hostile"
TIMES = 10
"""Most CPU time per byte, as a multiple of normal input's."""
MEGABYTES = 400
"""Most memory of `slips run` and its two workers, in units of 10^6 bytes."""
SHORT = "JSON lines of 5 bytes"
SIZE = 8_000_000
NORMAL_SIZE = 24_000_000
MILLION = 1_000_000
LINE = b'{"a":"%s"}\n' % (b"b" * 391)
FEW, FEW_BYTES = 20, 100_000
"""Records, and bytes, that tell what it costs to fail an object of any size."""
RECORD = 16 * 2**20 - 1
"""Bytes of the longest record that the limits allow, with its line end."""


@dataclass(frozen=True, kw_only=True)
class Input:
    """One line of the table."""

    name: str
    make: Callable[[], bytes]
    """The stored object."""
    format: str
    """Of its mapping, as in slips.yml."""
    normal: str
    """Name of the normal input that it is measured against; its own if it is one."""
    through: int = 0
    """Bytes that a run goes through, where these are more than the object's: of its content, or of a layer."""
    handler: str = memory.HANDLER
    records: int = 0
    """Records of the object, where they are no lines: the summary of an object that most records fail has none."""
    refused: bool = False
    """Whether it has to be refused on the way, which is all that bounds its time: its size says nothing then."""


# ---- what they are made of


def repeated(unit: bytes, size: int = SIZE) -> bytes:
    """`unit` again and again, whole, about `size` bytes."""
    return unit * (size // len(unit))


def behind(before: bytes, unit: bytes, size: int) -> bytes:
    """`before`, then `unit` again and again."""
    return before + repeated(unit, size)


def lines(make: Callable[[random.Random], Iterator[bytes]]) -> bytes:
    """What `corpus` makes, from the first seed."""
    return b"".join(make(random.Random(1)))


def json_lines(size: int) -> bytes:
    return lines(corpus.json_lines(size))


def table(row: Callable[[int], str], size: int = NORMAL_SIZE) -> bytes:
    """Lines that differ in a number, about `size` bytes."""
    text = io.StringIO()
    number = 0
    while text.tell() < size:
        text.write(row(number) + "\n")
        number += 1
    return text.getvalue().encode()


def document(elements: bytes) -> bytes:
    return b'{"Records":[' + elements + b"]}"


def elements(*units: bytes, size: int = SIZE) -> bytes:
    """A document of these elements by turns."""
    return document(b",".join(islice(cycle(units), size * len(units) // sum(len(unit) + 1 for unit in units))))


def nested(opening: bytes, closing: bytes, size: int = SIZE) -> bytes:
    """One value inside another, about `size` bytes."""
    depth = size // (len(opening) + len(closing))
    return opening * depth + closing * depth


def waf(headers: int, name: str) -> str:
    event = {
        "timestamp": 1_528_691_267_000,
        "terminatingRuleId": "no-bots",
        "action": "BLOCK",
        "httpRequest": {
            "clientIp": "192.0.2.44",
            "uri": "/login",
            "httpMethod": "POST",
            "headers": [{"name": name.format(n), "value": f"value-{n}"} for n in range(headers)],
        },
    }
    return json.dumps(event, separators=(",", ":"))


def palo_alto(number: int) -> str:
    return (
        f"1,2018/11/30 16:09:07,0012001{number:05},TRAFFIC,end,2049,2018/11/30 16:09:07,192.0.2.{number % 256},"
        f"198.51.100.4,203.0.113.4,198.51.100.4,out,user{number},,dns,vsys1,trust,untrust,ethernet1/2,ethernet1/1,"
        f"default,2018/11/30 16:09:07,{number},1,{number % 65536},53,1024,53,0x400019,udp,allow,{number},70,80,2,"
        "2018/11/30 16:08:37,30,any,0,21,0x0,10.0.0.0-10.255.255.255,United States,0,1,1,aged-out"
    )


def kea(number: int) -> str:
    address = f"192.0.2.{number % 256}"
    return (
        f"2018-06-11 04:27:{number % 60:02}.{number % 1000:03} INFO  [kea-dhcp4.leases] DHCP4_LEASE_ALLOC [hwtype=1 "
        f"00:0c:01:02:{number % 100:02}:05], cid=[01:00:0c:01:02:03:04], tid=0x{number:x}: lease {address} has been "
        "allocated for 4000 seconds"
    )


def fluentd(number: int) -> str:
    return f'2018-06-11T04:27:{number % 60:02}Z\tapp.web\t{{"n":{number},"path":"/index.html","status":200}}'


def syslog_5424(number: int) -> str:
    return (
        f"<165>1 2018-06-11T04:27:{number % 60:02}.{number % 1000:03}Z host{number % 99}.example.com app {number} ID47 "
        f'[id@32473 seq="{number}" user="user{number}"] an application event, number {number}'
    )


def cef(number: int) -> str:
    return (
        f"CEF:0|Acme|Gate|1.0|{number % 100}|door forced|8|rt={1528691267000 + number} src=192.0.2.{number % 256} "
        f"suser=user{number} msg=the door of room {number} was forced"
    )


def leef(number: int) -> str:
    return (
        f"LEEF:1.0|Acme|Gate|1.0|door|devTime=Jun 11 2018 04:27:{number % 60:02}\tsrc=192.0.2.{number % 256}\t"
        f"usrName=user{number}\tmsg=the door of room {number} was forced"
    )


def csv(number: int) -> str:
    return f"2018-06-11T04:27:47Z,user{number},192.0.2.{number % 256},login,{number % 7},ok"


def gzip_header(flags: int, field: bytes) -> bytes:
    """A gzip member without content, with one field in its header."""
    empty = gzip.compress(b"", mtime=0)
    return empty[:3] + bytes([flags]) + empty[4:10] + field + empty[10:]


EMPTY: dict[str, bytes] = {
    "gzip": gzip.compress(b"", mtime=0),
    "zstd": zstd.compress(b""),
    "skippable": b"\x50\x2a\x4d\x18" + bytes(4),
    "lz4": lz4.frame.compress(b""),
    "bz2": bz2.compress(b""),
    "xz": lzma.compress(b""),
}
COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": partial(gzip.compress, compresslevel=6),
    "zstd": zstd.compress,
    "lz4": lambda data: cast(bytes, lz4.frame.compress(data)),
    "bz2": bz2.compress,
    "xz": partial(lzma.compress, preset=1),
}

# ---- the table


def inputs() -> Iterator[Input]:
    """All of them, normal input of each kind first."""
    for kind in (_compressed, _lines, _documents, _texts, _tables, _wide, _handlers):
        yield from kind()


def _compressed() -> Iterator[Input]:
    for name, compress in COMPRESS.items():
        kind = partial(Input, format="azure-ad-event", normal=f"{name}: JSON lines")
        yield kind(
            name=f"{name}: JSON lines",
            make=partial(_by, compress, json_lines, NORMAL_SIZE),
            through=NORMAL_SIZE,
        )
        few = 1 if name in ("gzip", "zstd", "lz4") else 10
        yield kind(
            name=f"{name}: 1 M members without content", make=partial(_members, name, MILLION // few), refused=True
        )
        # A frame of zstd costs 13 µs in the library, which makes a decoder for each: shorter ones cost more per byte.
        each = 10 if name == "zstd" else 1
        short = partial(Input, format="[s3-lines, json]", normal=f"{name}: lines of 400 bytes")
        yield short(
            name=f"{name}: lines of 400 bytes",
            make=partial(_by, compress, _lines_of_400, NORMAL_SIZE),
            through=NORMAL_SIZE,
        )
        yield short(
            name=f"{name}: members of {each * len(LINE)} bytes",
            make=partial(_each_a_member, compress, each * LINE, SIZE // 2),
            through=SIZE // 2,
        )
        yield kind(name=f"{name}: bomb", make=partial(_by, compress, bytes, 110_000_000), through=110_000_000)
    kind = partial(Input, format="azure-ad-event", normal="gzip: JSON lines")
    yield kind(name="gzip: name of 50 MB", make=lambda: gzip_header(8, b"n" * 50_000_000 + b"\0"))
    yield kind(name="gzip: zeros of 50 MB", make=lambda: EMPTY["gzip"] + bytes(50_000_000))
    yield kind(
        name="gzip: member and zeros by turns", make=lambda: repeated(EMPTY["gzip"] + bytes(4), SIZE), refused=True
    )
    yield kind(
        name="gzip: deflate blocks without content",
        make=lambda: EMPTY["gzip"][:10] + repeated(b"\0\0\0\xff\xff") + EMPTY["gzip"][10:],
    )
    for inner in ("gzip", "zstd", "skippable", "lz4"):
        size = MILLION * len(EMPTY[inner])
        yield kind(
            name=f"gzip of 1 M {inner} without content", make=partial(_layered, inner), through=size, refused=True
        )
    kind = partial(Input, format="azure-ad-event", normal="zstd: JSON lines")
    yield kind(name="zstd: 1 M skippable frames", make=partial(repeated, EMPTY["skippable"], MILLION * 8), refused=True)
    yield kind(
        name="zstd: blocks without content",
        make=lambda: EMPTY["zstd"][:4] + b"\0\x58" + repeated(b"\0\0\0") + b"\1\0\0",
    )


def _by(compress: Callable[[bytes], bytes], make: Callable[[int], bytes], size: int) -> bytes:
    return compress(make(size))


def _lines_of_400(size: int) -> bytes:
    return repeated(LINE, size)


def _each_a_member(compress: Callable[[bytes], bytes], lines: bytes, size: int) -> bytes:
    return compress(lines) * (size // len(lines))


def _members(name: str, number: int) -> bytes:
    return EMPTY[name] * number


def _layered(inner: str) -> bytes:
    return gzip.compress(_members(inner, MILLION))


def _lines() -> Iterator[Input]:
    kind = partial(Input, format="[s3-lines, json]", normal="JSON lines")
    yield kind(name="JSON lines", make=partial(json_lines, NORMAL_SIZE))
    # A record costs half a microsecond, however short it is.
    small = partial(Input, format="[s3-lines, json]", normal="JSON lines of 5 bytes")
    yield small(name="JSON lines of 5 bytes", make=partial(repeated, b"{  }\n", SIZE // 2))
    for name, unit in {
        "{}": b"{}\n",
        "blank": b"\n",
        "spaces": b" \r\n",
        "carriage returns": b"\r",
        "NULs": b"\0\n",
        "byte order marks": b"\xef\xbb\xbf\n",
        "bad, short": b"x\n",
        "bad, 60 bytes": b"x" * 59 + b"\n",
        "bad and good by turns": b"xxx\n{}\n",
        "not UTF-8": b'{"a":"\xff"}\n',
        "lone surrogates": b'{"a":"\\ud800"}\n',
        "numbers beyond a double": b'{"a":1e999}\n',
    }.items():
        yield small(name=f"lines: {name}", make=partial(repeated, unit, SIZE // 2))
    for name, make in {
        "{},{},…": lambda: b"[" + repeated(b"{},", RECORD - 3) + b"{}]",
        "1,1,…": lambda: b"[" + repeated(b"1,", RECORD - 3) + b"1]",
        "many keys": lambda: b"{" + b",".join(b'"%d":1' % n for n in range(MILLION)) + b"}",
        "one key again and again": lambda: b"{" + repeated(b'"a":1,', RECORD - 10) + b'"a":1}',
        "escapes": lambda: b'{"a":"' + repeated(b"\\u00e4", RECORD - 10) + b'"}',
        "escapes, lone surrogates": lambda: b'{"a":"' + repeated(b"\\ud800", RECORD - 10) + b'"}',
        "backslashes": lambda: b'{"a":"' + repeated(b"\\\\", RECORD - 10) + b'"}',
        "text that is not UTF-8": lambda: b'{"a":"' + repeated(b"\xff", RECORD - 10) + b'"}',
        "digits": lambda: b'{"a":' + repeated(b"7", RECORD - 10) + b"}",
        "digits of a fraction": lambda: b'{"a":0.' + repeated(b"7", RECORD - 10) + b"}",
        "exponents": lambda: b'{"a":1e' + repeated(b"7", RECORD - 10) + b"}",
        "numbers of 4,300 digits": lambda: b"[" + repeated(b"7" * 4300 + b",", RECORD - 3) + b"1]",
        "arrays in arrays": lambda: nested(b"[", b"]"),
        "objects in objects": lambda: nested(b'{"a":', b"}"),
        "opening brackets": lambda: repeated(b"["),
        "spaces": lambda: b"{" + repeated(b" ", RECORD - 2) + b"}",
        "over the limit": lambda: repeated(b"x", 4 * RECORD),
    }.items():
        elements_of = {"{},{},…": 3, "1,1,…": 2}.get(name)
        if elements_of is None:
            yield kind(name=f"one line: {name}", make=make)
        else:
            yield small(name=f"one line: {name}", make=make, records=RECORD // elements_of)
    # As many values as allowed within a megabyte, in all that a decoder may be asked to take apart.
    for name, unit in {
        "arrays of 4 levels": b'[[[["%s"]]]]' % (b"x" * 10),
        "arrays of 12 levels": b"[" * 12 + b'"%s"' % (b"x" * 30) + b"]" * 12,
        "arrays of 100 levels": b"[1," * 100 + b'"%s"' % (b"x" * 360) + b"]" * 100,
        "objects of 4 levels": b'{"":{"":{"":{"":1}}}}',
        "an array and an object by turns": b'[{"":[{"":[{"":1}]}]}]',
        "deeper than allowed": b"[1," * 201 + b"]" * 201,
        "NaN": b"[[[[NaN,1,2]]]]",
    }.items():
        line = b'{"a":[%s]}\n' % b",".join([unit] * (MILLION // (len(unit) + 1)))
        yield kind(name=f"lines of 1 MB: {name}", make=partial(repeated, line))
        yield kind(name=f"lines of 1 MB: {name}, broken", make=partial(repeated, line[:-3] + b"\n"))
        yield kind(name=f"lines of 1 MB: {name}, two documents", make=partial(repeated, line[:-1] + line))
    kind = partial(Input, format="aws-waf", normal="aws-waf")
    yield kind(name="aws-waf", make=partial(table, lambda n: waf(10, "name-{}")))
    yield kind(name="aws-waf: one name for all headers", make=lambda: waf(350_000, "name").encode())
    yield kind(name="aws-waf: 350,000 names", make=lambda: waf(350_000, "name-{}").encode())
    yield kind(
        name="aws-waf: headers that are none",
        make=lambda: waf(350_000, "n").encode().replace(b'"headers":[', b'"headers":[1,'),
    )


def _documents() -> Iterator[Input]:
    kind = partial(Input, format="[json-records]", normal="documents")
    yield kind(name="documents", make=lambda: lines(corpus.document(NORMAL_SIZE)))
    # A record costs half a microsecond, however short it is.
    small = partial(Input, format="[json-records]", normal="elements of 5 bytes")
    yield small(name="elements of 5 bytes", make=lambda: elements(b"{ \t }", size=SIZE // 2))
    for name, units in {
        "{}": [b"{}"],
        "1": [b"1"],
        "null": [b"null"],
        "texts": [b'"xxxxxxxxxx"'],
        "texts that are not UTF-8": [b'"\xff\xff\xff\xff"'],
        "numbers, texts not UTF-8": [b"1", b'"\xff\xff\xff\xff"'],
        "numbers, objects not UTF-8": [b"1", b'{"a":"\xff"}'],
        "objects not UTF-8": [b'{"a":"\xff\xff\xff"}'],
        "objects and numbers": [b'{"a":1}', b"1"],
        "objects and long texts": [b'{"a":1}', b'"' + b"x" * 20_000 + b'"'],
        "lone surrogates": [b'{"a":"\\ud800"}'],
        "boundaries in texts": [b'{"a":"},{\\"a\\":"}'],
        "boundaries inside": [b'{"b":[{"a":1},{"a":1},{"a":1}]}'],
        "arrays in arrays": [b'{"a":' + b"[" * 200 + b"]" * 200 + b"}"],
        "arrays too deep": [b'{"a":' + b"[" * 5000 + b"]" * 5000 + b"}"],
        "digits": [b'{"a":' + b"7" * 5000 + b"}"],
        "numbers beyond a double": [b'{"a":1e999}'],
        "empty arrays": [b"[]"],
        "spaces": [b"{}" + b" " * 60],
        "escapes": [b'{"a":"' + b"\\u00e4" * 100 + b'"}'],
    }.items():
        yield small(name=f"elements: {name}", make=partial(elements, *units, size=SIZE // 2))
    hundred = b'{"Records":[{"a":"%s"}]}' % (b"x" * 80)
    yield kind(name="documents of 100 bytes", normal="documents of 100 bytes", make=partial(repeated, hundred, SIZE))
    for name, make in {
        "without elements": lambda: repeated(b'{"Records":[]}'),
        "of one element": lambda: repeated(b'{"Records":[{}]}'),
        "keys before the array": lambda: b"{" + b",".join(b'"%d":1' % n for n in range(MILLION)) + b',"Records":[]}',
        "arrays again and again": lambda: b"{" + repeated(b'"Records":[{}],') + b'"Records":[]}',
        "byte order marks": lambda: repeated(b'\xef\xbb\xbf{"Records":[]}'),
        "only byte order marks": lambda: repeated(b"\xef\xbb\xbf"),
        "a long value before": lambda: b'{"a":[' + repeated(b"{},") + b'{}],"Records":[]}',
        "a deep value before": lambda: b'{"a":' + nested(b"[", b"]") + b',"Records":[]}',
        "a long text before": lambda: b'{"a":"' + repeated(b"\\\\") + b'","Records":[]}',
        "a long key": lambda: b'{"' + repeated(b"a") + b'":1,"Records":[]}',
        "a long element": lambda: document(b'{"a":[' + repeated(b"{},") + b"{}]}"),
        "an element over the limit": lambda: document(b'{"a":[' + repeated(b"{},", 4 * RECORD) + b"{}]}"),
        "spaces": lambda: repeated(b" \n") + b"{}",
    }.items():
        short = name in ("without elements", "of one element", "arrays again and again", "byte order marks")
        yield kind(
            name=f"documents: {name}",
            make=make,
            normal="documents of 100 bytes" if short else "documents",
            refused=name == "keys before the array",
        )


def _texts() -> Iterator[Input]:
    kind = partial(Input, format="syslog", normal="syslog")
    yield kind(name="syslog", make=lambda: lines(corpus.text_lines(NORMAL_SIZE, corpus.syslog_lines)))
    stamp = b"Nov 21 06:00:24 "
    for name, unit in {
        "bad, 10 bytes": b"x" * 9 + b"\n",
        "bad, 100 bytes": b"x" * 100 + b"\n",
        "only times": stamp + b"\n",
        "heads that are none": stamp + b"a" * 98 + b" " + b"b" * 98 + b"]x: m\n",
        "heads of spaces": stamp + b"a" + b" " * 190 + b"x[: m\n",
        "heads of words": stamp + b"a b c " * 30 + b"x[: m\n",
        "heads of words and numbers": stamp + b"a [1] " * 30 + b"x[: m\n",
        "heads of brackets": stamp + b"[" * 190 + b": m\n",
        "priorities too high": b"<999>" + stamp + b"h p: m\n",
        "years unknown": b"Feb 30 06:00:24 h p: m\n",
        "Feb 29": b"Feb 29 06:00:24 h p: m\n",
    }.items():
        yield kind(name=f"syslog: {name}", make=partial(repeated, unit, SIZE // 2))
    for name, row, beginning, pieces in (
        (
            "syslog-5424",
            syslog_5424,
            b"<165>1 2018-06-11T04:27:47Z h a p m ",
            (b'[x y="1"]', b'[x y="\\]"]', b"[", b"- "),
        ),
        ("cef", cef, b"CEF:0|a|b|1|2|c|3|", (b"a=b ", b"a\\=b=c ", b"= ", b"\\")),
        ("leef", leef, b"LEEF:1.0|a|b|1|c|", (b"a=b\t", b"\t", b"=", b"a")),
    ):
        kind = partial(Input, format=name, normal=name)
        yield kind(name=name, make=partial(table, row))
        yield kind(name=f"{name}: bad, 10 bytes", make=partial(repeated, b"x" * 9 + b"\n", SIZE // 2))
        for piece in pieces:
            shown = piece.decode().replace("\t", "tab")
            yield kind(name=f"{name}, one line: {shown}", make=partial(behind, beginning, piece, RECORD - 100))
    kind = partial(Input, format="syslog", normal="syslog")
    for name, unit in {
        "spaces": b" ",
        "digits": b"1",
        "brackets": b"[",
        "colons": b": ",
        "brackets, colons": b"]:",
    }.items():
        yield kind(name=f"syslog, one line: {name}", make=partial(behind, stamp, unit, RECORD - 100))
    yield kind(name="syslog, one line: time of spaces", make=lambda: b"Nov " + repeated(b" ", RECORD - 100))
    yield kind(name="syslog, one line: time of digits", make=lambda: b"2018-06-11T" + repeated(b"1", RECORD - 100))
    yield kind(
        name="syslog, one line: fraction", make=lambda: b"Nov 21 06:00:24." + repeated(b"1", RECORD - 100) + b" h p: m"
    )
    kind = partial(Input, format="kea", normal="kea")
    yield kind(name="kea", make=partial(table, kea))
    head = b"INFO [kea] DHCP4_LEASE_ALLOC "
    for name, unit in {
        "bad, 10 bytes": b"x" * 9 + b"\n",
        "bad, 100 bytes": b"INFO " + b" " * 100 + b"\n",
    }.items():
        yield kind(name=f"kea: {name}", make=partial(repeated, unit, SIZE // 2))
    for name, (before, unit) in {
        "capitals": (b"", b"A"),
        "spaces": (b"INFO ", b" "),
        "client": (head + b"[hwtype=", b"a"),
        "client of spaces": (head + b"[hwtype=", b"a "),
        "brackets": (head, b"["),
        "leases": (head, b"lease "),
        "addresses": (head + b"lease ", b"a."),
        "addresses, again": (head, b"lease 1.1x "),
        "fraction": (b"2018-06-11 04:27:47.", b"1"),
    }.items():
        yield kind(name=f"kea, one line: {name}", make=partial(behind, before, unit, RECORD - 100))
    kind = partial(Input, format="fluentd-json", normal="fluentd-json")
    yield kind(name="fluentd-json", make=partial(table, fluentd))
    for name, unit in {
        "bad, 10 bytes": b"x" * 9 + b"\n",
        "tabs": b"\t\t\n",
        "bad times": b"soon\ta\t{}\n",
        "no objects": b"2018-06-11T04:27:47Z\ta\t1\n",
        "digits": b"1" * 300 + b"\ta\t{}\n",
    }.items():
        yield kind(name=f"fluentd-json: {name}", make=partial(repeated, unit, SIZE // 2))
    yield kind(name="fluentd-json, one line: tabs", make=lambda: repeated(b"\t", RECORD))
    yield kind(name="fluentd-json, one line: time of digits", make=lambda: repeated(b"1", RECORD - 100) + b"\ta\t{}")
    yield kind(name="fluentd-json, one line: time of spaces", make=lambda: repeated(b" ", RECORD - 100) + b"\ta\t{}")
    yield kind(
        name="fluentd-json, one line: array",
        make=lambda: b"2018-06-11T04:27:47Z\ta\t[" + repeated(b"1,", RECORD - 100) + b"1]",
    )


def _tables() -> Iterator[Input]:
    kind = partial(Input, format="csv", normal="csv")
    head = b"time,user,ip,action,n,result\n"
    yield kind(name="csv", make=lambda: head + table(csv))
    yield kind(
        name="csv: quotes",
        make=lambda: head + repeated(b'"2018-06-11T04:27:47Z","user","192.0.2.1","login","7","ok"\n'),
    )
    for name, unit in {
        "one column": b"a\n",
        "commas": b",,,,,,,,,\n",
        "blank": b"\n",
        "quotes, short": b'""\n',
        "quotes and commas": b'"",\n',
        "rows over many lines": b'"' + b"abc\n" * 1000 + b'"\n',
        "carriage returns": b"a\rb\n",
        "quotes inside": b'a""b\n',
        "rows of 65,537 columns": b"," * 65_536 + b"\n",
    }.items():
        yield kind(name=f"csv: {name}", make=partial(behind, head, unit, SIZE // 2))
    yield kind(name="csv: a quote that never ends", make=lambda: head + b'"' + repeated(b"a,b\n"))
    yield kind(
        name="csv: header of 65,536 equal names", make=lambda: b"a," * 65_535 + b"a\n" + repeated(b"," * 65_535 + b"\n")
    )
    yield kind(name="csv: rows that grow", make=lambda: head + b"".join(b"," * n + b"\n" for n in range(4000)))
    kind = partial(Input, format="paloalto", normal="paloalto")
    yield kind(name="paloalto", make=partial(table, palo_alto))
    traffic = b"1,2018/11/30 16:09:07,1,TRAFFIC,end,1,2018/11/30 16:09:07,"
    for name, unit in {
        "bad": b"x\n",
        "bad, commas": b",,,\n",
        "short": b",,,TRAFFIC\n",
        "bad times": b",,,TRAFFIC,,,x\n",
        "types of many kinds": b",,,TRAFFICKING,,,\n",
        "quotes": traffic + b'"' + b"a" * 100 + b'"\n',
        "quotes that never end": traffic + b'"' + b"a" * 100 + b"\n",
    }.items():
        yield kind(name=f"paloalto: {name}", make=partial(repeated, unit, SIZE // 2))
    yield kind(name="paloalto, one line: commas", make=lambda: traffic + repeated(b",", RECORD - 100))
    yield kind(name="paloalto, one line: quotes", make=lambda: traffic + repeated(b'""', RECORD - 100))
    yield kind(name="paloalto, one line: type", make=lambda: b",,," + repeated(b"A", RECORD - 100) + b"x")
    yield kind(name="paloalto, one line: spaces", make=lambda: repeated(b" ", RECORD - 100) + b",,,TRAFFIC")


def _wide() -> Iterator[Input]:
    """A text with one character beyond U+FFFF takes four bytes for each in memory; many values take 100 each."""
    kind = partial(Input, normal="JSON lines")
    text = b"x" * (RECORD - 200) + "\U0001f600".encode()
    syslog, traffic = b"Nov 21 06:00:24 h p: ", b"1,2018/11/30 16:09:07,1,TRAFFIC,end,1,2018/11/30 16:09:07,"
    for name, format_, make in (
        ("a line", "s3-lines", lambda: text),
        ("an object", "s3-text", lambda: text),
        ("json", "[s3-lines, json]", lambda: b'{"message":"%s"}' % text),
        ("json, not UTF-8", "[s3-lines, json]", lambda: b'{"message":"%s\xff"}' % text),
        ("json, syslog", "[s3-lines, json, syslog]", lambda: b'{"message":"%s%s"}' % (syslog, text)),
        ("syslog", "syslog", lambda: syslog + text),
        ("kea", "kea", lambda: b"INFO [kea] DHCP4_LEASE_ALLOC " + text),
        ("paloalto", "paloalto", lambda: traffic + text),
        ("paloalto, quotes", "paloalto", lambda: traffic + b'""' + text),
        ("csv", "csv", lambda: b"a,b\n1," + text),
        ("csv, quotes", "csv", lambda: b'a,b\n1,"%s"' % text),
        ("csv, a quote that never ends", "csv", lambda: b'a,b\n1,"' + text),
        ("json-records", "[json-records]", lambda: b'{"Records":[{"message":"%s"}]}' % text),
    ):
        yield kind(name=f"wide: {name}", format=format_, make=make)
    key, field = b"k" * 40, b"x" * 50
    for name, format_, make in (
        ("objects in objects", "[s3-lines, json]", lambda: b'{"a":[%s]}' % b",".join([b'{"%s":{}}' % key] * 120_000)),
        ("keys", "[s3-lines, json]", lambda: b"{%s}" % b",".join(b'"%s%d":{}' % (key, n) for n in range(249_000))),
        ("csv", "csv", lambda: b"a,b\n" + b",".join([field] * 249_990) + b"\n"),
        ("csv, quotes", "csv", lambda: b"a,b\n" + b",".join([b'"%s"' % field] * 249_990) + b"\n"),
        ("paloalto", "paloalto", lambda: traffic + b",".join([field] * 249_900) + b"\n"),
    ):
        yield kind(name=f"as many values as allowed: {name}", format=format_, make=make)


def _handlers() -> Iterator[Input]:
    kind = partial(
        Input, format="[s3-lines, json]", normal="JSON lines of 5 bytes", make=partial(repeated, b"{  }\n", SIZE // 2)
    )
    for name, code in {
        "a result of 10 MB": "return 'x' * 10_000_000",
        "a result of a million values": "return [{}] * 1_000_000",
        "a log line of 30 MB": "__import__('logging').warning('x' * 30_000_000)",
        "an exception of 30 MB": "raise ValueError('x' * 30_000_000)",
    }.items():
        yield kind(name=f"handler: {name}", handler=memory.HANDLER.replace("return self.events", code))


# ---- running them


def report(build: Path, only: str = "") -> bool:
    """Prints a line for each input of which the name has `only` in it. Whether all keep their bounds."""
    print(f"\n{'bombs and slow inputs':44}{'MB':>8}{'ns/byte':>9}{'× normal':>9}{'peak MB':>9}")
    rows = list(inputs())
    wanted = [row for row in rows if only in row.name]
    needed = {SHORT, *(row.normal for row in wanted)}
    normal: dict[str, float] = {}
    short = float("inf")
    """Seconds for a record of a few bytes, which is normal."""
    rows.sort(key=lambda row: row.name != SHORT)
    kept = True
    idle = min(_cost(build, row, b"{}\n").cpu for row in rows[:1] * 3)
    for row in rows:
        if row not in wanted and row.name not in needed:
            continue
        stored = row.make()
        cost = _cost(build, row, stored)
        size = 2 * max(len(stored), row.through)
        cpu = max(cost.cpu - idle, 0)
        if cost.summary["failed"] and not row.refused:
            # The error says what log it may be, which each worker finds out once, however large the object is.
            few = b"".join(stored[:FEW_BYTES].splitlines(keepends=True)[:FEW])
            cpu = max(_cost(build, row, stored, workers=1).cpu - _cost(build, row, few, workers=1).cpu, 0)
        records = cost.summary["records"]
        if not row.through and cost.summary["failed"]:  # most lines were bad: the summary counts none of them
            records += 2 * (row.records or stored.count(b"\n"))
        per_byte, per_record = cpu / size, cpu / max(records, 1)
        if row.name == row.normal:
            normal[row.name] = per_byte
        if row.name == SHORT:
            short = per_record
        # A record costs half a microsecond, however short it is.
        times = min(per_byte / normal[row.normal], per_record / short)
        broken = [f"over {MEGABYTES} MB"] * (cost.peak > MEGABYTES * MILLION)
        if row.refused:
            broken += ["not refused"] * (cost.summary["failed"] < 2)
        else:
            broken += [f"over {TIMES} times"] * (times > TIMES)
        kept &= not broken
        print(
            f"{row.name:44}{size / 2e6:8.1f}{per_byte * 1e9:9.0f}{times:9.1f}{cost.peak / 1e6:9.0f}  "
            f"{_seen(cost.summary)}{'; ' + ', '.join(broken).upper() if broken else ''}",
            flush=True,
        )
    return kept


def _seen(summary: dict[str, int]) -> str:
    """What became of the two objects."""
    if summary["failed"]:
        return "refused"
    return f"{summary['records'] // 2:,} records, {summary['quarantined'] // 2:,} bad"


def _cost(build: Path, row: Input, stored: bytes, workers: int = 2) -> memory.Cost:
    """Of `slips run` on two objects of these bytes."""
    return memory.measure(build / "run", {"1": stored, "2": stored}, row.format, row.handler, workers)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("only", nargs="?", default="", help="inputs with this in their name")
    sys.exit(not report(BUILD, arguments.parse_args().only))


if __name__ == "__main__":
    main()
