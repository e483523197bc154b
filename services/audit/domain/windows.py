"""The window of time of a search or a report."""

from datetime import datetime

from shared.core.errors import InvalidInput
from shared.core.problem_codes import Common


def check_window(occurred_from: datetime | None, occurred_to: datetime | None) -> None:
    """Raise InvalidInput for a window that does not begin before its end; either may be open."""
    if occurred_from is None or occurred_to is None or occurred_from < occurred_to:
        return
    raise InvalidInput(
        Common.WINDOW_BACKWARDS,
        field="body.occurred_from",
        start="occurred_from",
        end="occurred_to",
    )
