"""What entries of the log add to the report of an audit: steps of the audit and of findings, policies, other acts."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from services.audit.domain.audit_facts import (
    ACTS,
    STEP,
    DrawFacts,
    FindingFacts,
    PeriodFacts,
    PolicyFacts,
    ReviewFacts,
    SignOffFacts,
)
from services.audit.domain.entries import kind_of
from services.audit.domain.periods import ENTRIES, PERIOD
from services.audit.store.periods import LoggedEntry
from services.audit.store.said import (
    AuditSaid,
    ChangedSaid,
    FindingStepSaid,
    PolicySaid,
    PurgedSaid,
    RaisedSaid,
    Said,
    said_in,
)
from shared.events import FindingChanged, FindingRaised, PolicyLoaded, RecordsPurged

FROM_AN_OLDER_LOG = "raised in an older log"
"""The kind of a finding of which this log has only later steps."""

Bounds = tuple[int, int]
"""Numbers of entries: above the first and below the second."""


class Source(NamedTuple):
    """Entries of a kind: between which numbers a report needs them, and how it adds one."""

    bounds: Callable[[PeriodFacts], Bounds]
    add: Callable[[PeriodFacts, LoggedEntry], None]


def add_entry(facts: PeriodFacts, entry: LoggedEntry) -> None:
    """Add what an entry says, if the report needs it. Entries of one kind come in the log's order."""
    bounds, add = SOURCES[entry.kind]
    after, end = bounds(facts)
    if after < entry.seq < end:
        add(facts, entry)


def _since(facts: PeriodFacts) -> Bounds:
    return facts.seq, facts.size


def _until(facts: PeriodFacts) -> Bounds:
    return -1, facts.seq


def _ever(facts: PeriodFacts) -> Bounds:
    return -1, facts.size


def _within(facts: PeriodFacts) -> Bounds:
    return facts.follows, facts.seq


def _said(facts: PeriodFacts, entry: LoggedEntry, kind: type[Said]) -> Said | None:
    said = said_in(entry.seq, entry.content, kind)
    facts.odd[entry.kind] += said is None
    return said


def _audit(facts: PeriodFacts, entry: LoggedEntry) -> None:
    said = _said(facts, entry, AuditSaid)
    if said is None:
        return
    details, draw = said.details, facts.draw
    if said.change == "drawn" and details.get(PERIOD) == str(facts.seq):
        if draw is None:
            population, entries = details.get("population", ""), details.get(ENTRIES, "")
            facts.draw = DrawFacts(
                said.audit_id, entry.seq, said.actor, entry.occurred_at, population, entries
            )
        else:
            facts.odd[STEP] += 1
    elif draw is None or said.audit_id != draw.audit_id:
        return
    elif said.change == "item_reviewed":
        number = {str(n): n for n in facts.unreviewed}.get(details.get("number", ""))
        if number is None:
            facts.odd[STEP] += 1
        else:
            review = ReviewFacts(details.get("outcome", ""), said.actor, entry.occurred_at)
            facts.reviews[number] = review
    elif said.change == "signed_off":
        if facts.sign_off is None:
            statement = details.get("statement", "")
            facts.sign_off = SignOffFacts(said.actor, entry.occurred_at, statement)
        else:
            facts.odd[STEP] += 1


def _raised(facts: PeriodFacts, entry: LoggedEntry) -> None:
    said = _said(facts, entry, RaisedSaid)
    if said is None:
        return
    facts.findings.setdefault(said.finding_id, FindingFacts(said.kind, entry.seq))
    if said.kind == "improper_access":
        of = (str(said.details.get("audit_id")), str(said.details.get("seq")))
        facts.improper.setdefault(of, said.finding_id)


def _worked(facts: PeriodFacts, entry: LoggedEntry) -> None:
    said = _said(facts, entry, FindingStepSaid)
    if said is None or said.change != "closed":
        return
    older = FindingFacts(FROM_AN_OLDER_LOG, -1)
    finding = facts.findings.setdefault(said.finding_id, older)
    if finding.closed_in is None:
        finding.closed_in, finding.outcome = entry.seq, str(said.details.get("outcome", ""))


def _loaded(facts: PeriodFacts, entry: LoggedEntry) -> None:
    said = _said(facts, entry, PolicySaid)
    if said is None:
        return
    policy = PolicyFacts(said.version, said.digest)
    if entry.seq <= facts.follows:
        facts.policies_before[said.service] = policy
    else:
        facts.policies_since.append(policy)


def _destroyed(facts: PeriodFacts, entry: LoggedEntry) -> None:
    said = _said(facts, entry, PurgedSaid)
    if said is not None:
        facts.acts[entry.kind, ""] += said.reads + said.captures


def _changed(facts: PeriodFacts, entry: LoggedEntry) -> None:
    said = _said(facts, entry, ChangedSaid)
    if said is not None:
        facts.acts[entry.kind, said.change] += 1


def _happened(facts: PeriodFacts, entry: LoggedEntry) -> None:
    facts.acts[entry.kind, ""] += 1


SOURCES: Mapping[str, Source] = {
    **{kind: Source(_within, _changed if change else _happened) for kind, change in ACTS},
    kind_of(RecordsPurged): Source(_within, _destroyed),
    kind_of(FindingRaised): Source(_ever, _raised),
    kind_of(FindingChanged): Source(_ever, _worked),
    kind_of(PolicyLoaded): Source(_until, _loaded),
    STEP: Source(_since, _audit),
}
"""The kinds of entries of which reports are made, in the order in which they are added."""
