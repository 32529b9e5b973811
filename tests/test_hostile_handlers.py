"""Handlers that do what they had better not: it costs their own object at most, and is never silent."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from projects import Project

pytestmark = pytest.mark.slow

HEAD = "import os, sys, time\nimport slips.interface\n\nclass H(slips.interface.Handler):\n"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project(tmp_path)
    made.config((made.root / "slips.yml").read_text().replace("args: {limit: 5}", "args: {limit: 5}\n  concurrency: 1"))
    return made


def test_a_child_of_a_handler_neither_answers_nor_reads_for_it(project: Project) -> None:
    project.handler(
        HEAD + "    n = 0\n"
        "    def recv(self, meta, event):\n"
        "        self.n += 1\n"
        "        if event.get('fork') and os.fork() == 0: time.sleep(0.3)\n"
        "        if event.get('slow'): time.sleep(0.6); raise ValueError('not done')\n"
        "    def result(self): return self.n\n"
    )
    project.put("json/1", {"fork": 1}, *({"n": number} for number in range(50_000)))
    project.put("json/2", {"slow": 1})
    project.put("json/3", {"a": 1})
    summary = project.slips("run", "--json").json
    assert (summary["objects"], summary["failed"], summary["records"]) == (3, 1, 50_002)
    (item,) = project.slips("errors", "--json").json
    assert item["argument"][0]["object_key"] == "json/2"


def test_a_child_that_exits_costs_nothing(project: Project) -> None:
    for place in ("setup(self, args)", "recv(self, meta, event)", "result(self)"):
        recv = "" if "recv" in place else "    def recv(self, meta, event): pass\n"
        project.handler(HEAD + recv + f"    def {place}:\n        if os.fork() == 0: sys.exit(0)\n        os.wait()\n")
        for number in range(3):
            project.put(f"json/{number}", *({"place": place, "n": each} for each in range(20)))
        summary = project.slips("run", "--json").json
        assert (summary["objects"], summary["failed"], summary["records"]) == (3, 0, 60), place


def test_a_child_that_a_batch_forks_ends_with_its_batch(project: Project) -> None:
    """The child would call `result`, and answer for its parent, if it went on behind the last batch."""
    project.handler(
        HEAD + "    batch_events = 2\n"
        "    def recv_batch(self, batch):\n"
        "        if os.fork() == 0: return\n"
        "        os.wait()\n"
        "    def result(self):\n"
        "        with open(__file__ + '.results', 'a') as file: print(os.getpid(), file=file)\n"
    )
    project.put("json/1", {"n": 1}, {"n": 2}, {"n": 3})
    summary = project.slips("run", "--json").json
    assert (summary["failed"], summary["records"]) == (0, 3)
    assert len((project.root / "handler.py.results").read_text().split()) == 1


def test_a_handler_that_moves_the_positions_of_all_files_gets_each_record_once(project: Project) -> None:
    project.handler(
        HEAD + "    def setup(self, args): self.got = []\n"
        "    def recv(self, meta, event):\n"
        "        self.got.append(event['n'])\n"
        "        for each in range(3, 64):\n"
        "            try: os.lseek(each, 0, os.SEEK_SET)\n"
        "            except OSError: pass\n"
        "    def result(self): return [len(self.got), sum(self.got)]\n"
    )
    project.put("json/1", {"n": 1})
    project.put("json/2", *({"n": number} for number in range(20_000)))
    summary = project.slips("run", "--json").json
    assert [each["result"] for each in summary["results"]] == [[1, 1], [20_000, sum(range(20_000))]]


@pytest.fixture
def one_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    """An object that kills its worker would kill two more: `test_run_handlers.py` counts them."""
    monkeypatch.setattr("slips.pipeline.conclude.ATTEMPTS", 1)


DEATHS = {
    "before the first record": ("json/1", "own.py:own", "    def recv(self, meta, event): pass\n"),
    "after record 2": ("json/2", "own.py:own", "    def recv(self, meta, event): pass\n"),
    "record 4: the handler ended its process with exit status 3 in recv": (
        "json/3",
        "json",
        "    def recv(self, meta, event):\n        if meta.seq == 4: os._exit(3)\n",
    ),
    "in __init__": ("json/4", "json", "    def __init__(self): os._exit(3)\n    def recv(self, meta, event): pass\n"),
    "in setup": ("json/5", "json", "    def setup(self, args): os._exit(3)\n    def recv(self, meta, event): pass\n"),
    "in result": ("json/6", "json", "    def recv(self, meta, event): pass\n    def result(self): os._exit(3)\n"),
    "record 3: the handler ended its process with exit status 3 in recv": (
        "json/7",
        "json",
        "    def recv(self, meta, event):\n"
        "        if meta.seq == 3:\n"
        "            if os.fork() == 0: return\n"
        "            os.wait()\n"
        "            os._exit(3)\n",
    ),
}
BATCH = """
    batch_events = 3
    def recv_batch(self, batch):
        if batch[0][0].seq == {first}: {deed}
