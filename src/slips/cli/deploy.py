"""`deploy` and `destroy`: the stack on AWS, with a look at what will change before it does."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import msgspec
import typer
from msgspec import Struct

from slips.cli.context import Json, endpoint_url, load_config, one_of, options, stack_config
from slips.cli.lanes import paces
from slips.cli.output import plural, print_json, say, shortened, show_text
from slips.config import Config
from slips.errors import UsageError
from slips.printable import one_line

if TYPE_CHECKING:
    from slips.deploy.account import Account
    from slips.deploy.package import Package
    from slips.deploy.stack import Change, Event, Observer, Plan, Resource, Setting, Stack, State
    from slips.deploy.wiring import Wiring

Region = Annotated[
    str | None, typer.Option("--region", metavar="REGION", help="AWS region; default: the profile's, or AWS_REGION.")
]
EndpointUrl = Annotated[str | None, typer.Option("--endpoint-url", metavar="URL", help="Server that stands for AWS.")]
StackName = Annotated[
    str | None, typer.Option("-s", "--stack", metavar="STACK", help="Name of the stack; default: stack_name.")
]
Yes = Annotated[bool, typer.Option("-y", "--yes", help="Do not ask.")]


def deploy(
    ctx: typer.Context,
    stack_name: StackName = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the template and do nothing; needs no credentials.")
    ] = False,
    yes: Yes = False,
    wire: Annotated[
        bool, typer.Option("--wire", help="Let the mapped buckets notify the stack; what others configured stays.")
    ] = False,
    lose_waiting: Annotated[
        bool,
        typer.Option("--lose-waiting", help="Without asking, even if a stream or queue goes in which events wait."),
    ] = False,
    region: Region = None,
    url: EndpointUrl = None,
    json_: Json = False,
) -> None:
    """Make the stack on AWS, or change it.

    Shows what will change, asks, and follows it to the end. If it fails the former state stands, and each resource's
    own reason is told. Settings of 'slips limit' are set back.

    \b
    Examples:
      slips deploy --dry-run
      slips deploy --wire
      slips deploy -y --json
    """
    from slips.deploy import checks, package
    from slips.deploy.stack import Stack

    name = one_of("-s", options(ctx).stack, stack_name)
    config = named(load_config(ctx), name)
    if dry_run:
        package.check(config, say)
        _show_template(config, json_)
        if wire:
            say("--wire: no bucket was looked at; --dry-run asks AWS nothing")
        return
    checks.check_config(config)
    screen = Screen(sys.stderr, say) if json_ else Screen(sys.stdout, _show)
    stack = Stack(connect(ctx, region, url), config.stack_name)
    build = partial(package.build, verbose=options(ctx).verbose)
    done = change(
        stack, config, screen, build, yes=yes, wire=wire, lose_waiting=lose_waiting, command=_command(config, name)
    )
    if json_:
        print_json(msgspec.to_builtins(done))
    if failed(done, wire=wire):
        raise typer.Exit(1)


def _show_template(config: Config, json_: bool) -> None:
    """Prints the template as it would be, but for the package's name, which nobody knows before it is made."""
    from slips.deploy import given, template
    from slips.deploy.package import folder

    bucket, package = config.base.sam.code_bucket or "CODE_BUCKET", "slips-HASH.zip"
    made = template.build(config, template.Code(bucket, folder(config) + package))
    if json_:
        print_json(made, indent=2)
        return
    show_text(f"# {package} stands for the package: deploy names it after its content, and uploads it")
    if not config.base.sam.code_bucket:
        show_text(f"# {bucket} stands for base.sam.code_bucket, which the config does not name")
    for assumption in given.assumed(config):
        show_text(f"# {assumption}; deploy reads what it is")
    show_text(template.to_yaml(made), end="")


def _command(config: Config, named: str | None) -> str:
    """How other commands are called so that they work on the stack, too."""
    if named is not None:
        return f"slips -s {named}"
    return "slips --aws" if config.backend.embedded else "slips"


