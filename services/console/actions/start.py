"""The start page: what waits for the person, and what a fresh department still lacks."""

from asyncio import gather
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from typing import Any

from services.console.actions.errors import PurposeNeeded, Refused
from services.console.actions.person_client import MOST_ITEMS, PersonClient
from services.console.domain.beginnings import Lack, lacks_of_data, lacks_of_people
from services.console.domain.policies import words_of
from services.console.domain.purges import AUTHORISE, EXECUTE, people_of
from services.console.domain.rights import usable
from shared.core.policy import Policy

QUICK: Mapping[str, Any] = {"with_purpose": False, "within_s": 3.0}
"""How a start page asks services: a sign-in leads to it, and one that hangs must not hold it up for long."""


@dataclass(frozen=True)
class Waiting:
    """Things of one kind that wait for the person."""

    count: int
    text: str
    path: str


@dataclass(frozen=True)
class Start:
    """What a start page shows beside its links."""

    waiting: list[Waiting] = field(default_factory=list)
    lacks: list[Lack] = field(default_factory=list)


async def read_start(client: PersonClient, policy: Policy, now: datetime) -> Start:
    """Return what waits for the person, and for an administrator what the department lacks; ask for all at once.

    Raises: SignedOut.
    """
    known = client.session
    held = usable(known.permissions, known.trained_until, now)  # a refusal would be on record
    manages = "account:manage" in held
    asked = [_requests(client)] if "release:review" in held else []
    asked += [_invitations(client)] if "account:deliver" in held else []
    asked += [_training(client)] if "training:record" in held else []
    asked += [_policies(client, policy)] if "policy:acknowledge" in held else []
    asked += [_packages(client)] if "release:download" in held else []
    asked += [_proposals(client), _reviews(client)] if manages else []
    several = [_hits(client)] if "hit:verify" in held else []
    several += [_purges(client)] if {AUTHORISE, EXECUTE} & held else []
    groups, waiting, lacks = await _at_once(
        _at_once(*several),
        _at_once(*asked),
        _lacks(client, policy, now) if manages else _at_once(),
    )
    return Start([one for one in (*chain(*groups), *waiting) if one.count], lacks)


async def _at_once(*asked: Awaitable[Any]) -> list[Any]:
    """Return the answers in order, once all have come. Raises: SignedOut."""
    answers = await gather(*asked, return_exceptions=True)
    for one in answers:
        if isinstance(one, BaseException):
            raise one
    return answers


async def _lacks(client: PersonClient, policy: Policy, now: datetime) -> list[Lack]:
    """Return what the department lacks, as far as the person may know it."""
    active, cameras, lists = await _at_once(
        _active(client),
        _page(client, "ingest", "/v1/devices"),
        _page(client, "hotlist", "/v1/lists"),
    )
    people = lacks_of_people(policy, active, client.session.person_id, now) if active else []
    return people + lacks_of_data(cameras, lists)


async def _active(client: PersonClient) -> list[Mapping[str, Any]]:
    """Return all active accounts, as a lack can be read of no fewer; none if identity refuses or does not answer."""
    try:
        return await client.list_items(
            "identity", "/v1/accounts", query={"status": "active"}, **QUICK
        )
    except (Refused, PurposeNeeded):
        return []


async def _hits(client: PersonClient) -> list[Waiting]:
    """Return how many hits wait to be verified, and how many of these are of entries that this person listed."""
    found = await _read(client, "hotlist", "/v1/hits/waiting")
    if found is None:
        return []
    own = "/alerts/own?status=unverified"
    return [
        Waiting(found["count"], "Unverified hits", "/alerts"),
        Waiting(found["listed_by_me"], "Unverified hits of plates that you listed", own),
    ]


async def _requests(client: PersonClient) -> Waiting:
    found = await _read(client, "release", "/v1/requests/waiting") or {"count": 0}
    return Waiting(found["count"], "Requests of other agencies to decide", "/releases")


async def _policies(client: PersonClient, policy: Policy) -> Waiting:
    """Return how many policies in use this person can acknowledge."""
    found = await _page(client, "audit", "/v1/policies") or []
    session = client.session
    open_to_me = [
        one
        for one in found
        if one["services"]
        for word in words_of(one, policy, session.person_id, session.permissions)
        if word.given is None and not word.why_not
    ]
    return Waiting(len(open_to_me), "Policies to acknowledge", "/policies")


async def _packages(client: PersonClient) -> Waiting:
    """Return how many packages of the person's agency can be fetched and were not yet."""
    found = await _page(client, "release", "/v1/agency/requests", status="packaged") or []
    return Waiting(
        sum(not one["receipts"] for one in found), "Packages to fetch", "/requests?status=packaged"
    )


async def _invitations(client: PersonClient) -> Waiting:
    found = await _page(client, "identity", "/v1/accounts/invitations/waiting") or []
    own = [one for one in found if not one["yours"]]
    return Waiting(len(own), "Invitations to hand over", "/invitations")


async def _training(client: PersonClient) -> Waiting:
    found = await _page(client, "identity", "/v1/training/due") or []
    others = [one for one in found if one["account_id"] != client.session.person_id]
    return Waiting(len(others), "People whose training is due", "/training")


async def _purges(client: PersonClient) -> list[Waiting]:
    """Return how many of the newest purges wait for this person's word, and how many for their hand."""
    found = await _page(client, "retention", "/v1/purge-runs") or []
    open_to_me = [one for one in found if client.session.person_id not in people_of(one)]
    proposed = sum(one["state"] == "proposed" for one in open_to_me)
    due = sum(one["state"] == "authorised" and one["kind"] == "single" for one in open_to_me)
    held = client.session.permissions
    return [
        Waiting(proposed if AUTHORISE in held else 0, "Purges to authorise", "/purges"),
        Waiting(due if EXECUTE in held else 0, "Purges to carry out", "/purges"),
    ]


async def _proposals(client: PersonClient) -> Waiting:
    found = await _page(client, "identity", "/v1/accounts/invitations/proposed") or []
    own = [one for one in found if not one["yours"]]
    return Waiting(len(own), "Proposals to approve", "/people")


async def _reviews(client: PersonClient) -> Waiting:
    found = await _page(client, "identity", "/v1/accounts/reviews/due") or []
    others = [one for one in found if one["account_id"] != client.session.person_id]
    return Waiting(len(others), "People whose rights are due for review", "/people/reviews")


async def _page(
    client: PersonClient, service: str, path: str, **filters: Any
) -> list[Mapping[str, Any]] | None:
    """Return the first page of a list; None if the service refuses it or does not answer."""
    found = await _read(client, service, path, limit=MOST_ITEMS, **filters)
    return None if found is None else list(found["items"])


async def _read(client: PersonClient, service: str, path: str, **query: Any) -> Any:
    """Return an answer that needs no purpose; None if the service refuses it or does not answer."""
    try:
        return await client.request_json(service, "GET", path, params=query, **QUICK)
    except (Refused, PurposeNeeded):
        return None
