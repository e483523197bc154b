"""What can go wrong in a way that a caller should be told. `http.py` alone knows statuses."""

from typing import ClassVar


class AlprError(Exception):
    """A rule refused; `detail` is for the caller and names the fault, never a plate or a secret."""

    title: ClassVar[str] = "The request could not be carried out"

    def __init__(self, detail: str = "", *, field: str | None = None, **members: object) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.field = field
        self.members = members


class InvalidInput(AlprError):
    """Well-formed, but a value is not acceptable; `field` says which."""

    title = "A value is not acceptable"


class Malformed(AlprError):
    """The body or a header cannot be read as what it says it is."""

    title = "The request cannot be read"


class NotAuthenticated(AlprError):
    """No credential, or one that does not hold."""

    title = "A valid credential is required"


class CredentialEnded(NotAuthenticated):
    """A credential that held once: it has expired, or was revoked."""


class NotAuthorised(AlprError):
    """Known, but not permitted."""

    title = "Not permitted"
    on_record = False
    """Whether an event already says that this was refused, so that no refused attempt has to."""


class NotFound(AlprError):
    """Absent, or outside what the caller may see: the answer is the same."""

    title = "Not found"


class Conflict(AlprError):
    """The present state does not allow it."""

    title = "The present state does not allow this"


class TooLarge(AlprError):
    """The body, or what it unpacks to, is over the limit."""

    title = "Too large"


class UnsupportedMedia(AlprError):
    """The content is of a kind that is not taken."""

    title = "This kind of content is not taken"


class TooManyRequests(AlprError):
    """Over the rate; try again after `retry_after_s`."""

    title = "Too many requests"

    def __init__(self, detail: str = "", *, retry_after_s: int = 1) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class Unavailable(AlprError):
    """Something needed is down; nothing was done, try again after `retry_after_s`."""

    title = "Temporarily unavailable"

    def __init__(self, detail: str = "", *, retry_after_s: int = 2) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s
