"""Hot lists: their age, entries, and versions with the lines set aside (policy 468.4(c), (e))."""

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from services.console.actions.person_client import PersonClient
from services.console.domain.form_values import moment_of, whole
from services.console.domain.queries import (
    ON_A_PAGE,
    chosen,
    hotlist_entry_of,
    list_changes_of,
    page_query,
    required,
)

READ = "hotlist:read"
MANAGE = "hotlist:manage"
UPLOADED_WITHIN_S = 300.0
"""Longest wait for an upload: hotlist reads and compares a million lines before it answers."""


async def list_lists(client: PersonClient) -> list[Any]:
    """Return all lists whose source the person is entitled to. Raises: Refused, SignedOut, PurposeNeeded."""
    return await client.list_items("hotlist", "/v1/lists", with_purpose=False)


async def create_list(client: PersonClient, form: Mapping[str, str]) -> Any:
    """Create an empty hot list. Raises: Refused, SignedOut, PurposeNeeded."""
    body = required(form, "name", "source")
    if "staleness_hours" in form:
        body["staleness_hours"] = whole(form["staleness_hours"])
    return await client.request_json("hotlist", "POST", "/v1/lists", json=body, purpose_for=MANAGE)


async def read_list(client: PersonClient, list_id: UUID) -> Any:
    """Return a list's details without entries, which need no purpose. Raises: Refused, SignedOut, PurposeNeeded."""
    return await client.request_json("hotlist", "GET", f"/v1/lists/{list_id}", with_purpose=False)


async def read_yield(client: PersonClient, list_id: UUID, since: datetime) -> Any:
    """Return counts of what the hits of a list came to, which need no purpose. Raises: Refused, SignedOut."""
    path, query = f"/v1/lists/{list_id}/yield", {"since": since.isoformat()}
    return await client.request_json("hotlist", "GET", path, params=query, with_purpose=False)


async def search_entries(client: PersonClient, list_id: UUID, form: Mapping[str, str]) -> Any:
    """Return one page of the entries that match. Raises: Refused, SignedOut, PurposeNeeded."""
    body = chosen(form, "plate", "record_kind", "after") | {"limit": ON_A_PAGE}
    path = f"/v1/lists/{list_id}/entries/search"
    return await client.request_json("hotlist", "POST", path, json=body)


async def add_entry(client: PersonClient, list_id: UUID, form: Mapping[str, str]) -> Any:
    """Add an entry, in force at once. Raises: Refused, SignedOut, PurposeNeeded."""
    path, body = f"/v1/lists/{list_id}/entries", {"entries": [hotlist_entry_of(form)]}
    return await client.request_json("hotlist", "POST", path, json=body)


async def end_entry(
    client: PersonClient, list_id: UUID, entry_id: UUID, form: Mapping[str, str]
) -> Any:
    """End an entry at once, with the reason. Raises: Refused, SignedOut, PurposeNeeded."""
    path = f"/v1/lists/{list_id}/entries/{entry_id}/removal"
    return await client.request_json("hotlist", "POST", path, json=chosen(form, "reason"))


async def list_versions(client: PersonClient, list_id: UUID, after: str) -> Any:
    """Return one page of a list's versions. Raises: Refused, SignedOut, PurposeNeeded."""
    path, query = f"/v1/lists/{list_id}/versions", page_query(ON_A_PAGE, after)
    return await client.request_json("hotlist", "GET", path, params=query, with_purpose=False)


async def read_changes(client: PersonClient, list_id: UUID, version: int) -> Any:
    """Return what activating a version would change. Raises: Refused, SignedOut, PurposeNeeded."""
    path = f"/v1/lists/{list_id}/versions/{version}/changes"
    return await client.request_json("hotlist", "GET", path, purpose_for=MANAGE)


async def activate(
    client: PersonClient, list_id: UUID, version: int, form: Mapping[str, str]
) -> Any:
    """Activate a version in place of the one that was shown in force. Raises: Refused, SignedOut, PurposeNeeded."""
    path, seen = f"/v1/lists/{list_id}/versions/{version}/activation", required(form, "replaces")
    return await client.request_json(
        "hotlist", "POST", path, params=seen, json=chosen(form, "reason"), purpose_for=MANAGE
    )


async def change(client: PersonClient, list_id: UUID, form: Mapping[str, str]) -> None:
    """Change the switches of a list that the person changed on the page. Raises: Refused, SignedOut, PurposeNeeded."""
    if changes := list_changes_of(form):
        path = f"/v1/lists/{list_id}"
        await client.request_json("hotlist", "PATCH", path, json=changes, purpose_for=MANAGE)


async def withdraw(client: PersonClient, list_id: UUID, form: Mapping[str, str]) -> Any:
    """Withdraw a list from force. Raises: Refused, SignedOut, PurposeNeeded."""
    path, body = f"/v1/lists/{list_id}/withdrawal", required(form, "reason")
    return await client.request_json("hotlist", "POST", path, json=body, purpose_for=MANAGE)


async def upload(
    client: PersonClient, list_id: UUID, form: Mapping[str, str], file: AsyncIterator[bytes]
) -> Any:
    """Forward a file as it arrives; return the version made of it. Raises: Refused, SignedOut, PurposeNeeded."""
    query = {"activate": "true" if "activate" in form else "false"}
    if "as_of" in form:
        query["as_of"] = moment_of(form["as_of"])
    return await client.request_json(
        "hotlist",
        "POST",
        f"/v1/lists/{list_id}/versions",
        params=query,
        headers={"Content-Type": "text/csv"},
        content=file,
        within_s=UPLOADED_WITHIN_S,
        purpose_for=MANAGE,
    )


async def list_set_aside(client: PersonClient, list_id: UUID, version: int, after: str) -> Any:
    """Return the lines of a version's upload that became no entries. Raises: Refused, SignedOut, PurposeNeeded."""
    path = f"/v1/lists/{list_id}/versions/{version}/set-aside"
    return await client.request_json("hotlist", "GET", path, params=page_query(ON_A_PAGE, after))
