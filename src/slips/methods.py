"""Checks that the methods of a user's handler run when slips calls them: a class before a run, results in a run.

In: a class, or the value that a method returned. Out: the mistakes as error texts. A class that cannot be checked has
no mistakes here: its faults show in the run.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import inspect
import itertools
import sys
import textwrap
from collections.abc import AsyncGenerator, Awaitable, Generator, Iterator
from types import CodeType, CoroutineType, FunctionType, NoneType
from typing import Any

from slips.exceptions import name_of

ARGUMENTS: dict[str, tuple[str, ...]] = {
    "setup": ("args",),
    "recv": ("meta", "event"),
    "recv_batch": ("batch",),
    "result": (),
}
"""The methods of a handler, each with the arguments of slips' call."""
BOUNDS = ("batch_events", "batch_bytes")
"""The attributes of a handler that bound its batches."""
_SETTINGS = {
    **{name.replace("_", ""): name for name in ("event_type", *BOUNDS)},
    **dict.fromkeys(("eventtypes", "eventclass", "typeofevent", "typeofevents"), "event_type"),
    **dict.fromkeys(("batchsize", "batchlength", "batchcount", "batchevent", "batchrecords"), "batch_events"),
    **dict.fromkeys(("batchbyte", "batchlimitbytes", "maxbatchbytes"), "batch_bytes"),
}
"""Spellings of the attributes of a handler, each with the attribute that the author means."""
_SHAPES = {method.replace("_", ""): method for method in ARGUMENTS}
_SYNONYMS = {
    **dict.fromkeys(("receive", "recieve", "receives", "received", "rcv"), "recv"),
    **dict.fromkeys(("receivebatch", "recievebatch", "batchrecv", "onbatch"), "recv_batch"),
}
"""Names whose spelling differs too much for `_ALIKE`, each with the method that the author means."""
_RECV_ELSEWHERE = {"process", "handle", "handler", "onevent", "onrecord", "handleevent", "processevent", "call"}
"""Names of `recv` in other tools: hints for a class without `recv`, no mistakes in a class with it."""
_DECORATED = " behind a decorator"
_mro_of, _dict_of = type.__dict__["__mro__"].__get__, type.__dict__["__dict__"].__get__
_ALIKE = 0.75
"""Similarity above which a name is a misspelling: `results` has 0.92 with `result`, `reset` has 0.73."""


def mistakes(cls: type, base: type) -> list[str]:
    """List the mistakes that keep methods of `cls`, a subclass of `base`, from running: `file:line: what; …`."""
    problems: list[str] = []
    made_plainly = type(cls).__call__ is type.__call__
    for method in (*(("__init__",) if made_plainly else ()), *ARGUMENTS):
        # The user's classes may raise when inspected. The run will meet such an exception, too, and fail its object.
        with contextlib.suppress(Exception):
            problems += _mistakes_of_method(cls, method)
    with contextlib.suppress(Exception):
        problems += _never_called(cls, base)
    with contextlib.suppress(Exception):
        problems += _never_read(cls, base)
    with contextlib.suppress(Exception):
        problems += _mistakes_of_batches(cls, base)
    return problems


def takes_batches(cls: type, base: type) -> bool:
    """Whether `cls`, a subclass of `base`, gets its events by `recv_batch`."""
    return _defines(cls, base, "recv_batch")


def lacks_recv(cls: type, base: type) -> bool:
    """Whether `cls`, a subclass of `base`, has neither `recv` nor `recv_batch`."""
    return not (_defines(cls, base, "recv") or _defines(cls, base, "recv_batch"))


def wrong_bound(name: str, value: object) -> str:
    """Return the problem of a value that cannot bound batches; empty if it can."""
    if type(value) is int and value >= 1:
        return ""
    return f"{name} is {value!r}; expected a whole number, 1 or more"


def lazy(returned: Any) -> str:
    """Name the kind of a returned value that stands for work still to do, as of an `async def`; empty for other values.

    The items of a list or tuple are checked, too, one level deep. Raises the exception of a future that failed.
    """
    kind = type(returned)  # not `isinstance`: an object may lie about its class
    if not issubclass(kind, list | tuple):
        return _lazy(returned)
    each_of = list.__iter__ if issubclass(kind, list) else tuple.__iter__
    within = [lazy_kind for each in each_of(returned) if (lazy_kind := _lazy(each))]
    return f"a {name_of(kind)} with {within[0]} in it" if within else ""


def _lazy(returned: Any) -> str:
    kind = type(returned)
    # One by one: a user's class may have any hash.
    if kind is NoneType or kind is dict or kind is str or kind is int or kind is float:
        return ""
    if issubclass(kind, CoroutineType):
        if inspect.getcoroutinestate(returned) == inspect.CORO_CREATED:
            returned.close()  # else Python warns that the coroutine was never awaited
        return "a coroutine"
    if issubclass(kind, Generator):
        return "a generator"
    if issubclass(kind, AsyncGenerator):
        return "an asynchronous generator"
    if issubclass(kind, Awaitable):
        return f"an awaitable ({name_of(kind)})"
    if issubclass(kind, map | filter | zip | itertools.starmap):
        return f"a {name_of(kind)} object, which has called nothing yet"
    # Not imported here, which would take time: without an import elsewhere no future exists.
    futures = sys.modules.get("concurrent.futures._base")
    if futures is not None and issubclass(kind, futures.Future):
        if not returned.done():
            return "a future that is not done (wait for it with '.result()')"
        returned.result()
    if issubclass(kind, contextlib.ContextDecorator | contextlib.AsyncContextDecorator):
        return "a context manager that was not entered"
    return ""


