"""A write that the API server refuses for good, told without its text, which may echo what was sent."""

from __future__ import annotations

from typing import Final

from runtimeenv.errors import Denied, Invalid, Rejected, RuntimeEnvError, Unavailable

_LOOK: Final = "an operator finds the reason in the cluster's policies, quotas and admission webhooks"


def refused(error: Rejected) -> RuntimeEnvError:
    """What to answer: Denied, Invalid, or Unavailable where it is our own process that may not write."""
    if error.status == 403:
        return Denied(f"the cluster does not let this be written: {_LOOK}")
    if error.status in (400, 413, 422):
        return Invalid("body", f"the cluster does not take this variable: {_LOOK}")
    return Unavailable(error.status, "write a variable")
