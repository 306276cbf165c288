"""Which replica is active."""

from __future__ import annotations

import asyncio

import pytest

from runtimeenv.cluster.kinds import LEASES
from runtimeenv.cluster.lease import DURATION, RENEW_WITHIN, Lease
from runtimeenv.core.identity import Ref
from runtimeenv.errors import Unavailable
from tests.fakes.cluster import FakeCluster

pytestmark = pytest.mark.virtual_time

REF = Ref("runtime-env-system", "runtime-env-controller")
AWAY = Unavailable(0, "away")


def holder(cluster: FakeCluster) -> str | None:
    found: str | None = cluster.read(LEASES, REF)["spec"].get("holderIdentity")
    return found


def now() -> float:
    return asyncio.get_running_loop().time()


async def held_by(cluster: FakeCluster, identity: str) -> Lease:
    lease = Lease(cluster, REF, identity)
    await lease.acquire()
    return lease


async def test_the_first_candidate_makes_the_lease_and_holds_it() -> None:
    cluster = FakeCluster()
    await held_by(cluster, "a")
    assert holder(cluster) == "a"
    assert now() < 1


async def test_a_standby_waits_while_the_holder_renews() -> None:
    cluster = FakeCluster()
    keeping = asyncio.create_task((await held_by(cluster, "a")).keep())
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(held_by(cluster, "b"), 600)
    assert holder(cluster) == "a"
    assert not keeping.done()
    keeping.cancel()


async def test_a_lease_that_nobody_renews_runs_out_and_changes_hands() -> None:
    cluster = FakeCluster()
    await held_by(cluster, "dead")
    await held_by(cluster, "b")
    assert DURATION <= now() <= DURATION + 3
    assert cluster.read(LEASES, REF)["spec"]["leaseTransitions"] == 1


async def test_a_released_lease_is_taken_at_the_next_try() -> None:
    cluster = FakeCluster()
    await (await held_by(cluster, "a")).release()
    assert not holder(cluster)
    await held_by(cluster, "b")
    assert now() < 1


async def test_releasing_leaves_anothers_lease_alone() -> None:
    cluster = FakeCluster()
    loser = await held_by(cluster, "a")
    await held_by(cluster, "b")
    await loser.release()
    assert holder(cluster) == "b"


async def test_a_restarted_holder_takes_its_own_lease_back_at_once() -> None:
    cluster = FakeCluster()
    await held_by(cluster, "a")
    await held_by(cluster, "a")
    assert now() < 1
    assert "leaseTransitions" not in cluster.read(LEASES, REF)["spec"]


async def test_a_holder_stops_before_its_lease_can_run_out_when_renewals_fail() -> None:
    cluster = FakeCluster()
    lease = await held_by(cluster, "a")
    cluster.faults.fail(AWAY, times=1000)
    await lease.keep()
    assert now() <= RENEW_WITHIN + 0.1 < DURATION


async def test_a_holder_stops_in_time_even_if_a_request_hangs() -> None:
    cluster = FakeCluster()
    lease = await held_by(cluster, "a")
    with cluster.faults.calls_delayed():
        await lease.keep()
    assert now() <= RENEW_WITHIN + 0.1 < DURATION


async def test_a_short_failure_of_the_server_does_not_end_a_reign() -> None:
    cluster = FakeCluster()
    lease = await held_by(cluster, "a")
    cluster.faults.fail(AWAY, times=2)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(lease.keep(), 60)
    assert holder(cluster) == "a"


async def test_a_holder_stops_at_once_when_another_holds_the_lease() -> None:
    cluster = FakeCluster()
    lease = await held_by(cluster, "a")
    cluster.apply({**cluster.read(LEASES, REF), "spec": {"holderIdentity": "b", "leaseDurationSeconds": 15}})
    await lease.keep()
    assert now() < RENEW_WITHIN
    assert holder(cluster) == "b"


async def test_one_of_two_candidates_at_the_same_moment_wins() -> None:
    cluster = FakeCluster()
    candidates = [asyncio.create_task(held_by(cluster, identity)) for identity in "ab"]
    done, waiting = await asyncio.wait(candidates, return_when=asyncio.FIRST_COMPLETED)
    assert (len(done), len(waiting)) == (1, 1)
    for task in waiting:
        task.cancel()


async def test_a_standby_says_whether_it_reaches_the_api_server() -> None:
    cluster = FakeCluster()
    await held_by(cluster, "a")
    standby = Lease(cluster, REF, "b")
    assert not standby.reachable
    cluster.faults.fail(AWAY, verb="get")
    waiting = asyncio.create_task(standby.acquire())
    await asyncio.sleep(1)
    assert not standby.reachable
    await asyncio.sleep(3)
    assert standby.reachable
    waiting.cancel()


async def test_a_lease_that_somebody_else_labels_stays_with_its_holder() -> None:
    cluster = FakeCluster()
    lease = await held_by(cluster, "a")
    touched = cluster.read(LEASES, REF)
    touched["metadata"]["labels"] = {"touched": "yes"}
    cluster.apply(touched)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(lease.keep(), 30)
    assert holder(cluster) == "a"
