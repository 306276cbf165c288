"""The review that the injection bench sends: a pod of four containers, 9 KB, as the API server writes it."""

from __future__ import annotations

import json
from typing import Any, Final

SIZE: Final = 9 * 1024
NAMESPACES: Final = 10_000


def namespace_name(index: int) -> str:
    """One of the 10,000."""
    return f"team-{index:05d}"


def review(namespace: str, uid: str) -> bytes:
    """A CREATE of a sandbox pod in a namespace; ``uid`` is the review's."""
    body = _review(namespace, uid, "")
    padding = SIZE - len(json.dumps(body, separators=(",", ":")))
    return json.dumps(_review(namespace, uid, "x" * padding), separators=(",", ":")).encode()


def _review(namespace: str, uid: str, padding: str) -> dict[str, Any]:
    return {
        "kind": "AdmissionReview",
        "apiVersion": "admission.k8s.io/v1",
        "request": {
            "uid": uid,
            "kind": {"group": "", "version": "v1", "kind": "Pod"},
            "resource": {"group": "", "version": "v1", "resource": "pods"},
            "requestKind": {"group": "", "version": "v1", "kind": "Pod"},
            "requestResource": {"group": "", "version": "v1", "resource": "pods"},
            "namespace": namespace,
            "operation": "CREATE",
            "userInfo": {
                "username": "system:serviceaccount:kube-system:replicaset-controller",
                "uid": "5d0c1a59-41c5-4d52-8ff5-27a4a6f0ac10",
                "groups": ["system:serviceaccounts", "system:serviceaccounts:kube-system", "system:authenticated"],
            },
            "object": _pod(namespace, padding),
            "oldObject": None,
            "dryRun": False,
            "options": {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1"},
        },
    }


def _pod(namespace: str, padding: str) -> dict[str, Any]:
    return {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": {
            "generateName": "sandbox-7d9c5b6f4-",
            "namespace": namespace,
            "creationTimestamp": None,
            "labels": {"app": "sandbox", "runtime.miosa.ai/target": "sandbox", "runtime.miosa.ai/project": "blog"},
            "annotations": {"example.com/rollout": padding},
            "ownerReferences": [
                {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "sandbox-7d9c5b6f4", "controller": True}
            ],
        },
        "spec": {
            "volumes": [{"name": f"volume-{i}", "emptyDir": {}} for i in range(4)],
            "initContainers": [_container("setup", None), _container("proxy", "Always")],
            "containers": [_container("main", None), _container("worker", None)],
            "restartPolicy": "Always",
            "terminationGracePeriodSeconds": 30,
            "dnsPolicy": "ClusterFirst",
            "serviceAccountName": "default",
            "securityContext": {},
            "schedulerName": "default-scheduler",
        },
        "status": {},
    }


def _container(name: str, restart: str | None) -> dict[str, Any]:
    return {
        "name": name,
        "image": f"registry.example.com/{name}:1.2.3",
        "env": [{"name": f"SETTING_{i}", "value": f"value-{i}"} for i in range(12)],
        "envFrom": [{"configMapRef": {"name": "settings"}}],
        "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"memory": "128Mi"}},
        "volumeMounts": [{"name": f"volume-{i}", "mountPath": f"/mnt/{i}"} for i in range(4)],
        **({"restartPolicy": restart} if restart else {}),
    }
