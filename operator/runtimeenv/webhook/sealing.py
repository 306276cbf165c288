"""Reviews of variables: plaintext is sealed before anything else sees it (design §5.1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct, field

from runtimeenv.core.identity import Identity, Layer, parse_name, parse_target, scope_of
from runtimeenv.core.patches import Op, add, remove
from runtimeenv.core.tenancy import Enrolment
from runtimeenv.core.values import Plaintext
from runtimeenv.crypto.compare import compare_tag
from runtimeenv.crypto.seal import SealedValue, seal
from runtimeenv.errors import Denied, Invalid
from runtimeenv.webhook.compare import Comparer
from runtimeenv.webhook.keys import Keys
from runtimeenv.webhook.last_applied import scrub
from runtimeenv.webhook.reviews import EnrolmentNeeded, Request
from runtimeenv.webhook.sources import replaced


class VariableMeta(Struct):
    """``metadata``."""

    annotations: dict[str, str] | None = None


class Variable(Struct):
    """A RuntimeEnvVar as a user sent it: the schema is checked later, so its spec may be anything."""

    metadata: VariableMeta = field(default_factory=VariableMeta)
    spec: Any = None

    def __repr__(self) -> str:
        return "Variable()"


class Sealing:
    """Judges variables."""

    def __init__(self, keys: Keys, comparer: Comparer, plaintext_policy: Literal["Allow", "Deny"]) -> None:
        self._keys = keys
        self._comparer = comparer
        self._plaintext_policy = plaintext_policy

    def judge(self, request: Request[Variable], enrolment: Enrolment | None) -> list[Op]:
        """The operations that leave no plaintext in the object. See Judge; raises KeyUnavailable too."""
        variable = request.object
        if variable is None or request.sub_resource:
            return []
        spec = _mapping(variable.spec)
        stored = _mapping(request.old_object.spec) if request.old_object is not None else {}
        gone = replaced(spec, stored)
        _check_sealed(spec, stored)
        ops = scrub(variable.metadata.annotations or {})
        if "value" not in spec:
            return ops + [remove(f"/spec/{source}") for source in gone]
        text = self._sealed(spec, stored.get("sealedValue"), enrolment)
        ops += [remove(f"/spec/{source}") for source in ("value", *gone) if source != "sealedValue"]
        return ops if spec.get("sealedValue") == text else [*ops, add("/spec/sealedValue", text)]

    def _sealed(self, spec: Mapping[str, Any], former: Any, enrolment: Enrolment | None) -> str:
        """The sealed text of ``value``: the former one where that holds it, so that nothing is written."""
        value = self._plaintext(spec["value"])
        if enrolment is None:
            raise EnrolmentNeeded
        identity = _identity(spec, enrolment.tenant)
        if not enrolment.admits(identity.layer.scope):
            raise Denied(f"spec.scope: this namespace may define only {enrolment.defines}")
        return self._restored(former, identity, value) or self._anew(identity, value)

    def _plaintext(self, value: Any) -> Plaintext:
        if self._plaintext_policy == "Deny":
            raise Denied("spec.value: plaintext is not accepted in this cluster: use sealedValue or valueFrom")
        if not isinstance(value, str):
            raise Invalid("spec.value", 'is not text: put it in quotes ("8080", "true"), or remove it')
        return Plaintext.parse(value)

    def _restored(self, former: Any, identity: Identity, value: Plaintext) -> str | None:
        sealed = _parsed(former)
        if sealed is None or sealed.compare is None or sealed.key_id != self._keys.sealing.key_id:
            return None
        key = self._keys.compare.by_id.get(sealed.compare.cid)
        return str(sealed) if key and self._comparer.holds(sealed, key, identity, value) else None

    def _anew(self, identity: Identity, value: Plaintext) -> str:
        keys = self._keys.compare
        sealed = seal(value, identity, self._keys.sealing)
        tag = compare_tag(keys.by_id[keys.primary], keys.primary, identity, sealed.preceding, value)
        return str(sealed.tagged(tag))


def _mapping(spec: Any) -> Mapping[str, Any]:
    if not isinstance(spec, dict):
        raise Invalid("spec", "is required, and is an object")
    return spec


def _check_sealed(spec: Mapping[str, Any], stored: Mapping[str, Any]) -> None:
    """A sealed text that this write brings has the form of one; only the controller can tell whether it opens."""
    text = spec.get("sealedValue")
    if text is None or text == stored.get("sealedValue"):
        return
    SealedValue.parse(text if isinstance(text, str) else "")


def _parsed(former: Any) -> SealedValue | None:
    try:
        return SealedValue.parse(former) if isinstance(former, str) else None
    except Invalid:
        return None


def _identity(spec: Mapping[str, Any], tenant: str) -> Identity:
    try:
        scope = scope_of(_text(spec, "scope"), tenant, _text(spec, "workspaceId"), _text(spec, "projectId"))
        return Identity(Layer(scope, parse_target("target", _text(spec, "target", "all"))), _name(spec))
    except Invalid as error:
        raise Invalid(f"spec.{error.field}", error.message) from None


def _name(spec: Mapping[str, Any]) -> str:
    return parse_name("name", _text(spec, "name"))


def _text(spec: Mapping[str, Any], name: str, absent: str = "") -> str:
    found = spec.get(name)
    if found is None:
        return absent
    if not isinstance(found, str):
        raise Invalid(name, "is not text: put it in quotes")
    return found
