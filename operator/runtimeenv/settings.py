"""What a process is told when it starts: environment variables, read once, set by the chart or the test harness."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, fields
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from runtimeenv.errors import Invalid

PREFIX: Final = "RUNTIME_ENV_"


def _comma_separated(text: str | frozenset[str]) -> frozenset[str]:
    return frozenset(n.strip() for n in text.split(",") if n.strip()) if isinstance(text, str) else text


@dataclass(frozen=True, slots=True)
class Settings:
    """Each field is read from ``RUNTIME_ENV_<FIELD>``; durations are seconds."""

    namespace: str = "runtime-env-system"
    """The operator's own namespace."""
    identity: str = "local"
    """This replica in the Lease: the pod's UID."""
    pod_domain: str = "runtime.miosa.ai"
    """The domain of the labels and annotations that pods carry."""
    plaintext_policy: Literal["Allow", "Deny"] = "Allow"
    """Deny: the webhook refuses every ``value``; only ``sealedValue`` and ``valueFrom`` are left."""
    allowed_names: Annotated[frozenset[str], BeforeValidator(_comma_separated)] = field(default_factory=frozenset)
    """Reserved NAMEs that an administrator permits; comma-separated."""
    on_demand_ttl: float = 3600
    """How long an on-demand RuntimeEnv stays after the last pod that references it."""
    certificates: Literal["controller", "external"] = "controller"
    """Who issues the webhook's certificate: the controller, or cert-manager (external)."""
    webhook_service: str = "runtime-env-webhook"
    """The Service in front of the webhook: the certificate's names derive from it."""
    webhook_host: str = ""
    """A further address for the certificate, for a webhook outside the cluster (``127.0.0.1``)."""
    webhook_configuration: str = "runtime-env"
    """Name of the two webhook configurations whose caBundle the controller fills."""
    bind_address: str = ""
    """All of the pod's own addresses, of both families, unless set."""
    webhook_port: int = 9443
    probe_port: int = 8080
    """Plain HTTP: /healthz, /readyz, /metrics."""
    api_port: int = 8000
    api_tls: Literal["on", "off"] = "off"
    """on: the REST API serves the certificate of ``tls_folder``; off: plain HTTP, behind an ingress that does."""
    api_key_rate: Annotated[float, Field(gt=0)] = 100
    """Requests a second that one API key may make, in each replica; twice as many at once."""
    api_address_rate: Annotated[float, Field(gt=0)] = 200
    """The same for one client address."""
    forwarded_allow_ips: str = ""
    """Proxies whose X-Forwarded-For and -Proto are believed: addresses and networks, comma-separated; * is all."""
    tls_folder: Path = Path("/etc/runtime-env/tls")
    public_key_folder: Path = Path("/etc/runtime-env/public-key")
    compare_keys_folder: Path = Path("/etc/runtime-env/compare-keys")
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> Settings:
        """Raises Invalid, naming the variable; a variable that is unset or empty keeps its default."""
        given = {f.name: text for f in fields(cls) if (text := environ.get(PREFIX + f.name.upper()))}
        try:
            return TypeAdapter(cls).validate_python(given)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            raise Invalid(PREFIX + str(first["loc"][0]).upper(), first["msg"]) from None
