"""Faults that tests order: which calls they strike, how often, and what happens to them."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal


@dataclass
class Fault:
    """One rule. All effects given apply, in this order: delay, hold, kill before, error | refuse, cut, kill after."""

    service: str
    operation: str
    error: str = ""
    """Error code to answer with, such as `SlowDown`; the call does not take place."""
    status: int = 400
    message: str = "ordered by a test"
    delay: float = 0.0
    """Seconds before the call takes place."""
    hold: bool = False
    """Lets the call wait until the faults are cleared."""
    cut: int | None = None
    """Bytes of the body that still arrive, though Content-Length promises all."""
    refuse: int | None = None
    """So many of the first records of a PutRecords are refused; the others are taken."""
    refuse_code: str = "ProvisionedThroughputExceededException"
    kill: Literal["", "before", "after"] = ""
    """Kills the function's process that calls."""
    resource: str = ""
    """Part of an ARN that the call touches; empty: any."""
    caller: str = ""
    """Part of the calling function's name; empty: any caller."""
    times: int | None = 1
    """Strikes so many times; None: until cleared."""
    skip: int = 0
    """Lets so many matching calls pass first."""


class Faults:
    def __init__(self) -> None:
        self._rules: list[Fault] = []
        self._lock = threading.Lock()
        self._cleared = threading.Event()

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._rules.append(fault)

    def clear(self) -> None:
        with self._lock:
            self._rules.clear()
            self._cleared.set()
            self._cleared = threading.Event()

    def strike(
        self, service: str, operation: str, resources: Iterable[str], caller: str
    ) -> tuple[Fault, threading.Event] | None:
        """Uses up the first rule that this call meets by one. Returns the rule, and the event that its clearing sets.

        Rules may be cleared before the call waits for that: whoever asked for the event only then would wait for the
        next clearing.
        """
        touched = list(resources)
        with self._lock:
            for rule in self._rules:
                if (rule.service, rule.operation) != (service, operation) or rule.caller not in caller:
                    continue
                if not any(rule.resource in resource for resource in touched):
                    continue
                if rule.skip:
                    rule.skip -= 1
                    continue
                if rule.times is not None:
                    rule.times -= 1
                    if not rule.times:
                        self._rules.remove(rule)
                return rule, self._cleared
        return None
