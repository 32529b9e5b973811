"""The directory that `slips package` writes, for pipelines that deploy with their own tools.

In: a checked config and its Package. Out: the zip, the template with the place of the code as parameters, and files by
which Terraform, CDK and the AWS CLI deploy both. The same project gives the same bytes. A file that slips did not write
is never overwritten: `slips-package.json` lists those that it did.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from slips.config import Config
from slips.deploy import keys, look, recipes, shards, template
from slips.deploy.account import Account
from slips.deploy.deployment import Deployment
from slips.deploy.given import assumed
from slips.deploy.notifications import listeners, merge, plan
from slips.deploy.package import Package, folder
from slips.deploy.template import Template
from slips.deploy.user_files import HANDED_OVER
from slips.errors import UsageError

PARAMETERS: dict[str, dict[str, Any]] = {
    "CodeBucket": {
        "Type": "String",
        "Description": "Bucket with the functions' code, in the region of the stack.",
        "AllowedPattern": "[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]",
        "ConstraintDescription": "The name of a bucket.",
    },
    "CodeKey": {
        "Type": "String",
        "Description": "Key of slips.zip in that bucket: a new one for new code, else the functions stay.",
        "MaxLength": 1024,
        "AllowedPattern": r".+\.zip",
        "ConstraintDescription": "The key of a zip file, without 's3://' and the bucket.",
    },
}
"""Of the template, in CloudFormation's words."""
CODE = template.Code({"Ref": "CodeBucket"}, {"Ref": "CodeKey"})
"""Where the template has the code."""
NAMES = ("slips.zip", "template.json", "slips.tf", "slips_stack.py", "slips-stack.ts", "DEPLOY.md")
"""All files but the manifest."""
_STAGING = ".slips-package"
"""Where files are written before all are put into place; what a run that was killed left there is removed."""
_NAMED = 5
"""Most files of others that are named."""


class WrittenFile(Struct, frozen=True):
    """One file that `slips package` wrote."""

    name: str
    size: int
    sha256: str
    """In hex."""


class Manifest(Struct, frozen=True):
    """What `slips-package.json` says."""

    stack: str
    code_key: str
    """Under which the zip is to be uploaded: named after its content."""
    files: list[WrittenFile]
    """All others."""
    left_out: list[str]
    """Files of the project that look like secrets, databases or leftovers of editors, and were not packed."""
    notes: list[str]
    """What is to be known before it is deployed."""


class Blueprint(Struct, frozen=True):
    """The stack that is handed over."""

    template: Template
    notes: list[str]
    """For whoever deploys it."""


def unseen(config: Config) -> Blueprint:
    """Build the stack without a look at AWS, and tell what is taken for true."""
    notes = [
        "AWS was not looked at ('slips package --look' does): all exists that the config names, and the mapped buckets "
        "need no keys of KMS but those in backend.kms_key_arns",
        "the streams of a stack that exists get the capacity and retention of new ones where the config says none",
    ]
    return Blueprint(template.build(config, CODE), [*notes, *assumed(config)])


def seen(config: Config, account: Account) -> Blueprint:
    """Build the stack as `deploy` would. Raises ConfigError as it does."""
    found = look.look(config, account)
    deployment = Deployment(account, config.stack_name)
    state = deployment.state()
    deployed = deployment.template() if state and state.is_deployed else {}
    shards.check(config, deployment, deployed)
    made = look.build(config, account, found, CODE, deployed)
    return Blueprint(made, [*found.notes, *keys.unnamed(config, account)])


def parametrized(blueprint: Blueprint) -> Template:
    """The template with `CodeBucket` and `CodeKey` as parameters."""
    made = dict(blueprint.template)
    # Parameters come first, as people expect them.
    about = {name: made.pop(name) for name in ("AWSTemplateFormatVersion", "Description", "Metadata")}
    return {**about, "Parameters": PARAMETERS, **made}


def contents(config: Config, packed: Package, blueprint: Blueprint) -> dict[str, bytes]:
    """The files, by their names; the first is the manifest."""
    facts = recipes.Facts(config.stack_name, config.base.sam.code_bucket, folder(config), packed.key, config.tags)
    texts = (
        json.dumps(parametrized(blueprint), indent=2, ensure_ascii=False) + "\n",
        recipes.terraform(facts),
        recipes.CDK_PYTHON,
        recipes.CDK_TYPESCRIPT,
        recipes.guide(facts, _notifications(config), blueprint.notes),
    )
    files = dict(zip(NAMES, (packed.data, *(text.encode() for text in texts)), strict=True))
    manifest = Manifest(
        config.stack_name,
        facts.folder + facts.key,
        [WrittenFile(name, len(data), hashlib.sha256(data).hexdigest()) for name, data in files.items()],
        packed.left_out,
        blueprint.notes,
    )
    return {HANDED_OVER: msgspec.json.format(msgspec.json.encode(manifest)) + b"\n", **files}


def _notifications(config: Config) -> dict[str, Any]:
    """S3's document of what each mapped bucket has to notify."""
    to = listeners(config, "EVENT_PUSHER_ARN")
    return {
        bucket: merge({}, plan({}, sorted({one.prefix for one in mappings}), to, config.stack_name))
        for bucket, mappings in config.bucket_mapping.items()
    }


def check(directory: Path) -> None:
    """Raises UsageError unless the files may be written into a directory, which need not exist."""
    with _working_in(directory):
        if not directory.exists():
            return
        present = {path.name for path in directory.iterdir()} - {_STAGING}
        mark = directory / HANDED_OVER
        own = _listed(mark) if HANDED_OVER in present else set[str]()
    # Beside its own files others may lie, such as Terraform's state; a directory that is not its own is left alone.
    foreign = sorted((present & {*NAMES} if own else present) - own)
    if foreign:
        more = f" and {len(foreign) - _NAMED:,} more" if len(foreign) > _NAMED else ""
        raise UsageError(
            f"{directory}: has {', '.join(foreign[:_NAMED])}{more}, not written by 'slips package'; expected a new or "
            "empty directory, or one of an earlier 'slips package'; name another with --out"
        )


def _listed(mark: Path) -> set[str]:
    try:
        return {HANDED_OVER, *(one.name for one in msgspec.json.decode(mark.read_bytes(), type=Manifest).files)}
    except msgspec.MsgspecError:
        raise UsageError(
            f"{mark}: not as 'slips package' writes it; expected its list of files; name another directory with --out"
        ) from None


def write(directory: Path, files: dict[str, bytes]) -> None:
    """Puts the files into a directory: the new ones, or, if it fails before all are written, the former ones.

    Raises UsageError as `check` does, and for what the system refuses.
    """
    check(directory)
    staging = directory / _STAGING
    with _working_in(directory):
        directory.mkdir(parents=True, exist_ok=True)
        if staging.exists():
            shutil.rmtree(staging)
        staging.mkdir()
        try:
            for name, data in files.items():
                (staging / name).write_bytes(data)
            # The manifest first: whatever ends this loop half-way, the next run knows its own files.
            for name in files:
                (staging / name).replace(directory / name)
        finally:
            shutil.rmtree(staging)


@contextmanager
def _working_in(directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        where = error.filename or directory
        raise UsageError(
            f"{where}: {(error.strerror or str(error)).lower()}; expected a directory that can be written; "
            "mend that, or name another with --out"
        ) from error
