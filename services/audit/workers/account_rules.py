"""Findings about accounts, from the changes that identity publishes (policy 468.3, 468.6)."""

import logging
from collections.abc import Iterable

from services.audit.domain.findings import a_finding
from services.audit.store.stream import AccountChange
from shared.events import FindingRaised

log = logging.getLogger(__name__)


def of_accounts(changes: Iterable[AccountChange]) -> list[FindingRaised]:
    """Return the findings that follow from account changes, except from one with details of another shape."""
    found = list[FindingRaised]()
    for one in changes:
        if (make := _RULES.get(one.change)) is None:
            continue
        try:
            found += make(one)
        except (LookupError, TypeError, AttributeError) as exc:
            log.error("no finding of %s of an account: %s", one.change, type(exc).__name__)
    return found


def _exclusive_roles(one: AccountChange) -> Iterable[FindingRaised]:
    """Yield a finding for an account whose exclusive roles are older than the policy's rule about them."""
    pairs = sorted([" and ".join(pair) for pair in one.details["pairs"]])
    yield a_finding("exclusive_roles", one.account_id, one.at, *pairs, pairs=pairs)


def _enrolled_beside(one: AccountChange) -> Iterable[FindingRaised]:
    """Yield a finding for each holder of the invitation whose session has the enrolment's browser or address.

    Identity names sessions of the hour before. The holder is the finding's subject, and cannot work on it.
    """
    for person_id, what in sorted(one.details.get("beside", {}).items()):
        number = one.account_number
        about = {"account_id": one.account_id, "why": f"the same {what}"}
        yield a_finding("enrolled_beside", person_id, one.at, one.account_id, number, **about)


def _from_the_host(one: AccountChange) -> Iterable[FindingRaised]:
    """Yield a finding if a command on the host released an account. Its subject, the account, cannot work on it."""
    if one.person_id.startswith("system:"):
        number = one.account_number
        yield a_finding("released_on_host", one.account_id, one.at, number, why=one.change)


def _beside_people(one: AccountChange) -> Iterable[FindingRaised]:
    """Yield a finding if a command on the host did what only the first people of a department need.

    It made an administrator after people had enrolled, or delivered an invitation after deliverers had.
    """
    if one.details.get("beside_people") is True:
        yield from _from_the_host(one)


_RULES = {
    "created": _beside_people,
    "invitation_delivered": _beside_people,
    "exclusive_roles_found": _exclusive_roles,
    "enrolled": _enrolled_beside,
    "unlocked": _from_the_host,
    "reinvited": _from_the_host,
}
