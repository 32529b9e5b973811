"""The unit of systemd and the container file in `examples/` start what they say, in a sandbox with their rules."""

from __future__ import annotations

import json
import os
import re
import select
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Timer
from typing import Any, NamedTuple
from urllib.error import URLError

import pytest
import yaml

from ports import free_port
from running import eventually
from sandbox import GUARD, INSIDE, Sandbox, sandbox
from slips.backends.machine.state import MachineState
from slips.config.load import load
from slips.loading import HandlerLoader
from slips.service.probes import ALIVE_SECONDS

pytestmark = [pytest.mark.once, pytest.mark.slow]
EXAMPLES = Path(__file__).parents[1] / "examples"
UNIT = EXAMPLES / "systemd" / "slips.service"
CONTAINER = EXAMPLES / "container"
SLIPS = Path(sys.executable).with_name("slips")
HANDLER = """
import os, tempfile
from pathlib import Path

import slips.interface


def tried(path):
    try:
        (Path(path) / "written").write_text("x")
    except OSError as error:
        return type(error).__name__
    return "written"


class Confined(slips.interface.Handler):
    def recv(self, meta, event): ...

    def result(self):
        status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
        return {
            "code": tried(Path(__file__).parent),
            "system": tried("/usr"),
            "temporary": tried(tempfile.gettempdir()),
            "own": tried(os.getcwd()),
            "capabilities": status["CapEff"].strip(),
            "no new ones": status["NoNewPrivs"].strip(),
        }
"""
CONFIG = """
stack_name: test
backend:
  embedded: {path: writable/state, settle: 0, buckets: {my-logs: logs}}
handler: {path: handler.py}
bucket_mapping: {my-logs: [{prefix: '', format: [s3-lines, json]}]}
"""


class Section(NamedTuple):
    """The settings of a section of a unit: all values of each name, in order."""

    values: dict[str, list[str]]

    def one(self, name: str) -> str:
        (value,) = self.values[name]
        return value

    def seconds(self, name: str) -> float:
        return float(self.one(name))


def unit() -> dict[str, Section]:
    sections: dict[str, Section] = {}
    section = Section({})
    for line in UNIT.read_text().splitlines():
        if line.startswith("["):
            section = sections[line.strip("[]")] = Section({})
        elif line and not line.startswith("#"):
            name, _, value = line.partition("=")
            section.values.setdefault(name, []).append(value)
    return sections


def container() -> list[tuple[str, str]]:
    """The instructions of the container file."""
    text = re.sub(r"\\\n\s*", "", (CONTAINER / "Containerfile").read_text())
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in lines)]


def instruction(name: str) -> str:
    (found,) = [rest for each, rest in container() if each == name]
    return found


def metric(port: int, name: str) -> float:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=GUARD) as answer:
        return float(re.search(rf"^{re.escape(name)} (\S+)$", answer.read().decode(), re.MULTILINE)[1])  # type: ignore[index]


def project(place: Sandbox) -> None:
    """A config, a handler and a bucket with one object."""
    (place.root / "slips.yml").write_text(CONFIG)
    (place.root / "handler.py").write_text(HANDLER)
    (place.root / "logs").mkdir()
    (place.root / "logs" / "a.log").write_text('{"n": 1}\n')


def results(place: Sandbox) -> dict[str, str]:
    """What the handler found out in the sandbox."""
    with closing(MachineState.open(load(place.root / "slips.yml").state_directory)) as state:
        (entry,) = state.ledger.scan()
        assert state.service.get() is None
    assert entry.outcome is not None
    found: dict[str, str] = entry.outcome.results["Confined"]
    return found


CONFINED = {
    **{"code": "OSError", "system": "OSError", "temporary": "written", "own": "written"},
    **{"capabilities": "0000000000000000", "no new ones": "1"},
}


def stop(process: subprocess.Popen[str]) -> str:
    """Stop a service as systemd and containers do. Returns its standard error."""
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=GUARD)
    assert process.returncode == 0, err
    return err


def is_done(port: int, process: subprocess.Popen[str]) -> bool:
    assert process.poll() is None, process.communicate()
    try:
        return metric(port, 'slips_objects_total{lane="fast",result="done"}') == 1
    except URLError:
        return False  # it does not listen yet


@contextmanager
def running(place: Sandbox, command: list[str], environment: dict[str, str], files: int) -> Iterator[Any]:
    """A service in the sandbox, which is killed if the test fails or hangs."""
    with place.start(command, environment, files=files) as process:
        guard = Timer(GUARD, process.kill)
        guard.start()
        try:
            yield process
        finally:
            guard.cancel()
            process.kill()


# ---- systemd


def heard(systemd: socket.socket, process: subprocess.Popen[str]) -> list[str]:
    """The lines of the next message to systemd."""
    while not select.select([systemd], [], [], 0.1)[0]:
        assert process.poll() is None, process.communicate()
    return systemd.recv(4096).decode().split("\n")


