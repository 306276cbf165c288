"""The pytest fixtures `control_plane` and `node`: one cluster each for a whole test run.

RUNTIME_ENV_CONTEXT names a kubeconfig context: `control_plane` is then that cluster; and so is `node`, if
RUNTIME_ENV_IMAGE names the operator's image where that cluster can pull it. Tests of a tier that cannot run here are
skipped with the reason, and the summary names every tier that was asked for.
"""

import contextlib
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import NoReturn

import pytest

from tests.kube import controlplane, existing, images, operator_image, state, tiers
from tests.kube.cluster import Cluster

_told = pytest.StashKey[dict[str, str]]()


@pytest.fixture(scope="session")
def control_plane(pytestconfig: pytest.Config) -> Iterator[Cluster]:
    """A control plane of its own on loopback, or the cluster of RUNTIME_ENV_CONTEXT."""
    with _started(pytestconfig) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def untended(pytestconfig: pytest.Config) -> Iterator[Cluster]:
    """The same anew for one module, where no operator writes: for tests that write what it would write over."""
    with _started(pytestconfig) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def node_can_run(pytestconfig: pytest.Config) -> None:
    """Skips tests of the node tier itself where it can't run."""
    if reason := tiers.lacking("node"):
        _skip(pytestconfig, "node", reason)


@pytest.fixture(scope="session")
def node(pytestconfig: pytest.Config) -> Iterator[Cluster]:
    """A cluster that runs pods, of images.BUSYBOX too: of RUNTIME_ENV_CONTEXT, a whole node of its own, or kind."""
    if operator_image.pushed():
        with _started(pytestconfig) as cluster:
            yield cluster
        return
    tier = tiers.fullest()
    if tier == "control-plane":
        _skip(pytestconfig, "node", f"{tiers.lacking('node')}; nor kind: {tiers.lacking('kind')}")
    with _claimed(tier) as folder:
        cluster = tiers.start(tier, folder, [images.busybox(folder)], teller(pytestconfig))
        with _used(cluster, pytestconfig):
            yield cluster


def _skip(config: pytest.Config, tier: str, reason: str) -> NoReturn:
    note(config, tier, f"can't run here: {reason}")
    pytest.skip(f"tier {tier} can't run here: {reason}")


@contextmanager
def _started(config: pytest.Config) -> Iterator[Cluster]:
    context = os.environ.get("RUNTIME_ENV_CONTEXT")
    with _claimed("control-plane") as folder:
        tell = teller(config)
        cluster = existing.from_context(context, folder, tell) if context else controlplane.start(folder, tell)
        with _used(cluster, config):
            yield cluster


@contextmanager
def _claimed(tier: str) -> Iterator[Path]:
    claim = state.claim(tier)
    try:
        yield claim.folder
    finally:
        claim.release()


@contextmanager
def _used(cluster: Cluster, config: pytest.Config) -> Iterator[None]:
    note(config, cluster.tier, f"ran on Kubernetes {cluster.version()}")
    try:
        yield
    finally:
        cluster.stop()


def note(config: pytest.Config, tier: str, text: str) -> None:
    """What the summary says about a tier."""
    config.stash.setdefault(_told, {})[tier] = text


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if told := config.stash.get(_told, {}):
        terminalreporter.section("Kubernetes tiers")
        for tier, text in told.items():
            terminalreporter.line(f"{tier}: {text}")


def teller(config: pytest.Config) -> Callable[[str], None]:
    """Prints progress past pytest's capture: a first build takes minutes, and nobody should take it for a hang."""
    capture = config.pluginmanager.getplugin("capturemanager")
    shown: Callable[[], AbstractContextManager[None]] = (
        capture.global_and_fixture_disabled if capture else contextlib.nullcontext
    )

    def tell(text: str) -> None:
        with shown():
            print(text, flush=True)

    return tell
