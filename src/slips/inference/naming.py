"""Guesses from events which fields name addresses, users, hosts, domains and hashes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from ipaddress import ip_address
from typing import Any

from slips.entities import KINDS
from slips.format import Event
from slips.inference.meaning import fields_of

_PORT = re.compile(r"\[([^\]]*)\](?::\d*)?|([0-9.]+):\d*")
_NAMES = {
    "hashes": re.compile(
        r"(\w*_)?(md5|sha1|sha224|sha256|sha384|sha512|hash(es)?|imphash|checksum|digest)(_\w*)?", re.I
    ),
    "users": re.compile(
        r"(\w*_)?(user|user_?name|user_?id|login|account|actor|principal|upn|owner|e_?mail|mail|[sd]user)(_(name|email|id))?"
        r"|[a-z]\w*(User|UserName|Username|UserId|Login|Email|Actor)",
        re.I,
    ),
    "hosts": re.compile(
        r"(\w*_)?(host|host_?name|computer|computer_?name|device_?name|dev_?name|machine|machine_?name|[sd]host)", re.I
    ),
    "domains": re.compile(r"(\w*_)?(domain|domain_?name|fqdn|sni|server_?name|http_?host|query_?name|qname)", re.I),
}
"""Names of fields by kind; addresses are told by their values."""
_OF_USERS = re.compile(r"(\w*_)?(user|account|actor|principal|owner|identity)", re.I)
_INNER = re.compile(r"name|user_?name|id|login|e_?mail|mail|upn", re.I)
"""Fields of an object that is a user."""
_HASH = re.compile(
    r"(?:[A-Za-z0-9-]{2,12}[=:])?(?:[0-9A-Fa-f]{32}|[0-9A-Fa-f]{40}|(?:[0-9A-Fa-f]{8}){7,8}|"
    r"[0-9A-Fa-f]{96}|[0-9A-Fa-f]{128})"
)
_DOMAIN = re.compile(r"(?:[\w-]{1,63}\.)+[A-Za-z][\w-]{1,62}\.?")
_NOTHING = ("", "-")
_VERSION = re.compile(r"\w*(version|ver|release|oid)", re.I)
"""Names of fields whose values, such as `10.0.1.2`, are no addresses."""
_MOST_ODD = 10
"""One value in so many may be of another kind."""


def entities_of(events: Sequence[Event]) -> dict[str, str]:
    """Return the paths of the fields that name entities, by kind, as a declaration has them.

    Addresses are told by their values, hashes and domains by name and values, users and hosts by their names.
    """
    found: dict[str, list[str]] = {}
    for path, values in fields_of(events).items():
        if kind := _kind_of(path, [text for text in _texts(values) if text not in _NOTHING]):
            found.setdefault(kind, []).append(path)
    quoted = {kind: [f'"{path}"' if " " in path else path for path in paths] for kind, paths in found.items()}
    return {kind: " ".join(quoted[kind]) for kind in KINDS if kind in found}


def _kind_of(path: str, texts: Sequence[str]) -> str:
    """Return the kind of entities that a field with these texts names; empty if it names none."""
    above, _, name = path.replace(" ", "_").rpartition(".")
    if not texts or _VERSION.fullmatch(name):
        return ""
    if _are(_is_address, texts):
        return "addresses"
    if _NAMES["hashes"].fullmatch(name) and _are(_HASH.fullmatch, texts):
        return "hashes"
    if _are(_DOMAIN.fullmatch, texts) and _NAMES["domains"].fullmatch(name):
        return "domains"
    if any(map(_is_address, texts)):
        return ""  # of a kind in some records, of another in others
    if _NAMES["users"].fullmatch(name) or (_INNER.fullmatch(name) and _OF_USERS.fullmatch(above.rpartition(".")[2])):
        return "users"
    return "hosts" if _NAMES["hosts"].fullmatch(name) else ""


def _are(fits: Callable[[str], object], texts: Sequence[str]) -> bool:
    odd = sum(not fits(text) for text in texts)
    return odd * _MOST_ODD <= len(texts)


def _texts(values: Sequence[Any]) -> Iterator[str]:
    """Yield the texts among values, and within lists of texts."""
    for value in values:
        if isinstance(value, str):
            yield value.strip()
        elif isinstance(value, list):
            yield from (each.strip() for each in value if isinstance(each, str))


def _is_address(text: str) -> bool:
    """Whether a text is an IP address, with a port or none, or several with commas between."""
    for part in text.split(","):
        bare = part.strip()
        if ported := _PORT.fullmatch(bare):
            bare = ported[1] or ported[2] or ""
        try:
            ip_address(bare.partition("%")[0])
        except ValueError:
            return False
    return True
