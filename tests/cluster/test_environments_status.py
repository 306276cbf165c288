"""What one pod shape receives, and why: the RuntimeEnv's status and its Secret, through all six layers."""

from __future__ import annotations

from typing import Any

import pytest

from runtimeenv.core import names
from tests import builders
from tests.builders import Manifest
from tests.cluster import homes
from tests.cluster.homes import CONTROLLER, Home, condition
from tests.kube.cluster import wait
from tests.kube.operator import Operator

LAYERS: dict[str, dict[str, str]] = {
    f"{scope}-{target}": {"scope": scope, "target": target, **ids}
    for scope, ids in (("tenant", {}), ("workspace", {"workspaceId": "ws_1"}), ("project", {"projectId": "Blog"}))
    for target in ("all", "agent")
}
FULL = "renv.agent.w-ws-u1.p--cblog"


def layered(home: Home, layer: str) -> Manifest:
    """The variable that defines GREETING in a layer, its value being the layer's name."""
    return builders.variable(f"{home.namespace}/{layer}", "GREETING", value=layer, **LAYERS[layer])


def environment(home: Home, name: str, **spec: Any) -> Manifest:
    return builders.runtime_env(f"{home.namespace}/{name}", **spec)


def settled(home: Home, name: str = "renv.sandbox") -> Any:
    """The RuntimeEnv once its status tells of its Secret as it stands."""

    def told() -> Any:
        found = home.get(f"renv/{name}")
        version = home.get(f"secret/{name}")["metadata"]["resourceVersion"]
        return found["status"]["secretVersion"] == version and found

    return wait(told, f"{name}'s status to tell of its Secret")


@pytest.fixture
def both(home: Home) -> Home:
    """A home whose sandboxes receive ONE and TWO."""
    home.apply(home.environment(), home.variable("one", value="1"), home.variable("two", value="2"))
    home.ready("one", "two")
    home.holds({"ONE": "1", "TWO": "2"})
    return home


def test_the_narrowest_of_six_layers_wins_and_the_status_names_what_it_hides(home: Home) -> None:
    home.apply(environment(home, FULL, target="agent", workspaceId="ws_1", projectId="Blog"))
    home.apply(environment(home, "renv.agent", target="agent"), environment(home, "renv.sandbox", target="sandbox"))
    home.apply(*(layered(home, layer) for layer in LAYERS))
    home.ready(*LAYERS)
    home.holds({"GREETING": "tenant-agent"}, "renv.agent")
    home.holds({"GREETING": "tenant-all"})
    order = list(LAYERS)
    while order:
        home.holds({"GREETING": order[-1]}, FULL)
        [told] = settled(home, FULL)["status"]["variables"]
        assert told["source"] == f"{home.namespace}/{order[-1]}"
        assert (told["name"], f"{told['scope']}-{told['target']}") == ("GREETING", order[-1])
        assert len(told.get("overrides", [])) == len(order) - 1
        home.kubectl("delete", f"rvar/{order.pop()}", "--wait=false")
    home.holds({}, FULL)


def test_variables_of_a_tenant_reach_the_namespaces_that_inherit_them(home: Home, operator: Operator) -> None:
    with homes.new(operator, "ws_1", tenant=home.namespace) as team:
        team.apply(environment(team, "renv.agent.w-ws-u1", target="agent", workspaceId="ws_1"))
        home.apply(home.variable(value="for all"))
        own = {"scope": "workspace", "workspaceId": "ws_1"}
        team.apply(builders.variable(f"{team.namespace}/own", "OWN", value="ours", **own))
        home.ready("greeting")
        team.ready("own")
        team.holds({"GREETING": "for all", "OWN": "ours"}, "renv.agent.w-ws-u1")
        sources = [v["source"] for v in settled(team, "renv.agent.w-ws-u1")["status"]["variables"]]
        assert sources == [f"{home.namespace}/greeting", f"{team.namespace}/own"]


def test_another_tenants_variables_never_show(home: Home, operator: Operator) -> None:
    with homes.new(operator) as stranger:
        stranger.apply(stranger.environment(), stranger.variable("theirs", value="theirs"))
        home.apply(home.environment(), home.variable(value="ours"))
        home.ready("greeting")
        stranger.ready("theirs")
        assert (home.held(), stranger.held()) == ({"GREETING": "ours"}, {"THEIRS": "theirs"})


def test_the_secret_is_of_our_type_and_belongs_to_its_runtimeenv(both: Home) -> None:
    owner, secret = settled(both), both.get("secret/renv.sandbox")
    assert (secret["type"], secret.get("immutable", False)) == (names.ENV_TYPE, False)
    assert names.DERIVED_LABELS.items() <= secret["metadata"]["labels"].items()
    [reference] = secret["metadata"]["ownerReferences"]
    assert (reference["kind"], reference["uid"]) == ("RuntimeEnv", owner["metadata"]["uid"])
    assert owner["status"]["secretName"] == "renv.sandbox"
    assert condition(owner)["message"] == "pods receive 2 variables"


