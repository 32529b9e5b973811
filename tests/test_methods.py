"""A handler's methods run, or it is refused, or its object fails: nothing else is ever counted as delivered."""

from __future__ import annotations

import functools
import itertools
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import slips.testing
from fakes import Objects, object_event, processor_of
from projects import Project
from slips.errors import UsageError
from slips.interface import Handler, check_handlers, load_handlers
from slips.methods import mistakes
from slips.pipeline.ended import Failure, Success

HEAD = """\
import asyncio, concurrent.futures, contextlib, functools, itertools
from slips.interface import Handler

RAN = []
LOOP = asyncio.new_event_loop()
LOOP.close()

def future(result=None, error=None):
    made = concurrent.futures.Future()
    made.set_exception(error) if error else made.set_result(result)
    return made

def note(method, *args):
    RAN.append(method)

def passing(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        returned = function(*args, **kwargs)
        print(function.__name__)
        return returned
    return wrapper

def hiding(function):
    return lambda *args: function(*args)

def dropping(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        function(*args, **kwargs)
    return wrapper

def driving(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return asyncio.run(function(*args, **kwargs))
    return wrapper

def draining(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        for _ in function(*args, **kwargs):
            pass
    return wrapper

def adding(function):
    @functools.wraps(function)
    def wrapper(*args):
        return function(*args, "added")
    return wrapper

async def coroutine(method):
    RAN.append(method)

class Called:
    def __init__(self, method):
        self.method = method
    def __call__(self, *args):
        RAN.append(self.method)

class CalledLater(Called):
    async def __call__(self, *args):
        RAN.append(self.method)

"""
GOOD = {
    "plain": "def {m}(self{a}): RAN.append('{m}')",
    "any arguments": "def {m}(self, *args, **kwargs): RAN.append('{m}')",
    "more with defaults": "def {m}(self{a}, more=1): RAN.append('{m}')",
    "static": "@staticmethod\ndef {m}({b}): RAN.append('{m}')",
    "of the class": "@classmethod\ndef {m}(cls{a}): RAN.append('{m}')",
    "lambda": "{m} = lambda self{a}: RAN.append('{m}')",
    "partial": "{m} = functools.partial(note, '{m}')",
    "static partial": "{m} = staticmethod(functools.partial(lambda word{a}: RAN.append(word), '{m}'))",
    "partialmethod": "def _{m}(self, more{a}): RAN.append('{m}')\n{m} = functools.partialmethod(_{m}, 1)",
    "callable": "{m} = Called('{m}')",
    "passed on": "@passing\ndef {m}(self{a}): RAN.append('{m}')",
    "hidden": "@hiding\ndef {m}(self{a}): RAN.append('{m}')",
    "async and driven": "@driving\nasync def {m}(self{a}): RAN.append('{m}')",
    "generator and drained": "@draining\ndef {m}(self{a}):\n    RAN.append('{m}')\n    yield",
    "given more": "@adding\ndef {m}(self{a}, added): RAN.append('{m}')",
    "returns a future that is done": "def {m}(self{a}): return [RAN.append('{m}'), future()]",
    "called by another name": "def {m}s(self): RAN.append('{m}')\ndef {m}(self{a}): self.{m}s()",
}
BAD = {
    "async": "async def {m}(self{a}): RAN.append('{m}')",
    "generator": "def {m}(self{a}):\n    RAN.append('{m}')\n    yield",
    "asynchronous generator": "async def {m}(self{a}):\n    RAN.append('{m}')\n    yield",
    "async, passed on": "@passing\nasync def {m}(self{a}): RAN.append('{m}')",
    "generator, passed on twice": "@passing\n@passing\ndef {m}(self{a}):\n    RAN.append('{m}')\n    yield",
    "async, hidden": "@hiding\nasync def {m}(self{a}): RAN.append('{m}')",
    "async, dropped": "@dropping\nasync def {m}(self{a}): RAN.append('{m}')",
    "async, static": "@staticmethod\nasync def {m}({b}): RAN.append('{m}')",
    "async, of the class": "@classmethod\nasync def {m}(cls{a}): RAN.append('{m}')",
    "async partial": "{m} = functools.partial(coroutine, '{m}')",
    "async partialmethod": ("async def _{m}(self, more{a}): RAN.append('{m}')\n{m} = functools.partialmethod(_{m}, 1)"),
    "async callable": "{m} = CalledLater('{m}')",
    "context manager": "@contextlib.contextmanager\ndef {m}(self{a}):\n    RAN.append('{m}')\n    yield",
    "returns a coroutine": "def {m}(self{a}): return coroutine('{m}')",
    "returns a generator": "def {m}(self{a}): return (RAN.append('{m}') for _ in 'a')",
    "returns a starmap": "def {m}(self{a}): return itertools.starmap(RAN.append, [['{m}']])",
    "returns a zip": "def {m}(self{a}): return zip(map(RAN.append, ['{m}']))",
    "returns a future": "def {m}(self{a}): return concurrent.futures.Future()",
    "returns a future of a loop": "def {m}(self{a}): return asyncio.Future(loop=LOOP)",
    "returns a list of coroutines": "def {m}(self{a}): return [coroutine('{m}'), coroutine('{m}')]",
    "returns a tuple with a coroutine": "def {m}(self{a}): return 1, coroutine('{m}')",
    "returns a list with a future": "def {m}(self{a}): return [concurrent.futures.Future()]",
    "returns a map": "def {m}(self{a}): return map(RAN.append, ['{m}'])",
    "too many": "def {m}(self{a}, more): RAN.append('{m}')",
    "too few": "def {m}({b}): RAN.append('{m}')",
    "by name only": "def {m}(self{a}, *, more): RAN.append('{m}')",
    "misspelt": "def {m}s(self{a}): RAN.append('{m}')",
    "in capitals": "def {u}(self{a}): RAN.append('{m}')",
    "none": "{m} = None",
}
ARGUMENTS = {"setup": "args", "recv": "meta, event", "recv_batch": "batch", "result": ""}
NUMBERS = itertools.count()


