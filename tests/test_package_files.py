"""Promises of the package about the user's files, and whether they can run."""

from __future__ import annotations

import io
import os
import re
import socket
import unicodedata
import zipfile
from pathlib import Path

import pytest

from packages import CONFIG, HANDLER, Project, cached, project, stand_ins, wheel, wheels
from slips.config import PACKAGED
from slips.deploy import package
from slips.deploy.package import LEFT_OUT_NAMED, build
from slips.errors import UsageError

__all__ = ["cached", "project", "stand_ins", "wheels"]


# ---- the user's files


@pytest.mark.slow
def test_all_below_the_directory_of_the_handler_goes_in_but_what_is_of_this_machine(cached: Project) -> None:
    for name in (
        "rules.yml",
        "data/words.csv",
        "deep/er/module.py",
        "pkg/__init__.py",
        "naïve.py",
        "empty",
        "tests/t.py",
    ):
        cached.write(f"src/{name}")
    for name in (
        *(".env", ".git/config", ".hidden/a.py", "__pycache__/a.pyc", "old.pyc", "node_modules/a/b.js"),
        *("venv/pyvenv.cfg", "venv/lib/a.py", "deep/env/pyvenv.cfg", "logs/a.json"),
    ):
        cached.write(f"src/{name}")
    cached.write("src/prod.yml", "# of another stack\nstack_name: prod\n")
    for name in ("README.md", "other/a.py", "state/db"):
        cached.write(name)
    assert cached.names() == {
        *("src/handler.py", "src/rules.yml", "src/data/words.csv", "src/deep/er/module.py", "src/pkg/__init__.py"),
        *("src/naïve.py", "src/empty", "src/tests/t.py"),
    }


SECRETS = (
    *("id_rsa", "ID_RSA", "id_ed25519.pub", "server.pem", "a.P12", "tls.key", "credentials", "Credentials.JSON"),
    *(".netrc", "terraform.tfstate", "terraform.tfstate.backup", "secrets.yaml", "prod.env", ".env"),
    *("users.db", "users.sqlite3", "users.sqlite-wal", "old.mdb"),
    *("handler.py~", ".handler.py.swp", "handler.py.bak", "handler.py.orig", "#notes.txt#"),
)


def test_files_that_look_like_secrets_are_left_out_and_named(cached: Project) -> None:
    for name in SECRETS:
        cached.write(f"src/{name}", "secret")
        cached.write(f"src/deep/er/{name}", "secret")
    for name in ("secrets.py", "credentials.py", "key.py", "deep/public.txt", "keys/a.txt", "monkey", ".hidden"):
        cached.write(f"src/{name}")
    assert cached.names() == {
        f"src/{name}"
        for name in ("handler.py", "secrets.py", "credentials.py", "key.py", "deep/public.txt", "keys/a.txt", "monkey")
    }
    (said,) = [line for line in cached.said if line.startswith("left out: ")]
    names = sorted(f"src/{folder}{name}" for name in SECRETS for folder in ("", "deep/er/"))
    assert said == (
        f"left out: {', '.join(names)}: like secrets, databases or leftovers of editors; name in 'handler.include' "
        "what the handler needs"
    )
    said_by_check: list[str] = []
    package.check(cached.config(), said_by_check.append)
    assert said_by_check == [said]


def test_files_that_the_config_includes_go_in_and_excluded_ones_stay_out(cached: Project) -> None:
    for name in (
        *("certs/ca.pem", "certs/ca.key", "other.pem", "geo.db", "deep/geo.db", ".netrc", ".env", ".git/geo.db"),
        *("tests/test_a.py", "tests/a.json", "deep/tests/b.py", "big.csv", "small.csv", "data/big.csv", "lib/a/b.txt"),
    ):
        cached.write(f"src/{name}")
    cached.write(
        "slips.yml",
        CONFIG.replace(
            "handler:\n",
            "handler:\n  include: [certs/*.pem, geo.db, ./.netrc]\n  exclude: [tests, ./big.csv, lib/a/]\n",
        ),
    )
    assert cached.names() == {
        f"src/{name}"
        for name in ("handler.py", "certs/ca.pem", "geo.db", "deep/geo.db", ".netrc", "small.csv", "data/big.csv")
    }
    (said,) = [line for line in cached.said if line.startswith("left out: ")]
    assert said.startswith("left out: src/.env, src/certs/ca.key, src/other.pem: ")