def plain_form(method: str) -> str:
    """Return the definition of a method as its author should write it: `def recv(self, meta, event)`."""
    return f"def {method}({', '.join(('self', *ARGUMENTS.get(method, ())))})"


def advice(method: str) -> str:
    """Return the end of an error text about a method that does not run when it is called."""
    return (
        f"expected a plain method, which has run when it returns; write '{plain_form(method)}' without 'async' and "
        "'yield', and asyncio.run(…) around what is asynchronous"
    )


def meant_as_recv(cls: type, base: type) -> tuple[str, str]:
    """Return the public method of `cls` that its author may mean as `recv` or `recv_batch`, and which; empty if none.

    `cls` lacks both.
    """
    for name, value in _own_methods(cls, base):
        shape, meant = name.lower().replace("_", ""), _intended(name)
        if meant in ("recv", "recv_batch"):
            return name, meant
        if shape in _RECV_ELSEWHERE and _is_method(value):
            return name, "recv"
    return "", ""


def _defines(cls: type, base: type, method: str) -> bool:
    return _attribute(cls, method) is not _attribute(base, method)


def _attribute(cls: type, name: str) -> object:
    """Return an attribute of a class as it was defined, None if there is none. Runs no code of the user's.

    `inspect.getattr_static` looks at metaclasses, too, and takes three times as long, for each object.
    """
    return next((names[name] for names in map(_dict_of, _mro_of(cls)) if name in names), None)


def _mistakes_of_batches(cls: type, base: type) -> list[str]:
    if not takes_batches(cls, base):
        return []
    where = f"{_place(inspect.getattr_static(cls, 'recv_batch'), cls)}{name_of(cls)}"
    problems = []
    if _defines(cls, base, "recv"):
        problems = [f"{where} has 'recv' and 'recv_batch'; expected one of them; take the other away"]
    values = [(name, inspect.getattr_static(cls, name)) for name in BOUNDS]
    wrong = [wrong_bound(name, value) for name, value in values if not hasattr(type(value), "__get__")]
    return problems + [f"{where}.{problem}" for problem in wrong if problem]


# ---- one method


def _mistakes_of_method(cls: type, method: str) -> list[str]:
    value = inspect.getattr_static(cls, method)
    expected = ARGUMENTS.get(method, ())
    function, arguments = _as_called(value, cls, expected)
    where = f"{_place(function, cls)}{name_of(cls)}.{method}"
    if function is None:
        if callable(value) or hasattr(value, "__get__"):
            return []
        return [f"{where} is of type {name_of(type(value))}; expected a method; write '{plain_form(method)}'"]
    kind = lazy_kind(function)
    problems = [f"{where} is {kind}; {advice(method)}"] if kind else []
    with contextlib.suppress(ValueError):  # some functions of C have no signature
        # The signature of a decorator counts, not that of the function behind it: a decorator may add arguments.
        signature = inspect.signature(function, follow_wrapped=False)
        try:
            signature.bind(*arguments)
        except TypeError as error:
            problems.append(
                f"{where}{_shown(signature, value)} cannot be called with ({', '.join(expected)}): {error}; expected "
                f"the arguments that slips.interface.Handler has; write '{plain_form(method)}'"
            )
        if method == "recv" and list(signature.parameters)[-2:] == ["event", "meta"]:
            problems.append(
                f"{where}{_shown(signature, value)} is called with (meta, event); expected them in that order; "
                f"write '{plain_form(method)}'"
            )
    return problems


def _as_called(value: Any, cls: type, arguments: tuple[str, ...]) -> tuple[Any, tuple[object, ...]]:
    """Return the function behind a class attribute, and the arguments of its call; None if only a run can show them."""
    if isinstance(value, staticmethod):
        return value.__func__, arguments
    if isinstance(value, classmethod):
        return value.__func__, (cls, *arguments)
    if isinstance(value, functools.partialmethod):
        # A partialmethod passes its keywords by name, as a partial does.
        return functools.partial(value.func, *(cls, *value.args), **value.keywords), arguments
    if not callable(value):
        return None, ()
    # Before Python 3.14 a partial in a class is not bound to the instance; 3.13 only warns that it will be.
    is_bound = hasattr(type(value), "__get__") and (
        sys.version_info >= (3, 14) or not isinstance(value, functools.partial)
    )
    return value, (cls, *arguments) if is_bound else arguments


