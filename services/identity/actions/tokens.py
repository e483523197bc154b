"""Access and purpose tokens; every service authorises by their claims."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from services.identity.actions.context import Identity
from services.identity.actions.keys import sign_token
from services.identity.domain.accounts import Account
from services.identity.store.records import DeclaredPurpose
from services.identity.store.unit_of_work import Unit
from shared.accounts.tokens import AUDIENCE


async def access_token(
    identity: Identity,
    unit: Unit,
    account: Account,
    session_id: UUID,
    permissions: frozenset[str],
    until: datetime,
) -> tuple[str, datetime, datetime]:
    """Return a person's access token, its time of issue and its expiry, which is `until` at the latest."""
    # Another replica's clock may be a little ahead: the maximum prevents a new token from counting as revoked.
    issued = max(unit.now, account.tokens_valid_from)
    expires = min(issued + timedelta(minutes=unit.policy.accounts.access_token_minutes), until)
    trained_until = account.trained_until
    claims = {
        **_claims(identity, "access", account.account_id, issued, expires),
        "jti": str(uuid4()),
        "sid": str(session_id),
        "account_number": account.number,
        "name": account.name,
        "title": account.title,
        "ori": account.agency_ori,
        "permissions": sorted(permissions),
        "trained_until": trained_until.timestamp() if trained_until else None,
        "sources": sorted(account.sources),
    }
    return await sign_token(identity, unit, claims), issued, expires


async def purpose_token(
    identity: Identity, unit: Unit, purpose: DeclaredPurpose, lifted_until: datetime | None = None
) -> str:
    """Return the token of a declared purpose; its `jti` is the purpose's id.

    `lifted_until` is the end of the limit lift that the person has for the purpose's case.
    """
    said = {
        "kind": purpose.kind,
        "offence_type": purpose.offence_type,
        "case_number": purpose.case_number,
        "call_number": purpose.call_number,
        "justification": purpose.justification,
        "scope": dict(purpose.scope),
        "limit_lifted_until": lifted_until.timestamp() if lifted_until else None,
    }
    claims = {
        **_claims(identity, "purpose", purpose.account_id, purpose.declared_at, purpose.expires_at),
        "jti": str(purpose.purpose_id),
        **{name: value for name, value in said.items() if value},
    }
    return await sign_token(identity, unit, claims)


def _claims(
    identity: Identity, kind: str, account_id: UUID, issued: datetime, expires: datetime
) -> dict[str, Any]:
    return {
        "iss": identity.settings.token_issuer,
        "aud": AUDIENCE,
        "typ": kind,
        "sub": str(account_id),
        "iat": issued.timestamp(),  # with fractions: revocation compares it (RFC 7519, NumericDate)
        "exp": expires.timestamp(),
    }