class Done(Struct):
    """What a deploy did: what `--json` prints."""

    stack: str
    region: str
    account: str
    status: str = ""
    """Of the stack in the end."""
    declined: bool = False
    changes: list[Change] = []
    tags: list[str] = []
    """Changes of the stack's tags, such as `team: a → b`."""
    settings: list[Setting] = []
    """Set back from what 'slips limit' made of them."""
    outputs: dict[str, str] = {}
    wiring: list[Wiring] = []
    warnings: list[str] = []
    left_out: list[str] = []
    """Files of the project that look like secrets, databases or leftovers of editors: not in the package."""


def failed(done: Done, *, wire: bool) -> bool:
    """Whether a deploy did less than was asked for: it was declined, or `--wire` left a prefix unwired."""
    return done.declined or (wire and any(each.missing for each in done.wiring))


def change(
    stack: Stack,
    config: Config,
    screen: Screen,
    build: Callable[..., Package],
    *,
    yes: bool,
    wire: bool,
    lose_waiting: bool = False,
    command: str = "slips",
) -> Done:
    """Makes the stack what the config says; `build` makes the package, and `command` begins what is to be typed next.

    Raises UsageError if nobody is asked about a change that loses what waits, unless `lose_waiting`.
    Raises SlipsError, and then nothing changed. Raises Exit if somebody interrupts it, who is told what was done.
    """
    with screen.interruptible("nothing was changed") as progress:
        return _change(
            stack, config, screen, build, progress, yes=yes, wire=wire, lose_waiting=lose_waiting, command=command
        )


def _change(
    stack: Stack,
    config: Config,
    screen: Screen,
    build: Callable[..., Package],
    progress: Progress,
    *,
    yes: bool,
    wire: bool,
    lose_waiting: bool,
    command: str,
) -> Done:
    from slips.deploy import look, shards, template
    from slips.deploy.package import folder
    from slips.deploy.stack import mapped_buckets, upload
    from slips.deploy.wiring import Buckets

    account = stack.account
    stack.check()
    seen = look.look(config, account)
    packed = build(config, screen.say)
    screen.say(packed.summary())
    for told in paces(config, batches=True):
        screen.say(told)
    progress.done = f"AWS goes on to delete what a failed deploy of '{stack.name}' left; deploy again when it is gone"
    with screen.follow() as observer:
        state = stack.prepare(observer)
    progress.done = "nothing was deployed"
    deployed = state is not None and state.is_deployed
    former = stack.template() if deployed else {}
    shards.check(config, stack, former)
    buckets = mapped_buckets(former)
    bucket, key = config.base.sam.code_bucket, folder(config) + packed.key
    wanted = look.build(config, account, seen, template.Code(bucket, key), former)
    done = Done(stack.name, account.region, account.id, warnings=[*seen.notes], left_out=packed.left_out)
    with stack.proposed(wanted, state, bucket, folder(config)) as plan:
        done.changes, done.tags = (plan.changes, plan.tags) if plan else ([], [])
        done.settings = stack.settings(wanted) if deployed else []
        if plan and plan.kind == "CREATE" and config.backend.dynamodb_arn is None:
            done.warnings += map(stack.about_table, stack.former_tables())
        done.warnings += Buckets(account, config, None).unnamed_keys()
        for warning in done.warnings:
            screen.say(f"warning: {warning}")
        if plan or done.settings:
            screen.plan(stack, plan, done.settings)
            asks = not yes and screen.can_ask
            if not (asks or lose_waiting):
                _refuse_loss(stack, plan)
            if asks and not screen.ask("Deploy?"):
                screen.say("nothing was changed")
                done.declined = True
                return done
        else:
            screen.say(f"stack '{stack.name}' in {account.region} of account {account.id}: no changes")
        if plan:
            if upload(account, bucket, key, packed.data):
                screen.say(f"uploaded s3://{bucket}/{key}")
            progress.done = (
                f"AWS goes on with stack '{stack.name}', which nobody follows now; 'slips deploy' says whether it is "
                "at rest, and then does what is still to do, such as --wire"
            )
            if deployed:
                stack.make_room(wanted)
            with screen.follow(len(plan.changes)) as observer:
                state = stack.execute(plan, observer)
        if state:
            done.status, done.outputs = state.status, state.outputs
            progress.done = (
                f"stack '{stack.name}' is {state.status}; whether its buckets notify it, and what 'slips limit' set, "
                "may not have been looked at; 'slips deploy' does what is still to do"
            )
        stack.restore(done.settings)
    pusher = done.outputs.get("EventPusherArn")
    done.wiring = Buckets(account, config, pusher, former=buckets).look(wire=wire)
    screen.wiring(done.wiring, asked=wire)
    if plan:
        screen.outputs(done.outputs, done.wiring, command)
    return done


