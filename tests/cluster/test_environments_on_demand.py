"""RuntimeEnvs that pods ask for, those that users make ahead, and how long each stays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from runtimeenv.core import names
from tests import builders
from tests.cluster import homes
from tests.cluster.homes import CONTROLLER, Home
from tests.cluster.writes import create
from tests.kube.cluster import wait
from tests.kube.operator import Operator

DOMAIN = names.DEFAULT_POD_DOMAIN
TTL = "RUNTIME_ENV_ON_DEMAND_TTL"


@pytest.fixture(scope="module")
def impatient(operator: Operator) -> Iterator[Operator]:
    """The operator with a controller that removes unused RuntimeEnvs after 1 s."""
    environment = operator.launches["controller"].env
    before = environment.get(TTL)
    environment[TTL] = "1"
    operator.restart("controller")
    operator.wait_ready()
    yield operator
    environment.pop(TTL) if before is None else environment.update({TTL: before})
    operator.restart("controller")
    operator.wait_ready()


@pytest.fixture
def place(impatient: Operator) -> Iterator[Home]:
    """A tenant's namespace with one variable, in which pods can be made."""
    with homes.new(impatient) as home:
        wait(lambda: home.get("serviceaccount/default"), "the service account")
        home.apply(home.variable(value="hello"))
        yield home


def run(home: Home, name: str = "x", target: str = "sandbox", **ids: str) -> None:
    """Make a pod with a target label; without a node it stays Pending."""
    labels = {f"{DOMAIN}/{word}": text for word, text in {"target": target, **ids}.items()}
    done = create(home.cluster, builders.pod(f"{home.namespace}/{name}", labels), dry_run=False)
    assert done.code == 0, done.err


def stop(home: Home, name: str = "x") -> None:
    home.kubectl("delete", f"pod/{name}", "--grace-period=0", "--force")


def environments(home: Home) -> set[str]:
    return {found["metadata"]["name"] for found in home.items("renv")}


def gone(home: Home, name: str = "renv.sandbox") -> None:
    wait(lambda: name not in environments(home), f"{name} to go")
    wait(lambda: home.kubectl("get", f"secret/{name}", "--ignore-not-found").out == "", f"the Secret {name} to go")


def test_the_first_pod_that_asks_makes_its_environment(place: Home) -> None:
    run(place, target="agent", workspace="ws_1", project="Blog")
    name = "renv.agent.w-ws-u1.p--cblog"
    place.holds({"GREETING": "hello"}, name)
    found = place.get(f"renv/{name}")
    assert found["spec"] == {"target": "agent", "workspaceId": "ws_1", "projectId": "Blog"}
    assert found["metadata"]["labels"][names.ON_DEMAND_LABEL] == "true"
    injected = place.get("pod/x")["metadata"]["annotations"][names.INJECTED_ANNOTATION]
    assert injected == name


def test_it_goes_after_the_last_pod_and_comes_back_with_the_next(place: Home) -> None:
    run(place)
    run(place, "y")
    place.holds({"GREETING": "hello"})
    stop(place)
    run(place, "other", "agent")
    place.holds({"GREETING": "hello"}, "renv.agent")
    stop(place, "other")
    gone(place, "renv.agent")
    assert environments(place) == {"renv.sandbox"}
    stop(place, "y")
    gone(place)
    run(place)
    place.holds({"GREETING": "hello"})


def test_a_finished_pod_needs_no_environment(place: Home) -> None:
    run(place)
    place.holds({"GREETING": "hello"})
    finished = '{"status":{"phase":"Succeeded"}}'
    place.kubectl("patch", "pod/x", "--subresource=status", "--type=merge", "-p", finished)
    gone(place)


def test_a_pod_whose_label_is_gone_keeps_what_it_was_injected_with(place: Home) -> None:
    run(place)
    run(place, "other", "agent")
    place.holds({"GREETING": "hello"})
    place.holds({"GREETING": "hello"}, "renv.agent")
    place.kubectl("label", "pod/x", f"{DOMAIN}/target-")
    stop(place, "other")
    gone(place, "renv.agent")
    assert environments(place) == {"renv.sandbox"}


def test_one_that_a_user_made_stays_without_pods(place: Home) -> None:
    place.apply(place.environment())
    place.holds({"GREETING": "hello"})
    run(place)
    run(place, "other", "agent")
    place.holds({"GREETING": "hello"}, "renv.agent")
    stop(place)
    stop(place, "other")
    gone(place, "renv.agent")
    assert environments(place) == {"renv.sandbox"}


def test_one_whose_on_demand_label_was_removed_stays(place: Home) -> None:
    run(place)
    run(place, "other", "agent")
    place.holds({"GREETING": "hello"})
    place.holds({"GREETING": "hello"}, "renv.agent")
    place.kubectl("label", "renv/renv.sandbox", f"{names.ON_DEMAND_LABEL}-")
    stop(place)
    stop(place, "other")
    gone(place, "renv.agent")
    assert environments(place) == {"renv.sandbox"}


def test_one_that_is_deleted_while_a_pod_uses_it_is_made_again(place: Home) -> None:
    run(place)
    place.holds({"GREETING": "hello"})
    before = place.get("renv/renv.sandbox")["metadata"]["uid"]
    place.kubectl("delete", "renv/renv.sandbox")
    wait(lambda: place.get("renv/renv.sandbox")["metadata"]["uid"] != before, "a new one")
    place.holds({"GREETING": "hello"})


def test_what_pods_asked_for_and_left_while_the_controller_was_down_is_noticed(place: Home) -> None:
    run(place)
    place.holds({"GREETING": "hello"})
    place.operator.kill9("controller")
    stop(place)
    run(place, "other", "agent")
    place.operator.launch("controller")
    place.holds({"GREETING": "hello"}, "renv.agent")
    gone(place)
    place.operator.wait_ready()


def test_beyond_two_hundred_the_pod_is_told_in_an_event(place: Home) -> None:
    shapes = [(f"p{number:03}", f"renv.sandbox.p-p{number:03}") for number in range(200)]
    place.apply(*(builders.runtime_env(f"{place.namespace}/{name}", projectId=project) for project, name in shapes))
    run(place)
    about = "--field-selector=involvedObject.kind=Pod,reason=TooManyRuntimeEnvs"

    def told() -> Any:
        [event] = place.items("events", about)
        return event

    event = wait(told, "the Event on the pod")
    assert event["type"] == "Warning"
    assert "the namespace has 200 RuntimeEnvs already: delete unused ones" in event["message"]
    assert "renv.sandbox" not in environments(place)
    assert CONTROLLER not in event["message"]
