"""What else a variable read: when that changes, its ref is offered to stage 1 again. Nothing of this is persisted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from runtimeenv.core.identity import Ref


class Dependents:
    """Which variables read a source Secret, and which wait for a RuntimeEnv to hold them."""

    def __init__(self) -> None:
        self._readers: defaultdict[Ref, set[Ref]] = defaultdict(set)
        self._source: dict[Ref, Ref] = {}
        self._waiting: defaultdict[Ref, set[Ref]] = defaultdict(set)

    def read(self, variable: Ref, source: Ref | None) -> None:
        """A variable read this Secret, or none (any more)."""
        before = self._source.pop(variable, None)
        if before is not None:
            self._readers[before].discard(variable)
            if not self._readers[before]:
                del self._readers[before]
        if source is not None:
            self._source[variable] = source
            self._readers[source].add(variable)

    def readers(self, source: Ref) -> list[Ref]:
        """The variables that read a Secret."""
        return list(self._readers.get(source, ()))

    def wait(self, variable: Ref, environments: Iterable[Ref]) -> None:
        """A variable waits until these RuntimeEnvs hold it."""
        for environment in environments:
            self._waiting[environment].add(variable)

    def release(self, environment: Ref) -> set[Ref]:
        """A RuntimeEnv was written, or failed: whoever waited for it looks again."""
        return self._waiting.pop(environment, set())