def lazy_kind(function: Any) -> str:
    """Name the kind of a function that does not run when it is called; empty for any other."""
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
    if inner is None or not isinstance(function, FunctionType) or not (kind := lazy_kind(inner)):
        return ""
    is_lazy = function.__globals__ is vars(contextlib) or _only_passes_on(function, inner)
    return f"{kind.removesuffix(_DECORATED)}{_DECORATED}" if is_lazy else ""


def _only_passes_on(wrapper: FunctionType, inner: Any) -> bool:
    """Whether a wrapper does no more with the result of `inner` than to return or drop it; False if in doubt.

    Such a wrapper runs no line of an `async def`. Another wrapper may, as with `asyncio.run`.
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
    """List the mistakes of methods whose names resemble those of a handler, and that no code of the class calls."""
    misspelt = [(name, value) for name, value in _own_methods(cls, base) if _intended(name)]
    if not misspelt:
        return []
    contract = [inspect.getattr_static(cls, method) for method in ARGUMENTS]
    called = _names_used(cls)
    return [
        f"{_place(value, cls)}{name_of(cls)}.{name} is never called; expected 'setup', 'recv', 'recv_batch' or "
        f"'result', or a method that one of them calls; did you mean '{_intended(name)}'?"
        for name, value in misspelt
        if name not in called and not any(value is one for one in contract)
    ]


def _never_read(cls: type, base: type) -> list[str]:
    """List the mistakes of attributes whose names resemble those of a handler, and that no code of the class uses.

    A bound of batches is meant by a class with `recv_batch` alone, a type of events by one whose value has classes.
    """
    batches = takes_batches(cls, base)
    owners = [one for one in cls.__mro__ if one is not base and base in one.__mro__]
    meant = {
        name: _SETTINGS[shape]
        for one in owners
        for name, value in vars(one).items()
        if (shape := name.lower().replace("_", "")) in _SETTINGS
        and name != _SETTINGS[shape]
        and (batches if _SETTINGS[shape] in BOUNDS else _has_classes(value))
    }
    used = _names_used(cls) if meant else set()
    return [
        f"{_place(None, cls)}{name_of(cls)}.{name} is never used; "
        f"expected {', '.join(map(repr, ('event_type', *BOUNDS)))} or an attribute that a method uses; "
        f"did you mean '{intended}'?"
        for name, intended in meant.items()
        if name not in used
    ]


def _has_classes(value: Any) -> bool:
    return inspect.isclass(value) or (isinstance(value, dict) and any(map(inspect.isclass, value.values())))


def _names_used(cls: type) -> set[str]:
    """Return the names that the code of a class uses, without those of methods in themselves."""
    return {
        name
        for owner, code in _codes(cls)
        for name in (*code.co_names, *filter(_is_text, code.co_consts))
        if name != owner
    }


def _own_methods(cls: type, base: type) -> Iterator[tuple[str, Any]]:
    """Yield the public methods of a class, and of its base classes that are handlers, without those of ARGUMENTS."""
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


def _intended(name: str) -> str:
    """Return the method of a handler that `name` misspells; empty if it misspells none."""
    shape = name.lower().replace("_", "")
    if shape in _SHAPES:
        return _SHAPES[shape]
    if shape in _SYNONYMS:
        return _SYNONYMS[shape]
    import difflib  # not at the start of a function on AWS, where names are right

    scores = {one: difflib.SequenceMatcher(None, shape, one).ratio() for one in _SHAPES}
    best = max(scores, key=lambda one: scores[one])
    # `setup_db` and `recv_json` are methods that the class itself calls.
    is_made_of_one = bool(set(name.lower().split("_")) & ARGUMENTS.keys())
    is_meant = scores[best] > _ALIKE and (not is_made_of_one or _SHAPES[best] == "recv_batch")
    return _SHAPES[best] if is_meant else ""


def _codes(cls: type) -> Iterator[tuple[str, CodeType]]:
    """Yield the code of all attributes of a class and its base classes, each with the attribute's name."""
    for one in cls.__mro__:
        for name, value in vars(one).items():
            for code in _code_of(value, 4):
                yield name, code


def _code_of(value: Any, levels: int) -> Iterator[CodeType]:
    """Yield the code of a function and of functions within it, down to `levels`: decorators, properties, partials."""
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
    """Return `file:line: ` of a function, else `file: ` of the class; empty if neither has a file."""
    while isinstance(function, functools.partial | functools.partialmethod):
        function = function.func
    code = getattr(inspect.unwrap(getattr(function, "__func__", function)), "__code__", None)
    if isinstance(code, CodeType):
        return f"{code.co_filename}:{code.co_firstlineno}: "
    file = getattr(sys.modules.get(cls.__module__), "__file__", None)
    return f"{file}: " if file else ""


def _shown(signature: inspect.Signature, value: Any) -> str:
    """Return the parameters of a method as their author wrote them, without types."""
    if isinstance(value, functools.partial | functools.partialmethod):
        return ""
    bare = [one.replace(annotation=inspect.Parameter.empty) for one in signature.parameters.values()]
    return str(inspect.Signature(bare))
