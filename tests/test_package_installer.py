"""Promises of the install by uv: which wheels fit, what it says meanwhile, and how it ends."""

from __future__ import annotations

import functools
import http.server
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from packages import Project, cached, project, stand_ins, wheel, wheels
from slips.deploy.installer import OWN, Installer, Platform
from slips.deploy.requirement_files import without_credentials
from slips.errors import UsageError

__all__ = ["cached", "project", "stand_ins", "wheels"]
pytestmark = [pytest.mark.once, pytest.mark.slow]


def configure(project: Project, runtime: str, architecture: str) -> None:
    text = (project.root / "slips.yml").read_text()
    settings = f"handler:\n  runtime: {runtime}\n  architecture: {architecture}\n"
    project.write("slips.yml", text.replace("handler:\n", settings))


# ---- wheels


@pytest.mark.parametrize(
    ("runtime", "architecture", "fits", "other"),
    [
        ("python3.11", "x86_64", "manylinux_2_26_x86_64", "manylinux_2_28_x86_64"),
        ("python3.11", "arm64", "manylinux2014_aarch64", "manylinux_2_27_aarch64"),
        ("python3.12", "arm64", "manylinux_2_34_aarch64", "manylinux_2_35_aarch64"),
        ("python3.14", "x86_64", "manylinux_2_34_x86_64", "manylinux_2_34_aarch64"),
        ("python3.13", "x86_64", "manylinux_2_5_x86_64", "musllinux_1_2_x86_64"),
    ],
)
def test_wheels_fit_the_c_library_and_the_processor_of_the_runtime(
    project: Project, wheels: Path, runtime: str, architecture: str, fits: str, other: str
) -> None:
    wheel(wheels, "acme", "1.0", tag=f"py3-none-{fits}")
    wheel(wheels, "acme", "2.0", tag=f"py3-none-{other}")
    project.require("acme\n")
    configure(project, runtime, architecture)
    if (runtime, fits) == ("python3.11", "manylinux_2_26_x86_64"):  # uv cannot be told of 2.26
        assert project.refused() == (
            "requirements.txt: 'acme' 2.0 is built for another system (py3-none-manylinux_2_28_x86_64); expected what "
            "runs with glibc 2.26 on x86_64, which python3.11 on x86_64 has; take an older version of it, or another "
            "'handler.runtime'"
        )
        project.write("requirements.txt", "acme==1.0\n")
    project.build()
    assert "  acme==1.0" in project.said
    project.write("requirements.txt", "acme==2.0\n")
    assert other in project.refused()


def test_a_wheel_made_for_several_systems_is_taken_if_one_fits(project: Project, wheels: Path) -> None:
    made = wheel(wheels, "acme", tag="cp311-cp311-manylinux_2_24_x86_64\nTag: cp311-cp311-manylinux_2_28_x86_64")
    made.rename(wheels / "acme-1.0-cp311-cp311-manylinux_2_24_x86_64.manylinux_2_28_x86_64.whl")
    project.require("acme\n")
    configure(project, "python3.11", "x86_64")
    assert "acme/__init__.py" in project.names()


@pytest.mark.parametrize("line", ["{name}", "mylib @ {name}", "./lib[extra]", "mylib @ file://{root}/lib"])
def test_what_is_built_from_a_directory_is_of_its_files_now(project: Project, line: str) -> None:
    project.write("lib/pyproject.toml", "[project]\nname = 'mylib'\nversion = '1.0'\n[build-system]\nrequires = []\n")
    backend = "build-backend = 'back'\nbackend-path = ['.']\n"
    project.write("lib/pyproject.toml", (project.root / "lib/pyproject.toml").read_text() + backend)
    project.require(line.format(name="./lib", root=project.root) + "\n")
    keys = set()
    for text in ("one", "three"):  # of other lengths: Python tells a file of the same second by its size
        project.write("lib/back.py", BACKEND.format(text=text))
        keys.add(project.build().key)
    assert len(keys) == 2


