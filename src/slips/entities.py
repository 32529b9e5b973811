"""Finds the entities that an event names: addresses, users, hosts, domains and hashes, one spelling for all formats.

A format declares the paths of their fields. Nothing is looked for until a handler asks its meta.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from ipaddress import IPv6Address, ip_address
from typing import Any

from msgspec import Struct

from slips.model import Entities
from slips.paths import is_path, keys_of_path

KINDS = Entities.__struct_fields__

_PORT = re.compile(r"\[([^\]]*)\](?::\d*)?|([0-9.]+):\d*")
_ALGORITHM = re.compile(r"[A-Za-z0-9-]{2,12}[=:](?=[0-9A-Fa-f]+$)")
_URL = re.compile(r"^[^/]*://(?:[^/@]*@)?")
_PORT_BEHIND = re.compile(r":\d*$")
_NOTHING = ("", "-")
_PATH = re.compile(r'"([^"]+)"(?=\s|$)|(\S+)')

EntityNames = Mapping[str, str | Sequence[str]]
"""Paths of fields by kind: a text with blanks between paths, in quotes those that have blanks, or a sequence."""


class EntityPaths(Struct, frozen=True):
    """The paths of the fields that name entities, checked; a function of an event."""

    paths: tuple[tuple[str, ...], ...]
    """The paths of each kind, in the order of KINDS."""
    places: tuple[str, ...] = ()
    """Fields with objects in them, in which a path counts that leads nowhere in the event itself."""
    absent: tuple[str, ...] = ()
    """Texts that stand for no value, beside the empty one and `-`."""

    @classmethod
    def of(
        cls,
        declared: EntityNames,
        known: Set[str] | None = None,
        places: tuple[str, ...] = (),
        absent: tuple[str, ...] = (),
    ) -> EntityPaths | None:
        """Return the paths that a format declares; None if it declares none. Raises ValueError.

        `known` are the names of all fields that its events have, if these are declared.
        """
        if not isinstance(declared, Mapping):
            raise ValueError(f"entities is {declared!r:.60}; expected {{'addresses': 'srcaddr dstaddr', …}}")
        paths = []
        for kind in declared:
            if kind not in KINDS:
                raise ValueError(f"entities: no kind {kind!r}; expected one of {', '.join(KINDS)}")
        for kind in KINDS:
            names = declared.get(kind, ())
            found = tuple(quoted or bare for quoted, bare in _PATH.findall(names)) if isinstance(names, str) else names
            if not isinstance(found, tuple | list) or (kind in declared and not found):
                raise ValueError(f"entities: {kind} is {names!r:.60}; expected paths with blanks between")
            for path in found:
                if not is_path(path):
                    raise ValueError(f"entities: {kind} names {path!r}; expected a field such as 'user.name'")
                if known is not None and path not in known:
                    raise ValueError(f"entities: {kind}: no field {path!r}; expected one of {', '.join(sorted(known))}")
            paths.append(tuple(found))
        return cls(tuple(paths), places, absent) if any(paths) else None

    @property
    def by_kind(self) -> dict[str, tuple[str, ...]]:
        """The paths of each kind that has some."""
        return {kind: paths for kind, paths in zip(KINDS, self.paths, strict=True) if paths}

    def __call__(self, event: Any) -> Entities:
        """Return the entities of an event: each once, in the order of the paths."""
        found = (self._of_kind(event, paths, _SPELL[kind]) for kind, paths in zip(KINDS, self.paths, strict=True))
        return Entities(*map(tuple, found))

    def _of_kind(self, event: Any, paths: tuple[str, ...], spell: Callable[[str], Iterator[str]]) -> dict[str, None]:
        texts: dict[str, None] = {}
        for path in paths:
            values = list(_values(event, path))
            for place in self.places:
                values = values or list(_values(event.get(place), path))
            for value in values:
                text = str(value).strip()
                if text not in _NOTHING and text not in self.absent:
                    texts.update(dict.fromkeys(spell(text)))
        return texts


def _values(event: Any, path: str) -> Iterator[str | int]:
    """Yield the texts and whole numbers at a dotted path, those of every element where it meets a list."""
    if event.__class__ is not dict:
        return
    yield from _reached(event, keys_of_path(path))


def _reached(value: Any, keys: list[str]) -> Iterator[str | int]:
    if not keys:
        yield from _leaves(value)
    elif value.__class__ is dict:
        for end in range(1, len(keys) + 1):  # keys may have dots in them, at any level
            yield from _reached(value.get(".".join(keys[:end])), keys[end:])
    elif value.__class__ is list:
        for each in value:
            yield from _reached(each, keys)


def _leaves(value: Any) -> Iterator[str | int]:
    if value.__class__ is str or value.__class__ is int:
        yield value
    elif value.__class__ is list:
        for each in value:
            yield from _leaves(each)


def _address(text: str) -> Iterator[str]:
    """Yield the IP addresses of a text, of which it may have several with commas between, without brackets and port."""
    for part in text.split(","):
        bare = part.strip()
        if ported := _PORT.fullmatch(bare):
            bare = ported[1] or ported[2] or ""
        try:
            address = ip_address(bare.partition("%")[0])
        except ValueError:
            continue
        yield str((address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address)


def _as_it_is(text: str) -> Iterator[str]:
    yield text


def _domain(text: str) -> Iterator[str]:
    """Yield a domain, which may stand in a URL, in lower case, without the dot of the root at its end and the port."""
    host = _URL.sub("", text, count=1).partition("/")[0] if "://" in text else text
    domain = _PORT_BEHIND.sub("", host).lower().removesuffix(".")
    if domain and "/" not in domain and next(_address(domain), None) is None:
        yield domain


def _hash(text: str) -> Iterator[str]:
    """Yield the hashes of a text such as `SHA256=0A…,MD5=1B…` in lower case, without the names of algorithms."""
    for part in text.split(","):
        if bare := _ALGORITHM.sub("", part.strip()).lower():
            yield bare


_SPELL: dict[str, Callable[[str], Iterator[str]]] = {
    "addresses": _address,
    "users": _as_it_is,
    "hosts": _as_it_is,
    "domains": _domain,
    "hashes": _hash,
}
