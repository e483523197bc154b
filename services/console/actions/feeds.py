"""Feeds of hot lists: the machines that deliver extracts, and their credentials."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from services.console.actions.hotlists import MANAGE
from services.console.actions.person_client import PersonClient
from services.console.domain.form_values import moment_of
from services.console.domain.queries import ON_A_PAGE, page_query, required


async def list_feeds(client: PersonClient, list_id: UUID, after: str) -> Any:
    """Return one page of a list's feeds, newest first. Raises: Refused, SignedOut, PurposeNeeded."""
    path, query = f"/v1/lists/{list_id}/feeds", page_query(ON_A_PAGE, after)
    return await client.request_json("hotlist", "GET", path, params=query, with_purpose=False)


async def issue(client: PersonClient, list_id: UUID, form: Mapping[str, str]) -> Any:
    """Issue a feed; hotlist returns its credential once. Raises: Refused, SignedOut, PurposeNeeded."""
    body = required(form, "name", "expires_at")
    body["expires_at"] = moment_of(body["expires_at"])
    path = f"/v1/lists/{list_id}/feeds"
    return await client.request_json("hotlist", "POST", path, json=body, purpose_for=MANAGE)


async def revoke(
    client: PersonClient, list_id: UUID, feed_id: UUID, form: Mapping[str, str]
) -> Any:
    """Refuse all deliveries of a feed from now on. Raises: Refused, SignedOut, PurposeNeeded."""
    path, body = f"/v1/lists/{list_id}/feeds/{feed_id}/revocation", required(form, "reason")
    return await client.request_json("hotlist", "POST", path, json=body, purpose_for=MANAGE)
