"""Parameter Store and Secrets Manager: what placeholders in `handler.args` stand for, asked for where the code runs."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from slips.backends.aws.clients import Clients, code, reason
from slips.backends.aws.keys import trouble_of
from slips.backends.aws.refusals import DENIED, explained
from slips.backends.aws.throttles import Patience, seconds_from_now
from slips.config import secrets
from slips.config.secrets import Reference
from slips.errors import UsageError

GET_PARAMETERS = 10
"""Most names that one `GetParameters` takes."""
FIRST_SECONDS, AGAIN_SECONDS = 30.0, 3.0
"""How long to wait while AWS throttles: before there are any values, as of many cold starts at once, and afterwards."""
RETRY_SECONDS = 60.0
"""Seconds until secrets are asked for again when that failed."""

log = logging.getLogger("slips.secrets")


class SecretArgs:
    """`handler.args` with their secrets, which are read again when they are older than `max_age` seconds (0: never).

    What cannot be read again is logged as a warning and stays as it was: AWS's own caches do the same, and a rotated
    secret fails no more objects so than without reading again.
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
        """Reads the secrets; `left` tells the seconds for that. Raises UsageError, which never holds a secret."""
        self._args, self._clients, self._max_age = args, clients, max_age
        self._clock, self._sleep = clock, sleep
        self._values = self._read(left or seconds_from_now(FIRST_SECONDS, clock))
        self._due = clock() + max_age

    def __call__(self) -> dict[str, Any]:
        """The args for the object at hand."""
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
        return resolve_args(self._args, self._clients, Patience(left, self._sleep))


def resolve_args(args: dict[str, Any], clients: Clients, patience: Patience) -> dict[str, Any]:
    """`handler.args` with their secrets. Each is asked for once. Raises UsageError, which never holds a secret."""
    wanted = list(dict.fromkeys(secrets.references(args)))
    with _silenced():
        parameters = _parameters([one.id for one in wanted if one.service == "ssm"], clients, patience)
        ids = dict.fromkeys(one.id for one in wanted if one.service == "secretsmanager")
        texts = {id: _secret(id, clients, patience) for id in ids}
    resolved: dict[str, Any] = secrets.resolve(
        args, lambda one: parameters[one.id] if one.service == "ssm" else _part(one, texts[one.id])
    )
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


def _parameters(names: Iterable[str], clients: Clients, patience: Patience) -> dict[str, str]:
    """The value of each parameter."""
    found: dict[str, str] = {}
    missing: list[str] = []
    for batch in _batches(names):
        given = _batch(batch, clients, patience)
        for name in batch:
            # An answer has no selector in its name, and AWS does not say whether it repeats a name or an ARN.
            value = given.get(secrets.parameter(name))
            if value is None:
                missing.append(name)
            else:
                found[name] = value
    if missing:
        raise UsageError(
            f"{_where('ssm', *missing)}: no such parameter, or not this version or label of it; expected parameters "
            "of this account and region, or whole ARNs; make them, or mend the names"
        )
    return found


def _batches(names: Iterable[str]) -> list[list[str]]:
    """As many names as a request takes. Several versions of one parameter go apart, to be told by its name."""
    batches: list[list[str]] = []
    for name in names:
        for batch in batches:
            if len(batch) < GET_PARAMETERS and secrets.parameter(name) not in map(secrets.parameter, batch):
                batch.append(name)
                break
        else:
            batches.append([name])
    return batches


def _batch(names: list[str], clients: Clients, patience: Patience) -> dict[str, str]:
    """The values of those that are there, by `secrets.parameter`."""
    ssm, given = clients.ssm, list[Any]()
    try:
        given = patience.call(lambda: ssm.get_parameters(Names=names, WithDecryption=True))["Parameters"]
    except (ClientError, BotoCoreError) as error:
        if not isinstance(error, ClientError) or code(error) not in DENIED or trouble_of(error) is not None:
            raise _refused(error, _where("ssm", *names), "ssm") from error
        # A role that the user gave may have the right that was needed before, for one parameter a call.
        for name in names:
            try:
                given.append(patience.call(partial(ssm.get_parameter, Name=name, WithDecryption=True))["Parameter"])
            except (ClientError, BotoCoreError) as one:
                if isinstance(one, ClientError) and code(one) in ("ParameterNotFound", "ParameterVersionNotFound"):
                    continue
                if isinstance(one, ClientError) and code(one) in DENIED and trouble_of(one) is None:
                    raise _refused(error, _where("ssm", *names), "ssm") from one
                raise _refused(one, _where("ssm", name), "ssm") from one
    return {secrets.parameter(each["Name"]): each["Value"] for each in given}


def _secret(id: str, clients: Clients, patience: Patience) -> str:
    """The text of a secret."""
    where = _where("secretsmanager", id)
    try:
        text = patience.call(lambda: clients.secretsmanager.get_secret_value(SecretId=id)).get("SecretString")
    except (ClientError, BotoCoreError) as error:
        raise _refused(error, where, "secretsmanager") from error
    if text is None:
        raise UsageError(f"{where}: is binary; expected a text, or a JSON object")
    return text


def _part(reference: Reference, text: str) -> Any:
    """What a placeholder means of the text of its secret."""
    if reference.key is None:
        return text
    try:
        known = json.loads(text)
    except ValueError:
        known = None
    if not isinstance(known, dict) or reference.key not in known:
        where = _where("secretsmanager", reference.id)
        raise UsageError(f"{where}: has no key {reference.key!r}; expected a JSON object that has it") from None
    return known[reference.key]


def _where(service: str, *ids: str) -> str:
    return "handler.args: " + ", ".join(f"{{{{{service}:{id}}}}}" for id in ids)


def _refused(error: ClientError | BotoCoreError, where: str, service: str) -> UsageError:
    return UsageError(
        explained(error, where, service) or f"{where}: {reason(error)}; expected a secret that this role may read"
    )
