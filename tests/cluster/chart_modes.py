"""The chart's modes, combined so that each two choices meet at least once."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

ON = {"enabled": True}
MODES: dict[str, dict[str, dict[str, Any]]] = {
    "certificates": {
        "controller": {},
        "cert-manager": {"certificates": "cert-manager"},
        "an issuer": {"certificates": "cert-manager", "certManager": {"issuerRef": {"name": "ours"}}},
    },
    "injection": {"webhook": {}, "policy": {"injection": "policy"}},
    "api": {
        "no api": {},
        "api": {"api": {"enabled": True}},
        "api with tls": {"api": {"enabled": True, "tls": {"secretName": "api-tls"}}},
        "api behind an ingress": {"api": {"enabled": True, "ingress": {"enabled": True, "hosts": ["env.example.org"]}}},
    },
    "network": {"open": {}, "shut": {"networkPolicy": {"enabled": True, "metricsFrom": [{"namespaceSelector": {}}]}}},
    "metrics": {"unmonitored": {}, "monitored": {"metrics": {"podMonitor": ON, "prometheusRule": ON}}},
    "ids": {"ours": {}, "any": {"openshift": "always"}},
    "names": {"default": {}, "other": {"podDomain": "sandbox.users.io", "reservedNames": {"allowed": ["PATH"]}}},
}

Choice = tuple[str, ...]


def pairwise(factors: Sequence[Sequence[str]]) -> list[Choice]:
    """Choices, one of each factor, that hold every pair of two factors' options; greedy, the same each time."""
    every = list(itertools.product(*factors))
    left = set().union(*(pairs(choice) for choice in every))
    found: list[Choice] = []
    while left:
        found.append(max(every, key=lambda choice: len(pairs(choice) & left)))
        left -= pairs(found[-1])
    return found


def pairs(choice: Iterable[str]) -> set[tuple[tuple[int, str], ...]]:
    return set(itertools.combinations(enumerate(choice), 2))


def values(choice: Choice) -> dict[str, Any]:
    """The chart's values of a choice; no two factors share a value."""
    merged: dict[str, Any] = {}
    for options, option in zip(MODES.values(), choice, strict=True):
        assert not merged.keys() & options[option].keys()
        merged |= options[option]
    return merged


def combined(given: Mapping[str, Any], beside: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Values by their dotted paths as one tree, beside others."""
    tree = copy.deepcopy(dict(beside or {}))
    for path, value in given.items():
        *parents, last = path.split(".")
        inside = tree
        for parent in parents:
            inside = inside.setdefault(parent, {})
        inside[last] = value
    return tree


CHOICES = pairwise([list(options) for options in MODES.values()])
