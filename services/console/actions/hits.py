"""Hits: the newest, the late ones, the stream of alerts, and one hit with what people recorded about it."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import httpx

from services.console.actions.errors import refusal
from services.console.actions.person_client import PersonClient
from services.console.domain.queries import chosen, page_query

READ = "hit:read"
RECEIVE = "alert:receive"
"""A fresh hit needs no purpose (468.4(b)), so a purpose that does not open hits is left out."""

ON_A_PAGE = 20


async def list_hits(
    client: PersonClient, *, late: bool | None, after: str = "", **found: str
) -> Any:
    """Return the newest hits: the late ones, the others, or both.

    `found` filters by `status`, `outcome`, `result` and `listed_by`.

    Raises: Refused, SignedOut, PurposeNeeded.
    """
    asked = page_query(ON_A_PAGE, after, **{name: code for name, code in found.items() if code})
    if late is not None:
        asked["late"] = "true" if late else "false"
    return await client.request_json("hotlist", "GET", "/v1/hits", params=asked, purpose_for=READ)


async def count_waiting(client: PersonClient) -> Any:
    """Return how many hits await a verification, and since when. Raises: Refused, SignedOut, PurposeNeeded."""
    return await client.request_json("hotlist", "GET", "/v1/hits/waiting", purpose_for=READ)


async def count_outcomes(client: PersonClient) -> Any:
    """Return what was found and what came of the hits of a month. Raises: Refused, SignedOut, PurposeNeeded."""
    return await client.request_json("hotlist", "GET", "/v1/hits/outcomes", purpose_for=READ)


async def open_alerts(client: PersonClient, last_event_id: str) -> httpx.Response:
    """Open hotlist's stream of alerts after an event; the caller closes it. Raises: Refused, SignedOut."""
    headers = {"Accept": "text/event-stream", "Last-Event-ID": last_event_id}
    answer = await client.request("hotlist", "GET", "/v1/alerts", headers=headers, stream=True)
    if not answer.is_success:
        await answer.aread()
        await answer.aclose()
        raise refusal(answer)
    return answer


async def read_hit(client: PersonClient, hit_id: UUID) -> Any:
    """Return one hit. Raises: Refused, SignedOut, PurposeNeeded."""
    return await client.request_json("hotlist", "GET", f"/v1/hits/{hit_id}", purpose_for=READ)


async def acknowledge(client: PersonClient, hit_id: UUID, *, acknowledged: bool) -> Any:
    """Take an alert, or give it back. Raises: Refused, SignedOut, PurposeNeeded."""
    path, body = f"/v1/hits/{hit_id}/acknowledgement", {"acknowledged": acknowledged}
    return await client.request_json("hotlist", "POST", path, json=body, purpose_for=RECEIVE)


async def verify(client: PersonClient, hit_id: UUID, form: Mapping[str, str]) -> Any:
    """Record the result of the check with the entering agency. Raises: Refused, SignedOut, PurposeNeeded."""
    body = {"method": "CLETS"} | chosen(form, "reference", "outcome", "note")
    path = f"/v1/hits/{hit_id}/verification"
    return await client.request_json("hotlist", "POST", path, json=body, purpose_for="hit:verify")


async def dispose(client: PersonClient, hit_id: UUID, form: Mapping[str, str]) -> Any:
    """Record the disposition. Raises: Refused, SignedOut, PurposeNeeded."""
    body = {"enforcement": form.get("enforcement") == "yes"}
    body |= chosen(form, "result", "disposition", "unverified_reason")
    path = f"/v1/hits/{hit_id}/disposition"
    return await client.request_json("hotlist", "POST", path, json=body, purpose_for="hit:dispose")
