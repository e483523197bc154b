"""Searches the records, and corrects misread ones (policy 468.4(a), Civil Code 1798.90.51(b)(2)(F))."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from services.console.actions.person_client import PersonClient
from services.console.domain.queries import correction_of, record_search_of, retry_key

SEARCH = "record:search"
CORRECT = "record:correct"


async def read(client: PersonClient, read_id: UUID) -> Any:
    """Return one read. Raises: Refused, SignedOut, PurposeNeeded."""
    return await client.request_json("retention", "GET", f"/v1/reads/{read_id}")


async def search(client: PersonClient, form: Mapping[str, str]) -> Any:
    """Return one page of the reads that match. Raises: Refused, SignedOut, PurposeNeeded."""
    body = record_search_of(form)
    return await client.request_json("retention", "POST", "/v1/reads/search", json=body)


async def correct(client: PersonClient, read_id: UUID, form: Mapping[str, str]) -> Any:
    """Correct a read; a repeat with the form's key is harmless. Raises: Refused, SignedOut, PurposeNeeded."""
    path, body = f"/v1/reads/{read_id}/correction", correction_of(form)
    return await client.request_json("retention", "POST", path, json=body, headers=retry_key(form))
