"""Loads a config file, a text or a deployed package as a `Config`. Raises ConfigError with every mistake.

The functions on AWS read a config that was checked before it was packaged: importing this module must not import YAML.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from slips.config.schema import Config
from slips.errors import ConfigError

if TYPE_CHECKING:
    from slips.config.problems import Problem, Where

PACKAGED = "slips-config.json"
"""The checked Config in the root of a deployed package."""


def load(path: Path | str) -> Config:
    """Read the config in the file `path`. Raises ConfigError with every mistake in the file."""
    return load_with_notes(path)[0]


def load_with_notes(path: Path | str) -> tuple[Config, list[Problem]]:
    """Read a config as `load` does. Returns the warnings, too, about texts of which YAML made other values."""
    from slips.config.check import check

    config, problems = check(read(path), str(path))
    return _config_of(config, problems), [problem for problem in problems if problem.is_altered]


def load_partly(path: Path | str, needs: Sequence[Where]) -> tuple[Config, int]:
    """Read the config in a file in which only the values at `needs` must be right, such as `("backend", "embedded")`.

    Returns the number of mistakes, too; keys that have them have their defaults. Raises ConfigError with every mistake
    in what is needed.
    """
    from slips.config.check import check_partly

    config, mistakes = check_partly(read(path), str(path), needs)
    return _config_of(config, mistakes), len(mistakes)


def parse(text: str, file: str = "slips.yml") -> Config:
    """Read the config in `text`; the files that it names need not exist. Raises ConfigError like `load`."""
    from slips.config.check import check

    return _config_of(*check(text, file, files=False))


def read_packaged(directory: Path) -> Config:
    """Read the config in a deployed package, unpacked in `directory`. `deploy` has checked it."""
    import msgspec

    config = msgspec.json.decode((directory / PACKAGED).read_bytes(), type=Config)
    return msgspec.structs.replace(config, file=str(directory / "slips.yml"))


def read(path: Path | str) -> str:
    """Read the text of a config file. Raises ConfigError if it cannot be read or is not UTF-8."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ConfigError([f"{path}: {reason}; expected the configuration; 'slips init' writes an example"]) from None
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        byte = data[error.start]
        raise ConfigError([f"{path}:{line}: byte 0x{byte:02x} is not UTF-8; expected UTF-8; save it as that"]) from None


def _config_of(config: Config | None, problems: Sequence[Problem]) -> Config:
    if config is None:
        raise ConfigError([str(problem) for problem in problems if problem.level == "error"])
    return config
