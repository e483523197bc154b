"""Errors that callers receive: each is raised with a code from a closed list, and the code's parameters.

Only `shared/http` maps errors to HTTP statuses. The codes are in `shared/core/problem_codes.py` and in
`problem_codes.py` of each service's domain.
"""

from collections.abc import Collection, Mapping, Sequence
from enum import Enum
from string import Formatter
from types import MappingProxyType
from typing import Any, ClassVar, Self, TypeGuard


class _Text(Formatter):
    """Renders templates: a list as `a, b`, a list of pairs as `a and b; c and d`."""

    def format_field(self, value: object, format_spec: str) -> str:
        if not _is_list(value):
            return str(super().format_field(value, format_spec))
        if any(map(_is_list, value)):
            return "; ".join(" and ".join(map(str, pair)) for pair in value)
        return ", ".join(map(str, value))


def _is_list(value: object) -> TypeGuard[Collection[Any]]:
    return isinstance(value, Collection) and not isinstance(value, str)


_TEXT = _Text()


class Worded(Enum):
    """The base of closed lists of values of a parameter: `NAME = value in problem documents, words in texts`."""

    _words: str

    def __new__(cls, value: str, words: str) -> Self:
        """Make a member."""
        one = object.__new__(cls)
        one._value_ = value
        one._words = words
        return one

    def __str__(self) -> str:
        return self._words


class ProblemCode(Enum):
    """The base of the lists of codes: `NAME = error class, template of the text, parameters that the text leaves out`.

    The code is the name in lower case and stands for one rule. Callers' programs may rely on code and parameters; the
    text may change. No template and no parameter contains a plate, a token or a secret.
    """

    def __init__(self, error: "type[AlprError]", text: str, *unsaid: str) -> None:
        self.error = error
        self.text = text
        named = [name for _, name, _, _ in _TEXT.parse(text) if name is not None]
        self.params: tuple[str, ...] = (*dict.fromkeys(named), *unsaid)
        """The names of the parameters: those of the text in its order, then the others."""

    @property
    def code(self) -> str:
        """The code in problem documents."""
        return self.name.lower()

    def render(self, params: Mapping[str, object]) -> str:
        """Return the text with these parameters. Raises: TypeError for other parameters than the code's."""
        if params.keys() != set(self.params):
            raise TypeError(f"{self.code} has the parameters {self.params}, not {tuple(params)}")
        return self.fill(params)

    def fill(self, params: Mapping[str, object]) -> str:
        """Return the text filled in from `params`, which may have more names than the text. Raises: KeyError."""
        return _TEXT.vformat(self.text, (), params)


class Explained:
    """A parameter that a text contains in words (`str`), and a problem document as an object (`as_problem`)."""

    @property
    def as_problem(self) -> Mapping[str, Any]:
        """The object in problem documents."""
        raise NotImplementedError


class Refusal(Explained):
    """A rule that refused, with its parameters; also a parameter of another refusal that it caused."""

    problem: ProblemCode | None = None
    params: Mapping[str, Any] = MappingProxyType({})

    @property
    def code(self) -> str | None:
        """The code in problem documents; None for errors whose text is for operations."""
        return None if self.problem is None else self.problem.code

    @property
    def as_problem(self) -> Mapping[str, Any]:
        """The code and its parameters."""
        return {"code": self.code, "params": self.params}


class AlprError(Refusal, Exception):
    """A rule refused the request. `detail` is for the caller: the code's text with `params`, no plate and no secret.

    `field` names the field of the request that breaks the rule; `errors` lists every fault if there can be several.
    """

    title: ClassVar[str] = "The request could not be carried out"

    field: str | None = None
    errors: Sequence[Mapping[str, Any]] | None = None

    def __init__(
        self,
        problem: ProblemCode,
        *,
        field: str | None = None,
        errors: Sequence[Mapping[str, Any]] | None = None,
        **params: Any,
    ) -> None:
        if not isinstance(self, problem.error):
            raise TypeError(f"{problem.code} is raised as {problem.error.__name__}")
        self._say(problem.render(params))
        self.problem = problem
        self.field = field
        self.errors = errors
        self.params = params

    def _say(self, detail: str) -> None:
        Exception.__init__(self, detail)
        self.detail = detail


class InternalFault(AlprError):
    """A fault at start-up, in a command or in a consumer. Its text is for logs; HTTP callers get a general text."""

    title = "Internal error"

    def __init__(self, detail: str = "") -> None:
        self._say(detail or self.title)


class InvalidInput(AlprError):
    """A well-formed value is not acceptable; `field` names it."""

    title = "A value is not acceptable"


class ValueRefused(Refusal, ValueError):
    """A validator refuses a value by a coded rule; `shared/http` answers with the code and the field of the value."""

    def __init__(self, problem: ProblemCode, **params: Any) -> None:
        ValueError.__init__(self, problem.render(params))
        self.problem: ProblemCode = problem
        self.params = params

    def at(self, field: str | None) -> InvalidInput:
        """Return the error for the field that has the value."""
        return InvalidInput(self.problem, field=field, **self.params)


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
    """The resource does not exist, or the caller may not see it; both have the same response."""

    title = "Not found"


class Conflict(AlprError):
    """The current state of the resource does not allow the request."""

    title = "The present state does not allow this"


class TooLarge(AlprError):
    """The body is over the limit, as sent or unpacked."""

    title = "Too large"


class UnsupportedMedia(AlprError):
    """The content type is not accepted."""

    title = "This content type is not accepted"


class MethodNotAllowed(AlprError):
    """The route exists, but not for this method."""

    title = "Method Not Allowed"


class RequestTimeout(AlprError):
    """The request did not arrive in time."""

    title = "The request did not arrive in time"


class TooManyRequests(AlprError):
    """The caller exceeds the rate limit; retry after `retry_after_s`."""

    title = "Too many requests"

    def __init__(self, problem: ProblemCode, *, retry_after_s: int = 1, **params: Any) -> None:
        super().__init__(problem, **params)
        self.retry_after_s = retry_after_s


class Unavailable(AlprError):
    """A dependency is down and the request had no effect; retry after `retry_after_s`."""

    title = "Temporarily unavailable"

    def __init__(self, problem: ProblemCode, *, retry_after_s: int = 2, **params: Any) -> None:
        super().__init__(problem, **params)
        self.retry_after_s = retry_after_s


class DependencyDown(Unavailable):
    """A dependency of the service is down or misconfigured. Its text is for readiness and logs, not for callers."""

    def __init__(self, detail: str, *, retry_after_s: int = 2) -> None:
        self._say(detail)
        self.retry_after_s = retry_after_s