def _refuse_loss(stack: Stack, plan: Plan | None) -> None:
    """Raise UsageError if the plan loses what still waits somewhere."""
    losing = [one.name for one in plan.changes if one.loses] if plan else []
    if losing:
        raise UsageError(
            f"stack '{stack.name}': what still waits in {', '.join(losing)} would be lost, and nobody is asked; "
            "expected a terminal without -y, or --lose-waiting; do as the changes above say, then add that"
        )


def destroy(
    ctx: typer.Context,
    stack_name: StackName = None,
    all_: Annotated[bool, typer.Option("--all", help="Delete the error table and the uploaded code, too.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Even while error items or undelivered events exist.")] = False,
    yes: Yes = False,
    region: Region = None,
    url: EndpointUrl = None,
) -> None:
    """Take the stack down. The error table stays, unless --all.

    \b
    Examples:
      slips destroy
      slips destroy -s sample-stack --all --force -y
    """
    from slips.deploy.stack import Stack

    name = one_of("-s", options(ctx).stack, stack_name)
    config = load_config(ctx) if name is None else stack_config(ctx, name)
    config = named(config, name) if config else None
    stack = Stack(connect(ctx, region, url), config.stack_name if config else str(name))
    command = _command(config, name) if config else f"slips -s {name}"
    screen = Screen(sys.stdout, _show)
    if not remove(stack, config, screen, all_=all_, force=force, yes=yes, command=command):
        raise typer.Exit(1)


def remove(
    stack: Stack, config: Config | None, screen: Screen, *, all_: bool, force: bool, yes: bool, command: str = "slips"
) -> bool:
    """Takes the stack down, and what slips added to its buckets; False: it was not to be.

    Raises Exit if somebody interrupts it, who is told what was done. `command` begins what is to be typed next.
    """
    with screen.interruptible("nothing was deleted") as progress:
        return _remove(stack, config, screen, progress, all_=all_, force=force, yes=yes, command=command)


def _remove(
    stack: Stack,
    config: Config | None,
    screen: Screen,
    progress: Progress,
    *,
    all_: bool,
    force: bool,
    yes: bool,
    command: str,
) -> bool:
    from slips.deploy.stack import kept, mapped_buckets

    state = stack.state()
    if state is None:
        where = f"{stack.account.region} of account {stack.account.id}"
        screen.say(f"stack '{stack.name}' is not in {where}: nothing to destroy")
        for arn in stack.former_tables():
            screen.say(stack.about_table(arn))
        _tell_of_former_code(stack, config, screen)
        return True
    if state.status.endswith("_IN_PROGRESS") and state.status != "DELETE_IN_PROGRESS":
        stack.check()
    if state.protected:
        raise stack.protected("termination protection is enabled")
    if not force:
        _refuse_if_needed(stack, state, command)
    # By its id, as a deletion that goes on may end at any moment.
    formed, resources = stack.template(state.id), stack.resources(state.id)
    staying = [resources[one] for one in kept(formed) if one in resources]
    code = _code_of(formed, state, stack)
    screen.goners(stack, resources, staying, all_)
    if not yes:
        if not screen.can_ask:
            raise UsageError(f"stack '{stack.name}': nobody to ask; expected a terminal, or -y; add -y to destroy it")
        if not screen.ask("Destroy?"):
            screen.say("nothing was changed")
            return False
    also = "; its uploaded code and its error table may be deleted" if all_ else ""
    progress.done = (
        f"stack '{stack.name}' stands; buckets may not notify it any more{also}; 'slips destroy' goes on, and "
        "'slips deploy --wire' mends the notifications"
    )
    _unwire(stack, {*mapped_buckets(formed), *(config.bucket_mapping if config else [])}, formed, screen)
    if all_:
        # Only a stack that is there tells where they are: whoever is interrupted finds by it what is left.
        if code and code.folder:
            count = stack.delete_objects(code.bucket, code.folder)
            screen.say(f"deleted {plural(count, 'object')} of code, s3://{code.bucket}/{code.folder}")
        for one in staying:
            if one.kind == _TABLE:
                deleted = stack.delete_table(one.id)
                screen.say(f"deleted table {one.id}" if deleted else f"table {one.id} is gone already")
    progress.done = (
        f"AWS goes on to delete stack '{stack.name}', which nobody follows now; 'slips destroy{' --all' * all_}' "
        "follows it, and says what there still is"
    )
    with screen.follow(len(resources) - len(staying)) as observer:
        stack.delete(state.id, observer)
    progress.done = f"stack '{stack.name}' is gone"
    for one in staying:
        if not (all_ and one.kind == _TABLE):
            _tell_of(one, stack, screen)
    _tell_of_table_given(state, formed, screen)
    _tell_of_code(code, all_, screen)
    for arn in stack.former_tables():
        if all(arn != stack.table_arn(one.id) for one in staying):
            screen.say(f"kept: {stack.about_table(arn)}")
    return True


