"""An object through `process`, with handlers and formats of the test."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Literal, cast

import pytest

from fakes import FakeSite
from slips.config import Config, HandlerConfig, Mapping
from slips.config.schema import Limits
from slips.errors import StorageError
from slips.interface import Handler
from slips.model import MetaData, ObjectEvent, Outcome, Range
from slips.parsing.run import Ticker
from slips.pipeline.ended import Failure, Success
from slips.pipeline.process import Processor
from slips.ports import StoredObject
from slips.service.messages import Frames, FromWorker, frame

FORMATS = '''
import sys

from slips.errors import RecordError, ReaderError
from slips.format import Bad, Rule, TooLong, parser, reader

NOISE = Rule("noise", "lines that say noise")


class Mute(Exception):
    def __str__(self):
        raise ValueError("no text")


@parser("words", summary="", reference="", takes="text", rules=(NOISE,))
def words(meta, text):
    """`bad…` is a bad record, `noise…` is filtered, n words with commas between are n events."""
    meta.tag = "words"
    if text.startswith("bad"):
        raise RecordError(f"it is {text[:20]!r}")
    if text.startswith("noise"):
        return NOISE
    events = [{"word": word} for word in text.split(",")]
    return events if len(events) > 1 else events[0]


@parser("odd", summary="", reference="", takes="text")
def odd(meta, text):
    """What a parser should not do, by name."""
    match text:
        case "exit":
            sys.exit("enough")
        case "mute":
            raise Mute
        case "recursion":
            return odd.parse(meta, text)
        case "none":
            return None
        case "empty":
            return []
        case "mixed":
            return [{}, 1]
        case "time":
            meta.timestamp = "2018-01-01"
        case "times":
            meta.timestamp = None
            return [{}, {}]
        case "huge time":
            meta.timestamp = 10**400
        case "huge times":
            meta.timestamp = 10**400
            return [{}, {}]
        case "decimal":
            from decimal import Decimal

            meta.timestamp = Decimal("1.5")
        case "dictlike":
            from collections import OrderedDict

            return OrderedDict(text=text)
    return {"text": text}


@parser("thirds", summary="", reference="", rules=(NOISE,))
def thirds(meta, event):
    """One of three numbers."""
    meta.timestamp = event["n"]
    if event["n"] == 100:
        raise RecordError("it is 100")
    return NOISE if event["n"] % 3 else event


@parser("nothing", summary="", reference="", rules=(NOISE,))
def nothing(meta, event):
    return NOISE


calls = []


@parser("fickle", summary="", reference="")
def fickle(meta, event):
    calls.append(event)
    if len(calls) > 150:
        raise RecordError("again?")
    return event


@reader("plain", summary="", reference="")
def plain(stream, record_bytes, parameter):
    """Lines, as `s3-lines` cuts them; `json` behind it is a parser, no part of a reader of documents."""
    yield from stream


@reader("blocks", summary="", reference="")
def blocks(stream, record_bytes, parameter):
    """Pieces of three bytes; `!` is a record that cannot be given, `?` cannot be cut, `#` is a bug."""
    while piece := stream.read(3):
        if b"!" in piece:
            yield Bad(3, piece, "a piece with !")
        elif b"?" in piece:
            raise ReaderError("a piece with ?")
        elif b"#" in piece:
            raise KeyError("a bug")
        else:
            yield piece
'''
WORDS, ODD, BLOCKS = (["s3-lines", "formats.py:words"], ["s3-lines", "formats.py:odd"], ["formats.py:blocks"])
EVENT = ObjectEvent(
    bucket_name="my-logs", object_key="a/b.log", event_time="2018-03-29T16:35:15.768Z", object_etag="announced"
)


class MemoryStore:
    """An ObjectStore of bytes. `reads` counts the bytes taken; an object may be an exception, raised by `open`."""

    def __init__(self, **objects: bytes | Exception) -> None:
        self.objects: dict[str, bytes | Exception] = dict(objects)
        self.version: str | None = None
        self.opened = 0

    @contextmanager
    def open(self, event: ObjectEvent) -> Iterator[StoredObject]:
        self.opened += 1
        body = self.objects.get(event.object_key, StorageError(f"{event.url}: no such object"))
        if isinstance(body, Exception):
            raise body
        etag = f"{len(body)}-{hash(body):x}"
        yield StoredObject(cast("BinaryIO", io.BytesIO(body)), etag, len(body), self.version)

    def expect(self, events: Sequence[ObjectEvent]) -> None:
        """Do nothing: the objects are at hand."""

    def list(self, bucket: str, prefix: str = "") -> Iterator[ObjectEvent]:
        keys = sorted(key for key in self.objects if key.startswith(prefix))
        return (ObjectEvent(bucket_name=bucket, object_key=key) for key in keys)


class Recorder(Handler):
    """Keeps what happens to its instances, of the test at hand."""

    runs: list[Recorder]

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.args: Any = None
        self.events: list[dict[str, Any]] = []
        self.metas: list[MetaData] = []
        type(self).runs.append(self)

    def setup(self, args: dict[str, Any]) -> None:
        self.calls.append("setup")
        self.args = args

    def recv(self, meta: MetaData, event: dict[str, Any]) -> None:
        self.calls.append("recv")
        self.events.append(event)
        self.metas.append(meta)

    def result(self) -> Any:
        self.calls.append("result")
        return len(self.events)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with user formats; one for all tests, as Python imports a file once."""
    root = tmp_path_factory.mktemp("project")
    (root / "formats.py").write_text(FORMATS)
    return root


