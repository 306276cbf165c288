"""Addresses and decoders."""

from __future__ import annotations

from typing import Any

import pytest

from runtimeenv.cluster.kinds import (
    CONFIG_MAPS,
    LEASES,
    NAMESPACES,
    RUNTIME_ENV_VARS,
    RUNTIME_ENVS,
    SECRET_METADATA,
    SECRETS,
    Kind,
    kind_of,
    ref_of,
)
from runtimeenv.cluster.objects import Metadata
from runtimeenv.core.identity import Ref


@pytest.mark.parametrize(
    ("kind", "ref", "path"),
    [
        (SECRETS, Ref("acme", "x"), "/api/v1/namespaces/acme/secrets/x"),
        (NAMESPACES, Ref("", "acme"), "/api/v1/namespaces/acme"),
        (LEASES, Ref("a", "b"), "/apis/coordination.k8s.io/v1/namespaces/a/leases/b"),
        (RUNTIME_ENVS, Ref("a", "renv.agent"), "/apis/runtime.miosa.ai/v1/namespaces/a/runtimeenvs/renv.agent"),
        (CONFIG_MAPS, Ref("a", "../b?c"), "/api/v1/namespaces/a/configmaps/..%2Fb%3Fc"),
    ],
)
def test_an_object_has_one_path(kind: Kind[Any], ref: Ref, path: str) -> None:
    assert kind.path(ref) == path
    assert kind.path(ref, "status") == f"{path}/status"


def test_a_collection_spans_the_cluster_or_one_namespace() -> None:
    assert SECRETS.collection() == "/api/v1/secrets"
    assert SECRETS.collection("acme") == "/api/v1/namespaces/acme/secrets"


def test_only_metadata_is_asked_for_where_only_metadata_is_read() -> None:
    assert "as=PartialObjectMetadata;" in SECRET_METADATA.accept
    assert "as=PartialObjectMetadataList;" in SECRET_METADATA.accept_list
    assert SECRETS.accept == SECRETS.accept_list == "application/json"


def test_a_kind_read_with_another_decoder_keeps_its_address() -> None:
    kind = SECRETS.read_as(Metadata)
    assert kind.path(Ref("a", "b")) == SECRETS.path(Ref("a", "b"))
    assert not hasattr(kind.decode(b'{"metadata": {"name": "b"}, "data": {"k": "dg=="}}'), "data")


def test_a_manifest_names_its_kind_and_itself() -> None:
    manifest = {
        "apiVersion": "runtime.miosa.ai/v1",
        "kind": "RuntimeEnvVar",
        "metadata": {"namespace": "a", "name": "b"},
    }
    assert kind_of(manifest) is RUNTIME_ENV_VARS
    assert ref_of(manifest) == Ref("a", "b")


def test_unknown_fields_are_skipped_and_absent_ones_have_defaults() -> None:
    found = SECRETS.decode(b'{"metadata": {"name": "s", "managedFields": [{"manager": "x"}]}, "immutable": true}')
    assert (found.metadata.ref, found.type, found.data) == (Ref("", "s"), "Opaque", {})


def test_reprs_show_no_value() -> None:
    secret = SECRETS.decode(b'{"metadata": {"name": "s"}, "data": {"k": "Y2FuYXJ5"}}')
    variable = RUNTIME_ENV_VARS.decode(b'{"metadata": {"name": "v"}, "spec": {"value": "canary"}}')
    assert secret.data == {"k": b"canary"}
    assert "canary" not in f"{secret!r} {[secret]} {variable!r} {[variable]}"
