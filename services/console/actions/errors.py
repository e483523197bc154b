"""Exceptions that end a request early; `main` turns each into a page."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import httpx

from services.console.domain.rights import not_in_role
from shared.core.problem_codes import Common


class Refused(Exception):
    """A service refused a request, or does not answer. `detail` is in the service's own words."""

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
        """The kind of refusal, for the program; None if the service did not name it."""

        self.opened = opened
        """The permission that a purpose, or one of another kind, would open; "" if a purpose would not help."""

        self.faults = tuple(faults)
        """Faults in a file: line, column, field and fault of each, if the service named them."""

    @property
    def temporary(self) -> bool:
        """Whether a retry may succeed later; the refusal then does not concern the person."""
        return self.status >= HTTPStatus.INTERNAL_SERVER_ERROR


class SignedOut(Exception):
    """The browser has no session, or an ended one; `why` is for the person."""

    def __init__(self, why: str = "") -> None:
        super().__init__(why)
        self.why = why


class PurposeNeeded(Exception):
    """The request needs a declared purpose first; the browser then continues at `back`.

    The purpose must open `permission`; if that is "", the person may choose among all that open one of theirs.
    """

    def __init__(self, back: str, permission: str = "") -> None:
        super().__init__(back)
        self.back = back
        self.permission = permission


def not_allowed(why: str) -> Refused:
    """Return the refusal of a page that the person cannot use now."""
    return Refused(HTTPStatus.FORBIDDEN, "This page is not open to you", why)


def form_refused(why: str) -> Refused:
    """Return the refusal of a form that is not one of this console's pages, or is too old."""
    return Refused(HTTPStatus.FORBIDDEN, "This form was not accepted", why)


def value_refused(why: str, field: str | None = None) -> Refused:
    """Return the refusal of a form's value by the console itself."""
    return Refused(HTTPStatus.UNPROCESSABLE_ENTITY, "A value is not acceptable", why, field)


def done_all_the_same(done: str, exc: Refused) -> Refused:
    """Return the refusal of what a page shows after an act that succeeded, so that the person does not repeat it."""
    why = f"{done}. What the page shows besides could not be read: go on from the start"
    return Refused(exc.status, "Done, but the page cannot be shown", why)


def item_unknown() -> Refused:
    """Return the refusal of a number that no item of a sampled audit has."""
    return Refused(HTTPStatus.NOT_FOUND, "Not found", "no item of this audit has this number")


def is_unauthorised(answer: httpx.Response) -> bool:
    """Whether a service refused the access token."""
    return answer.status_code == HTTPStatus.UNAUTHORIZED


def is_not_found(answer: httpx.Response) -> bool:
    """Whether the service has no such record."""
    return answer.status_code == HTTPStatus.NOT_FOUND


def refusal(answer: httpx.Response) -> Refused:
    """Turn a problem document (RFC 9457) into an exception; its body must have been read."""
    try:
        said = answer.json()
    except ValueError:
        said = None
    if not isinstance(said, dict) or answer.is_success:
        return Refused(HTTPStatus.BAD_GATEWAY, "A service gave an answer that cannot be read")
    field, code, faults = said.get("field"), said.get("code"), said.get("errors")
    params, detail = said.get("params"), str(said.get("detail") or "")
    if code == Common.PERMISSION_MISSING.code and isinstance(params, dict):
        detail = not_in_role(str(params.get("permission")))
    opened = params.get("permission") if isinstance(params, dict) and "kinds" in params else None
    return Refused(
        answer.status_code,
        str(said.get("title") or HTTPStatus(answer.status_code).phrase),
        detail,
        str(field) if field else None,
        str(code) if code else None,
        str(opened or ""),
        [one for one in faults if isinstance(one, dict) and "line" in one]
        if isinstance(faults, list)
        else (),
    )
