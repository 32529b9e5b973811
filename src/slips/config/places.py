"""Finds the lines of ARNs in the file of a checked config, for the error texts of `deploy`: a Config has no lines."""

from __future__ import annotations

from slips.config.declared import type_of
from slips.config.load import read
from slips.config.nodes import UnreadableError, compose
from slips.config.problems import Problems
from slips.config.schema import Config
from slips.config.values import Values
from slips.errors import ConfigError


def places_of_arns(config: Config) -> dict[str, str]:
    """Return the place of each ARN, such as `slips.yml:11`; {} if the file cannot be read any more."""
    problems = Problems(config.file_name)
    values = Values(problems, lambda _name: None)
    try:
        values.read(compose(read(config.file)), type_of(Config), ())
    except (ConfigError, UnreadableError):
        return {}
    found = {**{where: arn for where, (arn, _) in values.arns.items()}, **values.placeholders}
    return {arn: f"{config.file_name}:{problems.line(where)}" for where, arn in found.items()}
