"""What sealing needs from a cluster: the public key, and whose a namespace is."""

from __future__ import annotations

from runtimeenv.cluster.client import connect
from runtimeenv.cluster.kinds import CONFIG_MAPS, NAMESPACES
from runtimeenv.cluster.protocol import Cluster
from runtimeenv.core.identity import Ref
from runtimeenv.core.names import PUBLIC_KEY_CONFIG_MAP
from runtimeenv.core.tenancy import Enrolment, enrolment
from runtimeenv.crypto.seal import KEY_FIELD, SealingKey
from runtimeenv.errors import Denied, NotFound


async def fetch_sealing_key(context: str | None, system: str) -> SealingKey:
    """The public key from the cluster of this kubeconfig context."""
    async with connect(context) as cluster:
        return await read_sealing_key(cluster, system)


async def fetch_enrolment(context: str | None, namespace: str) -> Enrolment:
    """A namespace's enrolment from the cluster of this kubeconfig context."""
    async with connect(context) as cluster:
        return await read_enrolment(cluster, namespace)


async def read_sealing_key(cluster: Cluster, system: str) -> SealingKey:
    """The public key that the operator in namespace ``system`` publishes. Raises NotFound, Invalid, ClusterError."""
    ref = Ref(system, PUBLIC_KEY_CONFIG_MAP)
    published = await cluster.get(CONFIG_MAPS, ref)
    if published is None or KEY_FIELD not in published.data:
        asked = "is Runtime Env installed there, and running? --system-namespace names another namespace"
        raise NotFound(f"ConfigMap {ref} holds no public key: {asked}")
    return SealingKey.parse(published.data[KEY_FIELD])


async def read_enrolment(cluster: Cluster, namespace: str) -> Enrolment:
    """Whose this namespace is. Raises Denied where it is nobody's, and ClusterError."""
    found = await cluster.get(NAMESPACES, Ref("", namespace))
    enrolled = found and enrolment(found.metadata.labels, found.metadata.annotations)
    if not enrolled:
        raise Denied(f"namespace {namespace} belongs to no tenant: enrol it first, or give --tenant")
    return enrolled
