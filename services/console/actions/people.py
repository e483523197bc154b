"""People: accounts, new invitations, sheets to hand over, and lifts of a day's limit (468.3; ADR-0025, ADR-0040)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.console.actions.person_client import PersonClient
from services.console.domain.form_values import changed, ticked
from services.console.domain.queries import ON_A_PAGE, page_query, required

MANAGE = "account:manage"
LIFTS = 10
CHANGED_SINCE = "account_changed_since"
"""Identity's code for a change of what another person has changed meanwhile."""

ACTS = {
    "lock": "lock",
    "unlock": "lock/release",
    "reinstatement": "reinstatement",
    "separation": "separation",
}
"""Identity's route for each change of an account's state."""


@dataclass(frozen=True)
class Person:
    """One person's account, the newest lifts of their limit, and the open proposal to invite them anew, if any."""

    account: Any
    lifts: list[Any]
    proposal: Any


async def list_accounts(client: PersonClient, status: str, after: str) -> Any:
    """Return all accounts by user name. Raises: Refused, SignedOut, PurposeNeeded."""
    query = page_query(ON_A_PAGE, after, status=status)
    return await client.request_json("identity", "GET", "/v1/accounts", params=query)


async def invite(client: PersonClient, form: Mapping[str, str]) -> Any:
    """Create an account with an invitation, from a form with a box for each role and source.

    Raises: Refused, SignedOut, PurposeNeeded.
    """
    body = required(form, "username", "name", "title", "agency_ori")
    body["agency_ori"] = body["agency_ori"].upper()
    body["roles"], body["sources"] = ticked(form, "role_"), ticked(form, "source_")
    return await client.request_json("identity", "POST", "/v1/accounts", json=body)


async def has_deliverer(client: PersonClient, roles: Sequence[str]) -> bool:
    """Whether an active person other than the reader has one of `roles`. Raises: Refused, SignedOut, PurposeNeeded."""
    for role in roles:
        query = page_query(2, status="active", role=role)
        found = await client.request_json("identity", "GET", "/v1/accounts", params=query)
        if any(one["account_id"] != client.session.person_id for one in found["items"]):
            return True
    return False


async def list_proposals(client: PersonClient) -> list[Any]:
    """Return the open proposals to invite people anew; none for a person who may not approve them.

    Raises: Refused, SignedOut, PurposeNeeded.
    """
    if MANAGE not in client.session.permissions:
        return []
    return await client.list_items("identity", "/v1/accounts/invitations/proposed")


async def read_person(client: PersonClient, account_id: UUID) -> Person:
    """Return one person. Raises: Refused, SignedOut, PurposeNeeded."""
    path = f"/v1/accounts/{account_id}"
    account = await client.request_json("identity", "GET", path)
    lifts = await client.request_json(
        "identity", "GET", f"{path}/limit-lifts", params=page_query(LIFTS)
    )
    proposals = await list_proposals(client)
    own = [proposal for proposal in proposals if proposal["account_id"] == str(account_id)]
    return Person(account, lifts["items"], own[0] if own else None)


async def invite_anew(client: PersonClient, account_id: UUID, form: Mapping[str, str]) -> Any:
    """Invite a person anew, or propose it if it needs two administrators. Raises: Refused, SignedOut, PurposeNeeded."""
    path, body = f"/v1/accounts/{account_id}/invitation", required(form, "reason")
    return await client.request_json("identity", "POST", path, json=body)


async def approve(client: PersonClient, account_id: UUID) -> Any:
    """Invite a person anew, as another administrator proposed. Raises: Refused, SignedOut, PurposeNeeded."""
    path = f"/v1/accounts/{account_id}/invitation/approval"
    return await client.request_json("identity", "POST", path)


async def read_account(client: PersonClient, account_id: UUID) -> Any:
    """Return one person's account. Raises: Refused, SignedOut, PurposeNeeded."""
    return await client.request_json("identity", "GET", f"/v1/accounts/{account_id}")


async def assign_roles(client: PersonClient, account_id: UUID, form: Mapping[str, str]) -> Any:
    """Replace a person's roles with the ticked ones. Raises: Refused, SignedOut, PurposeNeeded."""
    path, body = f"/v1/accounts/{account_id}/roles", required(form, "reason")
    body |= {"roles": ticked(form, "role_"), "replaces": form.get("replaces", "").split()}
    return await client.request_json("identity", "PUT", path, json=body)


async def assign_sources(client: PersonClient, account_id: UUID, form: Mapping[str, str]) -> Any:
    """Entitle a person to the ticked sources, and to no others. Raises: Refused, SignedOut, PurposeNeeded."""
    path = f"/v1/accounts/{account_id}/sources"
    body = {
        "reason": form.get("sources_reason", ""),
        "sources": ticked(form, "source_"),
        "replaces": form.get("replaces", "").split(),
    }
    return await client.request_json("identity", "PUT", path, json=body)


async def list_reviews_due(client: PersonClient, after: str) -> Any:
    """Return the people whose rights were not reviewed for a year, oldest first. Raises: Refused, SignedOut."""
    path, query = "/v1/accounts/reviews/due", page_query(ON_A_PAGE, after)
    return await client.request_json("identity", "GET", path, params=query)


async def confirm_rights(client: PersonClient, account_id: UUID, form: Mapping[str, str]) -> Any:
    """Confirm the rights that the page showed, with a note. Raises: Refused, SignedOut, PurposeNeeded."""
    path, body = f"/v1/accounts/{account_id}/review", {"note": form.get("review_note", "")}
    seen = {name: form.get(f"seen_{name}", "").split() for name in ("roles", "sources")}
    return await client.request_json("identity", "POST", path, json=body | seen)


async def change_details(client: PersonClient, account_id: UUID, form: Mapping[str, str]) -> None:
    """Change the name and title that the person changed on the page. Raises: Refused, SignedOut, PurposeNeeded."""
    if changes := changed(form, "name", "title"):
        path = f"/v1/accounts/{account_id}"
        await client.request_json("identity", "PATCH", path, json=changes)


async def change_state(
    client: PersonClient, account_id: UUID, act: str, form: Mapping[str, str]
) -> Any:
    """Change the state of an account by one of ACTS. Raises: Refused, SignedOut, PurposeNeeded."""
    path, body = f"/v1/accounts/{account_id}/{ACTS[act]}", required(form, "reason")
    return await client.request_json("identity", "POST", path, json=body)


async def lift_limit(client: PersonClient, account_id: UUID, form: Mapping[str, str]) -> Any:
    """Lift a person's limit of records a day, for one case. Raises: Refused, SignedOut, PurposeNeeded."""
    path, body = f"/v1/accounts/{account_id}/limit-lifts", required(form, "case_number")
    body["reason"] = form.get("limit_reason", "")
    return await client.request_json("identity", "POST", path, json=body)


async def list_invitations(client: PersonClient) -> list[Any]:
    """Return the invitations that await delivery. Raises: Refused, SignedOut, PurposeNeeded."""
    return await client.list_items("identity", "/v1/accounts/invitations/waiting")


async def deliver_invitation(client: PersonClient, account_id: UUID) -> Any:
    """Return the sheet for one person; identity returns its token once. Raises: Refused, SignedOut, PurposeNeeded."""
    path = f"/v1/accounts/{account_id}/invitation/delivery"
    return await client.request_json("identity", "POST", path)
