"""Runtime Env: environment variables for AI sandboxes, computers and agents on Kubernetes.

The package in reading order:

``errors``      the tree of failures
``settings``    what a process is told when it starts
``core``        the rules, pure: identity, names, tenancy, merge order, the two kinds, injection
``crypto``      sealing, encryption at rest, certificates; the only importer of ``cryptography``
``cluster``     the Kubernetes API: client, reflector, lease; the only importer of ``kubernetes``
``kek``         providers of the key-encryption key
``serving``     HTTP servers, certificate reload, metrics
``controller``  kopf handlers, encrypted Secrets, materialized environments
``webhook``     seals variables and injects pods, at admission
``cli``         the command line, and the entry point of every process

A room imports only rooms above it (``tests/unit/test_layers.py``). Who may open a value is an import rule too:
only ``controller`` reaches ``crypto.unseal``, ``crypto.envelope``, ``crypto.keyring`` and ``kek``.
"""

__version__ = "0.1.0"
