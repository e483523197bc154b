"""Other agencies that may ask for data (policy 468.7)."""

from collections.abc import Mapping
from typing import Any

from services.console.actions.person_client import PersonClient
from services.console.domain.form_values import changed
from services.console.domain.queries import required

MANAGE = "agency:manage"
KINDS = ("law_enforcement", "prosecutor", "federal", "other_public", "private")


async def list_agencies(client: PersonClient) -> list[Any]:
    """Return all registered agencies by name. Raises: Refused, SignedOut, PurposeNeeded."""
    return await client.list_items("release", "/v1/agencies", purpose_for="release:read")


async def read_agency(client: PersonClient, ori: str) -> Any:
    """Return one registered agency. Raises: Refused, SignedOut, PurposeNeeded."""
    return await client.request_json(
        "release", "GET", f"/v1/agencies/{ori}", purpose_for="release:read"
    )


async def set_active(client: PersonClient, ori: str, *, active: bool) -> Any:
    """Bar an agency, or admit it again. Raises: Refused, SignedOut, PurposeNeeded."""
    path, body = f"/v1/agencies/{ori}", {"active": active}
    return await client.request_json("release", "PATCH", path, json=body, with_purpose=False)


async def change(client: PersonClient, ori: str, form: Mapping[str, str]) -> None:
    """Change what the person changed of an agency on the page. Raises: Refused, SignedOut, PurposeNeeded."""
    changes = changed(form, "name", "kind", "state", "contact")
    if "state" in changes:
        changes["state"] = _region(changes["state"])
    if changes:
        path = f"/v1/agencies/{ori}"
        await client.request_json("release", "PATCH", path, json=changes, with_purpose=False)


async def register(client: PersonClient, form: Mapping[str, str]) -> Any:
    """Register an agency. Raises: Refused, SignedOut, PurposeNeeded."""
    body = required(form, "ori", "name", "kind", "state", "contact")
    body["ori"], body["state"] = body["ori"].upper(), _region(body["state"])
    path = "/v1/agencies"
    return await client.request_json("release", "POST", path, json=body, with_purpose=False)


def _region(typed: str) -> str:
    """Return a state of the United States as ISO 3166-2 has it: CA as US-CA; other text unchanged."""
    return f"US-{typed.upper()}" if len(typed) == 2 else typed.upper()
