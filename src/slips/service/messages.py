"""The messages between the supervisor and its workers, and their encoding in a pipe."""

from __future__ import annotations

import struct
from typing import Any, BinaryIO, Literal

import msgspec
from msgspec import Struct

from slips.model import ObjectEvent
from slips.pipeline.ended import Failure, Success, Superseded

LONGEST = 1 << 30
"""Most bytes of a message."""


Prints = Literal["as they are", "lines", "json"]
"""How the texts that handlers print and log are written: as they are, by whole lines, or as a JSON object for each."""


class Setup(Struct, tag=True):
    """First message to a worker. `config` is the configuration as plain data."""

    config: dict[str, Any]
    endpoint_url: str | None = None
    region: str | None = None
    token: bytes = b""
    """Token that each answer begins with: bytes that a handler writes into the pipe lack it."""
    prints: Prints = "as they are"
    broken: dict[str, str] = {}
    """Files of handlers that end a worker when it imports them, each with the reason: it does not import these."""


class Task(Struct, tag=True):
    """Orders a worker to process an object."""

    event: ObjectEvent
    settled: list[str] = []
    """Identities of the object's contents that need no further run: a worker that opens one of them does not run."""
    known: dict[str, str] = {}
    """The hash of the object's file by its stamp, if the file was read before."""
    coming: list[ObjectEvent] = []
    """Events whose objects the worker should fetch ahead, since it probably gets these next."""
    is_ahead: bool = False
    """Whether the worker was given the object before it had ended another: it needs a Permit to begin."""


class Loading(Struct, tag=True):
    """Reports that the worker is about to import the file `path` of a handler; empty: that it has imported all."""

    path: str


class Ready(Struct, tag=True):
    """Reports that the worker has loaded the handlers, or the `problem` of all of them."""

    problem: str | None = None
    unusable: list[str] = []
    """The problems of some handlers, whose objects fail; other objects are processed."""


class Imported(Struct, tag=True):
    """Reports the files of the user that the worker has imported: if one of them changes, it runs old code."""

    files: list[str]


class Progress(Struct, tag=True):
    """Reports that the worker is alive, with the number of the current object's last record."""

    seq: int
    hashed: int = 0
    """Bytes that were read for the hash of the object's file, before its first record."""


class Leaving(Struct, tag=True):
    """Announces the last answer of this worker: its process is not fit for another object."""


class Opened(Struct, tag=True):
    """Reports the content that a worker opened: `event` has its identity, `names` are its other identities."""

    event: ObjectEvent
    names: tuple[str, ...]


ToWorker = Setup | Task
FromWorker = Loading | Ready | Imported | Leaving | Opened | Progress | Success | Failure | Superseded
_LENGTH = struct.Struct(">I")
_to_worker = msgspec.json.Decoder(ToWorker)
_from_worker = msgspec.json.Decoder(FromWorker)
_encode = msgspec.json.Encoder().encode


def frame(message: ToWorker | FromWorker, token: bytes = b"") -> bytes:
    """Encode a message: `token`, four bytes of length, then JSON. MessagePack cannot hold all integers of results."""
    body = _encode(message)
    return token + _LENGTH.pack(len(body)) + body


def read(commands: BinaryIO) -> ToWorker | None:
    """Return the next message of the supervisor; None if the supervisor has closed the pipe."""
    head = commands.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    message: ToWorker = _to_worker.decode(commands.read(_LENGTH.unpack(head)[0]))
    return message


class Frames:
    """Decodes the bytes of a worker's pipe, in pieces of any size, to the worker's messages."""

    def __init__(self, token: bytes = b"") -> None:
        self._token, self._buffer = token, bytearray()

    @property
    def is_in_message(self) -> bool:
        """Whether the beginning of a message has arrived without its end."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> list[FromWorker]:
        """Return the messages that `data` completes. Raises msgspec.MsgspecError for bytes that no worker writes."""
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
