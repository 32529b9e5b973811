"""Tests of your handler: runs a log through the real chain, codec and handler, without buckets or a config file.

    def test_denied_calls_are_counted():
        seen = slips.testing.run(MyHandler, "cloudtrail", Path("tests/trail.json.gz"), args={"region": "us-east-1"})
        assert seen.result == {"denied": 3}

    def test_the_project_as_it_is_configured():
        seen = slips.testing.run(config="slips.yml", key="AWSLogs/1.json", source={"eventName": "ConsoleLogin"})
        assert seen.delivered == 1

What would go to the error table is raised as itself, your handler's exceptions too.
"""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal, cast

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from slips import times
from slips.config import Config, HandlerConfig, HandlerSpec, Mapping, load
from slips.config.secrets import references
from slips.errors import HandlerError, UsageError
from slips.format import Event
from slips.interface import Handler, check_handlers, load_handlers
from slips.model import MetaData, ObjectEvent, Sample, format_time, nearest_time
from slips.new_format.trial import expected
from slips.not_logs import NotLog
from slips.parsing.chain import compile_chain
from slips.pipeline.process import Processor
from slips.ports import StoredObject
from slips.routing import assigned
from slips.step import Step
from slips.usercode import activate, environment

JSON = {"json", "json-documents", "json-lines"}
"""Formats that read JSON documents."""
BUCKET = "test"
"""The value of `meta.source.bucket_name` in a test without a bucket."""


class Result(Struct, kw_only=True):
    """The outcome of one log."""

    results: dict[str, Any]
    """The value that `result()` of each handler returned, as JSON, by handler name."""
    events: list[Event]
    """The events that `recv` was called with, before it changed them; `metas` are its first arguments, in order."""
    metas: list[MetaData]
    quarantine: list[Sample]
    """Bad records, each with `seq`, `reason` and `raw`. Of many, the first 32 KB; `quarantined` counts them all."""
    filtered: dict[str, int]
    """Records that a rule filtered, by the rule's name."""
    records: int
    delivered: int
    quarantined: int
    mapping: Mapping
    """The mapping that parsed the log: `prefix` or `pattern`, `format`, `on_error`, `contains`, `timezone`,
    `handler`."""

    @property
    def result(self) -> Any:
        """The value that `result()` of the handler returned. Raises ValueError if several handlers have a result."""
        if len(self.results) > 1:
            names = ", ".join(self.results)
            raise ValueError(f"{len(self.results)} handlers have a result: {names}; expected one; use 'results'")
        return next(iter(self.results.values()), None)


class _FromConfig:
    """The type of the default of `handler`: the handlers of the config."""


Source = Path | bytes | str | dict[str, Any] | list[dict[str, Any]]
FROM_CONFIG = _FromConfig()


