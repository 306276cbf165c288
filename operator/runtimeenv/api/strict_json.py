"""JSON that every reader understands alike (RFC 8259, I-JSON of RFC 7493): what is ambiguous is refused, not echoed."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from typing import Any, Final, NoReturn

from runtimeenv.errors import RuntimeEnvError

NESTING_LIMIT: Final = 32
"""Of a whole document; far below what the parser's recursion bears."""
CONTAINER_LIMIT: Final = 10_000
"""Objects and arrays of a whole document: more than the largest metadata holds, few enough to be read in no time."""
SAFE_INTEGER: Final = 2**53 - 1
"""The largest integer that a double holds exactly (RFC 7493 §2.2)."""

# A string, ended or not, or one bracket. Possessive, and never without a match at a quote: linear in every text.
_TOKEN = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[\]{}]', re.DOTALL)


class Malformed(RuntimeEnvError):
    """Not a JSON object, or not one that every reader understands alike."""


def parse_object(body: bytes) -> dict[str, Any]:
    """The object in a body. Raises Malformed; numbers too large to be told apart come out as infinity."""
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise Malformed("the body must be UTF-8") from None
    for number, depth in enumerate(_depths(text)):
        if depth > NESTING_LIMIT or number > CONTAINER_LIMIT:
            raise Malformed("the body is nested too deeply, or has too many objects and arrays")
    try:
        parsed = json.loads(text, object_pairs_hook=_object, parse_constant=_constant, parse_int=_integer)
    except json.JSONDecodeError:
        raise Malformed("the body must be JSON, without a byte order mark") from None
    if not isinstance(parsed, dict):
        raise Malformed("the body must be a JSON object")
    return parsed


def _depths(text: str) -> Iterator[int]:
    depth = 0
    for token in _TOKEN.finditer(text):
        match text[token.start()]:
            case "[" | "{":
                depth += 1
                yield depth
            case "]" | "}":
                depth -= 1


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise Malformed("a key stands twice in one object: readers would disagree on its value")
    return result


def _constant(_: str) -> NoReturn:
    raise Malformed("NaN and Infinity are not JSON")


def _integer(digits: str) -> int | float:
    # The parser's int is quadratic in its digits, and refuses more than 4300 of them in a way of its own.
    return int(digits) if len(digits) <= 17 else math.inf
