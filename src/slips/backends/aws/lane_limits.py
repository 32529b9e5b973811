"""The limits of a stack's lanes, read and set while the stack runs: settings of Dispatcher and its mappings."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from slips.backends.aws import DISPATCHERS
from slips.backends.aws.answers import code
from slips.backends.aws.dispatch_batch import SPARE, records_at_once
from slips.backends.aws.refusals import calls
from slips.backends.aws.stack import DeployedStack
from slips.config import LaneConfig
from slips.errors import SlipsError
from slips.model import Lane

ATTEMPTS = 5
"""Tries of a change that conflicts with another one."""
LOOKS, LOOK_SECONDS = 120, 0.5
"""Number of checks whether AWS has applied a change, and the seconds between two checks. Most changes need seconds."""
CONFLICTS = {"PreconditionFailedException", "ResourceConflictException", "ResourceInUseException"}
"""Codes for "another user, or AWS itself, is changing the same function or mapping"."""


class LaneLimits:
    """Reads and sets the limits of a stack's lanes."""

    def __init__(self, stack: DeployedStack) -> None:
        self._stack = stack

    def get(self, lane: Lane) -> LaneConfig:
        """Return the limit of a lane that holds now."""
        variables = self._stack.configuration(DISPATCHERS[lane])[1]
        delay = variables.get("SLIPS_DELAY")
        if delay is None:
            raise self._stack.lacks(
                "delay", f"SLIPS_DELAY in the environment of {DISPATCHERS[lane]}, unlike those of 2018"
            )
        # Dispatcher of the version before passes all records of its mapping to one MainFunc.
        mapping = self._stack.mapping(lane)
        return LaneConfig(
            batch_size=int(variables.get("SLIPS_BATCH_SIZE") or mapping["BatchSize"]),
            delay=int(float(delay)),
            parallelization=mapping.get("ParallelizationFactor", 1),
        )

    def set(self, lane: Lane, limit: LaneConfig) -> None:
        """Set delay and batch size of a lane until the next deploy.

        Dispatcher must at all times have the time for the records that its mapping gives it. Therefore fewer records
        are set before a longer delay, and more records after a shorter one.
        """
        function = DISPATCHERS[lane]
        mapping, variables = self._stack.mapping(lane), self._stack.configuration(function)[1]
        wanted, records = {"SLIPS_DELAY": str(limit.delay)}, limit.batch_size
        if "SLIPS_BATCH_SIZE" in variables:
            wanted["SLIPS_BATCH_SIZE"], records = str(limit.batch_size), records_at_once(limit)
        if records < mapping["BatchSize"]:
            self._set_records(mapping["UUID"], records)
        if any(variables.get(name) != value for name, value in wanted.items()):
            self._set_variables(function, wanted, SPARE + limit.delay)
        if records > mapping["BatchSize"]:
            self._set_records(mapping["UUID"], records)

    def _set_variables(self, function: str, wanted: dict[str, str], seconds: int) -> None:
        """Set some variables of a function, and raise its time limit to `seconds` if it is lower."""
        name, functions = self._stack.function(function), self._stack.clients.functions

        def change() -> None:
            # This call replaces all variables. With the revision id, AWS refuses it if a variable changed in between.
            configuration, variables = self._stack.configuration(function)
            revision = {"RevisionId": configuration["RevisionId"]} if "RevisionId" in configuration else {}
            functions.update_function_configuration(
                FunctionName=name,
                Environment={"Variables": {**variables, **wanted}},
                Timeout=max(configuration["Timeout"], seconds),
                **revision,
            )

        self._patiently(name, change)
        self._await(name, lambda: functions.get_function_configuration(FunctionName=name), "LastUpdateStatus")

    def _set_records(self, uuid: str, records: int) -> None:
        functions = self._stack.clients.functions
        self._patiently(uuid, partial(functions.update_event_source_mapping, UUID=uuid, BatchSize=records))
        self._await(uuid, lambda: functions.get_event_source_mapping(UUID=uuid), "State")

    def _patiently(self, what: str, change: Callable[[], object]) -> None:
        """Make a change, again if it conflicts with another one. Raises SlipsError if each of ATTEMPTS does."""
        for _ in range(ATTEMPTS):
            with calls(what, passing=CONFLICTS):
                try:
                    change()
                except ClientError as error:
                    if code(error) not in CONFLICTS:
                        raise
                    self._stack.sleep(2)
                    continue
                return
        raise SlipsError(f"{what}: is being changed by others all the time; expected a moment's rest; try again")

    def _await(self, what: str, look: Callable[[], Any], key: str) -> None:
        """Wait until AWS has made a change. Raises SlipsError if it fails, or takes longer than LOOKS looks."""
        for _ in range(LOOKS):
            with calls(what):
                described = look()
            match described.get(key, "Successful"):
                case "Successful" | "Enabled" | "Disabled":
                    return
                case "Failed":
                    raise SlipsError(f"{what}: AWS could not change it: {described.get('LastUpdateStatusReason')}")
            self._stack.sleep(LOOK_SECONDS)
        raise SlipsError(
            f"{what}: is still being changed; expected it to be done by now; look again with 'slips limit'"
        )
