"""Fixtures and settings of all tests: the same examples and signals everywhere, a project, and real logs."""

from __future__ import annotations

import gc
import logging
import signal
from collections.abc import Generator, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zlib import crc32

import botocore.session
import pytest
from _pytest.logging import LogCaptureHandler
from hypothesis import HealthCheck, settings

import forked
import slips.health
from soak import Progress

if TYPE_CHECKING:
    from projects import Project

ROOT = Path(__file__).parents[1]
LOGS = ROOT.parent / "shared" / "logs"


# The same examples in each run and on each machine, however busy. To look further: pytest --hypothesis-profile=explore.
# Few are enough where another Python or library is tried.
settings.register_profile(
    "same", max_examples=70, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("explore", settings.get_profile("same"), derandomize=False, max_examples=2_000)
settings.register_profile("few", settings.get_profile("same"), max_examples=10)
settings.load_profile("same")


LONG = 200
"""Characters, or bytes, of a text from which on it is no name of a case."""
MANY = 8
"""Cases of a test that alike formats, chains or options make."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options by which an author accepts what formats make of their samples now, and takes pictures."""
    parser.addoption(
        "--accept",
        action="store_true",
        help="write what formats make of their samples to NAME.expected.jsonl; review it in the diff",
    )
    parser.addoption("--soak", action="store_true", help="run the tests marked `soak` alone: they take minutes")
    parser.addoption(
        "--every", type=int, default=1, metavar="N", help=f"of a test of more than {MANY} cases, run each N-th"
    )
    parser.addoption(
        "--some", type=int, default=1, metavar="N", help="of all test files, run each N-th, and those of functions"
    )
    parser.addoption(
        "--case",
        action="append",
        default=[],
        metavar="NAME",
        help="of a test of many alike cases, run this; of others, all",
    )
    parser.addoption("--screenshots", action="store_true", help="write the pictures of docs/console.md, with Chromium")


@pytest.fixture
def accept(request: pytest.FixtureRequest) -> bool:
    """Whether what differs from what was expected is to be written in its place."""
    given: bool = request.config.getoption("--accept")
    return given


def pytest_configure(config: pytest.Config) -> None:
    """Lets tests interrupt the processes they start: a shell makes those in the background ignore SIGINT."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    forked.fork_workers()
    if config.getoption("--soak"):
        config.pluginmanager.register(Progress(lambda line: print(f"\n{line}", flush=True)))


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leaves out most files with `--some`, by a hash of their names: what another file is called decides nothing."""
    some: int = config.getoption("--some")
    if some == 1 or not collection_path.name.startswith("test_"):
        return None
    is_wanted = crc32(collection_path.name.encode()) % some == 0 or "mark.functions" in collection_path.read_text()
    return None if is_wanted else True


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collects all tests without a look for garbage, and leaves what they are out of all later ones.

    Tens of thousands of cases and all libraries stay until the end. Each of some twenty looks at them takes half a
    second, in each process, and finds nothing.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Names bytes that are no text by their number: archives hold the time, and all processes must agree on names.

    Names a long text by its length: each worker sends the names of all tests, and one with each report on a test.
    """
    if isinstance(val, bytes) and (len(val) > LONG or not (val.isascii() and val.isalnum())):
        return f"{argname}-{len(val)}-bytes"
    return f"{argname}-{len(val)}-characters" if isinstance(val, str) and len(val) > LONG else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out tests marked `soak`, or all others; with `--every` most cases of a test that has many.

    Puts groups and long tests first, so that no worker ends with one of them.
    """
    is_soak: bool = config.getoption("--soak")
    every: int = config.getoption("--every")
    marks = {item: {mark.name for mark in item.iter_markers()} for item in items}
    left_out = {item for item in items if ("soak" in marks[item]) != is_soak}
    cases: dict[str, list[pytest.Item]] = {}
    for item in items:
        cases.setdefault(_test(item), []).append(item)
    # Each of these begins with another case: what all of them run, as formats, is not left out by all.
    many = [same for same in cases.values() if len(same) > MANY]
    left_out.update(item for first, same in enumerate(many) for at, item in enumerate(same, first) if at % every)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
    items.sort(key=lambda item: [name not in marks[item] for name in ("xdist_group", "cloud", "slow")])


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Lets a test have processes that were started, not forked, if it says so, or tries libraries."""
    forked.real = any(item.get_closest_marker(name) for name in ("real_processes", "smoke"))


def pytest_unconfigure() -> None:
    """Ends the process that forks others."""
    forked.stop()


def _test(item: pytest.Item) -> str:
    """The name of a test, without its case."""
    return item.nodeid.partition("[")[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Hands out all cases of a test at once: one by one, thousands of them keep the process busy that hands them out.

    Tests are begun in their order, the long ones first; xdist would begin with those of most cases.
    """
    if config.getoption("dist") != "loadgroup":
        return None
    from spread import ByTest

    config.option.loadscopereorder = False
    return ByTest(config, log)


@pytest.fixture(scope="session", autouse=True)
def _libraries_prepare_themselves_once() -> Iterator[None]:
    """Each session of botocore would read megabytes of JSON for its first client."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.session, "create_loader", cache(botocore.session.create_loader))
        yield


@pytest.fixture(scope="session", autouse=True)
def _no_format_is_named_for_chains_that_do_not_fit() -> Iterator[None]:
    """All formats would be tried, for four seconds, once for each such chain. `test_infer_hint.py` has them tried."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("slips.inference.hint._look", lambda *_: "")
        yield


@pytest.fixture(scope="session", autouse=True)
def _formats_are_not_watched() -> Iterator[None]:
    """A worker has imported those of its chain. Here are a thousand: to look at them takes 20 ms for each object."""
    watched = slips.health._watched
    with pytest.MonkeyPatch.context() as patch:
        names = "slips.formats."
        patch.setattr("slips.health._watched", lambda: (m for m in watched() if not m.__name__.startswith(names)))
        yield


@pytest.fixture(scope="session")
def logs() -> Path:
    """Real log samples, which the project does not carry."""
    if not LOGS.is_dir():
        pytest.skip("no real logs beside the project")
    return LOGS


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A small project on this machine."""
    from projects import Project  # with the command line, which most tests do without

    return Project(tmp_path)


@pytest.fixture(autouse=True)
def _root_logger_as_before() -> Iterator[None]:
    """Commands and functions set up logging for their process; here one process runs many."""
    root = logging.getLogger()
    level, formatters = root.level, {each: each.formatter for each in root.handlers}
    yield
    root.setLevel(level)
    for each in list(root.handlers):
        if each in formatters:
            each.setFormatter(formatters[each])
        elif not isinstance(each, LogCaptureHandler):
            root.removeHandler(each)
