"""What `slips destroy` does: take a stack down, and what slips added to its buckets.

In: a Deployment, and the config if there is one. On the way calls go to an observer, which words what it sees.
The error table outlives its stack, and so does the uploaded code, unless all is to go.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from typing import Any, Literal, Protocol

from botocore.exceptions import ClientError
from msgspec import Struct

from slips.backends.aws.clients import code
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

Stage = Literal["proposing", "dismantling", "deleting", "deleted"]
"""How far a destroy is: `dismantling` goes on beside the stack, which stands until it is `deleting`."""

_TABLE = "AWS::DynamoDB::Table"
_COUNTED = 1000
"""Error items that are counted, at most."""


class Remains(Struct, frozen=True):
    """Something that is still there when the stack is gone."""

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
    """`given table`: which the config named. `code elsewhere`: where another tool put it. `former`: of a stack that was
    gone before. `eventbridge`: a bucket still notifies it, as rules of others may use it."""
    place: str = ""
    """The ARN of a table that can be used again, the `s3://` URL of code, a bucket, else the name that AWS knows."""
    name: str = ""
    """The name of an error table, the logical name of another resource."""


class DestroyObserver(Protocol):
    """Sees a destroy as it goes. What a method raises ends it."""

    def enter(self, stage: Stage) -> None:
        """A stage begins."""

    def absent(self) -> None:
        """The stack is not there: only what it left is looked for."""

    def propose(self, resources: Mapping[str, StackResource], staying: Collection[StackResource]) -> None:
        """What would be deleted, and which of it would stay."""

    def declined(self) -> None:
        """`ask` said no."""

    def unwired(self, wiring: Wiring) -> None:
        """The notifications of a bucket were changed, or its notes say why not."""

    def deleted_code(self, bucket: str, prefix: str, count: int) -> None:
        """So many objects were deleted."""

    def deleted_table(self, name: str, *, existed: bool) -> None:
        """The error table is deleted, if it was not gone before."""

    def follow(self, total: int | None = None) -> AbstractContextManager[Follower]:
        """Follows the deletion by CloudFormation, of `total` resources."""

    def left(self, remains: Remains) -> None:
        """Something is still there."""


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
    """Take the stack down; False if `ask` said no. `all_`: with its error table and its uploaded code.

    Raises UsageError while error items or undelivered messages exist, unless `force`; `command` begins what that error
    tells people to type. Raises SlipsError for what AWS does not delete.
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
    # By its id, as a deletion that goes on may end at any moment.
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
        # Only a stack that is there says where they are: after an interruption the next destroy finds what is left.
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
    """What people may still need of a stack."""

    items: int
    """Error items in its table."""
    more: bool
    """Whether there are more than `items`, which is where counting ends."""
    undelivered: int
    """Messages in the queue of what not even Reporter could take."""


def _refuse_if_needed(deployment: Deployment, state: StackState, command: str) -> None:
    """Raise UsageError while error items or undelivered messages exist."""
    held = _holdings(deployment, state)
    what = []
    if held.items:
        what.append(f"{_counted(held.items, 'error item')}{' or more' if held.more else ''}")
    if held.undelivered:
        what.append(_counted(held.undelivered, "undelivered event"))
    if what:
        raise UsageError(
            f"stack '{deployment.name}': {' and '.join(what)} would stay unprocessed; expected none; "
            f"'{command} errors' lists and '{command} drain' processes them; --force destroys the stack all the same"
        )


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'s' * (count != 1)}"


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
                got: Any = account.sqs.get_queue_attributes(
                    QueueUrl=queue, AttributeNames=["ApproximateNumberOfMessages"]
                )
                undelivered = int(got["Attributes"]["ApproximateNumberOfMessages"])
    except ClientError as error:
        if code(error) not in MISSING:
            raise
    return _Holdings(items, more, undelivered)


def _retained(template: Template) -> list[str]:
    """Logical names of the resources that stay when the stack goes."""
    return [name for name, one in template.get("Resources", {}).items() if "Retain" in one.get("DeletionPolicy", "")]


def _unwire(deployment: Deployment, buckets: Collection[str], template: Template, observer: DestroyObserver) -> None:
    """Take away the notifications that slips added to the buckets."""
    notifications = Notifications(deployment.account, deployment.name)
    uses_eventbridge = any(one.get("Type") == "AWS::Events::Rule" for one in template.get("Resources", {}).values())
    for bucket in sorted(buckets):
        observer.unwired(notifications.remove(bucket))
        if uses_eventbridge and notifications.has_eventbridge(bucket):
            observer.left(Remains("eventbridge", bucket))


def _leave_given_table(state: StackState, template: Template, observer: DestroyObserver) -> None:
    """Name the table that the config gave. Only the template shows that: a deleted resource is not among those left."""
    table, made = state.outputs.get("ErrorTableName"), template.get("Resources", {})
    if table and made and "ErrorTable" not in made:
        observer.left(Remains("given table", table))


def _leave_former_tables(deployment: Deployment, observer: DestroyObserver, besides: Collection[str] = ()) -> None:
    """Name the error tables of former stacks, but for those of `besides`."""
    for arn in error_tables.former(deployment.account, deployment.name):
        if arn not in besides:
            observer.left(Remains("former table", arn))


def _leave_former_code(deployment: Deployment, config: Config | None, observer: DestroyObserver) -> None:
    """Name the code of a stack that is gone: only the config says where it was, and may have changed since."""
    bucket = config.base.sam.code_bucket if config else ""
    if config and bucket and uploads.has_any(deployment.account, bucket, folder(config)):
        observer.left(Remains("former code", f"s3://{bucket}/{folder(config)}"))


def _code(package: UploadedCode) -> Remains:
    return Remains("code", f"s3://{package.bucket}/{package.key}")
