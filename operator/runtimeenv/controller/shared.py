"""What both stages work with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from runtimeenv.cluster.protocol import Cluster
from runtimeenv.controller.census import Census
from runtimeenv.controller.dependents import Dependents
from runtimeenv.controller.index import Affected, Index
from runtimeenv.controller.presence import Presence
from runtimeenv.core.identity import Ref
from runtimeenv.crypto.keyring import Keyring


@dataclass(frozen=True, slots=True)
class Shared:
    """The cluster, what is known of it, and the ways to the two queues.

    ``offer`` sends a variable to stage 1; ``affect`` offers all that a change touched, to both stages.
    """

    cluster: Cluster
    index: Index
    census: Census
    dependents: Dependents
    keyring: Callable[[], Keyring]
    now: Callable[[], datetime]
    offer: Callable[[Ref], None]
    affect: Callable[[Affected], None]
    presence: Presence
