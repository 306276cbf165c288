import msgspec
import pytest

from runtimeenv.cluster.objects import AnnotatedMetadata
from runtimeenv.core.tenancy import Enrolment
from runtimeenv.errors import Denied, Unavailable
from runtimeenv.webhook.namespaces import Namespaces
from tests.builders import Manifest, namespace
from tests.fakes.cluster import FakeCluster


def shown(manifest: Manifest) -> AnnotatedMetadata:
    return msgspec.convert(manifest, AnnotatedMetadata)


def test_the_watch_says_what_is_known() -> None:
    known = Namespaces(FakeCluster())
    assert known.known("acme") is None
    known.put(shown(namespace("acme", "t1")))
    assert known.known("acme") == Enrolment("t1")
    known.put(shown(namespace("acme", "t1", "ws_1", projects="blog")))
    assert known.known("acme") == Enrolment("t1", "ws_1", None, frozenset({"blog"}))
    known.remove(shown(namespace("acme")))
    assert known.known("acme") is None


@pytest.mark.parametrize("tenant", ["", "-", "a b"])
def test_a_namespace_that_loses_its_enrolment_is_forgotten(tenant: str) -> None:
    known = Namespaces(FakeCluster())
    known.put(shown(namespace("acme", "t1")))
    known.put(shown(namespace("acme", tenant)))
    assert known.known("acme") is None


async def test_one_that_is_not_known_as_enrolled_is_read_once_more() -> None:
    cluster = FakeCluster(namespace("acme", "t1"))
    known = Namespaces(cluster)
    known.put(shown(namespace("acme")))
    assert await known.read("acme") == Enrolment("t1")
    assert [call.verb for call in cluster.calls] == ["get"]


@pytest.mark.parametrize("name", ["stray", "nowhere"])
async def test_one_that_is_not_enrolled_or_not_there_is_denied(name: str) -> None:
    with pytest.raises(Denied, match=f"namespace {name} is not enrolled"):
        await Namespaces(FakeCluster(namespace("stray"))).read(name)


@pytest.mark.virtual_time
async def test_an_api_server_that_says_nothing_for_a_second_is_waited_for_no_longer() -> None:
    cluster = FakeCluster(namespace("acme", "t1"))
    with cluster.faults.calls_delayed(), pytest.raises(Unavailable, match="get namespace acme: no answer"):
        await Namespaces(cluster).read("acme")


async def test_a_failing_api_server_is_no_enrolment() -> None:
    cluster = FakeCluster(namespace("acme", "t1"))
    cluster.faults.fail(Unavailable(500, "get namespaces"))
    with pytest.raises(Unavailable):
        await Namespaces(cluster).read("acme")
