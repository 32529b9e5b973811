"""`init`: writes a first project."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click

from slips import project
from slips.cli.command import Command, argument
from slips.cli.output import show_text
from slips.cli.usage import FILE
from slips.errors import UsageError
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
def init(
    directory: Path,
    aws: bool,
    code_bucket: str | None,
    log_bucket: str | None,
    topic: str | None,
    stack: str | None,
) -> None:
    """Write a small project that works, to begin with.

    Config, its schema for editors, handler, its test, and a log to try it on. Files that are there are never
    overwritten.

    \b
    Examples:
      slips init my-logs
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
        written = project.write(directory)
        following = f"next: {enter}slips check && slips run"
    else:
        written = project.write(directory, _project_on_aws(directory, stack, code_bucket, log_bucket, topic))
        following = f"next: {enter}slips check && slips deploy --wire"
    for path in written:
        show_text(one_line(f"wrote {path}"))
    show_text(one_line(following))
    show_text("then: change src/handler.py, and test it with pytest")


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
