"""Implements `slips destroy`: deletes a stack, and the notifications that slips added to its buckets.

In: a Deployment, and the config if there is one. Each step calls an observer, which shows it. The error table and the
uploaded code outlive their stack, unless the user deletes all.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from typing import Literal, Protocol

from botocore.exceptions import ClientError
from msgspec import Struct

from slips.backends.aws.answers import code
from slips.backends.aws.queue import count_messages
from slips.backends.aws.refusals import MISSING, calls
from slips.config import Config
from slips.deploy import error_tables, uploads
from slips.deploy.changes import StackResource, StackState
from slips.deploy.deployment import Deployment, Follower
from slips.deploy.package import folder
from slips.deploy.template import Template, mapped_buckets
from slips.deploy.uploads import UploadedCode
from slips.deploy.wiring import Notifications, Wiring
from slips.errors import UsageError
from slips.printable import plural

Stage = Literal["proposing", "dismantling", "deleting", "deleted"]
"""The stages of a destroy. `dismantling` changes things beside the stack, which stands until `deleting`."""

_TABLE = "AWS::DynamoDB::Table"
_COUNTED = 1000
"""Most error items that are counted."""


class Remains(Struct, frozen=True):
    """A resource, a table, code or a setting that is left when the stack is gone."""

    kind: Literal[
        "resource",
        "error table",
        "given table",
        "former table",
        "code",
        "code elsewhere",
        "former code",
        "eventbridge",
    ]
    """`given table`: named by the config. `code elsewhere`: uploaded by another tool. `former`: of a stack that was
    deleted before. `eventbridge`: a bucket still notifies EventBridge, which other rules may use."""
    place: str = ""
    """The ARN of a table that can be used again, the `s3://` URL of code, a bucket, or the physical name."""
    name: str = ""
    """The name of an error table, or the logical name of another resource."""


class DestroyObserver(Protocol):
    """Shows a destroy, step by step. An exception of a method ends the destroy."""

    def enter(self, stage: Stage) -> None:
        """Show that a stage begins."""

    def absent(self) -> None:
        """Show that the stack does not exist, and that only remains of former stacks are searched."""

    def propose(self, resources: Mapping[str, StackResource], staying: Collection[StackResource]) -> None:
        """Show the resources that would be deleted, and those of them that would stay."""

    def declined(self) -> None:
        """Show that `ask` returned False."""

    def unwired(self, wiring: Wiring) -> None:
        """Show that the notifications of a bucket were changed, or, by its notes, why not."""

    def deleted_code(self, bucket: str, prefix: str, count: int) -> None:
        """Show that `count` objects of uploaded code were deleted."""

    def deleted_table(self, name: str, *, existed: bool) -> None:
        """Show that the error table was deleted, or did not exist."""

    def follow(self, total: int | None = None) -> AbstractContextManager[Follower]:
        """Show the deletion by CloudFormation while it runs, of `total` resources."""

    def left(self, remains: Remains) -> None:
        """Show one resource or object that the deleted stack leaves."""


def destroy(
    deployment: Deployment,
    config: Config | None,
    observer: DestroyObserver,
    *,
    ask: Callable[[], bool] | None = None,
    all_: bool = False,
    force: bool = False,
    command: str = "slips",
) -> bool:
    """Delete the stack. Return False if `ask` returns False. `all_`: delete its error table and its code, too.

    Raises UsageError while error items or undelivered messages exist, unless `force`; `command` is the beginning of the
    commands in that error's advice. Raises SlipsError if AWS cannot delete a resource.
    """
    account, name = deployment.account, deployment.name
    observer.enter("proposing")
    state = deployment.state()
    if state is None:
        observer.absent()
        _leave_former_tables(deployment, observer)
        _leave_former_code(deployment, config, observer)
        return True
    if state.status.endswith("_IN_PROGRESS") and state.status != "DELETE_IN_PROGRESS":
        deployment.check()
    if state.protected:
        raise deployment.protected("termination protection is enabled")
    if not force:
        _refuse_if_needed(deployment, state, command)
    # By id: if a deletion is in progress, the stack's name may disappear at any moment.
    template, resources = deployment.template(state.id), deployment.resources(state.id)
    staying = [resources[one] for one in _retained(template) if one in resources]
    package = uploads.uploaded(template, state.parameters)
    own_folder = package.own_folder(name) if package else ""
    observer.propose(resources, [] if all_ else staying)
    if ask is not None and not ask():
        observer.declined()
        return False
    observer.enter("dismantling")
    _unwire(deployment, {*mapped_buckets(template), *(config.bucket_mapping if config else [])}, template, observer)
    if all_:
        # Before the stack: only an existing stack names their places, so that a destroy can continue after an
        # interruption.
        if package and own_folder:
            observer.deleted_code(package.bucket, own_folder, uploads.delete(account, package.bucket, own_folder))
        for one in staying:
            if one.kind == _TABLE:
                observer.deleted_table(one.id, existed=error_tables.delete(account, one.id))
    observer.enter("deleting")
    with observer.follow(len(resources) - len(staying)) as follower:
        deployment.delete(state.id, follower)
    observer.enter("deleted")
    for one in staying:
        if one.kind != _TABLE:
            observer.left(Remains("resource", one.id, one.name))
        elif not all_:
            observer.left(Remains("error table", error_tables.arn(account, one.id), one.id))
    _leave_given_table(state, template, observer)
    if package is None:
        observer.left(Remains("code elsewhere"))
    elif not (all_ and own_folder):
        observer.left(_code(package))
    _leave_former_tables(deployment, observer, besides=[error_tables.arn(account, one.id) for one in staying])
    return True


class _Holdings(Struct, frozen=True):
    """The unprocessed items and messages of a stack."""

    items: int
    """Error items in its table."""
    more: bool
    """Whether there are more than `items`, which is where counting ends."""
    undelivered: int
    """Messages in the queue of events that even Reporter could not process."""


def _refuse_if_needed(deployment: Deployment, state: StackState, command: str) -> None:
    """Raise UsageError while error items or undelivered messages exist."""
    held = _holdings(deployment, state)
    unprocessed = []
    if held.items:
        unprocessed.append(f"{plural(held.items, 'error item')}{' or more' if held.more else ''}")
    if held.undelivered:
        unprocessed.append(plural(held.undelivered, "undelivered event"))
    if unprocessed:
        raise UsageError(
            f"stack '{deployment.name}': {' and '.join(unprocessed)} would stay unprocessed; expected none; "
            f"'{command} errors' lists and '{command} drain' processes them; --force destroys the stack all the same"
        )


def _holdings(deployment: Deployment, state: StackState) -> _Holdings:
    """Count the error items and the undelivered messages; a table or queue that is gone holds nothing."""
    account, where = deployment.account, f"stack '{deployment.name}'"
    table, queue = state.outputs.get("ErrorTableName"), state.outputs.get("UndeliveredUrl")
    items, more, undelivered = 0, False, 0
    try:
        with calls(f"{where}: its error table", passing=MISSING):
            if table:
                page = account.dynamodb.scan(TableName=table, Select="COUNT", Limit=_COUNTED)
                items, more = page["Count"], "LastEvaluatedKey" in page
        with calls(f"{where}: its queue", passing=MISSING):
            if queue:
                undelivered = count_messages(account.sqs, queue)
    except ClientError as error:
        if code(error) not in MISSING:
            raise
    return _Holdings(items, more, undelivered)


def _retained(template: Template) -> list[str]:
    """Return the logical names of the resources that stay when the stack is deleted."""
    return [name for name, one in template.get("Resources", {}).items() if "Retain" in one.get("DeletionPolicy", "")]


def _unwire(deployment: Deployment, buckets: Collection[str], template: Template, observer: DestroyObserver) -> None:
    """Remove the notifications that slips added to the buckets."""
    notifications = Notifications(deployment.account, deployment.name)
    made = template.get("Resources", {}).values()
    uses_eventbridge = any("EventPattern" in one.get("Properties", {}) for one in made)  # a schedule is no such rule
    for bucket in sorted(buckets):
        observer.unwired(notifications.remove(bucket))
        if uses_eventbridge and notifications.has_eventbridge(bucket):
            observer.left(Remains("eventbridge", bucket))


def _leave_given_table(state: StackState, template: Template, observer: DestroyObserver) -> None:
    """Report the error table that the config names. Only the template separates it from a deleted table."""
    table, made = state.outputs.get("ErrorTableName"), template.get("Resources", {})
    if table and made and "ErrorTable" not in made:
        observer.left(Remains("given table", table))


def _leave_former_tables(deployment: Deployment, observer: DestroyObserver, besides: Collection[str] = ()) -> None:
    """Report the error tables of former stacks, but for those of `besides`."""
    for arn in error_tables.former(deployment.account, deployment.name):
        if arn not in besides:
            observer.left(Remains("former table", arn))


def _leave_former_code(deployment: Deployment, config: Config | None, observer: DestroyObserver) -> None:
    """Report the code of a stack that is gone. Only the config names its place, which may have changed since."""
    bucket = config.base.sam.code_bucket if config else ""
    if config and bucket and uploads.has_any(deployment.account, bucket, folder(config)):
        observer.left(Remains("former code", f"s3://{bucket}/{folder(config)}"))


def _code(package: UploadedCode) -> Remains:
    return Remains("code", f"s3://{package.bucket}/{package.key}")
