"""An object runs through the handler of its mapping, whatever handlers the process ran before."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fakes import object_event
from processing import done, failed
from slips.config import Config, HandlerConfig, Mapping, MappingHandler
from slips.config.backend import BackendConfig, Embedded
from slips.model import HandlerCode
from slips.pipeline.ended import Failure, Success
from slips.pipeline.process import Processor
from slips.site.worker import WorkerSite

COUNT = """
import slips.interface

class {name}(slips.interface.Handler):
    def setup(self, args):
        self.args, self.seen = args, 0

    def recv(self, meta, event):
        self.seen += 1
        self.args["changed"] = True

    def result(self):
        return [{name!r}, self.args, self.seen]
"""
NEIGHBOURS = """
import slips.interface
import util

class Late(slips.interface.Handler):
    def recv(self, meta, event):
        import util as late
        import later
        same = [late is util, later.names_of_handler() is globals()]
        self.found = [util.PLACE, late.PLACE, later.PLACE, *same]

    def result(self):
        return self.found
"""
LATER = """
PLACE = {place!r}

def names_of_handler():
    import handler
    return vars(handler)
"""


class Scene:
    """A project in a directory, whose bucket `logs` has the objects `a/x`, `b/x` and so on."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.handler = HandlerConfig()
        self.mappings: list[Mapping] = []

    def file(self, path: str, text: str) -> str:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)
        return path

    def map(self, prefix: str, path: str | None = None, **args: Any) -> None:
        """Map the objects below a prefix, with a handler of their own if there is a path."""
        own = MappingHandler(path, args) if path is not None else None
        self.mappings.append(Mapping(prefix, ["s3-lines"], handler=own))
        (self.root / "logs" / prefix).mkdir(parents=True, exist_ok=True)
        (self.root / "logs" / prefix / "x").write_text("1\n2\n")

    def site(self) -> WorkerSite:
        config = Config(
            stack_name="test",
            handler=self.handler,
            backend=BackendConfig(embedded=Embedded(buckets={"my-logs": "logs"})),
            bucket_mapping={"my-logs": self.mappings},
            file=str(self.root / "slips.yml"),
        )
        return WorkerSite(config)

    def results(self, *prefixes: str) -> list[Any]:
        """The results of the objects below these prefixes, one after another in one process."""
        processor = Processor(self.site())
        found = []
        for prefix in prefixes:
            (result,) = done(processor.process(object_event(f"{prefix}x"))).outcome.results.values()
            found.append(result)
        return found

    def ended(self, processor: Processor, prefix: str) -> Success | Failure:
        return processor.process(object_event(f"{prefix}x"))


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    before = list(sys.path)
    yield Scene(tmp_path)
    sys.path[:] = before


def unique(word: str) -> str:
    return f"{word}_{os.urandom(4).hex()}"


def test_an_object_runs_through_the_handler_of_its_mapping_with_the_args_of_that(scene: Scene) -> None:
    scene.handler = HandlerConfig(scene.file(f"{unique('main')}.py", COUNT.format(name="Main")), {"level": 3})
    scene.map("a/")
    scene.map("b/", scene.file(f"{unique('alb')}.py", COUNT.format(name="Alb")), index="alb")
    scene.map("c/", scene.file(f"{unique('vpc')}.py", COUNT.format(name="Vpc")))
    main, alb, vpc = ["Main", {"level": 3, "changed": True}, 2], ["Alb", {"index": "alb", "changed": True}, 2], ["Vpc"]
    assert scene.results("a/", "b/", "c/", "b/", "a/") == [main, alb, [*vpc, {"changed": True}, 2], alb, main]


def test_mappings_that_share_a_file_share_no_instance_and_no_args(scene: Scene) -> None:
    path = scene.file(f"{unique('shared')}.py", COUNT.format(name="Shared"))
    scene.handler = HandlerConfig(path, {"n": 0})
    scene.map("a/")
    scene.map("b/", path, n=1)
    scene.map("c/", path, n=2)
    found = scene.results("a/", "b/", "c/", "b/")
    assert [(args["n"], seen) for _, args, seen in found] == [(0, 2), (1, 2), (2, 2), (1, 2)]


def test_classes_of_one_file_have_mappings_of_their_own(scene: Scene) -> None:
    path = scene.file(f"{unique('both')}.py", COUNT.format(name="Alb") + COUNT.format(name="Vpc"))
    scene.map("a/", f"{path}:Alb")
    scene.map("b/", f"{path}:Vpc")
    assert [each[0] for each in scene.results("a/", "b/", "a/")] == ["Alb", "Vpc", "Alb"]


@pytest.mark.slow
def test_thirty_mappings_have_a_handler_each_and_only_those_that_are_needed_are_imported(scene: Scene) -> None:
    names = [f"H{number}" for number in range(30)]
    modules = {name: unique(name) for name in names}
    for name, module in modules.items():
        scene.map(f"{name}/", scene.file(f"{module}.py", COUNT.format(name=name)))
    assert [each[0] for each in scene.results("H3/", "H29/", "H3/")] == ["H3", "H29", "H3"]
    assert {name for name, module in modules.items() if module in sys.modules} == {"H3", "H29"}
    assert [each[0] for each in scene.results(*(f"{name}/" for name in names))] == names


