"""Other agencies' requests for data: listed, read and decided (policy 468.7)."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from services.console.actions.person_client import PersonClient
from services.console.domain.queries import ON_A_PAGE, decision_of, page_query
from services.console.domain.reviews import OPEN, Review, review_of

READ = "release:read"


async def count_waiting(client: PersonClient) -> Any:
    """Return how many requests await a decision, and since when, for a person without a purpose.

    Raises: Refused, SignedOut, PurposeNeeded.
    """
    return await client.request_json("release", "GET", "/v1/requests/waiting", with_purpose=False)


async def list_requests(client: PersonClient, status: str, after: str) -> Any:
    """Return all agencies' requests, newest first. Raises: Refused, SignedOut, PurposeNeeded."""
    query = page_query(ON_A_PAGE, after, status=status)
    return await client.request_json("release", "GET", "/v1/requests", params=query)


async def read_request(client: PersonClient, request_id: UUID) -> tuple[Any, Review | None]:
    """Return one request, and the person's options while it is open. Raises: Refused, SignedOut, PurposeNeeded."""
    asked = await client.request_json("release", "GET", f"/v1/requests/{request_id}")
    if asked["status"] not in OPEN:
        return asked, None
    agency = await client.request_json("release", "GET", f"/v1/agencies/{asked['agency_ori']}")
    session = client.session
    return asked, review_of(asked, agency, session.person_id, session.permissions)


async def decide(client: PersonClient, request_id: UUID, form: Mapping[str, str]) -> Any:
    """Approve or deny a request. Raises: Refused, SignedOut, PurposeNeeded."""
    path = f"/v1/requests/{request_id}/decision"
    return await client.request_json("release", "POST", path, json=decision_of(form))
