"""Reviews of variables: plaintext is sealed before anything else sees it (design §5.1)."""

from __future__ import annotations

from typing import Final, Literal

from msgspec import DecodeError, Raw, Struct, ValidationError, field, json

from runtimeenv.core.identity import Identity, Layer, parse_name, parse_target, scope_of
from runtimeenv.core.patches import Op, add, remove
from runtimeenv.core.tenancy import Enrolment
from runtimeenv.core.values import Plaintext
from runtimeenv.crypto.compare import compare_tag
from runtimeenv.crypto.seal import SealedValue, seal
from runtimeenv.errors import Denied, Invalid
from runtimeenv.webhook.compare import Comparer
from runtimeenv.webhook.keys import Keys
from runtimeenv.webhook.last_applied import ANNOTATION, scrub
from runtimeenv.webhook.reviews import EnrolmentNeeded, Request
from runtimeenv.webhook.sources import replaced

ABSENT: Final = Raw(b"")
NOTHING: Final = (ABSENT, Raw(b"null"))


class Annotations(Struct):
    """``metadata.annotations``: the one that holds a copy."""

    last_applied: str | None = field(default=None, name=ANNOTATION)

    def __repr__(self) -> str:
        return "Annotations()"


class VariableMeta(Struct):
    """``metadata``."""

    annotations: Annotations | None = None


class Variable(Struct):
    """A RuntimeEnvVar as a user sent it: the schema is checked later, so its spec may be anything."""

    metadata: VariableMeta = field(default_factory=VariableMeta)
    spec: Raw = ABSENT

    def __repr__(self) -> str:
        return "Variable()"


class Spec(Struct, rename="camel"):
    """``spec``, as it came: each field may be anything, of any size, and is only read as what it should be.

    What else it holds isn't read: notes of 3 MB cost half a second as Python objects, and 70 MiB.
    """

    scope: Raw = ABSENT
    workspace_id: Raw = ABSENT
    project_id: Raw = ABSENT
    target: Raw = ABSENT
    name: Raw = ABSENT
    value: Raw = ABSENT
    sealed_value: Raw = ABSENT
    value_from: Raw = ABSENT

    @property
    def sources(self) -> dict[str, Raw]:
        """Those that it has."""
        found = {"value": self.value, "sealedValue": self.sealed_value, "valueFrom": self.value_from}
        return {name: raw for name, raw in found.items() if raw not in NOTHING}

    def __repr__(self) -> str:
        return "Spec()"


_decode_spec: Final = json.Decoder(Spec).decode
_decode_text: Final = json.Decoder(str).decode


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
        spec = _spec(variable.spec)
        stored = _spec(request.old_object.spec) if request.old_object is not None else Spec()
        gone = replaced(spec.sources, stored.sources)
        _check_sealed(spec.sealed_value, stored.sealed_value)
        annotations = variable.metadata.annotations
        ops = scrub(annotations.last_applied) if annotations else []
        if spec.value == ABSENT:
            return ops + [remove(f"/spec/{source}") for source in gone]
        text = self._sealed(spec, stored.sealed_value, enrolment)
        ops += [remove(f"/spec/{source}") for source in ("value", *gone) if source != "sealedValue"]
        return ops if _text(spec.sealed_value) == text else [*ops, add("/spec/sealedValue", text)]

    def _sealed(self, spec: Spec, former: Raw, enrolment: Enrolment | None) -> str:
        """The sealed text of ``value``: the former one where that holds it, so that nothing is written."""
        value = self._plaintext(spec.value)
        if enrolment is None:
            raise EnrolmentNeeded
        identity = _identity(spec, enrolment.tenant)
        if not enrolment.admits(identity.layer.scope):
            raise Denied(f"spec.scope: this namespace may define only {enrolment.defines}")
        return self._restored(former, identity, value) or self._anew(identity, value)

    def _plaintext(self, value: Raw) -> Plaintext:
        if self._plaintext_policy == "Deny":
            raise Denied("spec.value: plaintext is not accepted in this cluster: use sealedValue or valueFrom")
        text = _text(value)
        if text is None:
            raise Invalid("spec.value", 'is not text: put it in quotes ("8080", "true"), or remove it')
        return Plaintext.parse(text)

    def _restored(self, former: Raw, identity: Identity, value: Plaintext) -> str | None:
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


def _spec(raw: Raw) -> Spec:
    try:
        return _decode_spec(raw)
    except DecodeError:
        raise Invalid("spec", "is required, and is an object") from None


def _text(raw: Raw) -> str | None:
    """The text that this is, None for anything else."""
    try:
        return None if raw == ABSENT else _decode_text(raw)
    except ValidationError:
        return None


def _check_sealed(brought: Raw, stored: Raw) -> None:
    """A sealed text that this write brings has the form of one; only the controller can tell whether it opens."""
    if brought not in (*NOTHING, stored):
        SealedValue.parse(_text(brought) or "")


def _parsed(former: Raw) -> SealedValue | None:
    try:
        return SealedValue.parse(_text(former) or "")
    except Invalid:
        return None


def _identity(spec: Spec, tenant: str) -> Identity:
    try:
        workspace, project = _word("workspaceId", spec.workspace_id), _word("projectId", spec.project_id)
        scope = scope_of(_word("scope", spec.scope), tenant, workspace, project)
        layer = Layer(scope, parse_target("target", _word("target", spec.target, "all")))
        return Identity(layer, parse_name("name", _word("name", spec.name)))
    except Invalid as error:
        raise Invalid(f"spec.{error.field}", error.message) from None


def _word(name: str, raw: Raw, absent: str = "") -> str:
    if raw in NOTHING:
        return absent
    text = _text(raw)
    if text is None:
        raise Invalid(name, "is not text: put it in quotes")
    return text
