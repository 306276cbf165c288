"""Which tiers can run on this machine, and what each needs before its supervisor starts it."""

from collections.abc import Callable, Sequence
from pathlib import Path

from tests.kube import build, controlplane, kind, launching, node
from tests.kube.cluster import Cluster, Tier


def lacking(tier: Tier) -> str | None:
    """Why a tier can't run here, as a clause; None where it can."""
    match tier:
        case "node":
            return node.lacking()
        case "kind":
            return kind.lacking()
        case _:
            return None


def fullest() -> Tier:
    """The tier that shows most of what can run here."""
    order: tuple[Tier, ...] = ("node", "kind", "control-plane")
    return next(tier for tier in order if lacking(tier) is None)


def programs(tier: Tier) -> tuple[str, ...]:
    """The programs that a tier is made of, kubectl among them."""
    match tier:
        case "node":
            return node.PROGRAMS
        case "kind":
            return kind.PROGRAMS
        case "control-plane":
            return controlplane.PROGRAMS
        case "context":
            return ("kubectl",)


def prepared(tier: Tier, folder: Path, archives: Sequence[Path], progress: Callable[[str], None]) -> list[Path]:
    """Builds what the tier lacks, and returns the images to start it with. Raises node.Unavailable, BuildFailed."""
    build.binaries(programs(tier), progress)
    return node.prepared(folder, archives) if tier == "node" else list(archives)


def start(tier: Tier, folder: Path, archives: Sequence[Path], progress: Callable[[str], None]) -> Cluster:
    """A cluster that ends with this process. Raises node.Unavailable, BuildFailed, Hopeless, TimedOut."""
    return launching.attached(tier, folder, prepared(tier, folder, archives, progress))