BACKEND = """\
import zipfile

METADATA = "Metadata-Version: 2.1\\nName: mylib\\nVersion: 1.0\\n"
WHEEL = "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"

def build_wheel(directory, settings=None, metadata=None):
    with zipfile.ZipFile(f"{{directory}}/mylib-1.0-py3-none-any.whl", "w") as archive:
        archive.writestr("mylib.py", "{text}")
        for name, content in (("METADATA", METADATA), ("WHEEL", WHEEL), ("RECORD", "")):
            archive.writestr(f"mylib-1.0.dist-info/{{name}}", content)
    return "mylib-1.0-py3-none-any.whl"
"""


@pytest.mark.parametrize("line", ["./lib", "git+https://127.0.0.1:9/lib.git@v1"])
def test_what_is_built_needs_a_name(project: Project, line: str) -> None:
    project.write("lib/setup.py")
    project.require(f"# ours\n{line}\n")
    assert project.refused() == (
        f"requirements.txt:2: '{line}' has no name; expected one for what is built here; write 'NAME @ {line}', or, "
        "for a directory, 'name' in [project] of its pyproject.toml"
    )


# ---- what the functions need of boto3


@pytest.mark.parametrize("name", ["boto3", "botocore"])
def test_a_boto3_too_old_for_the_functions_is_refused_with_its_line(project: Project, wheels: Path, name: str) -> None:
    wheel(wheels, name, "1.26.165")
    project.require("-r more.txt\n")
    project.write("more.txt", f"# AWS\n\n{name.upper()} < 2  # old\n")
    assert re.fullmatch(
        rf"more.txt:3: {name} 1.26.165 is too old for the functions; expected 1\.\d+\.\d+ or newer; require "
        rf"'{name}>=1\.\d+\.\d+', or remove it, as Lambda's runtime has one",
        project.refused(),
    )


def test_a_botocore_too_old_names_the_requirement_and_the_line_that_bring_it(project: Project, wheels: Path) -> None:
    wheel(wheels, "acme", requires=("Zeta_One>=1", "acme-extra; extra == 'all'"))
    wheel(wheels, "zeta-one", requires=("botocore<1.30,>=1.0; python_version > '3'",))
    wheel(wheels, "botocore", "1.29.76")
    project.require("\nacme\n")
    assert re.fullmatch(
        r"requirements.txt:2: botocore 1.29.76, which 'zeta-one' requires, is too old for the functions; expected "
        r"(1\.\d+\.\d+) or newer; require 'botocore>=\1'",
        project.refused(),
    )


def test_a_boto3_kept_from_before_is_judged_as_well(project: Project, wheels: Path, tmp_path: Path) -> None:
    wheel(wheels, "boto3", "2.0")
    project.require("boto3\n")
    project.build()
    (metadata,) = (tmp_path / "cache/slips/packages").glob("*/1/boto3-2.0.dist-info/METADATA")
    metadata.write_text(metadata.read_text().replace("Version: 2.0", "Version: 1.10"))
    assert project.refused().startswith("requirements.txt:1: boto3 1.10 is too old for the functions")


# ---- the index


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of an index that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/simple"


@pytest.mark.parametrize("place", ["variable", "file", "requirement", "unnamed"])
def test_credentials_of_an_index_are_in_no_text(project: Project, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    index = "http://aladdin:opensesame@127.0.0.1:9/simple"
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.setenv("PIP_INDEX_URL", index if place == "variable" else "http://127.0.0.1:9/simple")
    lines = {
        "variable": "acme",
        "file": f"--index-url {index}\nacme",
        "requirement": f"acme @ {index}/acme-1.0-py3-none-any.whl",
        "unnamed": f"{index}/acme.git#subdirectory=one",
    }
    project.require(f"{lines[place]}\n")
    refused = project.refused()
    assert "127.0.0.1:9" in refused
    assert "opensesame" not in refused
    assert "aladdin" not in refused
    assert not [line for line in project.said if "opensesame" in line]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("git+https://jo:p@ss@host/x.git@v1 is bad", "git+https://***@host/x.git@v1 is bad"),
        ("`x @ https://jo:pa/ss@host/x`", "`x @ https://***@host/x`"),
        ("url (https://host/x.whl?X-Amz-Signature=5ec)", "url (https://host/x.whl?***)"),
        ("https://token@host/x.zip?key=5ec#egg=x", "https://***@host/x.zip?***#egg=x"),
        (
            "https://host:8080/x.git@v1, x @ file:///home/jo@home/x",
            "https://host:8080/x.git@v1, x @ file:///home/jo@home/x",
        ),
    ],
)
def test_an_url_is_shown_without_what_may_be_secret(text: str, shown: str) -> None:
    assert without_credentials(text) == shown


