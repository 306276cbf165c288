"""Everything that is wrong with one input, gathered so that its author mends it in one go."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from runtimeenv.errors import Invalid, RuntimeEnvError

T = TypeVar("T")
D = TypeVar("D")


class Refused(RuntimeEnvError):
    """Input with one fault or more; each names the field and the mend, never the input."""

    def __init__(self, faults: Sequence[Invalid]) -> None:
        super().__init__("the input has invalid fields")
        self.faults = tuple(faults)


class Faults:
    """Reads the fields of one input by their parsers, and remembers what they refuse."""

    def __init__(self, given: Mapping[str, Any], known: Sequence[str], place: str) -> None:
        """``place`` is where the fields stand: body or query."""
        self._given = given
        self._faults: list[Invalid] = []
        if not given.keys() <= {*known}:
            self.add(Invalid(place, f"has unknown fields: use only {', '.join(known)}"))

    def add(self, fault: Invalid) -> None:
        """Remember a fault."""
        self._faults.append(fault)

    def require(self, *fields: str) -> None:
        """Refuse the input unless it has these fields."""
        for field in fields:
            if field not in self._given:
                self.add(Invalid(field, "required"))

    def take(self, field: str, parse: Callable[[str, Any], T], default: D) -> T | D:
        """The field parsed, or the default where it is absent or refused."""
        if field not in self._given:
            return default
        try:
            return parse(field, self._given[field])
        except Invalid as fault:
            self.add(fault)
            return default

    def spares(self, *fields: str) -> bool:
        """Are these fields without a fault so far?"""
        return not any(fault.field in fields for fault in self._faults)

    def check(self) -> None:
        """Raises Refused if anything was wrong."""
        if self._faults:
            raise Refused(self._faults)
