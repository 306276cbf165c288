"""python -m tests.generated [--check]: writes, or compares, the files that derive from the code.

crds/ and the chart's CRDs and reserved names come from ``runtimeenv.core``, the chart's alerts from deploy/monitoring,
deploy/install.yaml and the table of values in the chart's README from the chart.
"""

import argparse
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from runtimeenv.core.crd import KINDS, crd
from runtimeenv.core.values import RESERVED_NAMES, RESERVED_PREFIXES
from tests.chart_values import readme
from tests.kube import chart

ROOT = Path(__file__).parents[1]
LABELS = "the-chart's"
# For Helm, Argo CD and Flux: what all values hang on goes when somebody says so, not when it leaves a manifest.
KEPT = {
    "helm.sh/resource-policy": "keep",
    "argocd.argoproj.io/sync-options": "Prune=false,Delete=false",
    "kustomize.toolkit.fluxcd.io/prune": "disabled",
}
_KEPT_ARGUMENTS = " ".join(f'"{word}"' for pair in KEPT.items() for word in pair)
_METADATA_OF_CHART = f"""labels: {{{{- include "runtime-env.labels" . | nindent 4 }}}}
  {{{{- include "runtime-env.annotations" (list (dict {_KEPT_ARGUMENTS}) .) | nindent 2 }}}}"""
HEADER = "# Made by `make generate`: change {source} instead.\n"


class _Plain(yaml.SafeDumper):
    """YAML without anchors, which nobody reads well; lists indented under their key."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - as the base class declares it
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002
        super().increase_indent(flow, False)


def as_yaml(objects: Iterable[Any], source: str) -> str:
    """Kubernetes objects as one commented YAML file."""
    documents = [yaml.dump(o, Dumper=_Plain, sort_keys=False, width=110, allow_unicode=True) for o in objects]
    return HEADER.format(source=source) + "---\n".join(documents)


def from_core() -> Iterator[tuple[Path, str]]:
    """The CRDs, once alone and once in the chart, and what the chart's policies say of reserved names."""
    templates = chart.CHART / "templates"
    source = "operator/runtimeenv/core"
    for kind in KINDS:
        definition = crd(kind)
        yield ROOT / f"crds/{kind.plural}.yaml", as_yaml([definition], source)
        labelled = as_yaml([_kept(definition)], source).replace(f"labels: {LABELS}", _METADATA_OF_CHART)
        yield templates / f"crds/{kind.plural}.yaml", labelled
    yield templates / "policies/_reserved.tpl", reserved(source)


def _kept(definition: dict[str, Any]) -> dict[str, Any]:
    """A template rather than a file of helm's crds/, which no upgrade touches; kept when the chart goes."""
    return {**definition, "metadata": {**definition["metadata"], "labels": LABELS}}


def reserved(source: str) -> str:
    """Two lists of CEL, as named templates."""
    lists = {"names": sorted(RESERVED_NAMES), "prefixes": sorted(RESERVED_PREFIXES)}
    defined = [f'{{{{- define "runtime-env.reserved-{k}" -}}}}\n{v!r}\n{{{{- end }}}}\n' for k, v in lists.items()]
    return f"{{{{- /* Made by `make generate`: change {source}/values.py instead. */}}}}\n" + "".join(defined)


def alerts() -> tuple[Path, str]:
    """The alerts once more in the chart, where alone its templates can read them."""
    source = "deploy/monitoring/alerts.yaml"
    return chart.CHART / "alerts.yaml", HEADER.format(source=source) + (ROOT / source).read_text()


def applied(values: Mapping[str, Any], namespace: str = chart.NAMESPACE) -> list[chart.Object]:
    """What the chart renders, for kubectl to apply: no label says that Helm manages it, which Helm would set itself."""
    objects = chart.rendered(values, namespace)
    for found in objects:
        del found["metadata"]["labels"]["app.kubernetes.io/managed-by"]
    return objects


def installation() -> tuple[Path, str]:
    """The chart with its default values, and the namespace that helm would make, for `kubectl apply --server-side`."""
    restricted = {"pod-security.kubernetes.io/enforce": "restricted"}
    namespace = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": chart.NAMESPACE, "annotations": KEPT, "labels": restricted},
    }
    return ROOT / "deploy/install.yaml", as_yaml([namespace, *applied({})], "charts/runtime-env")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.generated", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; end with 1 if a file is out of date")
    check: bool = parser.parse_args().check
    stale = [path for path, text in from_core() if _settle(path, text, check=check)]
    stale += [path for path, text in [alerts(), readme(), installation()] if _settle(path, text, check=check)]
    for path in stale:
        print(f"{path.relative_to(ROOT)} {'is out of date: run `make generate`' if check else 'written'}")
    sys.exit(1 if check and stale else 0)


def _settle(path: Path, text: str, *, check: bool) -> bool:
    if path.exists() and path.read_text() == text:
        return False
    if not check:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return True


if __name__ == "__main__":
    main()
