"""Writes the directory of `slips package`, for pipelines that deploy with their own tools.

In: a checked config and its Package. Out: the zip, the template with the place of the code as parameters, and files
with which Terraform, CDK and the AWS CLI deploy both. The same project gives the same bytes. A file that slips did not
write is never overwritten: `slips-package.json` lists the files that slips wrote.
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
from slips.deploy import kms_keys, look, recipes, shards, template
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
"""The parameters of the template, as CloudFormation declares them."""
CODE = template.Code({"Ref": "CodeBucket"}, {"Ref": "CodeKey"})
"""The place of the code in the template: the parameters."""
NAMES = ("slips.zip", "template.json", "slips.tf", "slips_stack.py", "slips-stack.ts", "DEPLOY.md")
"""All files but the manifest."""
_STAGING = ".slips-package"
"""Directory in which all files are written before they are moved into place. Leftovers of a kill are deleted."""
_NAMED = 5
"""Most foreign files in an error text."""


class WrittenFile(Struct, frozen=True):
    """One file that `slips package` wrote."""

    name: str
    size: int
    sha256: str
    """Hash of the content, in hex."""


class Manifest(Struct, frozen=True):
    """The content of `slips-package.json`."""

    stack: str
    code_key: str
    """Key for uploading the zip, named after the zip's content."""
    files: list[WrittenFile]
    """All files but the manifest itself."""
    left_out: list[str]
    """Files of the project that look like secrets, databases or leftovers of editors, and were not packed."""
    notes: list[str]
    """Notes to read before the deploy."""


class Blueprint(Struct, frozen=True):
    """The stack that is handed over."""

    template: Template
    notes: list[str]
    """Notes for the person who deploys the stack."""


def unseen(config: Config) -> Blueprint:
    """Build the stack without calls of AWS, with notes about the assumptions."""
    notes = [
        "AWS was not looked at ('slips package --look' does): all exists that the config names, and the mapped buckets "
        "need no keys of KMS but those in backend.kms_key_arns",
        "the streams of a stack that exists get the capacity and retention of new ones where the config says none",
    ]
    return Blueprint(template.build(config, CODE), [*notes, *assumed(config)])


def seen(config: Config, account: Account) -> Blueprint:
    """Build the stack as `deploy` would. Raises ConfigError as `deploy` does."""
    facts = look.look(config, account)
    deployment = Deployment(account, config.stack_name)
    state = deployment.state()
    deployed = deployment.template() if state and state.is_deployed else {}
    shards.check(config, deployment, deployed)
    made = look.build(config, account, facts, CODE, deployed)
    return Blueprint(made, [*facts.notes, *kms_keys.unnamed(config, account)])


def hand_over(directory: Path, config: Config, packed: Package, blueprint: Blueprint) -> Manifest:
    """Write the directory, and return its manifest. Raises UsageError as `write` does."""
    files = contents(config, packed, blueprint)
    write(directory, files)
    return msgspec.json.decode(files[HANDED_OVER], type=Manifest)


def parametrized(blueprint: Blueprint) -> Template:
    """Return the template with `CodeBucket` and `CodeKey` as parameters."""
    made = dict(blueprint.template)
    # Parameters come first, as people expect them.
    about = {name: made.pop(name) for name in ("AWSTemplateFormatVersion", "Description", "Metadata")}
    return {**about, "Parameters": PARAMETERS, **made}


def contents(config: Config, packed: Package, blueprint: Blueprint) -> dict[str, bytes]:
    """Return the contents of all files by name; the first is the manifest."""
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
    """Return S3's document of notifications for each mapped bucket, by its name."""
    to = listeners(config, "EVENT_PUSHER_ARN")
    return {
        bucket: merge({}, plan({}, sorted({one.beginning for one in mappings}), to, config.stack_name))
        for bucket, mappings in config.bucket_mapping.items()
    }


def check(directory: Path) -> None:
    """Raise UsageError unless the files may be written into a directory, which need not exist."""
    with _working_in(directory):
        if not directory.exists():
            return
        present = {path.name for path in directory.iterdir()} - {_STAGING}
        mark = directory / HANDED_OVER
        own = _listed(mark) if HANDED_OVER in present else set[str]()
    # A directory with the manifest may have other files, too, such as Terraform's state. Any other one must be empty.
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
    """Write the files into a directory. If that fails before all are written, the former files stay.

    Raises UsageError as `check` does, and for errors of the operating system.
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
            # The manifest first: if this loop ends half-way, the next `slips package` still recognizes its own files.
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
