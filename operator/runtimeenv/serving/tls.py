"""The serving certificate, renewed without dropping a connection."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Final

from runtimeenv.crypto.certificates import expiry
from runtimeenv.errors import Invalid

CERTIFICATE: Final = "tls.crt"
PRIVATE_KEY: Final = "tls.key"


class Certificates:
    """Gives each new handshake the pair that was loaded last; connections keep the one they began with.

    ``context`` is for the listener.
    """

    def __init__(self) -> None:
        self.context = _context()
        self.context.sni_callback = self._choose
        self.expires: float | None = None
        """When the pair that was loaded last ends, in seconds since 1970."""
        self._current = self.context

    def load(self, folder: Path) -> None:
        """Use the folder's pair from now on. Raises Invalid unless both files are there and belong together."""
        context = _context()
        try:
            # An empty password makes an encrypted key fail instead of asking the terminal.
            context.load_cert_chain(folder / CERTIFICATE, folder / PRIVATE_KEY, password="")
            expires = expiry((folder / CERTIFICATE).read_bytes()).timestamp()
        except (OSError, ValueError):
            raise Invalid(str(folder), f"holds no {CERTIFICATE} and {PRIVATE_KEY} that belong together") from None
        self._current = context
        self.expires = expires

    @property
    def loaded(self) -> bool:
        """Is there a pair?"""
        return self.expires is not None

    def _choose(self, handshake: ssl.SSLObject | ssl.SSLSocket, name: str | None, listener: ssl.SSLContext) -> None:
        """OpenSSL asks at each ClientHello, with or without a server name."""
        del name, listener
        handshake.context = self._current


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    return context
