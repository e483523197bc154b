"""Evidence: exports of the records that a hold preserves, and their booked copies (policy 468.5)."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from services.console.actions.person_client import PersonClient
from services.console.domain.form_values import moment_of
from services.console.domain.queries import ON_A_PAGE, chosen, page_query, required, retry_key

BOOKING = (
    "evidence_number",
    "custodian_name",
    "custodian_title",
    "media_description",
    "media_serial",
    "sha256",
)
PARTICULARS = ("party_name", "party_organisation", "order_reference")
ACT_FIELDS = {"sha256": "act_sha256", "note": "act_note", "corrects": "act_corrects"}
"""Fields of an act of custody whose names the form of a booking has on the same page, and their names in the form."""
EXPORTS = "/v1/evidence-exports"


async def list_unbooked(client: PersonClient) -> Any:
    """Return the exports that await a booking. Raises: Refused, SignedOut, PurposeNeeded."""
    query = page_query(ON_A_PAGE, unbooked=True)
    return await client.request_json("retention", "GET", EXPORTS, params=query)


async def list_of_hold(client: PersonClient, hold_id: UUID) -> Any:
    """Return the exports of one hold. Raises: Refused, SignedOut, PurposeNeeded."""
    query = page_query(ON_A_PAGE, hold_id=str(hold_id))
    return await client.request_json("retention", "GET", EXPORTS, params=query)


async def order(client: PersonClient, hold_id: UUID, form: Mapping[str, str]) -> Any:
    """Request a package of the records that the hold preserves now; the form's key makes a repeat harmless.

    Raises: Refused, SignedOut, PurposeNeeded.
    """
    body = {"hold_id": str(hold_id)}
    return await client.request_json(
        "retention", "POST", EXPORTS, json=body, headers=retry_key(form)
    )


async def read_export(client: PersonClient, export_id: UUID) -> tuple[Any, list[Any], list[Any]]:
    """Return one export, its bookings, and its acts of custody. Raises: Refused, SignedOut, PurposeNeeded."""
    path = f"{EXPORTS}/{export_id}"
    export = await client.request_json("retention", "GET", path)
    bookings = await client.list_items("retention", f"{path}/bookings")
    return export, bookings, await client.list_items("retention", f"{path}/custody-acts")


async def book(client: PersonClient, export_id: UUID, form: Mapping[str, str]) -> Any:
    """Book the copy on one medium into evidence, or correct a booking. Raises: Refused, SignedOut, PurposeNeeded."""
    body = required(form, *BOOKING) | chosen(form, "note", "corrects")
    path = f"{EXPORTS}/{export_id}/bookings"
    return await client.request_json("retention", "POST", path, json=body, headers=retry_key(form))


async def record_act(client: PersonClient, export_id: UUID, form: Mapping[str, str]) -> Any:
    """Record what was done with a booked copy. Raises: Refused, SignedOut, PurposeNeeded."""
    body = required(form, "booking_id", "kind") | chosen(form, *PARTICULARS)
    body |= {ours: form[theirs] for ours, theirs in ACT_FIELDS.items() if theirs in form}
    if "acted_at" in form:
        body["acted_at"] = moment_of(form["acted_at"])
    path = f"{EXPORTS}/{export_id}/custody-acts"
    return await client.request_json("retention", "POST", path, json=body, headers=retry_key(form))


async def withdraw(client: PersonClient, export_id: UUID, form: Mapping[str, str]) -> Any:
    """Withdraw an export without a booked copy. Raises: Refused, SignedOut, PurposeNeeded."""
    path, body = f"{EXPORTS}/{export_id}/withdrawal", required(form, "reason")
    return await client.request_json("retention", "POST", path, json=body)
