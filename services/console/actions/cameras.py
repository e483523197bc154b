"""Cameras: the devices that post frames and reads, and their credentials."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from services.console.actions.person_client import PersonClient
from services.console.domain.form_values import number
from services.console.domain.queries import (
    ON_A_PAGE,
    camera_changes_of,
    chosen,
    page_query,
    required,
)

MANAGE = "device:manage"


async def list_cameras(client: PersonClient, after: str) -> Any:
    """Return one page of the cameras by name. Raises: Refused, SignedOut, PurposeNeeded."""
    query = page_query(ON_A_PAGE, after)
    return await client.request_json("ingest", "GET", "/v1/devices", params=query)


async def register(client: PersonClient, form: Mapping[str, str]) -> Any:
    """Register a camera; ingest returns its credential once. Raises: Refused, SignedOut, PurposeNeeded."""
    body = required(form, "name", "kind")
    if place := {
        name: number(text)
        for name, text in chosen(form, "latitude", "longitude", "heading_deg").items()
    }:
        body["place"] = place
    if "may_buffer_h" in form:
        body["may_buffer_h"] = number(form["may_buffer_h"])
    return await client.request_json("ingest", "POST", "/v1/devices", json=body)


async def read_camera(client: PersonClient, device_id: UUID) -> Any:
    """Return one camera. Raises: Refused, SignedOut, PurposeNeeded."""
    return await client.request_json("ingest", "GET", f"/v1/devices/{device_id}")


async def change(client: PersonClient, device_id: UUID, form: Mapping[str, str]) -> None:
    """Change what the person changed of a camera on the page. Raises: Refused, SignedOut, PurposeNeeded."""
    if changes := camera_changes_of(form):
        path = f"/v1/devices/{device_id}"
        await client.request_json("ingest", "PATCH", path, json=changes)


async def revoke(client: PersonClient, device_id: UUID, form: Mapping[str, str]) -> Any:
    """Refuse all requests of a camera from now on. Raises: Refused, SignedOut, PurposeNeeded."""
    path, body = f"/v1/devices/{device_id}/revocation", required(form, "reason")
    return await client.request_json("ingest", "POST", path, json=body)


async def reinstate(client: PersonClient, device_id: UUID, form: Mapping[str, str]) -> Any:
    """Reinstate a revoked camera with a new credential. Raises: Refused, SignedOut, PurposeNeeded."""
    path, body = f"/v1/devices/{device_id}/reinstatement", required(form, "reason")
    return await client.request_json("ingest", "POST", path, json=body)


async def renew_credential(client: PersonClient, device_id: UUID) -> Any:
    """Give a camera a new credential; the former one ends at once. Raises: Refused, SignedOut, PurposeNeeded."""
    path = f"/v1/devices/{device_id}/credential"
    return await client.request_json("ingest", "POST", path, json={})
