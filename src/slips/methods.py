"""Whether the methods of a user's handler run when slips calls them: told of a class, and of what a call returned.

In: a class, or a returned value. Out: mistakes in words, never an exception: what cannot be told is left to the run.
"""

from __future__ import annotations

import ast
import contextlib
import difflib
import functools
import inspect
import itertools
import sys
import textwrap
from collections.abc import AsyncGenerator, Awaitable, Generator, Iterator
from types import CodeType, CoroutineType, FunctionType
from typing import Any

from slips.exceptions import name_of

ARGUMENTS: dict[str, tuple[str, ...]] = {"setup": ("args",), "recv": ("meta", "event"), "result": ()}
"""The methods of a handler, with what slips calls each with."""
_OTHER_NAMES = {"receive": "recv", "recieve": "recv", "receives": "recv", "received": "recv", "rcv": "recv"}
"""Methods meant by names that are not spelt alike."""
_OTHER_WORDS = {"process", "handle", "handler", "onevent", "onrecord", "handleevent", "processevent", "call"}
"""Names of `recv` in other tools: hints for a class without it, no mistakes beside it."""
_DECORATED = " behind a decorator"
_ALIKE = 0.75
"""Similarity above which a name is a slip of the pen: `results` has 0.92 of `result`, `reset` has 0.73."""


def mistakes(cls: type, base: type) -> list[str]:
    """Lists the mistakes that keep methods of `cls`, a subclass of `base`, from running: `file:line: what; …`."""
    found: list[str] = []
    made_plainly = type(cls).__call__ is type.__call__
    for method in (*(("__init__",) if made_plainly else ()), *ARGUMENTS):
        # Whatever the user's classes do when they are looked at: a run will meet it, too, and fail its object.
        with contextlib.suppress(Exception):
            found += _mistakes_of_method(cls, method)
    with contextlib.suppress(Exception):
        found += _never_called(cls, base)
    return found


def lazy(returned: Any) -> str:
    """In words, a returned value that stands for work still to be done, as of an `async def`; empty for any other.

    A list or tuple is looked into, one level deep. Raises what the work of a future has raised.
    """
    kind = type(returned)  # never `isinstance`: an object may say anything of its class
    if not issubclass(kind, list | tuple):
        return _lazy(returned)
    each_of = list.__iter__ if issubclass(kind, list) else tuple.__iter__
    within = [found for each in each_of(returned) if (found := _lazy(each))]
    return f"a {name_of(kind)} with {within[0]} in it" if within else ""


def _lazy(returned: Any) -> str:
    kind = type(returned)
    if kind is dict or kind is str or kind is int or kind is float:
        return ""
    if issubclass(kind, CoroutineType):
        if inspect.getcoroutinestate(returned) == inspect.CORO_CREATED:
            returned.close()  # or Python warns that nobody awaited it
        return "a coroutine"
    if issubclass(kind, Generator):
        return "a generator"
    if issubclass(kind, AsyncGenerator):
        return "an asynchronous generator"
    if issubclass(kind, Awaitable):
        return f"an awaitable ({name_of(kind)})"
    if issubclass(kind, map | filter | zip | itertools.starmap):
        return f"a {name_of(kind)} object, which has called nothing yet"
    # Not imported here, which would take time: where nobody else has, there are none.
    futures = sys.modules.get("concurrent.futures._base")
    if futures is not None and issubclass(kind, futures.Future):
        if not returned.done():
            return "a future that is not done (wait for it with '.result()')"
        returned.result()
    if issubclass(kind, contextlib.ContextDecorator | contextlib.AsyncContextDecorator):
        return "a context manager that was not entered"
    return ""


def plain_form(method: str) -> str:
    """How a method is written: `def recv(self, meta, event)`."""
    return f"def {method}({', '.join(('self', *ARGUMENTS.get(method, ())))})"


def advice(method: str) -> str:
    """The end of an error text about a method that does not run when it is called."""
    return (
        f"expected a plain method, which has run when it returns; write '{plain_form(method)}' without 'async' and "
        "'yield', and asyncio.run(…) around what is asynchronous"
    )


def meant_as(cls: type, base: type, method: str) -> str:
    """The public method of `cls` that was perhaps meant as `method`, which it lacks; empty if none looks like it."""
    for name, value in _own(cls, base):
        shape = name.lower().replace("_", "")
        if _target(name) == method or (method == "recv" and shape in _OTHER_WORDS and _is_method(value)):
            return name
    return ""


# ---- one method