def test_the_unit_starts_a_service_that_tells_systemd_and_writes_its_own_directory_alone() -> None:
    service = unit()["Service"]
    port = free_port()
    with sandbox() as place, closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as systemd:
        project(place)
        name = f"slips-unit-{os.getpid()}"
        systemd.bind(f"\0{name}")
        places = {
            "/opt/slips/bin/slips": str(SLIPS),
            "/etc/slips": str(INSIDE),
            "/var/lib/slips": f"{INSIDE}/writable",
            "9464": str(port),
        }

        def here(text: str) -> str:
            for there, own in places.items():
                text = text.replace(there, own)
            return text

        variables = dict(pair.split("=", 1) for line in service.values["Environment"] for pair in shlex.split(line))
        environment = {
            **{"PATH": os.environ["PATH"], **variables},
            "NOTIFY_SOCKET": f"@{name}",
            "WATCHDOG_USEC": str(int(service.seconds("WatchdogSec") * 1_000_000)),
        }
        assert (service.one("Type"), here(service.one("WorkingDirectory"))) == ("notify", str(INSIDE / "writable"))
        command = shlex.split(here(service.one("ExecStart")))
        with running(place, command, environment, int(service.one("LimitNOFILE"))) as process:
            told = heard(systemd, process)
            assert told[:2] == ["READY=1", "WATCHDOG=1"]
            eventually(lambda: is_done(port, process), "the object was not done")
            stop(process)
            while (told := heard(systemd, process))[0].startswith("STATUS"):
                pass
            assert told[0] == "STOPPING=1"
        assert results(place) == CONFINED


def test_the_unit_gives_objects_time_to_end_and_the_watchdog_more_than_a_start() -> None:
    service = unit()["Service"]
    grace = float(re.search(r"--grace (\d+)", service.one("ExecStart"))[1])  # type: ignore[index]
    assert service.seconds("TimeoutStopSec") > grace
    assert service.one("KillMode") == "mixed", "the service ends its workers itself"
    assert service.seconds("WatchdogSec") > ALIVE_SECONDS


def test_systemd_finds_no_mistake_in_the_unit_and_rates_it_well(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("this machine has no systemd-analyze")
    file = tmp_path / "slips.service"
    file.write_text(UNIT.read_text().replace("/opt/slips/bin/slips", "/bin/true"))
    for command in (["verify", str(file)], ["security", "--offline=true", "--threshold=20", str(file)]):
        done = subprocess.run(["systemd-analyze", *command], capture_output=True, text=True, timeout=GUARD)
        if "Unknown" in done.stderr or "unrecognized option" in done.stderr:
            pytest.skip(f"systemd is too old: {done.stderr.strip()}")
        assert done.returncode == 0, done.stdout + done.stderr


# ---- containers


def test_the_container_runs_as_another_user_on_read_only_files_and_says_its_health() -> None:
    user = instruction("USER").partition(":")[0]
    assert int(user) > 0
    port = free_port()
    with sandbox() as place:
        project(place)
        variables = dict(pair.split("=", 1) for pair in shlex.split(instruction("ENV")))
        assert variables["SLIPS_CONFIG"] == "/etc/slips/slips.yml"
        environment = {"PATH": f"{SLIPS.parent}:{os.environ['PATH']}", **variables}
        environment["SLIPS_CONFIG"] = place.inside(place.root / "slips.yml")
        command = [*json.loads(instruction("ENTRYPOINT")), *json.loads(instruction("CMD"))]
        command[command.index("--metrics") + 1] = f"127.0.0.1:{port}"
        check = json.loads(instruction("HEALTHCHECK").partition(" CMD ")[2])
        assert check[0] == "python"
        check = [sys.executable, *(word.replace("9464", str(port)) for word in check[1:])]
        assert subprocess.run(check, capture_output=True, timeout=GUARD).returncode != 0, "nothing runs yet"
        with running(place, [str(SLIPS), *command[1:]], environment, 1024) as process:
            eventually(lambda: is_done(port, process), "the object was not done")
            assert subprocess.run(check, capture_output=True, timeout=GUARD).returncode == 0
            stop(process)
        assert results(place) == CONFINED


def test_the_container_file_copies_what_is_there_and_pins_what_it_installs() -> None:
    names = {name for name, _ in container()}
    assert {"FROM", "USER", "VOLUME", "HEALTHCHECK", "STOPSIGNAL"} <= names
    copied = {word for name, rest in container() if name == "COPY" for word in rest.split()[:-1]}
    assert {each for each in copied if not (CONTAINER / each).exists()} == {"requirements.txt"}
    commands = [rest for name, rest in container() if name == "RUN" and "pip install" in rest]
    assert ["--require-hashes" in commands[0], "--no-deps" in commands[1]] == [True, True]
    order = [name for name, _ in container()]
    assert order.index("USER") < order.index("ENTRYPOINT")
    assert [instruction("STOPSIGNAL"), json.loads(instruction("VOLUME"))] == ["SIGTERM", ["/var/lib/slips"]]


def test_the_example_of_compose_keeps_the_container_confined() -> None:
    (service,) = yaml.safe_load((CONTAINER / "compose.yml").read_text())["services"].values()
    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
    assert (CONTAINER / service["build"]["dockerfile"]).is_file(), "Docker looks for a Dockerfile by itself"
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    grace = int(json.loads(instruction("CMD"))[2])
    assert int(service["stop_grace_period"].removesuffix("s")) > grace


def test_the_config_of_the_container_is_right_and_its_handler_is_one() -> None:
    config = load(CONTAINER / "slips.yml")
    assert str(config.state_directory) == "/var/lib/slips"
    loader = HandlerLoader(config, lambda args: lambda: args)
    (spec,) = config.handlers
    assert [each.__name__ for each in loader.handlers_of(spec)] == ["Levels"]
