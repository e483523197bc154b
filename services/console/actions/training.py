"""Training records, by the Training Sergeant (468.3.1(b), 468.8)."""

from collections.abc import Mapping
from typing import Any

from services.console.actions.person_client import PersonClient
from services.console.domain.queries import required


async def list_due(client: PersonClient) -> list[Any]:
    """Return the people whose training is missing or lapses soon. Raises: Refused, SignedOut, PurposeNeeded."""
    return await client.list_items("identity", "/v1/training/due")


async def record(client: PersonClient, form: Mapping[str, str]) -> Any:
    """Record a person's training in the policy's course. Raises: Refused, SignedOut, PurposeNeeded."""
    body = required(form, "account_id", "completed_on")
    return await client.request_json("identity", "POST", "/v1/training", json=body)
