"""What the REST API writes, against a real API server and controller: two replicas of its catalog and writes."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from kubernetes.aio.client import ApiClient

from runtimeenv.api.bearers import Bearer
from runtimeenv.api.catalog import Catalog
from runtimeenv.api.claimants import CLAIMANTS, LIVE, Claimant
from runtimeenv.api.writes import Change, Done, Draft, Writes
from runtimeenv.cluster import access
from runtimeenv.cluster.client import ApiCluster
from runtimeenv.cluster.kinds import NAMESPACES
from runtimeenv.cluster.protocol import Query
from runtimeenv.cluster.reflector import Reflector
from runtimeenv.core import names
from runtimeenv.core.identity import Identity, Layer, Project, Tenant
from runtimeenv.core.patches import add
from runtimeenv.core.values import MASK, Plaintext
from runtimeenv.crypto.seal import SealingKey
from runtimeenv.errors import Conflict, Denied, Invalid, NoHome, NotFound, PreconditionFailed, Rejected, Unavailable
from tests import builders
from tests.cluster import homes
from tests.cluster.homes import Home
from tests.kube.chart import NAMESPACE
from tests.kube.cluster import wait
from tests.kube.operator import Operator

LONG = "sk-ant-0123456789abcdefghij"


@dataclass
class Replica:
    """One process of the REST API, as far as its catalog and writes go; it acts for one tenant."""

    cluster: ApiCluster
    catalog: Catalog
    writes: Writes
    bearer: Bearer

    async def upsert(self, name: str, value: str, **notes: Any) -> Done:
        """POST of a variable of the whole tenant."""
        return await self.writes.upsert(self.bearer, Draft(self.identity(name), Plaintext(value), True, notes))

    async def update(self, id: str, **fields: Any) -> Done:  # noqa: A002
        """PATCH."""
        matches = fields.pop("matches", lambda _etag: True)
        return await self.writes.update(self.bearer, id, Change(**fields), matches)

    async def delete(self, id: str) -> str:  # noqa: A002
        """DELETE."""
        return await self.writes.delete(self.bearer, id, lambda _etag: True)

    def identity(self, name: str) -> Identity:
        """Of the whole tenant, for all targets."""
        return Identity(Layer(Tenant(self.bearer.tenant), "all"), name)

    async def until(self, revision: str) -> None:
        """What a GET with this Runtime-Env-Revision does first."""
        await self.catalog.reached(self.bearer.tenant, int(revision))

    def shown(self) -> list[str]:
        """The NAMEs of the tenant's list."""
        return [entry.identity.name for entry in self.catalog.select(self.bearer)]


@asynccontextmanager
async def running(home: Home) -> AsyncIterator[Replica]:
    """A replica that has synced."""
    published = home.cluster.get_json("configmap", names.PUBLIC_KEY_CONFIG_MAP, "-n", NAMESPACE)
    key = SealingKey.parse(published["data"]["sealing-key"])
    catalog = Catalog()
    async with ApiClient(await access.configuration({"KUBECONFIG": str(home.cluster.kubeconfig)})) as api:
        cluster = ApiCluster(api)
        variables: Reflector[Claimant] = Reflector(
            cluster,
            CLAIMANTS,
            Query(),
            catalog.put_variable,
            catalog.remove_variable,
            on_version=lambda: catalog.advanced(variables.version),
        )
        spaces = Reflector(cluster, NAMESPACES, Query(), catalog.put_namespace, catalog.remove_namespace)
        tasks = [asyncio.create_task(reflector.run()) for reflector in (variables, spaces)]
        await asyncio.gather(variables.synced.wait(), spaces.synced.wait())
        bearer = Bearer("abcdefghij234567", home.namespace, "write")
        yield Replica(cluster, catalog, Writes(cluster, catalog, lambda: key), bearer)
        await api.close()  # waits for the connections' ends, which a watch that is cancelled does not
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
async def replicas(home: Home) -> AsyncIterator[tuple[Replica, Replica]]:
    async with AsyncExitStack() as stack:
        yield await stack.enter_async_context(running(home)), await stack.enter_async_context(running(home))


@pytest.fixture
def one(replicas: tuple[Replica, Replica]) -> Replica:
    return replicas[0]


async def kubectl(home: Home, *args: str, **kw: Any) -> str:
    """kubectl in the tenant's namespace, while the replicas go on."""
    return (await asyncio.to_thread(home.kubectl, *args, **kw)).out


async def seen(replica: Replica, home: Home) -> None:
    """Until the replica has what kubectl wrote."""
    listed = await replica.cluster.list(CLAIMANTS, Query(home.namespace))
    newest = max((item.metadata.version for item in listed.items), default=0)
    await replica.catalog.reached(replica.bearer.tenant, newest)