Make = Callable[..., Processor]


@pytest.fixture
def make(root: Path) -> Make:
    """A Processor over one object, `EVENT`'s, with a fresh Recorder."""
    Recorder.runs = []

    def make(
        body: bytes | Exception = b"",
        format: Sequence[str] = ("s3-lines",),
        *handlers: type[Handler],
        on_error: Literal["quarantine", "skip", "fail"] = "quarantine",
        limits: Limits = Limits(),  # noqa: B008 - frozen
        args: dict[str, Any] | None = None,
        store: MemoryStore | None = None,
    ) -> Processor:
        config = Config(
            stack_name="test",
            handler=HandlerConfig(path="handler.py", args=args or {}),
            bucket_mapping={"my-logs": [Mapping("a/", list(format), on_error)]},
            limits=limits,
            file=str(root / "slips.yml"),
        )
        store = store or MemoryStore(**{EVENT.object_key: body})
        return Processor(FakeSite(config=config, store=store, handlers=handlers or (Recorder,)))

    return make


def done(result: Success | Failure) -> Success:
    assert isinstance(result, Success), result
    assert result.outcome.balanced
    return result


def travelled(result: Success | Failure) -> FromWorker:
    """What the supervisor gets when a worker says so."""
    (message,) = Frames().feed(frame(result))
    return message


def failed(result: Success | Failure) -> Failure:
    """Whatever ended it, the counters of the records before agree, and others can be told."""
    assert isinstance(result, Failure), result
    assert result.outcome.balanced
    assert travelled(result) == result
    return result


def counts(outcome: Outcome) -> tuple[int, int, int, int, int]:
    return outcome.records, outcome.delivered, outcome.filtered, outcome.quarantined, outcome.events


def ranges(success: Success) -> list[Range]:
    return [each for part in success.quarantine for each in part.ranges]


def lines(*texts: str) -> bytes:
    return "".join(f"{text}\n" for text in texts).encode()


class Mute(Exception):
    def __str__(self) -> str:
        raise ValueError("no text")


class StopAt(Ticker):
    """Stops a run behind each of these records."""

    def __init__(self, *seqs: int) -> None:
        self.due = True
        self._seqs = seqs

    def tick(self, seq: int) -> bool:
        return seq in self._seqs