def test_many_files_that_are_left_out_are_counted(cached: Project) -> None:
    for number in range(LEFT_OUT_NAMED + 1_000):
        cached.write(f"src/{number:04}.bak")
    made = cached.build()
    (said,) = [line for line in cached.said if line.startswith("left out: ")]
    assert "src/0049.bak and 1,000 more: " in said
    assert "src/0050.bak" not in said
    assert made.left_out == [f"src/{number:04}.bak" for number in range(LEFT_OUT_NAMED + 1_000)]  # for programs all


def test_beside_the_config_only_files_and_importable_packages_go_in(cached: Project) -> None:
    cached.write("slips.yml", CONFIG.replace("src/handler.py", "handler.py").replace("src/logs", "logs"))
    cached.write("handler.py", HANDLER)
    for name in ("rules.csv", "lib/__init__.py", "lib/sub/a.txt", "docs/a.md", "logs/__init__.py"):
        cached.write(name)
    cached.write("staging.yaml", "stack_name: staging\n")
    assert cached.names() == {"handler.py", "rules.csv", "lib/__init__.py", "lib/sub/a.txt"}


def test_formats_of_ones_own_go_in_with_what_is_around_them(cached: Project) -> None:
    text = CONFIG.replace("[s3-lines, json]", "[s3-lines, 'formats/door.py:door', 'beside.py:x']")
    door = (
        "from slips.format import parser\n"
        "@parser('door', summary='s', reference='r', takes='text')\ndef door(meta, text): return {}\n"
        "@parser('x', summary='s', reference='r')\ndef x(meta, event): return event\n"
    )
    for name in ("formats/door.py", "beside.py"):
        cached.write(name, door)
    for name in ("formats/table.csv", "formats/sub/a.py", "helper.py", "private.txt", "lib/__init__.py"):
        cached.write(name)
    cached.write("slips.yml", text)
    assert cached.names() == {
        *("src/handler.py", "formats/door.py", "formats/table.csv", "formats/sub/a.py", "beside.py", "helper.py"),
    }


def test_links_inside_the_project_are_followed(cached: Project) -> None:
    cached.write("common/a.py", "here")
    (cached.root / "src/common").symlink_to("../common")
    (cached.root / "src/b.py").symlink_to(cached.root / "common" / "a.py")
    made = zipfile.ZipFile(io.BytesIO(cached.build().data))
    assert made.read("src/common/a.py") == made.read("src/b.py") == b"here"


def test_files_that_package_wrote_for_other_tools_stay_out(cached: Project) -> None:
    cached.write("src/build/slips-package.json", "{}")
    cached.write("src/build/slips_stack.py")
    cached.write("src/builder/a.py")
    assert cached.names() == {"src/handler.py", "src/builder/a.py"}


def test_sockets_and_pipes_stay_out(cached: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(cached.root / "src" / "z-pipe")  # behind the socket: to read it would hang
    monkeypatch.chdir(cached.root / "src")  # names of sockets are short
    with socket.socket(socket.AF_UNIX) as one:
        one.bind("socket")
        assert cached.names() == {"src/handler.py"}


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("/etc/hostname", "leads to /etc/hostname, out of the project; expected a target below {root}; copy it there"),
        ("nothing", "there is no {root}/src/nothing; expected a file of the project; mend the path or the link"),
        ("../.env", "leads to {root}/.env; what has a '.' in front of its name never goes into a package; rename it"),
        (".", "a link to a directory that it lies in; expected an end; remove it"),
    ],
)
def test_links_that_lead_astray_are_named(cached: Project, target: str, said: str) -> None:
    cached.write(".env")
    (cached.root / "src/link").symlink_to(target)
    assert said.format(root=cached.root) in cached.refused()
    assert f"{cached.root}/src/link: " in cached.refused()


