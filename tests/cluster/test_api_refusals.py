"""Writes of the REST API that somebody or something stands against, on a real API server and controller."""

from __future__ import annotations

import asyncio
import secrets
import time
from typing import Any

import pytest

from runtimeenv.api.claimants import LIVE
from runtimeenv.api.writes import Draft
from runtimeenv.core import names
from runtimeenv.core.identity import Identity, Layer, Project
from runtimeenv.core.patches import add
from runtimeenv.core.values import MASK, Plaintext
from runtimeenv.errors import Conflict, Denied, Invalid, NoHome, NotFound, Rejected, Unavailable
from tests import builders
from tests.cluster import homes
from tests.cluster.api_replicas import LONG, Replica, kubectl, running, seen
from tests.cluster.homes import Home
from tests.kube.cluster import wait
from tests.kube.operator import Operator


async def test_an_identity_of_another_namespace_answers_where(operator: Operator, home: Home, one: Replica) -> None:
    with homes.new(operator, project="blog", tenant=home.namespace) as blog:
        project = {"scope": "project", "projectId": "blog"}
        await asyncio.to_thread(blog.apply, blog.variable("theirs", value="v", **project))
        await seen(one, blog)
        theirs = Identity(Layer(Project(home.namespace, "blog"), "all"), "THEIRS")
        assert one.shown() == ["THEIRS"]
        for write in (one.writes.upsert(one.bearer, Draft(theirs, Plaintext("v"), True, {})), one.delete(theirs.id)):
            with pytest.raises(Conflict) as refused:
                await write
            assert refused.value.winner == f"{blog.namespace}/theirs"


async def test_an_older_claimant_that_the_catalog_has_not_seen_takes_a_created_object_back(
    operator: Operator, home: Home, one: Replica
) -> None:
    with homes.new(operator, tenant=home.namespace) as elsewhere:
        elsewhere.apply(elsewhere.variable("token", value="v"))  # nothing else runs meanwhile, not even the watch
        older = time.time() + 1  # creation times are whole seconds
        wait(lambda: time.time() > older, "a second to pass")
        with pytest.raises(Conflict) as refused:
            await one.upsert("TOKEN", "mine")
        assert refused.value.winner == f"{elsewhere.namespace}/token"
        assert await asyncio.to_thread(home.items, "rvar") == []


async def test_after_a_delete_the_next_claimant_takes_over(home: Home, one: Replica) -> None:
    for name in ("first", "second"):
        await asyncio.to_thread(home.apply, builders.variable(f"{home.namespace}/{name}", value=name))
        await seen(one, home)
    id_ = one.identity("TOKEN").id
    assert one.catalog.find(one.bearer, id_).ref.name == "first"
    await one.delete(id_)
    assert one.catalog.find(one.bearer, id_).ref.name == "second"
    await asyncio.to_thread(home.ready, "second")


async def test_what_is_held_back_by_a_finalizer_shows_no_more_and_takes_no_writes(home: Home, one: Replica) -> None:
    done = await one.upsert("TOKEN", "a")
    held = f"rvar/{done.entry.ref.name}"
    finalizers = '{"metadata":{"finalizers":[%s]}}'
    await kubectl(home, "patch", held, "--type=merge", "-p", finalizers % '"example.com/held"')
    await one.delete(done.entry.id)
    with pytest.raises(NotFound):
        one.catalog.find(one.bearer, done.entry.id)
    with pytest.raises(Unavailable):
        await one.upsert("TOKEN", "b")
    await kubectl(home, "patch", held, "--type=merge", "-p", finalizers % "")
    assert (await one.upsert("TOKEN", "b")).created


async def test_a_patch_of_another_object_of_the_name_is_refused(one: Replica) -> None:
    done = await one.upsert("TOKEN", "a")
    with pytest.raises(Rejected) as refused:
        await one.cluster.patch(LIVE, done.entry.ref, [add("/metadata/uid", "0"), add("/spec/enabled", False)])
    assert refused.value.status == 422
    live = await one.cluster.get(LIVE, done.entry.ref)
    assert live is not None
    assert live.spec.enabled


