"""Parameter Store and Secrets Manager: what placeholders in `handler.args` stand for, asked for where the code runs."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from slips import secrets
from slips.backends.aws.clients import Clients, reason
from slips.backends.aws.refusals import explained
from slips.errors import UsageError
from slips.secrets import Reference


def resolve_args(args: dict[str, Any], clients: Clients) -> dict[str, Any]:
    """`handler.args` with their secrets. Each is asked for once. Raises UsageError, which never holds a secret."""

    @cache
    def fetch(reference: Reference) -> Any:
        return _fetch(reference, clients)

    with _silenced():
        resolved: dict[str, Any] = secrets.resolve(args, fetch)
    return resolved


@contextmanager
def _silenced() -> Iterator[None]:
    """At DEBUG botocore logs each answer, and here the secret is in it."""
    logger = logging.getLogger("botocore")
    level = logger.level
    logger.setLevel(max(level, logging.INFO))
    try:
        yield
    finally:
        logger.setLevel(level)


def _fetch(reference: Reference, clients: Clients) -> Any:
    where = f"handler.args: {{{{{reference.service}:{reference.id}}}}}"
    try:
        if reference.service == "ssm":
            return clients.ssm.get_parameter(Name=reference.id, WithDecryption=True)["Parameter"]["Value"]
        text = clients.secretsmanager.get_secret_value(SecretId=reference.id).get("SecretString")
    except (ClientError, BotoCoreError) as error:
        raise UsageError(
            explained(error, where, reference.service)
            or f"{where}: {reason(error)}; expected a secret that this role may read"
        ) from error
    if text is None:
        raise UsageError(f"{where}: is binary; expected a text, or a JSON object")
    if reference.key is None:
        return text
    try:
        known = json.loads(text)
    except ValueError:
        known = None
    if not isinstance(known, dict) or reference.key not in known:
        raise UsageError(f"{where}: has no key {reference.key!r}; expected a JSON object that has it") from None
    return known[reference.key]
