"""A reviewer of variables with keys, and what its patches hold."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from runtimeenv.core.identity import Identity, Layer, Project, Scope, Tenant, Workspace
from runtimeenv.crypto.keyring import Keyring
from runtimeenv.crypto.seal import SealedValue
from runtimeenv.crypto.unseal import unseal
from runtimeenv.webhook.compare import Comparer
from runtimeenv.webhook.keys import Keys
from runtimeenv.webhook.sealing import Sealing, Variable
from tests.builders import Manifest, namespace
from tests.unit.crypto.examples import KEYRING, OTHER_KEYRING
from tests.unit.webhook.reviewing import Asked, Verdict

CANARY = "sk-canary-3f9a1c77d2"
NAMESPACES = (
    namespace("acme", "acme"),
    namespace("blog", "acme", "ws_123", "blog"),
    namespace("team", "acme", "ws_123"),
    namespace("rival", "rival"),
    namespace("stray"),
)


@dataclass
class Clock:
    """Seconds that a test sets."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Sealer:
    """The reviewer, its keys in folders, its clock."""

    folder: Path
    policy: Literal["Allow", "Deny"] = "Allow"
    keys: Keys = field(default_factory=Keys)
    clock: Clock = field(default_factory=Clock)

    def __post_init__(self) -> None:
        self.asked = Asked(Variable, Sealing(self.keys, Comparer(self.clock), self.policy).judge, *NAMESPACES)

    def mount(self, keyring: Keyring = KEYRING, primary: str = "0a1b2c3d") -> Sealer:
        """Give it a public key and compare keys."""
        (self.folder / "sealing-key").write_text(str(keyring.sealing_key()))
        (self.folder / "primary").write_text(primary)
        (self.folder / primary).write_bytes(primary.encode() * 4)
        self.keys.load_sealing(self.folder)
        self.keys.load_compare(self.folder)
        return self

    async def about(self, manifest: Manifest, old: Manifest | None = None) -> Verdict:
        """What becomes of a write."""
        return await self.asked.about(manifest, old)

    async def stored(self, manifest: Manifest, old: Manifest | None = None) -> Manifest:
        """The object as it is stored."""
        verdict = await self.about(manifest, old)
        assert verdict.object is not None, verdict.message
        return verdict.object


def identity(manifest: Manifest, tenant: str = "acme") -> Identity:
    """A variable's."""
    spec = manifest["spec"]
    scopes: dict[str, Scope] = {
        "tenant": Tenant(tenant),
        "workspace": Workspace(tenant, spec.get("workspaceId", "")),
        "project": Project(tenant, spec.get("projectId", "")),
    }
    return Identity(Layer(scopes[spec["scope"]], spec.get("target", "all")), spec["name"])


def opened(manifest: Manifest, keyring: Keyring = KEYRING) -> str:
    """The plaintext in its sealed text."""
    sealed = SealedValue.parse(manifest["spec"]["sealedValue"])
    return unseal(sealed, identity(manifest), keyring).reveal()


__all__ = ["CANARY", "KEYRING", "OTHER_KEYRING", "Sealer", "identity", "opened"]
