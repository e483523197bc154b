"""Requests of one's own agency for data: filed, followed, withdrawn, and their packages (policy 468.7(a))."""

from collections.abc import AsyncIterator, Mapping
from typing import Any
from uuid import UUID

from services.console.actions.person_client import PersonClient
from services.console.domain.queries import (
    ON_A_PAGE,
    data_request_of,
    page_query,
    required,
    retry_key,
)

REQUEST = "release:request"


async def list_own(client: PersonClient, status: str, after: str) -> Any:
    """Return the agency's requests, newest first. Raises: Refused, SignedOut."""
    query = page_query(ON_A_PAGE, after, status=status)
    path = "/v1/agency/requests"
    return await client.request_json("release", "GET", path, params=query)


async def read_own(client: PersonClient, request_id: UUID) -> Any:
    """Return one request of the agency. Raises: Refused, SignedOut."""
    path = f"/v1/agency/requests/{request_id}"
    return await client.request_json("release", "GET", path)


async def upload_authority(client: PersonClient, file: AsyncIterator[bytes]) -> Any:
    """Forward a document of legal authority as it arrives; return its id and digest. Raises: Refused, SignedOut."""
    kind = {"Content-Type": "application/octet-stream"}  # release tells the kind from the bytes
    return await client.request_json("release", "POST", "/v1/documents", content=file, headers=kind)


async def file_request(client: PersonClient, form: Mapping[str, str]) -> Any:
    """File a written request for data; a repeat with the form's key is harmless. Raises: Refused, SignedOut."""
    body, path = data_request_of(form), "/v1/requests"
    return await client.request_json("release", "POST", path, json=body, headers=retry_key(form))


async def withdraw(client: PersonClient, request_id: UUID, form: Mapping[str, str]) -> Any:
    """Withdraw a request that is not decided yet. Raises: Refused, SignedOut."""
    path, body = f"/v1/agency/requests/{request_id}/withdrawal", required(form, "reason")
    return await client.request_json("release", "POST", path, json=body)
