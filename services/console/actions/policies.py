"""Policies that services have loaded, and their acknowledgement by the administrator and an auditor (ADR-0024)."""

from collections.abc import Mapping
from typing import Any

from services.console.actions.person_client import PersonClient
from services.console.domain.queries import page_query, required

LOADED = 20


async def list_policies(client: PersonClient, after: str) -> Any:
    """Return one page of the policies, newest first. Raises: Refused, SignedOut, PurposeNeeded."""
    query = page_query(LOADED, after)
    return await client.request_json("audit", "GET", "/v1/policies", params=query)


async def acknowledge(client: PersonClient, digest: str, form: Mapping[str, str]) -> Any:
    """Acknowledge a policy in a role. Raises: Refused, SignedOut, PurposeNeeded."""
    path, body = f"/v1/policies/{digest}/acknowledgements", required(form, "role")
    return await client.request_json("audit", "POST", path, json=body)
