"""Hostile lines of a megabyte, for each format in the catalogue: `python bench/hostile_lines.py [NAME…]`.

A line begins as a line of the format's own sample does, up to some place; there a piece comes again and again, and then
perhaps the rest of the sample's line. Other lines end with a piece that comes some hundred times. `× normal` is the
time per byte against the first line of the sample, or the time per record or event against records of five bytes,
whichever is less. Of the slowest lines of each format those are shown that take more than `TIMES`. Status 1 if there
are any.
"""

from __future__ import annotations

import argparse
import io
import itertools
import re
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from slips.errors import ReaderError
from slips.format import Format
from slips.formats import catalogue, sample_files
from slips.model import ObjectEvent, Outcome
from slips.parsing.chain import compile_chain
from slips.parsing.run import Chain, Ticker

TIMES = 10
"""Most CPU time per byte, as a multiple of normal lines'."""
NEAR, REPEATS = 0.8, 4
"""From which part of the bound on a line is measured again, and how often: the least counts."""
SIZE = 1_000_000
PIECES = (
    *" a1é,.:;=|-/<[]{\"'\\\t^\0",
    "a\t",
    *r"""
    ]:~: ~a ~1 ~a=~ a=b~a,~"",~"a" ~\"~\\~\x41~a[1~[1] ~a: ~ -~1.~{},~{} ~"a":1,~[x="1"]~ x="1"~\=~#011~1:~lease 1.1x ~
    2018-06-11T04:27:47Z ~Nov 21 06:00:24 ~abcd ~ abcd~"ab" ~ "ab"~"a ~ab=c ~a="b" ~abcd,~"ab",~ab=c^~[abc]
    """.replace("\n    ", "").split("~"),
)
"""Some make more values than a record may have, others as many as it may: `abcd ` and its like."""
MODERATE = (60, 300, 950, 1_100)
"""How often a piece comes in lines that families read field by field: as many as they keep, or a few more."""
SOURCE = ObjectEvent(bucket_name="logs", object_key="hostile", event_time="2018-12-31T23:59:30Z")
CUTS = re.compile(r"(?<=\W)(?=\w)|(?<=\w)(?=\W)")


def formats() -> Iterator[Format]:
    """The formats with samples of lines, or of one document."""
    yield from (format_ for format_ in catalogue().values() if format_.takes != "object" or format_.name == "csv")


def head(format_: Format) -> bytes:
    """The first lines of a sample that name the columns of the others; nothing if its format has no such lines."""
    directive = getattr(format_, "directive", "")[:1].encode()
    lines = sample_files(format_.name)[0].read_bytes().splitlines(keepends=True) if directive else []
    first = next((number for number, line in enumerate(lines) if not line.startswith(directive)), len(lines))
    return b"".join(lines[:first])


def good_lines(format_: Format) -> list[str]:
    """The lines of a sample that the format delivers, each behind the head; of a document, or if there are none, the
    whole."""
    content = sample_files(format_.name)[0].read_bytes()
    if format_.container or format_.takes == "object":
        return [content.decode()]
    chain, good, begin = compile_chain([format_.name], Path()), [], head(format_)
    for line in content.decode("utf-8", "surrogateescape").split("\n"):
        with suppress(ReaderError):  # of a line that is a part of a document
            if run(chain, begin + f"{line}\n".encode("utf-8", "surrogateescape")).delivered:
                good.append(line)
    return good or [content.decode("utf-8", "surrogateescape")]


def run(chain: Chain, content: bytes) -> Outcome:
    outcome = Outcome()
    chain.run(
        io.BufferedReader(io.BytesIO(content)),
        outcome,
        source=SOURCE,
        recv=lambda _meta, _event: None,
        reject=lambda _seq, _record, _error: None,
        ticker=Ticker(),
    )
    return outcome


