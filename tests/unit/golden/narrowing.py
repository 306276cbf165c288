"""What a newer CustomResourceDefinition refuses, forgets or reads otherwise than an older one.

Objects outlive a release, and a rollback brings the older definition back: so a definition only ever widens. What this
module does not know to be a widening it calls a narrowing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

Schema = Mapping[str, Any]

_FREE: Final = {"description", "title", "example", "externalDocs"}
_UPPER: Final = {"maxLength", "maximum", "maxItems", "maxProperties"}
_LOWER: Final = {"minLength", "minimum", "minItems", "minProperties"}
_LOOSENING: Final = {"nullable", "x-kubernetes-int-or-string", "x-kubernetes-preserve-unknown-fields"}
_MAY_GO: Final = {"pattern", "format", "multipleOf", "uniqueItems", "exclusiveMaximum", "exclusiveMinimum"}
_NESTED: Final = {"properties", "items", "additionalProperties"}
_NAMES: Final = ("kind", "listKind", "plural", "singular")


def narrowings(old: Schema, new: Schema) -> list[str]:
    """Each as ``where: what``; none when ``new`` takes all that ``old`` took, and means the same by it."""
    return [*_names(old["spec"], new["spec"]), *_versions(old["spec"], new["spec"])]


def _names(old: Schema, new: Schema) -> Iterator[str]:
    for field in ("group", "scope"):
        if old[field] != new[field]:
            yield f"{field}: changed"
    for field in _NAMES:
        if old["names"][field] != new["names"][field]:
            yield f"names.{field}: changed"
    for field in ("shortNames", "categories"):
        yield from _gone(f"names.{field}", old["names"].get(field, []), new["names"].get(field, []))


def _versions(old: Schema, new: Schema) -> Iterator[str]:
    current = {version["name"]: version for version in new["versions"]}
    for version in (version for version in old["versions"] if version["served"]):
        name = version["name"]
        if name not in current or not current[name]["served"]:
            yield f"{name}: served no more"
            continue
        yield from _version(name, version, current[name])


def _version(name: str, old: Schema, new: Schema) -> Iterator[str]:
    yield from _gone(f"{name}.subresources", old.get("subresources", {}), new.get("subresources", {}))
    paths = [[field["jsonPath"] for field in version.get("selectableFields", [])] for version in (old, new)]
    yield from _gone(f"{name}.selectableFields", *paths)
    yield from _schema(name, old["schema"]["openAPIV3Schema"], new["schema"]["openAPIV3Schema"])


def _gone(where: str, old: Any, new: Any) -> Iterator[str]:
    yield from (f"{where}: {entry} is gone" for entry in old if entry not in new)


def _schema(where: str, old: Schema, new: Schema) -> Iterator[str]:
    for keyword in sorted((old.keys() | new.keys()) - _FREE - _NESTED):
        if keyword == "default" and "default" not in old and where.split(".")[1:] == ["status"]:
            continue  # no user writes a status: what has none yet is not read as if somebody had
        if old.get(keyword) != new.get(keyword):
            yield from (f"{where}: {what}" for what in _keyword(keyword, old.get(keyword), new.get(keyword)))
    yield from _nested(where, old, new)


def _keyword(keyword: str, old: Any, new: Any) -> Iterator[str]:
    """Of a keyword that differs; None where it is absent."""
    if keyword == "enum":
        if new is not None and (old is None or not set(old) <= set(new)):
            yield "enum allows less"
    elif keyword == "required":
        yield from (f"{name} is required now" for name in new or () if name not in (old or ()))
    elif keyword == "x-kubernetes-validations":
        before = [_refuses(rule) for rule in old or ()]
        yield from (f"new rule {rule['rule']}" for rule in new or () if _refuses(rule) not in before)
    elif not _widens(keyword, old, new):
        yield f"{keyword} was {old}, is {new}"


def _refuses(rule: Schema) -> tuple[str, bool]:
    """What makes two rules the same; an ``optionalOldSelf`` rule holds at creation too."""
    return rule["rule"], rule.get("optionalOldSelf", False)


def _widens(keyword: str, old: Any, new: Any) -> bool:
    if keyword in _UPPER:
        return new is None or (old is not None and new > old)
    if keyword in _LOWER:
        return new is None or (old is not None and new < old)
    if keyword in _LOOSENING:
        return bool(new)
    return keyword in _MAY_GO and not new


def _nested(where: str, old: Schema, new: Schema) -> Iterator[str]:
    fields = new.get("properties", {})
    for name, field in old.get("properties", {}).items():
        if name in fields:
            yield from _schema(f"{where}.{name}", field, fields[name])
        else:
            yield f"{where}.{name}: is gone"
    for keyword, mark in (("items", "[]"), ("additionalProperties", "{}")):
        before, after = old.get(keyword), new.get(keyword)
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            yield from _schema(f"{where}{mark}", before, after)
        elif before != after:
            yield f"{where}: {keyword} was {before}, is {after}"