def methods_of(form: str, method: str) -> str:
    """The source of one method, indented."""
    given = ARGUMENTS[method]
    text = {**GOOD, **BAD}[form].format(m=method, u=method.title(), a=f", {given}" if given else "", b=given)
    return "".join(f"    {line}\n" for line in text.splitlines())


def with_recv(forms: dict[str, str]) -> dict[str, str]:
    """Forms, to which a plain `recv` is added unless there is a `recv_batch`."""
    return forms if "recv_batch" in forms else {"recv": "plain", **forms}


def source(forms: dict[str, str], places: dict[str, str]) -> str:
    """A file with a handler whose methods have these forms, each in the class itself, its base or a mixin."""
    bodies = {"H": "    pass\n", "Base": "    pass\n", "Mixin": "    pass\n"}
    for method, form in forms.items():
        bodies[places.get(method, "H")] += methods_of(form, method)
    return (
        f"{HEAD}class Mixin:\n{bodies['Mixin']}\nclass Base(Handler):\n{bodies['Base']}\n"
        f"class H(Mixin, Base):\n{bodies['H']}"
    )


def outcome_of(text: str, directory: Path) -> tuple[str, list[str]]:
    """What becomes of an object of two records: refused, failed or done; and the methods that ran."""
    path = directory / f"handler_{next(NUMBERS)}.py"
    path.write_text(text)
    try:
        handlers = load_handlers(path)
    except UsageError:
        return "refused", []
    # Hypothesis reads every module of the process for constants, again whenever there is another one.
    ran: list[str] = sys.modules.pop(path.stem).RAN
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        warnings.simplefilter("ignore", FutureWarning)  # Python 3.14 binds a partial as it does a function
        ended = processor_of(Objects(a=b"1\n2\n"), *handlers).process(object_event("a"))
    if isinstance(ended, Failure):
        assert ended.stage == "handler"
        return "failed", ran
    assert isinstance(ended, Success)
    assert ended.outcome.delivered == 2
    return "done", ran


forms = st.sampled_from(sorted(GOOD)) | st.sampled_from(sorted(BAD))
places = st.fixed_dictionaries({}, optional={method: st.sampled_from(["H", "Base", "Mixin"]) for method in ARGUMENTS})


@pytest.mark.slow
@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(["recv", "recv_batch"]).flatmap(
        lambda recv: st.fixed_dictionaries({recv: forms}, optional={"setup": forms, "result": forms})
    ),
    places,
)
def test_every_method_ran_or_was_refused_or_its_object_failed(forms: dict[str, str], places: dict[str, str]) -> None:
    for method, form in forms.items():
        # In a mixin a name that is none of a handler's is nobody's mistake: it may serve other classes.
        if form in ("misspelt", "in capitals") and places.get(method) == "Mixin":
            places[method] = "Base"
    with tempfile.TemporaryDirectory() as directory:
        ended, ran = outcome_of(source(forms, places), Path(directory))
    assert (ended == "done") == (set(forms.values()) <= GOOD.keys())
    if ended == "done":
        assert ran == [method for method in ("setup", "recv", "recv", "recv_batch", "result") if method in forms]


