"""Refuses a body that is not JSON, with the position of the fault."""

from shared.core.errors import Malformed
from shared.core.problem_codes import Common


def not_json(before: str) -> Malformed:
    """Return the refusal of a body that is valid JSON up to the end of `before` only."""
    *lines, last = before.split("\n")
    return Malformed(Common.JSON_INVALID, line=len(lines) + 1, column=len(last) + 1)
