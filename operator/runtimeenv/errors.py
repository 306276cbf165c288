"""The tree of failures. Messages name the field and the mend, never the input.

RuntimeEnvError
├── Invalid            input that its author can mend
├── Denied             tenancy says no
├── Conflict           an older claimant holds the identity
├── NotFound           absent, or not yours: the two look alike
├── Unauthenticated    no good API key, for whatever reason
├── NoHome             the tenant has no one namespace that the REST API may write in
├── PreconditionFailed the variable is no longer as the client last saw it
├── Throttled          too many requests
├── CannotOpen         a sealed text or an envelope does not open, for whatever reason
├── KeyUnavailable     the key-encryption key is away
└── ClusterError       the API server's answer, its body dropped (it may echo what was sent)
    ├── Rejected       a 4xx that only somebody else can mend: retried rarely
    ├── Stale          409: another write came first; read again
    ├── Expired        410: the watch's resourceVersion is too old; list again
    ├── Oversized      a page of a list is too large to read; ask for a smaller one
    └── Unavailable    429, 5xx or the network: retried
"""

from __future__ import annotations


class RuntimeEnvError(Exception):
    """The root of every failure that this package raises on purpose."""


class Invalid(RuntimeEnvError):
    """Input out of form: ``field`` is its path (``spec.name``), ``message`` a sentence that names the mend."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


class Denied(RuntimeEnvError):
    """Tenancy refuses (design §4). Unknown, empty and not yet synced are refused too."""


class Conflict(RuntimeEnvError):
    """An older claimant, ``winner`` (``namespace/name``), holds this identity (design §3)."""

    def __init__(self, winner: str) -> None:
        super().__init__(f"{winner} already defines this variable")
        self.winner = winner


class NotFound(RuntimeEnvError):
    """Absent, or another tenant's."""


class Unauthenticated(RuntimeEnvError):
    """No good API key. One class and one text for every cause, so that none can be told apart (design §8)."""

    def __init__(self) -> None:
        super().__init__("give a valid API key, in the header Authorization after the word Bearer")


class NoHome(RuntimeEnvError):
    """A tenant without exactly one home namespace (design §8): the message says which, and the mend."""


class PreconditionFailed(RuntimeEnvError):
    """If-Match names another state of the variable than the one that stands."""


class Throttled(RuntimeEnvError):
    """Too many requests: ``seconds`` until one more is let through."""

    def __init__(self, seconds: float) -> None:
        super().__init__("too many requests: slow down")
        self.seconds = seconds


class CannotOpen(RuntimeEnvError):
    """A sealed text or an envelope does not open. One class for every cause, so that none can be told apart."""


class KeyUnavailable(RuntimeEnvError):
    """The key-encryption key can't be reached (design §6); the operation is retried."""


class ClusterError(RuntimeEnvError):
    """The API server refused or failed: ``status`` is the HTTP status, 0 when there was no answer."""

    def __init__(self, status: int, what: str) -> None:
        super().__init__(f"{what}: HTTP {status}" if status else f"{what}: no answer from the API server")
        self.status = status


class Rejected(ClusterError):
    """A 4xx that retrying soon can't mend: a policy, a quota, a terminating namespace, missing RBAC."""


class Stale(ClusterError):
    """409: the object exists already, or changed since it was read."""


class Expired(ClusterError):
    """410: the resourceVersion is too old to watch from."""


class Oversized(ClusterError):
    """A page of a list that is too large to read: ask for a smaller one."""


class Unavailable(ClusterError):
    """429, 5xx, a time-out or a network error."""
