"""`init`: writes a first project."""

from __future__ import annotations

import io
import re
import shlex
from pathlib import Path

import click

from slips import project
from slips.cli.command import Command, argument
from slips.cli.output import show_text
from slips.cli.usage import FILE
from slips.errors import UsageError
from slips.model import ObjectEvent, format_time, nearest_time
from slips.printable import one_line


@click.command(cls=Command, accepts=("verbose",))
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
@click.option("--from", "from_", metavar="FILE", type=FILE, help="A log of yours: the project reads it, by its format.")
def init(
    directory: Path,
    aws: bool,
    code_bucket: str | None,
    log_bucket: str | None,
    topic: str | None,
    stack: str | None,
    from_: Path | None,
) -> None:
    """Write a small project that works, to begin with.

    Config, its schema for editors, handler, its test, and a log to try it on: with --from a copy of one of yours, whose
    format is found as 'slips infer' finds it. Files that are there are never overwritten.

    \b
    Examples:
      slips init my-logs
      slips init my-logs --from unknown.log.gz
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
        written = project.write(directory, _log(from_) if from_ is not None else None)
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


def _log(file: Path) -> project.Log:
    """Return a log of the user's with the format that fits it best. Raises UsageError if none does."""
    from slips.cli.proposals import head_of, in_words  # with all formats
    from slips.inference.rank import infer

    try:
        content, changed = file.read_bytes(), nearest_time(file.stat().st_mtime)
    except OSError as error:
        raise UsageError(f"--from {file}: {error.strerror}; expected a log file that can be read") from None
    head, whole = head_of(io.BytesIO(content), str(file))
    found = infer(head, ObjectEvent(bucket_name="", object_key="", event_time=format_time(changed)), whole=whole)
    if not found.fitting:
        raise UsageError(
            f"--from {in_words(str(file), found)}; expected a log that one of them reads; write the project without "
            "--from, and declare a format with 'slips formats --new'"
        )
    show_text(one_line(in_words(str(file), found)))
    return project.Log(file.name, content, found.fitting[0].chain)


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
