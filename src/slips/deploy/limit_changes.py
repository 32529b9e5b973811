"""Finds settings of the lanes that `slips limit` changed on a deployed stack, and sets them back.

CloudFormation compares templates only, so that an update of the stack does not change these settings.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from msgspec import Struct

from slips.backends.aws import DISPATCHERS
from slips.backends.aws.refusals import calls
from slips.deploy.deployment import Deployment
from slips.deploy.template import Template

What = Literal["delay", "batch size", "records at once"]
_VARIABLES: dict[What, str] = {"delay": "SLIPS_DELAY", "batch size": "SLIPS_BATCH_SIZE"}
"""Settings that are variables of Dispatcher. `records at once` is a setting of its event source mapping."""


class LaneSetting(Struct, frozen=True):
    """A setting of a lane that `slips limit` changed since the last deploy."""

    lane: str
    what: What
    now: int
    then: int
    """The value in the template, which `restore` sets."""
    resource: str
    """Physical name of the function or mapping that has the setting."""
    timeout: int = 0
    """Time limit of the function, which `slips limit` raises with the delay; 0: keep it."""

    def __str__(self) -> str:
        return f"lane {self.lane}: {self.what} {self.now} set by 'slips limit', back to {self.then}"


class LimitChanges:
    """The limits of one deployed stack that differ from its template."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._functions, self._where = deployment.account.functions, f"stack '{deployment.name}'"

    def changed(self, template: Template) -> list[LaneSetting]:
        """Return the settings that `slips limit` changed since the last deploy, with their values in `template`."""
        former, wanted, resources = self._deployment.template(), template["Resources"], self._deployment.resources()
        limits, settings = _limits(former), []
        for (lane, what), (name, then) in _limits(template).items():
            if (lane, what) in limits and name in resources:
                id = resources[name].id
                now = self._variable(id, what) if what in _VARIABLES else self._records(id)
                if now not in (limits[lane, what][1], then):
                    timeout = wanted[name]["Properties"].get("Timeout", 0)
                    settings.append(LaneSetting(lane, what, now, then, id, timeout))
        return settings

    def restore(self, settings: Sequence[LaneSetting]) -> None:
        """Set the settings back, in an order that leaves Dispatcher time for the records that it receives."""
        records = [one for one in settings if one.what not in _VARIABLES]
        self._set_records([one for one in records if one.then < one.now])
        for function in dict.fromkeys(one.resource for one in settings if one.what in _VARIABLES):
            its = [one for one in settings if one.resource == function]
            request: Any = {"Timeout": its[0].timeout} if its[0].timeout else {}
            with calls(f"{self._where}: lane {its[0].lane}"):
                variables = {**self._variables(function), **{_VARIABLES[one.what]: str(one.then) for one in its}}
                self._functions.update_function_configuration(
                    FunctionName=function, Environment={"Variables": variables}, **request
                )
        self._set_records([one for one in records if one.then > one.now])

    def make_room(self, template: Template) -> None:
        """Lower the batch sizes of Dispatcher before the template makes Dispatcher wait longer.

        CloudFormation changes a function before its mapping. In between, Dispatcher may lack the time for all records
        of a batch. AWS counts such a batch as failed, and stops its retries of a batch after some failures.
        """
        resources = self._deployment.resources()
        for (lane, what), (name, then) in _limits(template).items():
            if what not in _VARIABLES and name in resources:
                id = resources[name].id
                if (now := self._records(id)) > then:
                    self._set_records([LaneSetting(lane, what, now, then, id)])

    def _set_records(self, settings: Sequence[LaneSetting]) -> None:
        for one in settings:
            with calls(f"{self._where}: lane {one.lane}"):
                self._functions.update_event_source_mapping(UUID=one.resource, BatchSize=one.then)

    def _variables(self, function: str) -> dict[str, str]:
        with calls(f"{self._where}: {function}"):
            configuration = self._functions.get_function_configuration(FunctionName=function)
        return configuration.get("Environment", {}).get("Variables", {})

    def _variable(self, function: str, what: What) -> int:
        return int(float(self._variables(function).get(_VARIABLES[what], 0)))

    def _records(self, mapping: str) -> int:
        with calls(f"{self._where}: {mapping}"):
            return self._functions.get_event_source_mapping(UUID=mapping)["BatchSize"]


def _limits(template: Template) -> dict[tuple[str, What], tuple[str, int]]:
    """Return the logical name of the resource with the setting, and its value, by `(lane, what)`."""
    limits: dict[tuple[str, What], tuple[str, int]] = {}
    resources = template.get("Resources", {})
    for lane, function in DISPATCHERS.items():
        variables = resources.get(function, {}).get("Properties", {}).get("Environment", {}).get("Variables", {})
        for what, variable in _VARIABLES.items():
            if variable in variables:
                limits[lane, what] = (function, int(float(variables[variable])))
        mapping = f"{function}Mapping"
        properties = resources.get(mapping, {}).get("Properties", {})
        if "BatchSize" in properties:
            limits[lane, "records at once"] = (mapping, int(properties["BatchSize"]))
    return limits
