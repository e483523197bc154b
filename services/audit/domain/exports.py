"""The entries that an export of the log may have."""

from dataclasses import dataclass

from services.audit.domain.problem_codes import Code
from shared.core.errors import InvalidInput
from shared.core.merkle import Span


@dataclass(frozen=True, kw_only=True)
class WantedExport:
    """The export that a person asks for."""

    first: int = 0
    end: int | None = None
    """The number after the last entry; None for the log's end."""
    with_values: bool = False
    """Whether it includes the remaining sealed values."""
    old_log: bool = False
    """Whether it is of the log before this one."""


def span_of(wanted: WantedExport, size: int) -> Span:
    """Return the entries to export from a log of `size` entries.

    Raises: InvalidInput for a span outside the log, a part of the old log or the old log without values, and an
    export with values that does not go to the log's end.
    """
    if wanted.old_log and (not wanted.with_values or wanted.first or wanted.end is not None):
        raise InvalidInput(Code.LOG_EXPORT_OF_OLD_LOG, field="body.old_log")
    end = size if wanted.end is None else wanted.end
    if end > size or wanted.first >= end:
        raise InvalidInput(Code.LOG_EXPORT_OUTSIDE, field="body.end", size=size)
    if wanted.with_values and end != size:
        raise InvalidInput(Code.LOG_EXPORT_VALUES_TO_END, field="body.end")
    return Span(wanted.first, end)
