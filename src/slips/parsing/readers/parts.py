"""Reads logs of containers, whose runtimes write a long line of a program in parts: the parts of a line are one record.

Docker splits lines at 16 KB, containerd and CRI-O likewise. Of two streams, the parts may stand between each other. A
record is there with its last part, so that lines of the other stream may be before it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from io import BufferedReader
from typing import NamedTuple

import msgspec

from slips.format import Record, TooLong, reader
from slips.parsing.readers.lines import HEAD, LineRecords
from slips.parsing.readers.text import PADDING, TextRecords

_STREAMS = ("stdout", "stderr")


class _Kind(NamedTuple):
    """A notation of lines."""

    is_whole: Callable[[bytes], bool]
    """Whether a line is surely a whole one: almost all are, and are told by their bytes."""
    part_of: Callable[[bytes], tuple[str, bool]]
    """Return the stream of a line, and whether it goes on in another; no stream for a line in another notation."""


class _DockerLine(msgspec.Struct):
    log: str
    stream: str


_decode_docker = msgspec.json.Decoder(_DockerLine).decode


def _docker_part(line: bytes) -> tuple[str, bool]:
    try:
        decoded = _decode_docker(line)
    except (msgspec.MsgspecError, ValueError):
        return "", False
    return (decoded.stream, not decoded.log.endswith("\n")) if decoded.stream in _STREAMS else ("", False)


_DOCKER = _Kind(lambda line: b'\\n","' in line and b'\\\\n","' not in line, _docker_part)
_CRI_LINE = re.compile(rb"[^ ]{20,40} (stdout|stderr) ([FP])(?:[ :\r\n]|\Z)")


def _cri_part(line: bytes) -> tuple[str, bool]:
    found = _CRI_LINE.match(line)
    return (found[1].decode(), found[2] == b"P") if found else ("", False)


_CRI = _Kind(lambda line: line.find(b" F ", 20, 60) > 0, _cri_part)


@reader(
    "docker-lines",
    summary="each line that a program in a container wrote is a record, with all parts in which Docker keeps it",
    reference="https://docs.docker.com/engine/logging/drivers/json-file/",
    rules=(PADDING,),
)
def docker_lines(stream: BufferedReader, record_bytes: int, _parameter: str) -> TextRecords:
    """Yield the lines of Docker's json-file; a line whose log has no line end goes on in the next one of its stream."""
    return _Joined(stream, record_bytes, _DOCKER)


@reader(
    "cri-lines",
    summary="each line that a program in a container wrote is a record, with all parts in which the runtime keeps it",
    reference="https://kubernetes.io/docs/concepts/cluster-administration/logging/",
    rules=(PADDING,),
)
def cri_lines(stream: BufferedReader, record_bytes: int, _parameter: str) -> TextRecords:
    """Yield the lines of a log of the Container Runtime Interface; a line that is tagged `P` goes on in the next one
    of its stream."""
    return _Joined(stream, record_bytes, _CRI)


class _Kept:
    """The parts of a line so far, those within the limit."""

    def __init__(self) -> None:
        self.content, self.size = bytearray(), 0

    def add(self, line: bytes, limit: int) -> None:
        self.size += len(line)
        if len(self.content) <= limit:
            self.content += line

    def record(self, limit: int) -> Record:
        if self.size > limit:
            return TooLong(self.size, limit, bytes(self.content[:HEAD]))
        return bytes(self.content)


class _Joined(LineRecords):
    """The lines of an object, parts of one line joined. A record has the lines of all its parts."""

    def __init__(self, stream: BufferedReader, record_bytes: int, kind: _Kind) -> None:
        super().__init__(stream, record_bytes)
        self._kind = kind

    def cut(self, stream: BufferedReader) -> Iterator[Record]:
        limit, (is_whole, part_of) = self._record_bytes, self._kind
        begun: dict[str, _Kept] = {}
        for line in iter(partial(stream.readline, limit + 2), b""):
            if not (line > b"!" and len(line) <= limit):
                yield from self.odd(stream, line)
                continue
            if not begun and is_whole(line):
                yield line
                continue
            name, goes_on = part_of(line)
            if goes_on:
                begun.setdefault(name, _Kept()).add(line, limit)
            elif name in begun:
                begun[name].add(line, limit)
                yield begun.pop(name).record(limit)
            else:
                yield line
        for kept in begun.values():
            yield kept.record(limit)
