"""Findings about case and call numbers that the department's own systems do not have (policy 468.4(a), ADR-0141)."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from services.audit.domain.findings import Step, a_finding
from services.audit.store.said import CheckedSaid
from services.audit.store.stream import Statement
from shared.core.case_numbers import CaseRules
from shared.events import Actor, FindingRaised


def unknown_numbers(said: Iterable[Statement[CheckedSaid]]) -> list[FindingRaised]:
    """Return a finding for each person, day and numbers that the department's systems lacked in time."""
    return [_unknown(one) for one in said if not one.content.found]


def found_later(said: Iterable[Statement[CheckedSaid]], software: Actor) -> list[tuple[UUID, Step]]:
    """Return what a later list says about such findings: that it has the numbers."""
    return [
        (
            _unknown(one).finding_id,
            Step(
                change="commented",
                by=software,
                at=one.at,
                note=f"entry {one.seq}: the department's list of {one.content.list_as_of:%Y-%m-%d %H:%M} UTC has it",
            ),
        )
        for one in said
        if one.content.found
    ]


def stale_list(
    rules: CaseRules, as_of: datetime | None, compared_since: datetime | None, now: datetime
) -> Sequence[FindingRaised]:
    """Return a finding if the list is older than the policy says.

    Args:
        as_of: the time of the newest list; None if there was none yet.
        compared_since: when a service first loaded the policy that compares numbers; None if none has.
    """
    since = as_of or compared_since
    if rules.known_within_h is None or since is None:
        return ()
    if now - since < timedelta(hours=rules.stale_after_h):
        return ()
    why = (
        "the newest list is of then"
        if as_of
        else "no list was imported since the policy asks for one"
    )
    details = {"since": since.isoformat(), "why": why}
    return (a_finding("case_numbers_stale", "case numbers", now, since, **details),)


def _unknown(one: Statement[CheckedSaid]) -> FindingRaised:
    said, numbers = one.content, sorted(one.content.numbers)
    return a_finding(
        "case_number_unknown",
        said.account_id,
        one.at,
        said.declared_at.date(),
        *numbers,
        seq=one.seq,
        cases=numbers,
        since=said.declared_at.isoformat(),
    )