def test_links_in_a_circle_are_named(cached: Project) -> None:
    (cached.root / "src/a/b").mkdir(parents=True)
    (cached.root / "src/a/b/back").symlink_to("../../a")
    said = "a link to a directory that it lies in; expected an end; remove it"
    assert cached.refused() == f"{cached.root}/src/a/b/back: {said}"


def test_a_handler_outside_of_the_project_is_refused(cached: Project) -> None:
    outside = cached.root.parent / "handler.py"
    outside.write_text(HANDLER)
    cached.write("slips.yml", CONFIG.replace("src/handler.py", "../handler.py"))
    expected = f"'../handler.py'; expected a path below {cached.root}, which is packaged; move it there"
    assert cached.refused() == f"handler.path: {expected}"
    (cached.root / "out").symlink_to(cached.root.parent)
    cached.write("slips.yml", CONFIG.replace("src/handler.py", "out/handler.py"))
    assert cached.refused().startswith(f"handler.path: 'out/handler.py': leads to {outside}, out of the project")
    cached.write(".src/handler.py", HANDLER)
    cached.write("slips.yml", CONFIG.replace("src/handler.py", ".src/handler.py"))
    assert "never goes into a package" in cached.refused()


@pytest.mark.parametrize("name", ["caf\udce9.py", unicodedata.normalize("NFD", "é.py")])
def test_names_that_differ_between_systems_are_refused(cached: Project, name: str) -> None:
    cached.write(f"src/{name}")
    assert "; expected a name that is alike everywhere; rename it" in cached.refused()


def test_files_that_cannot_be_read_are_named(cached: Project) -> None:
    path = cached.write("src/gone.txt")
    expected = rf"^{path}: no such file or directory; expected files for the package; make it readable$"
    with pytest.raises(UsageError, match=expected):
        build(
            cached.config(), lambda _: path.unlink(missing_ok=True), pins=cached.pins
        )  # while dependencies are installed


@pytest.mark.parametrize(
    ("name", "hidden", "whose"),
    [
        ("msgspec.py", "msgspec", "which the package needs"),
        ("isal/__init__.py", "isal", "which the package needs"),
        ("slips.py", "slips", "which the package needs"),
        ("boto3.py", "boto3", "which the functions need"),
        ("json.py", "json", "of Python itself"),
        ("queue/__init__.py", "queue", "of Python itself"),
        (PACKAGED, PACKAGED, "which the package needs"),
    ],
)
def test_files_that_would_hide_others_are_refused(cached: Project, name: str, hidden: str, whose: str) -> None:
    cached.write("slips.yml", CONFIG.replace("src/handler.py", "handler.py"))
    cached.write("handler.py", HANDLER)
    cached.write(name)
    top = name.partition("/")[0]
    assert cached.refused() == (
        f"{top}: would hide '{hidden}', {whose}; expected another name; rename it or move it into a directory"
    )


def test_the_schema_for_editors_beside_a_handler_is_not_packed(cached: Project) -> None:
    cached.write("slips.yml", CONFIG.replace("src/handler.py", "handler.py"))
    cached.write("handler.py", HANDLER)
    cached.write("slips.schema.json", "{}")
    cached.write("other.json", "{}")
    assert cached.names() == {"handler.py", "other.json"}


def test_a_directory_called_slips_is_refused_and_one_like_a_module_of_python_is_not(cached: Project) -> None:
    cached.write("slips.yml", CONFIG.replace("src/handler.py", "email/handler.py"))
    cached.write("email/handler.py", HANDLER)
    assert cached.names() == {"email/handler.py"}
    cached.write("slips.yml", CONFIG.replace("src/handler.py", "slips/handler.py"))
    cached.write("slips/handler.py", HANDLER)
    assert "slips: would hide 'slips'" in cached.refused()


