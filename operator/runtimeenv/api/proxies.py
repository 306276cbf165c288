"""Who asks: the client's address, behind proxies, of which only those that the settings name are believed."""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Iterable
from typing import Final

from runtimeenv.errors import Invalid

FIELD: Final = "RUNTIME_ENV_FORWARDED_ALLOW_IPS"
EVERYBODY: Final = "*"

HOPS: Final = 32
"""Entries of X-Forwarded-For that are looked at, from the nearest on."""
CACHED: Final = 4096
LONGEST: Final = 64
"""Characters of an entry that are looked at, and remembered: an address with a port and a short zone has fewer."""

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Proxies:
    """``allowed``: addresses and networks, comma-separated, or ``*``. Raises Invalid."""

    def __init__(self, allowed: str) -> None:
        self._everybody = allowed.strip() == EVERYBODY
        self._networks = () if self._everybody else tuple(_networks(allowed))
        self._known = functools.lru_cache(maxsize=CACHED)(self._look_up)

    def believed(self, peer: str) -> bool:
        """Is this a proxy that is believed?"""
        return self._known(peer)[1]

    def client(self, peer: str, headers: Iterable[tuple[bytes, bytes]]) -> str:
        """The address of the nearest hop that is no believed proxy, for a connection from ``peer``.

        Each proxy appends whom it was asked by, so X-Forwarded-For is read from its end. What a proxy that isn't
        believed says, and what is no address, counts for nothing.
        """
        nearest, believed = self._known(peer)
        if not believed:
            return nearest
        chain = b",".join(text for name, text in headers if name == b"x-forwarded-for")
        for hop in reversed(chain.rsplit(b",", HOPS)[-HOPS:] if chain else ()):
            address, believed = self._known(_host(hop.decode("latin-1").strip()[:LONGEST]))
            if not address:
                break
            nearest = address
            if not believed:
                break
        return nearest

    def _look_up(self, text: str) -> tuple[str, bool]:
        """The address in its one form, "" if it is none; and whether it is a believed proxy's."""
        try:
            address = ipaddress.ip_address(text.partition("%")[0])  # a zone may be any text
        except ValueError:
            return "", False
        mapped = getattr(address, "ipv4_mapped", None) or address
        return str(mapped), self._everybody or any(mapped in network for network in self._networks)


def _networks(allowed: str) -> Iterable[_Network]:
    try:
        return [ipaddress.ip_network(part.strip()) for part in allowed.split(",") if part.strip()]
    except ValueError:
        raise Invalid(FIELD, "give addresses and networks (10.0.0.0/8), comma-separated, or * for all") from None


def _host(text: str) -> str:
    """Without a port: ``192.0.2.1:443``, ``[2001:db8::1]:443``."""
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text
