"""The words of `deploy` and `destroy`: a line for each step, on a terminal with colours and a bar of resources."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, TextIO

import click
from click.exceptions import Exit

from slips.cli.limit import paces
from slips.cli.output import aligned, shortened
from slips.config import Config
from slips.printable import one_line, plural

if TYPE_CHECKING:
    from slips.deploy import deploy, destroy
    from slips.deploy.changes import Change, Proposal, StackEvent, StackResource, StackState
    from slips.deploy.deployment import Deployment, Follower
    from slips.deploy.limit_changes import LaneSetting
    from slips.deploy.package import Package
    from slips.deploy.wiring import Wiring


class Screen:
    """Prints lines through `say`, and on a terminal also colours and a bar of resources."""

    def __init__(self, stream: TextIO, say: Callable[[str, str | None], None]) -> None:
        self.stream, self._say = stream, say
        self.is_terminal = stream.isatty()
        self.done = ""
        """Text for a user who interrupts a deployment: the steps done so far, and the way to continue."""

    @property
    def can_ask(self) -> bool:
        return sys.stdin.isatty()

    def ask(self, question: str) -> bool:
        """Ask, on standard error if standard output is no terminal. Raises KeyboardInterrupt at end of input."""
        try:
            return click.confirm(question, err=self.stream is sys.stderr or not self.is_terminal)
        except click.Abort:
            raise KeyboardInterrupt from None

    def say(self, text: str, color: str | None = None) -> None:
        """Print a line; on a terminal in a colour, if one is given."""
        self._say(text, color if self.is_terminal else None)

    def wiring(self, found: Sequence[Wiring], *, asked: bool = False) -> None:
        """Print changes and warnings of each bucket; if `asked`, also that a bucket needed no change."""
        for each in found:
            texts = [*(f"added {one}" for one in each.added), *(f"took away {one}" for one in each.removed)]
            if asked and each.reached and not texts:
                prefixes = ", ".join(f"'{prefix}'" for prefix in each.reached)
                texts = [f"nothing to add: new objects under {prefixes} reach the stack already"]
            for text in [*texts, *(f"warning: {note}" for note in each.notes)]:
                self.say(f"bucket {each.bucket}: {text}")

    def follow(self, total: int | None = None) -> AbstractContextManager[Follower]:
        """Make a Follower that shows the events of an operation."""
        return ResourceBar(self, total) if self.is_terminal else EventLines(self)

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """If a user interrupts the block, print `done`, and raise Exit."""
        try:
            yield
        except KeyboardInterrupt:
            self.say(f"interrupted: {self.done}")
            raise Exit(130) from None


class View:
    """Base of the views of both commands."""

    def __init__(self, screen: Screen, deployment: Deployment) -> None:
        self._screen, self._account = screen, deployment.account
        self._name = f"'{deployment.name}'"
        self._stack = f"stack {self._name}"

    @property
    def _place(self) -> str:
        return f"{self._account.region} of account {self._account.id}"

    def declined(self) -> None:
        self._screen.say("nothing was changed")

    def follow(self, total: int | None = None) -> AbstractContextManager[Follower]:
        return self._screen.follow(total)


class DeployView(View):
    """Words a deploy, as its DeployObserver. `command` begins the commands that the user may type next."""

    def __init__(
        self, screen: Screen, deployment: Deployment, config: Config, *, wire: bool, command: str = "slips"
    ) -> None:
        super().__init__(screen, deployment)
        self._config, self._wire, self._command = config, wire, command

    def enter(self, stage: deploy.Stage, state: StackState | None = None) -> None:
        self._screen.done = {
            "checking": "nothing was changed",
            "clearing": f"AWS goes on to delete what a failed deploy of {self._name} left; deploy again when it is "
            "gone",
            "proposing": "nothing was deployed",
            "changing": f"AWS goes on with {self._stack}, which nobody follows now; 'slips deploy' says whether it is "
            "at rest, and then does what is still to do, such as --wire",
            "changed": f"{self._stack} is {state.status if state else 'changed'}; whether its buckets notify it, and "
            "what 'slips limit' set, may not have been looked at; 'slips deploy' does what is still to do",
        }[stage]

    def say(self, text: str) -> None:
        self._screen.say(text)

    def packed(self, packed: Package) -> None:
        self._screen.say(packed.summary())
        for pace in paces(self._config, "stack"):
            self._screen.say(pace)

    def warn(self, text: str) -> None:
        self._screen.say(f"warning: {text}")

    def propose(self, proposal: Proposal | None, settings: Sequence[LaneSetting]) -> None:
        """Print a line for each change, in red if it replaces a resource or loses events."""
        changes = proposal.changes if proposal else []
        where = f"{self._stack} in {self._place}"
        if not (proposal or settings):
            self._screen.say(f"{where}: no changes")
            return
        self._screen.say(f"{where}: {plural(len(changes) if proposal else len(settings), 'change')}")
        tags = proposal.tags if proposal else []
        # CloudFormation lists a changed tag for each resource with tags. One line replaces these many.
        self._changes([one for one in changes if not (tags and one.what == ["tags"])])
        if tags:
            self._screen.say(one_line(f"  ~ tags of the stack and of all in it that has tags: {', '.join(tags)}"))
        for setting in settings:
            self._screen.say(f"  ~ {setting}")

    def _changes(self, changes: Sequence[Change]) -> None:
        ordered = sorted(changes, key=lambda one: ("Add Modify Remove".find(one.action), one.name))
        for change, text in zip(ordered, aligned(map(_columns, ordered)), strict=True):
            lost = f"  ({change.loses})" if change.loses else ""
            self._screen.say(f"  {text}{lost}", "red" if change.replaced or change.loses else None)

    def uploaded(self, bucket: str, key: str) -> None:
        self._screen.say(f"uploaded s3://{bucket}/{key}")

    def wired(self, wiring: Sequence[Wiring]) -> None:
        self._screen.wiring(wiring, asked=self._wire)

    def deployed(self, outputs: dict[str, str], wiring: Sequence[Wiring]) -> None:
        """Print the outputs, and commands for the stack."""
        width = max(map(len, outputs), default=0)
        for name, value in sorted(outputs.items()):
            self._screen.say(f"  {name.ljust(width)}  {value}")
        wired = [f"s3://{each.bucket}/{prefix}" for each in wiring for prefix in each.reached]
        if wired:
            self._screen.say(f"objects that land under {wired[0]} are processed now")
        self._screen.say(
            f"'{self._command} status' shows how it goes, '{self._command} errors' what failed, "
            f"'{self._command} logs -f' what the functions say"
        )


class DestroyView(View):
    """Words a destroy, as its DestroyObserver."""

    def __init__(self, screen: Screen, deployment: Deployment, *, all_: bool) -> None:
        super().__init__(screen, deployment)
        self._all, self._was_absent = all_, False

    def enter(self, stage: destroy.Stage) -> None:
        also = "; its uploaded code and its error table may be deleted" if self._all else ""
        self._screen.done = {
            "proposing": "nothing was deleted",
            "dismantling": f"{self._stack} stands; buckets may not notify it any more{also}; 'slips destroy' goes on, "
            "and 'slips deploy --wire' mends the notifications",
            "deleting": f"AWS goes on to delete {self._stack}, which nobody follows now; "
            f"'slips destroy{' --all' * self._all}' follows it, and says what there still is",
            "deleted": f"{self._stack} is gone",
        }[stage]

    def absent(self) -> None:
        self._was_absent = True
        self._screen.say(f"{self._stack} is not in {self._place}: nothing to destroy")

    def propose(self, resources: Mapping[str, StackResource], staying: Collection[StackResource]) -> None:
        self._screen.say(f"{self._stack} in {self._place} will be deleted, with")
        for name, one in sorted(resources.items()):
            self._screen.say(f"  {'kept:' if one in staying else '-'} {name}  {one.kind}  {one.id}")
        self._screen.say("events that are still on its lanes go with it")

    def unwired(self, wiring: Wiring) -> None:
        self._screen.wiring([wiring])

    def deleted_code(self, bucket: str, prefix: str, count: int) -> None:
        self._screen.say(f"deleted {plural(count, 'object')} of code, s3://{bucket}/{prefix}")

    def deleted_table(self, name: str, *, existed: bool) -> None:
        self._screen.say(f"deleted table {name}" if existed else f"table {name} is gone already")

    def left(self, remains: destroy.Remains) -> None:
        for text in self._words(remains):
            self._screen.say(text)

    def _words(self, remains: destroy.Remains) -> Iterator[str]:
        """Yield lines that name the resource or object left, and the way to use or delete it."""
        place = remains.place
        match remains.kind:
            case "resource":
                yield f"kept: {remains.name}, {place}"
            case "error table":
                yield f"kept: error table {remains.name}"
                yield f"for a new stack to go on with it, set backend.dynamodb_arn: {place}"
            case "given table":
                yield f"kept: error table {place}, which backend.dynamodb_arn named: the stack did not make it"
            case "former table":
                from slips.deploy.error_tables import advice

                yield f"{'' if self._was_absent else 'kept: '}{advice(self._account, place)}"
            case "code":
                yield f"kept: the uploaded code, {place}"
            case "code elsewhere":
                yield "kept: the functions' code, where the tool that deployed the stack put it"
            case "former code":
                command = f"aws s3 rm --recursive {self._account.aws_options} {shlex.quote(place)}"
                yield f"uploaded code of a former stack is still there, {place}; to delete it: {command}"
            case "eventbridge":
                yield (
                    f"bucket {place}: left: EventBridge, which rules of others may use by now; if none does, turn it "
                    "off in the S3 console (Properties, Amazon EventBridge)"
                )


_SKIPPED = "DELETE_SKIPPED"
"""Status of a resource that outlives the stack. No line shows this status: `left` names the resource in the end."""


def _columns(change: Change) -> tuple[str, str, str]:
    sign = {"Add": "+", "Modify": "~", "Remove": "-"}.get(change.action, "?")
    replaced = {"": "", "maybe": "MAY BE REPLACED: ", "yes": "REPLACED: "}[change.replaced]
    return f"{sign} {change.name}", change.kind, shortened(replaced + ", ".join(change.what), 160)


class EventLines(AbstractContextManager["EventLines"]):
    """Prints a line for each change of a resource's status. CloudFormation repeats the event with which one begins."""

    def __init__(self, screen: Screen) -> None:
        self._screen, self._last = screen, dict[str, str]()

    def __exit__(self, *about: object) -> None:
        return None

    def event(self, event: StackEvent) -> None:
        if self._last.get(event.name) == event.status or event.status == _SKIPPED:
            return
        self._last[event.name] = event.status
        reason = f": {event.reason}" if event.reason and "FAILED" in event.status else ""
        self._screen.say(f"{event.status}  {event.name}  {event.kind}{reason}")


class ResourceBar(AbstractContextManager["ResourceBar"]):
    """Shows a bar of resources with the names of those at work, and above it a line for each failure."""

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

    def __enter__(self) -> ResourceBar:
        self._progress.start()
        return self

    def __exit__(self, *about: object) -> None:
        self._progress.stop()

    def event(self, event: StackEvent) -> None:
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
