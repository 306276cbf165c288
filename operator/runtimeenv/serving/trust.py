"""Would a client that trusts these authorities take our certificate? Found out by a handshake in memory."""

from __future__ import annotations

import contextlib
import ssl
from typing import Final

FLIGHTS: Final = 4
"""More turns than a handshake takes."""


def trusted(server: ssl.SSLContext, authorities: str, host: str) -> bool:
    """Does a client with this PEM bundle, as an API server with a caBundle, complete a handshake for this host?"""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # As Go does: any certificate of the bundle is an anchor, not only one that signed itself.
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        client.load_verify_locations(cadata=authorities)
        return _shake_hands(client, server, host)
    except (ssl.SSLError, ValueError):
        return False


def _shake_hands(client: ssl.SSLContext, server: ssl.SSLContext, host: str) -> bool:
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    caller = client.wrap_bio(to_client, to_server, server_hostname=host)
    answerer = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(FLIGHTS):
        with contextlib.suppress(ssl.SSLWantReadError):
            caller.do_handshake()
            return True
        with contextlib.suppress(ssl.SSLWantReadError):
            answerer.do_handshake()
    return False
