"""What our own objects have in common: camelCase outside, strict types, no input in errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from runtimeenv.errors import Invalid


class Model(BaseModel):
    """The text under a field is its description. Unknown fields are ignored: a newer API server may store more."""

    model_config = ConfigDict(
        strict=True,
        frozen=True,
        alias_generator=to_camel,
        validate_by_name=True,
        serialize_by_alias=True,
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
    )

    @classmethod
    def read(cls, manifest: Mapping[str, Any]) -> Self:
        """`model_validate`, but raises Invalid with the path of the first fault (``spec.name``)."""
        try:
            return cls.model_validate(manifest)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False, include_context=False)[0]
            raise Invalid(".".join(map(str, first["loc"])), first["msg"]) from None

    def manifest(self) -> dict[str, Any]:
        """As JSON for the API server, without the fields that are None."""
        return self.model_dump(exclude_none=True)


class ObjectMeta(Model):
    """The part of Kubernetes' metadata that the controller uses."""

    name: str
    namespace: str
    uid: str = ""
    generation: int = 0
    resource_version: str = ""
    creation_timestamp: str = ""
