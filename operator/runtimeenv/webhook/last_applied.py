"""kubectl's copy of the whole manifest, in an annotation: plaintext would stay there (design §5.1)."""

from __future__ import annotations

from typing import Final

from msgspec import Raw, json

from runtimeenv.core.patches import Op, add, member
from runtimeenv.errors import Invalid

ANNOTATION: Final = "kubectl.kubernetes.io/last-applied-configuration"

LIMIT: Final = 512 * 1024
"""Characters. An API server stores 256 KiB of annotations; a value that goes is written in no more than that."""

_PATH: Final = member("/metadata/annotations", ANNOTATION)
_members: Final = json.Decoder(dict[str, Raw]).decode


def scrub(text: str | None) -> list[Op]:
    """Drop ``spec.value`` from the annotation, and keep all else as it is. Raises Invalid where it can't be read."""
    if text is None:
        return []
    if len(text) > LIMIT:
        raise Invalid(f"annotation {ANNOTATION}", "is longer than any that is stored: use kubectl apply --server-side")
    try:
        scrubbed = _without_value(text.rstrip("\n"))
    except (ValueError, RecursionError):
        raise Invalid(f"annotation {ANNOTATION}", "is not the JSON object that kubectl writes: remove it") from None
    scrubbed += text[len(text.rstrip("\n")) :]
    return [] if scrubbed == text else [add(_PATH, scrubbed)]


def _without_value(text: str) -> str:
    """The members as they were, in compact form, each once: what kubectl wrote comes out byte for byte."""
    manifest = _members(text)
    spec = manifest.get("spec")
    if spec is not None and bytes(spec).startswith(b"{"):
        manifest["spec"] = Raw(json.encode({name: raw for name, raw in _members(spec).items() if name != "value"}))
    return json.encode(manifest).decode()
