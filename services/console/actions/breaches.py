"""Breach reports: the records that an account reached in a period (Civil Code 1798.29)."""

from collections.abc import Mapping
from typing import Any

from services.console.actions.errors import Refused
from services.console.actions.findings import PEOPLE
from services.console.actions.person_client import PersonClient
from services.console.domain.queries import breach_of

PATH = "/v1/breach-reports"
MOST_SAVED = 100_000
"""The most records in a saved report; audit allows no more."""


async def read_names(client: PersonClient) -> dict[str, str]:
    """Return the people by account, those who left too; none if the reader may not see accounts, or identity is away.

    Raises: SignedOut.
    """
    if PEOPLE not in client.session.permissions:
        return {}
    try:
        found = await client.list_items("identity", "/v1/accounts", with_purpose=False)
    except Refused:
        return {}  # the report can be asked for by the account's id
    return {
        one["account_id"]: f"{one['name']}, {one['title']} ({one['username']})"
        for one in sorted(found, key=lambda one: str(one["name"]))
    }


async def report(client: PersonClient, form: Mapping[str, str]) -> Any:
    """Return the figures, with the first records. Raises: Refused, SignedOut, PurposeNeeded."""
    return await client.request_json("audit", "POST", PATH, json=breach_of(form))