"""
DEATHS |= {
    "record 1: the handler ended its process with exit status 3 in recv_batch, with all records to 4": (
        "json/8",
        "json",
        BATCH.format(first=1, deed="os._exit(3)"),
    ),
    "record 5: the handler ended its process with exit status 3 in recv_batch": (
        "json/9",
        "json",
        BATCH.format(first=5, deed="os._exit(3)"),
    ),
}
PARSER = """
import json, os
from slips.format import parser

@parser('own', summary='', reference='', takes='text')
def own(meta, text):
    event = json.loads(text)
    if event.get('die') == meta.source.object_key: os._exit(3)
    return event
"""


@pytest.mark.usefixtures("one_attempt")
@pytest.mark.parametrize("where", DEATHS)
def test_a_death_is_told_with_where_its_object_was(project: Project, where: str) -> None:
    key, format_, body = DEATHS[where]
    (project.root / "own.py").write_text(PARSER)
    project.config((project.root / "slips.yml").read_text().replace("[s3-lines, json]", f"[s3-lines, {format_}]"))
    project.handler(HEAD + body)
    project.put(key, {"die": "json/1"}, b"bad\n", {"die": "json/2"}, {"n": 4}, *([{"n": 5}] if "json/9" in key else []))
    project.slips("run")
    (item,) = project.slips("errors", "--json").json
    assert where in item["message"]
    assert item["seq"] == (int(where[7]) if where.startswith("record") else None)


PATCHES = {
    "len": "import builtins; builtins.len = None",
    "isinstance": "import builtins; builtins.isinstance = None",
    "open": "import builtins; builtins.open = None",
    "print": "import builtins; builtins.print = None",
    "the name of each exception": "import builtins; builtins.Exception = builtins.BaseException = None",
    "every builtin": "import builtins; vars(builtins).clear()",
    "os.read and os.write": "os.read = os.write = None",
    "time.sleep": "time.sleep = time.time = time.monotonic = None",
    "slips": "import slips.parsing.run, slips.model; slips.parsing.run.MetaData = slips.model.Outcome = None",
    "sys.modules": "sys.modules.clear()",
    "the environment": "os.environ.clear()",
    "the working directory": "os.chdir('/')",
    "a working directory that is gone": "import tempfile; d = tempfile.mkdtemp(); os.chdir(d); os.rmdir(d)",
    "the recursion limit": "sys.setrecursionlimit(60)",
    "the limit of open files": "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (5, 5))",
    "the limit of memory": "import resource; resource.setrlimit(resource.RLIMIT_AS, (2**26, 2**26))",
    "a timer": "import signal; signal.setitimer(signal.ITIMER_REAL, 0.2)",
    "all descriptors": "os.closerange(0, 100)",
    "a library": "import unittest.mock; unittest.mock.patch('hashlib.sha256', side_effect=ValueError).start()",
    "another library": "import msgspec; msgspec.structs.replace = None",
    "a method of slips": "from slips.backends.machine.directory import DirectoryStore as S; S.open = None",
    "an audit hook": "sys.addaudithook(lambda name, _: 1 / (name != 'open'))",
    "descriptors left open": "self.files = H.files = [os.open('/', os.O_RDONLY) for _ in range(100_000)]",
}


@pytest.mark.usefixtures("one_attempt")
@pytest.mark.parametrize("kind", PATCHES)
def test_harm_that_a_handler_does_to_its_process_costs_no_other_object_anything(
    project: Project, kind: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """One worker: whatever becomes of the first object, the others find a process as it was."""
    project.handler(
        HEAD + "    def recv(self, meta, event):\n"
        "        if event.get('harm'):\n"
        f"            {PATCHES[kind]}\n"
        "    def result(self):\n"
        "        import json, tempfile, decimal\n"
        "        with open(__file__) as file: text = file.read()\n"
        "        here = os.path.exists('slips.yml')\n"
        "        return [len(text) > 0, isinstance(1, int), 'PATH' in os.environ, here, time.time() > 0]\n"
    )
    project.put("json/1", {"harm": 1}, {"n": 1})
    for number in range(2, 5):
        project.put(f"json/{number}", {"n": 1})
    done = project.slips("run", "--json")
    well = {each["object"][-1]: each["result"] for each in done.json["results"]}
    assert {key: well.get(key) for key in "234"} == dict.fromkeys("234", [True] * 5)
    assert done.json["objects"] == 4
    items = project.slips("errors", "--json").json
    assert [item["argument"][0]["object_key"] for item in items] in ([], ["json/1"])
    assert "bug of slips" not in done.err + capfd.readouterr().err + json.dumps(items)


def test_three_failures_for_want_of_resources_are_no_attempt_then_an_item_follows(project: Project) -> None:
    project.handler(
        HEAD + "    def recv(self, meta, event):\n"
        "        with open(__file__ + '.tried', 'a') as file: print(os.getpid(), file=file)\n"
        "        raise OSError(24, 'Too many open files')\n"
    )
    project.put("json/1", {"n": 1})
    done = project.slips("-v", "run", "--json")
    (item,) = project.slips("errors", "--json").json
    tried = (project.root / "handler.py.tried").read_text().split()
    assert (done.json["failed"], item["attempts"], len(tried), len(set(tried))) == (1, 1, 4, 4)
    assert done.err.count("which is no attempt, there will be another") == 3


def test_an_object_that_failed_for_want_of_resources_loses_no_attempt(project: Project) -> None:
    """Descriptors that three objects have left open are what the fourth has not: in a fresh process it is done."""
    project.handler(
        "import resource\n" + HEAD + "    kept = []\n"
        "    def recv(self, meta, event):\n"
        "        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]\n"
        "        H.kept += [os.open('/', os.O_RDONLY) for _ in range(event['n'] * limit // 100)]\n"
    )
    for number in range(1, 6):
        project.put(f"json/{number}", {"n": 40})
    summary = project.slips("run", "--json").json
    assert (summary["objects"], summary["failed"]) == (5, 0)


ODD_NAMES = {
    "a metaclass whose name raises": (
        "class Meta(type(slips.interface.Handler)):\n"
        "    @property\n    def __name__(cls): raise SystemExit('no name')\n\n"
        "class H(slips.interface.Handler, metaclass=Meta):\n"
        "    def recv(self, meta, event): raise ValueError('as told')\n",
        "H.recv raised ValueError: as told",
    ),
    "an exception without name, text and traceback": (
        "class Meta(type):\n    @property\n    def __name__(cls): raise KeyError('no name')\n\n"
        "class Odd(Exception, metaclass=Meta):\n"
        "    def __str__(self): raise SystemExit('no text')\n"
        "    @property\n    def __traceback__(self): raise BaseException('no traceback')\n"
        "    @property\n    def __class__(self): raise OSError('no class')\n\n"
        "class H(slips.interface.Handler):\n    def recv(self, meta, event): raise Odd()\n",
        "H.recv raised Odd: (its text cannot be made)",
    ),
    "a base exception": (
        "class Odd(BaseException): pass\n\n"
        "class H(slips.interface.Handler):\n    def recv(self, meta, event): raise Odd('as told')\n",
        "H.recv raised Odd: as told",
    ),
    "an interrupt": (
        "class H(slips.interface.Handler):\n    def recv(self, meta, event): raise KeyboardInterrupt('as told')\n",
        "H.recv raised KeyboardInterrupt: as told",
    ),
    "a group": (
        "class H(slips.interface.Handler):\n"
        "    def recv(self, meta, event): raise BaseExceptionGroup('two', [ValueError(1), SystemExit(2)])\n",
        "H.recv raised BaseExceptionGroup: two (2 sub-exceptions)",
    ),
    "a text of 50 MB": (
        "class H(slips.interface.Handler):\n    def recv(self, meta, event): raise ValueError('x' * 50_000_000)\n",
        "H.recv raised ValueError: xxx",
    ),
    "an exception that is false": (
        "class Odd(Exception):\n    def __len__(self): return 0\n\n"
        "class H(slips.interface.Handler):\n    def recv(self, meta, event): raise Odd('as told')\n",
        "H.recv raised Odd: as told",
    ),
    "an exception that raises whatever is asked of it": (
        "class Text(str):\n    def __getitem__(self, index): raise SystemExit('no text')\n"
        "    def __len__(self): raise SystemExit('no text')\n\n"
        "class Odd(OSError):\n"
        "    def __bool__(self): raise ValueError('no bool')\n"
        "    def __eq__(self, other): raise ValueError('no eq')\n"
        "    def __hash__(self): raise ValueError('no hash')\n"
        "    def __str__(self): return Text('as told')\n"
        "    @property\n    def errno(self): raise ValueError('no errno')\n"
        "    @property\n    def __cause__(self): raise ValueError('no cause')\n\n"
        "class H(slips.interface.Handler):\n    def recv(self, meta, event): raise Odd()\n",
        "H.recv raised Odd: as told",
    ),
    "exceptions of numbers and texts that cannot be compared": (
        "class Odd:\n    def __eq__(self, other): raise ValueError('no eq')\n    __hash__ = None\n\n"
        "class H(slips.interface.Handler):\n"
        "    def recv(self, meta, event):\n"
        "        try: raise RuntimeError(Odd())\n"
        "        except RuntimeError: raise OSError(Odd(), 'as told')\n",
        "H.recv raised OSError: ",
    ),
    "an exception that was never initialized": (
        "class H(slips.interface.Handler):\n"
        "    def recv(self, meta, event): raise UnicodeEncodeError.__new__(UnicodeEncodeError)\n",
        "H.recv raised UnicodeEncodeError",
    ),
    "an error of slips that is not as slips made it": (
        "import slips.errors\n\nclass Odd(slips.errors.StorageError):\n"
        "    @property\n    def stage(self): raise ValueError('no stage')\n\n"
        "class H(slips.interface.Handler):\n    def recv(self, meta, event): raise Odd('as told')\n",
        "H.recv raised Odd: as told",
    ),
    "a cause that is its own": (
        "class H(slips.interface.Handler):\n"
        "    def recv(self, meta, event):\n"
        "        error = ValueError('as told')\n        error.__cause__ = KeyError()\n"
        "        error.__cause__.__cause__ = error\n        raise error\n",
        "H.recv raised ValueError: as told",
    ),
}


@pytest.mark.parametrize("kind", ODD_NAMES)
def test_whatever_a_handler_raises_is_named(project: Project, kind: str, capfd: pytest.CaptureFixture[str]) -> None:
    body, said = ODD_NAMES[kind]
    project.handler("import slips.interface\n\n" + body)
    project.put("json/1", {"n": 1})
    done = project.slips("run", "--json")
    (item,) = project.slips("errors", "--json").json
    assert (item["stage"], item["seq"], said in item["message"]) == ("handler", 1, True)
    assert item["error_type"] == said.split()[2].rstrip(":")
    assert len(item["message"]) + len(item["traceback"]) < 25_000
    assert "in recv" in item["traceback"]
    assert "bug" not in done.err + capfd.readouterr().err + item["message"]


def test_an_event_that_cannot_be_shown_costs_nothing_else(project: Project) -> None:
    project.handler(
        "import slips.interface\n\n"
        "class Meta(type):\n    @property\n    def __name__(cls): raise KeyError('no name')\n\n"
        "class Odd(BaseException, metaclass=Meta): pass\n\n"
        "class Value:\n    def __repr__(self): raise Odd\n\n"
        "class H(slips.interface.Handler):\n"
        "    def recv(self, meta, event): event['odd'] = Value(); raise ValueError('as told')\n"
    )
    project.put("json/1", {"n": 1})
    project.slips("run")
    (item,) = project.slips("errors", "--json").json
    assert "H.recv raised ValueError: as told" in item["message"]
    assert item["event"] == {"…": "the event cannot be shown: Odd"}


def test_a_recv_that_cannot_be_looked_up_is_the_handlers_failure(project: Project) -> None:
    project.handler(
        "import slips.interface\n\nclass H(slips.interface.Handler):\n"
        "    @property\n    def recv(self): raise ValueError('as told')\n"
    )
    project.put("json/1", {"n": 1})
    done = project.shell("run", "--json")
    (item,) = project.slips("errors", "--json").json
    assert (item["stage"], "H.recv raised ValueError: as told" in item["message"]) == ("handler", True)
    assert "in recv" in item["traceback"]
    assert "bug" not in done.err + item["message"]


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="files can be sealed on Linux only")
def test_a_handler_that_cuts_off_all_files_is_not_killed(project: Project) -> None:
    project.handler(
        HEAD + "    def recv(self, meta, event):\n"
        "        for number in range(3, 100):\n"
        "            try: os.ftruncate(number, 0)\n"
        "            except OSError: pass\n"
    )
    project.put("json/1", {"n": 1}, {"n": 2})
    done = project.shell("run", "--json")
    assert (done.json["failed"], done.json["delivered"], done.err) == (0, 2, "")


def test_a_child_made_in_setup_does_not_read_the_object(project: Project) -> None:
    project.handler(
        HEAD + "    def setup(self, args):\n        if os.fork() == 0: pass\n    def recv(self, meta, event): pass\n"
    )
    project.put("json/1", *({"n": number} for number in range(100_000)))
    assert project.slips("run", "--json").json["records"] == 100_000


def test_changes_of_a_handler_to_its_source_do_not_change_the_replay(project: Project) -> None:
    project.put("json/1", *(b"bad\n" if number % 2 else {"n": number} for number in range(9)))
    project.handler(
        HEAD + "    def recv(self, meta, event):\n        if meta.source.records: del meta.source.records[1:]\n"
    )
    project.config((project.root / "slips.yml").read_text().replace("[s3-lines, json]", "[s3-lines, own.py:own]"))
    own = "import json\nfrom slips.format import parser\n\n@parser('own', summary='', reference='', takes='text')\n"
    (project.root / "own.py").write_text(own + "def own(meta, text): return json.loads(text)\n")
    project.slips("run")
    (project.root / "own.py").write_text(own + "def own(meta, text): return {'text': text}\n")
    assert project.slips("drain", "--json").json["drained"] == 1
    assert project.slips("run", "--json").json["delivered"] == 4


def test_a_result_of_any_depth_is_kept_somehow(project: Project) -> None:
    project.handler(
        HEAD + "    def recv(self, meta, event): pass\n"
        "    def result(self):\n        v = []\n        for _ in range(985): v = [v]\n        return v\n"
    )
    project.put("json/1", {"n": 1})
    summary = project.slips("run", "--json").json
    assert (summary["failed"], type(summary["results"][0]["result"])) == (0, str)


def test_a_file_that_gets_shorter_while_it_is_read_is_not_done(project: Project) -> None:
    project.handler(
        HEAD + "    def recv(self, meta, event):\n"
        "        if meta.seq == 1 and os.path.getsize(event['path']) > 200_000: os.truncate(event['path'], 200_000)\n"
    )
    path = project.bucket / "json" / "1"
    project.put("json/1", {"path": str(path)}, *({"n": number} for number in range(100_000)))
    done = project.slips("-v", "run", "--json")
    assert "expected it to stay as it is" in done.err  # and is read again, as it is then
    assert (done.json["failed"], done.json["records"]) == (0, len(path.read_bytes().splitlines()))


def test_closed_output_is_no_reason_to_do_nothing(project: Project) -> None:
    project.put("json/1", {"n": 1})
    for closed in (">&-", "2>&-", ">&- 2>&-"):
        command = f"{sys.executable} -m slips run --again {project.bucket} {closed}"
        assert subprocess.run(command, shell=True, cwd=project.root).returncode == 0, closed
    assert json.loads(project.shell("status", "--json").out)["ledger"]["done"] >= 1


@pytest.mark.parametrize(
    ("arguments", "status", "told"),
    [
        ("infer -", 2, "-: is empty; expected a log"),
        ("test -d -", 2, "-: Input data was truncated; expected a JSON list of object events"),
        ("dismiss --all", 2, "there is no terminal to ask on; expected -y; add it"),
    ],
)
def test_closed_input_is_empty_and_no_terminal(project: Project, arguments: str, status: int, told: str) -> None:
    project.put("json/1", {"n": "x"}, "no object")
    project.shell("run")
    command = f"{sys.executable} -m slips {arguments} <&-"
    done = subprocess.run(command, shell=True, cwd=project.root, capture_output=True, text=True)
    assert (done.returncode, told in done.stderr, "Traceback" in done.stderr) == (status, True, False), done.stderr


def test_full_output_is_said_and_ends_no_run(project: Project) -> None:
    project.put("json/1", {"n": 9})
    project.put("json/2", {"n": 1})
    command = f"{sys.executable} -m slips run >/dev/full"
    done = subprocess.run(command, shell=True, cwd=project.root, capture_output=True, text=True)
    assert (done.returncode, "standard output: No space left" in done.stderr, "bug" in done.stderr) == (1, True, False)
    project.slips("drain")
    subprocess.run(f"{sys.executable} -m slips run 2>/dev/full", shell=True, cwd=project.root, capture_output=True)
    assert project.slips("status", "--json").json["lanes"]["fast"]["waiting"] == 0


def test_a_clock_before_1970_stops_nothing(project: Project) -> None:
    (project.root / "clock").mkdir()
    (project.root / "clock" / "sitecustomize.py").write_text(
        "import time\nnow, now_ns = time.time, time.time_ns\n"
        "time.time = lambda: now() - 2.5e9\ntime.time_ns = lambda: now_ns() - 2_500_000_000_000_000_000\n"
    )
    clock = {"PYTHONPATH": str(project.root / "clock")}
    project.put("json/1", {"n": 1})
    project.put("json/2", {"n": 9}, b"bad\n")
    summary = project.shell("run", "--json", **clock).json
    assert (summary["objects"], summary["failed"]) == (2, 1)
    (item,) = project.shell("errors", "--since", "1h", "--json", **clock).json
    assert item["failed_at"] < "1970"
    assert project.shell("drain", "--json", **clock).json["drained"] == 1
    assert project.shell("run", str(project.bucket), "--again", "--json", **clock).json["objects"] == 3
    assert project.shell("status", "--json", **clock).json["ledger"]


def test_the_state_in_a_buckets_directory_is_no_log(project: Project) -> None:
    project.config((project.root / "slips.yml").read_text().replace("path: state", "path: logs/json/state"))
    project.put("json/1", {"n": 1})
    assert [project.slips("run", "--json").json["objects"] for _ in range(2)] == [1, 0]
