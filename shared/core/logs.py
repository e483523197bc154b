"""Logging to standard error, as text or as one JSON object a line. Errors appear by type: their text may have a plate.

Postgres puts values into its errors ("Key (plate)=(...) already exists"), and so does any library that quotes its
input. So only the type and the traceback of an error are logged: of a caught one, of one that a library puts into its
message, and of one that ends a thread or the program.
"""

import logging
import re
import sys
import threading
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Final, Literal

import msgspec

from shared.core.errors import AlprError, Refusal
from shared.core.trace import current_request_id, current_trace_id

LogFormat = Literal["text", "json"]

log = logging.getLogger(__name__)

_FORMAT = "%(asctime)s %(levelname)s %(name)s [%(request_id)s] %(message)s"
_REMEMBERED = 1000
_TRACEBACK: Final = "Traceback (most recent call last)"
_CALLBACK: Final = re.compile(r"Exception in callback [\w.<>]+")
_ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class DiscreetFormatter(logging.Formatter):
    """Formats errors with traceback and type; includes the text only of our own errors."""

    def formatException(self, ei: _ExcInfo) -> str:  # noqa: N802 - logging's name
        """Return the error and its causes, innermost first."""
        lines: list[str] = []
        error, seen = ei[1], set[int]()
        while error is not None and id(error) not in seen:
            seen.add(id(error))
            lines.append("".join([*traceback.format_tb(error.__traceback__), named(error)]))
            error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        return "\n-- led to\n".join(reversed(lines))


class JsonFormatter(DiscreetFormatter):
    """Formats a record as a JSON object on one line, with the ids of its request and of its trace."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the object; `error` is there for a caught error."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        entry = {
            "time": f"{at[:-6]}Z",
            "level": record.levelname,
            "logger": record.name,
            "message": _encodable(record.getMessage()),
            "request_id": current_request_id(),
            "trace_id": current_trace_id(),
        }
        if record.exc_info:
            entry["error"] = _encodable(self.formatException(record.exc_info))
        return msgspec.json.encode(entry).decode()


def _encodable(text: str) -> str:
    """Return text with each lone surrogate as an escape: JSON in UTF-8 cannot have one."""
    return text.encode(errors="backslashreplace").decode()


class OfRequest(logging.Filter):
    """Adds our request id to each record; `-` outside a request."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Mark `record`; always returns True."""
        record.request_id = current_request_id() or "-"
        return True


class WithoutTexts(logging.Filter):
    """Takes the texts of other software's errors out of messages, where their type is named instead.

    An error may be an argument of a message. A server writes the traceback of a start that failed as a message, and
    asyncio adds the values of a callback or a task to its own.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Change `record`; always returns True."""
        record.msg = _without_text(record.msg)
        if isinstance(record.args, Mapping):
            record.args = {name: _without_text(value) for name, value in record.args.items()}
        elif record.args:
            record.args = tuple(map(_without_text, record.args))
        try:
            message = record.getMessage()
        except Exception:  # noqa: BLE001 - of any kind: logging would write the arguments with its complaint
            record.args = ()
            return True
        if record.name == "asyncio":
            said = _CALLBACK.match(message)
            record.msg, record.args = said[0] if said else message.partition("\n")[0], ()
        elif _TRACEBACK in message:
            record.msg, record.args = message.partition(_TRACEBACK)[0].strip() or "failed", ()
            if record.exc_info is None and sys.exception() is not None:
                record.exc_info = sys.exc_info()
        return True


def _without_text(value: object) -> object:
    """Return a value of a message; an error as its type, and one of our own as its text."""
    if not isinstance(value, BaseException):
        return value
    return str(value) if isinstance(value, Refusal) else named(value)


_WITHOUT_TEXTS: Final = WithoutTexts()


class Seldom(logging.Filter):
    """Limits each message of a repetitive library to one in `every_s`.

    While Kafka is down, aiokafka writes 400 lines a second, which would fill the disk in a weekend.
    """

    def __init__(self, library: str, *, every_s: float = 30.0) -> None:
        super().__init__(library)
        self._every_s = every_s
        self._said_at_s: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to write `record`; records of other libraries always pass."""
        if not super().filter(record):
            return True
        what = (record.name, str(record.msg))
        if 0 <= record.created - self._said_at_s.get(what, 0.0) < self._every_s:
            return False
        if len(self._said_at_s) >= _REMEMBERED:
            self._said_at_s.clear()
        self._said_at_s[what] = record.created
        return True


def named(error: BaseException) -> str:
    """Return an error's type, with the fixed wording of a Postgres error or of a rule of ours."""
    kind = f"{type(error).__module__}.{type(error).__qualname__}"
    if isinstance(error, AlprError):
        return f"{kind}: {error.detail}"
    if isinstance(error, BaseExceptionGroup):
        return f"{kind}: {', '.join(named(one) for one in error.exceptions)}"
    known = (
        "sqlstate",
        "schema_name",
        "table_name",
        "column_name",
        "constraint_name",
        "errno",
        "verify_message",
    )
    facts = [f"{name}={value}" for name in known if (value := getattr(error, name, None))]
    return f"{kind} ({', '.join(facts)})" if facts else kind


def name_errors_without_texts() -> None:
    """Have errors that end a thread or the program logged as caught ones are, also before logging is configured.

    Python would write their texts to standard error. Leaves in place what another program has set for them.
    """
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(DiscreetFormatter())
        logging.lastResort.addFilter(_WITHOUT_TEXTS)
    if sys.excepthook is sys.__excepthook__:
        sys.excepthook = _ends
    if threading.excepthook is threading.__excepthook__:
        threading.excepthook = lambda of: _log_end("a thread", of.exc_value)
    if sys.unraisablehook is sys.__unraisablehook__:
        sys.unraisablehook = lambda of: _log_end("a clean-up", of.exc_value)


def _ends(kind: type[BaseException], error: BaseException, at: TracebackType | None) -> None:
    if isinstance(error, KeyboardInterrupt):
        sys.__excepthook__(kind, error, at)
    else:
        _log_end("the program", error)


def _log_end(what: str, error: BaseException | None) -> None:
    log.critical("%s ended by an error", what, exc_info=error)


def configure_logging(how: LogFormat = "text") -> None:
    """Log to standard error; never a plate, a token or a password."""
    name_errors_without_texts()
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if how == "json" else DiscreetFormatter(_FORMAT))
    handler.addFilter(OfRequest())
    handler.addFilter(_WITHOUT_TEXTS)
    handler.addFilter(Seldom("aiokafka"))
    handler.addFilter(Seldom("opentelemetry"))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("aiokafka").setLevel(logging.ERROR)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    # It logs URLs: their queries may have plates, and that of a webhook a token.
    logging.getLogger("httpx").setLevel(logging.WARNING)
