"""Searches the records (policy 468.4(a))."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from services.console.actions.person_client import PersonClient
from services.console.domain.queries import record_search_of

SEARCH = "record:search"


async def read(client: PersonClient, read_id: UUID) -> Any:
    """Return one read. Raises: Refused, SignedOut, PurposeNeeded."""
    return await client.request_json("retention", "GET", f"/v1/reads/{read_id}")


async def search(client: PersonClient, form: Mapping[str, str]) -> Any:
    """Return one page of the reads that match. Raises: Refused, SignedOut, PurposeNeeded."""
    body = record_search_of(form)
    return await client.request_json("retention", "POST", "/v1/reads/search", json=body)
