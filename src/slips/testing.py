"""For the tests of your handler: a log through the real chain, codec and handler, without buckets or a config file.

    def test_denied_calls_are_counted():
        seen = slips.testing.run(MyHandler, "cloudtrail", Path("tests/trail.json.gz"), args={"region": "us-east-1"})
        assert seen.result == {"denied": 3}

What would go to the error table is raised as itself, your handler's exceptions too.
"""

from __future__ import annotations

import io
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Literal, cast

from msgspec import Struct

from slips import times
from slips.config import Config, HandlerConfig, Mapping
from slips.errors import HandlerError
from slips.format import Event
from slips.interface import Handler, check_handlers, load_handlers
from slips.model import MetaData, ObjectEvent, Sample, format_time, nearest_time
from slips.pipeline.process import Processor
from slips.ports import StoredObject

BUCKET = "test"
"""What `meta.source.bucket_name` says in a test."""


class Result(Struct, kw_only=True):
    """What became of one log."""

    results: dict[str, Any]
    """What `result()` of each handler returned, as JSON carries it, by handler name."""
    events: list[Event]
    """What `recv` was given, before it could change it; `metas` are its first arguments, in the same order."""
    metas: list[MetaData]
    quarantine: list[Sample]
    """Bad records, each with `seq`, `reason` and `raw`. Of many, the first 32 KB; `quarantined` counts them all."""
    filtered: dict[str, int]
    """Records that a rule filtered, by the rule's name."""
    records: int
    delivered: int
    quarantined: int

    @property
    def result(self) -> Any:
        """What `result()` of the handler returned. Raises ValueError where several handlers did."""
        if len(self.results) > 1:
            names = ", ".join(self.results)
            raise ValueError(f"{len(self.results)} handlers have a result: {names}; expected one; use 'results'")
        return next(iter(self.results.values()), None)


def run(
    handler: type[Handler] | Path | str | None,
    format: str | Sequence[str],
    source: Path | bytes,
    *,
    args: dict[str, Any] | None = None,
    on_error: Literal["quarantine", "skip", "fail"] = "quarantine",
    key: str | None = None,
    event_time: str | None = None,
) -> Result:
    """Runs `source`, a log file or its bytes, compressed or not, through `format` to `handler`.

    `handler` is a class, a handler file, or None to parse only. `format` is what the config would say; a file in
    `path/file.py:name` is relative to the current directory. `key` is the object's key (default: the file's name),
    `event_time` RFC 3339 (default: the file's last change, or now): it dates records that have no time or no year.

    Raises what the handler raises, and every other error that would fail the object (`slips.errors.ObjectError`).
    """
    metas: list[MetaData] = []
    events: list[Event] = []

    class Recorder__(Handler):  # named as no class of the user is: results are kept by name
        def recv(self, meta: MetaData, event: Event) -> None:
            metas.append(meta)
            events.append(event)

    if isinstance(source, Path):
        changed, key = nearest_time(source.stat().st_mtime), key or source.name
    else:
        changed, key = time.time(), key or "log"
    event = ObjectEvent(
        aws_region="local",
        event_time=format_time(times.iso(event_time, "event_time") if event_time else changed),
        event_name="ObjectCreated:Put",
        bucket_name=BUCKET,
        bucket_arn=f"arn:aws:s3:::{BUCKET}",
        object_key=key,
    )
    chain = [format] if isinstance(format, str) else list(format)
    config = Config(
        stack_name="test",
        handler=HandlerConfig(path="", args=args or {}),
        bucket_mapping={BUCKET: [Mapping("", chain, on_error)]},
    )
    # Beside the recorder, the handler gets copies: what is recorded is what was given, whatever it does to it.
    processor = Processor(config, _OneObject(source), [Recorder__, *_handlers(handler)])
    raised: BaseException | None = None
    try:
        success = processor.attempt(event)
    except HandlerError as error:
        raised = error.__cause__
    if raised is not None:
        raise raised
    outcome = success.outcome
    results = {name: value for name, value in outcome.results.items() if name != Recorder__.__name__}
    return Result(
        results=results,
        events=events,
        metas=metas,
        quarantine=[sample for part in success.quarantine for sample in part.samples],
        filtered=outcome.rules,
        records=outcome.records,
        delivered=outcome.delivered,
        quarantined=outcome.quarantined,
    )


def _handlers(handler: type[Handler] | Path | str | None) -> list[type[Handler]]:
    if handler is None:
        return []
    if isinstance(handler, str | Path):
        return load_handlers(Path(handler))
    check_handlers([handler])
    return [handler]


class _OneObject:
    """An ObjectStore of one object, whatever the event's key."""

    def __init__(self, source: Path | bytes) -> None:
        self._source = source

    @contextmanager
    def open(self, event: ObjectEvent) -> Iterator[StoredObject]:
        body = self._source.open("rb") if isinstance(self._source, Path) else io.BytesIO(self._source)
        with body:
            size = body.seek(0, io.SEEK_END)
            body.seek(0)
            yield StoredObject(cast("BinaryIO", body), f"{size:x}", size, event.timestamp)

    def list(self, bucket: str, prefix: str = "") -> Iterator[ObjectEvent]:
        return iter(())
