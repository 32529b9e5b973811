"""Reads the facts about the account that the template needs, for `deploy` and for `package --look`."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from slips.config import Config
from slips.deploy import checks, kms_keys, network, template
from slips.deploy.account import Account
from slips.deploy.given import Given
from slips.deploy.template import known_keys, mapped_buckets
from slips.deploy.wiring import Buckets


class Seen(Struct, frozen=True):
    """The facts about an account."""

    notes: list[str]
    """Notes for people, before the deploy."""
    given: Given
    """Facts about the resources that the config gives."""
    keys: kms_keys.SeenKeys


def look(config: Config, account: Account) -> Seen:
    """Read the resources that the config names. Raises ConfigError with all that are missing, or cannot be used."""
    seen_keys = kms_keys.read(config, account)
    notes = checks.check_account(config, account, seen_keys)
    given, more = checks.read_given(config, account)
    return Seen([*notes, *more, *network.look(config, account)], given, seen_keys)


def build(
    config: Config, account: Account, seen: Seen, code: template.Code, deployed: template.Template
) -> template.Template:
    """Return the stack's template; `deployed` is the one that the stack has, `{}` for a new stack."""
    left = Buckets(account, config, None, former=mapped_buckets(deployed)).left()
    given = msgspec.structs.replace(seen.given, keys=seen.keys.or_as_before(known_keys(deployed)))
    return template.build(config, code, left, deployed, given)