def _unwire(stack: Stack, buckets: Iterable[str], formed: dict[str, Any], screen: Screen) -> None:
    from slips.deploy.wiring import Notifications

    notifications = Notifications(stack.account, stack.name)
    uses_eventbridge = any(one.get("Type") == "AWS::Events::Rule" for one in formed.get("Resources", {}).values())
    for bucket in sorted(buckets):
        screen.wiring([notifications.remove(bucket)])
        if uses_eventbridge and notifications.has_eventbridge(bucket):
            screen.say(
                f"bucket {bucket}: left: EventBridge, which rules of others may use by now; if none does, turn it off "
                "in the S3 console (Properties, Amazon EventBridge)"
            )


def named(config: Config, stack_name: str | None) -> Config:
    return msgspec.structs.replace(config, stack_name=stack_name) if stack_name else config


def connect(ctx: typer.Context, region: str | None, url: str | None) -> Account:
    from slips.deploy.account import Account

    return Account.connect(one_of("--region", options(ctx).region, region), endpoint_url(ctx, url))


def _refuse_if_needed(stack: Stack, state: State, command: str) -> None:
    held = stack.holdings(state)
    what = []
    if held.items:
        what.append(f"{plural(held.items, 'error item')}{' or more' if held.more else ''}")
    if held.undelivered:
        what.append(f"{plural(held.undelivered, 'undelivered event')}")
    if what:
        raise UsageError(
            f"stack '{stack.name}': {' and '.join(what)} would stay unprocessed; expected none; "
            f"'{command} errors' lists and '{command} drain' processes them; --force destroys the stack all the same"
        )


_TABLE = "AWS::DynamoDB::Table"


def _tell_of(resource: Resource, stack: Stack, screen: Screen) -> None:
    """Says how a resource that outlived its stack can be used."""
    if resource.kind != _TABLE:
        screen.say(f"kept: {resource.name}, {resource.id}")
        return
    screen.say(f"kept: error table {resource.id}")
    screen.say(f"for a new stack to go on with it, set backend.dynamodb_arn: {stack.table_arn(resource.id)}")


def _tell_of_table_given(state: State, formed: dict[str, Any], screen: Screen) -> None:
    """Say that a table stays which the config gave. Only the template tells: the resources lack what is deleted."""
    table, made = state.outputs.get("ErrorTableName"), formed.get("Resources", {})
    if table and made and "ErrorTable" not in made:
        screen.say(f"kept: error table {table}, which backend.dynamodb_arn named: the stack did not make it")


class _Code(Struct):
    """The uploaded code of a stack."""

    bucket: str
    key: str
    folder: str
    """What holds this stack's alone, with a `/` at its end; empty if others use it."""


