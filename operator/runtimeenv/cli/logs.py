"""Log lines: JSON on standard error, one a record, and never an object or a value.

Our own messages are constant texts with a few named fields. What libraries say may hold objects (kopf prints patches
and whole bodies, asyncio the repr of an exception): of theirs only the place is kept, whatever the level, and of an
exception that is not ours only its type and the lines it went through.
"""

from __future__ import annotations

import logging
import sys
import traceback
from datetime import UTC, datetime
from types import TracebackType
from typing import Final, TextIO

import msgspec

from runtimeenv.errors import RuntimeEnvError

OURS: Final = "runtimeenv"
FIELDS: Final = (
    *("ref", "reason", "key_id", "count", "seconds", "status"),
    *("method", "route", "tenant", "variable", "code", "request_id", "address"),  # of the audit trail of the REST API
)
"""The only fields that a record may add; any other is dropped."""

_PLAIN: Final = frozenset((str, int, float, bool))
"""Types that say all they are; whatever else stands in a field says what its ``str`` tells."""

HARMLESS: Final = ("kopf._core.reactor.observation", "kopf._core.reactor.running")
"""Libraries' loggers whose text is kept: they speak of permissions and signals, never of objects."""


def configure(level: str, stream: TextIO | None = None) -> None:
    """Set up this process: our records from ``level`` up, libraries' from warnings up, even at debug."""
    # No line tells these, and a record is made faster without them.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines())
    handler.addFilter(_worth_a_line)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger(OURS).setLevel(level.upper())


class JsonLines(logging.Formatter):
    """A record as one line of JSON: time (UTC), level, logger, message, then its fields."""

    def format(self, record: logging.LogRecord) -> str:
        """See the module's text for what is left out."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": _message(record),
        }
        if not _ours(record.name):
            line["where"] = f"{record.module}:{record.lineno}"
        line.update({name: _field(record.__dict__[name]) for name in FIELDS if name in record.__dict__})
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = _described(record.exc_info[1])
            line["trace"] = _lines(record.exc_info[2])
        return msgspec.json.encode(line).decode()


def _worth_a_line(record: logging.LogRecord) -> bool:
    return _ours(record.name) or record.levelno >= logging.WARNING


def _ours(name: str) -> bool:
    return name == OURS or name.startswith(OURS + ".")


def _message(record: logging.LogRecord) -> str:
    if _ours(record.name):
        return str(record.msg)  # arguments are not filled in: what varies has a field
    return record.getMessage() if record.name in HARMLESS else "library"


def _field(field: object) -> object:
    return field if type(field) in _PLAIN else str(field)


def _described(error: BaseException) -> str:
    name = type(error).__qualname__
    if isinstance(error, RuntimeEnvError):
        return f"{name}: {error}"
    if isinstance(error, OSError) and error.strerror:
        return f"{name}: {error.strerror}"
    return name


def _lines(trace: TracebackType | None) -> list[str]:
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(trace)]
