"""Entity tags (RFC 9110 §8.8.3, §13.1): is the variable still as the client last saw it?"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from runtimeenv.errors import Invalid

_TAG = r'(W/)?"[!#-~]*"'
TAGS_PATTERN: Final = rf"^(\*|{_TAG}([ \t]*,[ \t]*{_TAG})*)$"

_TAGS = re.compile(TAGS_PATTERN)
_ONE = re.compile(_TAG)


def if_match(header: str | None) -> Callable[[str], bool]:
    """What If-Match demands of an entity tag (strong comparison); without it anything goes. Raises Invalid."""
    if header is None:
        return lambda _: True
    tags = _parse("If-Match", header)
    return lambda tag: tags is None or tag in tags


def if_none_match(header: str | None, tag: str) -> bool:
    """Does the client hold this state already (weak comparison)? Raises Invalid."""
    if header is None:
        return False
    tags = _parse("If-None-Match", header)
    return tags is None or tag in {t.removeprefix("W/") for t in tags}


def _parse(field: str, header: str) -> frozenset[str] | None:
    """The tags; None for ``*``."""
    text = header.strip(" \t")
    if not _TAGS.fullmatch(text):
        raise Invalid(field, 'must be * or entity tags as an ETag header gave them, such as "0a1b"')
    return None if text == "*" else frozenset(found[0] for found in _ONE.finditer(text))
