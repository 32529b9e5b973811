"""`check`: finds the mistakes of a project, and shows what becomes of its objects."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import click
from msgspec import Struct

from slips.cli.command import Command
from slips.cli.context import config_file, json_option, say_warning
from slips.cli.limit import paces
from slips.cli.options import options
from slips.cli.output import print_json, show_text, table
from slips.config import Config, HandlerSpec, Mapping
from slips.config.load import read
from slips.errors import ConfigError, UsageError
from slips.interface import Handler, load_handlers
from slips.loading import misfits
from slips.parsing.chain import compile_chain, shortest
from slips.pattern import below
from slips.place import stack_of
from slips.printable import one_line
from slips.routing import lanes_of, unmapped_below
from slips.step import written
from slips.usercode import importing


class Checked(Struct):
    """A mapping with its lanes and its chain, as `run` will use them."""

    bucket: str
    prefix: str | None
    pattern: str | None
    lanes: list[str]
    """`fast`; or `fast` and `drop for logs/debug/` if routing looks at more of the key."""
    chain: list[str]
    on_error: str
    handler: str
    """Its `path` in the config, which may name a class."""
    args: list[str]
    """Names of the args of its `setup`, without their values, which may be secret."""
    contains: list[str] | None
    timezone: str | None
    """Texts of which a record must have one."""


@click.command(cls=Command, accepts=("config", "verbose", "stack", "aws"))
@click.option("--schema", is_flag=True, help="Print the JSON Schema of the config instead, for editors.")
@json_option
@click.pass_context
def check(
    ctx: click.Context,
    schema: bool,
    json_: bool,
) -> None:
    """Check config, handler and formats; show lanes and chains.

    For each prefix or pattern: its lanes, its chain, the policy for records that cannot be parsed, and its handler if
    there is more than one. All mistakes are shown at once, on standard error; the status is 2 then.

    \b
    Examples:
      slips check
      slips check --schema > slips.schema.json
    """
    if schema:
        from slips.config.reference import json_schema

        print_json(json_schema(), indent=2)
        return
    from slips.config.check import check as check_config

    file = config_file(ctx)
    text = read(file)
    config, problems = check_config(text, str(file))
    for problem in problems:
        if problem.level == "warning":
            say_warning(problem)
    mistakes = [str(problem) for problem in problems if problem.level == "error"]
    classes, wrong = _load_handlers(config, text, file)
    mistakes += wrong
    if config is not None:
        mistakes += _misfits(config, classes)
    handlers = {path: [each.__name__ for each in found] for path, found in classes.items()}
    if config is None or mistakes:
        raise ConfigError(mistakes)
    mappings = _mappings(config)
    aws = options(ctx).aws or options(ctx).stack is not None
    places = _places(config, aws=aws)
    if json_:
        print_json(
            {
                "file": str(file),
                "stack_name": config.stack_name,
                "handler": {"path": config.handler.path, "classes": handlers.get(config.handler.path or "", [])},
                "handlers": [{"path": path, "classes": classes} for path, classes in handlers.items()],
                "buckets": places,
                "mappings": [{name: getattr(each, name) for name in Checked.__struct_fields__} for each in mappings],
                "unmapped_below": _unmapped(config),
                "warnings": [str(problem) for problem in problems],
            }
        )
    else:
        _print_project(config, file, handlers, mappings, places)
        for pace in paces(config, "stack" if stack_of(config, on_aws=aws) else "machine"):
            show_text(pace)


def _misfits(config: Config, classes: dict[str, list[type[Handler]]]) -> list[str]:
    """Return the mistakes of handlers whose event types the chain of a mapping cannot serve."""
    return [
        problem
        for bucket, mappings in config.bucket_mapping.items()
        for mapping in mappings
        for problem in misfits(config, bucket, mapping, classes.get(config.handler_of(mapping).name, []))
    ]


Classes = dict[str, list[type[Handler]]]


def _load_handlers(config: Config | None, text: str, file: Path) -> tuple[Classes, list[str]]:
    """Load each handler. Return its classes by its path in the config, and the mistakes of all.

    The handlers of a config with mistakes are loaded, too, so that `check` reports the mistakes of both at once.
    """
    from slips.config.check import find_handlers

    if config is None:
        named = [HandlerSpec.of(path, {}) for path in find_handlers(text)]
        # `os.path`: the methods of Path raise where they may not look, and for names that are too long.
        specs = [one for one in named if os.path.isfile(file.parent / one.path)]  # noqa: PTH113
        environment, requirements = dict[str, str](), None
    else:
        specs, environment, requirements = config.handlers, config.handler.environment, config.handler.requirements
    handlers, mistakes = Classes(), list[str]()
    with importing(environment):
        for name, spec in {one.name: one for one in specs}.items():
            try:
                path = (config.root if config else file.parent) / spec.path
                classes = load_handlers(path, requirements, spec.class_name)
            except UsageError as error:
                mistakes.append(str(error))
            else:
                handlers[name] = classes
    return handlers, list(dict.fromkeys(mistakes))


def _mappings(config: Config) -> list[Checked]:
    specs = ((bucket, one, config.handler_of(one)) for bucket, found in config.bucket_mapping.items() for one in found)
    return [
        Checked(
            bucket,
            mapping.prefix,
            mapping.pattern,
            [f"{lane} for {keys}" if keys else lane for lane, keys in lanes_of(config.routing, bucket, mapping.keys)],
            list(compile_chain(mapping.format, config.root).names),
            mapping.on_error,
            spec.name,
            list(spec.args),
            mapping.contains,
            mapping.timezone,
        )
        for bucket, mapping, spec in specs
    ]


def _unmapped(config: Config) -> dict[str, list[str]]:
    """Return for each bucket the beginnings of patterns below which objects may have no mapping."""
    return {
        bucket: found
        for bucket, mappings in config.bucket_mapping.items()
        if (found := unmapped_below(config.routing, bucket, mappings))
    }


def _places(config: Config, *, aws: bool) -> dict[str, str]:
    """Return the address of each bucket: its directory on this machine, or `s3://…`."""
    embedded = None if aws else config.backend.embedded
    places = (
        {name: place if isinstance(place, str) else place.place for name, place in embedded.buckets.items()}
        if embedded
        else {}
    )
    return {bucket: places.get(bucket, f"s3://{bucket}") for bucket in config.bucket_mapping}


def _print_project(
    config: Config, file: Path, handlers: dict[str, list[str]], mappings: list[Checked], places: dict[str, str]
) -> None:
    show_text(one_line(f"{file}: stack {config.stack_name!r}"))
    for path, classes in handlers.items():
        names_class = HandlerSpec.of(path, {}).class_name is not None
        show_text(one_line(f"handler: {path}" + ("" if names_class else f": {', '.join(classes)}")))
    for bucket, place in places.items():
        show_text(one_line(f"bucket {bucket}: {place}"))
        short = {
            written(step): shortest(step, config.root) for one in config.bucket_mapping[bucket] for step in one.format
        }
        of_bucket = [each for each in mappings if each.bucket == bucket]
        shown = list(zip(config.bucket_mapping[bucket], of_bucket, strict=True))
        rows = [
            (
                *(each.pattern or each.prefix or "(all)", ", ".join(each.lanes), f"[{_in_short(each.chain, short)}]"),
                *(f"on error: {each.on_error}", *([_handler(mapping, each)] if len(config.handlers) > 1 else [])),
                *([_contains(each)] if any(one.contains for one in of_bucket) else []),
                *([_timezone(each)] if any(one.timezone for one in of_bucket) else []),
            )
            for mapping, each in shown
        ]
        table(rows, indent="  ")
        for mapping, each in shown:
            # A name alone stands for its usual chain; for a whole chain, users do not expect another one.
            if len(mapping.format) > 1 and list(mapping.chain_key) != each.chain:
                given, taken = _in_short(mapping.chain_key, short), _in_short(each.chain, short)
                show_text(one_line(f"  {mapping.written or '(all)'}: [{given}] is read as [{taken}]"))
        for beginning in unmapped_below(config.routing, bucket, config.bucket_mapping[bucket]):
            show_text(one_line(f"  {_unmapped_line(config, bucket, beginning)}"))


def _in_short(steps: Iterable[str], short: dict[str, str]) -> str:
    """Return the steps of a chain with the short forms of those that have one."""
    return ", ".join(short.get(step, step) for step in steps)


def _unmapped_line(config: Config, bucket: str, beginning: str) -> str:
    """Say which objects below the beginning of a pattern become error items, and how to drop them."""
    where, keys = (f"below '{beginning}'", f"prefix: '{beginning}', ") if beginning else ("in the bucket", "")
    (rest, _), *before = lanes_of(config.routing, bucket, below(beginning))
    if rest == "drop":
        kept = ", ".join(repr(written) for lane, written in before if lane != "drop")
        return (
            f"other objects {where} are dropped, but those that 'routing' keeps and no mapping fits become error "
            f"items; let these of its rules fit fewer: {kept}"
        )
    return (
        f"other objects {where} become error items; to drop them, let 'routing' have a rule for each mapping, and "
        f"behind these {{bucket: {bucket}, {keys}dest: drop}}"
    )


def _contains(checked: Checked) -> str:
    """Return the cell of the texts of which a record must have one."""
    return f"contains: {' or '.join(map(repr, checked.contains))}" if checked.contains else ""


def _timezone(checked: Checked) -> str:
    """Return the cell of the zone of times that name none."""
    return f"timezone: {checked.timezone}" if checked.timezone else ""


def _handler(mapping: Mapping, checked: Checked) -> str:
    """Return the cell of a mapping's handler, with the names of args of its own: others may have the same file."""
    is_own = mapping.handler is not None and checked.args
    return f"handler: {checked.handler}" + (f" (own args: {', '.join(checked.args)})" if is_own else "")
