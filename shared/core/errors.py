"""Errors that a caller sees. Only `shared/http` knows their statuses."""

from typing import ClassVar


class AlprError(Exception):
    """A rule refused the request; `detail` names the fault for the caller, and never a plate or a secret."""

    title: ClassVar[str] = "The request could not be carried out"

    def __init__(self, detail: str = "", *, field: str | None = None, **members: object) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.field = field
        self.members = members


class InvalidInput(AlprError):
    """A well-formed value is not acceptable; `field` names it."""

    title = "A value is not acceptable"


class Malformed(AlprError):
    """The body or a header does not match its declared format."""

    title = "The request cannot be read"


class NotAuthenticated(AlprError):
    """The request has no credential, or an invalid one."""

    title = "A valid credential is required"


class CredentialEnded(NotAuthenticated):
    """The credential was valid, but has expired or was revoked."""


class NotAuthorised(AlprError):
    """The caller is authenticated, but not permitted."""

    title = "Not permitted"
    on_record = False
    """Whether an event already records this refusal, so that no refused attempt is written."""


class NotFound(AlprError):
    """The thing does not exist, or the caller may not see it; the response is the same."""

    title = "Not found"


class Conflict(AlprError):
    """The current state does not allow it."""

    title = "The present state does not allow this"


class TooLarge(AlprError):
    """The body is over the limit, as sent or unpacked."""

    title = "Too large"


class UnsupportedMedia(AlprError):
    """The content type is not accepted."""

    title = "This content type is not accepted"


class TooManyRequests(AlprError):
    """The caller exceeds the rate limit; retry after `retry_after_s`."""

    title = "Too many requests"

    def __init__(self, detail: str = "", *, retry_after_s: int = 1) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class Unavailable(AlprError):
    """A dependency is down, and nothing was done; retry after `retry_after_s`."""

    title = "Temporarily unavailable"

    def __init__(self, detail: str = "", *, retry_after_s: int = 2) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s