def _code_of(formed: dict[str, Any], state: State, stack: Stack) -> _Code | None:
    """Where it is; None if another tool deployed the stack."""
    from slips.deploy.stack import uploaded

    if (found := uploaded(formed, state.parameters)) is None:
        return None
    bucket, key = found
    folder = key.rpartition("/")[0]
    return _Code(bucket, key, f"{folder}/" if Path(folder).name == stack.name else "")


def _tell_of_former_code(stack: Stack, config: Config | None, screen: Screen) -> None:
    """Say where the code of a stack that is gone remains: only the config tells, and it may have changed since."""
    from slips.deploy.package import folder

    if (
        config
        and config.base.sam.code_bucket
        and (told := stack.about_code(config.base.sam.code_bucket, folder(config)))
    ):
        screen.say(told)


def _tell_of_code(code: _Code | None, all_: bool, screen: Screen) -> None:
    """Says where the uploaded code remains."""
    if code is None:
        screen.say("kept: the functions' code, where the tool that deployed the stack put it")
    elif not (all_ and code.folder):
        screen.say(f"kept: the uploaded code, s3://{code.bucket}/{code.key}")


# ---- how it looks


def _show(text: str, color: str | None = None) -> None:
    # At once, also into a pipe: whoever waits for minutes wants to see how it goes.
    show_text(text, color, flush=True)


class Screen:
    """Plain lines through `say`, and on a terminal colours and a live view besides."""

    def __init__(self, stream: TextIO, say: Callable[[str, str | None], None]) -> None:
        self.stream, self._say = stream, say
        self.is_terminal = stream.isatty()

    @property
    def can_ask(self) -> bool:
        return sys.stdin.isatty()

    def ask(self, question: str) -> bool:
        """Asks, on standard error if nobody sees standard output. Raises KeyboardInterrupt where there is no answer."""
        try:
            return typer.confirm(question, err=self.stream is sys.stderr or not self.is_terminal)
        except typer.Abort:
            raise KeyboardInterrupt from None

    def say(self, text: str) -> None:
        self._say(text, None)

    def plan(self, stack: Stack, plan: Plan | None, settings: Sequence[Setting]) -> None:
        """What would change, a line each; what is made anew in red."""
        account = stack.account
        count = plural(len(plan.changes) if plan else len(settings), "change")
        self.say(f"stack '{stack.name}' in {account.region} of account {account.id}: {count}")
        found = plan.changes if plan else []
        # A tag of the stack changes all that has tags: one line is enough for that.
        changes = [one for one in found if not (plan and plan.tags and one.what == ["tags"])]
        changes.sort(key=lambda one: ("Add Modify Remove".find(one.action), one.name))
        widths = [
            max((len(text) for text in column), default=0) for column in zip(*map(_columns, changes), strict=True)
        ]
        for change in changes:
            cells = [cell.ljust(width) for cell, width in zip(_columns(change), widths, strict=True)]
            text = one_line("  ".join(cells).rstrip())
            if change.loses:
                text += f"  ({change.loses})"
            stands_out = (change.replaced or change.loses) and self.is_terminal
            self._say(f"  {text}", "red" if stands_out else None)
        if plan and plan.tags:
            self.say(one_line(f"  ~ tags of the stack and of all in it that has tags: {', '.join(plan.tags)}"))
        for setting in settings:
            self.say(f"  ~ {setting}")

    def goners(self, stack: Stack, resources: dict[str, Resource], staying: Sequence[Resource], all_: bool) -> None:
        """What would be deleted, and what not."""
        account = stack.account
        self.say(f"stack '{stack.name}' in {account.region} of account {account.id} will be deleted, with")
        for name, one in sorted(resources.items()):
            self.say(f"  {'kept:' if one in staying and not all_ else '-'} {name}  {one.kind}  {one.id}")
        self.say("events that are still on its lanes go with it")

    def wiring(self, found: Sequence[Wiring], *, asked: bool = False) -> None:
        """What was done to the notifications of buckets, and what is wrong with them; if `asked`, nothing done, too."""
        for each in found:
            texts = [*(f"added {one}" for one in each.added), *(f"took away {one}" for one in each.removed)]
            if asked and each.reached and not texts:
                prefixes = ", ".join(f"'{prefix}'" for prefix in each.reached)
                texts = [f"nothing to add: new objects under {prefixes} reach the stack already"]
            for text in [*texts, *(f"warning: {note}" for note in each.notes)]:
                self.say(f"bucket {each.bucket}: {text}")

    def outputs(self, outputs: dict[str, str], wiring: Sequence[Wiring], command: str) -> None:
        """What there is now, and what to do with it."""
        width = max(map(len, outputs), default=0)
        for name, value in sorted(outputs.items()):
            self.say(f"  {name.ljust(width)}  {value}")
        wired = [f"s3://{each.bucket}/{prefix}" for each in wiring for prefix in each.reached]
        if wired:
            self.say(f"objects that land under {wired[0]} are processed now")
        self.say(
            f"'{command} status' shows how it goes, '{command} errors' what failed, '{command} logs -f' what the "
            "functions say"
        )

    def follow(self, total: int | None = None) -> AbstractContextManager[Observer]:
        """An Observer that shows the events of an operation."""
        return Bar(self, total) if self.is_terminal else Lines(self)

    @contextmanager
    def interruptible(self, done: str) -> Iterator[Progress]:
        """Who interrupts the block is told what was done by then, which the block keeps up to date."""
        progress = Progress(done)
        try:
            yield progress
        except KeyboardInterrupt:
            self.say(f"interrupted: {progress.done}")
            raise typer.Exit(130) from None


