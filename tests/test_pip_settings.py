"""pip's settings that uv gets, so that a machine with a package index of its own needs no second set of settings."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from slips.deploy.pip_settings import PipSettings, translated
from slips.errors import UsageError

pytestmark = pytest.mark.once


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """An environment with a home of its own, without files of the machine that could be read as well."""
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "prefix"))
    monkeypatch.setattr(sys, "platform", "linux")
    return {"HOME": str(tmp_path / "home"), "XDG_CONFIG_DIRS": str(tmp_path / "xdg")}


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    """A directory for settings of all users."""
    return tmp_path / "etc"


def write(directory: str, name: str, text: str) -> None:
    path = Path(directory) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_variables_of_pip_become_those_of_uv(alone: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "home/wheels").mkdir(parents=True)
    given = {
        "PIP_INDEX_URL": "https://one/simple",
        "PIP_EXTRA_INDEX_URL": "https://two/simple  https://three/simple",
        "PIP_FIND_LINKS": f"{tmp_path}/home/wheels https://four/links",
        "PIP_TRUSTED_HOST": "one two:8080",
        "PIP_CERT": "/ca with space.pem",
        "PIP_CLIENT_CERT": "/client.pem",
        "PIP_PROXY": "http://proxy:3128",
        "PIP_DEFAULT_TIMEOUT": "90",
        "PIP_RETRIES": "2",
        "PIP_NO_INDEX": "true",
    }
    assert translated({**alone, **given, "PIP_CONFIG_FILE": os.devnull}) == PipSettings(
        {
            "UV_DEFAULT_INDEX": "https://one/simple",
            "UV_INDEX": "https://two/simple https://three/simple",
            "UV_INDEX_STRATEGY": "unsafe-best-match",
            "UV_FIND_LINKS": f"{tmp_path}/home/wheels,https://four/links",
            "UV_INSECURE_HOST": "one two:8080",
            "SSL_CERT_FILE": "/ca with space.pem",
            "SSL_CLIENT_CERT": "/client.pem",
            "ALL_PROXY": "http://proxy:3128",
            "UV_HTTP_TIMEOUT": "90",
            "UV_HTTP_RETRIES": "2",
        },
        ["--no-index"],
    )


def test_files_of_pip_are_read_and_the_closest_wins(alone: dict[str, str], etc: Path) -> None:
    home, system = alone["HOME"], alone["XDG_CONFIG_DIRS"]
    write(str(etc), "pip.conf", "[global]\nretries = 3\ntrusted-host = ours\n")
    write(system, "pip/pip.conf", "[global]\nindex-url = https://system\ntimeout = 1\nretries = 1\ncert = /system\n")
    write(home, ".config/pip/pip.conf", "[install]\ntimeout = 3\n[global]\ntimeout = 2\nretries = 2\n")
    write(sys.prefix, "pip.conf", "[global]\nretries: 4\nextra-index-url =\n    https://a\n    https://b\n")
    write(home, "named.conf", "[list]\nindex-url = https://other\n[global]\nfind_links = https://links\n")
    found = translated({**alone, "PIP_CONFIG_FILE": f"{home}/named.conf", "PIP_CERT": "/variable"}, etc)
    assert found.variables == {
        "UV_DEFAULT_INDEX": "https://system",
        "UV_HTTP_TIMEOUT": "3",
        "UV_HTTP_RETRIES": "4",
        "UV_INDEX": "https://a https://b",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_FIND_LINKS": "https://links",
        "UV_INSECURE_HOST": "ours",
        "SSL_CERT_FILE": "/variable",
    }
    assert translated({**alone, "PIP_CONFIG_FILE": os.devnull}) == PipSettings({}, [])


def test_a_setting_of_uv_wins_over_that_of_pip(alone: dict[str, str], etc: Path) -> None:
    for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL"):
        found = translated({**alone, "PIP_INDEX_URL": "https://pip", "PIP_RETRIES": "1", name: "https://uv"}, etc)
        assert found.variables == {"UV_HTTP_RETRIES": "1"}


def test_a_strategy_for_indexes_stays_as_it_is(alone: dict[str, str], etc: Path) -> None:
    given = {"PIP_EXTRA_INDEX_URL": "https://two", "UV_INDEX_STRATEGY": "first-index"}
    assert translated({**alone, **given}, etc).variables == {
        "UV_INDEX": "https://two",
        "UV_INDEX_STRATEGY": "first-index",
    }


@pytest.mark.parametrize("text", ["", "0", "false", "No", "off"])
def test_an_index_is_asked_unless_pip_would_ask_none(alone: dict[str, str], etc: Path, text: str) -> None:
    assert translated({**alone, "PIP_NO_INDEX": text}, etc).options == []


def test_a_missing_directory_of_wheels_is_passed_over_as_by_pip(
    alone: dict[str, str], etc: Path, tmp_path: Path
) -> None:
    found = translated({**alone, "PIP_FIND_LINKS": f"{tmp_path}/nowhere {tmp_path}"}, etc)
    assert found.variables == {"UV_FIND_LINKS": str(tmp_path)}


@pytest.mark.parametrize("text", ["# ours\nindex-url = https://token@one\n", "[global]\ntoken@one\n"])
def test_a_file_of_pip_that_is_broken_is_named_without_its_content(alone: dict[str, str], etc: Path, text: str) -> None:
    path = f"{alone['HOME']}/.config/pip/pip.conf"
    write(alone["HOME"], ".config/pip/pip.conf", text)
    with pytest.raises(UsageError) as raised:
        translated(alone, etc)
    assert str(raised.value) == (
        f"{path}:2: no setting as pip reads it; expected 'name = value' below '[global]' or '[install]'; mend it"
    )
