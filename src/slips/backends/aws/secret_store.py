"""Parameter Store and Secrets Manager: reads the secrets that placeholders in `handler.args` name, at run time."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from slips.backends.aws.answers import code, reason
from slips.backends.aws.clients import Clients
from slips.backends.aws.kms_keys import trouble_of
from slips.backends.aws.refusals import DENIED, explained
from slips.backends.aws.throttles import Backoff, seconds_from_now
from slips.config import secrets
from slips.config.secrets import Reference
from slips.errors import UsageError

GET_PARAMETERS = 10
"""Most names of one `GetParameters`."""
FIRST_SECONDS, AGAIN_SECONDS = 30.0, 3.0
"""Most seconds to wait while AWS throttles: for first values (many functions may start at once), and for later ones."""
RETRY_SECONDS = 60.0
"""Seconds after a failed read before secrets are read again."""

log = logging.getLogger("slips.secrets")


class SecretArgs:
    """`handler.args` with their secrets, which are read again when they are older than `max_age` seconds (0: never).

    If secrets cannot be read again, a warning is logged and the old values stay, as in AWS's own caches: a rotated
    secret then fails no more objects than without reading again.
    """

    def __init__(
        self,
        args: dict[str, Any],
        clients: Clients,
        *,
        max_age: float,
        left: Callable[[], float] | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Read the secrets. `left` returns the seconds that remain for that. Raises UsageError, never with a secret."""
        self._args, self._clients, self._max_age = args, clients, max_age
        self._clock, self._sleep = clock, sleep
        self._values = self._read(left or seconds_from_now(FIRST_SECONDS, clock))
        self._due = clock() + max_age

    def __call__(self) -> dict[str, Any]:
        """Return the args for the next object."""
        if self._max_age and self._clock() >= self._due:
            self._read_again()
        return self._values

    def _read_again(self) -> None:
        try:
            values = self._read(seconds_from_now(AGAIN_SECONDS, self._clock))
        except UsageError as error:
            log.warning("secrets cannot be read again, those of before stay in use: %s", error)
            self._due = self._clock() + min(RETRY_SECONDS, self._max_age)
            return
        if values != self._values:
            log.info("secrets have changed: the next object is processed with the new ones")
        self._values, self._due = values, self._clock() + self._max_age

    def _read(self, left: Callable[[], float]) -> dict[str, Any]:
        return resolve_args(self._args, self._clients, Backoff(left, self._sleep))


def resolve_args(args: dict[str, Any], clients: Clients, backoff: Backoff) -> dict[str, Any]:
    """Return `handler.args` with their secrets, each read once. Raises UsageError, never with a secret in it."""
    wanted = list(dict.fromkeys(secrets.references(args)))
    with _silenced():
        parameters = _parameters([one.id for one in wanted if one.service == "ssm"], clients, backoff)
        ids = dict.fromkeys(one.id for one in wanted if one.service == "secretsmanager")
        texts = {id: _secret(id, clients, backoff) for id in ids}
    resolved: dict[str, Any] = secrets.resolve(
        args, lambda one: parameters[one.id] if one.service == "ssm" else _part(one, texts[one.id])
    )
    return resolved


@contextmanager
def _silenced() -> Iterator[None]:
    """Raise botocore's log level above DEBUG in this block: at DEBUG botocore logs each answer, and so the secret."""
    logger = logging.getLogger("botocore")
    level = logger.level
    logger.setLevel(max(level, logging.INFO))
    try:
        yield
    finally:
        logger.setLevel(level)


def _parameters(names: Iterable[str], clients: Clients, backoff: Backoff) -> dict[str, str]:
    """Return the value of each parameter. Raises UsageError if some are missing or may not be read."""
    values: dict[str, str] = {}
    missing: list[str] = []
    for batch in _batches(names):
        answer = _batch(batch, clients, backoff)
        for name in batch:
            # An answer has no selector in its name, and AWS does not document whether it repeats a name or an ARN.
            value = answer.get(secrets.parameter(name))
            if value is None:
                missing.append(name)
            else:
                values[name] = value
    if missing:
        raise UsageError(
            f"{_where('ssm', *missing)}: no such parameter, or not this version or label of it; expected parameters "
            "of this account and region, or whole ARNs; make them, or mend the names"
        )
    return values


def _batches(names: Iterable[str]) -> list[list[str]]:
    """Divide names into requests. Two versions of a parameter are never in one request: answers lack the version."""
    batches: list[list[str]] = []
    for name in names:
        for batch in batches:
            if len(batch) < GET_PARAMETERS and secrets.parameter(name) not in map(secrets.parameter, batch):
                batch.append(name)
                break
        else:
            batches.append([name])
    return batches


def _batch(names: list[str], clients: Clients, backoff: Backoff) -> dict[str, str]:
    """Return the values of the parameters that exist, by `secrets.parameter`."""
    parameters = list[Any]()
    with _needed_for(_where("ssm", *names)):
        ssm = clients.ssm
    try:
        parameters = backoff.call(lambda: ssm.get_parameters(Names=names, WithDecryption=True))["Parameters"]
    except (ClientError, BotoCoreError) as error:
        if not isinstance(error, ClientError) or code(error) not in DENIED or trouble_of(error) is not None:
            raise _refused(error, _where("ssm", *names), "ssm") from error
        # A role of the user's own may have only the right `ssm:GetParameter`, which earlier versions needed.
        for name in names:
            try:
                parameters.append(backoff.call(partial(ssm.get_parameter, Name=name, WithDecryption=True))["Parameter"])
            except (ClientError, BotoCoreError) as one:
                if isinstance(one, ClientError) and code(one) in ("ParameterNotFound", "ParameterVersionNotFound"):
                    continue
                if isinstance(one, ClientError) and code(one) in DENIED and trouble_of(one) is None:
                    raise _refused(error, _where("ssm", *names), "ssm") from one
                raise _refused(one, _where("ssm", name), "ssm") from one
    return {secrets.parameter(each["Name"]): each["Value"] for each in parameters}


def _secret(id: str, clients: Clients, backoff: Backoff) -> str:
    """Return the text of a secret. Raises UsageError."""
    where = _where("secretsmanager", id)
    with _needed_for(where):
        client = clients.secretsmanager
    try:
        text = backoff.call(lambda: client.get_secret_value(SecretId=id)).get("SecretString")
    except (ClientError, BotoCoreError) as error:
        raise _refused(error, where, "secretsmanager") from error
    if text is None:
        raise UsageError(f"{where}: is binary; expected a text, or a JSON object")
    return text


def _part(reference: Reference, text: str) -> Any:
    """Return the part of a secret's text that a placeholder names: all of it, or the value of a JSON key."""
    if reference.key is None:
        return text
    try:
        parts = json.loads(text)
    except ValueError:
        parts = None
    if not isinstance(parts, dict) or reference.key not in parts:
        where = _where("secretsmanager", reference.id)
        raise UsageError(f"{where}: has no key {reference.key!r}; expected a JSON object that has it") from None
    return parts[reference.key]


@contextmanager
def _needed_for(where: str) -> Iterator[None]:
    """Name the placeholders for which a client is made in the error about settings of AWS that cannot be used."""
    try:
        yield
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from error


def _where(service: str, *ids: str) -> str:
    return "handler.args: " + ", ".join(f"{{{{{service}:{id}}}}}" for id in ids)


def _refused(error: ClientError | BotoCoreError, where: str, service: str) -> UsageError:
    return UsageError(
        explained(error, where, service) or f"{where}: {reason(error)}; expected a secret that this role may read"
    )
