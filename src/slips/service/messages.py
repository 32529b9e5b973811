"""What the supervisor and its workers say to each other, and how it travels through a pipe."""

from __future__ import annotations

import struct
from typing import Any, BinaryIO

import msgspec
from msgspec import Struct

from slips.model import ObjectEvent
from slips.pipeline.ended import Failure, Success, Superseded

LONGEST = 1 << 30
"""Most bytes of a message."""


class Setup(Struct, tag=True):
    """First message to a worker. `config` is the configuration as plain data."""

    config: dict[str, Any]
    handler: str
    endpoint_url: str | None = None
    region: str | None = None
    token: bytes = b""
    """Token that each answer begins with: bytes that a handler writes into the pipe lack it."""


class Task(Struct, tag=True):
    """Process this."""

    event: ObjectEvent
    settled: list[str] = []
    """Contents of the object that are done: if one of them is found instead of the announced one, nothing is to do."""
    known: dict[str, str] = {}
    """The hash of the object's file by its stamp, if it need not be read for that."""


class Ready(Struct, tag=True):
    """The handler is loaded; `problem` says why it could not be."""

    problem: str | None = None


class Progress(Struct, tag=True):
    """Still alive: number of the last record of the object at hand."""

    seq: int
    hashed: int = 0
    """Bytes that were read to tell the object's content, before its first record is."""


class Leaving(Struct, tag=True):
    """Announces the last answer of this worker: its process is not fit for another object."""


class Opened(Struct, tag=True):
    """Other content than the announced is there: `event` has its identity, `names` are its others."""

    event: ObjectEvent
    names: tuple[str, ...]


ToWorker = Setup | Task
FromWorker = Ready | Leaving | Opened | Progress | Success | Failure | Superseded
_LENGTH = struct.Struct(">I")
_to_worker = msgspec.json.Decoder(ToWorker)
_from_worker = msgspec.json.Decoder(FromWorker)
_encode = msgspec.json.Encoder().encode


def frame(message: ToWorker | FromWorker, token: bytes = b"") -> bytes:
    """A message as it travels: `token`, four bytes of length, then JSON: results may hold what MessagePack cannot."""
    body = _encode(message)
    return token + _LENGTH.pack(len(body)) + body


def read(commands: BinaryIO) -> ToWorker | None:
    """Returns the next message of the supervisor; None once its pipe has ended."""
    head = commands.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    message: ToWorker = _to_worker.decode(commands.read(_LENGTH.unpack(head)[0]))
    return message


class Frames:
    """Bytes of a worker's pipe, as they come, to its messages."""

    def __init__(self, token: bytes = b"") -> None:
        self._token, self._buffer = token, bytearray()

    @property
    def is_in_message(self) -> bool:
        """Whether the beginning of a message has come without its end."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> list[FromWorker]:
        """The messages that `data` completes. Raises msgspec.MsgspecError for what no worker says."""
        buffer, token = self._buffer, self._token
        buffer += data
        messages: list[FromWorker] = []
        head = len(token) + _LENGTH.size
        while buffer:
            if not buffer.startswith(token[: len(buffer)]):
                raise msgspec.DecodeError("no token; expected the one of the worker's setup")
            if len(buffer) < head:
                break
            end = head + _LENGTH.unpack_from(buffer, len(token))[0]
            if end > LONGEST:
                raise msgspec.DecodeError(f"{end:,} bytes announced; expected {LONGEST:,} at most")
            if len(buffer) < end:
                break
            messages.append(_from_worker.decode(memoryview(buffer)[head:end]))
            del buffer[:end]
        return messages
