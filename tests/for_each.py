"""Tests of many alike cases, as formats are: one test runs all of them, and its error names each case that fails.

To collect a test and to report its end takes some milliseconds in several processes, far longer than most cases do.
"""

from __future__ import annotations

import inspect
import zlib
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, TypeVar

import pytest

Case = TypeVar("Case")
Test = Callable[..., None]


def for_each(argument: str, cases: Iterable[Case], name: Callable[[Case], str] = str) -> Callable[[Test], Test]:
    """Calls a test with each of the cases as `argument`; `name` names a case in errors, and for `--case`.

    A case that skips fails: it would hide those behind it.
    """
    by_name = {name(case): case for case in cases}

    def decorate(test: Test) -> Test:
        signature = inspect.signature(test)
        fixtures = [each for each in signature.parameters.values() if each.name != argument]
        request = inspect.Parameter("request", inspect.Parameter.POSITIONAL_OR_KEYWORD)

        @wraps(test)
        def run(request: pytest.FixtureRequest, **given: Any) -> None:
            assert by_name
            failed: dict[str, BaseException] = {}
            names = chosen(list(by_name), request)
            for one in names:
                try:
                    test(**given, **{argument: by_name[one]})
                except (Exception, pytest.fail.Exception, pytest.skip.Exception) as error:  # noqa: BLE001 - others run, too
                    error.add_note(f"case: {one}")
                    failed[one] = error
            if failed:
                told = f"{len(failed)} of {len(names)} cases failed: {', '.join(failed)}"
                raise BaseExceptionGroup(told, [*failed.values()])

        run.__signature__ = signature.replace(parameters=[request, *fixtures])  # type: ignore[attr-defined]
        return run

    return decorate


def chosen(names: list[str], request: pytest.FixtureRequest) -> list[str]:
    """The cases that the options of a run leave of a test; with `--every`, others of each test."""
    wanted: list[str] = request.config.getoption("--case")
    every: int = request.config.getoption("--every")
    if wanted:
        names = [name for name in names if name in wanted]
        if not names:
            pytest.skip(f"no case {' '.join(wanted)}")
    return names[zlib.crc32(request.node.name.encode()) % min(every, len(names)) :: every]
