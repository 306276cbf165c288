"""``python -m runtimeenv``: the same as the console script, and ready to be ended from the first moment."""

import signal
import sys
from importlib import import_module
from typing import Final

ENDED: Final = 128 + signal.SIGTERM
"""The exit code, as shells tell of the signal, until a process heeds it by itself."""


def main() -> None:
    """As a container's first process it would not receive a signal without a handler, and imports take a second."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(ENDED))
    import_module("runtimeenv.cli.main").main()


if __name__ == "__main__":
    main()
