"""`logs`: shows the log lines of a stack's functions, merged by time, once or as they come."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from typing import Any

import click
import msgspec

from slips.backends.aws.log_lines import is_usual, parsed, platform_record
from slips.cli.command import Command, argument
from slips.cli.context import json_option, operating_place
from slips.cli.options import global_option, options
from slips.cli.output import print_json, show_text
from slips.errors import UsageError
from slips.model import format_time
from slips.operations import LogLine, Operations
from slips.pipeline.choose import moment
from slips.printable import lines, one_line
from slips.telemetry import MEASURED, UNITS

SHOWN = ("timestamp", "level", "logger", "message", "function", "request_id", "object", "exception", "traceback")
"""Keys of a JSON log line that have their own place in the text, or are left to --json; others become key=value."""
LAST = 253_402_300_800
"""Epoch seconds of the year 10000: RFC 3339 ends before it."""
LEVEL = len("CRITICAL")


@click.command(cls=Command)
@argument(
    "function",
    metavar="FUNCTION",
    required=False,
    help="Only this one: main-func, EventPusher, ...; default: all.",
)
@click.option("-f", "--follow", is_flag=True, help="Show new lines as they come, until Ctrl-C.")
@click.option(
    "--since",
    metavar="TIME",
    default="10m",
    show_default=True,
    help="From then on: 10m, 2h, or 2026-03-02T08:00:00Z.",
)
@click.option("--filter", "containing", metavar="TEXT", help="Only lines that contain this text.")
@global_option("verbose", "Also show Lambda's own lines about each run.")
@json_option
@click.pass_context
def logs(
    ctx: click.Context,
    function: str | None,
    follow: bool,
    since: str,
    containing: str | None,
    json_: bool,
) -> None:
    """Show the logs of a stack's functions, merged by time.

    Lambda's own lines about a run are shown if the run failed, with -v, or if --filter asks for them. Metrics, which
    are log lines, too, are shown with --json only: then each line is one JSON object, and none is left out.

    \b
    Examples:
      slips logs -f
      slips logs main-func --since 2h --filter KeyError
      slips logs -s my-stack --json
    """
    begin = moment(since, time.time(), "--since")
    place = operating_place(ctx)
    if place.stack is None:
        raise UsageError(
            "this machine has no functions, and 'slips run' shows their output; expected -s STACK, or --aws"
        )
    operations = place.stack_operations(place.stack)
    logged = operations.logs(chosen(operations, function), begin, containing, follow=follow)
    if not (json_ or containing or options(ctx).verbose):
        logged = (line for line in logged if not is_usual(line.message))
    show(logged, json_, endless=follow)


def chosen(operations: Operations, text: str | None) -> list[str]:
    """Return the logical names of the functions that the user means. Raises UsageError."""
    names = operations.functions()
    if text is None:
        return names
    wanted = text.replace("-", "").replace("_", "").lower()
    matches = [name for name in names if name.lower() == wanted]
    if not matches:
        raise UsageError(f"stack '{operations.name}': has no function {text!r}; expected one of: {', '.join(names)}")
    return matches


def show(logged: Iterable[LogLine], json_: bool, *, endless: bool) -> None:
    """Print the lines. If they are endless, Ctrl-C is the proper end."""
    try:
        _show(logged, json_)
    except KeyboardInterrupt:
        if not endless:
            raise


def _show(logged: Iterable[LogLine], json_: bool) -> None:
    for line in logged:
        value = parsed(line.message)
        if json_:
            print_json({"time": format_time(line.time), "function": line.function, "message": value})
            sys.stdout.flush()
        elif value is line.message:
            show_text(_columns(line, "", one_line(line.message.replace("\t", "  "))), flush=True)
        elif "_aws" not in value or "message" in value:
            show_text(readable_line(line, value), flush=True)


def _columns(line: LogLine, level: str, text: str) -> str:
    return f"{format_time(line.time)} {level:{LEVEL}} {line.function:14} {text}".rstrip()


def readable_line(line: LogLine, value: dict[str, Any]) -> str:
    """Format a JSON log line: time, level, function, message, its other keys; then its traceback."""
    if (record := platform_record(value)) is not None:
        value = {"message": value["type"], **record, **record.get("metrics", {}), "metrics": None}
    if "errorMessage" in value:  # the runtime's own line about an exception
        why = f"{value.get('errorType', '')}: {value['errorMessage']}"
        frames = "".join(map(str, value.get("stackTrace") or ()))
        value = {"level": value.get("level", ""), "message": why, "traceback": frames}
    said, about = str(value.get("message", "")), value.get("object")
    hidden = {*SHOWN, *_metrics(value)}
    parts = [said]
    if about and str(about) not in said:
        parts.append(str(about))
    parts += [
        f"{key}={_short(key, each)}"
        for key, each in value.items()
        if key not in hidden and each is not None and each not in ({}, [], "")
    ]
    text = _columns(line, one_line(str(value.get("level", ""))), one_line("  ".join(parts).replace("\t", "  ")))
    trace = value.get("exception") or value.get("traceback")
    if not trace:
        return text
    return text + "".join(f"\n    {each}" for each in lines(str(trace)).rstrip("\n").split("\n"))


def _metrics(value: dict[str, Any]) -> set[str]:
    """Return the keys of an object's line that are metrics, or about metrics."""
    return {"_aws", "Stack", *UNITS} - {*MEASURED} if "_aws" in value else set()


def _short(key: str, value: Any) -> str:
    if key.endswith("timestamp") and isinstance(value, int | float) and 0 <= value < LAST:
        return format_time(value)
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
