"""Implements `slips deploy`: makes or updates a stack by its config, and checks or wires the buckets that notify it.

In: a config that `checks.check_config` passed, and a Deployment. Out: a Deployed; each step calls an observer. Only the
observer and `ask` print and ask: those of `slips.cli.deploy`, or of another caller.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Literal, Protocol

from msgspec import Struct

from slips.config import Config
from slips.deploy import error_tables, given, kms_keys, look, package, shards, template
from slips.deploy.changes import Change, Proposal, StackState
from slips.deploy.deployment import Deployment, Follower
from slips.deploy.limit_changes import LaneSetting, LimitChanges
from slips.deploy.package import Package, folder
from slips.deploy.template import Template, mapped_buckets
from slips.deploy.uploads import upload
from slips.deploy.wiring import Buckets, Wiring
from slips.errors import UsageError

Build = Callable[[Config, Callable[[str], None]], Package]
"""Makes the package of a config; calls its second argument with lines of progress."""

Stage = Literal["checking", "clearing", "proposing", "changing", "changed"]
"""Stages of a deploy. `clearing` deletes a first creation that failed; `changing` is the first to change the stack."""


class DeployObserver(Protocol):
    """Shows a deploy, step by step. An exception of a method ends the deploy."""

    def enter(self, stage: Stage, state: StackState | None = None) -> None:
        """Show that a stage begins. `state` is that of a stack that is `changed`."""

    def say(self, text: str) -> None:
        """Show a line of progress of making the package."""

    def packed(self, packed: Package) -> None:
        """Show that the package is made."""

    def warn(self, text: str) -> None:
        """Show a warning, which does not stop the deploy."""

    def propose(self, proposal: Proposal | None, settings: Sequence[LaneSetting]) -> None:
        """Show the changes before they are made: of resources, and of settings that are set back."""

    def declined(self) -> None:
        """Show that `ask` returned False."""

    def uploaded(self, bucket: str, key: str) -> None:
        """Show that the package was uploaded. Not called if the bucket has the package already."""

    def follow(self, total: int | None = None) -> AbstractContextManager[Follower]:
        """Show an operation of CloudFormation while it runs, on `total` resources if their number is known."""

    def wired(self, wiring: Sequence[Wiring]) -> None:
        """Show the wiring of the buckets."""

    def deployed(self, outputs: dict[str, str], wiring: Sequence[Wiring]) -> None:
        """Show that the stack was changed, and its outputs."""


class Deployed(Struct):
    """The result of a deploy, which `slips deploy --json` prints."""

    stack: str
    region: str
    account: str
    status: str = ""
    """Status of the stack at the end."""
    declined: bool = False
    changes: list[Change] = []
    tags: list[str] = []
    """Changes of the stack's tags, such as `team: a → b`."""
    settings: list[LaneSetting] = []
    """Settings that `slips limit` changed, and that the deploy set back."""
    outputs: dict[str, str] = {}
    wiring: list[Wiring] = []
    warnings: list[str] = []
    left_out: list[str] = []
    """Files of the project that look like secrets, databases or leftovers of editors: not in the package."""

    def falls_short(self, *, wire: bool) -> bool:
        """Whether the deploy did less than the user asked for: it was declined, or `wire` left a prefix unwired."""
        return self.declined or (wire and any(each.missing for each in self.wiring))