@pytest.mark.parametrize("method", ARGUMENTS)
@pytest.mark.parametrize("form", [form for form in BAD if not form.startswith(("returns", "async, hidden"))])
def test_mistakes_visible_in_a_class_are_refused_before_any_object_is_processed(
    tmp_path: Path, form: str, method: str
) -> None:
    forms = with_recv({method: form})
    assert outcome_of(source(forms, {}), tmp_path) == ("refused", [])


@pytest.mark.parametrize("method", ARGUMENTS)
@pytest.mark.parametrize("form", [*(form for form in BAD if form.startswith("returns")), "async, hidden"])
def test_a_method_that_returns_work_still_to_be_done_fails_its_object(tmp_path: Path, form: str, method: str) -> None:
    path = tmp_path / f"handler_{next(NUMBERS)}.py"
    path.write_text(source(with_recv({method: form}), {}))
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # "coroutine … was never awaited"
        ended = processor_of(Objects(a=b"1\n2\n"), *load_handlers(path)).process(object_event("a"))
    assert isinstance(ended, Failure)
    record = {"recv": "record 1: ", "recv_batch": "records 1 to 2: "}.get(method, "")
    assert ended.message.startswith(f"s3://my-logs/a: {record}H.{method} returned a")
    assert f"write 'def {method}(self" in ended.message
    assert (ended.stage, ended.outcome.delivered) == ("handler", 2 if method == "result" else 0)


@pytest.mark.parametrize("method", ARGUMENTS)
@pytest.mark.parametrize("several", [True, False])
def test_a_future_that_failed_is_the_failure_of_its_method(tmp_path: Path, method: str, several: bool) -> None:
    path = tmp_path / f"handler_{next(NUMBERS)}.py"
    forms = {name: "plain" for name in ("setup", "recv", "result") if name != method.removesuffix("_batch")}
    given = ", ".join(filter(None, ("self", ARGUMENTS[method])))
    text = f"{source(forms, {})}    def {method}({given}): return [future(error=ValueError('as told'))]\n"
    path.write_text(f"{text}class I(H): pass\nclass J(H): pass\n" if several else text)
    ended = processor_of(Objects(a=b"1\n2\n"), *load_handlers(path)).process(object_event("a"))
    assert isinstance(ended, Failure)
    assert f"{'I' if several else 'H'}.{method} raised ValueError: as told" in ended.message
    assert (ended.stage, ended.error_type) == ("handler", "ValueError")


def test_of_several_handlers_the_one_that_returns_a_coroutine_is_named() -> None:
    class Later(Handler):
        def recv(self, meta: object, event: object) -> None:
            async def later() -> None: ...

            return later()  # type: ignore[return-value]

    class Other(Handler):
        def recv(self, meta: object, event: object) -> None: ...

    ended = processor_of(Objects(a=b"1\n"), Other, Later).process(object_event("a"))
    assert isinstance(ended, Failure)
    assert "record 1: Later.recv returned a coroutine" in ended.message


def test_other_values_may_be_returned() -> None:
    class Returns(Handler):
        values: Any = [True, 0, "text", [1], MagicMock(), iter([1]), open]  # noqa: RUF012

        def recv(self, meta: object, event: dict[str, Any]) -> Any:
            return self.values[int(event["message"])]

    body = b"".join(b"%d\n" % number for number in range(len(Returns.values)))
    assert isinstance(processor_of(Objects(a=body), Returns).process(object_event("a")), Success)


# ---- what is said


def told(*classes: type[Handler]) -> list[str]:
    with pytest.raises(UsageError) as caught:
        check_handlers(classes)
    return [line.partition(": ")[2] for line in str(caught.value).splitlines()]


