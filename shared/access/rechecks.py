"""The checks before each further piece of an answer that goes on after the check of its request."""

from shared.access.attempts import check_recordable
from shared.access.grant import Grant
from shared.access.principals import authorise
from shared.accounts.tokens import verify
from shared.core.errors import NotAuthenticated
from shared.core.problem_codes import Common
from shared.service.api_runtime import ApiRuntime


def check_again(runtime: ApiRuntime, grant: Grant) -> None:
    """Raise the refusal that the guard would raise now to the person of `grant`.

    Raises: NotAuthenticated for a token or an account that has ended, and for the software itself, which has no token;
    NotAuthorised once training lapses; Unavailable while accounts are not current or access records cannot be stored.
    """
    now, token = runtime.clock.now(), grant.principal.token
    if token is None:
        raise NotAuthenticated(Common.TOKEN_MISSING)
    runtime.people.check(verify(token.text, runtime.people.keys, "access", now))
    authorise(grant.permission, grant.principal, now)
    if grant.permission.needs_current_accounts:
        runtime.people.check_current(now)
    check_recordable(runtime, grant.permission)


def check_account(runtime: ApiRuntime, grant: Grant) -> None:
    """Raise CredentialEnded once the account of `grant`'s person has ended, or their token was revoked.

    For files that are on record as a whole before their first byte, and may take longer than a token lives.
    """
    if grant.principal.token is not None:
        runtime.people.check(grant.principal.token.claims)