def run(
    handler: type[Handler] | Path | str | _FromConfig | None = FROM_CONFIG,
    format: Step | Sequence[Step] | None = None,
    source: Source | None = None,
    *,
    config: Path | str | None = None,
    bucket: str | None = None,
    args: dict[str, Any] | None = None,
    on_error: Literal["quarantine", "skip", "fail"] | None = None,
    contains: str | Sequence[str] | None = None,
    key: str | None = None,
    event_time: str | None = None,
    timezone: str | None = None,
) -> Result:
    """Run `source`, one log, through `format` to `handler`, with `meta.is_test` true.

    `source` is a file (`Path`), its bytes or its text, compressed or not; or events: a dict or a list of dicts is
    written as `format`, one of JSON, expects them. `handler` is a class, a handler file, one class of it in
    `path/file.py:Class`, or None to parse only.
    `format` is what the config would say, with options as `{"csv": {"delimiter": "|"}}`; a file in `path/file.py:name`
    is relative to the current directory. `key` is the object's key (default: the file's name), `event_time` RFC 3339
    (default: the file's last change, or now): it dates records that have no time or no year. `contains`: texts of which
    a record must have one. `timezone`: the zone of times that name none.

    With `config`, the path of a `slips.yml`, what is not given comes from there: the mapping that fits `key`, its
    handler with its args (those given are added), environment and limits, and the file of that key in the bucket's
    directory. `bucket` is needed where several have a mapping for it.

    Raises what the handler raises, every other error that would fail the object (`slips.errors.ObjectError`), and
    UsageError for a handler or arguments that cannot be used.
    """
    if config is None:
        if isinstance(handler, _FromConfig) or format is None or source is None:
            raise UsageError("slips.testing.run: expected handler, format and source, or a config that says them")
        project = Config(
            stack_name="test",
            handler=HandlerConfig(),
            bucket_mapping={BUCKET: [Mapping("", _steps(format))]},
        )
        found = BUCKET, project.bucket_mapping[BUCKET][0]
    else:
        project = load(config)
        if key is None:
            raise UsageError(f"{config}: no key; expected the key of an object, which chooses the mapping; pass key=…")
        found = _mapping(project, bucket, key)
        if isinstance(handler, _FromConfig):
            handler = project.resolve(project.handler_of(found[1]).name)
        if source is None:
            source = _file(project, found[0], key)
    name, mapping = found
    if format is not None:
        mapping = replace(mapping, format=_steps(format))
    if on_error not in (None, "quarantine", "skip", "fail"):
        raise UsageError(f"on_error is {on_error!r}; expected 'quarantine', 'skip' or 'fail'")
    if on_error is not None:
        mapping = replace(mapping, on_error=on_error)
    if contains is not None:
        mapping = replace(mapping, contains=[contains] if isinstance(contains, str) else list(contains))
    if timezone is not None:
        mapping = replace(mapping, timezone=timezone)
    configured = project.handler_of(mapping)
    all_args = {**configured.args, **(args or {})}
    if config is not None and next(references(all_args), None) is not None:
        raise UsageError(
            f"{config}: {configured.name}: its args have placeholders of secrets, which a test does not ask AWS for; "
            "expected their values; pass args={…}"
        )
    event = _object_event(name, key, source, event_time)
    # A log runs whatever its name is: a mapping that spells the key out gets also objects that are no logs.
    of_this_key = replace(mapping, prefix=event.object_key, pattern=None, handler=None)
    project = replace(project, handler=replace(project.handler, args=all_args), bucket_mapping={name: [of_this_key]})
    with environment(project.handler.environment):
        return _run(project, mapping, handler, source, event)


def _mapping(project: Config, bucket: str | None, key: str) -> tuple[str, Mapping]:
    """Return the bucket, and its mapping that fits a key. Raises UsageError if there is none, or several."""
    buckets = [bucket] if bucket else list(project.bucket_mapping)
    objects = (ObjectEvent(bucket_name=name, object_key=key, object_size=1) for name in buckets)
    found = {one.bucket_name: assigned(project.bucket_mapping, one) for one in objects}
    fitting = {name: one for name, one in found.items() if isinstance(one, Mapping)}
    if len(fitting) == 1:
        return next(iter(fitting.items()))
    if fitting:
        raise UsageError(f"key {key!r} fits mappings of the buckets {', '.join(fitting)}; expected one; pass bucket=…")
    if rule := next((one for one in found.values() if isinstance(one, NotLog)), None):
        raise UsageError(
            f"key {key!r} is of an object that is no log, which rule {rule.name!r} filters; expected the key of a log, "
            f"or a mapping that asks for it; 'slips formats {rule.name}' shows the rule"
        )
    known = [f"{name}: {one.written!r}" for name in buckets for one in project.bucket_mapping.get(name, ())]
    raise UsageError(
        f"key {key!r} fits no mapping; expected a key that one of these fits: {', '.join(known) or 'none'}"
    )


def _file(project: Config, bucket: str, key: str) -> Path:
    """Return the file of an object on this machine. Raises UsageError if there is none."""
    embedded = project.backend.embedded
    directory = embedded.directories.get(bucket) if embedded else None
    if directory is None or not (path := project.resolve(directory) / key).is_file():
        where = f"below {directory}" if directory else f"of bucket {bucket!r} on this machine"
        raise UsageError(f"no file {key!r} {where}; expected one, or the log itself; pass source=…")
    return path


def _object_event(bucket: str, key: str | None, source: Source, event_time: str | None) -> ObjectEvent:
    """Make the object event of the log."""
    changed = nearest_time(source.stat().st_mtime) if isinstance(source, Path) else time.time()
    return ObjectEvent(
        aws_region="local",
        event_time=format_time(times.iso(event_time, "event_time") if event_time else changed),
        event_name="ObjectCreated:Put",
        bucket_name=bucket,
        bucket_arn=f"arn:aws:s3:::{bucket}",
        object_key=key or (source.name if isinstance(source, Path) else "log"),
    )


