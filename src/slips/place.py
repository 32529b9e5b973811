"""Chooses where an operator works, on a stack or on this machine, and opens the operations and the site there."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from msgspec import Struct

from slips.backends.machine.operations import MachineOperations
from slips.backends.machine.patience import SECONDS, Patience
from slips.backends.machine.state import MachineState
from slips.config import Config
from slips.operations import Operations
from slips.site.machine import MachineSite
from slips.site.protocols import ListingSite
from slips.site.stack import StackSite
from slips.site.worker import WorkerSite

if TYPE_CHECKING:
    from slips.backends.aws.operations import StackOperations

Say = Callable[[str], None]
"""Shows the user a message about a locked state."""


class Place(Struct, frozen=True):
    """The stack of that name; this machine if there is no name."""

    stack: str | None
    region: str | None = None
    endpoint_url: str | None = None
    """Server that stands for AWS, or for S3 alone."""
    say: Say = lambda _: None

    @contextmanager
    def operations(self, config: Callable[[], Config]) -> Iterator[Operations]:
        """Open the operations, and close them at the end. Only this machine asks for the config.

        Raises UsageError if there is no such stack, StateError if the state of this machine cannot be used.
        """
        if self.stack is not None:
            yield self.stack_operations(self.stack)
            return
        loaded = config()
        with open_state(loaded, self.say) as state:
            yield MachineOperations(loaded, state)

    @contextmanager
    def site(self, config: Config) -> Iterator[tuple[ListingSite, Operations]]:
        """Open the site of stations and the operations, and close them at the end. Raises as `operations` does."""
        if self.stack is not None:
            operations = self.stack_operations(self.stack)
            yield StackSite(config, operations.stack, endpoint_url=self.endpoint_url, region=self.region), operations
            return
        with open_state(config, self.say) as state:
            site = MachineSite(config, state, endpoint_url=self.endpoint_url, region=self.region)
            yield site, MachineOperations(config, state)

    def handler_site(self, config: Config) -> WorkerSite:
        """Return the site of handlers that run in this process, on objects of the stack or of this machine."""
        in_s3 = self.stack is not None
        return WorkerSite(config, in_s3=in_s3, endpoint_url=self.endpoint_url, region=self.region)

    def stack_operations(self, name: str) -> StackOperations:
        """Return the operations on the stack of that name. Raises UsageError if there is none."""
        from slips.backends.aws.clients import Clients
        from slips.backends.aws.operations import StackOperations
        from slips.backends.aws.stack import DeployedStack

        return StackOperations(DeployedStack.find(Clients(self.region, self.endpoint_url), name))


def stack_of(config: Config, *, on_aws: bool) -> str | None:
    """Return the stack that operators of this config work on; None if that is this machine."""
    return config.stack_name if on_aws or config.backend.embedded is None else None


@contextmanager
def open_state(config: Config, say: Say, wait: float | None = SECONDS) -> Iterator[MachineState]:
    """Open the state of this machine, and close it at the end.

    If another process has the state locked, waits for `wait` seconds at most, or until it is free if that is None.
    """
    state = MachineState.open(config.state_directory, Patience(wait, tell=say))
    try:
        yield state
    finally:
        state.close()


def operator() -> str:
    """Return who uses slips here, for those who find what it did: `ann@host`."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a user without a name
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"
