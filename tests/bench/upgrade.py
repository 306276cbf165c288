"""What becomes of pods, plaintexts, variables and reads that come in steadily while the release is changed."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from tests.bench.report import Row
from tests.kube import images, operator_image, state, tiers
from tests.kube.operator import EVERYTHING
from tests.kube.operator_pods import OperatorPods
from tests.node import changes, renewals, traffic
from tests.node.traffic import RATES, Counted

PHASES: Mapping[str, Callable[[OperatorPods], None]] = {
    "helm upgrade": changes.upgrade,
    "helm rollback": changes.roll_back,
    "webhook restarted": changes.drain_webhook,
    "webhook evicted": changes.evict_webhook,
    "API restarted": changes.drain_api,
    "certificate rotated": renewals.rotate,
    "authority rotated": renewals.rotate_authority,
    "certificate near its end": renewals.outlive,
    "certificate expired": renewals.expire,
    "leader deleted": changes.delete_leader,
    "leader killed": changes.kill_leader,
    "webhook killed": changes.kill_webhook,
    "API killed": changes.kill_api,
}
QUIET = 100  # pods, ten seconds


def measured() -> tuple[list[Row], list[str]]:
    """No ratio: a table of attempts, of refusals, of what lacks its environment, and of the longest wait."""
    if reason := tiers.lacking("node") or operator_image.lacking():
        return [], [f"upgrade: can't run here: {reason}"]
    claim = state.claim("bench")
    try:
        cluster = tiers.start("node", claim.folder, [images.busybox(claim.folder)], _tell)
        try:
            release = OperatorPods.install(cluster, {**EVERYTHING, "logLevel": "info"}, _tell)
            return [], list(_table(release))
        finally:
            cluster.stop()
    finally:
        claim.release()


def _table(release: OperatorPods) -> Iterator[str]:
    rates = ", ".join(f"{kind} {rate:.2g}" for kind, rate in RATES.items())
    yield f"upgrade: a second: {rates}; each: attempts / refused / lacking / longest wait in ms"
    yield "".join([f"{'':26} {'s':>4}", *(f"{kind:>24}" for kind in RATES)])
    said: Counter[str] = Counter()
    lasted: list[str] = []
    with traffic.source(release.cluster, "upgraded") as source:
        for what, change in {"quiet": None, **PHASES}.items():
            _tell(f"upgrade: {what}")
            began = time.monotonic()
            with source.traffic(what.replace(" ", "-")) as meanwhile:
                if change:
                    change(release)
                else:
                    meanwhile.goes_on(QUIET)
            counted = meanwhile.counted
            yield f"{what:26} {time.monotonic() - began:4.0f}" + "".join(_cell(counted[kind]) for kind in RATES)
            refusals = [at for kind in RATES for at in counted[kind].refusals]
            lasted += [f"{what}: refusals for {spell:.1f} s" for spell in traffic.spells(refusals)]
            said.update(f"{what}: {kind}: {text[:400]}" for kind in RATES for text in counted[kind].faults)
    yield from lasted
    yield from (f"{number} x {text}" for text, number in said.items())


def _cell(counted: Counted) -> str:
    text = f"{counted.attempts} / {len(counted.refused)} / {len(counted.lacking)} / {counted.longest * 1000:.0f}"
    return f"{text:>24}"


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