def test_all_mistakes_are_told_at_once_each_with_its_place_and_what_to_write() -> None:
    class One(Handler):
        def setup(self) -> None: ...  # type: ignore[override]

        async def recv(self, meta: object, event: object) -> None: ...  # type: ignore[override]

        def results(self) -> None: ...

    class Two(Handler):
        def __init__(self, limit: int) -> None: ...

        def recv(self, event: object) -> Any:  # type: ignore[override]
            yield

    with pytest.raises(UsageError) as caught:
        check_handlers([One, Two])
    plain = (
        "expected a plain method, which has run when it returns; write 'def recv(self, meta, event)' without 'async' "
        "and 'yield', and asyncio.run(…) around what is asynchronous"
    )
    arguments = "expected the arguments that slips.interface.Handler has; write"
    line = One.setup.__code__.co_firstlineno
    many, missing = "too many positional arguments", "missing a required argument: 'limit'"
    assert str(caught.value).splitlines() == [
        f"{__file__}:{line}: One.setup(self) cannot be called with (args): {many}; {arguments} 'def setup(self, args)'",
        f"{__file__}:{line + 2}: One.recv is an 'async def'; {plain}",
        f"{__file__}:{line + 4}: One.results is never called; expected 'setup', 'recv', 'recv_batch' or 'result', or "
        "a method that one of them calls; did you mean 'result'?",
        f"{__file__}:{line + 7}: Two.__init__(self, limit) cannot be called with (): {missing}; "
        f"{arguments} 'def __init__(self)'",
        f"{__file__}:{line + 9}: Two.recv is a generator ('yield' in it); {plain}",
        f"{__file__}:{line + 9}: Two.recv(self, event) cannot be called with (meta, event): {many}; "
        f"{arguments} 'def recv(self, meta, event)'",
    ]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        *(("results", "result"), ("Result", "result"), ("resut", "result"), ("receive", "recv"), ("recieve", "recv")),
        *(("Recv", "recv"), ("recv_", "recv"), ("set_up", "setup"), ("setUp", "setup"), ("stup", "setup")),
    ],
)
def test_a_name_that_is_nearly_a_methods_is_a_mistake(name: str, meant: str) -> None:
    near = type("Near", (Handler,), {"recv": lambda self, meta, event: None, name: lambda self: None})
    (line,) = told(near)
    assert line.startswith(f"Near.{name} is never called;")
    assert line.endswith(f"did you mean '{meant}'?")


def test_methods_called_or_inherited_from_elsewhere_are_no_mistake() -> None:
    def logged(function: Any) -> Any:
        return lambda *args: function(*args)  # noqa: PLW0108 - as a decorator does

    class Mixin:
        def results(self) -> None: ...

    class Mine(Mixin, Handler):
        receive = property(lambda self: 1)
        Setup = type("Setup", (), {})
        setups: Any = ()

        @logged
        def recv(self, meta: object, event: object) -> None:
            self.recieve()
            getattr(self, "set_up")()  # noqa: B009

        def recieve(self) -> None: ...
        def set_up(self) -> None: ...
        def setup_database(self) -> None: ...
        def reset(self) -> None: ...
        def resut(self) -> None: ...

        result = resut

    assert mistakes(Mine, Handler) == []


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="there a partial is given the instance")
def test_a_partial_is_given_no_instance() -> None:
    class Mine(Handler):
        recv = functools.partial(lambda word, meta, event: None, "word")
        result = functools.partial(lambda word, instance: None, "word")

    (line,) = told(Mine)
    assert "Mine.result cannot be called with ()" in line


def test_a_method_that_only_calls_itself_is_never_called() -> None:
    class Mine(Handler):
        def recv(self, meta: object, event: object) -> None: ...

        def results(self) -> None:
            self.results()

    assert len(told(Mine)) == 1


