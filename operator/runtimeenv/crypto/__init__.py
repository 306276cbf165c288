"""Sealing, encryption at rest and certificates: the only importer of ``cryptography`` (design §6).

``text``          base64url with exactly one form
``binding``       identities and what an envelope is bound to, as injective bytes
``seal``          the public half: anybody seals
``compare``       tags that tell whether a sealed text holds a value, for those who hold a compare key
``keyring``       the opened keys, by key id
``unseal``        the private half
``envelope``      encryption at rest
``wrapping``      keys under a key-encryption key that this process holds
``certificates``  the webhook's certificate and its authority

Pure but for randomness. Every format is drawn in ``docs/format.md`` and pinned by ``tests/unit/golden``.
"""
