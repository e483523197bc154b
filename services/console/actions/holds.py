"""Holds: listed, placed, confirmed and released (policy 468.5)."""

from collections.abc import Mapping
from typing import Any, Literal
from uuid import UUID

from services.console.actions.person_client import PersonClient
from services.console.domain.form_values import moment_of
from services.console.domain.queries import (
    ON_A_PAGE,
    hold_criteria_of,
    page_query,
    required,
    retry_key,
)

READ = "hold:read"
MANAGE = "hold:manage"

State = Literal["in_force", "released", "all"]


async def count_waiting(client: PersonClient) -> Any:
    """Return how many holds and exports wait, and since when, for a person without a purpose.

    Raises: Refused, SignedOut, PurposeNeeded.
    """
    return await client.request_json("retention", "GET", "/v1/holds/waiting", with_purpose=False)


async def list_holds(client: PersonClient, state: State, after: str) -> Any:
    """Return the holds of the person's agency, newest first; those in force without the ones past their review.

    Raises: Refused, SignedOut, PurposeNeeded.
    """
    in_force = None if state == "all" else state == "in_force"
    overdue = False if state == "in_force" else None
    query = page_query(ON_A_PAGE, after, in_force=in_force, overdue=overdue)
    return await client.request_json("retention", "GET", "/v1/holds", params=query)


async def list_overdue(client: PersonClient) -> Any:
    """Return the holds in force that are past their date of review. Raises: Refused, SignedOut, PurposeNeeded."""
    query = page_query(ON_A_PAGE, overdue=True)
    return await client.request_json("retention", "GET", "/v1/holds", params=query)


async def place(client: PersonClient, form: Mapping[str, str]) -> Any:
    """Place a hold; a repeat with the form's key is harmless. Raises: Refused, SignedOut, PurposeNeeded."""
    body = required(form, "basis", "case_number", "description")
    body["criteria"] = hold_criteria_of(form)
    path = "/v1/holds"
    return await client.request_json("retention", "POST", path, json=body, headers=retry_key(form))


async def read_hold(client: PersonClient, hold_id: UUID) -> Any:
    """Return one hold. Raises: Refused, SignedOut, PurposeNeeded."""
    return await client.request_json("retention", "GET", f"/v1/holds/{hold_id}")


async def list_records(client: PersonClient, hold_id: UUID, after: str) -> Any:
    """Return the records that a hold preserves now. Raises: Refused, SignedOut, PurposeNeeded."""
    path, query = f"/v1/holds/{hold_id}/records", page_query(ON_A_PAGE, after)
    return await client.request_json("retention", "GET", path, params=query)


async def confirm(client: PersonClient, hold_id: UUID, reason: str) -> Any:
    """Confirm another person's hold that is wider than a search. Raises: Refused, SignedOut, PurposeNeeded."""
    path = f"/v1/holds/{hold_id}/confirmation"
    return await client.request_json("retention", "POST", path, json={"reason": reason})


async def extend(client: PersonClient, hold_id: UUID, form: Mapping[str, str]) -> Any:
    """Record that a hold was reviewed and stays until its next review. Raises: Refused, SignedOut, PurposeNeeded."""
    path, until = f"/v1/holds/{hold_id}/review", moment_of(form.get("review_by", ""))
    body = {"review_by": until, "reason": form.get("review_reason", "")}
    return await client.request_json("retention", "POST", path, json=body)


async def become_owner(client: PersonClient, hold_id: UUID, reason: str) -> Any:
    """Become the owner of a hold. Raises: Refused, SignedOut, PurposeNeeded."""
    path = f"/v1/holds/{hold_id}/owner"
    return await client.request_json("retention", "POST", path, json={"reason": reason})


async def release(client: PersonClient, hold_id: UUID, reason: str) -> Any:
    """Release a hold. Raises: Refused, SignedOut, PurposeNeeded."""
    path = f"/v1/holds/{hold_id}/release"
    return await client.request_json("retention", "POST", path, json={"reason": reason})
