from typing import Any

import msgspec
import pytest

from runtimeenv.cluster.objects import AnnotatedMetadata
from runtimeenv.core.names import INJECTED_ANNOTATION
from tests.builders import Manifest, namespace, pod
from tests.unit.webhook.reviewing import Verdict, injecting

ACME = namespace("acme", "acme")
BLOG = namespace("blog", "acme", "ws_123", projects="blog, shop")
DOMAIN = "runtime.miosa.ai"
SANDBOX = {f"{DOMAIN}/target": "sandbox"}


async def created(where: Manifest, labels: dict[str, str], **annotations: str) -> Verdict:
    manifest = pod(
        f"{where['metadata']['name']}/x", labels, {f"{DOMAIN}/{k.replace('_', '-')}": v for k, v in annotations.items()}
    )
    return await injecting(ACME, BLOG, namespace("stray")).about(manifest)


def reference(verdict: Verdict) -> Any:
    assert verdict.object is not None, verdict.message
    container = verdict.object["spec"]["containers"][0]
    assert (
        verdict.object["metadata"]["annotations"][INJECTED_ANNOTATION] == container["envFrom"][0]["secretRef"]["name"]
    )
    return container["envFrom"]


@pytest.mark.parametrize(
    ("where", "labels", "secret"),
    [
        (ACME, {}, "renv.sandbox"),
        (ACME, {f"{DOMAIN}/workspace": "ws_123"}, "renv.sandbox.w-ws-u123"),
        (ACME, {f"{DOMAIN}/workspace": "Ab", f"{DOMAIN}/project": "c.d"}, "renv.sandbox.w--cab.p-c-dd"),
        (BLOG, {}, "renv.sandbox.w-ws-u123"),
        (BLOG, {f"{DOMAIN}/workspace": "ws_123", f"{DOMAIN}/project": "shop"}, "renv.sandbox.w-ws-u123.p-shop"),
    ],
)
async def test_a_pod_refers_to_the_environment_of_its_shape(
    where: Manifest, labels: dict[str, str], secret: str
) -> None:
    verdict = await created(where, SANDBOX | labels)
    assert reference(verdict) == [{"secretRef": {"name": secret, "optional": False}}]


async def test_dry_runs_and_series_are_answered_alike() -> None:
    first, second = await created(ACME, SANDBOX), await created(ACME, SANDBOX)
    assert first == second


@pytest.mark.parametrize(
    ("where", "labels", "code", "message"),
    [
        (
            "stray",
            SANDBOX,
            403,
            "namespace stray is not enrolled: set its label runtime.miosa.ai/tenant",
        ),
        ("nowhere", SANDBOX, 403, "namespace nowhere is not enrolled"),
        (
            "blog",
            SANDBOX | {f"{DOMAIN}/workspace": "ws_9"},
            403,
            "is ws_9, but the namespace fixes the workspace as ws_123",
        ),
        ("blog", SANDBOX | {f"{DOMAIN}/project": "else"}, 403, "is else, but the namespace lists blog, shop"),
        (
            "acme",
            {f"{DOMAIN}/target": "all"},
            422,
            "label runtime.miosa.ai/target: use one of sandbox, computer, agent",
        ),
        ("acme", {f"{DOMAIN}/target": ""}, 422, "label runtime.miosa.ai/target: use one of"),
        ("acme", SANDBOX | {f"{DOMAIN}/workspace": "-"}, 422, "label runtime.miosa.ai/workspace: must be 1 to 63"),
        ("acme", SANDBOX | {f"{DOMAIN}/workspace": "A" * 63, f"{DOMAIN}/project": "B" * 63}, 422, "use shorter ids"),
    ],
)
async def test_a_pod_that_can_have_no_environment_is_denied_with_the_mend(
    where: str, labels: dict[str, str], code: int, message: str
) -> None:
    verdict = await created({"metadata": {"name": where}}, labels)
    assert (verdict.object, verdict.code) == (None, code)
    assert message in verdict.message


async def test_annotations_out_of_form_deny_the_whole_pod() -> None:
    assert "annotation runtime.miosa.ai/containers: " in (await created(ACME, SANDBOX, containers="nope")).message
    assert "annotation runtime.miosa.ai/run-env: " in (await created(ACME, SANDBOX, run_env="[]")).message


async def test_run_env_is_written_first_and_escaped() -> None:
    verdict = await created(ACME, SANDBOX, run_env='{"COST": "$5", "RUN": ""}')
    assert verdict.object is not None
    env = verdict.object["spec"]["containers"][0]["env"]
    assert env == [{"name": "COST", "value": "$$5"}, {"name": "RUN"}]


@pytest.mark.parametrize("labels", [{}, {"app": "x"}, SANDBOX | {f"{DOMAIN}/inject": "false"}])
async def test_a_pod_without_target_or_opted_out_stays_as_it_is(labels: dict[str, str]) -> None:
    assert (await created({"metadata": {"name": "stray"}}, labels)).ops == []


async def test_a_pod_that_opts_out_of_nothing_is_injected() -> None:
    assert reference(await created(ACME, SANDBOX | {f"{DOMAIN}/inject": "true"}))


async def test_another_domain_is_the_only_one_that_counts() -> None:
    asked = injecting(ACME, domain="sandbox.users.io")
    assert (await asked.about(pod("acme/x", SANDBOX))).ops == []
    verdict = await asked.about(pod("acme/x", {"sandbox.users.io/target": "agent"}))
    assert reference(verdict)[0]["secretRef"]["name"] == "renv.agent"


async def test_an_update_of_a_pod_changes_nothing() -> None:
    assert (await injecting(ACME).about(pod("acme/x", SANDBOX), old=pod("acme/x", SANDBOX))).ops == []


async def test_ephemeral_containers_follow_the_stored_annotation_and_ask_nobody() -> None:
    stored = pod("stray/x", {}, {INJECTED_ANNOTATION: "renv.sandbox"})
    changed = pod("stray/x", SANDBOX, {INJECTED_ANNOTATION: "renv.agent"})
    changed["spec"]["ephemeralContainers"] = [{"name": "debug"}]
    asked = injecting()
    verdict = await asked.about(changed, stored, sub_resource="ephemeralcontainers")
    assert verdict.object is not None
    assert verdict.object["spec"]["ephemeralContainers"][0]["envFrom"][0]["secretRef"]["name"] == "renv.sandbox"
    assert asked.cluster.calls == []


async def test_a_namespace_that_the_watch_has_shown_is_not_read() -> None:
    asked = injecting(ACME)
    asked.namespaces.put(msgspec.convert(ACME, AnnotatedMetadata))
    assert reference(await asked.about(pod("acme/x", SANDBOX)))
    assert asked.cluster.calls == []


async def test_outcomes_are_counted() -> None:
    asked = injecting(ACME)
    await asked.about(pod("acme/x", SANDBOX))
    await asked.about(pod("acme/x"))
    await asked.about(pod("stray/x", SANDBOX))
    await asked.raw(b"{}")
    assert [asked.count(outcome) for outcome in ("patched", "allowed", "denied", "malformed")] == [1, 1, 1, 1]