def test_the_revision_moves_with_values_and_names_alone(both: Home) -> None:
    def revision() -> str:
        return str(settled(both)["status"]["revision"])

    first = revision()
    both.apply(both.variable("one", value="1", metadata={"note": "x"}))
    both.until("rvar/one", "Materialized")
    assert revision() == first
    both.apply(both.variable("one", value="other"))
    both.until("rvar/one", "Materialized")
    assert (second := revision()) != first
    both.kubectl("delete", "rvar/two")
    both.holds({"ONE": "other"})
    assert revision() not in (first, second)


@pytest.fixture(params=["wiped", "changed", "foreign-key", "deleted", "disowned"])
def damage(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """What somebody who may act as the controller could do to a derived Secret, as kubectl's words."""
    patch = ("patch", "--type=merge", "-p")
    damages: dict[str, tuple[str, ...]] = {
        "wiped": (*patch, '{"data":null}'),
        "changed": (*patch, '{"data":{"ONE":"eA=="}}'),
        "foreign-key": (*patch, '{"data":{"FOREIGN":"eA=="}}'),
        "deleted": ("delete",),
        "disowned": (*patch, '{"metadata":{"ownerReferences":null}}'),
    }
    return damages[request.param]


def act(home: Home, words: tuple[str, ...], secret: str) -> None:
    verb, *options = words
    home.kubectl(verb, secret, *options, user=CONTROLLER, groups=["system:masters"])


def test_a_damaged_environment_is_restored(both: Home, damage: tuple[str, ...]) -> None:
    before = settled(both)["status"]
    act(both, damage, "secret/renv.sandbox")
    wait(lambda: both.get("renv/renv.sandbox")["status"]["secretVersion"] != before["secretVersion"], "a new version")
    both.holds({"ONE": "1", "TWO": "2"})
    assert both.get("secret/renv.sandbox")["metadata"]["ownerReferences"]
    assert settled(both)["status"]["revision"] == before["revision"]


@pytest.mark.parametrize(
    "words",
    [
        ("patch", "--type=merge", "-p", '{"data":null}'),
        ("patch", "--type=merge", "-p", '{"data":{"envelope":null}}'),
        ("patch", "--type=merge", "-p", '{"data":{"record":"e30="}}'),
        ("delete",),
    ],
    ids=["wiped", "without-envelope", "other-record", "deleted"],
)
def test_a_damaged_encrypted_secret_is_written_anew(both: Home, words: tuple[str, ...]) -> None:
    encrypted = both.encrypted("one")
    before = both.get(encrypted)
    act(both, words, encrypted)

    def whole() -> bool:
        found = both.get(encrypted)
        assert found["metadata"]["resourceVersion"] != before["metadata"]["resourceVersion"]
        assert found["data"].keys() == {"envelope", "record"}
        return bool(found["data"]["record"] != "e30=")

    wait(whole, "the encrypted Secret to be whole")
    both.holds({"ONE": "1", "TWO": "2"})
    both.until("rvar/one", "Materialized")


def test_an_older_envelope_of_the_same_variable_is_not_believed(both: Home) -> None:
    encrypted = both.encrypted("one")
    old = both.get(encrypted)["data"]
    both.apply(both.variable("one", value="newer"))
    both.until("rvar/one", "Materialized")
    replay = f'{{"data":{{"envelope":"{old["envelope"]}","record":"{old["record"]}"}}}}'
    act(both, ("patch", "--type=merge", "-p", replay), encrypted)
    wait(lambda: both.get(encrypted)["data"] != old, "the encrypted Secret to be written anew")
    both.holds({"ONE": "newer", "TWO": "2"})


def test_a_secret_of_another_type_that_stands_in_the_way_is_replaced(home: Home, operator: Operator) -> None:
    blocking = builders.source_secret(f"{home.namespace}/renv.agent", {"FOREIGN": "x"}, consent=False)
    home.cluster.apply(blocking, user=CONTROLLER, groups=["system:masters"])
    home.apply(home.environment("agent"), home.variable(value="hello"))
    home.ready("greeting")
    home.holds({"GREETING": "hello"}, "renv.agent")
    assert home.get("secret/renv.agent")["type"] == names.ENV_TYPE
    operator.controller.expect_alive()


def test_a_deleted_runtimeenv_takes_its_secret_along(both: Home) -> None:
    both.kubectl("delete", "renv/renv.sandbox")
    wait(lambda: both.kubectl("get", "secret/renv.sandbox", "--ignore-not-found").out == "", "its Secret to go")
    both.apply(both.environment())
    both.holds({"ONE": "1", "TWO": "2"})


def test_too_many_names_leave_the_last_good_environment(both: Home) -> None:
    large = [both.variable(f"large-{number}", value="x" * 30000) for number in range(18)]
    both.apply(*large)
    said = both.until("renv/renv.sandbox", "TooLarge")
    assert "bytes, but one environment holds 524288" in said
    held = both.held()
    assert (held["ONE"], held["TWO"]) == ("1", "2")
    assert sum(map(len, held.values())) <= 512 * 1024
    assert len(held) < len(large) + 2  # not the one that was too large
    both.kubectl("delete", *(f"rvar/large-{number}" for number in range(2)))
    both.until("renv/renv.sandbox", "Materialized")
    wait(lambda: len(both.held()) == len(large), "the rest to be held")