async def test_a_policy_of_the_cluster_refuses_without_echo(home: Home, one: Replica) -> None:
    policy = f"test-api-{secrets.token_hex(3)}"
    home.cluster.apply(_refusing(policy, home.namespace))
    canary = f"canary-{secrets.token_hex(8)}"
    try:
        async with asyncio.timeout(30):
            while True:
                try:
                    await one.upsert("TOKEN", canary, note=canary)
                except (Denied, Invalid) as error:
                    told = f"{error}{error.__cause__}{error.__context__}"
                    break
        assert "operator" in told
        assert canary not in told
    finally:
        home.cluster.kubectl("delete", "validatingadmissionpolicy,validatingadmissionpolicybinding", policy)


async def test_a_namespace_that_is_being_deleted_is_tried_again_later(home: Home, one: Replica) -> None:
    done = await one.upsert("TOKEN", "a")
    held = f"rvar/{done.entry.ref.name}"
    await kubectl(home, "patch", held, "--type=merge", "-p", '{"metadata":{"finalizers":["example.com/held"]}}')
    home.cluster.kubectl("delete", "namespace", home.namespace, "--wait=false")
    with pytest.raises(Unavailable):  # the watch has told nothing yet: the API server's 403 is looked into
        await one.upsert("OTHER", "b")
    await kubectl(home, "patch", held, "--type=merge", "-p", '{"metadata":{"finalizers":[]}}')
    await asyncio.to_thread(wait, lambda: not one.catalog.knows_tenant(home.namespace), "the namespace to be gone")
    with pytest.raises(NoHome):
        await one.upsert("OTHER", "b")


async def test_ids_are_the_same_after_a_restart_and_a_restore(home: Home, one: Replica) -> None:
    before = await one.upsert("TOKEN", "a")
    manifest = await asyncio.to_thread(home.get, f"rvar/{before.entry.ref.name}")
    await one.delete(before.entry.id)
    kept = {key: manifest["metadata"][key] for key in ("name", "namespace", "annotations")}
    restored = {**{key: manifest[key] for key in ("apiVersion", "kind", "spec")}, "metadata": kept}
    await asyncio.to_thread(home.apply, restored)
    async with running(home) as restarted:
        after = restarted.catalog.find(restarted.bearer, before.entry.id)
        assert (after.ref, after.id) == (before.entry.ref, before.entry.id)
        assert after.uid != before.entry.uid
        assert restarted.shown() == ["TOKEN"]


async def test_the_masked_preview_gives_way_once_the_controller_is_back(
    operator: Operator, home: Home, one: Replica
) -> None:
    operator.controller.stop()
    try:
        done = await one.upsert("TOKEN", LONG)
        assert (done.ready, done.entry.preview, done.entry.state) == (False, MASK, "pending")
    finally:
        operator.launch("controller")  # not from another thread: a program ends with the thread that started it
    await asyncio.to_thread(home.ready, done.entry.ref.name)
    await seen(one, home)
    assert one.catalog.find(one.bearer, done.entry.id).preview == "sk-ant...ghij"


def _refusing(policy: str, namespace: str) -> list[dict[str, Any]]:
    """A policy of somebody's that takes no variables in a namespace, and echoes what it refuses."""
    api = "admissionregistration.k8s.io"
    rule = {"apiGroups": [names.GROUP], "apiVersions": ["*"], "resources": ["runtimeenvvars"]}
    selector = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    spec = {
        "failurePolicy": "Fail",
        "matchConstraints": {"resourceRules": [{**rule, "operations": ["CREATE", "UPDATE"]}]},
        "validations": [{"expression": "false", "messageExpression": "string(object.spec.metadata.note)"}],
    }
    binding = {"policyName": policy, "validationActions": ["Deny"], "matchResources": {"namespaceSelector": selector}}
    common = {"apiVersion": f"{api}/v1", "metadata": {"name": policy}}
    return [
        {**common, "kind": "ValidatingAdmissionPolicy", "spec": spec},
        {**common, "kind": "ValidatingAdmissionPolicyBinding", "spec": binding},
    ]
