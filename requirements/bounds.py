"""Runs the smoke part of the tests with the lowest or the newest versions that pyproject.toml allows.

`python requirements/bounds.py lowest|newest` makes an environment of the Python that runs it, with slips and no test
tools but those that the smoke part needs. Ends with status 1 if a version is another than its bound says.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

from uv import find_uv_bin

ROOT = Path(__file__).parents[1]
RESOLUTIONS = {"lowest": "lowest-direct", "newest": "highest"}
TOOLS = ("pytest", "pytest-xdist", "hypothesis", "psutil")


def bounds() -> dict[str, str]:
    """The lower bounds of what slips needs on this Python: `{"boto3": "1.36.0"}`."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    found = [re.fullmatch(r"([\w.-]+)>=([\d.]+)(?: ; python_version < '3\.(\d+)')?", one) for one in declared]
    wrong = [text for text, one in zip(declared, found, strict=True) if one is None]
    if wrong:
        raise SystemExit(
            f"pyproject.toml: {wrong}; expected 'NAME>=VERSION', for some Pythons perhaps; teach bounds.py"
        )
    return {
        one[1].replace(".", "-").lower(): one[2]
        for one in found
        if one and (one[3] is None or sys.version_info < (3, int(one[3])))
    }


def lifted(installed: dict[str, str]) -> list[str]:
    """Libraries that are installed in another version than their bound: it is not to be had, or one asks for more."""
    return [
        f"{name}>={bound}: {installed.get(name)} was installed"
        for name, bound in bounds().items()
        if _numbers(installed.get(name, "")) != _numbers(bound)
    ]


def _numbers(version: str) -> list[int]:
    numbers = [int(number) for number in re.findall(r"\d+", version)]
    while numbers and numbers[-1] == 0:  # 6.0.0 is 6.0
        numbers.pop()
    return numbers


def main(which: str) -> int:
    environment = ROOT / f".venv-bounds-{which}"
    python = str(environment / "bin" / "python")

    def uv(*arguments: str) -> str:
        command = [find_uv_bin(), "--quiet", *arguments]
        done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, encoding="utf-8")  # noqa: S603 - uv
        return done.stdout

    uv("venv", "--clear", "--python", sys.executable, str(environment))
    uv("pip", "install", "--python", python, "--resolution", RESOLUTIONS[which], "--editable", ".")
    uv("pip", "install", "--python", python, "--constraints", "requirements/test.txt", *TOOLS)
    listed = json.loads(uv("pip", "list", "--python", python, "--format", "json"))
    installed = {one["name"].replace(".", "-").lower(): one["version"] for one in listed}
    print(
        f"{which} with Python {sys.version.split()[0]}:",
        *(f"{name}=={installed[name]}" for name in bounds()),
        flush=True,
    )
    if which == "lowest" and (wrong := lifted(installed)):
        print("bounds that are not what is lowest:", *wrong, sep="\n")
        return 1
    files = [str(path) for path in sorted((ROOT / "tests").glob("test_*.py")) if "mark.smoke" in path.read_text()]
    # Of a test of many cases, as formats are, some show what a library does.
    command = [python, "-m", "pytest", "-n", "2", "-m", "smoke", "--every", "8", "--hypothesis-profile=few", *files]
    return subprocess.run(command, cwd=ROOT, check=False).returncode  # noqa: S603 - the environment made above


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