def _run(
    project: Config,
    mapping: Mapping,
    handler: type[Handler] | Path | str | _FromConfig | None,
    source: Source,
    object_event: ObjectEvent,
) -> Result:
    metas: list[MetaData] = []
    events: list[Event] = []

    class Recorder__(Handler):  # named as no class of the user is: results are kept by name
        def recv(self, meta: MetaData, event: Event) -> None:
            metas.append(meta)
            events.append(event)

    # The recorder comes first, and each handler gets copies, so that changes by the handler are not recorded.
    handlers: list[type[Handler]] = [Recorder__, *_handlers(handler, project.handler.requirements)]
    store = _OneObject(_body(source, project, mapping))
    processor = Processor(_OneObjectSite(project, store, handlers), is_test=True)
    raised: BaseException | None = None
    try:
        success = processor.attempt(object_event)
    except HandlerError as error:
        raised = error.__cause__
        if raised is None:
            raise
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
        mapping=mapping,
    )


def lines_of(format: Step | Sequence[Step], log: Path | bytes) -> list[dict[str, Any]]:
    """Return what a format makes of a sample: the lines of `NAME.expected.jsonl`, as `slips formats --new` writes it.

    A line is `{"meta": …, "event": …}`, `{"quarantined": reason, "seq": n}` or `{"filtered": rule, "seq": n}`.
    """
    content = log.read_bytes() if isinstance(log, Path) else log
    chain = compile_chain(_steps(format), Path.cwd())
    return [json.loads(json.dumps(line)) for line in expected(chain, content)]


def _steps(format: Step | Sequence[Step]) -> list[Step]:
    """Return the steps of a chain, of which one alone may be given."""
    return [format] if isinstance(format, str | dict) else list(format)


def _handlers(
    handler: type[Handler] | Path | str | _FromConfig | None, requirements: str | None
) -> list[type[Handler]]:
    if handler is None or isinstance(handler, _FromConfig):
        return []
    if isinstance(handler, str | Path):
        named = HandlerSpec.of(str(handler), {})
        classes = load_handlers(Path(named.path), requirements, named.class_name)
        activate(Path(named.path))
        return classes
    check_handlers([handler])
    return [handler]


def _body(source: Source, project: Config, mapping: Mapping) -> Path | bytes:
    """Return the log as a file, or as its bytes."""
    if isinstance(source, Path | bytes):
        return source
    if isinstance(source, str):
        if "\n" not in source and source.strip() and Path(source[:1000]).is_file():
            raise UsageError(f"source is the text {source!r}, and a file has that name; expected a log; pass Path(…)")
        return source.encode("utf-8", "surrogateescape")
    events = source if isinstance(source, list) else [source]
    chain = compile_chain(mapping.format, project.root, project.limits.record)
    name, _, path = chain.reader.partition(":")
    if name != "json-records":
        if not any(".py:" in each for each in chain.names) and JSON.isdisjoint(chain.formats[:2]):
            raise UsageError(
                f"source is {type(source).__name__}, and [{', '.join(chain.names)}] reads no JSON; expected a log; "
                "pass its text, its bytes or a Path"
            )
        return b"".join(msgspec.json.encode(event) + b"\n" for event in events)
    if len(events) == 1 and isinstance(events[0].get(path.partition(".")[0]), list | dict):
        return msgspec.json.encode(events[0])  # the whole document
    document: Any = events
    for part in reversed(path.split(".")):
        document = {part: document}
    return msgspec.json.encode(document)


@dataclass(frozen=True)
class _OneObjectSite:
    """A HandlerSite of one object."""

    config: Config
    store: _OneObject
    handlers: Sequence[type[Handler]]

    @property
    def loader(self) -> _OneObjectSite:
        return self

    def handlers_of(self, _spec: HandlerSpec) -> Sequence[type[Handler]]:
        return self.handlers

    def args_of(self, _spec: HandlerSpec) -> dict[str, Any]:
        return self.config.handler.args


class _OneObject:
    """An ObjectStore of one object, which has every key."""

    def __init__(self, source: Path | bytes) -> None:
        self._source = source

    @contextmanager
    def open(self, object_event: ObjectEvent) -> Iterator[StoredObject]:
        body = self._source.open("rb") if isinstance(self._source, Path) else io.BytesIO(self._source)
        with body:
            size = body.seek(0, io.SEEK_END)
            body.seek(0)
            yield StoredObject(cast("BinaryIO", body), f"{size:x}", size)

    def expect(self, events: Sequence[ObjectEvent]) -> None:
        """Do nothing: there is one object."""

    def list(self, bucket: str, prefix: str = "") -> Iterator[ObjectEvent]:
        return iter(())