def _mistakes_of_method(cls: type, method: str) -> list[str]:
    value = inspect.getattr_static(cls, method)
    expected = ARGUMENTS.get(method, ())
    function, given = _as_called(value, cls, expected)
    where = f"{_place(function, cls)}{name_of(cls)}.{method}"
    if function is None:
        if callable(value) or hasattr(value, "__get__"):
            return []
        return [f"{where} is of type {name_of(type(value))}; expected a method; write '{plain_form(method)}'"]
    kind = _kind(function)
    found = [f"{where} is {kind}; {advice(method)}"] if kind else []
    with contextlib.suppress(ValueError):  # some functions of C have no signature
        # What a decorator passes on is its own affair: it may add arguments.
        signature = inspect.signature(function, follow_wrapped=False)
        try:
            signature.bind(*given)
        except TypeError as error:
            found.append(
                f"{where}{_shown(signature, value)} cannot be called with ({', '.join(expected)}): {error}; expected "
                f"the arguments that slips.interface.Handler has; write '{plain_form(method)}'"
            )
        if method == "recv" and list(signature.parameters)[-2:] == ["event", "meta"]:
            found.append(
                f"{where}{_shown(signature, value)} is called with (meta, event); expected them in that order; "
                f"write '{plain_form(method)}'"
            )
    return found


def _as_called(value: Any, cls: type, arguments: tuple[str, ...]) -> tuple[Any, tuple[object, ...]]:
    """Returns the function behind a class attribute and the arguments of its call; None if only a run can tell."""
    if isinstance(value, staticmethod):
        return value.__func__, arguments
    if isinstance(value, classmethod):
        return value.__func__, (cls, *arguments)
    if isinstance(value, functools.partialmethod):
        # Its keywords are given by name, as a partial does.
        return functools.partial(value.func, *(cls, *value.args), **value.keywords), arguments
    if not callable(value):
        return None, ()
    # A partial is given no instance before Python 3.14, although 3.13 lets it warn that it will be.
    is_bound = hasattr(type(value), "__get__") and (
        sys.version_info >= (3, 14) or not isinstance(value, functools.partial)
    )
    return value, (cls, *arguments) if is_bound else arguments


def _kind(function: Any) -> str:
    """Names the kind of a function that does not run when it is called; empty for any other."""
    while isinstance(function, functools.partial):
        function = function.func
    if not isinstance(function, FunctionType) and not inspect.ismethod(function):
        function = getattr(type(function), "__call__", function)  # noqa: B004 - an object with a method of that name
    if inspect.iscoroutinefunction(function):
        return "an 'async def'"
    if inspect.isasyncgenfunction(function):
        return "an 'async def' with 'yield'"
    if inspect.isgeneratorfunction(function):
        return "a generator ('yield' in it)"
    inner = getattr(function, "__wrapped__", None)
    if inner is None or not isinstance(function, FunctionType) or not (kind := _kind(inner)):
        return ""
    known = function.__globals__ is vars(contextlib) or _returns_as_it_is(function, inner)
    return f"{kind.removesuffix(_DECORATED)}{_DECORATED}" if known else ""


def _returns_as_it_is(wrapper: FunctionType, inner: Any) -> bool:
    """Whether all that a wrapper does with what `inner` returned is to return it or to drop it; False if in doubt.

    Such a wrapper runs nothing of an `async def`; another one may, as with `asyncio.run`.
    """
    cells = zip(wrapper.__code__.co_freevars, wrapper.__closure__ or (), strict=True)
    names = [name for name, cell in cells if _is_filled(cell) and cell.cell_contents is inner]
    try:
        (definition,) = ast.parse(textwrap.dedent(inspect.getsource(wrapper.__code__))).body
    except (OSError, SyntaxError, ValueError):
        return False
    if not isinstance(definition, ast.FunctionDef):
        return False
    tree = ast.Module(definition.body, [])  # without its decorators, such as `functools.wraps(inner)`
    parents = {id(child): parent for parent in ast.walk(tree) for child in ast.iter_child_nodes(parent)}
    loads = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)]

    def is_returned(value: ast.AST) -> bool:
        parent = parents[id(value)]
        if isinstance(parent, ast.Assign) and len(parent.targets) == 1 and isinstance(parent.targets[0], ast.Name):
            held = parent.targets[0].id
            return all(isinstance(parents[id(load)], ast.Return) for load in loads if load.id == held)
        return isinstance(parent, ast.Return | ast.Expr)

    calls = [
        parent
        for load in loads
        if load.id in names and isinstance(parent := parents[id(load)], ast.Call) and parent.func is load
    ]
    uses = [load for load in loads if load.id in names and not isinstance(parents[id(load)], ast.Attribute)]
    return bool(calls) and len(calls) == len(uses) and all(map(is_returned, calls))