@pytest.mark.parametrize("place", ["variable", "file"])
def test_of_several_indexes_the_best_version_counts_as_in_pip(
    project: Project, wheels: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    for name, number in (("main", "2.0"), ("more", "1.0")):
        made = wheel(wheels / name / "acme", "acme", number)
        (made.parent / "index.html").write_text(f'<a href="{made.name}">{made.name}</a>')
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", (wheels / "main").as_uri())
    more = (wheels / "more").as_uri()
    if place == "variable":
        monkeypatch.setenv("PIP_EXTRA_INDEX_URL", more)
    project.require("acme\n" if place == "variable" else f"--extra-index-url {more}\nacme\n")
    project.build()
    assert "  acme==2.0" in project.said
    monkeypatch.setenv("UV_INDEX_STRATEGY", "first-index")
    project.write("requirements.txt", (project.root / "requirements.txt").read_text() + "# again\n")
    project.build()
    assert "  acme==1.0" in project.said


@pytest.mark.parametrize(
    ("program", "said"),
    [
        (None, r"uv: \S+/uv does not start \(no such file or directory\); expected the program that slips requires; "),
        ("no program", r"uv: \S+/uv does not start \(.*format error\); expected the program that slips requires; "),
        (
            "#!/bin/sh\necho panicked >&2\nexit 101\n",
            r"slips' own .*: uv: ended with status 101 \(panicked\); expected 0",
        ),
    ],
)
def test_an_uv_that_does_not_work_is_told(project: Project, program: str | None, said: str) -> None:
    path = project.root / "uv"
    if program is not None:
        project.write("uv", program).chmod(0o755)
    installer = Installer(project.root, Platform("python3.13", "arm64"), [], project.said.append, uv=str(path))
    with pytest.raises(UsageError) as raised:
        installer.install(["-r", "none.txt"], project.root / "made", OWN)
    assert re.match(said, str(raised.value))


def test_large_downloads_are_told_while_they_last(
    project: Project, wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = wheel(project.root.parent / "served", "acme", files={"acme/data.bin": "x" * 2_000_000})
    project.write("page/index.html", f'<a href="{made.name}">{made.name}</a>').rename(made.parent / "index.html")
    handler = functools.partial(Quiet, directory=str(made.parent))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("PIP_FIND_LINKS", f"{wheels} http://127.0.0.1:{server.server_address[1]}/index.html")
        project.require("acme\n")
        project.build()
        server.shutdown()
    assert re.fullmatch(r"  Downloading acme \(1\.9\s?MiB\)", project.said[1])


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None: ...


def test_an_interrupt_ends_the_installer_too(project: Project, silent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", silent)
    project.require("acme\n")
    script = (
        "import sys; from slips.config import load; from slips.deploy.package import build; build(load(sys.argv[1]))"
    )
    command = [sys.executable, "-c", script, str(project.root / "slips.yml")]
    with subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True) as process:
        started = psutil.Process(process.pid)
        while not (children := started.children()):
            assert process.poll() is None
        process.send_signal(signal.SIGINT)  # to slips alone: a terminal would send it to both
        assert process.stderr
        assert b"KeyboardInterrupt" in process.stderr.read()
    gone, alive = psutil.wait_procs(children, timeout=300)
    assert gone
    assert not alive
