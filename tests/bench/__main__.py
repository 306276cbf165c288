"""``make bench``: all benches, or those named, as ``python -m tests.bench injection install``.

Ends with 1 where a bar is missed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from tests.bench import api, injection, install, startup, upgrade, variables
from tests.bench.report import Row, table

Measured = tuple[list[Row], list[str]]

BENCHES: dict[str, Callable[[], Measured]] = {
    "injection": lambda: (injection.rows(), []),
    "variables": variables.measured,
    "startup": startup.measured,
    "api": api.measured,
    "install": install.measured,
    "upgrade": upgrade.measured,
}


def main(names: Sequence[str]) -> int:
    """Run them in turn; the table comes last."""
    rows: list[Row] = []
    notes: list[str] = []
    for name in names or BENCHES:
        print(f"{name} ...", file=sys.stderr, flush=True)
        found, told = BENCHES[name]()
        rows += found
        notes += told
    print(*([table(rows)] if rows else []), *notes, sep="\n")
    return int(not all(row.met for row in rows))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