# ---- whether it can run


def test_files_that_are_no_python_are_told_all_at_once_with_their_lines(cached: Project) -> None:
    cached.write("src/a.py", "x = 1\ndef (:\n")
    cached.write("src/deep/b.py", "return 1\n")
    cached.write("src/handler.py", HANDLER + "x = (\n")
    found = sorted(line.partition(";")[0] for line in cached.refused().splitlines())
    assert found == [
        f"{cached.root}/src/a.py:2: invalid syntax",
        f"{cached.root}/src/deep/b.py:1: 'return' outside function",
        f"{cached.root}/src/handler.py:5: '(' was never closed",
    ]


@pytest.mark.parametrize(
    ("handler", "said"),
    [
        ("class H:\n    def recv(self, meta, event): ...\n", "handler.py: no class derived from"),
        (HANDLER + "1 / 0\n", "handler.py:5: importing the handler raised ZeroDivisionError"),
        ("import slips.interface\n\nclass H(slips.interface.Handler): ...\n", "H lacks recv"),
        ("import acme\n" + HANDLER, "handler.py:1: importing the handler raised ModuleNotFoundError"),
    ],
)
def test_a_handler_that_cannot_run_is_refused(cached: Project, handler: str, said: str) -> None:
    cached.write("src/handler.py", handler)
    assert said in cached.refused()
    with pytest.raises(UsageError, match=re.escape(said)):
        package.check(cached.config(), cached.said.append)


def test_prints_of_the_import_of_a_handler_are_no_output(cached: Project, capsys: pytest.CaptureFixture[str]) -> None:
    cached.write("src/handler.py", HANDLER + "print('hello')\n")
    cached.build()
    assert capsys.readouterr() == ("", "hello\n")


@pytest.mark.once
@pytest.mark.slow
def test_a_handler_may_need_what_only_the_functions_have(project: Project, wheels: Path) -> None:
    wheel(wheels, "acme.tools", files={"acme.py": ""})
    project.require("acme.tools\n")
    project.write("src/handler.py", "import acme.parts\n" + HANDLER)
    package.check(project.config(), project.said.append)
    assert "where 'acme' is not installed" in project.said[-1]
    assert "acme.py" in project.names()
    project.write("src/handler.py", "import acme\n")
    assert "no class derived from slips.interface.Handler" in project.refused()
    project.write("src/handler.py", "import acmes\n" + HANDLER)
    told = project.refused()
    assert "named 'acmes'; expected a file beside the handler, or a package" in told
    assert told.count("expected") == 1


def test_a_handler_may_need_what_a_layer_brings(cached: Project) -> None:
    cached.write("src/handler.py", "import acme\n" + HANDLER)
    assert "expected a file beside the handler" in cached.refused()
    with pytest.raises(UsageError) as told:
        package.check(cached.config(), cached.said.append)
    assert str(told.value).count("expected") == 1
    layer = "arn:aws:lambda:us-east-1:123456789012:layer:acme:1"
    cached.write("slips.yml", CONFIG.replace("handler:\n", f"handler:\n  layers: ['{layer}']\n"))
    cached.build()
    assert cached.said[-1] == (
        "src/handler.py: not imported here, where 'acme' is not installed; one of handler.layers must have it"
    )
    package.check(cached.config(), cached.said.append)


def test_settings_that_only_deploy_reads_change_no_code(cached: Project) -> None:
    before = cached.build().key
    rights = """\
  layers: ["arn:aws:lambda:us-east-1:123456789012:layer:acme:1"]
  policies: [{actions: s3:PutObject, resources: "arn:aws:s3:::out/*"}]
  tracing: true
"""
    stack = "tags: {team: a}\npermissions_boundary: arn:aws:iam::123456789012:policy/Boundary\n"
    cached.write("slips.yml", stack + CONFIG.replace("handler:\n", f"handler:\n{rights}"))
    assert cached.build().key == before