@pytest.mark.parametrize("folders", [("one/", "two/"), ("", "below/"), ("deep/er/", "deep/")])
def test_handlers_of_equal_names_find_their_own_neighbours_also_in_functions(
    scene: Scene, folders: tuple[str, str]
) -> None:
    for prefix, folder in zip("ab", folders, strict=True):
        scene.map(f"{prefix}/", scene.file(f"{folder}handler.py", NEIGHBOURS))
        scene.file(f"{folder}util.py", f"PLACE = {folder!r}\n")
        scene.file(f"{folder}later.py", LATER.format(place=folder))
    one, two = ([folder, folder, folder, True, True] for folder in folders)
    assert scene.results("a/", "b/", "a/", "b/", "b/") == [one, two, one, two, two]


# ---- handlers that cannot be used


def test_a_broken_handler_fails_the_objects_of_its_mappings_alone(scene: Scene) -> None:
    broken = scene.file(f"{unique('broken')}.py", "import no_such_module_\n")
    scene.map("a/", scene.file(f"{unique('fine')}.py", COUNT.format(name="Fine")))
    scene.map("b/", broken)
    scene.map("c/", f"{broken}:Main")
    processor = Processor(scene.site())
    for prefix in ("b/", "a/", "c/", "b/", "a/"):
        ended = scene.ended(processor, prefix)
        if prefix == "a/":
            done(ended)
            continue
        failure = failed(ended)
        assert (failure.stage, failure.error_type, failure.retryable) == ("worker", "UsageError", True)
        assert failure.message.startswith(f"s3://my-logs/{prefix}x: {scene.root / broken}:1: importing the handler ")
        assert failure.traceback.endswith("No module named 'no_such_module_'\n")
    assert not processor.is_spent


def test_a_class_that_is_not_in_its_file_needs_no_traceback(scene: Scene) -> None:
    scene.map("a/", scene.file(f"{unique('fine')}.py", COUNT.format(name="Fine")) + ":Fime")
    failure = failed(scene.ended(Processor(scene.site()), "a/"))
    assert (failure.error_type, failure.traceback) == ("UsageError", "")
    assert failure.message.endswith("no class 'Fime'; did you mean 'Fine'?")


def test_a_broken_import_is_not_repeated_until_its_mistake_is_forgotten(scene: Scene) -> None:
    note = scene.root / "imports"
    path = scene.file(f"{unique('broken')}.py", f"open({str(note)!r}, 'a').write('x')\n1 / 0\n")
    scene.map("a/", path)
    site = scene.site()
    processor = Processor(site)
    tracebacks = {failed(scene.ended(processor, "a/")).traceback for _ in range(3)}
    assert (note.read_text(), len(tracebacks)) == ("x", 1)
    scene.file(path, COUNT.format(name="Mended"))
    site.loader.forget_mistakes()
    done(scene.ended(processor, "a/"))


def test_a_default_handler_that_no_mapping_uses_may_be_broken(scene: Scene) -> None:
    scene.handler = HandlerConfig("nowhere.py", {"key": "{{ssm:/never/read}}"})
    scene.map("a/", scene.file(f"{unique('fine')}.py", COUNT.format(name="Fine")))
    assert scene.results("a/") == [["Fine", {"changed": True}, 2]]
    assert scene.site().loader.load(scene.site().config.handlers) == []


def test_an_object_that_is_ignored_needs_no_handler(scene: Scene) -> None:
    scene.mappings = [Mapping("a/", ["ignore"], handler=MappingHandler("nowhere.py"))]
    done(scene.ended(Processor(scene.site()), "a/"))


@pytest.mark.parametrize("place", ["import", "recv"])
def test_a_change_of_the_process_is_damage_by_an_object_and_none_by_an_import(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.setattr(time, "sleep", time.sleep)  # put back in the end
    change = {"import": "", "recv": ""} | {place: "time.sleep = print"}
    text = (
        f"import time\nimport slips.interface\n{change['import']}\n"
        f"class Mine(slips.interface.Handler):\n    def recv(self, meta, event):\n        {change['recv'] or 'pass'}\n"
    )
    scene.map("a/", scene.file(f"{unique('fine')}.py", COUNT.format(name="Fine")))
    scene.map("b/", scene.file(f"{unique('changes')}.py", text))
    processor = Processor(scene.site())
    done(scene.ended(processor, "a/"))
    done(scene.ended(processor, "b/"))
    assert processor.is_spent == (place == "recv")


# ---- what items say


def test_the_code_of_an_object_is_that_of_its_mappings_handler(scene: Scene) -> None:
    one, two = (scene.file(f"{unique('h')}.py", COUNT.format(name=name)) for name in ("One", "Two"))
    scene.handler = HandlerConfig(one)
    scene.map("a/")
    scene.map("b/", f"{two}:Two")
    first, second, unmapped = (scene.site().code_of(object_event(key)) for key in ("a/x", "b/x", "elsewhere"))
    assert (first.handler, second.handler) == (one, f"{two}:Two")
    assert len({first.version, second.version} - {""}) == 2
    assert unmapped == HandlerCode()
