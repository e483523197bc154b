"""Refuses a body that is not JSON, with the position of the fault."""

import re

from shared.core.errors import Malformed
from shared.core.problem_codes import Common

_BYTE = re.compile(r".*\(byte (\d+)\)")


def not_json(before: str) -> Malformed:
    """Return the refusal of a body that is valid JSON up to the end of `before` only."""
    line = before.rfind("\n") + 1
    return Malformed(
        Common.JSON_INVALID, line=before.count("\n") + 1, column=len(before) - line + 1
    )


def not_decoded(body: bytes, message: str) -> Malformed:
    """Return the refusal of a body for msgspec's message about it; a truncated one fails at its end."""
    try:
        body.decode()
    except UnicodeDecodeError as not_utf8:
        return not_json(body[: not_utf8.start].decode())
    found = _BYTE.fullmatch(message)
    return not_json(body[: len(body) if found is None else int(found[1])].decode(errors="replace"))
