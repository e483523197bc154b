"""Purges: the schedule, and proposals that other people authorise and carry out (policy 468.3.1(f), 468.5)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.console.actions.person_client import PersonClient
from services.console.domain.form_values import moment_of
from services.console.domain.queries import ON_A_PAGE, page_query, required, retry_key


@dataclass(frozen=True)
class Purges:
    """The schedule of the present policy, and one page of the runs and standing orders."""

    schedule: Any
    runs: Any


async def list_purges(client: PersonClient, after: str) -> Purges:
    """Return the schedule, and runs and standing orders, newest first. Raises: Refused, SignedOut, PurposeNeeded."""
    schedule = await _get(client, "/v1/schedule")
    return Purges(schedule, await _get(client, "/v1/purge-runs", page_query(ON_A_PAGE, after)))


async def read_purge(client: PersonClient, run_id: UUID) -> tuple[Any, Any]:
    """Return one run or standing order, and the present schedule. Raises: Refused, SignedOut, PurposeNeeded."""
    run = await _get(client, f"/v1/purge-runs/{run_id}")
    return run, await _get(client, "/v1/schedule")


async def propose(client: PersonClient, form: Mapping[str, str]) -> Any:
    """Propose a single run or a standing order; a repeat with the form's key is harmless.

    Raises: Refused, SignedOut, PurposeNeeded.
    """
    body = required(form, "kind", "reason")
    if "before" in form:
        body["before"] = moment_of(form["before"])
    path = "/v1/purge-runs"
    return await client.request_json("retention", "POST", path, json=body, headers=retry_key(form))


async def decide(client: PersonClient, run_id: UUID, step: str, note: str) -> Any:
    """Take a step that needs its reason: `authorisation`, `refusal`, `withdrawal`.

    Raises: Refused, SignedOut, PurposeNeeded.
    """
    path = f"/v1/purge-runs/{run_id}/{step}"
    return await client.request_json("retention", "POST", path, json={"note": note})


async def execute(client: PersonClient, run_id: UUID) -> Any:
    """Begin an authorised single run. Raises: Refused, SignedOut, PurposeNeeded."""
    return await client.request_json("retention", "POST", f"/v1/purge-runs/{run_id}/execution")


async def _get(client: PersonClient, path: str, params: Mapping[str, Any] | None = None) -> Any:
    return await client.request_json("retention", "GET", path, params=params)
