"""Per-run env, the eighth and last step of the merge order: the annotation ``<domain>/run-env`` (design §5.6).

Its entries become the first of a container's ``env``, and the container's own of those NAMEs go: so what the pod
declares can refer to them as ``$(NAME)``, and they win over everything. Not for secrets: annotations are public.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

import msgspec

from runtimeenv.core.patches import Op, add, remove
from runtimeenv.errors import Invalid

# What every kubelet accepts as the name of a variable.
_NAME: Final = re.compile(r"[-._a-zA-Z][-._a-zA-Z0-9]*")
_NAME_RULE: Final = "letters, digits, '_', '-' and '.', not a digit first and not '..' in front"
_FORM: Final = "must be a JSON object of strings"


ABSENT: Final = msgspec.Raw(b"null")
ANNOTATIONS_LIMIT: Final = 256 * 1024
"""Of all annotations of an object together, as the API server checks it: after us."""


class Variable(msgspec.Struct, omit_defaults=True, rename="camel"):
    """``env[]``: a NAME with a value, or with a source of one."""

    name: str = ""
    value: str = ""
    value_from: msgspec.Raw = ABSENT


Entry = tuple[str, str]
"""A NAME and its value, as the container shall see it."""

_decode: Final = msgspec.json.Decoder(list[Variable] | None).decode


def check_length(field: str, text: str) -> None:
    """Raise Invalid for the text of an annotation that no object may have."""
    if len(text) > ANNOTATIONS_LIMIT:
        raise Invalid(field, f"is longer than {ANNOTATIONS_LIMIT} bytes, which no annotation may be")


def parse(field: str, text: str) -> tuple[Entry, ...]:
    """The annotation's entries in its own order. Raises Invalid with ``field``; entries are named by position."""
    check_length(field, text)
    try:
        pairs = json.loads(text, object_pairs_hook=_Pairs)
    except (ValueError, RecursionError):
        raise Invalid(field, f"{_FORM}, but is no JSON") from None
    if not isinstance(pairs, _Pairs):
        raise Invalid(field, _FORM)
    names: set[str] = set()
    for position, (name, value) in enumerate(pairs, 1):
        _check(field, f"entry {position}", name, value)
        if name in names:
            raise Invalid(field, f"entry {position} has the name of an earlier one: keep one of them")
        names.add(name)
    return tuple(pairs)


def write(path: str, env: msgspec.Raw, entries: tuple[Entry, ...], *, ignore_case: bool = False) -> list[Op]:
    """The operations that put ``entries`` first in the ``env`` of the container at ``path``; none if they are.

    ``ignore_case``: the container's system (Windows) takes ``Path`` and ``PATH`` for one.
    """
    declared = _decode(env)
    written = [Variable(name, value.replace("$", "$$")) for name, value in entries]
    if declared is None:
        return [add(f"{path}/env", written)] if written else []
    fold = str.upper if ignore_case else str
    names = {fold(name) for name, _ in entries}
    first = len(entries)
    standing = declared[:first] == written
    own = [i for i, one in enumerate(declared) if fold(one.name) in names and not (standing and i < first)]
    ops = [remove(f"{path}/env/{i}") for i in reversed(own)]
    return ops if standing else ops + [add(f"{path}/env/{i}", one) for i, one in enumerate(written)]


class _Pairs(list[tuple[str, Any]]):
    """A JSON object with all its members: a dict would hide that a name occurs twice."""


def _check(field: str, entry: str, name: str, value: Any) -> None:
    if not _NAME.fullmatch(name) or name == "." or name.startswith(".."):
        raise Invalid(field, f"{entry} has a name that no container takes: use {_NAME_RULE}")
    if not isinstance(value, str):
        raise Invalid(field, f"{entry} is no string: {_FORM}")
    if "\0" in value:
        raise Invalid(field, f"{entry} contains NUL, which no environment variable can hold")
    if not _encodes(value):
        raise Invalid(field, f"{entry} is not UTF-8 text")


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