# ---- names


def _never_called(cls: type, base: type) -> list[str]:
    """Methods that look like those of a handler, and that nothing in the class calls."""
    own = [(name, value) for name, value in _own(cls, base) if _target(name)]
    if not own:
        return []
    contract = [inspect.getattr_static(cls, method) for method in ARGUMENTS]
    called = {
        name
        for owner, code in _codes(cls)
        for name in (*code.co_names, *filter(_is_text, code.co_consts))
        if name != owner
    }
    return [
        f"{_place(value, cls)}{name_of(cls)}.{name} is never called; expected 'setup', 'recv' or 'result', or a method "
        f"that one of them calls; did you mean '{_target(name)}'?"
        for name, value in own
        if name not in called and not any(value is one for one in contract)
    ]


def _own(cls: type, base: type) -> Iterator[tuple[str, Any]]:
    """Public methods of a class and of those that it derives from, as far as they are handlers, too."""
    seen = set[str]()
    for one in cls.__mro__:
        if one is not base and base in one.__mro__:
            for name, value in vars(one).items():
                if not name.startswith("_") and name not in ARGUMENTS and name not in seen and _is_method(value):
                    seen.add(name)
                    yield name, value


def _is_method(value: Any) -> bool:
    if isinstance(value, staticmethod | classmethod | functools.partialmethod):
        return True
    return callable(value) and not inspect.isclass(value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _target(name: str) -> str:
    """The method that a name is a misspelling of; empty if it is none."""
    shape = name.lower().replace("_", "")
    if shape in ARGUMENTS:
        return shape
    if shape in _OTHER_NAMES:
        return _OTHER_NAMES[shape]
    # `setup_db` and `recv_json` are names of helpers.
    if set(name.lower().split("_")) & ARGUMENTS.keys():
        return ""
    scores = {method: difflib.SequenceMatcher(None, shape, method).ratio() for method in ARGUMENTS}
    best = max(scores, key=lambda method: scores[method])
    return best if scores[best] > _ALIKE else ""


def _codes(cls: type) -> Iterator[tuple[str, CodeType]]:
    """The code of everything that the class and those it derives from define, each with the name it stands under."""
    for one in cls.__mro__:
        for name, value in vars(one).items():
            for code in _code_of(value, 4):
                yield name, code


def _code_of(value: Any, levels: int) -> Iterator[CodeType]:
    """Code in a function, and in functions that it holds: behind decorators, properties, partials."""
    inner: list[Any]
    if isinstance(value, CodeType):
        yield value
        inner = [const for const in value.co_consts if isinstance(const, CodeType)]
    elif isinstance(value, FunctionType):
        inner = [value.__code__, getattr(value, "__wrapped__", None)]
        inner += [cell.cell_contents for cell in value.__closure__ or () if _is_filled(cell)]
    elif isinstance(value, staticmethod | classmethod):
        inner = [value.__func__]
    elif isinstance(value, property):
        inner = [value.fget, value.fset, value.fdel]
    elif isinstance(value, functools.partial | functools.partialmethod):
        inner = [value.func]
    elif inspect.isclass(value):
        return
    else:
        inner = list(getattr(value, "__dict__", {}).values())
    for one in inner if levels else ():
        yield from _code_of(one, levels - (not isinstance(one, CodeType)))


def _is_filled(cell: Any) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False


# ---- words


def _place(function: Any, cls: type) -> str:
    """`file:line: ` of a function, or the file of the class, as far as they have one."""
    while isinstance(function, functools.partial | functools.partialmethod):
        function = function.func
    code = getattr(inspect.unwrap(getattr(function, "__func__", function)), "__code__", None)
    if isinstance(code, CodeType):
        return f"{code.co_filename}:{code.co_firstlineno}: "
    file = getattr(sys.modules.get(cls.__module__), "__file__", None)
    return f"{file}: " if file else ""


def _shown(signature: inspect.Signature, value: Any) -> str:
    """The parameters of a method as they were written, without types."""
    if isinstance(value, functools.partial | functools.partialmethod):
        return ""
    bare = [one.replace(annotation=inspect.Parameter.empty) for one in signature.parameters.values()]
    return str(inspect.Signature(bare))