class Progress(Struct):
    """What was done so far, and how to go on, for whoever interrupts it."""

    done: str


_SKIPPED = "DELETE_SKIPPED"
"""What CloudFormation says of resources that outlive the stack: what becomes of them is told in the end."""


def _columns(change: Change) -> tuple[str, str, str]:
    sign = {"Add": "+", "Modify": "~", "Remove": "-"}.get(change.action, "?")
    replaced = {"": "", "maybe": "MAY BE REPLACED: ", "yes": "REPLACED: "}[change.replaced]
    return f"{sign} {change.name}", change.kind, shortened(replaced + ", ".join(change.what), 160)


class Lines(AbstractContextManager["Lines"]):
    """A line for each event; AWS tells twice that it begins with a resource."""

    def __init__(self, screen: Screen) -> None:
        self._screen, self._last = screen, dict[str, str]()

    def __exit__(self, *about: object) -> None:
        return None

    def event(self, event: Event) -> None:
        if self._last.get(event.name) == event.status or event.status == _SKIPPED:
            return
        self._last[event.name] = event.status
        reason = f": {event.reason}" if event.reason and "FAILED" in event.status else ""
        self._screen.say(f"{event.status}  {event.name}  {event.kind}{reason}")


class Bar(AbstractContextManager["Bar"]):
    """A bar of resources, with those at hand; what fails goes above it."""

    def __init__(self, screen: Screen, total: int | None) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
        from rich.table import Column

        now = Column(ratio=1, no_wrap=True, overflow="ellipsis")
        self._progress = Progress(
            SpinnerColumn(),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[at]}", markup=False, style="dim", table_column=now),
            console=Console(file=screen.stream),
            transient=True,
            expand=True,
        )
        self._task = self._progress.add_task("", total=total, at="")
        self._busy: dict[str, None] = {}
        self._done: set[str] = set()

    def __enter__(self) -> Bar:
        self._progress.start()
        return self

    def __exit__(self, *about: object) -> None:
        self._progress.stop()

    def event(self, event: Event) -> None:
        if event.is_stack:
            self._progress.update(self._task, at=one_line(" ".join([event.status, *self._busy])))
            return
        if event.status == _SKIPPED:
            return
        if event.status.endswith("_IN_PROGRESS"):
            self._busy[event.name] = None
        else:
            self._busy.pop(event.name, None)
            self._done.add(event.name)
        if event.status.endswith("_FAILED"):
            text = one_line(f"{event.status}  {event.name}  {event.kind}: {event.reason}")
            self._progress.console.print(text, style="red", markup=False, emoji=False, highlight=False, soft_wrap=True)
        self._progress.update(self._task, completed=len(self._done), at=one_line(" ".join(self._busy)))
