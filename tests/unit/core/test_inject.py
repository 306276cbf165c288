import copy

import pytest
from hypothesis import given

from runtimeenv.core.inject import inject, inject_ephemeral, pod_terms
from runtimeenv.core.names import INJECTED_ANNOTATION
from runtimeenv.errors import Invalid
from tests.patching import applied
from tests.unit.core.pods import DOMAIN, OTHER, SECRET, Manifest, containers, pods, read, selected, wired

OURS = {"secretRef": {"name": SECRET, "optional": False}}


def pod(*, annotations: dict[str, str] | None = None, **spec: object) -> Manifest:
    return {"metadata": {"annotations": annotations}, "spec": spec}


@given(pods())
def test_every_selected_container_has_our_reference_first(manifest: Manifest) -> None:
    after = wired(manifest)
    for container, chosen in zip(containers(after), selected(manifest), strict=True):
        if chosen:
            first = container["envFrom"][0]
            assert first["secretRef"]["name"] == SECRET
            assert not first["secretRef"].get("optional")
            assert not first.get("prefix")


@given(pods())
def test_a_second_pass_changes_nothing(manifest: Manifest) -> None:
    after = read(wired(manifest))
    assert inject(after, SECRET, pod_terms(after, DOMAIN)) == []


@given(pods())
def test_nothing_else_of_the_pod_changes(manifest: Manifest) -> None:
    before, after = copy.deepcopy(manifest), wired(manifest)
    for one in (before, after):
        one["metadata"]["annotations"] = {**(one["metadata"].get("annotations") or {}), INJECTED_ANNOTATION: ""}
        for container in containers(one):
            container.pop("envFrom", None)
            container.pop("env", None)
    assert after == before


@given(pods())
def test_what_the_pod_declares_itself_stays_in_its_order_after_ours(manifest: Manifest) -> None:
    copied = (manifest["metadata"].get("annotations") or {}).get(INJECTED_ANNOTATION, "")
    for before, after in zip(containers(manifest), containers(wired(manifest)), strict=True):
        declared = [source for source in before.get("envFrom") or [] if not refers(source, copied)]
        kept = [source for source in after.get("envFrom") or [] if not refers(source, SECRET)]
        assert kept == [source for source in declared if not refers(source, SECRET)]


@given(pods())
def test_the_annotation_names_the_secret_and_no_value(manifest: Manifest) -> None:
    assert wired(manifest)["metadata"]["annotations"][INJECTED_ANNOTATION] == SECRET


@given(pods())
def test_a_copied_annotation_takes_its_references_along(manifest: Manifest) -> None:
    manifest["metadata"]["annotations"] = {
        **(manifest["metadata"].get("annotations") or {}),
        INJECTED_ANNOTATION: OTHER,
    }
    for container in containers(wired(manifest)):
        assert not any(refers(source, OTHER) for source in container.get("envFrom") or [])


def refers(source: Manifest, secret: str) -> bool:
    """As our references do."""
    ref = source.get("secretRef", {})
    return (
        ref.get("name") == secret and secret.startswith("renv.") and not ref.get("optional") and "prefix" not in source
    )


def test_a_reference_that_another_webhook_pushed_down_comes_first_again() -> None:
    pushed = [{"configMapRef": {"name": "x"}}, OURS]
    after = wired(pod(annotations={INJECTED_ANNOTATION: SECRET}, containers=[{"name": "main", "envFrom": pushed}]))
    assert after["spec"]["containers"][0]["envFrom"] == [OURS, {"configMapRef": {"name": "x"}}]


def test_a_reference_that_the_pod_declares_itself_stays_behind_its_own_others() -> None:
    own = [{"configMapRef": {"name": "x"}}, OURS]
    after = wired(pod(containers=[{"name": "main", "envFrom": own}]))
    assert after["spec"]["containers"][0]["envFrom"] == [OURS, *own]


def test_an_annotation_that_names_no_environment_takes_nothing_along() -> None:
    own = [{"secretRef": {"name": "settings"}}]
    after = wired(pod(annotations={INJECTED_ANNOTATION: "settings"}, containers=[{"name": "main", "envFrom": own}]))
    assert after["spec"]["containers"][0]["envFrom"] == [OURS, *own]


@pytest.mark.parametrize(
    "spec", [{}, {"containers": None}, {"containers": []}, {"containers": [], "initContainers": None}]
)
def test_a_pod_without_containers_gets_the_annotation_alone(spec: Manifest) -> None:
    assert wired(pod(**spec)) == pod(annotations={INJECTED_ANNOTATION: SECRET}, **spec)


@pytest.mark.parametrize("chosen", ["nope", "main,nope", "", " ", "main,", "Main", "main worker"])
def test_a_container_that_the_pod_lacks_is_refused_without_echo(chosen: str) -> None:
    manifest = pod(annotations={f"{DOMAIN}/containers": chosen}, containers=[{"name": "main"}, {"name": "worker"}])
    with pytest.raises(
        Invalid, match=f"annotation {DOMAIN}/containers: names a container that this pod does not have"
    ) as refused:
        pod_terms(read(manifest), DOMAIN)
    assert "nope" not in str(refused.value)


def test_a_container_without_a_name_is_never_chosen() -> None:
    manifest = pod(annotations={f"{DOMAIN}/containers": ""}, containers=[{}])
    with pytest.raises(Invalid):
        pod_terms(read(manifest), DOMAIN)


def debugged(stored: Manifest, *added: Manifest) -> Manifest:
    manifest = copy.deepcopy(stored)
    manifest["spec"]["ephemeralContainers"] = [*(stored["spec"].get("ephemeralContainers") or []), *added]
    patched: Manifest = applied(manifest, inject_ephemeral(read(manifest), read(stored)))
    return patched


def test_only_new_ephemeral_containers_are_wired() -> None:
    stored = pod(annotations={INJECTED_ANNOTATION: SECRET}, ephemeralContainers=[{"name": "first"}])
    after = debugged(stored, {"name": "second"}, {"name": "third", "envFrom": [{"configMapRef": {"name": "x"}}]})
    first, second, third = after["spec"]["ephemeralContainers"]
    assert "envFrom" not in first
    assert second["envFrom"] == [OURS]
    assert third["envFrom"] == [OURS, {"configMapRef": {"name": "x"}}]
    assert debugged(after) == after


def test_a_pod_that_was_never_injected_takes_any_ephemeral_container() -> None:
    stored = pod(containers=[{"name": "main"}])
    assert debugged(stored, {"name": "debug"})["spec"]["ephemeralContainers"] == [{"name": "debug"}]


def test_the_stored_annotation_decides_for_ephemeral_containers() -> None:
    stored, sent = pod(annotations={INJECTED_ANNOTATION: SECRET}), pod(annotations={INJECTED_ANNOTATION: OTHER})
    sent["spec"]["ephemeralContainers"] = [{"name": "debug"}]
    after = applied(sent, inject_ephemeral(read(sent), read(stored)))
    assert after["spec"]["ephemeralContainers"][0]["envFrom"] == [OURS]


def test_an_annotation_changed_since_to_another_secret_denies_ephemeral_containers() -> None:
    stored = pod(annotations={INJECTED_ANNOTATION: "database"})
    with pytest.raises(Invalid, match="names no environment"):
        debugged(stored, {"name": "debug"})
