"""Finds mistakes in the URL of a server that no pattern shows: brackets, hosts and ports that cannot be."""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from slips.config.problems import quote

_URL = re.compile(r"(https?)://(?:[^/?#]*@)?([^/?#]*)(?:[/?#].*)?", re.DOTALL | re.IGNORECASE)
_PLACE = re.compile(r"(?:\[([^\[\]]*)\]|([^:\[\]]+))(?::([^:\[\]]*))?", re.DOTALL)
_LABEL = r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)"
_NAME = re.compile(rf"(?:{_LABEL}\.)*{_LABEL}\.?")
_FOUR_NUMBERS = re.compile(r"\d+(?:\.\d+){3}", re.ASCII)
LONGEST_NAME = 255
PORTS = range(1, 65_536)


def mistake_in_url(url: str) -> str | None:
    """Return what is wrong with the URL of a server, what was expected and what to write. None: it can be one.

    A mistake is what botocore refuses when it makes a client, or what no connection can be made to.
    """
    parts = _URL.fullmatch(url)
    if parts is None:
        return f"{quote(url)} is no URL of a server; expected one such as 'https://s3.example.com'; mend it"
    scheme, place = parts.groups()
    found = _PLACE.fullmatch(place)
    if found is None:
        address = place.strip("[]")
        shown = f"[{address}]" if _is_ipv6(address) else "[::1]" if address != place else "s3.example.com"
        return (
            f"{quote(url)}: {quote(place)} is no host with a port; expected a name, an IPv4 address, or an IPv6 "
            f"address within brackets; write it as '{scheme}://{shown}', with a port as '{scheme}://{shown}:9000'"
        )
    within, host, port = found.groups()
    wrong = mistake_in_ipv6(within) if host is None else _mistake_in_host(host)
    wrong = wrong or (mistake_in_port(port) if port else None)
    return wrong and f"{quote(url)}: {wrong}"


def mistake_in_port(port: str) -> str | None:
    """Return what is wrong with a port, and what was expected."""
    if port.isascii() and port.isdigit() and len(port) <= len("65535") and int(port) in PORTS:
        return None
    return f"port {port if port.isalnum() else quote(port)} does not exist; expected one from 1 to 65535; mend it"


def mistake_in_ipv6(within: str) -> str | None:
    """Return what is wrong with what stands within brackets, and what was expected."""
    if _is_ipv6(within):
        return None
    return f"{quote(within)} is no IPv6 address; expected one within brackets, such as '[::1]'; mend it"


def _mistake_in_host(host: str) -> str | None:
    if _FOUR_NUMBERS.fullmatch(host):
        try:
            IPv4Address(host)
        except AddressValueError:
            return f"{quote(host)} is no IPv4 address; expected four numbers from 0 to 255; mend it"
        return None
    if _NAME.fullmatch(host) and len(host) <= LONGEST_NAME:
        return None
    return (
        f"{quote(host)} is no name of a host; expected letters, digits and '-', at most 63 between dots and no '-' "
        f"first or last there, at most {LONGEST_NAME} in all; mend it"
    )


def _is_ipv6(text: str) -> bool:
    try:
        IPv6Address(text)
    except AddressValueError:
        return False
    return True
