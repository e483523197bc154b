"""Findings: listed, read with the people whom they name, assigned, commented on and closed (policy 468.3.1(c))."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.console.actions.errors import Refused
from services.console.actions.person_client import PersonClient
from services.console.domain.findings import Show, filters_of, person_in
from services.console.domain.queries import ON_A_PAGE, page_query, required

PEOPLE = "account:read"


@dataclass(frozen=True)
class Work:
    """A finding with the people who may be asked to work on it, and the names of the people whom it names."""

    finding: Any
    names: Mapping[str, str]
    """By account."""

    workers: Mapping[str, str]
    """The active people whom it may be assigned to, the reader first, by account. Its subject is none of them."""


async def list_findings(client: PersonClient, show: Show, kind: str, after: str) -> Any:
    """Return one page of findings, newest first. Raises: Refused, SignedOut, PurposeNeeded."""
    filters = filters_of(show, client.session.person_id)
    query = page_query(ON_A_PAGE, after, kind=kind, **filters)
    return await client.request_json("audit", "GET", "/v1/findings", params=query)


async def names_of_workers(client: PersonClient, roles: Sequence[str]) -> dict[str, str]:
    """Return the names of people with these roles, by account. Raises: SignedOut."""
    return {one["account_id"]: one["name"] for one in await _workers(client, roles)}


async def read_finding(client: PersonClient, finding_id: UUID, roles: Sequence[str]) -> Work:
    """Return one finding, to be worked on by people with these roles. Raises: Refused, SignedOut, PurposeNeeded."""
    finding = await client.request_json("audit", "GET", f"/v1/findings/{finding_id}")
    known, own = await _workers(client, roles), client.session.person_id
    workers = {own: client.session.name} | {
        one["account_id"]: one["name"] for one in known if one["status"] == "active"
    }
    names = {one["account_id"]: one["name"] for one in known}
    named = {finding["subject"], *(step["assigned_to"] for step in finding["steps"])}
    for text in sorted(filter(None, named - names.keys())):
        if (account_id := person_in(text)) and (name := await _name(client, account_id)):
            names[text] = name
    workers.pop(finding["subject"], None)
    return Work(finding, names, workers)


async def assign(client: PersonClient, finding_id: UUID, form: Mapping[str, str]) -> Any:
    """Assign a finding to a person. Raises: Refused, SignedOut, PurposeNeeded."""
    body = required(form, "assigned_to") | {"note": form.get("assignment_note", "")}
    return await _work(client, finding_id, "assignment", body)


async def comment(client: PersonClient, finding_id: UUID, form: Mapping[str, str]) -> Any:
    """Add a comment to a finding. Raises: Refused, SignedOut, PurposeNeeded."""
    body = {"note": form.get("comment_note", "")}
    return await _work(client, finding_id, "comments", body)


async def close(client: PersonClient, finding_id: UUID, form: Mapping[str, str]) -> Any:
    """Close a finding with its outcome and the reason. Raises: Refused, SignedOut, PurposeNeeded."""
    body = required(form, "outcome") | {"note": form.get("closure_note", "")}
    return await _work(client, finding_id, "closure", body)


async def _work(client: PersonClient, finding_id: UUID, step: str, body: Any) -> Any:
    path = f"/v1/findings/{finding_id}/{step}"
    return await client.request_json("audit", "POST", path, json=body)


async def _workers(client: PersonClient, roles: Sequence[str]) -> list[Any]:
    """Return the accounts with these roles by name; none if the person may not read accounts, or identity is away."""
    if PEOPLE not in client.session.permissions:
        return []
    try:
        found = [
            one
            for role in roles
            for one in await client.list_items(
                "identity", "/v1/accounts", query={"role": role}, with_purpose=False
            )
        ]
    except Refused:
        return []  # a finding is worked on all the same, with ids in place of names
    return sorted(found, key=lambda one: str(one["name"]))


async def _name(client: PersonClient, account_id: UUID) -> str:
    """Return the name of an account; "" if it cannot be read."""
    if PEOPLE not in client.session.permissions:
        return ""
    try:
        path = f"/v1/accounts/{account_id}"
        account = await client.request_json("identity", "GET", path, with_purpose=False)
    except Refused:
        return ""
    return str(account["name"])
