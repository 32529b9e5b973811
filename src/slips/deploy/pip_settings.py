"""Translates pip's settings for uv, so that machines with a package index of their own need no second set of settings.

In: pip's variables (`PIP_INDEX_URL`) and configuration files. Out: what to add to uv's environment and command. If the
environment already has uv's variable for the same purpose, pip's setting is ignored.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from configparser import Error, RawConfigParser
from pathlib import Path

from msgspec import Struct

from slips.errors import UsageError

_VARIABLES = {
    "index-url": ("UV_DEFAULT_INDEX", "UV_INDEX_URL"),
    "extra-index-url": ("UV_INDEX", "UV_EXTRA_INDEX_URL"),
    "find-links": ("UV_FIND_LINKS",),
    "trusted-host": ("UV_INSECURE_HOST",),
    "cert": ("SSL_CERT_FILE",),
    "client-cert": ("SSL_CLIENT_CERT",),
    "proxy": ("ALL_PROXY", "HTTPS_PROXY", "https_proxy", "all_proxy"),
    "timeout": ("UV_HTTP_TIMEOUT", "UV_REQUEST_TIMEOUT", "HTTP_TIMEOUT"),
    "default-timeout": ("UV_HTTP_TIMEOUT", "UV_REQUEST_TIMEOUT", "HTTP_TIMEOUT"),
    "retries": ("UV_HTTP_RETRIES",),
}
"""Settings of pip, each with uv's variable and with others that mean the same.
https://pip.pypa.io/en/stable/topics/configuration/ and https://docs.astral.sh/uv/reference/environment/"""
ALIKE = "unsafe-best-match"
"""uv's word for pip's way with several indexes: the best version of all counts. uv's own is the first that has any."""
_PATHS = ("find-links", "cert", "client-cert")
_FALSE = ("", "n", "no", "f", "false", "off", "0")


class PipSettings(Struct, frozen=True):
    """pip's settings in uv's words."""

    variables: dict[str, str]
    options: list[str]


def translated(environ: Mapping[str, str], etc: Path = Path("/etc")) -> PipSettings:
    """Return uv's form of the settings that pip would use in `environ`. Raises UsageError for a file that is broken."""
    settings: dict[str, str] = {}
    for path in _files(environ, etc):
        settings.update(_read(path))
    for name in (*_VARIABLES, "no-index"):
        if value := environ.get(f"PIP_{name.upper().replace('-', '_')}"):
            settings[name] = value
    variables = {
        names[0]: _value(setting, settings[setting])
        for setting, names in _VARIABLES.items()
        if setting in settings and not any(environ.get(name) for name in names)
    }
    if "UV_INDEX" in variables:
        variables["UV_INDEX_STRATEGY"] = environ.get("UV_INDEX_STRATEGY") or ALIKE
    no_index = settings.get("no-index", "").lower() not in _FALSE
    return PipSettings(variables, ["--no-index"] if no_index else [])


def _value(setting: str, value: str) -> str:
    """Return a value as uv reads it: lists are separated by spaces, but those of places to look in by commas."""
    parts = value.split() if setting not in ("cert", "client-cert") else [value]
    if setting in _PATHS:
        parts = [os.path.expanduser(part) for part in parts]  # noqa: PTH111 - may be a URL
    if setting == "find-links":  # pip passes over a missing directory, uv does not
        parts = [part for part in parts if ":" in part or Path(part).exists()]
    return ("," if setting == "find-links" else " ").join(parts)


def _files(environ: Mapping[str, str], etc: Path) -> Iterator[Path]:
    """Yield the paths of pip's files, those that win last."""
    named = environ.get("PIP_CONFIG_FILE", "")
    if named == os.devnull:
        return
    home, is_mac = Path(environ.get("HOME") or Path.home()), sys.platform == "darwin"
    if is_mac:
        yield Path("/Library/Application Support/pip/pip.conf")
    else:
        yield from (Path(one) / "pip/pip.conf" for one in (environ.get("XDG_CONFIG_DIRS") or f"{etc}/xdg").split(":"))
    yield etc / "pip.conf"
    yield home / ".pip/pip.conf"
    support = home / "Library/Application Support/pip"
    config = Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "pip"
    yield (support if is_mac and support.is_dir() else config) / "pip.conf"
    yield Path(sys.prefix) / "pip.conf"
    if named:
        yield Path(named)


def _read(path: Path) -> dict[str, str]:
    """Return the settings of a file. Those of `[install]` win over those of `[global]`."""
    parser = RawConfigParser()
    try:
        parser.read(path, encoding="utf-8")
    except (Error, UnicodeDecodeError) as error:
        lines = [number for number, _ in getattr(error, "errors", [])] or [getattr(error, "lineno", None)]
        where = f"{path}:{lines[0]}" if lines[0] else str(path)
        # Without the line itself, which may hold a password.
        raise UsageError(
            f"{where}: no setting as pip reads it; expected 'name = value' below '[global]' or '[install]'; mend it"
        ) from None
    except OSError:
        return {}  # as in pip: files that cannot be read count as missing
    return {
        setting.replace("_", "-"): value
        for section in ("global", "install")
        if parser.has_section(section)
        for setting, value in parser.items(section)
    }
