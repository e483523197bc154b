"""Signs people in with password and second factor, and out."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.console.actions.errors import Refused
from services.console.actions.person_client import PersonClient
from services.console.actions.services import Services, bearer
from services.console.actions.sessions import KnownBrowser, Session, Sessions, rights_of


async def open_session(
    services: Services,
    credentials: Mapping[str, Any],
    known: KnownBrowser,
    headers: Mapping[str, str],
) -> Any:
    """Open a session at identity. Raises: Refused, without a word on which of the credentials is wrong."""
    token = known.tokens.get(credentials["username"].lower())
    vouched = {"X-Known-Browser": token} if token else {}
    return await services.request_json(
        "identity", "POST", "/v1/sessions", json=credentials, headers={**headers, **vouched}
    )


async def load_session(
    services: Services,
    sessions: Sessions,
    opened: Mapping[str, Any],
    headers: Mapping[str, str],
    now: datetime,
) -> Session:
    """Read the person of a session that identity opened, and store the session. Raises: Refused."""
    token = opened["access_token"]
    me = await services.request_json(
        "identity", "GET", "/v1/me", headers={**headers, **bearer(token)}
    )
    session = Session(
        session_id=opened["session_id"],
        person_id=opened["account_id"],
        name=me["name"],
        title=me["title"],
        **rights_of(me),
        access_token=token,
        refresh_token=opened["refresh_token"],
        expires_at=datetime.fromisoformat(opened["expires_at"]),
        active_at=now,
    )
    return sessions.remember(session)


async def renew_rights(client: PersonClient) -> None:
    """Read the person's permissions and training anew. Raises: Refused, SignedOut."""
    client.know(await client.request_json("identity", "GET", "/v1/me", with_purpose=False))


async def close_session(client: PersonClient) -> None:
    """Close the session at identity, and drop it here whatever identity answers. Raises: Refused, SignedOut."""
    try:
        await client.request("identity", "DELETE", "/v1/sessions/current")
    finally:
        client.forget()


async def end_idle(
    services: Services, sessions: Sessions, session: Session, headers: Mapping[str, str]
) -> None:
    """Close an idle session at identity too; if identity cannot be reached, it does so by itself."""
    sessions.forget(session)
    headers = {**headers, **bearer(session.access_token)}
    try:
        await services.request("identity", "DELETE", "/v1/sessions/current", headers=headers)
    except Refused:
        return
