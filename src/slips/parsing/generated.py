"""Makes functions of generated lines, which tracebacks show."""

from __future__ import annotations

import linecache
from collections.abc import Callable, Mapping
from functools import lru_cache
from types import CodeType
from typing import Any


def make_function(
    name: str,
    parameters: str,
    lines: list[str],
    names: Mapping[str, object],
    origin: str,
    attributes: Mapping[str, str] | None = None,
) -> Callable[..., Any]:
    """Make a function of generated lines. Tracebacks show them, in a file that is named after `origin`.

    `attributes` are the names of attributes that are no identifiers, by the identifiers that the lines have for them.
    Another function of the same origin, for other limits or options, has a file with a number behind the name.
    """
    source = "".join(f"{line}\n" for line in (f"def {name}({parameters}):", *(f"    {line}" for line in lines)))
    file, number = f"<slips: {origin}>", 1
    entry = (len(source), None, source.splitlines(keepends=True), file)
    while linecache.cache.setdefault(file, entry) != entry:
        number += 1
        file = f"<slips: {origin}, {number}>"
        entry = (*entry[:3], file)
    scope: dict[str, Any] = dict(names)
    code = _with_attributes(_compiled(source, file), attributes or {})
    exec(code, scope)  # noqa: S102 - no text of an author is source here
    function: Callable[..., Any] = scope[name]
    function.__doc__ = source
    return function


@lru_cache(16)
def _compiled(source: str, file: str) -> CodeType:
    """Compile a function once for all that differ only in what its names stand for."""
    return compile(source, file, "exec")


def _with_attributes(code: CodeType, attributes: Mapping[str, str]) -> CodeType:
    """Return code, with that of the functions in it, in which attributes have other names."""
    return code.replace(
        co_names=tuple(attributes.get(name, name) for name in code.co_names),
        co_consts=tuple(
            _with_attributes(each, attributes) if isinstance(each, CodeType) else each for each in code.co_consts
        ),
    )
