"""`init`: writes a first project."""

from __future__ import annotations

import io
import re
import shlex
from pathlib import Path

import click

from slips import project
from slips.cli.command import Command, argument
from slips.cli.output import say, show_text
from slips.cli.usage import FILE, FILE_TEXT
from slips.errors import UsageError
from slips.model import ObjectEvent, format_time
from slips.printable import one_line

_BUCKET = "my-logs"
"""The bucket of a project on this machine."""


@click.command(cls=Command, accepts=("verbose", "region", "endpoint_url"))
@argument("directory", metavar="DIR", type=FILE, default=".", help="Where to; made if it is not there.")
@click.option("--aws", is_flag=True, help="A project to deploy to AWS, not one for this machine.")
@click.option("--code-bucket", metavar="BUCKET", help="With --aws: where deploy puts the code.")
@click.option("--log-bucket", metavar="BUCKET", help="With --aws: where the logs land.")
@click.option(
    "--topic",
    metavar="ARN",
    help="With --aws: SNS topic that the bucket notifies; without one, the bucket notifies the stack itself.",
)
@click.option("-s", "--stack", metavar="STACK", help="With --aws: name; default: that of DIR.")
@click.option(
    "--from",
    "from_",
    metavar="LOG",
    type=FILE_TEXT,
    help="Logs of yours, which the project reads by their formats: a file, a directory, s3://bucket/key or …/prefix/.",
)
@click.pass_context
def init(
    ctx: click.Context,
    directory: Path,
    aws: bool,
    code_bucket: str | None,
    log_bucket: str | None,
    topic: str | None,
    stack: str | None,
    from_: str | None,
) -> None:
    """Write a small project that works, to begin with.

    Config, its schema for editors, handler, its test, and a log to try it on: with --from a copy of one of yours, whose
    format is found as 'slips infer' finds it. From a directory, or a prefix that ends with a slash, come a mapping and
    a copy for each kind of log in it. Files that are there are never overwritten.

    \b
    Examples:
      slips init my-logs
      slips init my-logs --from unknown.log.gz
      slips init my-logs --from /var/log/apps
      slips init my-logs --aws --code-bucket my-code --log-bucket my-cloudtrail
    """
    enter = "" if directory == Path() else f"cd {shlex.quote(str(directory))} && "
    if not aws:
        given = {"--code-bucket": code_bucket, "--log-bucket": log_bucket, "--topic": topic, "--stack": stack}
        if names := [name for name, value in given.items() if value]:
            raise UsageError(
                f"{', '.join(names)}: only a project for AWS has that; expected --aws beside it; add --aws, or leave "
                "that out for a project on this machine"
            )
        written = project.write(directory, _own_logs(ctx, from_) if from_ is not None else None)
        following = f"next: {enter}slips check && slips run"
    else:
        if from_ is not None:
            raise UsageError("--from: makes a project on this machine; expected no --aws beside it; take one away")
        written = project.write(directory, _project_on_aws(directory, stack, code_bucket, log_bucket, topic))
        following = f"next: {enter}slips check && slips deploy --wire"
    for path in written:
        show_text(one_line(f"wrote {path}"))
    show_text(one_line(following))
    show_text("then: change src/handler.py, and test it with pytest")


def _own_logs(ctx: click.Context, named: str) -> project.OwnLogs:
    """Return the user's logs with the formats that fit them best. Raises UsageError if none does."""
    from slips.cli.unknown_logs import is_folder  # with all formats

    try:
        return _kinds(ctx, named) if is_folder(named) else _log(ctx, named)
    except UsageError as error:
        raise UsageError(f"--from {error}") from error


def _log(ctx: click.Context, named: str) -> project.OwnLogs:
    from slips.cli.proposals import in_words, say_damage
    from slips.cli.unknown_logs import STDIN, head_of, opened
    from slips.inference.rank import infer

    with opened(ctx, named) as (stream, changed):
        content = stream.read()
    head, whole, damage = head_of(io.BytesIO(content), named)
    source = ObjectEvent(bucket_name="", object_key="", event_time=format_time(changed))
    found = infer(head, source, whole=whole, damage=damage)
    if not found.fitting:
        raise UsageError(
            f"{in_words(named, found)}; expected a log that one of them reads; write the project without --from, and "
            "declare a format with 'slips formats --new'"
        )
    show_text(one_line(in_words(named, found)))
    say_damage(named, found)
    key = f"logs/{'unknown.log' if named == STDIN else Path(named).name}"
    return project.OwnLogs(
        _BUCKET, [project.Log(key, content)], ["    - prefix: logs/", f"      format: {found.fitting[0].chain}"]
    )


def _kinds(ctx: click.Context, named: str) -> project.OwnLogs:
    """Return a log of each kind in a folder, with the mappings for all of them. Raises UsageError if no format fits."""
    from slips.cli.proposals import in_words, mapping_of, say_damage, say_left_out
    from slips.cli.unknown_logs import kinds_in

    folder, found = kinds_in(ctx, named)
    known = [kind for kind in found.kinds if kind.best]
    if not known:
        raise UsageError(
            f"{named}: no format fits any of its files, such as {found.kinds[0].example.object_key}; expected a folder "
            "with logs that one reads; 'slips infer' says how near they come"
        )
    say_left_out(named, found, is_all=folder.is_all)
    logs = []
    for kind in found.kinds:
        show_text(one_line(in_words(kind.example.object_key, kind.found)))
        say_damage(kind.example.object_key, kind.found)
    for kind in known:
        key = kind.example.object_key
        if not _is_path(key):
            say(one_line(f"{named}: {key!r} is no path of a file; left out, but not its mapping"))
            continue
        with folder.open(kind.example) as (stream, _):
            logs.append(project.Log(key, stream.read()))
    lines = [f"  {line}" for kind in known for line in mapping_of(kind)]
    return project.OwnLogs(folder.bucket or _BUCKET, logs, lines)


def _is_path(key: str) -> bool:
    """Whether a key is the path of a file below a directory."""
    return key.isprintable() and not {"", ".", ".."} & {*key.split("/")}


def _project_on_aws(
    directory: Path, stack: str | None, code_bucket: str | None, log_bucket: str | None, topic: str | None
) -> project.Aws:
    """Return the project of the given options. Raises UsageError if `check` would find a mistake in its config."""
    from slips.config.check import check as check_config

    if not code_bucket or not log_bucket:
        raise UsageError(
            "--aws: a bucket is missing; expected --code-bucket, where deploy puts the code, and --log-bucket, where "
            "the logs land; name them"
        )
    name = stack or re.sub("[^A-Za-z0-9]+", "-", directory.resolve().name).strip("-")
    if not name:
        raise UsageError(
            f"--aws: '{directory.resolve().name}' has no letter or digit that a stack's name could have; expected "
            "ASCII letters or digits; name the stack with --stack"
        )
    aws = project.Aws(name if name[0].isalpha() else f"slips-{name}", code_bucket, log_bucket, topic)
    _, problems = check_config(project.files(aws)["slips.yml"], "slips.yml", files=False)
    if mistakes := [problem.message for problem in problems]:
        raise UsageError("\n".join(f"--aws: {mistake}" for mistake in mistakes))
    return aws