def deploy(
    deployment: Deployment,
    config: Config,
    build: Build,
    observer: DeployObserver,
    *,
    ask: Callable[[], bool] | None = None,
    wire: bool = False,
    lose_waiting: bool = False,
) -> Deployed:
    """Make or update the stack by its config.

    `ask` is called after `observer.propose`, and returns whether to make the changes; None: make them without asking.
    Raises UsageError for a change that loses waiting events, if there is no `ask` and not `lose_waiting`. Raises
    SlipsError if the deploy fails; then the former state stands.
    """
    account, limits = deployment.account, LimitChanges(deployment)
    observer.enter("checking")
    deployment.check()
    seen = look.look(config, account)
    packed = build(config, observer.say)
    observer.packed(packed)
    observer.enter("clearing")
    with observer.follow() as follower:
        state = deployment.prepare(follower)
    observer.enter("proposing")
    is_deployed = state is not None and state.is_deployed
    former = deployment.template() if is_deployed else {}
    shards.check(config, deployment, former)
    bucket, key = config.base.sam.code_bucket, folder(config) + packed.key
    wanted = look.build(config, account, seen, template.Code(bucket, key), former)
    done = Deployed(deployment.name, account.region, account.id, warnings=[*seen.notes], left_out=packed.left_out)
    with deployment.proposed(wanted, state, bucket, folder(config)) as proposal:
        done.changes, done.tags = (proposal.changes, proposal.tags) if proposal else ([], [])
        done.settings = limits.changed(wanted) if is_deployed else []
        done.warnings += _warnings(deployment, config, proposal)
        for warning in done.warnings:
            observer.warn(warning)
        observer.propose(proposal, done.settings)
        if proposal or done.settings:
            if ask is None and not lose_waiting:
                _refuse_loss(deployment, done.changes)
            if ask is not None and not ask():
                observer.declined()
                done.declined = True
                return done
        if proposal:
            if upload(account, bucket, key, packed.data):
                observer.uploaded(bucket, key)
            observer.enter("changing")
            if is_deployed:
                limits.make_room(wanted)
            with observer.follow(len(proposal.changes)) as follower:
                state = deployment.execute(proposal, follower)
        if state:
            done.status, done.outputs = state.status, state.outputs
            observer.enter("changed", state)
        limits.restore(done.settings)
    pusher = done.outputs.get("EventPusherArn")
    done.wiring = Buckets(account, config, pusher, former=mapped_buckets(former)).look(wire=wire)
    observer.wired(done.wiring)
    if proposal:
        observer.deployed(done.outputs, done.wiring)
    return done


def _warnings(deployment: Deployment, config: Config, proposal: Proposal | None) -> list[str]:
    """Return warnings about error tables of former stacks, and about keys of buckets that the config does not name."""
    account, warnings = deployment.account, list[str]()
    if proposal and proposal.kind == "CREATE" and config.backend.dynamodb_arn is None:
        warnings += [error_tables.advice(account, arn) for arn in error_tables.former(account, deployment.name)]
    return warnings + kms_keys.unnamed(config, account)


def _refuse_loss(deployment: Deployment, changes: Sequence[Change]) -> None:
    """Raise UsageError if the changes lose events or messages that still wait."""
    losing = [one.name for one in changes if one.loses]
    if losing:
        raise UsageError(
            f"stack '{deployment.name}': what still waits in {', '.join(losing)} would be lost, and nobody is asked; "
            "expected a terminal without -y, or --lose-waiting; do as the changes above say, then add that"
        )


class Preview(Struct, frozen=True):
    """The template of a deploy, built without calls of AWS."""

    template: Template
    notes: list[str]
    """Notes for people about assumptions and placeholders in the template."""


def preview(config: Config, say: Callable[[str], None]) -> Preview:
    """Build the template without calls of AWS. Call `say` with notes about the user's files.

    Raises UsageError if the user's files cannot run.
    """
    package.check(config, say)
    # A placeholder: the package is named after its content, and is not made here.
    bucket, name = config.base.sam.code_bucket or "CODE_BUCKET", "slips-HASH.zip"
    notes = [f"{name} stands for the package: deploy names it after its content, and uploads it"]
    if not config.base.sam.code_bucket:
        notes.append(f"{bucket} stands for base.sam.code_bucket, which the config does not name")
    notes += [f"{assumption}; deploy reads the real value" for assumption in given.assumed(config)]
    return Preview(template.build(config, template.Code(bucket, folder(config) + name)), notes)
