"""What ends a request early; `main` turns each into a page."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import httpx


class Refused(Exception):
    """A service refused, or does not answer. `detail` is in the service's own words."""

    def __init__(
        self,
        status: int,
        title: str,
        detail: str = "",
        field: str | None = None,
        code: str | None = None,
        opened: str = "",
        faults: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        super().__init__(title)
        self.status = status
        self.title = title
        self.detail = detail
        self.field = field
        self.code = code
        """What kind of refusal it is, for the program; None where the service did not say."""

        self.opened = opened
        """The permission that a purpose, or one of another kind, would open; "" where that is not what lacks."""

        self.faults = tuple(faults)
        """What is wrong in a file: line, column, field and fault of each, where the service named them."""

    @property
    def temporary(self) -> bool:
        """Whether the same may succeed later, and says nothing about the person."""
        return self.status >= HTTPStatus.INTERNAL_SERVER_ERROR


class SignedOut(Exception):
    """Nobody is signed in here, or not any more; `why` is for the person."""

    def __init__(self, why: str = "") -> None:
        super().__init__(why)
        self.why = why


class PurposeNeeded(Exception):
    """What was asked for needs a purpose to be declared first; `back` is where to go on then.

    It is to open `permission`; where that is "", the person is offered what opens any of theirs.
    """

    def __init__(self, back: str, permission: str = "") -> None:
        super().__init__(back)
        self.back = back
        self.permission = permission


def refusal(answer: httpx.Response) -> Refused:
    """Return a problem document (RFC 9457) as what to raise; its body must have been read."""
    try:
        said = answer.json()
    except ValueError:
        said = None
    if not isinstance(said, dict) or answer.is_success:
        return Refused(HTTPStatus.BAD_GATEWAY, "A service gave an answer that cannot be read")
    field, code, faults = said.get("field"), said.get("code"), said.get("errors")
    return Refused(
        answer.status_code,
        str(said.get("title") or HTTPStatus(answer.status_code).phrase),
        str(said.get("detail") or ""),
        str(field) if field else None,
        str(code) if code else None,
        str(said.get("permission", "")) if "kinds" in said else "",
        [one for one in faults if isinstance(one, dict) and "line" in one]
        if isinstance(faults, list)
        else (),
    )