@pytest.mark.parametrize("name", ["receive", "process", "on_event", "Recv"])
def test_a_class_without_recv_is_told_what_was_perhaps_meant(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"handler_{next(NUMBERS)}.py"
    path.write_text(f"from slips.interface import Handler\nclass H(Handler):\n    def {name}(self, meta, event): ...\n")
    with pytest.raises(UsageError, match=f"H lacks recv; did you mean 'recv' by '{name}'\\?"):
        load_handlers(path)


def test_a_class_that_cannot_be_looked_at_is_left_to_the_run() -> None:
    class Odd:
        def __get__(self, instance: object, owner: object) -> Any:
            raise ValueError("odd")

    class Mine(Handler):
        setup = Odd()
        result = functools.singledispatchmethod(lambda self, more: None)

        def recv(self, meta: object, event: object) -> None: ...

    assert mistakes(Mine, Handler) == []


@pytest.mark.slow
@pytest.mark.parametrize("command", ["check", "run", "test -d e.json", "deploy --dry-run"])
def test_every_command_that_uses_the_handler_refuses_it_first(tmp_path: Path, command: str) -> None:
    project = Project(tmp_path)
    project.handler(
        "from slips.interface import Handler\nprint('imported')\n"
        "class H(Handler):\n    async def recv(self, meta, event): ...\n    def results(self): ...\n"
    )
    project.put("json/a", {"n": 1})
    (tmp_path / "e.json").write_text('{"bucket_name": "my-logs", "object_key": "json/a"}')
    done = project.shell(*command.split())
    assert (done.status, done.out) == (2, "")
    assert f"slips: {tmp_path}/handler.py:4: H.recv is an 'async def'; expected a plain method" in done.err
    assert f"slips: {tmp_path}/handler.py:5: H.results is never called;" in done.err
    assert project.errors() == []


def test_a_test_of_the_handler_refuses_it_too() -> None:
    class Later(Handler):
        async def recv(self, meta: object, event: object) -> None: ...  # type: ignore[override]

    with pytest.raises(UsageError, match="is an 'async def'"):
        slips.testing.run(Later, "json", b"")


# ---- what it imports


@pytest.mark.parametrize(
    ("written", "better"),
    [
        ("from .helper import x", "from helper import x"),
        ("from . import helper", "import helper"),
        ("from .a.b import c, d", "from a.b import c, d"),
    ],
)
def test_a_relative_import_says_what_to_write(tmp_path: Path, written: str, better: str) -> None:
    path = tmp_path / f"handler_{next(NUMBERS)}.py"
    path.write_text(f"{written}\nfrom slips.interface import Handler\n")
    (tmp_path / "helper.py").write_text("x = 1\n")
    with pytest.raises(UsageError, match=f"{path}:1: .*expected an import without dots; write '{better}'$"):
        load_handlers(path)


@pytest.mark.slow
@pytest.mark.parametrize("command", ["check", "run", "test -d e.json"])
def test_a_module_that_is_missing_says_how_to_install_what_is_required(tmp_path: Path, command: str) -> None:
    project = Project(tmp_path)
    project.handler("import acme_of_nobody\n")
    project.put("json/a", {"n": 1})
    (tmp_path / "e.json").write_text('{"bucket_name": "my-logs", "object_key": "json/a"}')
    hint = "expected what 'handler.requirements' names to be installed here; run 'pip install -r requirements.txt'\n"
    assert hint not in project.shell(*command.split()).err
    (tmp_path / "requirements.txt").write_text("acme\n")
    config = (tmp_path / "slips.yml").read_text()
    project.config(config.replace("path: handler.py", "path: handler.py\n  requirements: requirements.txt"))
    done = project.shell(*command.split())
    assert done.status == 2
    assert done.err.endswith(hint)


def test_arguments_in_the_wrong_order_are_refused() -> None:
    class Swapped(Handler):
        def recv(self, event: Any, meta: Any) -> None: ...  # type: ignore[override]

    (line,) = mistakes(Swapped, Handler)
    assert line.endswith(
        "Swapped.recv(self, event, meta) is called with (meta, event); expected them in that order; "
        "write 'def recv(self, meta, event)'"
    )


# ---- attributes


@pytest.mark.parametrize(
    ("attributes", "meant"),
    [
        ({"batch_size": 5, "recv_batch": lambda self, batch: None}, "batch_events"),
        ({"batchBytes": 5, "recv_batch": lambda self, batch: None}, "batch_bytes"),
        ({"event_types": dict, "recv": lambda self, meta, event: None}, "event_type"),
        ({"eventType": {"*": dict}, "recv": lambda self, meta, event: None}, "event_type"),
        ({"batch_size": 5, "recv": lambda self, meta, event: None}, None),
        ({"batch_size": 5, "recv_batch": lambda self, batch: batch[: self.batch_size]}, None),
        ({"event_types": ["login"], "recv": lambda self, meta, event: None}, None),
        ({"event_types": dict, "recv": lambda self, meta, event: self.event_types()}, None),
    ],
)
def test_an_attribute_whose_name_is_nearly_one_of_a_handler_and_that_nothing_uses_is_refused(
    attributes: dict[str, Any], meant: str | None
) -> None:
    found = mistakes(type("Near", (Handler,), attributes), Handler)
    assert [line.partition("did you mean ")[2] for line in found] == ([f"'{meant}'?"] if meant else [])
