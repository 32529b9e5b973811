"""The command `infer`, which proposes chains for a log that nobody has named."""

from __future__ import annotations

import click
from click.exceptions import Exit

from slips.cli.command import Command, argument
from slips.cli.context import json_option
from slips.cli.output import print_json, show_text
from slips.cli.proposals import show_proposals, to_dict
from slips.cli.unknown_logs import head_of, is_folder, opened
from slips.cli.usage import FILE_TEXT
from slips.inference.rank import Inferred, infer
from slips.model import ObjectEvent, format_time
from slips.printable import one_line

SHOWN = 5
"""Chains that are shown; JSON has all that fit."""


@click.command("infer", cls=Command, accepts=("verbose", "region", "endpoint_url"))
@argument(
    "log",
    metavar="LOG",
    type=FILE_TEXT,
    help="A file, compressed or not, or a directory; s3://bucket/key, or s3://bucket/prefix/; - is standard input.",
)
@json_option
@click.pass_context
def infer_(ctx: click.Context, log: str, json_: bool) -> None:
    """Propose the formats of an unknown log, best first.

    Every format of the catalogue is tried on the first records, those of JSON also in the arrays of a document, and all
    behind headers such as syslog's. For each chain that fits you see how many records it parses, how many events have a
    plausible time of their own, and how like these are to events of the format. If none fits, the status is 1.

    Of a directory, or a prefix that ends with a slash, each kind of log gets its proposal: some of the files are
    opened, those of other names and of each new kind among them. If a part of it cannot be listed, or a file cannot be
    read, the others get theirs, and the status is 1.

    \b
    Examples:
      slips infer unknown.log.gz
      slips infer /var/log/apps
      slips infer s3://my-logs/some/key --json
      slips infer s3://my-logs/AWSLogs/
    """
    if is_folder(log):
        from slips.cli.infer_kinds import infer_kinds

        infer_kinds(ctx, log, json_=json_)
        return
    with opened(ctx, log) as (stream, changed):
        content, whole, damage = head_of(stream, log)
    source = ObjectEvent(bucket_name="", object_key=log, event_time=format_time(changed))
    found = infer(content, source, whole=whole, damage=damage)
    if json_:
        print_json({"log": log, **to_dict(found)})
    else:
        _show(log, found)
    if not found.fitting:
        raise Exit(1)


def _show(log: str, found: Inferred) -> None:
    """Print the chains that fit a log, and what to write for the best one; or the nearest ones."""
    show_proposals(log, found, SHOWN)
    if found.fitting:
        show_text("write into the config, with the prefix of such logs:\n  - prefix: logs/")
        show_text(one_line(f"    format: {found.fitting[0].chain}"))