class Hostile(NamedTuple):
    """Lines of any size that are alike, each made of a `begin`, a piece again and again, and a `rest`."""

    name: str
    begin: str
    piece: str
    rest: str = ""
    times: int = 0
    """How often the piece comes in each of many lines; 0 for one line that has it as often as the size allows."""

    def of(self, size: int, before: bytes = b"") -> bytes:
        times = self.times or size // len(_encoded(self.piece))
        line = b"%s%s%s\n" % (_encoded(self.begin), _encoded(self.piece) * times, _encoded(self.rest))
        return before + (line * (size // len(line) // 5 + 1) if self.times else line)


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def hostile_lines(good: Sequence[str], cuts: int, pieces: Sequence[str] = PIECES) -> Iterator[Hostile]:
    """Yield lines: the first and the longest of `good`, cut at some places, with pieces in the cut."""
    for line in dict.fromkeys([good[0], max(good, key=len)]):
        places = [0, *(found.start() for found in CUTS.finditer(line)), len(line)]
        for number in range(cuts):
            place = places[number * (len(places) - 1) // max(cuts - 1, 1)]
            for piece, rest in itertools.product(pieces, (line[place:], "")):
                name = f"{line[max(place - 20, 0) : place]!r} + {piece!r} again and again{' + the rest' * bool(rest)}"
                yield Hostile(name, line[:place], piece, rest)


def long_lines(good: Sequence[str], pieces: Sequence[str] = PIECES) -> Iterator[Hostile]:
    """Yield many lines at a time, each the first of `good` with pieces behind it."""
    for piece, times in itertools.product(pieces, MODERATE):
        yield Hostile(f"{good[0][-20:]!r} + {piece!r} {times} times", good[0], piece, times=times)


def cpu(chain: Chain, content: bytes) -> tuple[float, int]:
    """CPU seconds of a run, and the number of its records, or of their events if these are more."""
    begun, records = time.process_time(), 0
    with suppress(ReaderError):  # of a document
        outcome = run(chain, content)
        records = max(outcome.records, outcome.events)
    return time.process_time() - begun, max(records, 1)


def report(names: Sequence[str] = (), cuts: int = 5) -> bool:
    """Print a line for each format, and its slow lines. Return whether none takes more than TIMES."""
    kept = True
    seconds, records = cpu(compile_chain(["json"], Path()), b"{  }\n" * 200_000)
    short = seconds / records  # a record costs that much, however short it is, and a line of JSON may have many
    print(f"{'format':24}{'ns/byte':>9}{'lines':>8}{'× normal, most':>16}")
    for format_ in formats():
        if names and format_.name not in names:
            continue
        chain, good, begin = compile_chain([format_.name], Path()), good_lines(format_), head(format_)
        usual = f"{good[0]}\n".encode("utf-8", "surrogateescape")  # samples begin with a usual line, odd ones follow
        if format_.takes != "object":
            usual = begin + usual * (SIZE // len(usual) + 1)
        normal = min(cpu(chain, usual)[0] for _ in range(5)) / len(usual)

        def times_normal(line: bytes, chain: Chain = chain, normal: float = normal) -> float:
            seconds, records = cpu(chain, line)
            return min(seconds / len(line) / normal, seconds / records / short)

        worst, slow, count = 0.0, {}, 0
        for line in itertools.chain(hostile_lines(good, cuts), long_lines(good)):
            count += 1
            few, times = (times_normal(line.of(SIZE // part, begin)) for part in (25, 5))
            if times * 5 > TIMES and (times * 2 > TIMES or times > few * 1.25):  # the square of SIZE may be too much
                content = line.of(SIZE, begin)
                times = times_normal(content)
                for _ in range(REPEATS if times > max(NEAR * TIMES, worst) else 0):
                    beside = cpu(chain, usual)[0] / len(usual)  # the machine may be slower than it was at first
                    times = min(times, times_normal(content, normal=max(normal, beside)))
            worst = max(worst, times)
            if times > TIMES:
                slow[line.name] = times
        print(f"{format_.name:24}{normal * 1e9:9.1f}{count:8}{worst:16.1f}", flush=True)
        for name in sorted(slow, key=slow.__getitem__, reverse=True)[:5]:
            print(f"    {slow[name]:6.1f}  {name}", flush=True)
        kept &= not slow
    return kept


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("names", nargs="*", help="formats; all by default")
    arguments.add_argument("--cuts", type=int, default=5, help="places in a line of the sample")
    options = arguments.parse_args()
    sys.exit(not report(options.names, options.cuts))


if __name__ == "__main__":
    main()
