"""Labels, annotations and object names: all that this project writes into others' objects (design §2 to §5)."""

from __future__ import annotations

from typing import Final

from runtimeenv.core.identity import Shape
from runtimeenv.errors import Invalid

GROUP: Final = "runtime.miosa.ai"
VERSION: Final = "v1"
API_VERSION: Final = f"{GROUP}/{VERSION}"

# On namespaces: enrolment.
TENANT_LABEL: Final = f"{GROUP}/tenant"
WORKSPACE_LABEL: Final = f"{GROUP}/workspace"
PROJECT_LABEL: Final = f"{GROUP}/project"
HOME_LABEL: Final = f"{GROUP}/home"
PROJECTS_ANNOTATION: Final = f"{GROUP}/projects"

# On source Secrets, RuntimeEnvs and pods.
SOURCE_LABEL: Final = f"{GROUP}/source"
ON_DEMAND_LABEL: Final = f"{GROUP}/on-demand"
INJECTED_ANNOTATION: Final = f"{GROUP}/injected"

# On the variables that the REST API writes: the id of the API key that wrote last.
API_KEY_ANNOTATION: Final = f"{GROUP}/api-key"

# On what we derive. Velero leaves objects with the second label out of its backups.
MANAGED_BY_LABEL: Final = "app.kubernetes.io/managed-by"
MANAGED_BY: Final = "runtime-env"
EXCLUDE_FROM_BACKUP_LABEL: Final = "velero.io/exclude-from-backup"
DERIVED_LABELS: Final = {MANAGED_BY_LABEL: MANAGED_BY, EXCLUDE_FROM_BACKUP_LABEL: "true"}

ENCRYPTED_TYPE: Final = f"{GROUP}/encrypted"
ENV_TYPE: Final = f"{GROUP}/env"

# In the operator's namespace, by fixed names (design §4).
KEYRING_SECRET: Final = "runtime-env-keyring"
KEK_SECRET: Final = "runtime-env-kek"
COMPARE_KEYS_SECRET: Final = "runtime-env-compare-keys"
API_KEYS_SECRET: Final = "runtime-env-api-keys"
API_HASH_KEY_SECRET: Final = "runtime-env-api-hash-key"
SERVING_SECRET: Final = "runtime-env-webhook-tls"
PUBLIC_KEY_CONFIG_MAP: Final = "runtime-env-public-key"

DEFAULT_POD_DOMAIN: Final = GROUP
NAME_LIMIT: Final = 253
# Characters of the annotation: every process keeps those of all namespaces. The policy on enrolment says it too.
PROJECTS_LIMIT: Final = 16 * 1024

_ESCAPES: Final = {"-": "--", "_": "-u", ".": "-d"}


def encrypted_secret_name(uid: str) -> str:
    """The encrypted Secret of the RuntimeEnvVar with this UID."""
    return f"rvar.{uid}"


def secret_name(shape: Shape) -> str:
    """The one name of a RuntimeEnv and its Secret: ``renv.<target>[.w-<esc>][.p-<esc>]`` (design §5.4).

    Injective. Raises Invalid above Kubernetes' 253 characters.
    """
    name = f"renv.{shape.surface}"
    if shape.workspace is not None:
        name += f".w-{escape(shape.workspace)}"
    if shape.project is not None:
        name += f".p-{escape(shape.project)}"
    if len(name) > NAME_LIMIT:
        raise Invalid("metadata.name", f"over {NAME_LIMIT} characters: use shorter workspace and project ids")
    return name


def escape(text: str) -> str:
    """An id in the characters of a DNS subdomain: ``-`` → ``--``, ``_`` → ``-u``, ``.`` → ``-d``, ``A`` → ``-ca``."""
    return "".join(map(_escape_character, text))


def _escape_character(character: str) -> str:
    if character.isascii() and (character.islower() or character.isdigit()):
        return character
    if character.isascii() and character.isupper():
        return "-c" + character.lower()
    return _ESCAPES[character]