async def test_what_is_posted_is_ready_and_reaches_pods(home: Home, one: Replica) -> None:
    await asyncio.to_thread(home.apply, home.environment())
    done = await one.upsert("GREETING", LONG, owner="me")
    assert (done.created, done.ready, done.entry.preview) == (True, True, "sk-ant...ghij")
    await asyncio.to_thread(home.holds, {"GREETING": LONG})
    stored = await asyncio.to_thread(home.get, f"rvar/{done.entry.ref.name}")
    assert stored["status"]["id"] == done.entry.id
    assert stored["spec"]["metadata"] == {"owner": "me"}
    assert stored["metadata"]["annotations"] == {names.API_KEY_ANNOTATION: one.bearer.key_id}


async def test_200_posts_at_once_over_two_replicas_leave_one_object_with_the_last_value(
    home: Home, replicas: tuple[Replica, Replica]
) -> None:
    await asyncio.to_thread(home.apply, home.environment())
    done = await asyncio.gather(*(replicas[n % 2].upsert("TOKEN", f"value {n}") for n in range(200)))
    assert [d.created for d in done].count(True) == 1
    assert len({d.entry.uid for d in done}) == 1
    last = await replicas[0].upsert("TOKEN", "the last")
    assert (last.ready, last.entry.generation) == (True, 201)
    await asyncio.to_thread(home.holds, {"TOKEN": "the last"})
    assert len(await asyncio.to_thread(home.items, "rvar")) == 1


async def test_what_one_replica_writes_the_other_shows_at_its_revision(replicas: tuple[Replica, Replica]) -> None:
    one, other = replicas
    for value in ("a", "b"):
        done = await one.upsert("TOKEN", value)
        await other.until(done.revision)
        assert other.catalog.find(other.bearer, done.entry.id).item == done.entry.item
    revision = await other.delete(done.entry.id)
    await one.until(revision)
    assert one.shown() == other.shown() == []


async def test_what_kubectl_writes_shows_and_the_reverse(home: Home, one: Replica) -> None:
    await asyncio.to_thread(home.apply, home.variable("greeting", value="hello"))
    await asyncio.to_thread(home.ready, "greeting")
    await seen(one, home)
    id_ = one.identity("GREETING").id
    assert (one.catalog.find(one.bearer, id_).state, one.shown()) == ("ready", ["GREETING"])
    done = await one.update(id_, enabled=False)
    assert (done.ready, done.entry.reason) == (True, "Disabled")
    columns = "jsonpath={.spec.enabled} {.status.conditions[?(@.type=='Ready')].reason}"
    assert await kubectl(home, "get", "rvar/greeting", "-o", columns) == "false Disabled"
    again = await one.upsert("GREETING", "new")
    assert (again.created, again.entry.ref.name, again.entry.enabled) == (False, "greeting", True)


async def test_a_value_takes_the_place_of_a_reference_to_a_secret(home: Home, one: Replica) -> None:
    reference = {"secretKeyRef": {"name": "keys", "key": "a"}}
    await asyncio.to_thread(
        home.apply, home.environment(), home.source({"a": "old"}), home.variable("greeting", valueFrom=reference)
    )
    await asyncio.to_thread(home.ready, "greeting")
    await seen(one, home)
    assert (await one.update(one.identity("GREETING").id, value=Plaintext("new"))).ready
    await asyncio.to_thread(home.holds, {"GREETING": "new"})


async def test_a_patch_holds_at_the_state_that_if_match_names_only(home: Home, one: Replica) -> None:
    first = await one.upsert("TOKEN", "a")
    await kubectl(home, "patch", f"rvar/{first.entry.ref.name}", "--type=merge", "-p", '{"spec":{"enabled":false}}')
    with pytest.raises(PreconditionFailed):
        await one.update(first.entry.id, value=Plaintext("b"), matches=first.entry.etag.__eq__)
    await seen(one, home)
    shown = one.catalog.find(one.bearer, first.entry.id).etag
    done = await one.update(first.entry.id, notes={"a": 1}, matches=lambda etag: etag in (shown, first.entry.etag))
    assert (done.entry.enabled, done.entry.notes) == (False, {"a": 1})


async def test_a_patch_with_nothing_to_change_moves_nothing(one: Replica) -> None:
    first = await one.upsert("TOKEN", "a", owner="me")
    done = await one.update(first.entry.id, enabled=True, notes={"owner": "me"})
    assert done.entry.version == first.entry.version


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
        await asyncio.to_thread(operator.launch, "controller")
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
